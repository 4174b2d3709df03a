//! The error responses for errors of other crates and for rejected orders.

use archive::ArchiveError;
use domain::Rejection;
use store::StoreError;
use trading::DeskError;

use super::{Problem, RETRY_AFTER_S, codes};
use crate::auth::session_lookup::SessionLookupError;

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        Self::from(&error)
    }
}

impl From<&StoreError> for Problem {
    fn from(error: &StoreError) -> Self {
        match error {
            StoreError::Unavailable(_)
            | StoreError::CommitUnknown(..)
            | StoreError::CommitLost(_)
            | StoreError::Conflict(_)
            | StoreError::DiskFailed => {
                tracing::warn!(%error, "the database is unavailable");
                Self::from(&codes::UNAVAILABLE).retry_after(RETRY_AFTER_S)
            }
            StoreError::Unreadable(_) => {
                tracing::error!(%error, "reading the database failed; check its disk and the file");
                Self::from(&codes::UNAVAILABLE).retry_after(RETRY_AFTER_S)
            }
            StoreError::Corrupt(_) | StoreError::Unsuitable(_) | StoreError::Query(_) => {
                tracing::error!(%error, "a statement of the database failed");
                Self::internal()
            }
        }
    }
}

impl From<ArchiveError> for Problem {
    fn from(error: ArchiveError) -> Self {
        if let ArchiveError::Store(error) = &error {
            return Self::from(error);
        }
        tracing::error!(error = error.chain(), "reading a history from the archive failed");
        Self::from(&codes::HISTORY_UNAVAILABLE)
    }
}

impl From<SessionLookupError> for Problem {
    fn from(error: SessionLookupError) -> Self {
        match error {
            SessionLookupError::Store(error) => Self::from(&*error),
            SessionLookupError::Unavailable => Self::from(&codes::BUSY).retry_after(RETRY_AFTER_S),
        }
    }
}

impl From<DeskError> for Problem {
    fn from(error: DeskError) -> Self {
        match error {
            DeskError::Full { retry_after_s } => {
                Self::from(&codes::BUSY).retry_after(retry_after_s)
            }
            DeskError::Closed => Self::from(&codes::CLOSING).retry_after(RETRY_AFTER_S),
            DeskError::UnknownPlayer => Self::unauthenticated(true),
            // The pending order of this key was deleted concurrently.
            DeskError::KeyOfOrder => Self::from(&codes::BUSY).retry_after(RETRY_AFTER_S),
            DeskError::Lost => Self::from(&codes::OUTCOME_UNKNOWN).retry_after(RETRY_AFTER_S),
            DeskError::Store(error) if is_outcome_unknown(&error) => {
                tracing::warn!(%error, "the outcome of an order is unknown; the client must look it up or repeat it with its key");
                Self::from(&codes::OUTCOME_UNKNOWN).retry_after(RETRY_AFTER_S)
            }
            DeskError::Store(error) => error.as_ref().into(),
        }
    }
}

/// Whether an order may be stored in spite of the error. A batch whose fsync failed may be durable.
fn is_outcome_unknown(error: &StoreError) -> bool {
    use StoreError::{CommitLost, CommitUnknown, DiskFailed};
    matches!(error, CommitUnknown(..) | CommitLost(_) | DiskFailed)
}

impl From<Rejection> for Problem {
    fn from(rejection: Rejection) -> Self {
        let (status, retryable) = codes::rejection(rejection);
        let mut problem = Self::new(&codes::VALIDATION_FAILED, rejection.to_string());
        let data = &mut *problem.0;
        data.code = rejection.code();
        data.status = status;
        data.retryable = retryable;
        if retryable { problem.retry_after(RETRY_AFTER_S) } else { problem }
    }
}
