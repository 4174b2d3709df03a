//! A stock by its symbol, and the last day whose close is public.

use domain::{Day, Symbol};
use market::PriceSnapshot;
use store::StockRow;

use crate::problem::Problem;
use crate::state::AppState;

pub(crate) async fn load_stock(state: &AppState, symbol: &str) -> Result<StockRow, Problem> {
    let symbol = Symbol::parse(symbol).map_err(|_| Problem::not_found())?;
    state.stock(&symbol).await?.ok_or_else(Problem::not_found)
}

/// The last day whose close is public: the day of the prices at a closing tick, otherwise the day
/// before, since the session of the prices is still open.
pub(crate) fn last_public_day(present: &PriceSnapshot) -> Day {
    let at_close = present.present.priced_session() < present.present.finished_sessions();
    Day(present.market_day.0.saturating_sub(i32::from(!at_close)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::UnixMicros;
    use market::{Listing, MarketConfig, MarketSource, PriceBoard};

    #[test]
    fn the_day_of_an_open_session_is_not_public() {
        let opened = UnixMicros(1_000_000_000_000);
        let source = MarketSource::new(&MarketConfig::default(), opened).expect("a market");
        let listings = (1i64..)
            .zip(source.stocks())
            .map(|(stock_id, stock)| Listing { stock_id, symbol: stock.symbol });
        let board = PriceBoard::new(&source, listings.collect(), opened).expect("a board");
        let seen = |seconds| {
            board.publish(&source, opened.plus_seconds(seconds));
            let present = board.snapshot();
            (present.market_day.to_string(), last_public_day(&present).to_string())
        };
        let days = |day: &str, public: &str| (day.to_owned(), public.to_owned());
        assert_eq!(seen(0), days("2005-01-03", "2005-01-03"));
        assert_eq!(seen(1), days("2005-01-04", "2005-01-03"));
        assert_eq!(seen(59), days("2005-01-04", "2005-01-03"));
        assert_eq!(seen(60), days("2005-01-04", "2005-01-04"));
    }
}
