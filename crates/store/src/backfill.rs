//! Fills a column of a large table in bounded steps, each in a short transaction, while other
//! transactions write the same rows. The progress is stored, so any node can continue. See
//! docs/migrations.md.

use domain::UnixMicros;

use crate::statement::{LazyStatement, Statement};
use crate::{Store, StoreError};

/// A backfill.
#[derive(Clone, Copy, Debug)]
pub struct Backfill {
    /// Never reused.
    pub name: &'static str,
    /// Selects the last id of the next `$2` rows after `$1`; NULL if there are none.
    pub next: &'static str,
    /// Fills the rows after `$1` up to `$2` on SQLite.
    pub fill_sqlite: &'static str,
    /// The same on PostgreSQL. It must lock the rows in ascending order of their ids, as batches
    /// do; another order causes deadlocks.
    pub fill_postgres: &'static str,
}

/// The backfills that the server runs in the background. A backfill is removed with its contract
/// migration.
pub static BACKFILLS: &[Backfill] = &[];

pub(crate) static PLACE: LazyStatement = LazyStatement::new(
    "backfills.place",
    "SELECT p.up_to, p.is_done FROM backfills p WHERE p.name = $1 {for update}",
);

pub(crate) static BEGIN: LazyStatement = LazyStatement::new(
    "backfills.begin",
    "INSERT INTO backfills (name, up_to, is_done, updated_at) VALUES ($1, $2, 0, $3)
     ON CONFLICT DO NOTHING",
);

pub(crate) static MOVE: LazyStatement = LazyStatement::new(
    "backfills.move",
    "UPDATE backfills SET up_to = $1, is_done = $2, updated_at = $3 WHERE name = $4",
);

pub(crate) static STATEMENTS: &[&LazyStatement] = &[&PLACE, &BEGIN, &MOVE];

impl Store {
    /// Fills the next `rows` rows and returns whether all are filled. Concurrent calls take turns.
    ///
    /// # Errors
    /// The step is rolled back and can be repeated.
    pub async fn backfill_step(
        &self,
        backfill: &Backfill,
        rows: i64,
        now: UnixMicros,
    ) -> Result<bool, StoreError> {
        let mut tx = self.begin().await?;
        tx.run().execute(&BEGIN, (backfill.name, i64::MIN, now.0)).await?;
        let (up_to, is_done): (i64, i64) = tx.run().fetch_one(&PLACE, (backfill.name,)).await?;
        if is_done != 0 {
            return Ok(true);
        }
        let (sqlite, postgres) = (backfill.next, backfill.next);
        let next = Statement { name: "backfills.next", sqlite, postgres };
        let next: Option<i64> = tx.run().fetch_scalar(&next, (up_to, rows)).await?;
        if let Some(next) = next {
            let (sqlite, postgres) = (backfill.fill_sqlite, backfill.fill_postgres);
            let fill = Statement { name: "backfills.fill", sqlite, postgres };
            tx.run().execute(&fill, (up_to, next)).await?;
        }
        tx.run()
            .execute(
                &MOVE,
                (next.unwrap_or(up_to), i64::from(next.is_none()), now.0, backfill.name),
            )
            .await?;
        tx.commit().await?;
        Ok(next.is_none())
    }
}
