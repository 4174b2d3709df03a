//! The message of a rejected order.

use domain::{Rejection, Rules};

use super::view::View;

/// Why an order was rejected, and what to do.
pub(super) fn rejection_text(view: &View, rules: &Rules, rejection: Rejection) -> String {
    match rejection {
        Rejection::InsufficientCash => view.t("order-no-cash"),
        Rejection::InsufficientQuantity => view.t("order-no-shares"),
        Rejection::MarketClosed => view.closed.clone().unwrap_or_else(|| view.t("market-closed")),
        Rejection::GamePaused => view.t("market-paused"),
        Rejection::ClockUnknown => view.t("order-clock-unknown"),
        Rejection::NoQuote | Rejection::StaleQuote => view.t("order-no-price"),
        Rejection::PriceInDoubt => view.t("order-in-doubt"),
        Rejection::FractionalNotAllowed | Rejection::QuantityTooLarge => view.t("order-size"),
        Rejection::StockNotAllowed => view.t("order-not-allowed"),
        Rejection::PositionLimit => {
            let most = rules.position_max.map(|most| view.fmt.percent(most.ratio()));
            view.tn("order-position-max", "max", most.unwrap_or_default())
        }
        Rejection::SessionTradesLimit => {
            view.tn("order-session-trades", "max", rules.trades_per_session_max.unwrap_or_default())
        }
        Rejection::PriceTooLow => {
            let least = view.fmt.price(rules.price_min.unwrap_or_default());
            view.tn("order-price-min", "min", least)
        }
        Rejection::OrderTooSmall => {
            let least = view.fmt.money(rules.order_value_min().unwrap_or_default());
            view.tn("order-value-min", "min", least)
        }
        Rejection::HoldingTooShort => view.tn("order-holding-min", "n", rules.holding_sessions_min),
        Rejection::BeyondLimits => view.t("order-beyond"),
        Rejection::Contended | Rejection::NothingToAward => view.t("order-busy"),
        Rejection::IdempotencyKeyReused => view.t("order-reused"),
    }
}
