//! The table of all errors: stable code, status and text. `docs/errors.md` is generated from it.

use axum::http::StatusCode;

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Code {
    /// The member `code`; stable.
    pub(crate) name: &'static str,
    pub(crate) status: StatusCode,
    /// The default of the member `message`.
    pub(crate) text: &'static str,
    /// Whether the same request may succeed later.
    pub(crate) retryable: bool,
}

const fn code(name: &'static str, status: StatusCode, text: &'static str) -> Code {
    Code { name, status, text, retryable: false }
}

const fn retryable(name: &'static str, status: StatusCode, text: &'static str) -> Code {
    Code { name, status, text, retryable: true }
}

macro_rules! codes {
    ($($(#[$doc:meta])* $constant:ident = $code:expr;)*) => {
        $($(#[$doc])* pub(crate) static $constant: Code = $code;)*
        /// All errors except rejections of orders.
        #[cfg(test)]
        static ALL: &[&Code] = &[$(&$constant),*];
    };
}

codes! {
    BAD_REQUEST = code("bad_request", StatusCode::BAD_REQUEST, "The request cannot be read.");
    MALFORMED_JSON = code("malformed_json", StatusCode::BAD_REQUEST, "The body is not valid JSON.");
    BODY_UNREADABLE = code("body_unreadable", StatusCode::BAD_REQUEST,
        "The body could not be read.");
    UNAUTHENTICATED = code("unauthenticated", StatusCode::UNAUTHORIZED, "Unauthenticated.");
    /// A missing, foreign or expired CSRF token.
    FORM_EXPIRED = code("form_expired", StatusCode::FORBIDDEN,
        "The form was not sent from a page of this server, or has expired.");
    /// The time to join, which the rules set, is over.
    JOIN_CLOSED = code("join_closed", StatusCode::FORBIDDEN,
        "This game takes no new players any more.");
    NOT_FOUND = code("not_found", StatusCode::NOT_FOUND, "There is no such thing.");
    ROUTE_NOT_FOUND = code("route_not_found", StatusCode::NOT_FOUND,
        "The route could not be found.");
    METHOD_NOT_ALLOWED = code("method_not_allowed", StatusCode::METHOD_NOT_ALLOWED,
        "The method is not supported for this route.");
    ORDER_NOT_CANCELLABLE = code("order_not_cancellable", StatusCode::CONFLICT,
        "The order cannot be cancelled any more.");
    TOO_MANY_PENDING_ORDERS = code("too_many_pending_orders", StatusCode::CONFLICT,
        "You have as many pending orders as this game allows. Cancel one, or wait until one fills.");
    BODY_TIMEOUT = retryable("body_timeout", StatusCode::REQUEST_TIMEOUT,
        "The body did not arrive in time.");
    /// `If-Match` names a version that is not the newest one.
    PRECONDITION_FAILED = code("precondition_failed", StatusCode::PRECONDITION_FAILED,
        "The resource has changed since you read it. Read it again.");
    BODY_TOO_LARGE = code("body_too_large", StatusCode::PAYLOAD_TOO_LARGE,
        "The body is too large.");
    NOT_JSON = code("not_json", StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "The body must be JSON, with the Content-Type application/json.");
    NOT_A_FORM = code("not_a_form", StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "The body must be a form, with the Content-Type application/x-www-form-urlencoded.");
    VALIDATION_FAILED = code("validation_failed", StatusCode::UNPROCESSABLE_ENTITY,
        "The given data was invalid.");
    BODY_INVALID = code("body_invalid", StatusCode::UNPROCESSABLE_ENTITY,
        "The body must be a JSON object.");
    NAME_TAKEN = code("name_taken", StatusCode::UNPROCESSABLE_ENTITY,
        "Another player has this name, or one that looks like it.");
    IDEMPOTENCY_KEY_INVALID = code("idempotency_key_invalid", StatusCode::UNPROCESSABLE_ENTITY,
        "The Idempotency-Key must be 1 to 255 visible ASCII characters, sent once.");
    PRECONDITION_REQUIRED = code("precondition_required", StatusCode::PRECONDITION_REQUIRED,
        "The header If-Match with the ETag of the resource is required.");
    RATE_LIMITED = retryable("rate_limited", StatusCode::TOO_MANY_REQUESTS, "Too Many Attempts.");
    INTERNAL = code("internal", StatusCode::INTERNAL_SERVER_ERROR, "Server Error");
    /// No provider has returned data yet.
    NO_MARKET_DATA = retryable("no_market_data", StatusCode::BAD_GATEWAY,
        "There is no market data about it yet.");
    UNAVAILABLE = retryable("unavailable", StatusCode::SERVICE_UNAVAILABLE,
        "The server cannot answer at the moment. Please try again later.");
    HISTORY_UNAVAILABLE = retryable("history_unavailable", StatusCode::SERVICE_UNAVAILABLE,
        "This part of the history is in the archive, which cannot be read at the moment.");
    OUTCOME_UNKNOWN = retryable("outcome_unknown", StatusCode::SERVICE_UNAVAILABLE,
        "Whether the order was carried out is not known. Look at your transactions, or send it \
         again with the same Idempotency-Key.");
    BUSY = retryable("busy", StatusCode::SERVICE_UNAVAILABLE,
        "The server is busy. Please try again later.");
    /// A leaderboard is being built and has no snapshot.
    BOARD_BUILDING = retryable("board_building", StatusCode::SERVICE_UNAVAILABLE,
        "The ranks are being put together. Please try again in a moment.");
    /// The node is not ready, and dates orders wrongly.
    CLOCK_SKEW = retryable("clock_skew", StatusCode::SERVICE_UNAVAILABLE,
        "The clock of this server differs from that of its database by more than 30 seconds.");
    CLOSING = retryable("closing", StatusCode::SERVICE_UNAVAILABLE,
        "The server is closing. Please try again later.");
    /// The request may still be executed.
    TIMED_OUT = retryable("timed_out", StatusCode::GATEWAY_TIMEOUT,
        "The response took too long. The request may still have been executed.");
}

/// The status of a rejected order, and whether the same request may succeed later.
pub(crate) fn rejection(rejection: domain::Rejection) -> (StatusCode, bool) {
    use domain::Rejection as R;
    let status = match rejection {
        R::InsufficientCash | R::InsufficientQuantity | R::BeyondLimits => StatusCode::BAD_REQUEST,
        // The order itself is invalid, like any other field.
        R::FractionalNotAllowed
        | R::QuantityTooLarge
        | R::StockNotAllowed
        | R::OrderTooSmall
        | R::IdempotencyKeyReused => StatusCode::UNPROCESSABLE_ENTITY,
        // The order is valid; the market or other orders prevented it.
        R::MarketClosed
        | R::GamePaused
        | R::PositionLimit
        | R::SessionTradesLimit
        | R::PriceTooLow
        | R::HoldingTooShort => StatusCode::CONFLICT,
        R::NoQuote
        | R::StaleQuote
        | R::PriceInDoubt
        | R::ClockUnknown
        | R::Contended
        // No client asks for an award.
        | R::NothingToAward => {
            StatusCode::SERVICE_UNAVAILABLE
        }
    };
    (status, !rejection.is_final())
}

/// The table as Markdown: the content of `docs/errors.md`.
#[cfg(test)]
pub(crate) fn error_table() -> String {
    use std::fmt::Write;

    let row = |name: &str, status: StatusCode, retryable: bool, text: &str| {
        let retryable = if retryable { "yes" } else { "no" };
        (status.as_u16(), name.to_owned(), retryable, text.to_owned())
    };
    let errors = ALL.iter().map(|code| row(code.name, code.status, code.retryable, code.text));
    let rejections = domain::Rejection::ALL.into_iter().map(|rejection| {
        let (status, retryable) = self::rejection(rejection);
        row(rejection.code(), status, retryable, &rejection.to_string())
    });
    let mut rows: Vec<_> = errors.chain(rejections).collect();
    rows.sort();
    let mut table = HEAD.to_owned();
    for (status, name, retryable, text) in rows {
        // Writing to a String cannot fail.
        let _ = writeln!(table, "| `{name}` | {status} | {retryable} | {text} |");
    }
    table
}

#[cfg(test)]
const HEAD: &str = "# Errors

Generated from `crates/web/src/problem/codes.rs`; a test compares the two.

Every error is `application/problem+json` (RFC 9457). Its member `code` is stable; `message` may be
more specific than the text here. Retryable means that the same request may succeed later;
`Retry-After` gives the delay, where it can be estimated. Send orders with an `Idempotency-Key`, and a
retry never trades twice. A filled order, and one rejected with a code that is not retryable, is stored
under its key: to try such an order again, send a new key. Nothing is stored for a retryable rejection,
nor for a request that fails before it becomes an order (`validation_failed`, `unauthenticated`,
`rate_limited`): send it again with the same key.
A pending order (202) is checked when it is accepted and again when it is executed. A rejection at
acceptance stores nothing; a rejection at execution is the member `rejection` of the order.

| code | status | retryable | text |
|---|---|---|---|
";

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn the_documentation_lists_every_error() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/errors.md");
        let written = std::fs::read_to_string(path).unwrap();
        assert!(written == error_table(), "docs/errors.md should be:\n{}", error_table());
    }

    #[test]
    fn codes_are_unique() {
        let names = ALL.iter().map(|code| code.name);
        let names: Vec<&str> = names.chain(domain::Rejection::ALL.map(|r| r.code())).collect();
        assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len());
    }
}
