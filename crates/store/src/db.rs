//! Opens SQLite or PostgreSQL with the settings the game needs, and holds their connection pools.

use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::sqlite::{
    SqliteAutoVacuum, SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions,
    SqliteSynchronous,
};
use sqlx::{ConnectOptions as _, Connection as _};
use tokio::time::{Instant, sleep, timeout_at};

use crate::query::PoolKind;
use crate::replica::Replica;
use crate::{DatabaseConfig, StoreError, error};

/// The database, on either engine. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    db: Arc<Db>,
    /// Whether the database does not respond; see `watch`.
    pub(crate) is_unreachable: Arc<AtomicBool>,
    /// The read replica.
    pub(crate) replica: Option<Arc<Replica>>,
}

/// The pools of one engine and the statements that begin a transaction.
pub(crate) struct Pools<P> {
    pub(crate) reader: P,
    /// A single connection on SQLite.
    pub(crate) writer: P,
    /// Begins a writing transaction.
    pub(crate) begin: &'static str,
    /// The same with a short lock timeout.
    pub(crate) begin_brief: &'static str,
}

impl<P> Pools<P> {
    pub(crate) fn pool(&self, kind: PoolKind) -> &P {
        match kind {
            PoolKind::Reader => &self.reader,
            PoolKind::Writer => &self.writer,
        }
    }
}

pub(crate) enum Db {
    Sqlite(Pools<SqlitePool>),
    Postgres(Pools<PgPool>),
}

/// WAL pages at which SQLite checkpoints itself. The server checkpoints far earlier
/// (`Store::checkpoint`); this bounds the WAL of commands that write a lot.
const AUTOCHECKPOINT_PAGES: &str = "100000";

/// Pause between attempts to connect to a PostgreSQL server that is starting.
const CONNECT_PAUSE: Duration = Duration::from_millis(100);

/// Bytes of the WAL file that stay allocated after a checkpoint.
const WAL_SIZE_KEPT: &str = "4194304";

/// An idle PostgreSQL connection is pinged before use after this time.
const PING_AFTER_IDLE: Duration = Duration::from_millis(500);

/// Planner settings of every PostgreSQL session: index scans and one generic plan. The statistics
/// of a young table make a sequential scan look as cheap. Jobs that go through a whole table reset
/// them (`BEGIN_SCAN`).
#[doc(hidden)]
pub const PLANNER_SETTINGS: [(&str, &str); 3] =
    [("enable_seqscan", "off"), ("plan_cache_mode", "force_generic_plan"), ("jit", "off")];

/// The oldest SQLite without the WAL-reset corruption bug (sqlite.org, 3.51.3).
const SQLITE_VERSION_MIN: (u32, u32, u32) = (3, 51, 3);

impl Store {
    /// Opens the database and checks its durability settings.
    ///
    /// # Errors
    /// `Unsuitable` for an address or server that is not supported, `Corrupt` for a damaged file,
    /// `Unavailable` if it cannot be reached.
    pub async fn open(config: &DatabaseConfig) -> Result<Self, StoreError> {
        let replica = Replica::of(config)?.map(Arc::new);
        let db = if let Some(path) = config.url.strip_prefix("sqlite:") {
            Db::Sqlite(open_sqlite(path.trim_start_matches("//"), config).await?)
        } else if is_postgres(&config.url) {
            Db::Postgres(open_postgres(config).await?)
        } else {
            let text = "the database address must begin with sqlite: or postgres://";
            return Err(StoreError::Unsuitable(text.to_owned()));
        };
        Ok(Self { db: Arc::new(db), is_unreachable: Arc::default(), replica })
    }

    /// Opens an SQLite file that cannot be written, such as one on a read-only mount. Commits in
    /// its WAL are read, for which SQLite needs the file `-shm`.
    ///
    /// # Errors
    /// As [`Store::open`]; `Unsuitable` for PostgreSQL.
    pub async fn open_read_only(config: &DatabaseConfig) -> Result<Self, StoreError> {
        let Some(path) = config.url.strip_prefix("sqlite:") else {
            let text = "only an SQLite file can be opened read-only";
            return Err(StoreError::Unsuitable(text.to_owned()));
        };
        let path = path.trim_start_matches("//");
        let log = std::fs::metadata(format!("{path}-wal")).map_or(0, |file| file.len());
        let options = SqliteConnectOptions::new()
            .filename(path)
            .read_only(true)
            .immutable(log == 0)
            .busy_timeout(Duration::from_millis(config.lock_timeout_ms));
        let pool = SqlitePoolOptions::new()
            .max_connections(config.connections_max.clamp(1, 64))
            .acquire_timeout(Duration::from_millis(config.acquire_timeout_ms))
            .connect_with(options)
            .await?;
        let (reader, begin) = (pool.clone(), "BEGIN");
        let db = Db::Sqlite(Pools { reader, writer: pool, begin, begin_brief: begin });
        Ok(Self { db: Arc::new(db), is_unreachable: Arc::default(), replica: None })
    }

    /// A store on a separate pool, which connects on first use.
    pub(crate) fn over(pool: PgPool) -> Self {
        let db = Db::Postgres(postgres_pools(pool));
        Self { db: Arc::new(db), is_unreachable: Arc::default(), replica: None }
    }

    /// The engine; an error while the database is known not to respond.
    pub(crate) fn db(&self) -> Result<&Db, StoreError> {
        error::check_disk()?;
        if self.is_unreachable.load(Ordering::Relaxed) {
            Err(error::unreachable())
        } else {
            Ok(&self.db)
        }
    }

    /// The engine, without that check.
    pub(crate) fn engine_pools(&self) -> &Db {
        &self.db
    }

    /// Checks that the database responds.
    pub async fn ping(&self) -> Result<(), StoreError> {
        match self.db()? {
            Db::Sqlite(db) => {
                sqlx::query("SELECT 1").execute(&db.reader).await?;
            }
            Db::Postgres(db) => {
                sqlx::query("SELECT 1").execute(&db.reader).await?;
            }
        }
        Ok(())
    }

    /// Checkpoints the WAL of SQLite without blocking writers. Reports errors, unlike SQLite's
    /// automatic checkpoints. Does nothing on PostgreSQL.
    ///
    /// # Errors
    /// `DiskFailed` if fsync failed.
    pub async fn checkpoint(&self) -> Result<(), StoreError> {
        let Db::Sqlite(db) = self.db()? else { return Ok(()) };
        for pool in [&db.reader, &db.writer] {
            sqlx::query("PRAGMA wal_checkpoint(PASSIVE)").execute(pool).await?;
        }
        Ok(())
    }

    /// As [`Store::checkpoint`], and truncates the WAL. Waits for readers and blocks writers.
    ///
    /// # Errors
    /// `DiskFailed` if fsync failed.
    pub async fn checkpoint_and_truncate(&self) -> Result<(), StoreError> {
        let Db::Sqlite(db) = self.db()? else { return Ok(()) };
        sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(&db.writer).await?;
        Ok(())
    }

    /// Writes a consistent copy of an SQLite database to a file that must not exist. Does not block
    /// writers. The copy is not fsynced.
    ///
    /// # Errors
    /// `Unsuitable` for PostgreSQL; `Corrupt` if the copy fails its check.
    pub async fn copy_into(&self, file: &Path) -> Result<(), StoreError> {
        let Db::Sqlite(db) = self.db()? else {
            return Err(StoreError::Unsuitable("only an SQLite database can be copied".to_owned()));
        };
        let name = file.to_str().ok_or_else(|| {
            StoreError::Unsuitable(format!("the path {} is not valid UTF-8", file.display()))
        })?;
        sqlx::query("VACUUM INTO $1").bind(name).execute(&db.writer).await?;
        let options = SqliteConnectOptions::new().filename(file).read_only(true).immutable(true);
        let mut copy = sqlx::SqliteConnection::connect_with(&options).await?;
        let found: String =
            sqlx::query_scalar("PRAGMA quick_check(1)").fetch_one(&mut copy).await?;
        copy.close().await?;
        if found == "ok" { Ok(()) } else { Err(StoreError::Corrupt(found)) }
    }

    /// Closes all connections after the running statements.
    pub async fn close(&self) {
        if let Some(replica) = &self.replica {
            replica.close().await;
        }
        match &*self.db {
            Db::Sqlite(db) => {
                db.reader.close().await;
                db.writer.close().await;
            }
            Db::Postgres(db) => db.writer.close().await,
        }
    }

    /// `sqlite` or `postgres`.
    pub fn engine(&self) -> &'static str {
        match &*self.db {
            Db::Sqlite(_) => "sqlite",
            Db::Postgres(_) => "postgres",
        }
    }
}

async fn open_sqlite(path: &str, config: &DatabaseConfig) -> Result<Pools<SqlitePool>, StoreError> {
    let existing = std::fs::metadata(path).map(|file| file.len()).unwrap_or(0);
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .auto_vacuum(SqliteAutoVacuum::None)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(Duration::from_millis(config.lock_timeout_ms))
        .pragma("wal_autocheckpoint", AUTOCHECKPOINT_PAGES)
        .pragma("journal_size_limit", WAL_SIZE_KEPT)
        .pragma("cache_size", "-8000")
        .pragma("temp_store", "MEMORY")
        .statement_cache_capacity(200);
    let pool = |connections| {
        SqlitePoolOptions::new()
            .max_connections(connections)
            .idle_timeout(None)
            .max_lifetime(None)
            .acquire_timeout(Duration::from_millis(config.acquire_timeout_ms))
            // SQLite rolls back by itself when the disk is full. sqlx still counts the connection
            // as inside a transaction, so it must be replaced.
            .before_acquire(|conn, _| {
                let is_free = !conn.is_in_transaction();
                Box::pin(async move { Ok(is_free) })
            })
    };
    let writer = pool(1).connect_with(options.clone()).await?;
    let version: String = sqlx::query_scalar("SELECT sqlite_version()").fetch_one(&writer).await?;
    check_sqlite_version(&version)?;
    if existing > 0 && existing <= config.check_size_max {
        let found: String = sqlx::query_scalar("PRAGMA quick_check(1)").fetch_one(&writer).await?;
        if found != "ok" {
            let first = found.lines().next().unwrap_or_default();
            return Err(StoreError::Corrupt(format!("{path}: {first}")));
        }
    }
    let readers = config.connections_max.clamp(1, 64);
    let reader = pool(readers).connect_lazy_with(options.pragma("query_only", "ON"));
    let begin = "BEGIN IMMEDIATE";
    Ok(Pools { reader, writer, begin, begin_brief: begin })
}

fn check_sqlite_version(version: &str) -> Result<(), StoreError> {
    let mut parts = version.split('.').map(|part| part.parse::<u32>().unwrap_or(0));
    let mut next = || parts.next().unwrap_or(0);
    let (min, found) = (SQLITE_VERSION_MIN, (next(), next(), next()));
    if found >= min {
        return Ok(());
    }
    let text = format!("SQLite {}.{}.{} or newer is needed, not {version}", min.0, min.1, min.2);
    Err(StoreError::Unsuitable(text))
}

pub(crate) fn is_postgres(url: &str) -> bool {
    url.starts_with("postgres://") || url.starts_with("postgresql://")
}

/// Connection options for a PostgreSQL address.
pub(crate) fn postgres_options(
    url: &str,
    config: &DatabaseConfig,
) -> Result<PgConnectOptions, StoreError> {
    let unreadable = |why: &str| {
        StoreError::Unsuitable(format!(
            "the database address cannot be read: {why} (in a password @ is written %40, / %2F, \
             : %3A, ? %3F, # %23 and % %25)"
        ))
    };
    if has_stray_at(url) {
        return Err(unreadable("there is an @ after the host"));
    }
    let options = PgConnectOptions::from_str(url).map_err(|error| match error {
        sqlx::Error::Configuration(why) => unreadable(&why.to_string()),
        other => unreadable(&other.to_string()),
    })?;
    let limits = [
        ("statement_timeout", config.statement_timeout_ms.to_string()),
        ("lock_timeout", config.lock_timeout_ms.to_string()),
        ("idle_in_transaction_session_timeout", config.idle_in_transaction_timeout_ms.to_string()),
        // Suppresses the notices of IF NOT EXISTS.
        ("client_min_messages", "warning".to_owned()),
    ];
    let options = options.application_name("openbell").statement_cache_capacity(200);
    Ok(options.options(limits).options(PLANNER_SETTINGS))
}

/// Whether an `@` follows the first `/` of an address before its parameters: an unescaped password
/// with both would make its end the host.
fn has_stray_at(url: &str) -> bool {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let path = rest.split_once(['/', '#']).map_or("", |(_, path)| path);
    path.split('?').next().is_some_and(|path| path.contains('@'))
}

/// Connects once before the pool does, because the pool reports only timeouts. Retries while the
/// server is starting, up to `patience`.
async fn connect_once(options: &PgConnectOptions, patience: Duration) -> Result<(), StoreError> {
    let ends = Instant::now() + patience;
    loop {
        let error = match timeout_at(ends, options.connect()).await {
            Ok(Ok(connection)) => return Ok(connection.close().await?),
            Ok(Err(error)) => error,
            Err(_) => {
                let text = format!("no answer within {} ms", patience.as_millis());
                std::io::Error::new(std::io::ErrorKind::TimedOut, text).into()
            }
        };
        let is_starting = match &error {
            sqlx::Error::Io(error) => error.kind() == std::io::ErrorKind::ConnectionRefused,
            // cannot_connect_now
            sqlx::Error::Database(error) => error.code().is_some_and(|code| code == "57P03"),
            _ => false,
        };
        if !is_starting || Instant::now() + CONNECT_PAUSE >= ends {
            return Err(error.into());
        }
        sleep(CONNECT_PAUSE).await;
    }
}

pub(crate) fn postgres_pool(config: &DatabaseConfig) -> PgPoolOptions {
    PgPoolOptions::new()
        .max_connections(config.connections_max.max(2))
        .acquire_timeout(Duration::from_millis(config.acquire_timeout_ms))
        // No ping for a connection that was used a moment ago.
        .test_before_acquire(false)
        .before_acquire(|conn, known| {
            Box::pin(async move {
                if known.idle_for >= PING_AFTER_IDLE {
                    conn.ping().await?;
                }
                Ok(true)
            })
        })
}

async fn open_postgres(config: &DatabaseConfig) -> Result<Pools<PgPool>, StoreError> {
    let options = postgres_options(&config.url, config)?;
    connect_once(&options, Duration::from_millis(config.acquire_timeout_ms)).await?;
    let pool = postgres_pool(config).connect_with(options).await?;
    if config.require_durable {
        for setting in ["fsync", "full_page_writes", "synchronous_commit"] {
            let value: String = sqlx::query_scalar("SELECT current_setting($1)")
                .bind(setting)
                .fetch_one(&pool)
                .await?;
            if value == "off" {
                return Err(StoreError::Unsuitable(format!(
                    "PostgreSQL runs with {setting} = off and would lose trades in a power cut; \
                     turn it on, or set database.require_durable = false"
                )));
            }
        }
    }
    Ok(postgres_pools(pool))
}

/// A batch waits only briefly for a row or key that another transaction holds, so that its other
/// players are not delayed.
fn postgres_pools(pool: PgPool) -> Pools<PgPool> {
    let begin_brief = "BEGIN; SET LOCAL lock_timeout = '100ms'";
    Pools { reader: pool.clone(), writer: pool, begin: "BEGIN", begin_brief }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invalid_address_is_rejected_with_the_characters_to_escape() {
        let config = DatabaseConfig::default();
        for bad in [
            "postgres://bob:p@xyz/zy@db:5432/game",
            "postgres://bob:p/xyz@db/game",
            "postgres://bob:p#xyz@db/game",
            "postgres://bob:p?xyz@db/game",
        ] {
            let error = postgres_options(bad, &config).map(|_| ()).expect_err(bad).to_string();
            let begin = "the database address cannot be read: ";
            assert!(error.starts_with(begin) && error.contains("@ is written %40"), "{error}");
            assert!(!error.contains("xyz"), "no part of the password: {error}");
        }
        for good in [
            "postgres://bob:p@ss@db:5432/game",
            "postgres://bob:p%40ss%2Fword@db:5432/game",
            "postgres://db/game?user=bob&password=a@b",
        ] {
            assert!(postgres_options(good, &config).is_ok(), "{good}");
        }
    }

    #[test]
    fn an_old_sqlite_is_rejected() {
        assert!(check_sqlite_version("3.51.3").is_ok());
        assert!(check_sqlite_version("3.52.0").is_ok());
        assert!(check_sqlite_version("3.40.1").is_err());
        assert!(check_sqlite_version("garbage").is_err());
    }
}
