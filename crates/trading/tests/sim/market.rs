//! A market with a faulty provider: quotes go missing, grow old, stand still, jump, or are invalid.
//! Every node reads the same quotes; the rules decide which of them can be traded at.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use domain::{Price, Quote, QuoteSource, Rules, Side, UnixMicros};

use crate::rng::SimRng;

/// The step of all prices, of which bid and ask are at least half away.
const TICK: Price = Price(100);

/// What is wrong with a stock's quotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum QuoteFault {
    None,
    Missing,
    Frozen,
    Old,
    Senseless,
}

#[derive(Clone)]
pub(crate) struct Market {
    quotes: Arc<Mutex<BTreeMap<i64, Quote>>>,
    faults: BTreeMap<i64, QuoteFault>,
    prices: BTreeMap<i64, i64>,
    quote_age_max_s: i64,
}

impl Market {
    pub(crate) fn new(stocks: &[i64], rng: &SimRng, quote_age_max_s: i64) -> Self {
        let price = |stock: &i64| (*stock, rng.between(9_999, 2_000_000));
        Self {
            quotes: Arc::default(),
            faults: stocks.iter().map(|stock| (*stock, QuoteFault::None)).collect(),
            prices: stocks.iter().map(price).collect(),
            quote_age_max_s,
        }
    }

    /// The present quotes.
    pub(crate) fn quotes(&self) -> BTreeMap<i64, Quote> {
        self.quotes.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The prices that make sense, as JSON.
    pub(crate) fn prices_json(&self) -> String {
        let quotes = self.quotes();
        let sane = quotes.iter().filter(|(_, quote)| is_sane(quote.price));
        let pairs: Vec<String> = sane.map(|(id, q)| format!("[{id},{}]", q.price.0)).collect();
        format!("[{}]", pairs.join(","))
    }

    /// Gives every stock a new quote, as far as its fault lets it have one.
    pub(crate) fn tick(&mut self, now: UnixMicros, rng: &SimRng) {
        let mut quotes = self.quotes();
        for (stock, price) in &mut self.prices {
            *price = (*price + *price * rng.between(-500, 500) / 10_000).max(1);
            let fault = self.faults[stock];
            let (as_of, shown) = match fault {
                QuoteFault::None => (now, *price),
                QuoteFault::Old => (now.plus_seconds(-self.quote_age_max_s - 1), *price),
                QuoteFault::Senseless => (now, *rng.pick(&[0, -1, Price::MAX.0 + 1])),
                QuoteFault::Frozen => continue,
                QuoteFault::Missing => {
                    quotes.remove(stock);
                    continue;
                }
            };
            let (price, market_day) = (Price(shown), now.day());
            let source = QuoteSource::Simulated;
            quotes.insert(*stock, Quote { price, tick: TICK, as_of, market_day, source });
        }
        *self.quotes.lock().unwrap_or_else(PoisonError::into_inner) = quotes;
    }

    /// Breaks or repairs a stock's quotes; returns a line for the trace.
    pub(crate) fn meddle(&mut self, rng: &SimRng) -> String {
        let stocks: Vec<i64> = self.prices.keys().copied().collect();
        let stock = *rng.pick(&stocks);
        if rng.one_in(4) {
            let price = self.prices.entry(stock).or_default();
            let moved = if rng.one_in(2) { *price * 10 } else { *price / 10 };
            *price = moved.clamp(1, Price::MAX.0 / 20);
            return format!("the price of stock {stock} jumps to {price}");
        }
        let healed = !rng.one_in(3);
        let all = [QuoteFault::Missing, QuoteFault::Frozen, QuoteFault::Old, QuoteFault::Senseless];
        let fault = if healed { QuoteFault::None } else { *rng.pick(&all) };
        self.faults.insert(stock, fault);
        format!("fault of stock {stock}: {fault:?}")
    }
}

/// What an order of this side fills at under these rules: the nearest price that is half a tick and
/// half the spread away, found by halving.
pub(crate) fn fill_price(quote: &Quote, side: Side, rules: &Rules) -> Price {
    let needed = i128::from(quote.tick.0) * 10_000
        + i128::from(quote.price.0) * i128::from(rules.spread_bps);
    let (mut low, mut high) = (0, quote.price.0 + quote.tick.0);
    while low < high {
        let middle = low + (high - low) / 2;
        if i128::from(middle) * 20_000 >= needed {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    match side {
        Side::Buy => Price(quote.price.0 + low),
        Side::Sell => Price((quote.price.0 - low).max(1)),
    }
}

/// Whether a price may be traded at.
pub(crate) fn is_sane(price: Price) -> bool {
    (1..=Price::MAX.0).contains(&price.0)
}
