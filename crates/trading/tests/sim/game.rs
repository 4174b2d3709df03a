//! The simulated game: one database, its stocks and players, the faulty market, and the
//! dependencies of every node.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;

use domain::{
    Achievement, AchievementKind, Amount, Clock as _, Fee, Money, Rejection, Rules, StockInfo,
    Symbol, UnixMicros, XpRules,
};
use store::{DatabaseConfig, NewToken, NewUser, Store, StoreError, TokenKind, Valuation};
use tempfile::TempDir;
use testkit::{ManualClock, SeededEntropy, migrated_database};
use tokio::sync::watch;
use trading::{DeskDeps, GameRules, RulesChange, RulesError};

use crate::FAILING;
use crate::database::Database;
use crate::market::Market;
use crate::rng::SimRng;

const TRADES_PER_SESSION_MAX: i64 = 20;
/// Ids of added achievements follow it.
const ADDED_FROM: i64 = 9_000;
const STOCKS: [&str; 4] = ["AAA", "BBB", "CCC", "DDD"];

pub(crate) struct SimGame {
    pub(crate) store: Store,
    pub(crate) rules: Arc<Rules>,
    game_rules: Arc<GameRules>,
    /// The true time, at which the market makes its prices.
    pub(crate) clock: ManualClock,
    pub(crate) market: Market,
    pub(crate) players: Vec<i64>,
    pub(crate) stocks: Vec<i64>,
    /// Where it is a database that fails.
    pub(crate) database: Option<Rc<Database>>,
    /// How many nodes there are: each has a rng of its own.
    nodes: Cell<u64>,
    _directory: TempDir,
}

/// The game's rules, with fees and limits, so that these are counted as well.
fn rules() -> Rules {
    let text = include_str!("../../../../config/game.toml");
    let rules: Rules = toml::from_str(text).expect("good rules");
    // No player is invested here: XP for a while, then no more.
    let xp = XpRules { uninvested_max: 500, ..rules.xp.clone() };
    Rules {
        fee: Fee { flat: Money(7), rate_bps: 15 },
        xp,
        // Few enough that busy players reach it.
        trades_per_session_max: Some(TRADES_PER_SESSION_MAX),
        order_value_min: Some(Amount::Fixed(Money(500))),
        ..rules
    }
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

impl SimGame {
    pub(crate) async fn open(engine: &str, rng: &SimRng) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let database = (engine == FAILING).then(|| Rc::new(Database::start()));
        let url = match (engine, &database) {
            ("sqlite", _) => format!("sqlite:{}", directory.path().join("sim.db").display()),
            (_, Some(database)) => database.url(),
            (_, None) => migrated_database(migrate).await,
        };
        let store = open_store(&url).await;
        let (clock, rules) = (ManualClock::new(), Arc::new(rules()));
        let now = clock.now();
        store.migrate().await.expect("migrates");
        let game = store.ensure_game("simulated", now).await.expect("a game");
        store.ensure_ledger_months(now).await.expect("months");
        let game_rules = GameRules::open(&store, &game, &rules, Arc::new(clock.clone())).await;
        let game_rules = game_rules.expect("rules");
        let stocks: Vec<StockInfo> = STOCKS.into_iter().map(new_stock).collect();
        let saved = store.save_stocks(&stocks).await.expect("saved");
        let stocks: Vec<i64> = saved.iter().map(|stock| stock.stock_id).collect();
        let mut market = Market::new(&stocks, rng, rules.quote_age_max_s);
        market.tick(now, rng);
        let mut game = Self {
            store,
            rules,
            game_rules,
            clock,
            market,
            players: Vec::new(),
            stocks,
            database,
            nodes: Cell::new(0),
            _directory: directory,
        };
        for number in 1..=u8::try_from(rng.between(1, 4)).expect("few") {
            let player = game.register(number).await;
            game.players.push(player);
        }
        game
    }

    async fn register(&self, number: u8) -> i64 {
        let (name, email) = (format!("player {number}"), format!("p{number}@example.org"));
        let user = NewUser { name: &name, email: &email, email_key: &email, password_hash: "-" };
        let now = self.clock.now();
        let later = now.plus_seconds(1000);
        let hash = [number; 32];
        let token = NewToken {
            hash,
            name: "sim",
            kind: TokenKind::Api,
            idle_expires_at: later,
            expires_at: later,
        };
        let registered = self.store.register(&user, &token, &*self.game_rules.at(now), now).await;
        registered.expect("registers").expect("a new e-mail").player_id
    }

    /// Applies rules with one more achievement. It gives no XP, which would reach the limit of
    /// players who are not invested.
    pub(crate) async fn add_achievement(&self, rng: &SimRng) -> Result<String, String> {
        let newest = self.game_rules.newest();
        let (mut rules, id) = (newest.rules.clone(), ADDED_FROM + newest.version);
        let kind = AchievementKind::TradesCount(rng.between(1, 8));
        let text = || format!("added_{id}");
        let (code, name, description, icon) = (text(), text(), text(), "x".to_owned());
        let added = Achievement { id, code, kind, name, description, icon, xp: 0 };
        let mut list: Vec<Achievement> = rules.achievements.clone().into();
        list.push(added);
        rules.achievements = list.try_into()?;
        let change = RulesChange {
            rules: &rules,
            expected: newest.version,
            author: "sim",
            reason: "sim",
            effective_from: None,
        };
        match self.game_rules.apply(change).await {
            Ok(applied) => Ok(format!("version {}: {kind:?}", applied.version)),
            Err(RulesError::Store(StoreError::Unavailable(_))) if self.database.is_some() => {
                Ok("the database is away".to_owned())
            }
            Err(error) => Err(format!("applying rules: {error}")),
        }
    }

    /// The id and the trades of every achievement of [`Self::add_achievement`] that is in force.
    pub(crate) fn added_achievements(&self) -> Vec<(i64, usize)> {
        let rules = self.game_rules.at(self.clock.now());
        let added = rules.achievements.iter().filter_map(|added| match added.kind {
            AchievementKind::TradesCount(trades) if added.id > ADDED_FROM => {
                Some((added.id, usize::try_from(trades).expect("few")))
            }
            _ => None,
        });
        added.collect()
    }

    /// What a node with this clock trades with.
    pub(crate) fn parts(&self, clock: &ManualClock) -> Arc<DeskDeps> {
        let (quotes, prices) = (self.market.clone(), self.market.clone());
        Arc::new(DeskDeps {
            store: self.store.clone(),
            rules: Arc::clone(&self.game_rules),
            clock: Arc::new(clock.clone()),
            entropy: Arc::new(SeededEntropy::new(self.nodes.replace(self.nodes.get() + 1))),
            quotes: Arc::new(move |stock| {
                quotes.quotes().get(&stock).copied().ok_or(Rejection::NoQuote)
            }),
            published: watch::channel(UnixMicros(0)).1,
            valuation: Arc::new(move || Valuation::at_prices(&prices.prices_json())),
            on_commit: Arc::new(|_| {}),
        })
    }
}

fn new_stock(symbol: &str) -> StockInfo {
    let text = || symbol.to_owned();
    StockInfo {
        symbol: Symbol::parse(symbol).expect("a symbol"),
        name: text(),
        category: text(),
        description: text(),
        kid_friendly_description: text(),
        fun_fact: None,
    }
}
