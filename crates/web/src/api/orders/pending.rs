//! Lists, shows and cancels pending orders.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use domain::OrderState;
use serde::Serialize;
use store::{FillsAt, PendingOrder};
use utoipa::ToSchema;

use crate::auth::sessions::PlayerSession;
use crate::game::pending_orders::{OrderView, cancel, load_order};
use crate::http::path_segment::PathSegment;
use crate::http::query::Query;
use crate::http::{etag, headers};
use crate::openapi::Data;
use crate::problem::{Problem, codes};
use crate::state::AppState;

const LIMIT: i64 = 50;
const LIMIT_MAX: i64 = 100;
const PATH: &str = "/api/portfolio/orders";

/// The response to an order that was accepted and fills later, and to its cancellation.
#[derive(Serialize, ToSchema)]
#[schema(as = OrderAnswer)]
pub(crate) struct PendingOrderResponse {
    /// Always `true`.
    #[schema(example = true)]
    success: bool,
    #[schema(example = "Order accepted; it fills at the close")]
    message: &'static str,
    order: OrderView,
}

/// The response 202 to an order that was accepted.
pub(crate) fn accepted(order: &PendingOrder) -> Response {
    let message = match order.at {
        FillsAt::Close(_) => "Order accepted; it fills at the close",
        FillsAt::QuoteAfter(_) => "Order accepted; it fills at the next price",
    };
    let response = PendingOrderResponse { success: true, message, order: OrderView::new(order) };
    (StatusCode::ACCEPTED, axum::Json(response)).into_response()
}

/// One page of orders.
#[derive(Serialize, ToSchema)]
pub(crate) struct OrderList {
    /// Always `true`.
    #[schema(example = true)]
    success: bool,
    /// Newest first.
    data: Vec<OrderView>,
    meta: OrderListMeta,
}

/// Where the list continues.
#[derive(Serialize, ToSchema)]
pub(crate) struct OrderListMeta {
    /// The `cursor` of the next page, with older orders; `null` on the last page.
    #[schema(example = "2a")]
    next_cursor: Option<String>,
    /// Orders a page.
    #[schema(example = 50)]
    limit: i64,
}

/// The player's orders that did not fill at once, newest first. Ended ones are kept for 30 days by
/// default.
#[utoipa::path(get, path = "/api/portfolio/orders", tag = "portfolio",
    security(("bearer" = [])),
    params(
        ("status" = Option<String>, Query, description = "Only orders with this status",
            example = "pending"),
        ("limit" = Option<i64>, Query, description = "1 to 100; 50 by default",
            minimum = 1, maximum = 100, example = 50),
        ("cursor" = Option<String>, Query, description = "`meta.next_cursor` of the page before"),
    ),
    responses(
        (status = 200, body = OrderList,
            headers(("Link" = String, description = "The next page, `rel=\"next\"`."))),
        (status = 304, description = "Unchanged since the `ETag` in `If-None-Match`."),
        (status = 422, body = Problem, content_type = "application/problem+json"),
    ))]
pub(in crate::api) async fn list_orders(
    State(state): State<AppState>,
    player: PlayerSession,
    request_headers: HeaderMap,
    query: Query,
) -> Result<Response, Problem> {
    let mut fields = query.strict();
    let limit = fields.integer("limit", 1..=LIMIT_MAX).unwrap_or(LIMIT);
    let status = fields.parsed("status", 20, OrderState::parse);
    let below = fields.parsed("cursor", 40, read_cursor);
    fields.finish()?;
    let mut orders = state.store.orders_page(player.player_id, below, status, limit + 1).await?;
    let limit_length = usize::try_from(limit).unwrap_or(usize::MAX);
    let has_more = orders.len() > limit_length;
    orders.truncate(limit_length);
    let last = orders.last().filter(|_| has_more);
    let next_cursor = last.map(|order| format!("{:x}", order.id.order_id));
    let next_page = next_cursor.as_deref().map(|cursor| {
        let status = status.map(|status| format!("&status={}", status.as_str()));
        format!("{PATH}?cursor={cursor}&limit={limit}{}", status.unwrap_or_default())
    });
    let data = orders.iter().map(OrderView::new).collect();
    let meta = OrderListMeta { next_cursor, limit };
    let mut response = etag::private(&request_headers, &OrderList { success: true, data, meta });
    if let Some(address) = next_page {
        headers::link_next(&mut response, &address);
    }
    Ok(response)
}

/// Parses the cursor of a page, and no other spelling of it.
fn read_cursor(text: &str) -> Option<i64> {
    let order_id = i64::from_str_radix(text, 16).ok()?;
    (order_id > 0 && format!("{order_id:x}") == text).then_some(order_id)
}

/// One order that did not fill at once.
#[utoipa::path(get, path = "/api/portfolio/orders/{order_id}", tag = "portfolio",
    security(("bearer" = [])),
    params(("order_id" = String, Path, description = "As in the response to the order",
        example = "o-42-7")),
    responses(
        (status = 200, body = Data<OrderView>),
        (status = 304, description = "Unchanged since the `ETag` in `If-None-Match`."),
        (status = 404, body = Problem, content_type = "application/problem+json",
            description = "No such order, or not yours."),
    ))]
pub(in crate::api) async fn show_order(
    State(state): State<AppState>,
    player: PlayerSession,
    headers: HeaderMap,
    PathSegment(order_id): PathSegment,
) -> Result<Response, Problem> {
    let order = load_order(&state, &player, &order_id).await?;
    Ok(etag::private(&headers, &Data::new(OrderView::new(&order))))
}

/// Cancels a pending order. A cancelled order can be cancelled again, which changes nothing.
#[utoipa::path(delete, path = "/api/portfolio/orders/{order_id}", tag = "portfolio",
    security(("bearer" = [])),
    params(("order_id" = String, Path, description = "As in the response to the order",
        example = "o-42-7")),
    responses(
        (status = 200, body = PendingOrderResponse),
        (status = 404, body = Problem, content_type = "application/problem+json",
            description = "No such order, or not yours."),
        (status = 409, body = Problem, content_type = "application/problem+json",
            description = "The order is executing or has ended (`order_not_cancellable`)."),
    ))]
pub(in crate::api) async fn cancel_order(
    State(state): State<AppState>,
    player: PlayerSession,
    PathSegment(order_id): PathSegment,
) -> Result<Response, Problem> {
    let order = load_order(&state, &player, &order_id).await?;
    let Some(order) = cancel(&state, order).await? else {
        return Err((&codes::ORDER_NOT_CANCELLABLE).into());
    };
    let order = OrderView::new(&order);
    let response = PendingOrderResponse { success: true, message: "Order cancelled", order };
    Ok(axum::Json(response).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn malformed_cursors_are_rejected() {
        assert_eq!(read_cursor("2a"), Some(42));
        for text in ["", "2A", "0", "-1", "+1", "02a", "x", "ffffffffffffffffff"] {
            assert_eq!(read_cursor(text), None, "{text:?}");
        }
    }
}
