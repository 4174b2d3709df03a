//! Leases: at most one node does a job at a time. An expired lease can be taken by any node. A
//! lease alone does not stop its former holder: the work must be idempotent or guarded by the
//! fencing token.

use domain::UnixMicros;

use crate::statement::LazyStatement;
use crate::{Store, StoreError};

static TAKE: LazyStatement = LazyStatement::new(
    "leases.take",
    "INSERT INTO leases (name, holder, fence, expires_at) VALUES ($1, $2, 1, $3)
     ON CONFLICT (name) DO UPDATE SET
         holder = excluded.holder, expires_at = excluded.expires_at,
         fence = leases.fence + CASE WHEN leases.holder = excluded.holder THEN 0 ELSE 1 END
     WHERE leases.holder = excluded.holder OR leases.expires_at <= $4
     RETURNING fence",
);

static LEAVE: LazyStatement = LazyStatement::new(
    "leases.leave",
    "UPDATE leases SET expires_at = 0 WHERE name = $1 AND holder = $2",
);

static HOLDER: LazyStatement = LazyStatement::new(
    "leases.holder",
    "SELECT holder FROM leases WHERE name = $1 AND expires_at > $2",
);

// The table has a row for each job and each kind of incident.
static EXPIRED: LazyStatement = LazyStatement::new(
    "leases.expired",
    "SELECT name FROM leases WHERE name LIKE $1 AND expires_at > 0 AND expires_at <= $2
     ORDER BY name LIMIT 100",
);

pub(crate) static STATEMENTS: &[&LazyStatement] = &[&TAKE, &LEAVE, &HOLDER, &EXPIRED];

impl Store {
    /// Takes or renews a lease until `expires_at`. Returns its fencing token, which increases with
    /// each new holder; `None` while another node holds the lease.
    pub async fn take_lease(
        &self,
        name: &str,
        holder: &str,
        now: UnixMicros,
        expires_at: UnixMicros,
    ) -> Result<Option<i64>, StoreError> {
        // As `statement::only` for an optional row.
        let fences: Vec<i64> =
            self.writer().fetch_scalars(&TAKE, (name, holder, expires_at.0, now.0)).await?;
        Ok(fences.first().copied())
    }

    /// Releases a lease if `holder` holds it.
    pub async fn release_lease(&self, name: &str, holder: &str) -> Result<(), StoreError> {
        self.writer().execute(&LEAVE, (name, holder)).await?;
        Ok(())
    }

    /// The names of leases with a prefix (of letters, digits and colons) whose holder has neither
    /// renewed nor released them, at most 100.
    pub async fn expired_leases(
        &self,
        prefix: &str,
        now: UnixMicros,
    ) -> Result<Vec<String>, StoreError> {
        self.reader().fetch_scalars(&EXPIRED, (format!("{prefix}%"), now.0)).await
    }

    /// The holder of a lease at `now`.
    pub async fn find_lease_holder(
        &self,
        name: &str,
        now: UnixMicros,
    ) -> Result<Option<String>, StoreError> {
        self.reader().fetch_optional_scalar(&HOLDER, (name, now.0)).await
    }
}
