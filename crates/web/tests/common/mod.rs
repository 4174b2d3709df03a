//! A complete server without a socket: the real store on SQLite in a temporary directory, the real
//! desk, a market with fixed prices and a manual clock. Rate limits are off by default.

pub(crate) mod browser;
pub(crate) mod events;
pub(crate) mod hostile;
pub(crate) mod html;
pub(crate) mod log;

use std::collections::BTreeMap;
use std::io::{Cursor, Read as _};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use archive::{ArchiveStore, Archiver, AuditConfig, History, S3Config};
use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, Request};
use domain::{Clock, Day, Entropy, FillMode, Price, Quote, Rules, StockInfo, Symbol, UnixMicros};
use futures_util::StreamExt;
use market::{
    ImportedMarket, Listing, MarketConfig, MarketSource, PriceBoard, ReplayConfig, SourceKind,
};
use serde_json::{Value, json};
use store::{DatabaseConfig, NewToken, NewUser, PendingOrder, SeededMarket, Store, TokenKind};
use tempfile::TempDir;
use testkit::{ManualClock, SeededEntropy};
use tower::ServiceExt;
use trading::{Desk, GameRules, OrderExecutor, TradingConfig};
use web::WebConfig;

use self::log::TestLog;

const JSON: &str = "application/json";
/// Days of the market's history that are saved.
const HISTORY_DAYS: i32 = 400;
/// The password of all registered players.
pub(crate) const PASSWORD: &str = "correct horse battery staple";

pub(crate) struct App {
    pub(crate) router: axum::Router,
    pub(crate) clock: ManualClock,
    pub(crate) store: Store,
    pub(crate) desk: Desk,
    pub(crate) prices: Arc<PriceBoard>,
    pub(crate) market: Arc<MarketSource>,
    pub(crate) boards: Arc<leaderboard::Leaderboards>,
    pub(crate) hub: Arc<web::Hub>,
    pub(crate) shutdown: web::Shutdown,
    pub(crate) rules: Arc<GameRules>,
    /// What the server logs.
    pub(crate) log: Arc<TestLog>,
    players: AtomicU64,
    directory: TempDir,
}

pub(crate) struct TestResponse {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
    /// The length of the body as it was sent.
    pub(crate) size: usize,
    pub(crate) bytes: axum::body::Bytes,
}

impl TestResponse {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|e| panic!("{e}: {}", self.text))
    }

    /// The files of a zip, by name.
    pub(crate) fn unzipped(&self) -> BTreeMap<String, String> {
        let mut zip = zip::ZipArchive::new(Cursor::new(&self.bytes)).expect("a zip");
        let files = 0..zip.len();
        let mut read = |index| {
            let mut file = zip.by_index(index).expect("it is there");
            let (name, mut text) = (file.name().expect("a name").to_string(), String::new());
            file.read_to_string(&mut text).expect("text");
            (name, text)
        };
        files.map(&mut read).collect()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().expect("visible characters"))
    }
}

impl App {
    /// A server without rate limits.
    pub(crate) async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    /// A server with the limits of the default configuration.
    pub(crate) async fn start_limited() -> Self {
        Self::start_with(|config| config.limits.enabled = true).await
    }

    /// A server with another configuration.
    pub(crate) async fn start_with(change: impl FnOnce(&mut WebConfig)) -> Self {
        let market = MarketConfig { source: SourceKind::Fixed, ..MarketConfig::default() };
        Self::start_on(&market, change).await
    }

    /// A server on another market.
    pub(crate) async fn start_on(
        market: &MarketConfig,
        change: impl FnOnce(&mut WebConfig),
    ) -> Self {
        let source = |at| MarketSource::new(market, at).expect("a market");
        Self::start_all(source, change, built_boards(), None).await
    }

    /// A server on a market of stocks with these symbols, each at 10.00.
    pub(crate) async fn start_with_symbols(symbols: &[&str]) -> Self {
        let stocks: Vec<(&str, usize)> = symbols.iter().map(|symbol| (*symbol, 3)).collect();
        Self::start_with_sessions(&stocks).await
    }

    /// A server on a market of three sessions of a day each and stocks with bars in so many of
    /// them, each at 10.00.
    pub(crate) async fn start_with_sessions(stocks: &[(&str, usize)]) -> Self {
        let day = |text| Day::parse(text).expect("a day");
        let days = [day("2005-01-03"), day("2005-01-04"), day("2005-01-05")];
        let stock = |(symbol, sessions): &(&str, usize)| {
            let text = StockInfo {
                symbol: Symbol::parse(symbol).expect("a symbol"),
                name: format!("Company {symbol}"),
                category: "Other".to_owned(),
                description: "Text.".to_owned(),
                kid_friendly_description: "Text.".to_owned(),
                fun_fact: None,
            };
            (text, days[..*sessions].iter().map(|day| (*day, Price(100_000))).collect())
        };
        let stocks = stocks.iter().map(stock).collect();
        let (name, currency) = ("test".to_owned(), "USD".to_owned());
        let market = ImportedMarket { name, currency, tick: None, stocks };
        let config = ReplayConfig { session_seconds: 86_400, ..ReplayConfig::default() };
        let source = |at| MarketSource::imported(market, &config, at).expect("a market");
        Self::start_all(source, |_| {}, built_boards(), None).await
    }

    /// A server on an empty database of this engine.
    pub(crate) async fn start_on_engine(engine: &str) -> Self {
        Self::start_on_engine_with(engine, |_| {}).await
    }

    /// A server on an empty database of this engine with another configuration.
    pub(crate) async fn start_on_engine_with(
        engine: &str,
        change: impl FnOnce(&mut WebConfig),
    ) -> Self {
        let market = MarketConfig { source: SourceKind::Fixed, ..MarketConfig::default() };
        let source = |at| MarketSource::new(&market, at).expect("a market");
        let url = (engine == "postgres").then(testkit::postgres_database);
        Self::start_all(source, change, built_boards(), url).await
    }

    /// A server of a game with these rules on the market that `open` makes. With `at_mid` orders
    /// fill as they did before there was a spread.
    pub(crate) async fn start_game(
        (rules, at_mid): (Rules, bool),
        open: impl FnOnce(UnixMicros) -> MarketSource,
        change: impl FnOnce(&mut WebConfig),
    ) -> Self {
        Self::start_rules((Arc::new(rules), at_mid), open, change, built_boards(), None).await
    }

    /// A server of a game whose orders fill at the close, on the default replay and this engine.
    pub(crate) async fn start_closing(engine: &str, change: impl FnOnce(&mut Rules)) -> Self {
        let close = |rules: &mut Rules| {
            rules.fill = FillMode::Close;
            change(rules);
        };
        Self::start_replay(engine, close).await
    }

    /// A server of a game with other rules, on the default replay and this engine.
    pub(crate) async fn start_replay(engine: &str, change: impl FnOnce(&mut Rules)) -> Self {
        let mut rules = rules();
        change(&mut rules);
        let source = |at| MarketSource::new(&MarketConfig::default(), at).expect("a market");
        let url = (engine == "postgres").then(testkit::postgres_database);
        Self::start_rules((Arc::new(rules), false), source, |_| {}, built_boards(), url).await
    }

    /// Lets this time pass, publishes the prices and saves the closes, as the server's jobs do.
    pub(crate) async fn pass_seconds(&self, seconds: i64) {
        let before = self.market.finished_sessions(self.clock.now());
        self.clock.advance_seconds(seconds);
        let now = self.clock.now();
        self.prices.publish(&self.market, now);
        for session in before..self.market.finished_sessions(now) {
            let day = self.market.session_day(now, session).expect("finished");
            let closes = self.market.session_closes(now, session).expect("finished");
            let rows = self.prices.listings().iter().zip(closes);
            let rows: Vec<_> = rows.map(|(stock, close)| (stock.stock_id, day, close)).collect();
            self.store.save_history(&rows).await.expect("saves");
        }
    }

    /// Executes the pending orders that are due; how many ended.
    pub(crate) async fn execute_orders(&self) -> u64 {
        let prices = Arc::clone(&self.prices);
        let (clock, now) = (Arc::new(self.clock.clone()), self.clock.clone());
        let quotes = move |order: &PendingOrder| prices.quote_for_pending(order, now.now());
        let (store, desk) = (self.store.clone(), self.desk.clone());
        let mut executor = OrderExecutor::new(store, desk, clock, Arc::new(quotes));
        executor.run().await.expect("runs").ended
    }

    /// A server whose boards are not built yet.
    pub(crate) async fn start_unbuilt() -> Self {
        let market = MarketConfig { source: SourceKind::Fixed, ..MarketConfig::default() };
        let source = |at| MarketSource::new(&market, at).expect("a market");
        Self::start_all(source, |_| {}, leaderboard::Leaderboards::default(), None).await
    }

    async fn start_all(
        open: impl FnOnce(UnixMicros) -> MarketSource,
        change: impl FnOnce(&mut WebConfig),
        boards: leaderboard::Leaderboards,
        url: Option<String>,
    ) -> Self {
        Self::start_rules((Arc::new(rules()), false), open, change, boards, url).await
    }

    async fn start_rules(
        (rules, at_mid): (Arc<Rules>, bool),
        open: impl FnOnce(UnixMicros) -> MarketSource,
        change: impl FnOnce(&mut WebConfig),
        boards: leaderboard::Leaderboards,
        url: Option<String>,
    ) -> Self {
        let log = TestLog::of_this_thread();
        let mut config = WebConfig::default();
        config.limits.enabled = false;
        change(&mut config);
        let directory = tempfile::tempdir().expect("a directory");
        let file = || format!("sqlite:{}", directory.path().join("openbell.db").display());
        let url = url.unwrap_or_else(file);
        let store = Store::open(&DatabaseConfig { url, ..DatabaseConfig::default() }).await;
        let store = store.expect("a store");
        store.migrate().await.expect("a schema");
        let clock = ManualClock::new();
        let (source, rules) = open_game(&store, &rules, open, &clock).await;
        let game_rules = Arc::clone(&rules);
        let listings = save_market(&store, &source, &clock).await;
        rules.reload().await.expect("rules");
        let prices = PriceBoard::new(&source, listings, clock.now()).expect("prices");
        let (prices, shutdown) = (Arc::new(prices), web::Shutdown::default());
        let hub = web::Hub::start(&config.http, &prices, shutdown.closing());
        let (shared, listed) = ((Arc::clone(&hub), shutdown.clone()), Arc::clone(&prices));
        let history = History::new(store.clone(), Some(archive_store(&directory)));
        let boards = Arc::new(boards);
        let kept = (store.clone(), history, Arc::clone(&boards));
        let market = Arc::clone(&source);
        let parts = app_deps(kept, (rules, at_mid), &clock, source, listed, shared, config);
        let desk = parts.desk.clone();
        let router = web::router(web::AppState::new(parts));
        let players = AtomicU64::new(0);
        Self {
            router,
            clock,
            store,
            desk,
            prices,
            market,
            boards,
            hub,
            shutdown,
            rules: game_rules,
            log,
            players,
            directory,
        }
    }

    /// Registers a player as a server of the version before did, whose entries name no version of
    /// the rules; returns a token.
    pub(crate) async fn register_by_earlier_server(&self, name: &str) -> String {
        let (now, email) = (self.clock.now(), format!("{}@example.org", name.to_lowercase()));
        let (token, hash) = web::new_token(&SeededEntropy::new(77));
        let user = NewUser { name, email: &email, email_key: &email, password_hash: "-" };
        let later = now.plus_seconds(86_400);
        let row = NewToken {
            hash,
            name: "test",
            kind: TokenKind::Api,
            idle_expires_at: later,
            expires_at: later,
        };
        let registered = self.store.register(&user, &row, &self.rules.current().rules, now).await;
        registered.expect("registers").expect("a free name");
        token
    }

    /// Lets two months go by, and all that is over into the archive and out of the ledger.
    pub(crate) async fn archive(&self) {
        self.clock.advance_seconds(62 * 86_400);
        let now = self.clock.now();
        self.store.ensure_ledger_months(now).await.expect("months");
        self.store.add_due_archives(now.month(), now).await.expect("adds");
        let (clock, config) = (Arc::new(self.clock.clone()), AuditConfig::default());
        let archive_store = archive_store(&self.directory);
        let archiver =
            Archiver::new(self.store.clone(), archive_store, &config, clock, "test".to_owned());
        for month in archiver.due().await.expect("answers") {
            archiver.archive(month, |_| ()).await.expect("archives");
            archiver.drop_month(month, "a test").await.expect("drops");
        }
    }

    /// Where the archive is.
    pub(crate) fn archive_path(&self) -> PathBuf {
        self.directory.path().join("archive")
    }

    /// Registers a player and gives the token.
    pub(crate) async fn register(&self, name: &str) -> String {
        let number = self.players.fetch_add(1, Ordering::Relaxed);
        let email = format!("{}@n{number}.example.com", name.to_lowercase());
        let answer = self.register_as(name, &email).await;
        assert_eq!(answer.status, 201, "{}", answer.text);
        answer.json()["token"].as_str().expect("a token").to_owned()
    }

    /// Sends a registration.
    pub(crate) async fn register_as(&self, name: &str, email: &str) -> TestResponse {
        let body = json!({
            "name": name, "email": email,
            "password": PASSWORD, "password_confirmation": PASSWORD,
        });
        self.post("/api/auth/register", &body).await
    }

    pub(crate) async fn get(&self, path: &str) -> TestResponse {
        self.raw("GET", path, &[], "").await
    }

    /// Headers without a value are not sent.
    pub(crate) async fn get_with(&self, path: &str, headers: &[(&str, &str)]) -> TestResponse {
        let sent: Vec<_> = headers.iter().copied().filter(|(_, value)| !value.is_empty()).collect();
        self.raw("GET", path, &sent, "").await
    }

    pub(crate) async fn get_as(&self, token: &str, path: &str) -> TestResponse {
        self.send("GET", Some(token), path, "", "").await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> TestResponse {
        self.send("POST", None, path, JSON, &body.to_string()).await
    }

    pub(crate) async fn post_as(&self, token: &str, path: &str, body: &Value) -> TestResponse {
        self.send("POST", Some(token), path, JSON, &body.to_string()).await
    }

    pub(crate) async fn put_as(&self, token: &str, path: &str, body: &Value) -> TestResponse {
        self.send("PUT", Some(token), path, JSON, &body.to_string()).await
    }

    pub(crate) async fn delete_as(&self, token: &str, path: &str) -> TestResponse {
        self.send("DELETE", Some(token), path, "", "").await
    }

    pub(crate) async fn post_raw(
        &self,
        token: Option<&str>,
        path: &str,
        content_type: &str,
        body: &str,
    ) -> TestResponse {
        self.send("POST", token, path, content_type, body).await
    }

    /// The key may be empty or no ASCII.
    pub(crate) async fn post_keyed(
        &self,
        token: &str,
        path: &str,
        key: &str,
        body: &Value,
    ) -> TestResponse {
        let bearer = format!("Bearer {token}");
        let headers =
            [("authorization", bearer.as_str()), ("content-type", JSON), ("idempotency-key", key)];
        self.raw("POST", path, &headers, &body.to_string()).await
    }

    /// An empty content type is not sent.
    pub(crate) async fn send(
        &self,
        method: &str,
        token: Option<&str>,
        path: &str,
        content_type: &str,
        body: &str,
    ) -> TestResponse {
        let bearer = token.map(|token| format!("Bearer {token}")).unwrap_or_default();
        let headers = [("authorization", bearer.as_str()), ("content-type", content_type)];
        let sent: Vec<_> = headers.into_iter().filter(|(_, value)| !value.is_empty()).collect();
        self.raw(method, path, &sent, body).await
    }

    /// Sends a request as it is.
    pub(crate) async fn raw(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> TestResponse {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            // What cannot be a header's value at all is sent as a blank.
            let value = HeaderValue::from_bytes(value.as_bytes());
            request = request.header(*name, value.unwrap_or(HeaderValue::from_static(" ")));
        }
        self.send_request(request.body(Body::from(body.to_owned())).expect("a request")).await
    }

    /// Sends a request that the caller built.
    pub(crate) async fn send_request(&self, request: Request<Body>) -> TestResponse {
        let response = self.router.clone().oneshot(request).await.expect("an answer");
        let (head, body) = response.into_parts();
        let is_endless =
            head.headers.get("content-type").is_some_and(|kind| kind == "text/event-stream");
        let bytes = if is_endless {
            body.into_data_stream().next().await.expect("a piece").expect("no fault")
        } else {
            axum::body::to_bytes(body, 1 << 24).await.expect("a body")
        };
        let text = String::from_utf8_lossy(&bytes).into_owned();
        TestResponse {
            status: head.status.as_u16(),
            headers: head.headers,
            text,
            size: bytes.len(),
            bytes,
        }
    }
}

fn rules() -> Rules {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../config/game.toml");
    let text = std::fs::read_to_string(path).expect("the rules");
    toml::from_str(&text).expect("rules")
}

/// Opens the game and makes its market.
async fn open_game(
    store: &Store,
    rules: &Rules,
    open: impl FnOnce(UnixMicros) -> MarketSource,
    clock: &ManualClock,
) -> (Arc<MarketSource>, Arc<GameRules>) {
    let now = clock.now();
    let game = store.ensure_game("test", now).await.expect("a game");
    store.ensure_ledger_months(now).await.expect("months");
    let rules = GameRules::open(store, &game, rules, Arc::new(clock.clone())).await;
    let source = open(game.started_at);
    let seeded = SeededMarket { game_id: game.game_id, kind: "test", market: "test" };
    let drawn = market::draw_seed(&SeededEntropy::new(1));
    let seed = store.ensure_seed(seeded, &drawn, now).await.expect("a seed");
    (Arc::new(source.with_seed(seed)), rules.expect("rules"))
}

fn built_boards() -> leaderboard::Leaderboards {
    let board = || leaderboard::Leaderboard::from_scores([]);
    leaderboard::Leaderboards::new(board(), board())
}

/// Saves the market's stocks and their newest history.
async fn save_market(store: &Store, source: &MarketSource, clock: &ManualClock) -> Vec<Listing> {
    let saved = store.save_stocks(&source.stocks()).await.expect("stocks");
    let now = clock.now();
    let first_day = source.market_day(now).0 - HISTORY_DAYS;
    let mut closes = Vec::new();
    for session in 0..source.finished_sessions(now) {
        let day = source.session_day(now, session).expect("a day");
        if day.0 < first_day {
            continue;
        }
        // A live market has no closes of earlier sessions.
        let Some(prices) = source.session_closes(now, session) else { continue };
        closes.extend(saved.iter().zip(prices).map(|(stock, price)| (stock.stock_id, day, price)));
    }
    store.save_history(&closes).await.expect("history");
    let listing =
        |stock: store::SavedStock| Listing { stock_id: stock.stock_id, symbol: stock.symbol };
    saved.into_iter().map(listing).collect()
}

fn archive_store(directory: &TempDir) -> ArchiveStore {
    let archive = directory.path().join("archive");
    ArchiveStore::open(&archive.display().to_string(), &S3Config::default()).expect("a directory")
}

fn app_deps(
    (store, history, boards): (Store, History, Arc<leaderboard::Leaderboards>),
    (rules, at_mid): (Arc<GameRules>, bool),
    clock: &ManualClock,
    market: Arc<MarketSource>,
    prices: Arc<PriceBoard>,
    (hub, shutdown): (Arc<web::Hub>, web::Shutdown),
    config: WebConfig,
) -> web::AppDeps {
    let clock: Arc<dyn Clock> = Arc::new(clock.clone());
    let (cached_at, quoted_at) = (Arc::clone(&clock), Arc::clone(&clock));
    let entropy: Arc<dyn Entropy> = Arc::new(SeededEntropy::new(1));
    let (quoted, listed) = (Arc::clone(&prices), Arc::clone(&prices));
    let ranked = Arc::clone(boards.board(store::BoardKind::Xp));
    let publisher = Arc::clone(&hub);
    let valued_by = Arc::clone(&rules);
    let desk_deps = trading::DeskDeps {
        store: store.clone(),
        rules: Arc::clone(&rules),
        clock: Arc::clone(&clock),
        entropy: Arc::clone(&entropy),
        quotes: Arc::new(move |stock_id| {
            let quote = quoted.quote_for_order(stock_id, quoted_at.now())?;
            Ok(Quote { tick: if at_mid { Price(0) } else { quote.tick }, ..quote })
        }),
        published: prices.watch(),
        valuation: Arc::new(move || listed.valuation(&valued_by.current())),
        on_commit: Arc::new(move |fills| {
            for fill in fills {
                ranked.apply(fill.entry.player_id, fill.entry.total_xp_after);
            }
            publisher.publish_fills(fills);
        }),
    };
    web::AppDeps {
        desk: Desk::start(&TradingConfig::default(), desk_deps),
        history,
        store,
        prices,
        market,
        lookups: None,
        boards,
        hub,
        rules,
        clock,
        entropy,
        counters: cluster::Counters::in_memory(),
        cache: cluster::TagCache::new(
            cluster::CacheConfig::default(),
            cached_at,
            cluster::Bus::alone(),
        ),
        config,
        shutdown,
        render_metrics: Some(Arc::new(|| "openbell_test 1\n".to_owned())),
        start_trace: |_, _| tracing::Span::none(),
        bcrypt_cost_max: None,
    }
}
