//! A fake price provider: a local server with the documented response formats of each provider,
//! invented data, a count of requests, and every failure that was observed or is conceivable.

mod server;
mod shapes;

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use domain::{Day, UnixMicros};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// The provider whose formats are used.
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
    pub const ALL: [Self; 4] =
        [Self::AlphaVantage, Self::FinancialModelingPrep, Self::Finnhub, Self::TwelveData];
}

/// How it responds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FakeMode {
    Healthy,
    /// This status with a meaningless body.
    Status(u16),
    /// 429 with a `Retry-After` of this many seconds.
    TooMany(Option<u64>),
    /// The rate limit of a second is reached, in the dialect's own way.
    QuotaSecond,
    /// The rate limit of a minute.
    QuotaMinute,
    /// The quota of a day.
    QuotaDay,
    /// The key is rejected, and repeated in the body.
    KeyRefused,
    /// The plan does not include it.
    PlanRestricted,
    /// No response to an accepted request.
    Hang,
    /// A byte every 100 ms.
    Drip,
    /// Bytes that are not text.
    Garbage,
    /// This status with bytes that are not text.
    GarbageWith(u16),
    /// Half of a response.
    Truncated,
    /// An HTML page with status 200.
    Html,
    /// This text as the price.
    Price(&'static str),
    /// The data of another stock.
    WrongSymbol,
    /// A price with a time this many seconds later (earlier if negative).
    Shifted(i64),
    /// This many bytes.
    Huge(usize),
    /// This status with this many bytes.
    HugeWith(u16, usize),
    /// This many bytes, gzipped to nearly nothing.
    GzipBomb(usize),
    /// A redirect.
    Redirect(&'static str),
    /// A closed connection.
    Close,
    /// Exactly this response.
    Response {
        status: u16,
        /// The seconds of a `Retry-After`.
        retry_after: Option<u64>,
        /// Each `KEY` in it is replaced by the key of the request.
        body: &'static str,
    },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FakeBar {
    pub day: Day,
    /// Open, high, low and close, as text.
    pub prices: [&'static str; 4],
    /// In shares.
    pub volume: u64,
}

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
    /// Modes of single stocks, which override the mode.
    modes: BTreeMap<String, FakeMode>,
    /// Modes of the next requests, which override all others.
    script: VecDeque<FakeMode>,
    /// Path and query of every request.
    requests: Vec<String>,
    /// The header `traceparent` of those that have it.
    traceparents: Vec<String>,
    /// The body of a `GzipBomb`, packed once, because that takes long.
    bomb: Vec<u8>,
}

/// The server, which ends when it is dropped.
#[derive(Debug)]
pub struct FakeProvider {
    url: String,
    state: Arc<Mutex<State>>,
    task: JoinHandle<()>,
}

impl FakeProvider {
    /// Starts a server without stocks.
    pub async fn start(dialect: Dialect) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let state = Arc::new(Mutex::new(State {
            dialect,
            stocks: BTreeMap::new(),
            mode: FakeMode::Healthy,
            modes: BTreeMap::new(),
            script: VecDeque::new(),
            requests: Vec::new(),
            traceparents: Vec::new(),
            bomb: Vec::new(),
        }));
        let task = tokio::spawn(server::serve(listener, Arc::clone(&state)));
        Self { url, state, task }
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    /// Sets the price of a stock, which is added if it is unknown.
    pub fn set_price(&self, symbol: &str, price: &str, made_at: UnixMicros) {
        let mut state = lock(&self.state);
        let stock = state.stocks.entry(symbol.to_owned()).or_default();
        stock.name = format!("{symbol} Company Inc");
        (stock.price, stock.made_at) = (price.to_owned(), made_at);
    }

    /// Sets the bars of a stock.
    pub fn set_bars(&self, symbol: &str, bars: Vec<FakeBar>) {
        lock(&self.state).stocks.entry(symbol.to_owned()).or_default().bars = bars;
    }

    /// Sets how it responds from now on.
    pub fn set_mode(&self, mode: FakeMode) {
        let bomb = match mode {
            FakeMode::GzipBomb(bytes) => server::pack(bytes),
            _ => Vec::new(),
        };
        let mut state = lock(&self.state);
        (state.mode, state.bomb) = (mode, bomb);
    }

    /// Sets how it responds about one stock; not `GzipBomb`.
    pub fn set_mode_of(&self, symbol: &str, mode: FakeMode) {
        lock(&self.state).modes.insert(symbol.to_owned(), mode);
    }

    /// Sets how it responds to the next requests in turn; not `GzipBomb`.
    pub fn script(&self, modes: impl IntoIterator<Item = FakeMode>) {
        lock(&self.state).script.extend(modes);
    }

    pub fn calls(&self) -> usize {
        lock(&self.state).requests.len()
    }

    /// Path and query of every request so far.
    pub fn requests(&self) -> Vec<String> {
        lock(&self.state).requests.clone()
    }

    /// The headers `traceparent` of the requests so far that have one.
    pub fn traceparents(&self) -> Vec<String> {
        lock(&self.state).traceparents.clone()
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
