//! A request to the desk and its response.

use std::sync::Arc;

use domain::{Action, Outcome};
use store::StoreError;

/// One request of a player.
#[derive(Clone, Debug)]
pub struct DeskRequest {
    pub player_id: i64,
    pub action: Action,
    /// With a key the request is carried out at most once.
    pub idempotency: Option<Idempotency>,
    /// The id of the HTTP request, for logs and replays.
    pub request_id: String,
}

/// An idempotency key with the fingerprint of its request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Idempotency {
    pub key: String,
    /// SHA-256 of the route and the normalized body.
    pub fingerprint: [u8; 32],
}

/// The committed outcome of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderResponse {
    pub outcome: Outcome,
    /// On a replay, the id of the first HTTP request.
    pub first_request_id: Option<String>,
}

/// Why a request has no outcome.
#[derive(Clone, Debug, thiserror::Error)]
pub enum DeskError {
    /// The lane is full; nothing is written.
    #[error("too many orders are waiting")]
    Full { retry_after_s: u64 },
    /// The desk is closed; nothing is written.
    #[error("the desk is closing")]
    Closed,
    /// The player does not exist; nothing is written.
    #[error("there is no such player")]
    UnknownPlayer,
    /// The idempotency key belongs to a pending order; nothing is written.
    #[error("the idempotency key belongs to a pending order")]
    KeyOfOrder,
    /// The batch panicked; the outcome is unknown.
    #[error("the batch of the order was lost")]
    Lost,
    /// The database failed. If it is unavailable, the outcome may be unknown.
    #[error("cannot settle the order")]
    Store(#[source] Arc<StoreError>),
}
