//! The text in the header of the pages: the market's day, and whether the market is paused.

use market::PriceSnapshot;

use super::format::DisplayFormat;
use super::words;

pub(super) fn market_state(fmt: &DisplayFormat, present: &PriceSnapshot) -> String {
    let day = fmt.short_day(present.market_day);
    if present.clock.is_paused {
        words::message(fmt.lang, fmt.mode, "common-market-paused", &[("day", &day)])
    } else {
        words::message(fmt.lang, fmt.mode, "common-market-day", &[("day", &day)])
    }
}
