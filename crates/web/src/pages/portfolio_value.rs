//! The value of a player's portfolio in numbers: the total, the cash, the shares and the gains, as
//! `home` and `portfolio` show them and `live` updates them. The curve is drawn in `chart`.

use domain::{Day, Money, Ratio};
use market::PriceSnapshot;

use super::chart::Point;
use crate::problem::Problem;
use crate::state::AppState;

/// What a player has, and how that has changed.
pub(super) struct PortfolioValue {
    pub(super) total: Money,
    pub(super) cash: Money,
    pub(super) shares: Money,
    /// Against the starting cash.
    pub(super) gain: Money,
    pub(super) gain_ratio: Ratio,
    /// Against the last session's close, if that is written.
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
        let summary = state.store.portfolio_summary(player_id, &present.prices_json()).await?;
        let day = last_close_day(state, present);
        let close = curve.iter().rev().find(|point| Some(point.day) == day);
        let close = close.map(|point| Money(point.value));
        Ok(Self::new(state.rules.starting_cash, summary.cash, summary.total_value, close))
    }
}

/// The day of the session before the one whose prices these are.
pub(super) fn last_close_day(state: &AppState, present: &PriceSnapshot) -> Option<Day> {
    let session = present.present.priced_session().checked_sub(1)?;
    state.market.session_day(state.clock.now(), session)
}

/// A number of the portfolio's value that a page shows in an element of its own. [`Self::as_str`]
/// is the element's id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ValuePart {
    Total,
    /// The gain since the start, in money.
    Gain,
    /// The gain since the start, in percent.
    GainPercent,
    /// The change since the last close, as an amount.
    Today,
    /// The change since the last close, as a sentence.
    Moved,
    Cash,
    Shares,
}

impl ValuePart {
    const ALL: [Self; 7] = [
        Self::Total,
        Self::Gain,
        Self::GainPercent,
        Self::Today,
        Self::Moved,
        Self::Cash,
        Self::Shares,
    ];

    /// Those of a list that says nothing about the last close.
    pub(super) const SINCE_START: [Self; 5] =
        [Self::Total, Self::Gain, Self::GainPercent, Self::Cash, Self::Shares];

    /// The part with this id.
    pub(crate) fn find(id: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|part| part.as_str() == id)
    }

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Total => "total",
            Self::Gain => "gain",
            Self::GainPercent => "gain-percent",
            Self::Today => "today",
            Self::Moved => "moved",
            Self::Cash => "cash",
            Self::Shares => "shares",
        }
    }

    /// Whether the number depends on the total at the last close.
    pub(crate) fn needs_last_close(self) -> bool {
        matches!(self, Self::Today | Self::Moved)
    }
}
