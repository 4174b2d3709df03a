//! Connects to PostgreSQL with the settings the game needs.

use std::str::FromStr as _;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, PgConnection, Row as _};
use tokio::time::{Instant, sleep, timeout_at};

use crate::pools::Pools;
use crate::{DatabaseConfig, StoreError};

/// Pause between attempts to connect to a PostgreSQL server that is starting.
const CONNECT_PAUSE: Duration = Duration::from_millis(100);

/// An idle PostgreSQL connection is pinged before use after this time.
const PING_AFTER_IDLE: Duration = Duration::from_millis(500);

/// Planner settings of every PostgreSQL session: index scans and one generic plan. The statistics
/// of a young table make a sequential scan look as cheap. Jobs that go through a whole table reset
/// them (`BEGIN_SCAN`).
#[doc(hidden)]
pub const PLANNER_SETTINGS: [(&str, &str); 3] =
    [("enable_seqscan", "off"), ("plan_cache_mode", "force_generic_plan"), ("jit", "off")];

/// A parameter that only the startup options of a session set, to the number of this process.
/// Connection poolers drop these options.
const PROCESS: &str = "openbell.process";

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
        (PROCESS, process_number()),
    ];
    let options = options.application_name("openbell").statement_cache_capacity(200);
    // `measure` logs slow statements, by name.
    let options = options.disable_statement_logging();
    Ok(options.options(limits).options(PLANNER_SETTINGS))
}

/// Whether an `@` follows the first `/` of an address before its parameters: an unescaped password
/// with both would make its end the host.
fn has_stray_at(url: &str) -> bool {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let path = rest.split_once(['/', '#']).map_or("", |(_, path)| path);
    path.split('?').next().is_some_and(|path| path.contains('@'))
}

fn process_number() -> String {
    std::process::id().to_string()
}

/// Refuses a session whose startup options did not reach PostgreSQL.
pub(crate) async fn check_session(db: &mut PgConnection) -> Result<(), StoreError> {
    // In one message: a pooler may run each on another session.
    let text = format!("SELECT current_setting('{PROCESS}', true)");
    let row = sqlx::raw_sql(AssertSqlSafe(text)).fetch_one(db).await?;
    let found: Option<String> = row.try_get(0)?;
    if found.as_deref() == Some(&process_number()) { Ok(()) } else { Err(pooled()) }
}

/// PgBouncer in its default configuration rejects startup options by this message.
fn is_pooler(error: &sqlx::Error) -> bool {
    let error = error.as_database_error();
    error.is_some_and(|error| error.message().starts_with("unsupported startup parameter"))
}

fn pooled() -> StoreError {
    let text = "the database address leads to a connection pooler, such as PgBouncer in \
        transaction or session mode, which is not supported: it drops the settings of a session; \
        enter the address of PostgreSQL itself, whose connections this program pools \
        (database.connections_max)";
    StoreError::Unsuitable(text.to_owned())
}

/// Connects once before the pool does, because the pool reports only timeouts. Retries while the
/// server is starting, up to `patience`.
async fn connect_once(options: &PgConnectOptions, patience: Duration) -> Result<(), StoreError> {
    let ends = Instant::now() + patience;
    loop {
        let error = match timeout_at(ends, options.connect()).await {
            Ok(Ok(mut connection)) => {
                check_session(&mut connection).await?;
                return Ok(connection.close().await?);
            }
            Ok(Err(error)) if is_pooler(&error) => return Err(pooled()),
            Ok(Err(error)) => error,
            Err(_) => {
                let text = format!("no response within {} ms", patience.as_millis());
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

pub(crate) async fn open_postgres(config: &DatabaseConfig) -> Result<Pools<PgPool>, StoreError> {
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
pub(crate) fn postgres_pools(pool: PgPool) -> Pools<PgPool> {
    let begin_brief = "BEGIN; SET LOCAL lock_timeout = '100ms'";
    Pools::new(pool.clone(), pool, "BEGIN", begin_brief)
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
}
