//! Migrates the schema while other nodes serve requests: one node at a time, and no table lock is
//! awaited longer than [`LOCK_WAIT_MS`]. docs/migrations.md has the rules for migrations;
//! `backfill` fills columns of large tables.

use std::collections::BTreeSet;
use std::sync::LazyLock;
use std::time::Duration;

use sqlx::migrate::{MigrateError, Migration, MigrationType, Migrator};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, PgConnection, PgPool, SqlStr};
use tokio::time::sleep;

use crate::pools::Db;
use crate::transaction::Conn;
use crate::{Store, StoreError, schema_floor};

/// Lock timeout in milliseconds. Statements that queue behind the migration wait as long.
const LOCK_WAIT_MS: u32 = 200;
/// The number of attempts, and the first and longest pause between them; the pause doubles. More
/// than two minutes in all.
const TRIES: u32 = 80;
const PAUSE: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(2);
/// The advisory lock of the migrating node, of a node that creates a partition, and of an import of
/// players.
pub(crate) const MIGRATION_LOCK: i64 = 0x6f70_656e_6265_6c6c;

/// The migrations in ascending order. Both engines have a file of each name.
macro_rules! embedded_migrations {
    ($engine:literal) => {
        embedded_migrations!($engine:
            "0001_foundation" "0002_pages" "0003_leases" "0004_provider_usage" "0005_imports"
            "0006_quotes" "0007_archive" "0008_seals" "0009_erasures" "0010_backfills"
            "0011_boards" "0012_batch_marks" "0013_market_units" "0014_seeds"
            "0015_pending_orders" "0016_counted_notes" "0017_name_keys" "0018_recovery"
            "0019_floors" "0020_imported_passwords" "0021_unranked_players"
            "0022_game_clock" "0023_game_rules" "0024_rule_limits" "0025_game_markets"
            "0026_award_backfills"
        )
    };
    ($engine:literal: $($name:literal)*) => {
        [$((
            $name,
            include_str!(concat!("../migrations/", $engine, "/", $name, ".sql")),
        ),)*]
    };
}

static SQLITE: LazyLock<Migrator> = LazyLock::new(|| migrator(&embedded_migrations!("sqlite")));
static POSTGRES: LazyLock<Migrator> = LazyLock::new(|| migrator(&embedded_migrations!("postgres")));

/// Like `sqlx::migrate!`, whose macro would compile sqlx with SQLite and TLS a second time.
fn migrator(files: &[(&'static str, &'static str)]) -> Migrator {
    let migration = |&(name, sql): &(&'static str, &'static str)| {
        let (number, description) = name.split_once('_').expect("a number and a description");
        Migration::new(
            number.parse().expect("a number"),
            description.replace('_', " ").into(),
            MigrationType::Simple,
            SqlStr::from_static(sql),
            sql.starts_with("-- no-transaction"),
        )
    };
    let mut migrator = Migrator::with_migrations(files.iter().map(migration).collect());
    // `schema_floor` decides about migrations of other versions.
    migrator.set_ignore_missing(true);
    migrator
}

fn versions(migrations: &Migrator) -> BTreeSet<i64> {
    migrations.iter().map(|migration| migration.version).collect()
}

impl Store {
    /// Migrates the schema. Safe to run on several nodes at once and to interrupt.
    ///
    /// # Errors
    /// `Unsuitable` if a newer program migrated the database so that this one cannot use it;
    /// `Conflict` if a table stayed locked for minutes.
    pub async fn migrate(&self) -> Result<(), StoreError> {
        self.migrate_by(self.migrations()).await
    }

    /// Checks that this program may use the schema, without migrating it.
    ///
    /// # Errors
    /// `Unsuitable` if a newer program migrated the database so that this one cannot use it.
    pub async fn check_schema(&self) -> Result<(), StoreError> {
        let mut db = self.acquire_writer().await?;
        schema_floor::check(db.conn(), &versions(self.migrations())).await
    }

    fn migrations(&self) -> &'static Migrator {
        match self.engine_pools() {
            Db::Sqlite(_) => &SQLITE,
            Db::Postgres(_) => &POSTGRES,
        }
    }

    /// The version of this program's schema.
    pub fn newest_schema(&self) -> i64 {
        let migrations = match self.engine_pools() {
            Db::Sqlite(_) => &SQLITE,
            Db::Postgres(_) => &POSTGRES,
        };
        migrations.iter().map(|migration| migration.version).max().unwrap_or_default()
    }

    /// Runs these migrations like [`Store::migrate`].
    #[doc(hidden)]
    pub async fn migrate_by(&self, migrations: &Migrator) -> Result<(), StoreError> {
        match self.engine_pools() {
            Db::Sqlite(db) => {
                let mut db = db.writer.acquire().await?;
                schema_floor::check(Conn::Sqlite(&mut db), &versions(migrations)).await?;
                Ok(migrations.run_direct(None, &mut *db, false).await?)
            }
            Db::Postgres(db) => migrate_postgres(&db.writer, migrations).await,
        }
    }
}

/// Uses a separate connection, whose end releases its locks in any case.
async fn migrate_postgres(pool: &PgPool, migrations: &Migrator) -> Result<(), StoreError> {
    let mut db = pool.connect_options().connect().await?;
    // Building an index may take long.
    set(&mut db, "statement_timeout", 0).await?;
    acquire_lock(&mut db).await?;
    schema_floor::check(Conn::Postgres(&mut db), &versions(migrations)).await?;
    for (version, is_alone) in groups(migrations) {
        // Migrations without a transaction build indexes concurrently: they wait for others and
        // block none.
        set(&mut db, "lock_timeout", if is_alone { 0 } else { LOCK_WAIT_MS }).await?;
        if is_alone {
            drop_invalid_indexes(&mut db).await?;
        }
        migrate_to(&mut db, migrations, version).await?;
    }
    // The server notices the end of a connection later.
    sqlx::query("SELECT pg_advisory_unlock($1)").bind(MIGRATION_LOCK).execute(&mut db).await?;
    db.close().await?;
    Ok(())
}

/// Waits until no other process migrates or imports players. Polls, because CREATE INDEX
/// CONCURRENTLY waits for every statement that is waiting.
async fn acquire_lock(db: &mut PgConnection) -> Result<(), StoreError> {
    let mut is_logged = false;
    loop {
        let taken: bool = sqlx::query_scalar("SELECT pg_try_advisory_lock($1)")
            .bind(MIGRATION_LOCK)
            .fetch_one(&mut *db)
            .await?;
        if taken {
            return Ok(());
        }
        if !std::mem::replace(&mut is_logged, true) {
            tracing::info!("waiting for a process that migrates the database or imports players");
        }
        sleep(PAUSE).await;
    }
}

/// Groups consecutive migrations by whether they run outside of transactions; returns the last
/// version of each group.
fn groups(migrations: &Migrator) -> Vec<(i64, bool)> {
    let mut groups: Vec<(i64, bool)> = Vec::new();
    for migration in migrations.iter() {
        match groups.last_mut() {
            Some((version, is_alone)) if *is_alone == migration.no_tx => {
                *version = migration.version;
            }
            _ => groups.push((migration.version, migration.no_tx)),
        }
    }
    groups
}

/// Migrates up to a version and retries while tables are locked.
async fn migrate_to(
    db: &mut PgConnection,
    migrations: &Migrator,
    version: i64,
) -> Result<(), StoreError> {
    let mut pause = PAUSE;
    for tried in 1.. {
        let Err(error) = migrations.run_direct(Some(version), db, false).await else { break };
        if tried >= TRIES || !is_lock_failure(&error) {
            return Err(failed(error));
        }
        if tried == 1 {
            let oldest = oldest_transaction(db).await?;
            tracing::warn!(
                oldest,
                "a migration waits for a table lock; see the oldest transaction"
            );
        }
        sleep(pause).await;
        pause = PAUSE_MAX.min(pause * 2);
    }
    Ok(())
}

/// Drops invalid indexes of a node that was killed during CREATE INDEX CONCURRENTLY. An index that
/// an operator is building is left alone.
async fn drop_invalid_indexes(db: &mut PgConnection) -> Result<(), StoreError> {
    let invalid: Vec<(String,)> = sqlx::query_as(
        "SELECT format('%I.%I', n.nspname, c.relname) FROM pg_index i
         JOIN pg_class c ON c.oid = i.indexrelid AND c.relkind = 'i'
         JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = current_schema()
         WHERE NOT i.indisvalid AND NOT EXISTS (
             SELECT 1 FROM pg_stat_progress_create_index p WHERE p.index_relid = i.indexrelid)",
    )
    .fetch_all(&mut *db)
    .await?;
    for (name,) in invalid {
        tracing::warn!(name, "dropping an invalid index of an interrupted migration");
        let text = AssertSqlSafe(format!("DROP INDEX CONCURRENTLY IF EXISTS {name}"));
        sqlx::query(text).execute(&mut *db).await?;
    }
    Ok(())
}

async fn set(db: &mut PgConnection, name: &str, milliseconds: u32) -> Result<(), StoreError> {
    // SET takes no parameters.
    let text = format!("SET {name} = {milliseconds}");
    sqlx::query(AssertSqlSafe(text)).execute(db).await?;
    Ok(())
}

/// Whether the error is a lock timeout or a deadlock.
fn is_lock_failure(error: &MigrateError) -> bool {
    let (MigrateError::ExecuteMigration(inner, _) | MigrateError::Execute(inner)) = error else {
        return false;
    };
    let code = inner.as_database_error().and_then(|inner| inner.code());
    code.is_some_and(|code| code == "55P03" || code == "40P01")
}

fn failed(error: MigrateError) -> StoreError {
    match error {
        MigrateError::ExecuteMigration(inner, _) => inner.into(),
        other => other.into(),
    }
}

/// The oldest other transaction, which probably holds the lock.
async fn oldest_transaction(db: &mut PgConnection) -> Result<String, StoreError> {
    let found: Option<(String,)> = sqlx::query_as(
        "SELECT format('process %s of %s, %s for %s s', pid, usename, state,
                       extract(epoch FROM now() - xact_start)::bigint)
         FROM pg_stat_activity
         WHERE datname = current_database() AND pid <> pg_backend_pid() AND xact_start IS NOT NULL
         ORDER BY xact_start LIMIT 1",
    )
    .fetch_optional(db)
    .await?;
    Ok(found.map_or_else(|| "none".to_owned(), |(text,)| text))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[tokio::test]
    async fn the_embedded_migrations_are_those_of_the_directories() {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations");
        for (engine, embedded) in [("sqlite", &SQLITE), ("postgres", &POSTGRES)] {
            let files = Migrator::new(directory.join(engine)).await.expect("reads the files");
            let parts = |migrator: &Migrator| -> Vec<_> {
                let part = |m: &Migration| (m.version, m.description.clone(), m.no_tx);
                migrator.iter().map(part).collect()
            };
            assert_eq!(parts(embedded), parts(&files), "{engine}");
            let sums = |migrator: &Migrator| -> Vec<_> {
                migrator.iter().map(|m| m.checksum.clone()).collect()
            };
            assert_eq!(sums(embedded), sums(&files), "{engine}");
        }
    }
}
