//! Leases: what only one of several nodes may do at a time. A lease that its holder does not renew
//! is anybody's. It stops nobody who goes on without it: what is done under a lease must be
//! harmless when it is done twice, or be guarded by the lease's fence.

use domain::UnixMicros;

use crate::statement::{Lazy, Statement};
use crate::{Store, StoreError};

static TAKE: Lazy = Lazy::new(|| {
    Statement::new(
        "leases.take",
        "INSERT INTO leases (name, holder, fence, expires_at) VALUES ($1, $2, 1, $3)
         ON CONFLICT (name) DO UPDATE SET
             holder = excluded.holder, expires_at = excluded.expires_at,
             fence = leases.fence + CASE WHEN leases.holder = excluded.holder THEN 0 ELSE 1 END
         WHERE leases.holder = excluded.holder OR leases.expires_at <= $4
         RETURNING fence",
    )
});

static LEAVE: Lazy = Lazy::new(|| {
    Statement::new(
        "leases.leave",
        "UPDATE leases SET expires_at = 0 WHERE name = $1 AND holder = $2",
    )
});

static HOLDER: Lazy = Lazy::new(|| {
    Statement::new("leases.holder", "SELECT holder FROM leases WHERE name = $1 AND expires_at > $2")
});

pub(crate) static STATEMENTS: &[&Lazy] = &[&TAKE, &LEAVE, &HOLDER];

impl Store {
    /// Takes or renews a lease until `expires_at`. Its fence, which is higher for every new
    /// holder, or `None` while somebody else holds it.
    pub async fn take_lease(
        &self,
        name: &str,
        holder: &str,
        now: UnixMicros,
        expires_at: UnixMicros,
    ) -> Result<Option<i64>, StoreError> {
        // As `statement::only`, of a row that may be missing.
        let rows: Vec<(i64,)> =
            self.writer().fetch_all(&TAKE, (name, holder, expires_at.0, now.0)).await?;
        Ok(rows.first().map(|(fence,)| *fence))
    }

    /// Gives a lease back, if `holder` has it.
    pub async fn leave_lease(&self, name: &str, holder: &str) -> Result<(), StoreError> {
        self.writer().execute(&LEAVE, (name, holder)).await?;
        Ok(())
    }

    /// Who holds a lease at `now`.
    pub async fn find_lease_holder(
        &self,
        name: &str,
        now: UnixMicros,
    ) -> Result<Option<String>, StoreError> {
        let row: Option<(String,)> = self.reader().fetch_optional(&HOLDER, (name, now.0)).await?;
        Ok(row.map(|(holder,)| holder))
    }
}
