//! Writes what each player owns at the close of each session whose closes are saved.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use domain::{Clock, Day, MinorUnit, UnixMicros};
use market::MarketSource;
use store::Store;

use super::{DAILY_SESSIONS, PLAYERS};
use crate::boot::history::SavedDay;
use crate::jobs::context::JobContext;
use crate::jobs::supervisor::{JobError, JobProgress, Reconciler};

/// After so many rows the job waits for its next interval, so that sessions of a second among many
/// players do not keep the database busy all the time.
pub(super) const ROWS_PER_INTERVAL: u64 = 20_000;
/// The written sessions that the job remembers, and so the furthest back that it catches up.
pub(super) const REMEMBERED_SESSIONS: usize = 20_000;

/// Writes the newest session first, then earlier ones that are missing, back to the last one that
/// was written before the server was stopped. If sessions close faster than they are written, those
/// in between wait until the database keeps up; a restart gives up those older than
/// [`DAILY_SESSIONS`].
pub(crate) struct SnapshotEquity {
    pub(super) store: Store,
    pub(super) source: Arc<MarketSource>,
    /// The unit of the values, by the rules in force.
    pub(super) unit: Box<dyn Fn() -> MinorUnit + Send + Sync>,
    /// Only sessions whose closes are saved can be valued.
    pub(super) saved_day: SavedDay,
    pub(super) clock: Arc<dyn Clock>,
    /// The sessions that are written; `None` before the database was queried.
    pub(super) written: Option<BTreeSet<Day>>,
    /// The session that is being written.
    pub(super) writing: Option<Day>,
    /// Rows written since the interval began.
    pub(super) rows: u64,
}

impl SnapshotEquity {
    pub(crate) fn new(context: &JobContext) -> Self {
        let rules = Arc::clone(&context.rules);
        Self {
            store: context.store.clone(),
            source: Arc::clone(&context.source),
            unit: Box::new(move || rules.current().minor_unit),
            saved_day: context.saved_day.clone(),
            clock: Arc::clone(&context.clock),
            written: None,
            writing: None,
            rows: 0,
        }
    }

    /// The session to write next; `None` if all are written.
    async fn next_session(&mut self, now: UnixMicros) -> Result<Option<usize>, JobError> {
        let saved = self.source.finished_up_to(now, self.saved_day.day());
        let day_of = |session| self.source.session_day(now, session);
        let Some(newest) = saved.checked_sub(1).and_then(day_of) else { return Ok(None) };
        let written = match &mut self.written {
            Some(written) => written,
            None => {
                let limit = i64::try_from(REMEMBERED_SESSIONS)?;
                let found = self.store.written_equity(newest, limit).await?;
                self.written.insert(found.into_iter().collect())
            }
        };
        // After a market has started over, later days belong to the previous run of its history.
        written.retain(|day| *day <= newest);
        let session_on = |day| self.source.session_on(now, day);
        drop_oldest(written, |day| day_of(session_on(day)? + 1));
        // Sessions before the first written one precede the game.
        let first = written.first().copied().and_then(session_on);
        let first = first.map_or(saved - 1, |session| session + 1);
        let mut window = first..saved;
        if let Some(session) = self.writing.and_then(session_on)
            && window.contains(&session)
        {
            return Ok(Some(session));
        }
        let is_missing = |day: Day| !written.contains(&day);
        Ok(window.rfind(|session| day_of(*session).is_some_and(is_missing)))
    }
}

/// Removes the oldest written sessions, but not the last one before a missing session.
pub(super) fn drop_oldest(written: &mut BTreeSet<Day>, next: impl Fn(Day) -> Option<Day>) {
    while written.len() > 2 * DAILY_SESSIONS {
        let after = written.first().and_then(|oldest| next(*oldest));
        let is_followed = after.is_none_or(|day| written.contains(&day));
        if !is_followed && written.len() <= REMEMBERED_SESSIONS {
            return;
        }
        written.pop_first();
    }
}

impl Reconciler for SnapshotEquity {
    const NAME: &'static str = "snapshot_equity";
    // A session may be as short as this; a run without an ended session does nothing.
    const INTERVAL: Duration = Duration::from_secs(1);

    async fn run(&mut self) -> Result<JobProgress, JobError> {
        let now = self.clock.now();
        let session = self.next_session(now).await?;
        let Some((session, day)) =
            session.and_then(|session| Some((session, self.source.session_day(now, session)?)))
        else {
            self.rows = 0;
            return Ok(JobProgress::done(0));
        };
        // For the newest close, present holdings are used; trades after it are not undone.
        let saved = self.source.finished_up_to(now, self.saved_day.day());
        let is_newest = session + 1 == saved;
        let closed_at = self.source.session_closed_at(now, session).filter(|_| !is_newest);
        self.writing = Some(day);
        let unit = (self.unit)();
        let step = self.store.snapshot_equity(day, closed_at, unit, PLAYERS).await?;
        self.rows += step.written;
        if !step.is_done {
            return Ok(JobProgress::unfinished(step.written));
        }
        self.writing = None;
        self.written.get_or_insert_default().insert(day);
        let is_interval_full = self.rows >= ROWS_PER_INTERVAL;
        if is_interval_full {
            self.rows = 0;
        }
        Ok(JobProgress { changed: step.written, done: is_interval_full })
    }
}
