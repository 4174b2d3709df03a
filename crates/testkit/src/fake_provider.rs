//! A provider of prices that is no provider: a server on this machine that speaks each provider's
//! dialect, counts who asks, and fails in every way that has been seen or feared. What it answers
//! is made up, in the shapes that the providers document.

mod server;
mod shapes;

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use domain::{Day, UnixMicros};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// Whose shapes it speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// <https://www.alphavantage.co/documentation/>
    AlphaVantage,
    /// <https://site.financialmodelingprep.com/developer/docs/stable>
    FinancialModelingPrep,
    /// <https://finnhub.io/docs/api>
    Finnhub,
    /// <https://twelvedata.com/docs>
    TwelveData,
}

impl Dialect {
    /// All of them.
    pub const ALL: [Self; 4] =
        [Self::AlphaVantage, Self::FinancialModelingPrep, Self::Finnhub, Self::TwelveData];
}

/// How it answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FakeMode {
    /// As it should.
    Healthy,
    /// With this status and no sense.
    Status(u16),
    /// With 429, and a `Retry-After` of so many seconds.
    TooMany(Option<u64>),
    /// That it was asked too often within a second, as far as the dialect can say so.
    QuotaSecond,
    /// Within a minute.
    QuotaMinute,
    /// On this day.
    QuotaDay,
    /// That it does not accept the key, which it repeats.
    KeyRefused,
    /// That the plan does not have it.
    PlanRestricted,
    /// Never, though it took the question.
    Hang,
    /// A byte now and then.
    Drip,
    /// With bytes that are no text.
    Garbage,
    /// With this status, and bytes that are no text.
    GarbageWith(u16),
    /// With half an answer.
    Truncated,
    /// With a page for people, and status 200.
    Html,
    /// With this as the price, as it stands.
    Price(&'static str),
    /// For another stock than was asked for.
    WrongSymbol,
    /// With a price made so many seconds later than it was (earlier when negative).
    Shifted(i64),
    /// With so many bytes.
    Huge(usize),
    /// With this status, and so many bytes.
    HugeWith(u16, usize),
    /// With so many bytes, packed to nearly nothing.
    GzipBomb(usize),
    /// By leading elsewhere.
    Redirect(&'static str),
    /// By closing the connection.
    Close,
    /// With exactly this.
    Says {
        /// The status.
        status: u16,
        /// The seconds of a `Retry-After`.
        retry_after: Option<u64>,
        /// The body; each `KEY` in it becomes the key it was asked with.
        body: &'static str,
    },
}

/// A day of a stock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FakeBar {
    /// The day.
    pub day: Day,
    /// Open, high, low and close, as they are written.
    pub prices: [&'static str; 4],
    /// Shares traded.
    pub volume: u64,
}

/// A stock it knows.
#[derive(Clone, Debug, Default)]
struct Stock {
    name: String,
    price: String,
    made_at: UnixMicros,
    bars: Vec<FakeBar>,
}

#[derive(Debug)]
struct State {
    dialect: Dialect,
    stocks: BTreeMap<String, Stock>,
    mode: FakeMode,
    /// How it answers about one stock, whatever the mode.
    modes: BTreeMap<String, FakeMode>,
    /// What comes before the mode, one for each question.
    script: VecDeque<FakeMode>,
    /// Path and query of every question.
    asked: Vec<String>,
    /// The bomb of the mode, packed once, because that takes a while.
    bomb: Vec<u8>,
}

/// The server; it ends when it is dropped.
#[derive(Debug)]
pub struct FakeProvider {
    url: String,
    state: Arc<Mutex<State>>,
    task: JoinHandle<()>,
}

impl FakeProvider {
    /// Starts one that knows no stock.
    pub async fn start(dialect: Dialect) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let state = Arc::new(Mutex::new(State {
            dialect,
            stocks: BTreeMap::new(),
            mode: FakeMode::Healthy,
            modes: BTreeMap::new(),
            script: VecDeque::new(),
            asked: Vec::new(),
            bomb: Vec::new(),
        }));
        let task = tokio::spawn(server::serve(listener, Arc::clone(&state)));
        Self { url, state, task }
    }

    /// Where it is.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Gives a stock, known or not, this price, as it is written, made at this instant.
    pub fn set_price(&self, symbol: &str, price: &str, made_at: UnixMicros) {
        let mut state = lock(&self.state);
        let stock = state.stocks.entry(symbol.to_owned()).or_default();
        stock.name = format!("{symbol} Company Inc");
        (stock.price, stock.made_at) = (price.to_owned(), made_at);
    }

    /// Gives a known stock these days.
    pub fn set_bars(&self, symbol: &str, bars: Vec<FakeBar>) {
        lock(&self.state).stocks.entry(symbol.to_owned()).or_default().bars = bars;
    }

    /// How it answers from now on.
    pub fn set_mode(&self, mode: FakeMode) {
        let bomb = match mode {
            FakeMode::GzipBomb(bytes) => server::pack(bytes),
            _ => Vec::new(),
        };
        let mut state = lock(&self.state);
        (state.mode, state.bomb) = (mode, bomb);
    }

    /// How it answers from now on about one stock; not with a bomb.
    pub fn set_mode_of(&self, symbol: &str, mode: FakeMode) {
        lock(&self.state).modes.insert(symbol.to_owned(), mode);
    }

    /// How it answers the next questions, one after another; not with a bomb.
    pub fn script(&self, modes: impl IntoIterator<Item = FakeMode>) {
        lock(&self.state).script.extend(modes);
    }

    /// How often it was asked.
    pub fn calls(&self) -> usize {
        lock(&self.state).asked.len()
    }

    /// Path and query of every question so far.
    pub fn asked(&self) -> Vec<String> {
        lock(&self.state).asked.clone()
    }
}

impl Drop for FakeProvider {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}
