//! Why a notification was not delivered.

use std::time::Duration;

use thiserror::Error;

/// The texts contain no secret, address or URL.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum DeliveryError {
    /// A later attempt may succeed.
    #[error("{reason}")]
    Retry {
        reason: String,
        /// The wait that the receiver requested.
        after: Option<Duration>,
    },
    /// The receiver accepts no notification for now.
    #[error("{reason}")]
    Throttled {
        reason: String,
        /// The wait that the receiver requested.
        after: Option<Duration>,
    },
    /// The receiver does not accept it.
    #[error("{reason}; check the settings of the channel")]
    Rejected { reason: String },
}
