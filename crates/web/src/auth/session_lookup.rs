//! Looks up bearer tokens in batches: the requests that arrive during one statement share the next.
//! Nothing is cached, so a token that any node revokes is refused from the next request on.

use std::sync::Arc;

use domain::Clock;
use store::{Store, StoreError, UserSession};
use tokio::sync::{mpsc, oneshot};
use tracing::{Instrument as _, info_span};

/// Tokens in one statement.
const BATCH_MAX: usize = 256;
/// Requests that wait for a statement.
const QUEUE_MAX: usize = 16_384;

/// Clones share one queue.
#[derive(Clone)]
pub(crate) struct SessionLookup(mpsc::Sender<PendingLookup>);

#[derive(Clone, Debug)]
pub(crate) enum SessionLookupError {
    Store(Arc<StoreError>),
    /// The queue is full, or the server shuts down.
    Unavailable,
}

struct PendingLookup {
    token_hash: [u8; 32],
    response: oneshot::Sender<Result<Option<UserSession>, SessionLookupError>>,
}

impl SessionLookup {
    /// Spawns the task that runs the statements; it ends with the last clone. Requires a Tokio
    /// runtime.
    pub(crate) fn new(store: Store, clock: Arc<dyn Clock>) -> Self {
        let (sender, receiver) = mpsc::channel(QUEUE_MAX);
        tokio::spawn(run(store, clock, receiver));
        Self(sender)
    }

    /// The valid session of a token, by the token's SHA-256.
    pub(crate) async fn find_session(
        &self,
        token_hash: [u8; 32],
    ) -> Result<Option<UserSession>, SessionLookupError> {
        let (response, receiver) = oneshot::channel();
        let pending = PendingLookup { token_hash, response };
        self.0.try_send(pending).map_err(|_| SessionLookupError::Unavailable)?;
        let wait = receiver.instrument(info_span!(target: domain::TRACES, "session lookup"));
        wait.await.unwrap_or(Err(SessionLookupError::Unavailable))
    }
}

async fn run(store: Store, clock: Arc<dyn Clock>, mut queue: mpsc::Receiver<PendingLookup>) {
    let mut batch = Vec::new();
    while queue.recv_many(&mut batch, BATCH_MAX).await > 0 {
        let mut hashes: Vec<[u8; 32]> = batch.iter().map(|pending| pending.token_hash).collect();
        hashes.sort_unstable();
        hashes.dedup();
        let (store, now) = (store.clone(), clock.now());
        // In a task of its own, so that a panic fails this batch only.
        let found = tokio::spawn(async move { store.find_sessions(&hashes, now).await }).await;
        let found = match found {
            Ok(found) => found.map_err(|error| SessionLookupError::Store(Arc::new(error))),
            Err(_) => Err(SessionLookupError::Unavailable),
        };
        for PendingLookup { token_hash, response } in batch.drain(..) {
            let session = found.as_ref().map(|sessions| sessions.get(&token_hash).copied());
            // The request may have been cancelled.
            let _ = response.send(session.map_err(Clone::clone));
        }
    }
}
