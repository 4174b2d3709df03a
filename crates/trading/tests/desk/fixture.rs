//! A game with one stock at a fixed price and one player, on a real database, and desks on it.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Poll;

use archive::Report;
use domain::{
    Clock, Day, FillMode, LedgerEntry, Order, Price, Quantity, Quote, QuoteSource, Rejection,
    Rules, Side, StockInfo, Symbol, TradeId, UnixMicros, genesis_hash,
};
use store::{
    DatabaseConfig, FillsAt, LoadKey, LockedBatch, Locking, NewToken, NewUser, PendingOrder,
    Registered, Store, TokenKind, Valuation,
};
use tempfile::TempDir;
use testkit::{ManualClock, SeededEntropy, migrated_database};
use tokio::sync::watch;
use trading::{Desk, DeskDeps, GameRules, OrderExecutor, RulesChange, TradingConfig};

/// How many desks were opened: each has a chance of its own, as nodes have.
static DESKS: AtomicU64 = AtomicU64::new(0);

/// What every fact must hold on.
pub(crate) const ENGINES: [&str; 2] = ["sqlite", "postgres"];

pub(crate) struct Fixture {
    store: Store,
    url: String,
    clock: ManualClock,
    /// The rules as this node has read them.
    pub(crate) rules: Arc<GameRules>,
    price: Price,
    pub(crate) player_id: i64,
    /// All players, the first one first.
    pub(crate) players: Vec<i64>,
    /// Their users.
    pub(crate) users: Vec<i64>,
    pub(crate) stock_id: i64,
    published: Arc<Mutex<Vec<i64>>>,
    /// Notifies desks of new quotes.
    quoted: watch::Sender<UnixMicros>,
    panic_next: Arc<AtomicBool>,
    /// Why no stock can be traded at present.
    refusal: Arc<Mutex<Option<Rejection>>>,
    /// Where SQLite's file is.
    _directory: Option<Arc<TempDir>>,
}

/// The default rules without a spread, so that amounts are those of the price.
fn rules() -> Rules {
    let rules = toml::from_str(include_str!("../../../../config/game.toml"));
    Rules { spread_bps: 0, ..rules.expect("good rules") }
}

pub(crate) fn order(stock_id: i64, side: Side, shares: i64) -> Order {
    let quantity = Quantity::whole(shares).expect("few");
    Order { stock_id, side, quantity }
}

/// What a future gives when it is polled once, as if its client had looked and gone.
pub(crate) async fn poll_once<F: Future>(mut future: Pin<&mut F>) -> Option<F::Output> {
    poll_fn(|context| match future.as_mut().poll(context) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending => Poll::Ready(None),
    })
    .await
}

async fn open_rules(store: &Store, clock: &ManualClock) -> Arc<GameRules> {
    let game = store.ensure_game("fixed", clock.now()).await.expect("a game");
    let opened = GameRules::open(store, &game, &rules(), Arc::new(clock.clone())).await;
    opened.expect("rules")
}

async fn open_store(url: &str) -> Store {
    let config = DatabaseConfig { url: url.to_owned(), ..DatabaseConfig::default() };
    Store::open(&config).await.expect("opens")
}

async fn migrate(url: &str) {
    let store = open_store(url).await;
    store.migrate().await.expect("migrates");
    store.close().await;
}

impl Fixture {
    pub(crate) async fn open(engine: &str, price: i64) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let url = match engine {
            "sqlite" => format!("sqlite:{}", directory.path().join("test.db").display()),
            _ => migrated_database(migrate).await,
        };
        Self { _directory: Some(Arc::new(directory)), ..Self::open_at(&url, price).await }
    }

    /// The same in a database that is there.
    pub(crate) async fn open_at(url: &str, price: i64) -> Self {
        let (store, clock) = (open_store(url).await, ManualClock::new());
        let now = clock.now();
        store.migrate().await.expect("migrates");
        store.ensure_ledger_months(now).await.expect("months");
        let game_rules = open_rules(&store, &clock).await;
        let text = || "x".to_owned();
        let stock = StockInfo {
            symbol: Symbol::parse("AAPL").expect("a symbol"),
            name: text(),
            category: text(),
            description: text(),
            kid_friendly_description: text(),
            fun_fact: None,
        };
        let stock_id = store.save_stocks(&[stock]).await.expect("saved")[0].stock_id;
        let mut fixture = Self {
            store,
            url: url.to_owned(),
            clock,
            rules: game_rules,
            price: Price(price),
            player_id: 0,
            players: Vec::new(),
            users: Vec::new(),
            stock_id,
            published: Arc::default(),
            quoted: watch::channel(now).0,
            panic_next: Arc::default(),
            refusal: Arc::default(),
            _directory: None,
        };
        fixture.player_id = fixture.register().await;
        fixture
    }

    /// The same with so many players.
    pub(crate) async fn with_players(mut self, count: usize) -> Self {
        while self.players.len() < count {
            self.register().await;
        }
        self
    }

    async fn register(&mut self) -> i64 {
        let (number, now) = (self.players.len(), self.clock.now());
        let (name, email) = (format!("Kim {number}"), format!("kim{number}@example.org"));
        let user = NewUser { name: &name, email: &email, email_key: &email, password_hash: "-" };
        let later = now.plus_seconds(1000);
        let hash = [u8::try_from(number).expect("few"); 32];
        let token = NewToken {
            hash,
            name: "test",
            kind: TokenKind::Api,
            idle_expires_at: later,
            expires_at: later,
        };
        let registered = self.store.register(&user, &token, &*self.rules.at(now), now).await;
        let Registered { user_id, player_id, .. } =
            registered.expect("registers").expect("a new e-mail");
        self.players.push(player_id);
        self.users.push(user_id);
        player_id
    }

    /// The same game as another node sees it: with connections of its own.
    pub(crate) async fn open_again(&self) -> Self {
        self.open_again_at(&self.url).await
    }

    /// The same by another way to the database.
    pub(crate) async fn open_again_at(&self, url: &str) -> Self {
        let store = open_store(url).await;
        Self {
            rules: open_rules(&store, &self.clock).await,
            store,
            url: url.to_owned(),
            clock: self.clock.clone(),
            players: self.players.clone(),
            users: self.users.clone(),
            published: Arc::clone(&self.published),
            quoted: self.quoted.clone(),
            panic_next: Arc::clone(&self.panic_next),
            refusal: Arc::clone(&self.refusal),
            _directory: self._directory.clone(),
            ..*self
        }
    }

    /// Applies other rules and lets the time pass until they are in force.
    pub(crate) async fn change_rules(&self, change: impl FnOnce(&mut Rules)) {
        let newest = self.rules.newest();
        let mut rules = newest.rules.clone();
        change(&mut rules);
        let change = RulesChange {
            rules: &rules,
            expected: newest.version,
            author: "a test",
            reason: "a test",
            effective_from: None,
        };
        let applied = self.rules.apply(change).await.expect("applies");
        let left = applied.effective_from.seconds() - self.clock.now().seconds();
        self.clock.advance_seconds(left + 1);
    }

    /// A desk where orders wait for the next quote.
    pub(crate) async fn waiting_desk(&self) -> Desk {
        self.change_rules(|rules| rules.fill = FillMode::NextTick).await;
        self.desk(&TradingConfig { lanes: 1, ..TradingConfig::default() })
    }

    /// Makes a quote one second later, and gives its time.
    pub(crate) fn publish_quote(&self) -> UnixMicros {
        self.clock.advance_seconds(1);
        self.quoted.send_replace(self.clock.now());
        self.clock.now()
    }

    pub(crate) fn desk(&self, config: &TradingConfig) -> Desk {
        Desk::start(config, self.desk_deps())
    }

    pub(crate) fn desk_deps(&self) -> DeskDeps {
        let (clock, price, stock_id) = (self.clock.clone(), self.price, self.stock_id);
        let (published, panic_next) = (Arc::clone(&self.published), Arc::clone(&self.panic_next));
        let refusal = Arc::clone(&self.refusal);
        DeskDeps {
            store: self.store.clone(),
            rules: Arc::clone(&self.rules),
            clock: Arc::new(self.clock.clone()),
            entropy: Arc::new(SeededEntropy::new(DESKS.fetch_add(1, Ordering::Relaxed))),
            quotes: Arc::new(move |requested| {
                assert!(!panic_next.swap(false, Ordering::SeqCst), "planted panic");
                if let Some(rejection) = *refusal.lock().expect("no panic") {
                    return Err(rejection);
                }
                let (as_of, market_day, source) = (clock.now(), Day(12_786), QuoteSource::Fixed);
                let quote = Quote { price, tick: Price(0), as_of, market_day, source };
                (requested == stock_id).then_some(quote).ok_or(Rejection::NoQuote)
            }),
            published: self.quoted.subscribe(),
            valuation: Arc::new(move || {
                Valuation::at_prices(&format!("[[{stock_id},{}]]", price.0))
            }),
            on_commit: Arc::new(move |fills| {
                published
                    .lock()
                    .expect("no panic")
                    .extend(fills.iter().map(|fill| fill.entry.version));
            }),
        }
    }

    /// The store, for what is done beside the desks.
    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    /// Lets time pass.
    pub(crate) fn advance_seconds(&self, seconds: i64) {
        self.clock.advance_seconds(seconds);
    }

    pub(crate) fn now(&self) -> UnixMicros {
        self.clock.now()
    }

    /// An executor of pending orders that submits them to this desk at the closes of their
    /// sessions, or at the present quote if that is newer than the one at acceptance.
    pub(crate) fn executor(&self, desk: &Desk) -> OrderExecutor {
        let (price, clock) = (self.price, self.clock.clone());
        let quotes = move |order: &PendingOrder| {
            let quote = |price, as_of, market_day| {
                let source = QuoteSource::Fixed;
                Quote { price, tick: Price(0), as_of, market_day, source }
            };
            match order.at {
                FillsAt::Close(day) => {
                    let close = order.close.ok_or(Rejection::NoQuote)?;
                    Ok(quote(close, order.fills_at, day))
                }
                FillsAt::QuoteAfter(after) if clock.now() <= after => Err(Rejection::StaleQuote),
                FillsAt::QuoteAfter(_) => Ok(quote(price, clock.now(), Day(12_786))),
            }
        };
        let clock = Arc::new(self.clock.clone());
        OrderExecutor::new(self.store.clone(), desk.clone(), clock, Arc::new(quotes))
    }

    /// Holds a player's row until it is dropped, as a node does that was stopped within a batch.
    pub(crate) async fn hold(&self, player_id: i64) -> LockedBatch {
        let config = DatabaseConfig {
            url: self.url.clone(),
            idle_in_transaction_timeout_ms: 60_000,
            ..DatabaseConfig::default()
        };
        let store = Store::open(&config).await.expect("opens");
        let wanted = [LoadKey { player_id, stock_id: None, about_version: None, text_key: None }];
        store
            .lock_batch(&wanted, &[], &Valuation::at_prices("[]"), Locking::Wait)
            .await
            .expect("locks")
            .0
    }

    /// The versions that were published, in their order.
    pub(crate) fn published(&self) -> Vec<i64> {
        self.published.lock().expect("no panic").clone()
    }

    /// Makes the market reject every order, or accept orders again.
    pub(crate) fn refuse(&self, rejection: Option<Rejection>) {
        *self.refusal.lock().expect("no panic") = rejection;
    }

    pub(crate) fn panic_at_next_quote(&self) {
        self.panic_next.store(true, Ordering::SeqCst);
    }

    pub(crate) async fn note_of(&self, id: TradeId) -> Option<String> {
        self.store.find_transaction(id).await.expect("read").expect("a trade").note
    }

    /// How many trades of the player have a note.
    pub(crate) async fn notes(&self) -> i64 {
        self.store.chain_heads_page(self.player_id - 1, 1).await.expect("read")[0].notes
    }

    /// The player's ledger; its hashes and versions are checked.
    pub(crate) async fn checked_chain(&self) -> Vec<LedgerEntry> {
        self.checked_chain_of(self.player_id).await
    }

    /// The same of any player.
    pub(crate) async fn checked_chain_of(&self, player_id: i64) -> Vec<LedgerEntry> {
        let rows = self.store.ledger_range((player_id, 0), player_id, i64::from(u32::MAX)).await;
        let (rows, mut hash) = (rows.expect("read"), genesis_hash(player_id));
        for (version, (entry, found)) in (1..).zip(&rows) {
            hash = entry.hash(hash);
            assert_eq!((entry.version, *found), (version, hash));
        }
        rows.into_iter().map(|(entry, _)| entry).collect()
    }

    /// Verifies the whole ledger.
    pub(crate) async fn verify(&self) -> Report {
        archive::verify(&self.store, |_, _| ()).await.expect("read")
    }
}
