//! The kinds of market that are played, each made from a seed: real history, a simulation, a small
//! import of cheap stocks, prices that stand still, and a live market with a made-up feed.

use domain::{Day, Price, StockInfo, Symbol, UnixMicros};
use market::{
    Calendar, ImportedMarket, LiveConfig, MarketConfig, MarketSource, ReplayConfig,
    SimulatedConfig, SourceKind, StockQuote,
};
use testkit::SeededEntropy;

/// Sessions that a market must have.
const SESSIONS: usize = 300;
/// 2005-01-03.
const FIRST_DAY: i32 = 12_786;
/// 2003-04-01.
const CHEAP_DAY: i32 = 12_143;

/// A kind of market.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Replay,
    Simulated,
    Imported,
    Fixed,
    Live,
}

impl Kind {
    pub(crate) const ALL: [Self; 5] =
        [Self::Replay, Self::Simulated, Self::Imported, Self::Fixed, Self::Live];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Replay => "replay",
            Self::Simulated => "simulated",
            Self::Imported => "imported",
            Self::Fixed => "fixed",
            Self::Live => "live",
        }
    }

    /// Opens the replay as it was before prices had fine steps, in a year in which the cheapest
    /// stock cost a quarter: a step was 4 % of it.
    pub(crate) fn open_coarse(seed: u64, now: UnixMicros) -> MarketSource {
        let (start, tick) = (Day(CHEAP_DAY), Some(Price(100)));
        let replay = ReplayConfig { seed, start, tick, ..ReplayConfig::default() };
        let config = MarketConfig { replay, ..MarketConfig::default() };
        MarketSource::new(&config, now).expect("a good market")
    }

    /// Opens the market.
    pub(crate) fn open(self, seed: u64, session_seconds: u32, now: UnixMicros) -> MarketSource {
        let replay = ReplayConfig { seed, session_seconds, ..ReplayConfig::default() };
        let source = match self {
            Self::Replay => SourceKind::Replay,
            Self::Simulated => SourceKind::Simulated,
            Self::Fixed => SourceKind::Fixed,
            Self::Imported => {
                let replay = ReplayConfig { start: Day(FIRST_DAY + 20), ..replay };
                let market = MarketSource::imported(imported(seed), &replay, now);
                return market.expect("a good market");
            }
            Self::Live => {
                let calendar = Calendar::embedded("NYSE").expect("it is embedded");
                let config = LiveConfig { around_the_clock: true, ..LiveConfig::default() };
                let stocks = ["LIVA", "LIVB", "LIVC", "LIVD"].map(text).to_vec();
                return MarketSource::live(calendar, &config, stocks);
            }
        };
        let simulated = SimulatedConfig {
            symbols: 12,
            warmup_sessions: 40,
            seed,
            session_seconds,
            ..SimulatedConfig::default()
        };
        let config = MarketConfig { source, replay, simulated, ..MarketConfig::default() };
        MarketSource::new(&config, now).expect("a good market")
    }
}

fn text(symbol: &str) -> StockInfo {
    StockInfo {
        symbol: Symbol::parse(symbol).expect("a symbol"),
        name: symbol.to_owned(),
        category: format!("Kind of {symbol}"),
        description: String::new(),
        kid_friendly_description: String::new(),
        fun_fact: None,
    }
}

/// A number from -`reach` to `reach`, more often near 0.
fn draw(chance: &SeededEntropy, reach: i64) -> i64 {
    let bits = chance.next_u64();
    let part = |shift: u32| i64::from(u16::try_from(bits >> shift & 0xFFFF).unwrap_or(0)) - 32_768;
    (part(0) + part(16) + part(32) + part(48)) * reach / 131_072
}

/// A step of a random walk, whose standard deviation is some 2 %.
fn step(chance: &SeededEntropy, price: i64) -> i64 {
    (price + price * draw(chance, 70) / 1_000).max(20)
}

/// Four cheap stocks whose closes wander.
fn imported(seed: u64) -> ImportedMarket {
    let chance = SeededEntropy::new(seed);
    let mut stocks = Vec::new();
    for (symbol, first) in [("IMPA", 650), ("IMPB", 4_300), ("IMPC", 9_700), ("IMPD", 31_000)] {
        let mut price = first;
        let closes = (0..).zip(0..SESSIONS + 21).map(|(day, _)| {
            price = step(&chance, price);
            (Day(FIRST_DAY + day), Price(price))
        });
        stocks.push((text(symbol), closes.collect()));
    }
    ImportedMarket { name: "cheap".to_owned(), currency: "USD".to_owned(), tick: None, stocks }
}

/// The feed of a live market: a random walk for each stock, rounded to the cents of an exchange.
pub(crate) struct Feed {
    chance: SeededEntropy,
    exact: Vec<i64>,
    closes: Vec<Price>,
}

impl Feed {
    pub(crate) fn new(seed: u64) -> Self {
        let exact: Vec<i64> = vec![9_600, 52_000, 310_000, 1_890_000];
        let closes = exact.iter().map(|price| Price(*price)).collect();
        Self { chance: SeededEntropy::new(seed), exact, closes }
    }

    /// The closes are those of the session before.
    pub(crate) fn open_session(&mut self) {
        self.closes = self.exact.iter().map(|price| rounded(*price)).collect();
    }

    /// Moves every price a little.
    pub(crate) fn tick(&mut self, now: UnixMicros) -> Vec<(usize, StockQuote)> {
        for price in &mut self.exact {
            *price = (*price + *price * draw(&self.chance, 300) / 30_000).max(500);
        }
        let quotes = self.exact.iter().zip(&self.closes).enumerate();
        let quote = |(position, (price, close)): (usize, (&i64, &Price))| {
            let quote = StockQuote { price: rounded(*price), previous_close: *close, as_of: now };
            (position, quote)
        };
        quotes.map(quote).collect()
    }
}

/// To a cent from 1.00 on, to a hundredth of one below.
fn rounded(price: i64) -> Price {
    Price(price).round_to_tick(if price < 10_000 { Price(1) } else { Price(100) })
}
