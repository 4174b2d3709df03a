//! A worker: sends requests on its own connection, retries those that may be retried, and counts.
//! `plan` decides what it sends.

use std::sync::Arc;
use std::time::Duration;

use hyper::header::HeaderValue;
use serde::de::DeserializeOwned;
use tokio::time::Instant;

use crate::client::{Call, Client, Response, SendError, ServerAddress};
use crate::counters::{LatencyHistogram, RequestCounters};
use crate::players::PlayerLogin;
use crate::rng::SeededRng;
use crate::server_contact::ServerContact;
use crate::setup_client::TradableStock;
use crate::trade_response::{Ack, PendingTrade, code_of, read_ack, read_order_id};

/// The difference of a run whose servers have disappeared.
pub(crate) const NO_SERVER: &str = "no server responds: the run ended early and is not verified";
/// How long a request is retried.
const TRIED_FOR: Duration = Duration::from_secs(60);
/// The longest `Retry-After` that is respected.
const WAIT_MAX_S: u64 = 5;
/// The wait after a lost connection, in milliseconds: this much and up to as much again on top.
const WAIT_MS: u64 = 50;
const WAIT_MORE_MS: usize = 150;
/// Rejections that are expected in a game.
pub(crate) const EXPECTED: [&str; 3] =
    ["insufficient_cash", "insufficient_quantity", "beyond_limits"];
/// The code of a trade that may have been executed.
const OUTCOME_UNKNOWN: &str = "outcome_unknown";

/// What all workers of a run share.
#[derive(Debug)]
pub(crate) struct RunContext {
    pub(crate) addresses: Arc<[ServerAddress]>,
    pub(crate) logins: Vec<PlayerLogin>,
    pub(crate) stocks: Vec<TradableStock>,
    /// Makes the idempotency keys of this run unique; without it, trades have no keys.
    pub(crate) key_tag: Option<String>,
    pub(crate) seed: u64,
    pub(crate) contact: ServerContact,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TradeSide {
    Buy,
    Sell,
}

/// An order for one share.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TradeOrder {
    /// Index of the player.
    pub(crate) player: usize,
    pub(crate) side: TradeSide,
    /// Index of the stock.
    pub(crate) stock: usize,
}

#[derive(Debug)]
pub(crate) struct Worker {
    pub(crate) common: Arc<RunContext>,
    pub(crate) number: usize,
    pub(crate) rng: SeededRng,
    pub(crate) counters: RequestCounters,
    pub(crate) acks: Vec<Ack>,
    pub(crate) pending: Vec<PendingTrade>,
    client: Client,
    /// When the measured time ends.
    end: Option<Instant>,
    trades: u64,
}

impl Worker {
    pub(crate) fn new(common: &Arc<RunContext>, number: usize) -> Self {
        Self {
            common: Arc::clone(common),
            number,
            rng: SeededRng::new(common.seed, number),
            counters: RequestCounters::default(),
            acks: Vec::new(),
            pending: Vec::new(),
            client: Client::new(&common.addresses, number),
            end: None,
            trades: 0,
        }
    }

    /// Responses after `end` do not count as measured.
    pub(crate) fn measure_until(&mut self, end: Option<Instant>) {
        self.end = end;
    }

    /// Connects ahead of the first request, so that this is not measured.
    pub(crate) async fn connect(&mut self) {
        self.client.connect().await;
    }

    /// Resets what is measured, after requests of the preparation.
    pub(crate) fn reset_timings(&mut self) {
        self.counters.latency = LatencyHistogram::default();
        self.counters.answered_in_time = 0;
        self.counters.accepted_in_time = 0;
    }

    /// Sends a trade that was due at `begun`. Returns whether it was executed.
    pub(crate) async fn trade(&mut self, order: TradeOrder, begun: Instant) -> bool {
        let call = self.order_call(order);
        let repeatable = call.key.is_some();
        let answer = self.perform(&call, repeatable, begun).await;
        match answer {
            Some(answer) if answer.status == 200 => {
                if let Some(ack) = read_ack(order.player, &answer.body) {
                    self.acks.push(ack);
                    self.counters.accepted += 1;
                    self.counters.accepted_in_time += u64::from(self.in_time());
                    return true;
                }
                self.counters.unknown += 1;
            }
            Some(answer) if answer.status == 202 => match read_order_id(&answer.body) {
                Some(order_id) => {
                    self.pending.push(PendingTrade { player: order.player, order_id });
                }
                None => self.counters.unknown += 1,
            },
            Some(answer) if (400..500).contains(&answer.status) => {
                self.counters.refused += 1;
                let code = code_of(&answer.body);
                self.counters.bad += u64::from(!EXPECTED.contains(&code.as_str()));
            }
            Some(_) | None => self.counters.unknown += 1,
        }
        false
    }

    /// Sends a request that may be repeated. Returns the response if its status is 2xx.
    pub(crate) async fn send(&mut self, call: &Call, begun: Instant) -> Option<Response> {
        let answer = self.perform(call, true, begun).await;
        let good = answer.filter(|answer| (200..300).contains(&answer.status));
        self.counters.bad += u64::from(good.is_none());
        good
    }

    /// Reads JSON for a player. The error is a sentence for the report.
    pub(crate) async fn read<T: DeserializeOwned>(
        &mut self,
        player: usize,
        path: &str,
    ) -> Result<T, String> {
        let call = Call::get(path, Some(&self.common.logins[player].bearer));
        let Some(response) = self.send(&call, Instant::now()).await else {
            return Err(if self.common.contact.is_lost() {
                NO_SERVER.to_owned()
            } else {
                format!("GET {path} failed (player {player})")
            });
        };
        serde_json::from_slice(&response.body)
            .map_err(|_| format!("the response to GET {path} is malformed (player {player})"))
    }

    fn order_call(&mut self, order: TradeOrder) -> Call {
        let common = Arc::clone(&self.common);
        let path = match order.side {
            TradeSide::Buy => "/api/portfolio/buy",
            TradeSide::Sell => "/api/portfolio/sell",
        };
        let body = common.stocks[order.stock].order.clone();
        let mut call = Call::post(path, Some(&common.logins[order.player].bearer), body);
        self.trades += 1;
        call.key = common.key_tag.as_ref().and_then(|tag| {
            HeaderValue::try_from(format!("{tag}-{}-{}", self.number, self.trades)).ok()
        });
        call
    }

    /// Sends and retries until a response is final. Returns the last response; `None` if it is
    /// unknown whether the request was executed.
    async fn perform(&mut self, call: &Call, repeatable: bool, begun: Instant) -> Option<Response> {
        let first = Instant::now();
        while !self.common.contact.is_lost() {
            let (wait, last) = match self.client.send(call).await {
                Ok(answer) => {
                    self.common.contact.record_answer(Instant::now());
                    self.count(&answer);
                    if !self.is_retryable(&answer, repeatable) {
                        self.counters.latency.record(begun.elapsed());
                        return Some(answer);
                    }
                    (self.retry_delay(answer.retry_after), Some(answer))
                }
                Err(lost) => {
                    self.common.contact.record_silence(first, Instant::now());
                    self.counters.failed += 1;
                    if lost == SendError::Unanswered && !repeatable {
                        return None;
                    }
                    (self.retry_delay(None), None)
                }
            };
            if first.elapsed() + wait > TRIED_FOR {
                return last.filter(|answer| answer.status == 429);
            }
            self.counters.retries += 1;
            tokio::time::sleep(wait).await;
        }
        None
    }

    fn is_retryable(&self, answer: &Response, repeatable: bool) -> bool {
        match answer.status {
            429 => true,
            503 => repeatable || code_of(&answer.body) != OUTCOME_UNKNOWN,
            504 => repeatable,
            _ => false,
        }
    }

    /// `Retry-After`, or else a backoff, with jitter.
    fn retry_delay(&mut self, retry_after: Option<u64>) -> Duration {
        let more = Duration::from_millis(self.rng.below(WAIT_MORE_MS) as u64);
        match retry_after {
            Some(seconds) => Duration::from_secs(seconds.min(WAIT_MAX_S)) + more,
            None => Duration::from_millis(WAIT_MS) + more,
        }
    }

    fn count(&mut self, answer: &Response) {
        *self.counters.statuses.entry(answer.status).or_default() += 1;
        self.counters.answered_in_time += u64::from(self.in_time());
        if answer.status >= 400 {
            *self.counters.codes.entry(code_of(&answer.body)).or_default() += 1;
        }
    }

    fn in_time(&self) -> bool {
        self.end.is_none_or(|end| Instant::now() <= end)
    }
}
