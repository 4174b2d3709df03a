//! Sets of prices for event streams, at most one each interval, and which prices changed since an
//! earlier set. The JSON for streams that keep up is written once for all of them.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use domain::{BidAsk, MinorUnit};
use market::{Listing, PriceBoard, PriceSnapshot, StockQuote};
use serde::Serialize;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use utoipa::ToSchema;

use crate::config::HttpConfig;
use crate::game::numbers;

/// A price that changed.
#[derive(Serialize, ToSchema)]
pub(crate) struct ChangedPrice {
    #[schema(example = "AAPL")]
    symbol: String,
    /// The exact price of one share, with up to four places: the middle of bid and ask.
    #[schema(example = "189.95")]
    price: String,
    /// What a seller receives for one share.
    #[schema(example = "189.8975")]
    bid: String,
    /// What a buyer pays for one share.
    #[schema(example = "190.0025")]
    ask: String,
    /// The change since the close before the price's day, in percent.
    #[schema(example = "1.25")]
    change_percentage: String,
    /// When the price was made.
    #[schema(example = "2026-11-23T00:45:41.000000Z")]
    as_of: String,
}

impl ChangedPrice {
    fn new(listing: &Listing, quote: &StockQuote, sides: BidAsk, unit: MinorUnit) -> Self {
        Self {
            symbol: listing.symbol.to_string(),
            price: quote.price.to_text(unit),
            bid: sides.bid.to_text(unit),
            ask: sides.ask.to_text(unit),
            change_percentage: numbers::percent(quote.change()),
            as_of: quote.as_of.to_string(),
        }
    }
}

/// One published set of prices.
pub(crate) struct Prices {
    pub(crate) snapshot: Arc<PriceSnapshot>,
    /// Increases from set to set. It is derived from the time, so that it also increases across a
    /// restart and is nearly equal on every node.
    pub(crate) number: i64,
    /// The number of the previous set.
    previous: i64,
    /// The set in which the price of each stock last changed.
    changed: Vec<i64>,
    /// The changes since the previous set, written at the first use.
    json: OnceLock<Option<Arc<str>>>,
}

impl Prices {
    fn first(snapshot: Arc<PriceSnapshot>) -> Self {
        let number = snapshot.as_of.seconds();
        let changed = vec![number; snapshot.quotes.len()];
        Self { snapshot, number, previous: number, changed, json: OnceLock::new() }
    }

    fn then(&self, snapshot: Arc<PriceSnapshot>) -> Self {
        let number = snapshot.as_of.seconds().max(self.number + 1);
        let (old, new) = (&self.snapshot.quotes, &snapshot.quotes);
        let shown = |quote: &StockQuote| (quote.price, quote.previous_close);
        let pairs = old.iter().zip(new).zip(&self.changed);
        let changed = pairs
            .map(|((old, new), changed)| if shown(old) == shown(new) { *changed } else { number })
            .collect();
        Self { snapshot, number, previous: self.number, changed, json: OnceLock::new() }
    }

    /// The stock's quote, if it changed after the set with this number.
    pub(crate) fn find_changed(&self, position: usize, since: i64) -> Option<StockQuote> {
        let changed = self.changed.get(position).is_some_and(|changed| *changed > since);
        self.snapshot.quote(position).filter(|_| changed)
    }

    /// The changes after the set with this number, as a JSON array; `None` if nothing changed.
    /// The sides are at this spread, and prices have at least the digits of this unit.
    pub(crate) fn json_since(
        &self,
        since: i64,
        listings: &[Listing],
        sides: (i64, MinorUnit),
    ) -> Option<Arc<str>> {
        if since == self.previous {
            let json = self.json.get_or_init(|| self.write_json(since, listings, sides));
            return json.clone();
        }
        self.write_json(since, listings, sides)
    }

    fn write_json(
        &self,
        since: i64,
        listings: &[Listing],
        (spread_bps, unit): (i64, MinorUnit),
    ) -> Option<Arc<str>> {
        let changed = listings.iter().enumerate().filter_map(|(position, listing)| {
            let quote = self.find_changed(position, since)?;
            let sides = self.snapshot.sides(&quote, spread_bps);
            Some(ChangedPrice::new(listing, &quote, sides, unit))
        });
        let changed: Vec<ChangedPrice> = changed.collect();
        (!changed.is_empty()).then(|| serde_json::to_string(&changed).unwrap_or_default().into())
    }
}

/// Publishes sets of prices until `closing` is cancelled, at most one each interval.
pub(super) fn follow(
    board: Arc<PriceBoard>,
    config: &HttpConfig,
    closing: CancellationToken,
) -> watch::Receiver<Arc<Prices>> {
    let interval = Duration::from_millis(config.stream_prices_interval_ms);
    let mut published = board.watch();
    let (sender, receiver) = watch::channel(Arc::new(Prices::first(board.snapshot())));
    tokio::spawn(async move {
        let keep_on = async {
            while published.changed().await.is_ok() {
                let next = sender.borrow().then(board.snapshot());
                sender.send_replace(Arc::new(next));
                tokio::time::sleep(interval).await;
            }
        };
        closing.run_until_cancelled(keep_on).await;
    });
    receiver
}
