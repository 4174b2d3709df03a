//! Texts about a market: a description, the name of the benchmark, and the caution that accompanies
//! the prices.

use domain::{QuoteSource, UnixMicros};

use super::{MarketSource, SourceVariant};
use crate::config::AtEnd;

const HISTORY_CAUTION: &str = "Historical prices: an old example data set, adjusted for splits \
    and dividends, offered without warranty and not meant for investment or commercial use. Only \
    the daily closes are history; the movement within a day is invented by this program.";
const IMPORTED_CAUTION: &str = "Historical prices as they were imported by the operator of this game. \
    Only the daily closes are history; the movement within a day is invented by this program.";
const LIVE_CAUTION: &str = "Live prices of market data providers. They may be late or wrong and are \
    not meant for investment.";
const SIMULATED_CAUTION: &str =
    "Simulated prices: the companies and their prices are made up by this program.";

impl MarketSource {
    pub fn benchmark_name(&self) -> &'static str {
        match &self.kind {
            SourceVariant::History(replay) if replay.series.imported.is_none() => "S&P 500",
            SourceVariant::History(_) => "All stocks, equal weight",
            SourceVariant::Simulated(_) | SourceVariant::Live(_) => "Mean of all stocks",
        }
    }

    /// One line for people: which market, from which day, how long a session is at `now`, when it
    /// ends. The seed is not part of it.
    pub fn describe(&self, now: UnixMicros) -> String {
        let (timetable, market) = match &self.kind {
            SourceVariant::Live(live) => return live.describe(),
            SourceVariant::History(replay) if replay.source == QuoteSource::Fixed => {
                let day = self.day_of(replay.timetable.first - 1);
                return format!("fixed: 20 US stocks at their closes of {day}");
            }
            SourceVariant::History(replay) => {
                let stocks = match &replay.series.imported {
                    None => "replay: 20 US stocks".to_owned(),
                    Some(name) => format!("replay: {} stocks of {name}", replay.stocks.len()),
                };
                (&replay.timetable, stocks)
            }
            SourceVariant::Simulated(market) => {
                let stocks = format!("simulated: {} made-up stocks", market.stocks());
                (&market.timetable, stocks)
            }
        };
        let start = self.day_of(timetable.first - 1);
        let (clock, at) = self.clock.read(now);
        let (seconds, last) = (clock.session_seconds_at(at), timetable.first + timetable.count - 1);
        let until = self.day_of(last);
        let end = match timetable.ends_at() {
            Some(end) => format!("first at {}T{}Z", end.day(), time_of_day(end)),
            None => "paused at present".to_owned(),
        };
        let then = match timetable.at_end {
            AtEnd::Stop => "stops",
            AtEnd::Loop => "starts over",
        };
        format!(
            "{market} from the closes of {start}, a session every {seconds} s; after {until} it \
             {then} ({end})"
        )
    }

    /// The notice that is shown with the prices.
    pub fn caution(&self) -> Option<&'static str> {
        match &self.kind {
            SourceVariant::History(replay) if replay.series.imported.is_some() => {
                Some(IMPORTED_CAUTION)
            }
            SourceVariant::History(_) => Some(HISTORY_CAUTION),
            SourceVariant::Simulated(_) => Some(SIMULATED_CAUTION),
            SourceVariant::Live(_) => Some(LIVE_CAUTION),
        }
    }
}

/// Hours and minutes of an instant in UTC.
fn time_of_day(at: UnixMicros) -> String {
    let second = at.seconds().rem_euclid(86_400);
    format!("{:02}:{:02}", second / 3_600, second / 60 % 60)
}

#[cfg(test)]
mod tests {
    use crate::config::{AtEnd, SourceKind};
    use crate::source::tests::source;
    use domain::{QuoteSource, UnixMicros};

    const START: UnixMicros = UnixMicros(1_795_000_000_000_000);

    #[test]
    fn a_market_describes_itself() {
        let replay = source(SourceKind::Replay, AtEnd::Stop);
        assert_eq!(
            replay.describe(START),
            "replay: 20 US stocks from the closes of 2022-09-01, a session every 60 s; after \
             2022-12-28 it stops (first at 2026-11-18T12:27Z)"
        );
        assert!(replay.caution().unwrap().contains("not meant for investment or commercial use"));
        let fixed = source(SourceKind::Fixed, AtEnd::Stop);
        assert_eq!(fixed.describe(START), "fixed: 20 US stocks at their closes of 2005-01-03");
        assert_eq!(fixed.source(), QuoteSource::Fixed);
        let simulated = source(SourceKind::Simulated, AtEnd::Loop);
        assert!(
            simulated.describe(START).starts_with("simulated: 9 made-up stocks from the closes of")
        );
        assert!(simulated.describe(START).contains("starts over"));
        assert_eq!(simulated.stocks().len(), 9);
    }
}
