//! Maps real time to market time by the game's clock: the session and the step within it at an
//! instant.

use std::sync::Arc;

use domain::{ClockPosition, UnixMicros};

use crate::config::AtEnd;
use crate::shared_clock::SharedClock;

/// The market time of an instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MarketTime {
    /// The running session; once the market has ended, the last one.
    pub session: usize,
    /// The step of that session's path of prices; 0 once the market has ended. In a live market,
    /// the seconds since the session opened.
    pub step: u32,
    pub ended: bool,
    /// How often a looping market has started over.
    pub pass: u32,
}

impl MarketTime {
    /// How many sessions have a public close: those numbered below this.
    pub fn finished_sessions(&self) -> usize {
        if self.ended { self.session + 1 } else { self.session }
    }

    /// The session whose day the prices of this instant bear: the last finished one at a closing
    /// tick, otherwise the running one.
    pub fn priced_session(&self) -> usize {
        if self.at_close() { self.finished_sessions().saturating_sub(1) } else { self.session }
    }

    /// Whether the prices of this instant are closes.
    pub(crate) fn at_close(&self) -> bool {
        self.ended || self.step == 0
    }
}

/// When the sessions of a market run.
#[derive(Clone, Debug)]
pub(crate) struct Timetable {
    /// The first session that is played; at least 1, since a session starts from a close.
    pub(crate) first: usize,
    /// How many sessions are played; 0 where prices stand still.
    pub(crate) count: usize,
    /// The steps of the path of prices in a session, whatever its length in real time.
    pub(crate) steps: u32,
    pub(crate) at_end: AtEnd,
    pub(crate) clock: Arc<SharedClock>,
}

impl Timetable {
    /// The market time at `now`; before the start, that of the first instant.
    pub(crate) fn present(&self, now: UnixMicros) -> MarketTime {
        let (clock, now) = self.clock.read(now);
        self.at(clock.position_at(now))
    }

    /// The market time of a position.
    fn at(&self, position: ClockPosition) -> MarketTime {
        let count = self.count as u64;
        let period = u64::try_from(position.sessions()).unwrap_or(0);
        // One period more than there are sessions: the rest before a loop starts over.
        let (pass, period) = match self.at_end {
            AtEnd::Stop => (0, period),
            AtEnd::Loop => (period / (count + 1), period % (count + 1)),
        };
        let pass = u32::try_from(pass).unwrap_or(u32::MAX);
        if period >= count {
            let session = (self.first + self.count).saturating_sub(1);
            return MarketTime { session, step: 0, ended: true, pass };
        }
        let session = self.first + usize::try_from(period).unwrap_or(0);
        MarketTime { session, step: position.step(self.steps), ended: false, pass }
    }

    /// When a session closed that is finished at `now`, in the present pass. Those before the first
    /// played one had closed when the pass began.
    pub(crate) fn closed_at(&self, now: UnixMicros, session: usize) -> UnixMicros {
        self.closed_in_pass(self.present(now).pass, session).unwrap_or(now)
    }

    /// When a session closes in a pass; `None` if the clock never gets there.
    pub(crate) fn closed_in_pass(&self, pass: u32, session: usize) -> Option<UnixMicros> {
        let count = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
        let before = i64::from(pass).saturating_mul(count(self.count).saturating_add(1));
        let running = count((session + 1).saturating_sub(self.first));
        let closes_at = ClockPosition::of_sessions(before.saturating_add(running));
        self.clock.load().reached_at(closes_at)
    }

    /// The next session that closes after `now`, and when it does. `None` once the market has ended
    /// and while the clock is paused without a planned end.
    pub(crate) fn next_close(&self, now: UnixMicros) -> Option<(usize, UnixMicros)> {
        let (session, pass) = self.next_session(now)?;
        Some((session, self.closed_in_pass(pass, session)?))
    }

    /// The session that closes next after `now`, and its pass; `None` once the market has ended.
    pub(crate) fn next_session(&self, now: UnixMicros) -> Option<(usize, u32)> {
        let present = self.present(now);
        match (present.ended, self.at_end) {
            (false, _) => Some((present.session, present.pass)),
            (true, AtEnd::Loop) if self.count > 0 => Some((self.first, present.pass + 1)),
            (true, _) => None,
        }
    }

    /// When the last session is over for the first time, by the present segments of the clock.
    pub(crate) fn ends_at(&self) -> Option<UnixMicros> {
        let sessions = i64::try_from(self.count).unwrap_or(i64::MAX);
        self.clock.load().reached_at(ClockPosition::of_sessions(sessions))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::{ClockCommand, GameClock};

    fn timetable(at_end: AtEnd) -> Timetable {
        let clock = SharedClock::new(GameClock::starting(UnixMicros(1_000_000_700_000), 60));
        Timetable { first: 10, count: 3, steps: 60, at_end, clock }
    }

    /// Applies a command at a second after the start.
    fn command(table: &Timetable, command: ClockCommand, seconds: i64) {
        let mut clock = GameClock::clone(&table.clock.load());
        let at = UnixMicros(1_000_000_000_000).plus_seconds(seconds);
        for segment in clock.plan(command, at).expect("allowed") {
            clock.append(segment).expect("appends");
        }
        let ever = UnixMicros(i64::MAX);
        table.clock.know(Arc::new(clock), ever, ever);
    }

    fn at(timetable: &Timetable, seconds: i64) -> MarketTime {
        timetable.present(UnixMicros(1_000_000_000_000).plus_seconds(seconds))
    }

    #[test]
    fn ticks_fall_on_whole_seconds() {
        let table = timetable(AtEnd::Stop);
        assert_eq!(table.present(UnixMicros(1_000_000_999_999)).step, 0);
        assert_eq!(table.present(UnixMicros(1_000_001_000_000)).step, 1);
    }

    #[test]
    fn before_its_start_a_market_waits_at_its_first_instant() {
        assert_eq!(at(&timetable(AtEnd::Stop), -500), at(&timetable(AtEnd::Stop), 0));
    }

    #[test]
    fn a_close_is_public_when_its_session_is_over() {
        let table = timetable(AtEnd::Stop);
        assert_eq!(at(&table, 59).finished_sessions(), 10);
        assert_eq!(at(&table, 59).priced_session(), 10);
        assert_eq!(at(&table, 60).finished_sessions(), 11);
        assert_eq!(at(&table, 60).priced_session(), 10);
        assert_eq!(at(&table, 61).priced_session(), 11);
    }

    #[test]
    fn a_session_closed_at_the_tick_that_makes_it_public() {
        let table = timetable(AtEnd::Stop);
        let closed_at = |table: &Timetable, seconds, session| {
            table.closed_at(UnixMicros(1_000_000_000_000).plus_seconds(seconds), session).seconds()
                - 1_000_000
        };
        assert_eq!(closed_at(&table, 100, 9), 0, "before the first played one");
        assert_eq!([10, 11, 12].map(|session| closed_at(&table, 500, session)), [60, 120, 180]);
        // A pass is its three sessions and a rest as long as one.
        let around = timetable(AtEnd::Loop);
        assert_eq!([9, 10].map(|session| closed_at(&around, 310, session)), [240, 300]);
    }

    #[test]
    fn the_next_close_is_that_of_the_session_that_is_lived_or_comes_next() {
        let next = |table: &Timetable, seconds| {
            let now = UnixMicros(1_000_000_000_000).plus_seconds(seconds);
            let next = table.next_close(now);
            next.map(|(session, at)| (session, at.seconds() - 1_000_000))
        };
        let table = timetable(AtEnd::Stop);
        assert_eq!(next(&table, 0), Some((10, 60)));
        assert_eq!(next(&table, 59), Some((10, 60)));
        assert_eq!(next(&table, 60), Some((11, 120)), "the close of 10 is public");
        assert_eq!(next(&table, 179), Some((12, 180)));
        assert_eq!(next(&table, 180), None, "the market has ended");
        let around = timetable(AtEnd::Loop);
        assert_eq!(next(&around, 180), Some((10, 300)), "the first one of the next pass");
        let still = Timetable { count: 0, ..timetable(AtEnd::Stop) };
        assert_eq!(next(&still, 0), None);
    }

    #[test]
    fn a_stopped_market_stands_at_its_last_close_for_good() {
        let table = timetable(AtEnd::Stop);
        let end = MarketTime { session: 12, step: 0, ended: true, pass: 0 };
        assert!(!at(&table, 179).ended);
        assert_eq!(at(&table, 180), end);
        assert_eq!(table.present(UnixMicros(i64::MAX)), end);
        assert_eq!(table.ends_at(), Some(UnixMicros(1_000_180_000_000)));
    }

    #[test]
    fn a_looping_market_rests_for_a_session_and_starts_over() {
        let table = timetable(AtEnd::Loop);
        assert!(at(&table, 239).ended);
        let again = at(&table, 240);
        assert_eq!(again, MarketTime { pass: 1, ..at(&table, 0) });
        assert_eq!(at(&table, 240 + 61), MarketTime { pass: 1, ..at(&table, 61) });
    }

    #[test]
    fn a_paused_market_keeps_its_prices_and_has_no_next_close() {
        let table = timetable(AtEnd::Stop);
        command(&table, ClockCommand::Pause, 90);
        assert_eq!(at(&table, 5_000), at(&table, 90));
        let now = UnixMicros(1_000_000_000_000).plus_seconds(100);
        assert_eq!((table.next_close(now), table.ends_at()), (None, None));
        assert_eq!(table.closed_at(now, 10).seconds(), 1_000_060);
        command(&table, ClockCommand::Step, 200);
        assert_eq!(at(&table, 200).finished_sessions(), 12);
        assert_eq!(table.closed_at(now.plus_seconds(100), 11).seconds(), 1_000_200);
        command(&table, ClockCommand::Resume, 300);
        assert_eq!(table.next_close(now.plus_seconds(200)).map(|(_, at)| at.seconds()), {
            Some(1_000_360)
        });
    }

    #[test]
    fn a_pace_changes_the_seconds_of_a_step_and_not_the_steps() {
        let table = timetable(AtEnd::Stop);
        command(&table, ClockCommand::Pace(6), 60);
        let steps: Vec<u32> = (60..66).map(|second| at(&table, second).step).collect();
        assert_eq!(steps, [0, 10, 20, 30, 40, 50]);
        assert_eq!(at(&table, 66).session, 12);
    }

    #[test]
    fn a_market_whose_clock_is_not_certain_stands_still() {
        let table = timetable(AtEnd::Stop);
        let second = |s| UnixMicros(1_000_000_000_000).plus_seconds(s);
        table.clock.know(table.clock.load(), second(70), second(74));
        assert_eq!(at(&table, 500), at(&table, 70));
        assert!(table.clock.is_known(second(73)) && !table.clock.is_known(second(74)));
    }
}
