//! Selects the months to archive and those to drop.

use domain::{Day, Month, UnixMicros};
use store::{ArchiveRow, ArchiveState};

use crate::archiver::Archiver;
use crate::error::ArchiveError;

/// How long a month must be over before it is archived, in seconds: it has to contain commits of
/// nodes whose clocks are behind.
const OVER_S: i64 = 86_400;
const DAY_S: i64 = 86_400;

impl Archiver {
    /// Months that are over and not verified yet, oldest first.
    pub async fn due(&self) -> Result<Vec<Month>, ArchiveError> {
        let now = self.clock.now();
        let before = now.plus_seconds(-OVER_S).month();
        self.store.add_due_archives(before, now).await?;
        let is_open = |row: &&ArchiveRow| {
            row.month < before
                && !matches!(row.state, ArchiveState::Verified | ArchiveState::Dropped)
        };
        let rows = self.store.archives().await?;
        Ok(rows.iter().filter(is_open).map(|row| row.month).collect())
    }

    /// Months that ended more than `days` days ago and are still in the ledger, oldest first.
    ///
    /// # Errors
    /// `Held` if one of them is on hold: then none may be dropped.
    pub async fn expired(&self, days: u32) -> Result<Vec<Month>, ArchiveError> {
        let rows = self.store.archives().await?;
        let kept_since = self.clock.now().plus_seconds(-i64::from(days) * DAY_S);
        let is_expired = |row: &&ArchiveRow| {
            let is_over = end_of(row.month).is_some_and(|end| end <= kept_since);
            is_over && row.state != ArchiveState::Dropped
        };
        let expired: Vec<_> = rows.iter().filter(is_expired).collect();
        match expired.iter().find(|row| row.is_held) {
            Some(row) => Err(ArchiveError::Held(row.month)),
            None => Ok(expired.iter().map(|row| row.month).collect()),
        }
    }
}

/// The first instant after a month.
fn end_of(month: Month) -> Option<UnixMicros> {
    let Month(next) = month.next();
    let day = Day::parse(&format!("{:04}-{:02}-01", next / 100, next % 100));
    day.map(Day::start)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_month_ends_where_the_next_one_begins() {
        let end = |month| end_of(Month(month)).map(|at| at.to_string());
        assert_eq!(end(202_612).as_deref(), Some("2027-01-01T00:00:00.000000Z"));
        assert_eq!(end(202_601).as_deref(), Some("2026-02-01T00:00:00.000000Z"));
        assert_eq!(end(202_613), None);
    }
}
