//! A request in a lane's queue, and the channel for its response.

use std::sync::Arc;

use domain::{Action, Quote, Rejection, UnixMicros};
use store::StoreError;
use tokio::sync::oneshot;
use tokio::time::Instant;
use tracing::Span;

use crate::trace::order_span;
use crate::{DeskError, DeskRequest, OrderResponse};

pub struct Job {
    pub(crate) request: DeskRequest,
    response: oneshot::Sender<Result<OrderResponse, DeskError>>,
    pub(crate) queued_at: Instant,
    /// When it was first set aside.
    pub(crate) aside_since: Option<Instant>,
    /// With `fill = "next_tick"`, the time of the newest quote at acceptance: the order fills at a
    /// newer one. `None`: at any quote.
    pub(crate) after: Option<UnixMicros>,
    /// The quote, or its error, that replaces the present quote.
    pub(crate) fixed: Option<Result<Quote, Rejection>>,
    /// The error of the last attempt.
    pub(crate) last_error: Option<Arc<StoreError>>,
    /// Its span in the trace of the request; disabled unless that is sampled.
    pub(crate) span: Span,
}

impl Job {
    /// A job and the receiver of its response.
    pub fn new(
        request: DeskRequest,
    ) -> (Self, oneshot::Receiver<Result<OrderResponse, DeskError>>) {
        let (response, receiver) = oneshot::channel();
        let queued_at = Instant::now();
        let (aside_since, after, fixed, last_error) = (None, None, None, None);
        let span = order_span();
        let job =
            Self { request, response, queued_at, aside_since, after, fixed, last_error, span };
        (job, receiver)
    }

    /// The quote to settle at.
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

    /// Whether the job waits for a newer quote.
    pub(crate) fn waits(&self, quotes: &dyn Fn(i64) -> Result<Quote, Rejection>) -> bool {
        self.after.is_some() && self.quote(quotes) == Err(Rejection::StaleQuote)
    }

    pub(crate) fn respond(self, response: Result<OrderResponse, DeskError>) {
        match &response {
            Ok(OrderResponse { first_request_id: Some(_), .. }) => {
                metrics::counter!("openbell_idempotent_replays_total").increment(1);
            }
            // Another node or a trade was first.
            Ok(OrderResponse { outcome: Err(Rejection::NothingToAward), .. }) => {}
            Ok(OrderResponse { outcome: Err(rejection), .. }) => {
                let code = rejection.code();
                metrics::counter!("openbell_rejections_total", "code" => code).increment(1);
            }
            Ok(_) => {}
            Err(error) => {
                let request_id = &self.request.request_id;
                tracing::warn!(request_id, %error, "an order has no outcome; the client may repeat it with its idempotency key");
            }
        }
        // The client may have disconnected; the outcome is committed all the same.
        let _ = self.response.send(response);
    }

    pub(crate) fn fail(self, error: &Arc<StoreError>) {
        self.respond(Err(DeskError::Store(Arc::clone(error))));
    }

    /// Responds after the last attempt, with its error or as contended.
    pub fn give_up(self) {
        match self.last_error.clone() {
            Some(error) => self.fail(&error),
            None => self.respond(Ok(OrderResponse {
                outcome: Err(Rejection::Contended),
                first_request_id: None,
            })),
        }
    }
}
