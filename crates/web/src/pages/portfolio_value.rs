//! The value of a player's portfolio: total, cash, shares and gains, as `home` and `portfolio` show
//! them and `live` updates them.

use domain::{Day, Money, Ratio};
use market::PriceSnapshot;

use super::chart::Point;
use crate::problem::Problem;
use crate::state::AppState;

pub(super) struct PortfolioValue {
    pub(super) total: Money,
    pub(super) cash: Money,
    pub(super) shares: Money,
    /// Since the start.
    pub(super) gain: Money,
    pub(super) gain_ratio: Ratio,
    /// Since the last session's close; `None` while that value is not saved.
    pub(super) today: Option<Money>,
}

impl PortfolioValue {
    /// `last_close` is the total at the close of the last session.
    pub(super) fn new(
        starting_cash: Money,
        cash: Money,
        shares: Money,
        last_close: Option<Money>,
    ) -> Self {
        let total = Money(cash.0.saturating_add(shares.0));
        let since = |before: Money| Money(total.0.saturating_sub(before.0));
        let gain = since(starting_cash);
        let gain_ratio = gain.part_of(starting_cash);
        Self { total, cash, shares, gain, gain_ratio, today: last_close.map(since) }
    }

    /// The value at the prices of `present`; `curve` has the total at the last close.
    pub(super) async fn load(
        state: &AppState,
        present: &PriceSnapshot,
        player_id: i64,
        curve: &[Point],
    ) -> Result<Self, Problem> {
        let (prices, unit) = (present.prices_json(), state.rules().minor_unit);
        let summary = state.store.portfolio_summary(player_id, &prices, unit).await?;
        let day = last_close_day(state, present);
        let close = curve.iter().rev().find(|point| Some(point.day) == day);
        let close = close.map(|point| Money(point.value));
        Ok(Self::new(state.rules().starting_cash, summary.cash, summary.total_value, close))
    }
}

/// The day of the session before the one whose prices these are.
pub(super) fn last_close_day(state: &AppState, present: &PriceSnapshot) -> Option<Day> {
    let session = present.present.priced_session().checked_sub(1)?;
    state.market.session_day(state.clock.now(), session)
}
