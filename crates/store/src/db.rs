//! `Store`: the database on either engine. It opens and closes the connection pools; the statements
//! are in the files of their subjects.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use sqlx::postgres::PgPool;

use crate::pools::{Db, Pools};
use crate::postgres::{is_postgres, open_postgres, postgres_pools};
use crate::replica::state::Replica;
use crate::sqlite::{check_file, create_private, open_sqlite, open_sqlite_read_only};
use crate::{DatabaseConfig, StoreError, error};

/// The database, on either engine. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    db: Arc<Db>,
    /// Whether the database does not respond; see `watch`.
    pub(crate) is_unreachable: Arc<AtomicBool>,
    /// The read replica.
    pub(crate) replica: Option<Arc<Replica>>,
    /// See `clock_skew`.
    pub(crate) last_clock_skew: Arc<AtomicI64>,
}

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
        Ok(Self::new(db, replica))
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
        let pool = open_sqlite_read_only(path.trim_start_matches("//"), config).await?;
        let db = Db::Sqlite(Pools::new(pool.clone(), pool, "BEGIN", "BEGIN"));
        Ok(Self::new(db, None))
    }

    /// A store on a separate pool, which connects on first use.
    pub(crate) fn over(pool: PgPool) -> Self {
        Self::new(Db::Postgres(postgres_pools(pool)), None)
    }

    fn new(db: Db, replica: Option<Arc<Replica>>) -> Self {
        Self {
            db: Arc::new(db),
            is_unreachable: Arc::default(),
            replica,
            last_clock_skew: Arc::default(),
        }
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
        // An empty file may exist, and keeps its permissions.
        create_private(file);
        sqlx::query("VACUUM INTO $1").bind(name).execute(&db.writer).await?;
        check_file(file).await
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
