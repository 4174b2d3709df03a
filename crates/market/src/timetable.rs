//! Maps real time to market time: the session and the second within it at an instant.

use domain::UnixMicros;

use crate::config::AtEnd;

/// The market time of an instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MarketTime {
    /// The running session; once the market has ended, the last one.
    pub session: usize,
    /// Real seconds since that session began; 0 once the market has ended.
    pub second_of_session: u32,
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
        self.ended || self.second_of_session == 0
    }
}

/// When the sessions of a market run.
#[derive(Clone, Debug)]
pub(crate) struct Timetable {
    /// The first session that is played; at least 1, since a session starts from a close.
    pub(crate) first: usize,
    /// How many sessions are played; 0 where prices stand still.
    pub(crate) count: usize,
    pub(crate) session_seconds: u32,
    pub(crate) at_end: AtEnd,
    pub(crate) started_at: UnixMicros,
}

impl Timetable {
    /// The market time at `now`; before the start, that of the first instant.
    pub(crate) fn present(&self, now: UnixMicros) -> MarketTime {
        let elapsed = now.seconds().saturating_sub(self.started_at.seconds());
        let elapsed = u64::try_from(elapsed).unwrap_or(0);
        let length = u64::from(self.session_seconds.max(1));
        let count = self.count as u64;
        let period = elapsed / length;
        // One period more than there are sessions: the rest before a loop starts over.
        let (pass, period) = match self.at_end {
            AtEnd::Stop => (0, period),
            AtEnd::Loop => (period / (count + 1), period % (count + 1)),
        };
        let pass = u32::try_from(pass).unwrap_or(u32::MAX);
        if period >= count {
            let session = (self.first + self.count).saturating_sub(1);
            return MarketTime { session, second_of_session: 0, ended: true, pass };
        }
        let second_of_session = u32::try_from(elapsed % length).unwrap_or(0);
        let session = self.first + usize::try_from(period).unwrap_or(0);
        MarketTime { session, second_of_session, ended: false, pass }
    }

    /// When a session closed that is finished at `now`, in the present pass. Those before the first
    /// played one had closed when the pass began.
    pub(crate) fn closed_at(&self, now: UnixMicros, session: usize) -> UnixMicros {
        self.closed_in_pass(self.present(now).pass, session)
    }

    /// When a session closes in a pass.
    pub(crate) fn closed_in_pass(&self, pass: u32, session: usize) -> UnixMicros {
        let count = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
        let before = i64::from(pass).saturating_mul(count(self.count) + 1);
        let running = count((session + 1).saturating_sub(self.first));
        let periods = before.saturating_add(running);
        let seconds = i64::from(self.session_seconds.max(1)).saturating_mul(periods);
        UnixMicros(self.started_at.seconds().saturating_mul(1_000_000)).plus_seconds(seconds)
    }

    /// The next session that closes after `now`, and when it does.
    pub(crate) fn next_close(&self, now: UnixMicros) -> Option<(usize, UnixMicros)> {
        let present = self.present(now);
        let (session, pass) = match (present.ended, self.at_end) {
            (false, _) => (present.session, present.pass),
            (true, AtEnd::Loop) if self.count > 0 => (self.first, present.pass + 1),
            (true, _) => return None,
        };
        Some((session, self.closed_in_pass(pass, session)))
    }

    /// When the last session is over for the first time.
    pub(crate) fn ends_at(&self) -> UnixMicros {
        let seconds = i64::from(self.session_seconds)
            .saturating_mul(i64::try_from(self.count).unwrap_or(i64::MAX));
        UnixMicros(self.started_at.seconds().saturating_mul(1_000_000)).plus_seconds(seconds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn timetable(at_end: AtEnd) -> Timetable {
        let started_at = UnixMicros(1_000_000_700_000);
        Timetable { first: 10, count: 3, session_seconds: 60, at_end, started_at }
    }

    fn at(timetable: &Timetable, seconds: i64) -> MarketTime {
        timetable.present(UnixMicros(1_000_000_000_000).plus_seconds(seconds))
    }

    #[test]
    fn ticks_fall_on_whole_seconds() {
        let table = timetable(AtEnd::Stop);
        assert_eq!(table.present(UnixMicros(1_000_000_999_999)).second_of_session, 0);
        assert_eq!(table.present(UnixMicros(1_000_001_000_000)).second_of_session, 1);
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
        let end = MarketTime { session: 12, second_of_session: 0, ended: true, pass: 0 };
        assert!(!at(&table, 179).ended);
        assert_eq!(at(&table, 180), end);
        assert_eq!(table.present(UnixMicros(i64::MAX)), end);
        assert_eq!(table.ends_at(), UnixMicros(1_000_180_000_000));
    }

    #[test]
    fn a_looping_market_rests_for_a_session_and_starts_over() {
        let table = timetable(AtEnd::Loop);
        assert!(at(&table, 239).ended);
        let again = at(&table, 240);
        assert_eq!(again, MarketTime { pass: 1, ..at(&table, 0) });
        assert_eq!(at(&table, 240 + 61), MarketTime { pass: 1, ..at(&table, 61) });
    }
}
