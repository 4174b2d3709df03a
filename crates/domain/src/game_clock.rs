//! The clock of a game: immutable segments that map real seconds to a position in the market.
//! A position never decreases, and a new segment never changes the position at an earlier second
//! (docs/adr/0026-game-clock.md).

mod command;
#[cfg(test)]
mod tests;

use std::fmt;

use thiserror::Error;

pub use self::command::{ClockCommand, ClockRefusal};
use crate::UnixMicros;

/// The longest session, in real seconds: a day.
pub const SESSION_SECONDS_MAX: u32 = 86_400;

/// How far a game has been played, in millionths of a session since its start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClockPosition(pub i64);

impl ClockPosition {
    /// The units of a whole session.
    pub const PER_SESSION: i64 = 1_000_000;

    /// The position at which this many sessions are over; saturating.
    pub fn of_sessions(sessions: i64) -> Self {
        Self(sessions.saturating_mul(Self::PER_SESSION))
    }

    /// How many sessions are over.
    pub fn sessions(self) -> i64 {
        self.0.div_euclid(Self::PER_SESSION)
    }

    /// The step of the running session's path of prices, of `steps`: 0 is its opening. Exact for a
    /// position that was reached at a session of `steps` seconds: second s is step s.
    pub fn step(self, steps: u32) -> u32 {
        let (part, steps) = (self.0.rem_euclid(Self::PER_SESSION), i64::from(steps));
        let step = (part * steps + steps - 1) / Self::PER_SESSION;
        u32::try_from(step.max(0)).unwrap_or(0)
    }

    /// The next later position at which a session is over.
    #[must_use]
    pub fn next_close(self) -> Self {
        Self::of_sessions(self.sessions().saturating_add(1))
    }
}

/// In sessions, as in `12.500000`.
impl fmt::Display for ClockPosition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:06}", self.sessions(), self.0.rem_euclid(Self::PER_SESSION))
    }
}

/// Why a segment exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ClockCause {
    /// The start of the game.
    Start,
    /// An operator paused it.
    Pause,
    /// An operator resumed it.
    Resume,
    /// An operator changed the length of a session.
    Pace,
    /// The schedule opens or closes the market. Such a segment is planned ahead.
    Schedule,
    /// An operator moved it to the next close.
    Step,
    /// No server was running.
    Downtime,
}

impl ClockCause {
    /// All causes.
    pub const ALL: [Self; 7] = [
        Self::Start,
        Self::Pause,
        Self::Resume,
        Self::Pace,
        Self::Schedule,
        Self::Step,
        Self::Downtime,
    ];

    /// The word in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Pause => "pause",
            Self::Resume => "resume",
            Self::Pace => "pace",
            Self::Schedule => "schedule",
            Self::Step => "step",
            Self::Downtime => "downtime",
        }
    }

    /// The cause of this word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|cause| cause.as_str() == word)
    }
}

/// A part of a game's clock: from an instant on, sessions last this long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockSegment {
    /// From 1, without gaps.
    pub seq: i64,
    /// A whole second.
    pub begins_at: UnixMicros,
    /// The position at that instant.
    pub position: ClockPosition,
    /// Real seconds of a session, 1 to 86,400; 0 while the clock is paused.
    pub session_seconds: u32,
    /// Why it exists.
    pub cause: ClockCause,
}

impl ClockSegment {
    fn position_after(&self, seconds: i64) -> ClockPosition {
        if self.session_seconds == 0 {
            return self.position;
        }
        let moved = i128::from(seconds.max(0)) * i128::from(ClockPosition::PER_SESSION)
            / i128::from(self.session_seconds);
        let moved = i64::try_from(moved).unwrap_or(i64::MAX);
        ClockPosition(self.position.0.saturating_add(moved))
    }

    /// The seconds after which a later position is reached; `None` while the clock is paused.
    fn seconds_to(&self, position: ClockPosition) -> Option<i64> {
        if self.session_seconds == 0 {
            return None;
        }
        let way = i128::from(position.0) - i128::from(self.position.0);
        let per_session = i128::from(ClockPosition::PER_SESSION);
        let seconds = (way * i128::from(self.session_seconds) + per_session - 1) / per_session;
        i64::try_from(seconds).ok()
    }
}

/// Why a segment cannot be appended to a clock.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum ClockError {
    /// Another segment was appended first, or one is missing.
    #[error("expected segment {expected}, got {got}")]
    Sequence {
        /// The number of the next segment.
        expected: i64,
        /// The number of the segment.
        got: i64,
    },
    /// A segment begins at a whole second, a session lasts a day at most, and a position is at
    /// least 0.
    #[error("segment {0} is malformed")]
    Malformed(i64),
    /// Only planned segments of the schedule are replaced by a segment that begins before them.
    #[error("segment {0} begins before the last one")]
    BeforeLast(i64),
    /// The position would decrease.
    #[error("segment {0} moves the clock backwards")]
    Backwards(i64),
    /// Only a step moves the position.
    #[error("segment {0} moves the clock without a step")]
    Jump(i64),
}

/// The clock of a game. A segment replaces all that begin at or after its own beginning; these are
/// in the future when it is appended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GameClock {
    /// Those that were not replaced, ascending by beginning; at least one.
    segments: Vec<ClockSegment>,
    last_seq: i64,
    /// The session length of the newest segment that runs.
    pace: u32,
}

impl GameClock {
    /// A clock that begins with this segment, the first of its game.
    pub fn new(first: ClockSegment) -> Result<Self, ClockError> {
        check_seq(1, first.seq)?;
        check_shape(&first)?;
        Ok(Self { segments: vec![first], last_seq: 1, pace: first.session_seconds.max(1) })
    }

    /// A clock that starts at this second with sessions of this length, at least a second.
    pub fn starting(at: UnixMicros, session_seconds: u32) -> Self {
        let first = ClockSegment {
            seq: 1,
            begins_at: at.whole_second(),
            position: ClockPosition(0),
            session_seconds: session_seconds.clamp(1, SESSION_SECONDS_MAX),
            cause: ClockCause::Start,
        };
        Self { segments: vec![first], last_seq: 1, pace: first.session_seconds }
    }

    /// The clock of all segments of a game, in the order of their numbers.
    pub fn of(segments: &[ClockSegment]) -> Result<Self, ClockError> {
        let (first, rest) =
            segments.split_first().ok_or(ClockError::Sequence { expected: 1, got: 0 })?;
        let mut clock = Self::new(*first)?;
        for segment in rest {
            clock.append(*segment)?;
        }
        Ok(clock)
    }

    /// Appends a segment. The position at every second before its beginning stays what it is.
    pub fn append(&mut self, segment: ClockSegment) -> Result<(), ClockError> {
        let ClockSegment { seq, begins_at, position, session_seconds, cause } = segment;
        check_seq(self.last_seq + 1, seq)?;
        check_shape(&segment)?;
        let kept = self.segments.partition_point(|known| known.begins_at < begins_at);
        let is_planned = |known: &ClockSegment| known.cause == ClockCause::Schedule;
        let is_late = |known: &ClockSegment| known.begins_at > begins_at && !is_planned(known);
        let is_before_start = self.segments[0].begins_at > begins_at;
        if is_before_start || self.segments[kept..].iter().any(is_late) {
            return Err(ClockError::BeforeLast(seq));
        }
        let present = self.position_at(begins_at);
        if position < present {
            return Err(ClockError::Backwards(seq));
        }
        if position > present && cause != ClockCause::Step {
            return Err(ClockError::Jump(seq));
        }
        self.segments.truncate(kept);
        self.segments.push(segment);
        self.last_seq = seq;
        if session_seconds > 0 {
            self.pace = session_seconds;
        }
        Ok(())
    }

    /// The number of the newest segment.
    pub fn last_seq(&self) -> i64 {
        self.last_seq
    }

    /// The segments that were not replaced, ascending by beginning.
    pub fn segments(&self) -> &[ClockSegment] {
        &self.segments
    }

    /// When the game started.
    pub fn started_at(&self) -> UnixMicros {
        self.segments[0].begins_at
    }

    /// The segment of an instant; before the start, the first one.
    pub fn segment_at(&self, now: UnixMicros) -> &ClockSegment {
        let begun = self.segments.partition_point(|segment| segment.begins_at <= now);
        &self.segments[begun.saturating_sub(1)]
    }

    /// The position at an instant; before the start, that of the start. It changes at whole
    /// seconds.
    pub fn position_at(&self, now: UnixMicros) -> ClockPosition {
        let segment = self.segment_at(now);
        segment.position_after(now.seconds().saturating_sub(segment.begins_at.seconds()))
    }

    /// The first whole second at which a position is reached by the present segments; `None` if
    /// never. A position that the game began with is reached at its start.
    pub fn reached_at(&self, position: ClockPosition) -> Option<UnixMicros> {
        let before = self.segments.partition_point(|segment| segment.position < position);
        let next = self.segments.get(before).map(|segment| segment.begins_at);
        let Some(segment) = before.checked_sub(1).map(|at| &self.segments[at]) else {
            return next;
        };
        let reached = segment.seconds_to(position).map(|s| segment.begins_at.plus_seconds(s));
        match (reached, next) {
            (Some(reached), Some(next)) => Some(reached.min(next)),
            (reached, next) => reached.or(next),
        }
    }

    /// Whether the clock is paused at an instant.
    pub fn is_paused_at(&self, now: UnixMicros) -> bool {
        self.segment_at(now).session_seconds == 0
    }

    /// When the clock runs again, if it is paused at `now` and the end of the pause is planned.
    pub fn resumes_at(&self, now: UnixMicros) -> Option<UnixMicros> {
        if !self.is_paused_at(now) {
            return None;
        }
        let runs = |segment: &&ClockSegment| segment.begins_at > now && segment.session_seconds > 0;
        self.segments.iter().find(runs).map(|segment| segment.begins_at)
    }

    /// Real seconds of a session at an instant; while the clock is paused, those of the session
    /// that a resumed clock has.
    pub fn session_seconds_at(&self, now: UnixMicros) -> u32 {
        match self.segment_at(now).session_seconds {
            0 => self.pace,
            seconds => seconds,
        }
    }
}

fn check_seq(expected: i64, got: i64) -> Result<(), ClockError> {
    if expected == got { Ok(()) } else { Err(ClockError::Sequence { expected, got }) }
}

fn check_shape(segment: &ClockSegment) -> Result<(), ClockError> {
    let is_whole = segment.begins_at == segment.begins_at.whole_second();
    if is_whole && segment.session_seconds <= SESSION_SECONDS_MAX && segment.position.0 >= 0 {
        return Ok(());
    }
    Err(ClockError::Malformed(segment.seq))
}
