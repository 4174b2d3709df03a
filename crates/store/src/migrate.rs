//! Bringing the schema up to date while others play on it: one node at a time, and never longer in
//! the way than [`LOCK_WAIT_MS`]. How migrations are written so that this suffices stands in
//! docs/migrations.md; what fills columns of many rows is `backfill`.

use std::time::Duration;

use sqlx::migrate::{MigrateError, Migrator};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, PgConnection, PgPool};
use tokio::time::sleep;

use crate::db::Db;
use crate::{Store, StoreError};

/// How long a statement waits for a table, in milliseconds: whoever comes after it waits as well.
const LOCK_WAIT_MS: u32 = 200;
/// How often it is tried again, and the wait before the second time, which doubles up to the last.
/// In all, something more than two minutes.
const TRIES: u32 = 80;
const PAUSE: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(2);
/// The advisory lock of whoever migrates.
const LOCK: i64 = 0x6f70_656e_6265_6c6c;

static SQLITE: Migrator = sqlx::migrate!("migrations/sqlite");
static POSTGRES: Migrator = sqlx::migrate!("migrations/postgres");

impl Store {
    /// Brings the schema up to date. Safe to run on several nodes at once, and to be stopped.
    ///
    /// # Errors
    /// `Unsuitable` when the database was made by a newer program, `Conflict` when somebody held a
    /// table for minutes, or the fault met.
    pub async fn migrate(&self) -> Result<(), StoreError> {
        match self.engine_pools() {
            Db::Sqlite(_) => self.migrate_by(&SQLITE).await,
            Db::Postgres(_) => self.migrate_by(&POSTGRES).await,
        }
    }

    /// The same with these migrations.
    ///
    /// # Errors
    /// As for [`Store::migrate`].
    #[doc(hidden)]
    pub async fn migrate_by(&self, migrations: &Migrator) -> Result<(), StoreError> {
        match self.engine_pools() {
            Db::Sqlite(db) => {
                let mut db = db.writer.acquire().await?;
                Ok(migrations.run_direct(None, &mut *db, false).await?)
            }
            Db::Postgres(db) => migrate_postgres(&db.writer, migrations).await,
        }
    }
}

/// Over a connection of its own, whose end gives its locks back, however it ends.
async fn migrate_postgres(pool: &PgPool, migrations: &Migrator) -> Result<(), StoreError> {
    let mut db = pool.connect_options().connect().await?;
    // An index may take its time.
    set(&mut db, "statement_timeout", 0).await?;
    take_turn(&mut db).await?;
    for (version, is_alone) in stretches(migrations) {
        // What runs outside of a transaction makes indexes concurrently: it waits for others and
        // keeps nobody waiting.
        set(&mut db, "lock_timeout", if is_alone { 0 } else { LOCK_WAIT_MS }).await?;
        if is_alone {
            drop_broken_indexes(&mut db).await?;
        }
        go_to(&mut db, migrations, version).await?;
    }
    db.close().await?;
    Ok(())
}

/// Waits until nobody else migrates. Asking again and again, since a statement that waits is one
/// for whose end an index that is made concurrently waits in turn.
async fn take_turn(db: &mut PgConnection) -> Result<(), StoreError> {
    let mut is_told = false;
    loop {
        let taken: bool = sqlx::query_scalar("SELECT pg_try_advisory_lock($1)")
            .bind(LOCK)
            .fetch_one(&mut *db)
            .await?;
        if taken {
            return Ok(());
        }
        if !std::mem::replace(&mut is_told, true) {
            tracing::info!("another node migrates the database");
        }
        sleep(PAUSE).await;
    }
}

/// The migrations in pieces of one kind: up to which version, and whether they run outside of
/// transactions.
fn stretches(migrations: &Migrator) -> Vec<(i64, bool)> {
    let mut stretches: Vec<(i64, bool)> = Vec::new();
    for migration in migrations.iter() {
        match stretches.last_mut() {
            Some((version, is_alone)) if *is_alone == migration.no_tx => {
                *version = migration.version;
            }
            _ => stretches.push((migration.version, migration.no_tx)),
        }
    }
    stretches
}

/// Migrates up to a version, again and again while tables are not to be had.
async fn go_to(
    db: &mut PgConnection,
    migrations: &Migrator,
    version: i64,
) -> Result<(), StoreError> {
    let mut pause = PAUSE;
    for tried in 1.. {
        let Err(error) = migrations.run_direct(Some(version), db, false).await else { break };
        if tried >= TRIES || !waited_in_vain(&error) {
            return Err(failed(error));
        }
        if tried == 1 {
            let oldest = oldest_transaction(db).await?;
            tracing::warn!(oldest, "a migration waits for a table that is in use");
        }
        sleep(pause).await;
        pause = PAUSE_MAX.min(pause * 2);
    }
    Ok(())
}

/// Takes away what a node left that was killed while it made an index concurrently. Nobody else
/// makes one for the program meanwhile; one that is made by hand is left alone.
async fn drop_broken_indexes(db: &mut PgConnection) -> Result<(), StoreError> {
    let broken: Vec<(String,)> = sqlx::query_as(
        "SELECT format('%I.%I', n.nspname, c.relname) FROM pg_index i
         JOIN pg_class c ON c.oid = i.indexrelid AND c.relkind = 'i'
         JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = current_schema()
         WHERE NOT i.indisvalid AND NOT EXISTS (
             SELECT 1 FROM pg_stat_progress_create_index p WHERE p.index_relid = i.indexrelid)",
    )
    .fetch_all(&mut *db)
    .await?;
    for (name,) in broken {
        tracing::warn!(name, "an index that was half made is dropped");
        let text = AssertSqlSafe(format!("DROP INDEX CONCURRENTLY IF EXISTS {name}"));
        sqlx::query(text).execute(&mut *db).await?;
    }
    Ok(())
}

async fn set(db: &mut PgConnection, name: &str, milliseconds: u32) -> Result<(), StoreError> {
    // The statement takes no parameters.
    let text = format!("SET {name} = {milliseconds}");
    sqlx::query(AssertSqlSafe(text)).execute(db).await?;
    Ok(())
}

/// Whether another one had the table for too long, or waited for us as we for it.
fn waited_in_vain(error: &MigrateError) -> bool {
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

/// Who has been in a transaction for longest, and is likely to be whom it waits for.
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
    Ok(found.map_or_else(|| "nobody any more".to_owned(), |(text,)| text))
}
