//! The door: requests that wait for their token to be looked up are looked up together, in one
//! statement, while the next ones gather. Nothing is remembered, so a token that was revoked
//! anywhere is dead with the next request. What a token is stands in `token`.

use std::sync::Arc;

use domain::Clock;
use store::{Session, Store, StoreError};
use tokio::sync::{mpsc, oneshot};

/// The most tokens of one statement.
const BATCH_MAX: usize = 256;
/// The most requests that wait.
const QUEUE_MAX: usize = 16_384;

/// The entrance. Clones are the same door.
#[derive(Clone)]
pub(crate) struct Door(mpsc::Sender<Asked>);

/// Why nobody is known to be behind a token.
#[derive(Clone, Debug)]
pub(crate) enum DoorError {
    /// The database failed.
    Store(Arc<StoreError>),
    /// Too many wait, or the server ends.
    Full,
}

struct Asked {
    hash: [u8; 32],
    answer: oneshot::Sender<Result<Option<Session>, DoorError>>,
}

impl Door {
    /// A door that works until its last clone is gone. Call it within a Tokio runtime.
    pub(crate) fn new(store: Store, clock: Arc<dyn Clock>) -> Self {
        let (sender, receiver) = mpsc::channel(QUEUE_MAX);
        tokio::spawn(work(store, clock, receiver));
        Self(sender)
    }

    /// Whose living token this is.
    pub(crate) async fn find_session(&self, hash: [u8; 32]) -> Result<Option<Session>, DoorError> {
        let (answer, receiver) = oneshot::channel();
        self.0.try_send(Asked { hash, answer }).map_err(|_| DoorError::Full)?;
        receiver.await.unwrap_or(Err(DoorError::Full))
    }
}

async fn work(store: Store, clock: Arc<dyn Clock>, mut queue: mpsc::Receiver<Asked>) {
    let mut asked = Vec::new();
    while queue.recv_many(&mut asked, BATCH_MAX).await > 0 {
        let mut hashes: Vec<[u8; 32]> = asked.iter().map(|asked| asked.hash).collect();
        hashes.sort_unstable();
        hashes.dedup();
        let (store, now) = (store.clone(), clock.now());
        // A task of its own, so that a panic costs these requests and not the door.
        let found = tokio::spawn(async move { store.find_sessions(&hashes, now).await }).await;
        let found = match found {
            Ok(found) => found.map_err(|error| DoorError::Store(Arc::new(error))),
            Err(_) => Err(DoorError::Full),
        };
        for Asked { hash, answer } in asked.drain(..) {
            let session = found.as_ref().map(|sessions| sessions.get(&hash).copied());
            let session = session.map_err(Clone::clone);
            // Whoever asked may be gone.
            let _ = answer.send(session);
        }
    }
}
