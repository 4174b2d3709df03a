//! What an operator watches: connections, sizes, growth, the schema and the holders of leases.
//! Cheap enough to be sampled every few seconds, except for the growth, which counts a day of
//! entries.

use domain::UnixMicros;
use sqlx::{Database, Pool};

use crate::pools::Db;
use crate::query::row;
use crate::statement::LazyStatement;
use crate::{Store, StoreError};

/// More leases than there are jobs, and more months than a ledger has.
const LEASES_MAX: i64 = 100;
const MONTHS_MAX: i64 = 1_200;

row! {
    /// A held lease.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct HeldLease {
        pub name: String,
        pub holder: String,
    }
}

row! {
    /// The size of a partition of the ledger.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct LedgerMonthSize {
        /// As `YYYYMM`.
        pub month: i64,
        /// Estimated from the statistics; 0 before they are collected for the first time.
        pub entries: i64,
        /// With indexes.
        pub bytes: i64,
    }
}

/// The connections of a pool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolUsage {
    /// `reader` and `writer` on SQLite; `primary` and `replica` on PostgreSQL.
    pub pool: &'static str,
    pub in_use: u32,
    pub idle: u32,
    pub max: u32,
    /// Callers that wait for a connection.
    pub waiting: u32,
}

static SCHEMA_VERSION: LazyStatement = LazyStatement::new(
    "operations.schema_version",
    "SELECT m.version FROM _sqlx_migrations m ORDER BY m.version DESC LIMIT 1",
);

static LEASES: LazyStatement = LazyStatement::new(
    "operations.leases",
    "SELECT name, holder FROM leases WHERE expires_at > $1 ORDER BY name LIMIT $2",
);

static GROWTH: LazyStatement = LazyStatement::new(
    "operations.ledger_growth",
    "SELECT count(*) FROM portfolio_audit l WHERE l.created_at > $1",
);

static DATABASE_BYTES: LazyStatement = LazyStatement::by_engine(
    "operations.database_bytes",
    "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size",
    "SELECT pg_database_size(current_database())",
);

static MONTHS: LazyStatement = LazyStatement::by_engine(
    "operations.ledger_months",
    // SQLite has no statistics of months.
    "SELECT CAST(0 AS BIGINT) AS month, CAST(0 AS BIGINT) AS entries, CAST(0 AS BIGINT) AS bytes
     WHERE $1 < 0",
    "SELECT CAST(substr(c.relname, 17) AS BIGINT) AS month,
         CAST(greatest(c.reltuples, 0) AS BIGINT) AS entries,
         pg_total_relation_size(c.oid) AS bytes
     FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
     WHERE i.inhparent = 'portfolio_audit'::regclass
         AND c.relname ~ '^portfolio_audit_[0-9]{6}$'
     ORDER BY month DESC LIMIT $1",
);

pub(crate) static STATEMENTS: &[&LazyStatement] =
    &[&SCHEMA_VERSION, &LEASES, &GROWTH, &DATABASE_BYTES, &MONTHS];

impl Store {
    /// The number of the newest migration in the database.
    pub async fn schema_version(&self) -> Result<i64, StoreError> {
        self.reader().fetch_scalar(&SCHEMA_VERSION, ()).await
    }

    /// The leases that are held at `now`, ascending by name.
    pub async fn held_leases(&self, now: UnixMicros) -> Result<Vec<HeldLease>, StoreError> {
        self.reader().fetch_all(&LEASES, (now.0, LEASES_MAX)).await
    }

    /// The number of ledger entries made after an instant.
    pub async fn ledger_growth_since(&self, since: UnixMicros) -> Result<i64, StoreError> {
        self.scan().fetch_scalar(&GROWTH, (since.0,)).await
    }

    /// The size of the database: SQLite's file, or all relations of PostgreSQL.
    pub async fn database_bytes(&self) -> Result<i64, StoreError> {
        self.reader().fetch_scalar(&DATABASE_BYTES, ()).await
    }

    /// The partitions of the ledger, newest first; empty on SQLite.
    pub async fn ledger_month_sizes(&self) -> Result<Vec<LedgerMonthSize>, StoreError> {
        self.reader().fetch_all(&MONTHS, (MONTHS_MAX,)).await
    }

    /// The connections of every pool.
    pub fn pool_usage(&self) -> Vec<PoolUsage> {
        match self.engine_pools() {
            Db::Sqlite(db) => vec![
                usage("reader", &db.reader, db.reader_waits.count()),
                usage("writer", &db.writer, db.writer_waits.count()),
            ],
            Db::Postgres(db) => {
                let waiting = db.reader_waits.count() + db.writer_waits.count();
                let replica = self.replica.as_ref().and_then(|replica| replica.usable());
                let primary = usage("primary", &db.writer, waiting);
                // Callers do not wait for the replica: they turn to the primary.
                let replica = replica.map(|pool| usage("replica", &pool, 0));
                std::iter::once(primary).chain(replica).collect()
            }
        }
    }
}

fn usage<D: Database>(name: &'static str, pool: &Pool<D>, waiting: u32) -> PoolUsage {
    let idle = u32::try_from(pool.num_idle()).unwrap_or(u32::MAX);
    let max = pool.options().get_max_connections();
    PoolUsage { pool: name, in_use: pool.size().saturating_sub(idle), idle, max, waiting }
}
