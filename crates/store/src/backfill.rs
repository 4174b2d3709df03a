//! Filling a column of a table with many rows, in steps of a bounded number of rows, each in a
//! short transaction of its own, while others write the same rows. How far it got is in the
//! database, so it may be stopped anywhere and gone on with by anybody. See docs/migrations.md.

use domain::UnixMicros;

use crate::statement::{Lazy, Statement};
use crate::{Store, StoreError};

/// What is filled.
#[derive(Clone, Copy, Debug)]
pub struct Backfill {
    /// Its name, for ever.
    pub name: &'static str,
    /// Gives the last number of the next `$2` rows after `$1`, or NULL when there are none.
    pub next: &'static str,
    /// Fills the rows after `$1` up to `$2`, on SQLite.
    pub fill_sqlite: &'static str,
    /// The same on PostgreSQL. It locks the rows in the order of their numbers, as batches do: who
    /// locks in another order waits for them as they wait for him.
    pub fill_postgres: &'static str,
}

/// Those that the server runs in the background. One that is done everywhere goes with the contract
/// that ends it.
pub static BACKFILLS: &[Backfill] = &[];

pub(crate) static PLACE: Lazy = Lazy::new(|| {
    Statement::new(
        "backfills.place",
        "SELECT p.up_to, p.is_done FROM backfills p WHERE p.name = $1 {for update}",
    )
});

pub(crate) static BEGIN: Lazy = Lazy::new(|| {
    Statement::new(
        "backfills.begin",
        "INSERT INTO backfills (name, up_to, is_done, updated_at) VALUES ($1, $2, 0, $3)
         ON CONFLICT DO NOTHING",
    )
});

pub(crate) static MOVE: Lazy = Lazy::new(|| {
    Statement::new(
        "backfills.move",
        "UPDATE backfills SET up_to = $1, is_done = $2, updated_at = $3 WHERE name = $4",
    )
});

pub(crate) static STATEMENTS: &[&Lazy] = &[&PLACE, &BEGIN, &MOVE];

impl Store {
    /// Fills the next rows, at most so many; whether all are filled. Several may try at once: they
    /// take turns.
    ///
    /// # Errors
    /// The fault met; the step is undone then and can be tried again.
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
        let next = Statement { name: backfill.name, sqlite, postgres };
        let next: Option<i64> = tx.run().fetch_scalar(&next, (up_to, rows)).await?;
        if let Some(next) = next {
            let (sqlite, postgres) = (backfill.fill_sqlite, backfill.fill_postgres);
            let fill = Statement { name: backfill.name, sqlite, postgres };
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
