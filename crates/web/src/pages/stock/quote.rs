//! The present price of a stock as pages show it.

use domain::{BidAsk, MinorUnit, Money, Price, Quantity, Ratio, Side};
use market::Halt;

use crate::pages::form::Form;
use crate::pages::view::View;
use crate::state::AppState;

pub(in crate::pages) struct DisplayedQuote {
    pub(super) price: Price,
    /// The prices at which orders fill.
    pub(in crate::pages) sides: BidAsk,
    pub(super) change: Ratio,
    pub(super) is_stale: bool,
    pub(super) halt: Option<Halt>,
    pub(super) as_of: String,
}

impl DisplayedQuote {
    /// The text on the middle price, ask and bid.
    pub(in crate::pages) fn explain(&self, view: &View) -> String {
        let [mid, bid, ask] =
            [self.price, self.sides.bid, self.sides.ask].map(|price| view.fmt.price(price));
        view.ta("order-sides", &[("mid", &mid), ("ask", &ask), ("bid", &bid)])
    }

    /// The price at which an order of this side, as in forms, fills.
    pub(in crate::pages) fn fills_at(&self, side: &str) -> Price {
        self.sides.of(if side == "sell" { Side::Sell } else { Side::Buy })
    }

    /// The total of an order without the fee.
    pub(in crate::pages) fn total(&self, side: Side, quantity: Quantity, unit: MinorUnit) -> Money {
        let total = match side {
            Side::Buy => self.sides.ask.cost_rounded_up(quantity, unit),
            Side::Sell => self.sides.bid.value_rounded_down(quantity, unit),
        };
        total.unwrap_or_default()
    }

    /// The total of the order in a form.
    pub(super) fn total_of(&self, view: &View, form: &Form) -> String {
        let side = if form.is("side", "sell") { Side::Sell } else { Side::Buy };
        let quantity = Quantity::parse_typed(form.value("quantity")).unwrap_or_default();
        view.fmt.money(self.total(side, quantity, view.fmt.unit))
    }

    /// Why orders are rejected at present or fill at an old price.
    pub(in crate::pages) fn warning(&self, view: &View) -> Option<String> {
        let key = match self.halt {
            Some(Halt::NotTraded) => "stock-ended",
            Some(Halt::Unconfirmed) => "stock-in-doubt",
            Some(Halt::NoClose) | None if self.is_stale => "stock-stale",
            Some(Halt::NoClose) | None => return None,
        };
        Some(view.t(key))
    }

    pub(super) fn has_ended(&self) -> bool {
        self.halt == Some(Halt::NotTraded)
    }
}

/// `None` while the stock has no price.
pub(in crate::pages) fn displayed_quote(
    state: &AppState,
    view: &View,
    stock_id: i64,
) -> Option<DisplayedQuote> {
    let present = state.prices.snapshot();
    let position = state.prices.position(stock_id)?;
    let (quote, halt) = (present.quote(position)?, present.halt(position));
    Some(DisplayedQuote {
        price: quote.price,
        sides: present.sides(&quote, state.rules().spread_bps),
        change: quote.change(),
        is_stale: state.is_stale(quote.as_of),
        halt,
        as_of: view.fmt.time(quote.as_of),
    })
}
