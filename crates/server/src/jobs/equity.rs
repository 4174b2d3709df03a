//! The players' equity curves: which sessions are kept, and the jobs that write and thin them out.
//! The store computes the values from the saved closes.

mod roll_up;
mod snapshot;
#[cfg(test)]
mod tests;

use domain::{Day, UnixMicros};
use market::MarketSource;
use store::EquityRetention;

pub(crate) use self::roll_up::RollUpEquity;
pub(crate) use self::snapshot::SnapshotEquity;

/// Players of one transaction, for which other writers wait on SQLite.
const PLAYERS: i64 = 500;
/// The newest sessions, which are all kept.
const DAILY_SESSIONS: usize = 70;
/// The newest sessions of which the last of each week is kept; of older ones, of each month.
const WEEKLY_SESSIONS: usize = 520;

/// The day of the newest finished session.
fn newest_day(source: &MarketSource, now: UnixMicros) -> Option<Day> {
    source.session_day(now, source.finished_sessions(now).checked_sub(1)?)
}

/// How densely days are kept; `None` while all are.
fn retention(source: &MarketSource, now: UnixMicros) -> Option<EquityRetention> {
    let finished = source.finished_sessions(now);
    let first_of = |sessions: usize| source.session_day(now, finished.checked_sub(sessions)?);
    Some(EquityRetention {
        newest: newest_day(source, now)?,
        daily_from: first_of(DAILY_SESSIONS)?,
        weekly_from: first_of(WEEKLY_SESSIONS).unwrap_or(Day(i32::MIN)),
    })
}
