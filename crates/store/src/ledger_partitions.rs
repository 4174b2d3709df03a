//! Creates the monthly partitions of the ledger on PostgreSQL.

use domain::{Month, UnixMicros};

use crate::pools::Db;
use crate::{Store, StoreError};

/// The number of partitions created ahead on PostgreSQL.
const MONTHS_AHEAD: usize = 3;

impl Store {
    /// Creates the partitions from the present month on; does nothing on SQLite.
    pub async fn ensure_ledger_months(&self, now: UnixMicros) -> Result<(), StoreError> {
        let mut month = now.month();
        for _ in 0..=MONTHS_AHEAD {
            self.ensure_ledger_month(month).await?;
            month = month.next();
        }
        Ok(())
    }

    /// Creates the partition of a month; does nothing on SQLite.
    pub(crate) async fn ensure_ledger_month(&self, month: Month) -> Result<(), StoreError> {
        let Db::Postgres(db) = self.db()? else { return Ok(()) };
        let table = format!("portfolio_audit_{}", month.0);
        let exists: bool = sqlx::query_scalar("SELECT to_regclass($1) IS NOT NULL")
            .bind(&table)
            .fetch_one(&db.writer)
            .await?;
        if !exists {
            // DDL takes no parameters; the month is a number.
            let text = format!(
                "CREATE TABLE IF NOT EXISTS {table} PARTITION OF portfolio_audit
                         FOR VALUES IN ({});
                     CREATE OR REPLACE TRIGGER portfolio_audit_is_never_truncated
                         BEFORE TRUNCATE ON {table}
                         FOR EACH STATEMENT EXECUTE FUNCTION refuse_ledger_change()",
                month.0
            );
            sqlx::raw_sql(sqlx::AssertSqlSafe(text)).execute(&db.writer).await?;
        }
        Ok(())
    }
}
