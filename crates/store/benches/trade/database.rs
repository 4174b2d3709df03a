//! The database of the bench: the store, separate connections for the other ways, players, the size
//! of the WAL, and a check that no money was lost.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use domain::{Player, StockInfo, Symbol};
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use store::{DatabaseConfig, Store};
use tempfile::TempDir;
use testkit::Postgres;

use crate::game::Game;
use crate::sql;

/// Connections of the other ways (readers on SQLite, which has one writer).
const CONNECTIONS_MAX: u32 = 32;
/// Long enough that waiting is not an error.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(60);

/// Separate connections.
#[derive(Clone)]
pub(crate) enum Raw {
    Sqlite(Pools<SqlitePool>),
    Postgres(Pools<PgPool>),
}

/// One engine.
#[derive(Clone)]
pub(crate) struct Pools<P> {
    pub(crate) reader: P,
    pub(crate) writer: P,
    pub(crate) begin: &'static str,
    pub(crate) player_for_update: &'static str,
}

/// Runs a body on the engine.
macro_rules! on_engine {
    ($raw:expr, |$pools:ident| $body:expr) => {
        match $raw {
            $crate::database::Raw::Sqlite($pools) => $body,
            $crate::database::Raw::Postgres($pools) => $body,
        }
    };
}

/// A database with a game in it.
pub(crate) struct Database {
    pub(crate) store: Store,
    pub(crate) raw: Raw,
    pub(crate) game: Game,
    /// The address, for `store` and PostgreSQL's programs.
    pub(crate) url: String,
    file: Option<PathBuf>,
    _directory: Option<TempDir>,
    _cluster: Option<Postgres>,
}

/// The ids of the players of one measurement.
#[derive(Clone, Copy)]
pub(crate) struct Players {
    pub(crate) first: i64,
    pub(crate) last: i64,
}

type BenchError = Box<dyn std::error::Error + Send + Sync>;

impl Database {
    /// A new file on a disk, in the target directory.
    pub(crate) async fn sqlite() -> Result<Self, BenchError> {
        let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
        let file = directory.path().join("trade.db");
        let options = SqliteConnectOptions::new()
            .filename(&file)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .pragma("wal_autocheckpoint", "100000")
            .busy_timeout(Duration::from_secs(5));
        let pool = |connections| {
            SqlitePoolOptions::new()
                .max_connections(connections)
                .acquire_timeout(ACQUIRE_TIMEOUT)
                .test_before_acquire(false)
        };
        let raw = Raw::Sqlite(Pools {
            reader: pool(CONNECTIONS_MAX).connect_lazy_with(options.clone()),
            writer: pool(1).connect_lazy_with(options),
            begin: "BEGIN IMMEDIATE",
            player_for_update: sql::PLAYER,
        });
        let url = format!("sqlite:{}", file.display());
        let made = Self::with_game(url, raw).await?;
        Ok(Self { file: Some(file), _directory: Some(directory), ..made })
    }

    /// The given empty database, or one in a temporary cluster.
    pub(crate) async fn postgres(url: Option<String>) -> Result<Self, BenchError> {
        let cluster = url.is_none().then(Postgres::start);
        let own = cluster.as_ref().map(Postgres::fresh_database);
        let url = url.or(own).unwrap_or_default();
        let pool = PgPoolOptions::new()
            .max_connections(CONNECTIONS_MAX)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .test_before_acquire(false)
            .connect_with(PgConnectOptions::from_str(&url)?)
            .await?;
        let raw = Raw::Postgres(Pools {
            reader: pool.clone(),
            writer: pool,
            begin: "BEGIN",
            player_for_update: sql::PLAYER_FOR_UPDATE,
        });
        let made = Self::with_game(url, raw).await?;
        Ok(Self { _cluster: cluster, ..made })
    }

    async fn with_game(url: String, raw: Raw) -> Result<Self, BenchError> {
        let config = DatabaseConfig { url: url.clone(), ..DatabaseConfig::default() };
        let store = Store::open(&config).await?;
        store.migrate().await?;
        let text = || "x".to_owned();
        let stock = StockInfo {
            symbol: Symbol::parse("AAPL")?,
            name: text(),
            category: text(),
            description: text(),
            kid_friendly_description: text(),
            fun_fact: None,
        };
        let saved = store.save_stocks(&[stock]).await?;
        let game = Game::new(saved.first().ok_or("no stock was saved")?.stock_id);
        store.ensure_game("fixed", game.now()).await?;
        store.ensure_ledger_months(game.now()).await?;
        Ok(Self { store, raw, game, url, file: None, _directory: None, _cluster: None })
    }

    /// New players who hold a share each.
    pub(crate) async fn new_players(&self, count: usize) -> Result<Players, BenchError> {
        let count = i64::try_from(count)?;
        on_engine!(&self.raw, |pools| {
            let mut tx = pools.writer.begin().await?;
            let last: i64 = sqlx::query_scalar(sql::LAST_PLAYER).fetch_one(&mut *tx).await?;
            for player_id in last + 1..=last + count {
                let (player, fills) = self.game.new_player(player_id);
                let Player { cash, total_xp, balance_version, head_hash, .. } = &player;
                execute!(
                    tx,
                    sql::NEW_PLAYER,
                    [
                        player_id,
                        cash.0,
                        *total_xp,
                        *balance_version,
                        head_hash.0.to_vec(),
                        player.head_month.0,
                        player.xp_day,
                        player.xp_day_trades,
                        player.trades,
                        player.stocks_bought,
                        player.categories_bought,
                        player.realised_profit.0,
                        self.game.now().0,
                    ]
                );
                execute_holding!(tx, player, self.game.stock_id);
                for fill in &fills {
                    execute_entry!(tx, fill);
                }
            }
            tx.commit().await?;
            Ok(Players { first: last + 1, last: last + count })
        })
    }

    /// Updates the statistics and empties the WAL.
    pub(crate) async fn rest(&self) -> Result<(), BenchError> {
        match &self.raw {
            Raw::Sqlite(pools) => {
                sqlx::query("ANALYZE").execute(&pools.writer).await?;
                sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(&pools.writer).await?;
            }
            Raw::Postgres(pools) => {
                let text = "VACUUM ANALYZE players, holdings, portfolio_audit";
                sqlx::query(text).execute(&pools.writer).await?;
                sqlx::query("CHECKPOINT").execute(&pools.writer).await?;
            }
        }
        Ok(())
    }

    /// Bytes written to the WAL: in total on PostgreSQL, since the last checkpoint on SQLite (its
    /// length; a measurement stays below the checkpoint size).
    pub(crate) async fn wal_bytes(&self) -> Result<i64, BenchError> {
        Ok(match (&self.raw, &self.file) {
            (Raw::Postgres(pools), _) => {
                sqlx::query_scalar(sql::WAL_POSITION).fetch_one(&pools.reader).await?
            }
            (Raw::Sqlite(_), Some(file)) => {
                let length = std::fs::metadata(file.with_extension("db-wal"))?.len();
                i64::try_from(length)?
            }
            (Raw::Sqlite(_), None) => 0,
        })
    }

    /// Fails unless the ledger has exactly the accepted trades and explains all cash.
    pub(crate) async fn check(&self, players: Players, accepted: u64) -> Result<(), BenchError> {
        let (trades, different): (i64, i64) = on_engine!(&self.raw, |pools| {
            let trades = sqlx::query_scalar(sql::TRADES).bind(players.first).bind(players.last);
            let different = sqlx::query_scalar(sql::DIFFERENT_PLAYERS);
            let different = different.bind(players.first).bind(players.last);
            (trades.fetch_one(&pools.reader).await?, different.fetch_one(&pools.reader).await?)
        });
        // Each player has bought one share before.
        let expected = i64::try_from(accepted)? + players.last - players.first + 1;
        if trades == expected && different == 0 {
            return Ok(());
        }
        let text = format!(
            "{trades} trades are in the ledger and not {expected}; \
             {different} players differ from their ledger"
        );
        Err(text.into())
    }

    /// The engine with its version.
    pub(crate) async fn engine(&self) -> Result<String, BenchError> {
        Ok(match &self.raw {
            Raw::Sqlite(pools) => {
                let text = "SELECT 'SQLite ' || sqlite_version()";
                sqlx::query_scalar(text).fetch_one(&pools.reader).await?
            }
            Raw::Postgres(pools) => {
                let text = "SELECT 'PostgreSQL ' || current_setting('server_version')";
                sqlx::query_scalar(text).fetch_one(&pools.reader).await?
            }
        })
    }
}
