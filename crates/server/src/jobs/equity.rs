//! The jobs behind the players' curves: what the players had at each session's close is written,
//! and old sessions are thinned out. The values are computed by the store from the saved closes.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use domain::{Clock, Day, UnixMicros};
use market::MarketSource;
use store::{EquityRetention, Store};

use crate::boot::history::SavedDay;
use crate::jobs::supervisor::{Fault, Progress, Reconciler};

/// Players written or looked at in one transaction, which others wait for on SQLite.
const PLAYERS: i64 = 500;
/// The newest sessions that are all kept.
const DAILY_SESSIONS: usize = 70;
/// The newest sessions of which the last of each week is kept; of older ones, of each month.
const WEEKLY_SESSIONS: usize = 520;
/// After so many rows the job waits for its next turn, so that sessions of a second among many
/// players do not keep the database busy all the time.
const ROWS_A_TURN: u64 = 20_000;
/// The most written sessions that the job remembers, and so the furthest back that it catches up.
const REMEMBERED_SESSIONS: usize = 20_000;
/// Old sessions are thinned out after as many new ones as are kept, or after this time.
const THINNED_EVERY_S: i64 = 3600;

/// Writes what the players have at the close of each session whose closes are saved: the newest
/// first, then those before it that are not written yet, back to the last one that was written
/// before a pause. When sessions close faster than they can be written, those in between wait until
/// the database keeps up; a restart gives up those that are older than [`DAILY_SESSIONS`] sessions.
pub(crate) struct SnapshotEquity {
    store: Store,
    source: Arc<MarketSource>,
    /// How far `save_history` is, without whose closes there is nothing to value.
    saved_day: SavedDay,
    clock: Arc<dyn Clock>,
    /// The sessions that are known to be written; `None` before the database was asked.
    written: Option<BTreeSet<Day>>,
    /// The session that is being written.
    writing: Option<Day>,
    /// Rows written in this turn.
    rows: u64,
}

impl SnapshotEquity {
    pub(crate) fn new(
        store: Store,
        source: Arc<MarketSource>,
        saved_day: SavedDay,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { store, source, saved_day, clock, written: None, writing: None, rows: 0 }
    }

    /// The session to be written next; `None` when all are.
    async fn next_session(&mut self, now: UnixMicros) -> Result<Option<usize>, Fault> {
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
        // In a market that has started over, later days are of the time before.
        written.retain(|day| *day <= newest);
        let session_on = |day| self.source.session_on(now, day);
        forget_oldest(written, |day| day_of(session_on(day)? + 1));
        // Sessions before the first that was written are of the time before the game.
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

/// Forgets the oldest written sessions, but not the last one before a session that is missing.
fn forget_oldest(written: &mut BTreeSet<Day>, next: impl Fn(Day) -> Option<Day>) {
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
    // A session may be as short as this; when none has ended there is nothing to do.
    const EVERY: Duration = Duration::from_secs(1);

    async fn run(&mut self) -> Result<Progress, Fault> {
        let now = self.clock.now();
        let session = self.next_session(now).await?;
        let Some((session, day)) =
            session.and_then(|session| Some((session, self.source.session_day(now, session)?)))
        else {
            self.rows = 0;
            return Ok(Progress::done(0));
        };
        // What the players have now is what they had at the newest close, as nearly as is known.
        let saved = self.source.finished_up_to(now, self.saved_day.day());
        let is_newest = session + 1 == saved;
        let closed_at = self.source.session_closed_at(now, session).filter(|_| !is_newest);
        self.writing = Some(day);
        let step = self.store.snapshot_equity(day, closed_at, PLAYERS).await?;
        self.rows += step.written;
        let mut is_turn_over = false;
        if step.is_done {
            self.writing = None;
            self.written.get_or_insert_default().insert(day);
            is_turn_over = self.rows >= ROWS_A_TURN;
        }
        if is_turn_over {
            self.rows = 0;
        }
        Ok(Progress { changed: step.written, done: is_turn_over })
    }
}

/// Thins out what the players had at the closes of old sessions.
pub(crate) struct RollUpEquity {
    store: Store,
    source: Arc<MarketSource>,
    clock: Arc<dyn Clock>,
    /// How far this round through the players is.
    after_player_id: i64,
    /// How many sessions had finished before the last whole round, and when it was.
    rolled_up: Option<(usize, UnixMicros)>,
}

impl RollUpEquity {
    pub(crate) fn new(store: Store, source: Arc<MarketSource>, clock: Arc<dyn Clock>) -> Self {
        Self { store, source, clock, after_player_id: 0, rolled_up: None }
    }

    /// Whether a round is under way or due: so a player never has more than twice the rows that
    /// are kept, however short sessions are.
    fn is_due(&self, now: UnixMicros) -> bool {
        let Some((finished, at)) = self.rolled_up.filter(|_| self.after_player_id == 0) else {
            return true;
        };
        let sessions = self.source.finished_sessions(now).abs_diff(finished);
        sessions >= DAILY_SESSIONS || (sessions > 0 && now >= at.plus_seconds(THINNED_EVERY_S))
    }
}

impl Reconciler for RollUpEquity {
    const NAME: &'static str = "roll_up_equity";
    // A session may be as short as a second; a round reads the curves of all players.
    const EVERY: Duration = Duration::from_secs(10);

    async fn run(&mut self) -> Result<Progress, Fault> {
        let now = self.clock.now();
        let Some(kept) = kept(&self.source, now).filter(|_| self.is_due(now)) else {
            return Ok(Progress::done(0));
        };
        let step = self.store.roll_up_equity(self.after_player_id, PLAYERS, kept).await?;
        if step.next_after.is_none() {
            self.rolled_up = Some((self.source.finished_sessions(now), now));
        }
        self.after_player_id = step.next_after.unwrap_or(0);
        Ok(Progress { changed: step.deleted, done: step.next_after.is_none() })
    }
}

/// The day of the newest finished session.
pub(crate) fn newest_day(source: &MarketSource, now: UnixMicros) -> Option<Day> {
    source.session_day(now, source.finished_sessions(now).checked_sub(1)?)
}

/// Which days are kept how densely; `None` while all are.
fn kept(source: &MarketSource, now: UnixMicros) -> Option<EquityRetention> {
    let finished = source.finished_sessions(now);
    let first_of = |sessions: usize| source.session_day(now, finished.checked_sub(sessions)?);
    Some(EquityRetention {
        newest: newest_day(source, now)?,
        daily_from: first_of(DAILY_SESSIONS)?,
        weekly_from: first_of(WEEKLY_SESSIONS).unwrap_or(Day(i32::MIN)),
    })
}

#[cfg(test)]
mod tests;
