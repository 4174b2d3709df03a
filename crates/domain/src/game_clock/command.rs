//! Changes of a game's clock as new segments: commands of operators, the plan of a schedule, and
//! the downtime of all servers. Pure; the caller appends the segments to the database.

use thiserror::Error;

use super::{ClockCause, ClockPosition, ClockSegment, GameClock, SESSION_SECONDS_MAX};
use crate::UnixMicros;

/// What is allowed between the computation of a segment and its commit, in microseconds.
const COMMIT_MICROS: i64 = 250_000;
/// Whole seconds between the second of the commit and the second of the change, so that every node
/// reads it at least a second before.
const LEAD_S: i64 = 2;

/// What an operator can do with the clock of a game.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClockCommand {
    /// Stop it.
    Pause,
    /// Continue at the pace of before.
    Resume,
    /// Move to the next close; a paused clock stays paused.
    Step,
    /// Set the real seconds of a session; a paused clock stays paused.
    Pace(u32),
}

/// Why a command is refused.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum ClockRefusal {
    /// It is paused.
    #[error("the clock is paused already")]
    AlreadyPaused,
    /// It runs.
    #[error("the clock is not paused")]
    NotPaused,
    /// It has this pace.
    #[error("a session lasts {0} s already")]
    SamePace(u32),
    /// The pace is out of bounds.
    #[error("expected 1 to 86400 seconds, got {0}")]
    PaceOutOfBounds(u32),
}

impl ClockCommand {
    /// The cause of its segments.
    pub fn cause(self) -> ClockCause {
        match self {
            Self::Pause => ClockCause::Pause,
            Self::Resume => ClockCause::Resume,
            Self::Step => ClockCause::Step,
            Self::Pace(_) => ClockCause::Pace,
        }
    }
}

impl GameClock {
    /// The second from which a change that is committed now takes effect: at least one second after
    /// the commit, and not before the last segment that is not planned by the schedule.
    pub fn effective_at(&self, now: UnixMicros) -> UnixMicros {
        let committed = UnixMicros(now.0.saturating_add(COMMIT_MICROS)).whole_second();
        committed.plus_seconds(LEAD_S).max(self.decided_at())
    }

    /// The beginning of the last segment that is not planned by the schedule.
    fn decided_at(&self) -> UnixMicros {
        let decided = self.segments.iter().filter(|known| known.cause != ClockCause::Schedule);
        decided.map(|segment| segment.begins_at).max().unwrap_or_else(|| self.started_at())
    }

    /// The segments of a command that takes effect at a whole second.
    pub fn plan(
        &self,
        command: ClockCommand,
        at: UnixMicros,
    ) -> Result<Vec<ClockSegment>, ClockRefusal> {
        let (is_paused, position) = (self.is_paused_at(at), self.position_at(at));
        let pace = self.session_seconds_at(at);
        let segment = |position, session_seconds| self.next(at, position, session_seconds, command);
        Ok(match command {
            ClockCommand::Pause if is_paused => return Err(ClockRefusal::AlreadyPaused),
            ClockCommand::Pause => vec![segment(position, 0)],
            ClockCommand::Resume if !is_paused => return Err(ClockRefusal::NotPaused),
            ClockCommand::Resume => vec![segment(position, pace)],
            ClockCommand::Step if is_paused => vec![segment(position.next_close(), 0)],
            ClockCommand::Step => vec![segment(position.next_close(), pace)],
            ClockCommand::Pace(seconds) if !(1..=SESSION_SECONDS_MAX).contains(&seconds) => {
                return Err(ClockRefusal::PaceOutOfBounds(seconds));
            }
            ClockCommand::Pace(seconds) if seconds == pace => {
                return Err(ClockRefusal::SamePace(seconds));
            }
            ClockCommand::Pace(seconds) => {
                let change = segment(position, seconds);
                let pause = ClockSegment { seq: change.seq + 1, session_seconds: 0, ..change };
                if is_paused { vec![change, pause] } else { vec![change] }
            }
        })
    }

    fn next(
        &self,
        begins_at: UnixMicros,
        position: ClockPosition,
        session_seconds: u32,
        command: ClockCommand,
    ) -> ClockSegment {
        let (seq, cause) = (self.last_seq + 1, command.cause());
        ClockSegment { seq, begins_at, position, session_seconds, cause }
    }

    /// A segment by which the schedule opens or closes the market at a whole second.
    pub fn scheduled(&self, begins_at: UnixMicros, is_open: bool) -> ClockSegment {
        ClockSegment {
            seq: self.last_seq + 1,
            begins_at,
            position: self.position_at(begins_at),
            session_seconds: if is_open { self.session_seconds_at(begins_at) } else { 0 },
            cause: ClockCause::Schedule,
        }
    }

    /// A pause from `stopped_at` to `resumes_at`, both whole seconds, in which no server ran; no
    /// segments if the position would not have moved. Afterwards the clock continues as its
    /// segments have it then; what is planned for later is planned again.
    pub fn downtime(&self, stopped_at: UnixMicros, resumes_at: UnixMicros) -> Vec<ClockSegment> {
        // What an operator decided without a server holds.
        let stopped_at = stopped_at.max(self.decided_at());
        let position = self.position_at(stopped_at);
        if stopped_at >= resumes_at || position == self.position_at(resumes_at) {
            return Vec::new();
        }
        let pause = ClockSegment {
            seq: self.last_seq + 1,
            begins_at: stopped_at,
            position,
            session_seconds: 0,
            cause: ClockCause::Downtime,
        };
        let session_seconds = self.segment_at(resumes_at).session_seconds;
        let resume =
            ClockSegment { seq: pause.seq + 1, begins_at: resumes_at, session_seconds, ..pause };
        vec![pause, resume]
    }
}
