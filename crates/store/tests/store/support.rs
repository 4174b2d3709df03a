//! Shared by the store's tests: an empty database on either engine, players, trades.

use std::sync::OnceLock;

use domain::StockInfo;
use domain::*;
use sqlx::{AssertSqlSafe, Connection as _, Executor as _};
use store::*;
use testkit::SeededEntropy;

/// A store on an empty, migrated database.
pub(crate) struct Fresh {
    pub(crate) store: Store,
    pub(crate) url: String,
    _directory: tempfile::TempDir,
}

impl std::ops::Deref for Fresh {
    type Target = Store;
    fn deref(&self) -> &Store {
        &self.store
    }
}

async fn open(url: &str) -> Store {
    let config =
        DatabaseConfig { url: url.to_owned(), connections_max: 4, ..DatabaseConfig::default() };
    Store::open(&config).await.expect("opens")
}

async fn migrate(url: &str) {
    let store = open(url).await;
    store.migrate().await.expect("migrates");
    store.close().await;
}

pub(crate) async fn fresh(engine: &str) -> Fresh {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let url = match engine {
        "sqlite" => format!("sqlite:{}", directory.path().join("test.db").display()),
        _ => testkit::migrated_database(migrate).await,
    };
    let store = open(&url).await;
    store.migrate().await.expect("migrates");
    store.ensure_ledger_months(now()).await.expect("months");
    store.ensure_game("fixed", now()).await.expect("game");
    store.save_achievements(rules()).await.expect("achievements");
    let stocks: Vec<_> = ["AAPL", "KO", "XOM"].map(new_stock).into();
    store.save_stocks(&stocks).await.expect("stocks");
    Fresh { store, url, _directory: directory }
}

/// Executes a statement past the store.
pub(crate) async fn execute_raw(url: &str, statement: &str) -> Result<(), sqlx::Error> {
    let statement = AssertSqlSafe(statement.to_owned());
    if url.starts_with("sqlite:") {
        let mut db = sqlx::SqliteConnection::connect(url).await?;
        db.execute(statement).await.map(|_| ())
    } else {
        let mut db = sqlx::PgConnection::connect(url).await?;
        db.execute(statement).await.map(|_| ())
    }
}

pub(crate) fn new_stock(symbol: &str) -> StockInfo {
    StockInfo {
        symbol: Symbol::parse(symbol).expect("a symbol"),
        name: format!("{symbol} 100%_Co"),
        category: format!("Kind of {symbol}"),
        description: "d".into(),
        kid_friendly_description: "k".into(),
        fun_fact: None,
    }
}

/// The default rules without spread, so that amounts equal prices.
pub(crate) fn rules() -> &'static Rules {
    static RULES: OnceLock<Rules> = OnceLock::new();
    RULES.get_or_init(|| {
        let rules = toml::from_str(include_str!("../../../../config/game.toml"));
        Rules { spread_bps: 0, ..rules.expect("good rules") }
    })
}

pub(crate) fn now() -> UnixMicros {
    UnixMicros(1_795_394_741_000_000)
}

pub(crate) async fn player(store: &Store, name: &str) -> Registered {
    let email = format!("{name}@example.com");
    let user = NewUser { name, email: &email, email_key: &email, password_hash: "x" };
    let mut hash = [0; 32];
    hash[..name.len().min(32)].copy_from_slice(&name.as_bytes()[..name.len().min(32)]);
    let later = now().plus_seconds(1000);
    let token = NewToken {
        hash,
        name: "t",
        kind: TokenKind::Api,
        idle_expires_at: later,
        expires_at: later,
    };
    store.register(&user, &token, rules(), now()).await.expect("registers").expect("free")
}

pub(crate) fn mark() -> BatchMark {
    static ENTROPY: OnceLock<SeededEntropy> = OnceLock::new();
    BatchMark::draw(ENTROPY.get_or_init(|| SeededEntropy::new(1)))
}

pub(crate) const PRICES: &str = "[[1,10000],[2,20000],[3,30000]]";

/// These prices on the day of every test trade, on which no holding has been held through a
/// session.
pub(crate) fn valuation() -> Valuation {
    Valuation { market_day: Day(12_786), ..Valuation::at_prices(PRICES) }
}

pub(crate) fn trade(side: Side, stock_id: i64, shares: i64) -> Action {
    let quantity = Quantity::whole(shares).expect("fits");
    Action::Trade(Order { stock_id, side, quantity }, None)
}

/// Loads a player and settles one action at 1.00 per share times the stock id.
pub(crate) async fn settle_one(store: &Store, player_id: i64, action: &Action) -> PlayerUpdate {
    let (stock_id, about_version, note) = match action {
        Action::Trade(order, note) => (Some(order.stock_id), None, note.as_ref()),
        Action::Annotate { about_version, stock_id, note } => {
            (Some(*stock_id), Some(*about_version), Some(note))
        }
        Action::Award => (None, None, None),
    };
    let text_key = note.map(Note::text_key);
    let wanted = [LoadKey { player_id, stock_id, about_version, text_key }];
    let state = store.load_batch(&wanted, &[], &valuation()).await.expect("loads");
    settle_in(state, player_id, action)
}

/// Settles one action of a loaded player, by rules without a version.
pub(crate) fn settle_in(state: BatchState, player_id: i64, action: &Action) -> PlayerUpdate {
    settle_by(state, player_id, action, rules())
}

/// The same by these rules.
pub(crate) fn settle_by<'r>(
    mut state: BatchState,
    player_id: i64,
    action: &Action,
    rules: impl Into<RulesRef<'r>>,
) -> PlayerUpdate {
    let mut player = state.players.remove(&player_id).expect("loaded");
    let stock_id = match action {
        Action::Trade(order, _) => Some(order.stock_id),
        Action::Annotate { .. } | Action::Award => None,
    };
    let (version_before, head_before) = (player.balance_version, player.head_hash);
    let price = Price(stock_id.unwrap_or(1) * 10_000);
    let (market_day, source) = (Day(12_786), QuoteSource::Fixed);
    let quote = Quote { price, tick: Price(0), as_of: now(), market_day, source };
    let fills: Vec<Fill> =
        settle(&mut player, action, Ok(quote), rules, now()).into_iter().collect();
    PlayerUpdate { player, version_before, head_before, fills, notes: vec![], records: vec![] }
}

/// Settles and commits one action, with retries after lock conflicts, as a lane does; returns
/// whether it was accepted.
pub(crate) async fn commit_one(store: &Store, player_id: i64, action: &Action) -> bool {
    loop {
        let change = settle_one(store, player_id, action).await;
        let accepted = !change.fills.is_empty();
        match store.commit_batch(&[change], mark(), now()).await {
            Ok(committed) => {
                assert!(committed.conflicted.is_empty());
                return accepted;
            }
            Err(error) => assert!(matches!(error, StoreError::Conflict(_)), "{error}"),
        }
    }
}

/// Creates two tests of an async function, one per engine.
macro_rules! on_both_engines {
    ($($name:ident),* $(,)?) => {
        mod sqlite {
            $(#[tokio::test] async fn $name() { super::$name("sqlite").await }
            )*
        }
        mod postgres {
            $(#[tokio::test] async fn $name() { super::$name("postgres").await }
            )*
        }
    };
}
pub(crate) use on_both_engines;

pub(crate) fn record(key: &str, version: i64) -> IdempotencyRecord {
    let version = Some((now().month(), version));
    let (key, request_id) = (key.to_owned(), "r1".to_owned());
    IdempotencyRecord { key, fingerprint: [1; 32], version, rejection: None, request_id }
}
