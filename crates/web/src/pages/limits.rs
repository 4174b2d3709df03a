//! The limits of the rules on the ticket: what is known before an order is entered, and what the
//! review would find. `domain` decides both.

use domain::{Rejection, Side};
use store::{PlayerProgress, Position};
use trading::DeskRequest;

use super::form::Form;
use super::rejection::rejection_text;
use super::view::View;
use crate::problem::Problem;
use crate::state::AppState;

/// The limits of one stock's ticket.
#[derive(Default)]
pub(super) struct TicketLimits {
    /// Why nothing can be bought, if so.
    pub(super) buy: Option<String>,
    /// Why nothing can be sold, if so.
    pub(super) sell: Option<String>,
    /// What an order has to meet.
    pub(super) hints: Vec<String>,
}

impl TicketLimits {
    pub(super) fn new(
        state: &AppState,
        view: &View,
        stock_id: i64,
        progress: &PlayerProgress,
        position: &Position,
    ) -> Self {
        let rules = &state.rules();
        let Some(quote) = state.prices.quote(stock_id) else { return Self::default() };
        let (held, bought_on) = (position.quantity, position.bought_on);
        let standing = domain::LimitStanding { held, bought_on, ..progress.limits };
        let reached = |side| {
            let reached = rules.check_limits(side, stock_id, &quote, &standing).err();
            reached.map(|rejection| rejection_text(view, rules, rejection))
        };
        let mut hints = Vec::new();
        if rules.order_value_min.is_some() {
            hints.push(rejection_text(view, rules, Rejection::OrderTooSmall));
        }
        if rules.position_max.is_some() {
            hints.push(rejection_text(view, rules, Rejection::PositionLimit));
        }
        if let Some(most) = rules.trades_per_session_max {
            let left = (most - standing.trades_of(quote.market_day)).max(0);
            hints.push(view.tn("order-trades-left", "n", left));
        }
        Self { buy: reached(Side::Buy), sell: reached(Side::Sell), hints }
    }

    /// The sentences of the sides that the ticket offers.
    pub(super) fn sentences(&self, view: &View, form: &Form) -> Vec<&str> {
        let is_sale = form.is("side", "sell");
        let buy = self.buy.as_deref().filter(|_| !view.is_easy() || !is_sale);
        let sell = self.sell.as_deref().filter(|_| !view.is_easy() || is_sale);
        // The trades of a session limit both sides.
        buy.into_iter().chain(sell.filter(|text| Some(*text) != buy)).collect()
    }

    /// Whether the ticket can lead to no order.
    pub(super) fn forbids_all(&self, view: &View, form: &Form) -> bool {
        match (view.is_easy(), form.is("side", "sell")) {
            (true, true) => self.sell.is_some(),
            (true, false) => self.buy.is_some(),
            (false, _) => self.buy.is_some() && self.sell.is_some(),
        }
    }
}

/// The limit that an order would be rejected for at present. Reads the database only if the rules
/// have limits.
pub(super) async fn find_reached(
    state: &AppState,
    request: &DeskRequest,
) -> Result<Option<Rejection>, Problem> {
    if !state.rules().has_limits() {
        return Ok(None);
    }
    let rejection = state.desk.preview(request).await?;
    Ok(rejection.filter(|rejection| rejection.is_limit()))
}
