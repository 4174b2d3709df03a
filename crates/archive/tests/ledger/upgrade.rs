//! A database of the version before rules were stored: a node of that version trades while this one
//! migrates the schema, and both trade afterwards. Every chain holds, in both forms.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use archive::verify;
use domain::{
    Action, Clock as _, Day, Fill, LedgerEntry, Order, Player, Price, Quantity, Quote, QuoteSource,
    Rules, Side, UnixMicros, VersionedRules, open_player, settle,
};
use sqlx::migrate::{Migration, Migrator};
use sqlx::{Connection as _, PgConnection, SqliteConnection};
use store::{BatchMark, DatabaseConfig, LoadKey, MAIN, NewRules, PlayerUpdate, Store, Valuation};
use testkit::{ManualClock, SeededEntropy, postgres_database};

use crate::fixture::ENGINES;

/// The migration that stores the rules.
const GAME_RULES: i64 = 23;
const STOCK_ID: i64 = 1;
/// The first game of a database.
const GAME_ID: i64 = 1;

/// The statements of the version before, which name its columns.
const INSERT_GAME: &str = "INSERT INTO games (code, market, started_at) VALUES ($1, 'fixed', $2)";
const INSERT_PLAYER: &str = "INSERT INTO players (player_id, user_id, game_id, cash, total_xp,
        balance_version, head_hash, head_month, xp_day, xp_day_trades, trades, notes,
        stocks_bought, categories_bought, realised_profit, achievements, updated_at)
    VALUES ($1, $1, $2, 0, 0, 0, $3, $4, 0, 0, 0, 0, 0, 0, 0, 0, 0)";
const UPDATE_PLAYER: &str = "UPDATE players SET cash = $2, total_xp = $3, balance_version = $4,
        head_hash = $5, head_month = $6, xp_day = $7, xp_day_trades = $8, trades = $9,
        realised_profit = $10, achievements = $11 WHERE player_id = $1";
const SAVE_HOLDING: &str =
    "INSERT INTO holdings (player_id, stock_id, quantity, cost_basis, opened_on)
    VALUES ($1, $2, $3, $4, $5) ON CONFLICT (player_id, stock_id) DO UPDATE
    SET quantity = excluded.quantity, cost_basis = excluded.cost_basis";
const INSERT_UNLOCK: &str = "INSERT INTO player_achievements
        (player_id, achievement_id, version, xp, unlocked_at) VALUES ($1, $2, $3, $4, $5)";
const INSERT_ENTRY: &str = "INSERT INTO portfolio_audit (player_id, version, month, kind,
        stock_id, quantity, price, amount, fee, xp_trade, xp_achievements, cash_after,
        quantity_after, cost_basis_after, total_xp_after, quote_as_of, quote_day, quote_source,
        about_version, created_at, hash)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18,
        $19, $20, $21)";

/// A connection of the version before.
enum Earlier {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

/// Binds the values and executes a statement within a transaction of either engine.
macro_rules! execute {
    ($db:expr, $sql:expr, $($value:expr),+ $(,)?) => {
        sqlx::query($sql)$(.bind($value))+.execute(&mut *$db).await.expect("writes")
    };
}

/// Writes a player's fills as one transaction of the version before.
macro_rules! write_fills {
    ($db:expr, $player:expr, $fills:expr) => {{
        let (player, fills): (&Player, &[Fill]) = ($player, $fills);
        let mut tx = $db.begin().await.expect("begins");
        execute!(
            tx,
            UPDATE_PLAYER,
            player.player_id,
            player.cash.0,
            player.total_xp,
            player.balance_version,
            player.head_hash.0.to_vec(),
            player.head_month.0,
            player.xp_day,
            player.xp_day_trades,
            player.trades,
            player.realised_profit.0,
            player.achievements.mask(),
        );
        for (stock_id, holding) in &player.holdings {
            let (quantity, basis) = (holding.quantity.0, holding.cost_basis.0);
            let day = i64::from(holding.opened_on.0);
            execute!(tx, SAVE_HOLDING, player.player_id, *stock_id, quantity, basis, day);
        }
        for Fill { entry, hash, unlocked } in fills {
            let e: &LedgerEntry = entry;
            for unlock in unlocked {
                let (id, xp) = (unlock.achievement_id, unlock.xp);
                execute!(tx, INSERT_UNLOCK, e.player_id, id, e.version, xp, e.created_at.0);
            }
            execute!(
                tx,
                INSERT_ENTRY,
                e.player_id,
                e.version,
                e.month.0,
                e.kind.as_str(),
                e.stock_id,
                e.quantity.0,
                e.price.map(|price| price.0),
                e.amount.0,
                e.fee.0,
                e.xp_trade,
                e.xp_achievements,
                e.cash_after.0,
                e.quantity_after.0,
                e.cost_basis_after.0,
                e.total_xp_after,
                e.quote_as_of.map(|at| at.0),
                e.quote_day.map(|day| i64::from(day.0)),
                e.quote_source.map(QuoteSource::as_str),
                e.about_version,
                e.created_at.0,
                hash.0.to_vec(),
            );
        }
        tx.commit().await.expect("commits");
    }};
}

impl Earlier {
    async fn connect(url: &str) -> Self {
        if url.starts_with("sqlite:") {
            let mut db = SqliteConnection::connect(url).await.expect("connects");
            sqlx::query("PRAGMA busy_timeout = 60000").execute(&mut db).await.expect("sets");
            return Self::Sqlite(db);
        }
        Self::Postgres(PgConnection::connect(url).await.expect("connects"))
    }

    async fn write(&mut self, player: &Player, fills: &[Fill]) {
        match self {
            Self::Sqlite(db) => write_fills!(db, player, fills),
            Self::Postgres(db) => write_fills!(db, player, fills),
        }
    }

    async fn create_game(&mut self, now: UnixMicros) {
        match self {
            Self::Sqlite(db) => {
                execute!(db, INSERT_GAME, MAIN, now.0);
            }
            Self::Postgres(db) => {
                execute!(db, INSERT_GAME, MAIN, now.0);
            }
        }
    }

    /// Opens a player's account.
    async fn open(&mut self, player_id: i64, game_id: i64, now: UnixMicros) -> Player {
        let (player, fill) = open_player(player_id, &rules(), now);
        let (hash, month) = (vec![0_u8; 32], now.month().0);
        match self {
            Self::Sqlite(db) => {
                execute!(db, INSERT_PLAYER, player_id, game_id, hash, month);
            }
            Self::Postgres(db) => {
                execute!(db, INSERT_PLAYER, player_id, game_id, hash, month);
            }
        }
        self.write(&player, &[fill]).await;
        player
    }
}

fn rules() -> Rules {
    toml::from_str(include_str!("../../../../config/game.toml")).expect("good rules")
}

/// Buys and sells a share by rules with or without a version.
fn trade<'r>(
    player: &mut Player,
    rules: impl Into<domain::RulesRef<'r>> + Copy,
    now: UnixMicros,
) -> Vec<Fill> {
    let (price, tick, source) = (Price(1_000_000), Price(0), QuoteSource::Fixed);
    let quote = Quote { price, tick, as_of: now, market_day: Day(12_786), source };
    let order = |side| {
        let quantity = Quantity::whole(1).expect("one");
        Action::Trade(Order { stock_id: STOCK_ID, side, quantity }, None)
    };
    let sides = [Side::Buy, Side::Buy, Side::Sell];
    sides
        .into_iter()
        .filter_map(|s| settle(player, &order(s), Ok(quote), rules, now).ok())
        .collect()
}

async fn migrations_before(engine: &str) -> Migrator {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../store/migrations").join(engine);
    let all = Migrator::new(path).await.expect("migrations");
    let before = all.iter().filter(|one| one.version < GAME_RULES).cloned();
    Migrator::with_migrations(before.collect::<Vec<Migration>>())
}

/// Trades of a node of this version.
async fn trade_now(store: &Store, player_id: i64, rules: &VersionedRules, marks: &SeededEntropy) {
    let now = rules.effective_from;
    let stock_id = Some(STOCK_ID);
    let wanted = [LoadKey { player_id, stock_id, about_version: None, text_key: None }];
    let state = store.load_batch(&wanted, &[], &Valuation::at_prices("[]")).await;
    let mut state = state.expect("loads");
    let mut player = state.players.remove(&player_id).expect("the player");
    let (version_before, head_before) = (player.balance_version, player.head_hash);
    let fills = trade(&mut player, rules, now);
    let (notes, records) = (Vec::new(), Vec::new());
    let change = PlayerUpdate { player, version_before, head_before, fills, notes, records };
    let committed = store.commit_batch(&[change], BatchMark::draw(marks), now).await;
    assert!(committed.expect("commits").conflicted.is_empty());
}

/// Stores the first version of the rules.
async fn store_rules(store: &Store, now: UnixMicros) -> VersionedRules {
    let versioned = VersionedRules { version: 1, effective_from: now, rules: rules() };
    let new = NewRules {
        rules: &versioned.rules,
        author: "a test",
        reason: "-",
        effective_from: now,
        has_awards: false,
    };
    let game = store.find_game(MAIN).await.expect("reads").expect("a game");
    assert!(store.append_rules(game.game_id, 0, new, now).await.expect("answers"));
    versioned
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_of_the_version_before_migrates_while_its_node_trades() {
    for engine in ENGINES {
        let directory = tempfile::tempdir().expect("a directory");
        let url = match engine {
            "sqlite" => format!("sqlite:{}", directory.path().join("test.db").display()),
            _ => postgres_database(),
        };
        let store = Store::open(&DatabaseConfig { url: url.clone(), ..Default::default() }).await;
        let (store, now) = (store.expect("opens"), ManualClock::new().now());
        store.migrate_by(&migrations_before(engine).await).await.expect("migrates");
        store.ensure_ledger_months(now).await.expect("months");
        store.save_achievements(&rules()).await.expect("achievements");

        let mut earlier = Earlier::connect(&url).await;
        earlier.create_game(now).await;
        let mut player = earlier.open(1, GAME_ID, now).await;
        earlier.open(2, GAME_ID, now).await;
        let (is_over, trades) = (Arc::new(AtomicBool::new(false)), Arc::<AtomicU64>::default());
        let (until, counted) = (Arc::clone(&is_over), Arc::clone(&trades));
        let node = tokio::spawn(async move {
            while !until.load(Ordering::Relaxed) {
                let fills = trade(&mut player, &rules(), now);
                earlier.write(&player, &fills).await;
                counted.fetch_add(1, Ordering::Relaxed);
            }
        });
        let go_on = async || {
            let before = trades.load(Ordering::Relaxed);
            while trades.load(Ordering::Relaxed) < before + 5 {
                assert!(!node.is_finished(), "{engine}: a trade has failed");
                tokio::task::yield_now().await;
            }
        };
        go_on().await;
        store.migrate().await.expect("migrates");
        go_on().await;
        let versioned = store_rules(&store, now).await;
        let marks = SeededEntropy::new(3);
        for _ in 0..5 {
            trade_now(&store, 2, &versioned, &marks).await;
        }
        go_on().await;
        is_over.store(true, Ordering::Relaxed);
        node.await.expect("no trade fails");
        // The player of the node of the version before continues on this one.
        trade_now(&store, 1, &versioned, &marks).await;
        let report = verify(&store, |_, _| ()).await.expect("readable");
        assert!(report.holds(), "{engine}: {report}");
        let rows = store.ledger_range((1, 0), 1, 100_000).await.expect("reads");
        let named: Vec<_> = rows.iter().map(|(entry, _)| entry.rules_version).collect();
        assert_eq!((named[0], named[named.len() - 1]), (None, Some(1)), "{engine}");
    }
}
