//! A request in a lane's queue, and the one place where it is answered. What it is answered is
//! decided in `attempt` and `answer`.

use std::sync::Arc;

use domain::Rejection;
use store::StoreError;
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::{Answer, DeskError, Request};

/// A request in the queue, with who waits for its answer.
pub struct Job {
    pub(crate) request: Request,
    answer: oneshot::Sender<Result<Answer, DeskError>>,
    pub(crate) queued_at: Instant,
    /// Since when it is set aside, if it is.
    pub(crate) aside_since: Option<Instant>,
    /// The fault that the last attempt ended in.
    pub(crate) fault: Option<Arc<StoreError>>,
}

impl Job {
    /// A job that was queued now, and the end at which its answer arrives.
    pub fn new(request: Request) -> (Self, oneshot::Receiver<Result<Answer, DeskError>>) {
        let (answer, receiver) = oneshot::channel();
        let queued_at = Instant::now();
        (Self { request, answer, queued_at, aside_since: None, fault: None }, receiver)
    }

    pub(crate) fn give(self, answer: Result<Answer, DeskError>) {
        match &answer {
            Ok(Answer { first_request_id: Some(_), .. }) => {
                metrics::counter!("openbell_idempotent_replays_total").increment(1);
            }
            Ok(Answer { outcome: Err(rejection), .. }) => {
                let code = rejection.code();
                metrics::counter!("openbell_rejections_total", "code" => code).increment(1);
            }
            Ok(_) => {}
            Err(error) => {
                let request_id = &self.request.request_id;
                tracing::warn!(request_id, %error, "an order has no answer");
            }
        }
        // Whoever asked may be gone; the trade stands all the same.
        let _ = self.answer.send(answer);
    }

    pub(crate) fn fail(self, error: &Arc<StoreError>) {
        self.give(Err(DeskError::Store(Arc::clone(error))));
    }

    /// Answers when all attempts are used up.
    pub fn give_up(self) {
        match self.fault.clone() {
            Some(fault) => self.fail(&fault),
            None => {
                self.give(Ok(Answer { outcome: Err(Rejection::Contended), first_request_id: None }))
            }
        }
    }
}
