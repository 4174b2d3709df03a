//! The jobs behind the players' curves: what everyone had at a session's close is written, and old
//! sessions are thinned out. They value nothing themselves; the closes are those in the database.

use std::sync::Arc;
use std::time::Duration;

use domain::{Clock, Day, UnixMicros};
use market::MarketSource;
use store::{EquityKept, Store};

use crate::history::SavedDay;
use crate::reconcile::{Fault, Progress, Reconciler};

/// Players written or looked at in one transaction, which others wait for on SQLite.
const PLAYERS: i64 = 500;
/// The newest sessions that are all kept.
const DAILY_SESSIONS: usize = 70;
/// The newest sessions of which the last of each week is kept; of older ones, of each month.
const WEEKLY_SESSIONS: usize = 520;

/// Writes what the players have at the close of the newest finished session. When sessions end
/// faster than they are written, those in between are left out.
pub(crate) struct SnapshotEquity {
    pub(crate) store: Store,
    pub(crate) source: Arc<MarketSource>,
    /// How far `save_history` is, without whose closes there is nothing to value.
    pub(crate) saved_day: SavedDay,
    pub(crate) clock: Arc<dyn Clock>,
    /// The session that is known to be written.
    pub(crate) written: Option<Day>,
}

impl Reconciler for SnapshotEquity {
    const NAME: &'static str = "snapshot_equity";
    // A session may be as short as this; when none has ended there is nothing to do.
    const EVERY: Duration = Duration::from_secs(1);

    async fn run(&mut self) -> Result<Progress, Fault> {
        let day = newest_day(&self.source, self.clock.now());
        let Some(day) = day.filter(|day| self.written != Some(*day)) else {
            return Ok(Progress::done(0));
        };
        if !self.saved_day.includes(day) {
            return Ok(Progress::done(0));
        }
        let step = self.store.snapshot_equity(day, PLAYERS).await?;
        if step.is_done {
            self.written = Some(day);
        }
        Ok(Progress { changed: step.written, done: step.is_done })
    }
}

/// Thins out what the players had at the closes of old sessions.
pub(crate) struct RollUpEquity {
    pub(crate) store: Store,
    pub(crate) source: Arc<MarketSource>,
    pub(crate) clock: Arc<dyn Clock>,
    /// How far this round through the players is.
    pub(crate) after_player_id: i64,
    /// Up to which session the last whole round was.
    pub(crate) rolled_up: Option<Day>,
}

impl Reconciler for RollUpEquity {
    const NAME: &'static str = "roll_up_equity";
    // What is kept a little longer does no harm; a round reads the curves of all players.
    const EVERY: Duration = Duration::from_secs(3600);

    async fn run(&mut self) -> Result<Progress, Fault> {
        let kept = kept(&self.source, self.clock.now());
        let Some(kept) = kept.filter(|kept| self.rolled_up != Some(kept.newest)) else {
            return Ok(Progress::done(0));
        };
        let step = self.store.roll_up_equity(self.after_player_id, PLAYERS, kept).await?;
        if step.next_after.is_none() {
            self.rolled_up = Some(kept.newest);
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
fn kept(source: &MarketSource, now: UnixMicros) -> Option<EquityKept> {
    let finished = source.finished_sessions(now);
    let first_of = |sessions: usize| source.session_day(now, finished.checked_sub(sessions)?);
    Some(EquityKept {
        newest: newest_day(source, now)?,
        daily_from: first_of(DAILY_SESSIONS)?,
        weekly_from: first_of(WEEKLY_SESSIONS).unwrap_or(Day(i32::MIN)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use market::MarketConfig;
    use store::DatabaseConfig;
    use testkit::ManualClock;

    struct World {
        store: Store,
        source: Arc<MarketSource>,
        clock: ManualClock,
        _directory: tempfile::TempDir,
    }

    async fn world() -> World {
        let directory = tempfile::tempdir().expect("a directory");
        let url = format!("sqlite:{}", directory.path().join("test.db").display());
        let config = DatabaseConfig { url, ..DatabaseConfig::default() };
        let store = Store::open(&config).await.expect("opens");
        store.migrate().await.expect("migrates");
        let clock = ManualClock::new();
        let source = MarketSource::new(&MarketConfig::default(), clock.now()).expect("a market");
        World { store, source: Arc::new(source), clock, _directory: directory }
    }

    #[tokio::test]
    async fn a_session_is_written_when_its_closes_are_kept_and_then_no_more() {
        let world = world().await;
        let saved_day = SavedDay::default();
        let mut job = SnapshotEquity {
            store: world.store.clone(),
            source: Arc::clone(&world.source),
            saved_day: saved_day.clone(),
            clock: Arc::new(world.clock.clone()),
            written: None,
        };
        assert_eq!(job.run().await.expect("runs"), Progress::done(0));
        assert_eq!(job.written, None, "the closes are not kept yet");
        let day = newest_day(&world.source, world.clock.now()).expect("history");
        saved_day.set(day);
        for _ in 0..2 {
            assert_eq!(job.run().await.expect("runs"), Progress::done(0));
            assert_eq!(job.written, Some(day));
        }
        world.clock.advance_seconds(3 * 60);
        let later = newest_day(&world.source, world.clock.now()).expect("history");
        assert!(later > day);
        job.run().await.expect("runs");
        assert_eq!(job.written, Some(day), "the closes of the later one are not kept yet");
    }

    #[tokio::test]
    async fn a_round_of_thinning_out_ends_and_waits_for_the_next_session() {
        let world = world().await;
        let mut job = RollUpEquity {
            store: world.store.clone(),
            source: Arc::clone(&world.source),
            clock: Arc::new(world.clock.clone()),
            after_player_id: 0,
            rolled_up: None,
        };
        assert_eq!(job.run().await.expect("runs"), Progress::done(0));
        assert_eq!(job.rolled_up, newest_day(&world.source, world.clock.now()));
    }

    #[test]
    fn seventy_sessions_are_kept_whole_and_five_hundred_and_twenty_by_week() {
        let start = UnixMicros(1_795_000_000_000_000);
        let source = MarketSource::new(&MarketConfig::default(), start).expect("a market");
        let finished = source.finished_sessions(start);
        let kept = kept(&source, start).expect("a long history");
        let day = |session| source.session_day(start, session).expect("finished");
        assert_eq!(kept.newest, day(finished - 1));
        assert_eq!(kept.daily_from, day(finished - 70));
        assert_eq!(kept.weekly_from, day(finished - 520));
    }
}
