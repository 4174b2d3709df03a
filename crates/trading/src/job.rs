//! A request in a lane's queue, and the one place where it is answered. What it is answered is
//! decided in `attempt` and `answer`.

use std::sync::Arc;

use domain::{Action, Quote, Rejection, UnixMicros};
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
    /// The order fills at a quote that was made after this instant: the time of the newest one when
    /// the order was accepted. `None`: at any quote.
    pub(crate) after: Option<UnixMicros>,
    /// What the order is settled at instead of the present quote, or why it has no price.
    pub(crate) fixed: Option<Result<Quote, Rejection>>,
    /// The fault that the last attempt ended in.
    pub(crate) fault: Option<Arc<StoreError>>,
}

impl Job {
    /// A job that was queued now, and the end at which its answer arrives.
    pub fn new(request: Request) -> (Self, oneshot::Receiver<Result<Answer, DeskError>>) {
        let (answer, receiver) = oneshot::channel();
        let queued_at = Instant::now();
        let (aside_since, after, fixed, fault) = (None, None, None, None);
        (Self { request, answer, queued_at, aside_since, after, fixed, fault }, receiver)
    }

    /// The quote to settle at, or why there is none.
    pub(crate) fn quote(
        &self,
        quotes: &dyn Fn(i64) -> Result<Quote, Rejection>,
    ) -> Result<Quote, Rejection> {
        let Action::Trade(order, _) = &self.request.action else {
            return Err(Rejection::NoQuote);
        };
        if let Some(fixed) = self.fixed {
            return fixed;
        }
        let quote = quotes(order.stock_id)?;
        match self.after {
            Some(after) if quote.as_of <= after => Err(Rejection::StaleQuote),
            _ => Ok(quote),
        }
    }

    /// Whether the price that it fills at is still to come.
    pub(crate) fn waits(&self, quotes: &dyn Fn(i64) -> Result<Quote, Rejection>) -> bool {
        self.after.is_some() && self.quote(quotes) == Err(Rejection::StaleQuote)
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
