//! The message of a rejected order.

use domain::Rejection;

use super::view::View;

/// Why an order was rejected, and what to do.
pub(super) fn rejection_text(view: &View, rejection: Rejection) -> String {
    match rejection {
        Rejection::InsufficientCash => view.t("order-no-cash"),
        Rejection::InsufficientQuantity => view.t("order-no-shares"),
        Rejection::MarketClosed => view.closed.clone().unwrap_or_else(|| view.t("market-closed")),
        Rejection::GamePaused => view.t("market-paused"),
        Rejection::ClockUnknown => view.t("order-clock-unknown"),
        Rejection::NoQuote | Rejection::StaleQuote => view.t("order-no-price"),
        Rejection::PriceInDoubt => view.t("order-in-doubt"),
        Rejection::FractionalNotAllowed | Rejection::QuantityTooLarge => view.t("order-size"),
        Rejection::BeyondLimits => view.t("order-beyond"),
        Rejection::Contended => view.t("order-busy"),
        Rejection::IdempotencyKeyReused => view.t("order-reused"),
    }
}
