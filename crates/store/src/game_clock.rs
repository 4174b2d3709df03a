//! The clock of a game: its segments, appended by compare-and-set on their number, the heartbeat of
//! its servers, its schedule and its events. `domain::GameClock` computes positions from segments.

use domain::{Clock, ClockCause, ClockError, ClockPosition, ClockSegment, GameClock, UnixMicros};

use crate::query::row;
use crate::rows::RowSet;
use crate::statement::LazyStatement;
use crate::transaction::Tx;
use crate::{Store, StoreError};

/// Segments of one page.
const PAGE: i64 = 1_000;
/// A change takes effect this many seconds after its commit at least, so that every node knows it.
const NOTICE_S: i64 = 1;

/// What an operator or a job did to a game, to be stored.
#[derive(Clone, Copy, Debug)]
pub struct NewGameEvent<'a> {
    /// `operator`, `schedule` or `server`.
    pub actor: &'a str,
    pub action: &'a str,
    pub target: &'a str,
    pub reason: &'a str,
    pub at: UnixMicros,
}

row! {
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct GameEvent {
        pub seq: i64,
        pub actor: String,
        pub action: String,
        pub target: String,
        pub reason: String,
        pub at: UnixMicros,
    }
}

/// A change of a game's clock, committed whole or not at all.
#[derive(Clone, Copy, Debug)]
pub struct ClockChange<'a> {
    /// At least one; numbered from the one after the newest that the caller has read.
    pub segments: &'a [ClockSegment],
    pub event: NewGameEvent<'a>,
    /// The new text of the schedule; an inner `None` removes it.
    pub schedule: Option<Option<&'a str>>,
    /// The heartbeat that the caller has read, which is replaced by the event's instant.
    pub beat_at: Option<UnixMicros>,
}

/// New segments of a clock, and the newest heartbeat of its servers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClockPage {
    pub beat_at: Option<UnixMicros>,
    /// Ascending, at most 1,000.
    pub segments: Vec<ClockSegment>,
}

static FOLLOW: LazyStatement = LazyStatement::new(
    "game_clock.follow",
    "SELECT h.beat_at, c.seq, c.begins_at, c.position, c.session_seconds, c.cause
     FROM games g
     LEFT JOIN game_heartbeats h ON h.game_id = g.game_id
     LEFT JOIN game_clock c ON c.game_id = g.game_id AND c.seq > $2
     WHERE g.game_id = $1 ORDER BY c.seq LIMIT $3",
);

static APPEND: LazyStatement = LazyStatement::with_rows(
    "game_clock.append",
    "seq bigint, begins_at bigint, position bigint, session_seconds bigint, cause text",
    "INSERT INTO game_clock (game_id, seq, begins_at, position, session_seconds, cause)
     SELECT {$1}, b.seq, b.begins_at, b.position, b.session_seconds, b.cause
     FROM ({rows}) AS b WHERE true
     ON CONFLICT (game_id, seq) DO NOTHING",
);

static ADD_EVENT: LazyStatement = LazyStatement::new(
    "game_events.add",
    "INSERT INTO game_events (game_id, seq, actor, action, target, reason, at)
     SELECT $1, COALESCE(MAX(e.seq), 0) + 1, $2, $3, $4, $5, $6
     FROM game_events e WHERE e.game_id = $1
     ON CONFLICT (game_id, seq) DO NOTHING",
);

static EVENTS: LazyStatement = LazyStatement::new(
    "game_events.page",
    "SELECT seq, actor, action, target, reason, at FROM game_events
     WHERE game_id = $1 AND seq < $2 ORDER BY seq DESC LIMIT $3",
);

static STEPS: LazyStatement =
    LazyStatement::new("games.session_steps", "SELECT session_steps FROM games WHERE game_id = $1");

static SET_STEPS: LazyStatement = LazyStatement::new(
    "games.set_session_steps",
    "UPDATE games SET session_steps = $2 WHERE game_id = $1 AND session_steps IS NULL",
);

static FIRST_BEAT: LazyStatement = LazyStatement::new(
    "game_heartbeats.first",
    "INSERT INTO game_heartbeats (game_id, beat_at) VALUES ($1, $2)
     ON CONFLICT (game_id) DO NOTHING",
);

static BEAT: LazyStatement = LazyStatement::new(
    "game_heartbeats.beat",
    "UPDATE game_heartbeats SET beat_at = $2 WHERE game_id = $1 AND beat_at BETWEEN $3 AND $4",
);

static SCHEDULE: LazyStatement = LazyStatement::new(
    "game_schedules.find",
    "SELECT schedule FROM game_schedules WHERE game_id = $1",
);

static SAVE_SCHEDULE: LazyStatement = LazyStatement::new(
    "game_schedules.save",
    "INSERT INTO game_schedules (game_id, schedule, changed_at) VALUES ($1, $2, $3)
     ON CONFLICT (game_id) DO UPDATE SET
         schedule = excluded.schedule, changed_at = excluded.changed_at",
);

static DELETE_SCHEDULE: LazyStatement =
    LazyStatement::new("game_schedules.delete", "DELETE FROM game_schedules WHERE game_id = $1");

pub(crate) static STATEMENTS: &[&LazyStatement] = &[
    &FOLLOW,
    &APPEND,
    &ADD_EVENT,
    &EVENTS,
    &STEPS,
    &SET_STEPS,
    &FIRST_BEAT,
    &BEAT,
    &SCHEDULE,
    &SAVE_SCHEDULE,
    &DELETE_SCHEDULE,
];

row! {
    struct FollowedRow {
        beat_at: Option<i64>,
        seq: Option<i64>,
        begins_at: Option<i64>,
        position: Option<i64>,
        session_seconds: Option<i64>,
        cause: Option<String>,
    }
}

impl FollowedRow {
    /// `None` without a new segment.
    fn read(&self) -> Result<Option<ClockSegment>, StoreError> {
        let Some(seq) = self.seq else { return Ok(None) };
        let corrupt = || StoreError::Corrupt(format!("game_clock: segment {seq} is unreadable"));
        let seconds = self.session_seconds.and_then(|seconds| u32::try_from(seconds).ok());
        Ok(Some(ClockSegment {
            seq,
            begins_at: UnixMicros(self.begins_at.ok_or_else(corrupt)?),
            position: ClockPosition(self.position.ok_or_else(corrupt)?),
            session_seconds: seconds.ok_or_else(corrupt)?,
            cause: self.cause.as_deref().and_then(ClockCause::parse).ok_or_else(corrupt)?,
        }))
    }
}

impl Store {
    /// Gives a game without a clock its first segment, from `started_at` on with sessions of this
    /// length; the steps of a session, of equal number; and a heartbeat. A stored clock stays what
    /// it is. Returns the steps.
    pub async fn ensure_clock(
        &self,
        game_id: i64,
        started_at: UnixMicros,
        session_seconds: u32,
        now: UnixMicros,
    ) -> Result<u32, StoreError> {
        let steps: Option<i64> = self.reader().fetch_scalar(&STEPS, (game_id,)).await?;
        if let Some(steps) = steps {
            return read_steps(steps);
        }
        let clock = GameClock::starting(started_at, session_seconds);
        let mut tx = self.begin().await?;
        tx.run().execute(&APPEND, (&segment_rows(clock.segments()), game_id)).await?;
        tx.run().execute(&FIRST_BEAT, (game_id, now.0)).await?;
        tx.run().execute(&SET_STEPS, (game_id, i64::from(session_seconds))).await?;
        tx.commit().await?;
        // Another node may have been first.
        read_steps(self.reader().fetch_scalar(&STEPS, (game_id,)).await?)
    }

    /// The whole clock of a game, and its newest heartbeat.
    pub async fn load_clock(
        &self,
        game_id: i64,
    ) -> Result<(GameClock, Option<UnixMicros>), StoreError> {
        let mut segments = Vec::<ClockSegment>::new();
        let beat_at = loop {
            let after = segments.last().map_or(0, |segment| segment.seq);
            let page = self.clock_page(game_id, after).await?;
            if page.segments.is_empty() {
                break page.beat_at;
            }
            segments.extend(page.segments);
        };
        Ok((GameClock::of(&segments).map_err(damaged)?, beat_at))
    }

    /// The segments after a number, a page at most, and the newest heartbeat.
    pub async fn clock_page(&self, game_id: i64, after: i64) -> Result<ClockPage, StoreError> {
        let rows: Vec<FollowedRow> =
            self.reader().fetch_all(&FOLLOW, (game_id, after, PAGE)).await?;
        let beat_at = rows.first().and_then(|row| row.beat_at).map(UnixMicros);
        let segments: Result<Vec<_>, _> =
            rows.iter().filter_map(|row| row.read().transpose()).collect();
        Ok(ClockPage { beat_at, segments: segments? })
    }

    /// Commits a change of the clock. Returns `false`, and writes nothing, if another change came
    /// first, or if it took so long that the change would take effect before every node knows it:
    /// read the clock again.
    pub async fn commit_clock(
        &self,
        game_id: i64,
        change: &ClockChange<'_>,
        clock: &dyn Clock,
    ) -> Result<bool, StoreError> {
        let mut tx = self.begin().await?;
        let is_written = write_change(&mut tx, game_id, change).await?;
        if !is_written || takes_effect_at(change.segments) < clock.now().plus_seconds(NOTICE_S) {
            tx.rollback().await?;
            return Ok(false);
        }
        tx.commit().await?;
        Ok(true)
    }

    /// Records that a server runs at `now`, unless a server did so since `after`, or none has since
    /// `not_before`: that is a downtime, which [`Store::commit_clock`] ends. Returns whether it was
    /// recorded.
    pub async fn record_heartbeat(
        &self,
        game_id: i64,
        now: UnixMicros,
        not_before: UnixMicros,
        after: UnixMicros,
    ) -> Result<bool, StoreError> {
        let params = (game_id, now.0, not_before.0, after.0);
        Ok(self.writer().execute(&BEAT, params).await? > 0)
    }

    /// The text of a game's schedule.
    pub async fn find_schedule(&self, game_id: i64) -> Result<Option<String>, StoreError> {
        self.reader().fetch_optional_scalar(&SCHEDULE, (game_id,)).await
    }

    /// Events of a game below a number, newest first.
    pub async fn game_events_page(
        &self,
        game_id: i64,
        below: i64,
        limit: i64,
    ) -> Result<Vec<GameEvent>, StoreError> {
        self.reader().fetch_all(&EVENTS, (game_id, below, limit)).await
    }
}

/// When the change is first seen: a downtime begins in the past, where the market stood still.
fn takes_effect_at(segments: &[ClockSegment]) -> UnixMicros {
    let seen = segments.iter().find(|segment| segment.cause != ClockCause::Downtime);
    seen.or(segments.last()).map_or(UnixMicros(i64::MAX), |segment| segment.begins_at)
}

async fn write_change(
    tx: &mut Tx,
    game_id: i64,
    change: &ClockChange<'_>,
) -> Result<bool, StoreError> {
    let NewGameEvent { actor, action, target, reason, at } = change.event;
    // First, because two nodes that end the same downtime wait for this row.
    if let Some(UnixMicros(beat_at)) = change.beat_at
        && tx.run().execute(&BEAT, (game_id, at.0, beat_at, beat_at)).await? == 0
    {
        return Ok(false);
    }
    let appended = tx.run().execute(&APPEND, (&segment_rows(change.segments), game_id)).await?;
    if appended != change.segments.len() as u64 {
        return Ok(false);
    }
    let event = (game_id, actor, action, target, reason, at.0);
    if tx.run().execute(&ADD_EVENT, event).await? == 0 {
        return Ok(false);
    }
    match change.schedule {
        None => {}
        Some(None) => {
            tx.run().execute(&DELETE_SCHEDULE, (game_id,)).await?;
        }
        Some(Some(text)) => {
            tx.run().execute(&SAVE_SCHEDULE, (game_id, text, at.0)).await?;
        }
    }
    Ok(true)
}

fn segment_rows(segments: &[ClockSegment]) -> RowSet {
    RowSet::new(vec![
        RowSet::int(segments, |segment| segment.seq),
        RowSet::int(segments, |segment| segment.begins_at.0),
        RowSet::int(segments, |segment| segment.position.0),
        RowSet::int(segments, |segment| i64::from(segment.session_seconds)),
        RowSet::text(segments, |segment| segment.cause.as_str().to_owned()),
    ])
}

fn read_steps(steps: i64) -> Result<u32, StoreError> {
    u32::try_from(steps).map_err(|_| StoreError::Corrupt(format!("games: {steps} session_steps")))
}

fn damaged(error: ClockError) -> StoreError {
    StoreError::Corrupt(format!("game_clock: {error}"))
}
