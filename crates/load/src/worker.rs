//! One worker: sends what it is given on its own connection, tries again what may be tried again,
//! and counts. What to send is the plan's decision.

use std::sync::Arc;
use std::time::Duration;

use hyper::header::HeaderValue;
use serde::Deserialize;
use tokio::time::Instant;

use crate::amount::{cents, price};
use crate::client::{Address, Call, Client, Response, SendError};
use crate::counters::{Counters, LatencyHistogram};
use crate::market::Market;
use crate::players::PlayerLogin;
use crate::rng::SeededRng;
use crate::server_contact::ServerContact;

/// How long a request is tried again.
const TRIED_FOR: Duration = Duration::from_secs(60);
/// The longest wait that a server may ask for.
const WAIT_MAX_S: u64 = 5;
/// The wait after a lost connection, in milliseconds: this much and up to as much again on top.
const WAIT_MS: u64 = 50;
const WAIT_MORE_MS: usize = 150;
/// Refusals that belong to the game.
const EXPECTED: [&str; 3] = ["insufficient_cash", "insufficient_quantity", "beyond_limits"];
/// A trade that may have been carried out all the same.
const OUTCOME_UNKNOWN: &str = "outcome_unknown";

/// What all workers of a run have in common.
#[derive(Debug)]
pub(crate) struct RunContext {
    pub(crate) addresses: Arc<[Address]>,
    pub(crate) logins: Vec<PlayerLogin>,
    pub(crate) market: Market,
    /// What makes the keys of this run unique; none: trades have no keys.
    pub(crate) key_tag: Option<String>,
    pub(crate) seed: u64,
    /// Whether the servers still answer.
    pub(crate) contact: ServerContact,
}

/// Which way a trade goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Buy,
    Sell,
}

/// One trade of one share.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Order {
    /// Index of the player.
    pub(crate) player: usize,
    pub(crate) side: Side,
    /// Index of the stock.
    pub(crate) stock: usize,
}

/// A trade as the server acknowledged it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ack {
    /// Index of the player.
    pub(crate) player: usize,
    pub(crate) player_id: i64,
    pub(crate) month: i64,
    pub(crate) version: i64,
    /// In ten-thousandths.
    pub(crate) price: i64,
    /// In hundredths, without a sign.
    pub(crate) total: i64,
    /// In hundredths.
    pub(crate) balance: i64,
}

/// A worker with what it has counted.
#[derive(Debug)]
pub(crate) struct Worker {
    pub(crate) common: Arc<RunContext>,
    pub(crate) number: usize,
    pub(crate) rng: SeededRng,
    pub(crate) counters: Counters,
    pub(crate) acks: Vec<Ack>,
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
            counters: Counters::default(),
            acks: Vec::new(),
            client: Client::new(&common.addresses, number),
            end: None,
            trades: 0,
        }
    }

    /// Counts as measured what is answered until then.
    pub(crate) fn measure_until(&mut self, end: Option<Instant>) {
        self.end = end;
    }

    /// Connects, so that this is not measured.
    pub(crate) async fn connect(&mut self) {
        self.client.connect().await;
    }

    /// Leaves out of the measured times what was sent before them.
    pub(crate) fn reset_timings(&mut self) {
        self.counters.latency = LatencyHistogram::default();
        self.counters.answered_in_time = 0;
        self.counters.accepted_in_time = 0;
    }

    /// Sends a trade that was due at `begun`; whether it was carried out.
    pub(crate) async fn trade(&mut self, order: Order, begun: Instant) -> bool {
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
            Some(answer) if (400..500).contains(&answer.status) => {
                self.counters.refused += 1;
                let code = code_of(&answer.body);
                self.counters.bad += u64::from(!EXPECTED.contains(&code.as_str()));
            }
            Some(_) | None => self.counters.unknown += 1,
        }
        false
    }

    /// Asks something that may be asked again; the answer if it was good.
    pub(crate) async fn ask(&mut self, call: &Call, begun: Instant) -> Option<Response> {
        let answer = self.perform(call, true, begun).await;
        let good = answer.filter(|answer| (200..300).contains(&answer.status));
        self.counters.bad += u64::from(good.is_none());
        good
    }

    fn order_call(&mut self, order: Order) -> Call {
        let common = Arc::clone(&self.common);
        let path = match order.side {
            Side::Buy => "/api/portfolio/buy",
            Side::Sell => "/api/portfolio/sell",
        };
        let body = common.market.stocks[order.stock].order.clone();
        let mut call = Call::post(path, Some(&common.logins[order.player].bearer), body);
        self.trades += 1;
        call.key = common.key_tag.as_ref().and_then(|tag| {
            HeaderValue::try_from(format!("{tag}-{}-{}", self.number, self.trades)).ok()
        });
        call
    }

    /// Sends until there is an answer that stays; the last answer, `None` when it is not known
    /// whether the request was carried out.
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

    /// Somewhat more than was asked for, so that not all come back at once.
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

#[derive(Deserialize)]
struct Problem {
    code: String,
}

/// The stable code of a problem; `none` where the answer has none.
fn code_of(body: &[u8]) -> String {
    serde_json::from_slice::<Problem>(body).map_or_else(|_| "none".to_owned(), |p| p.code)
}

#[derive(Deserialize)]
struct TradeResponse<'a> {
    #[serde(borrow)]
    data: Trade<'a>,
}

#[derive(Deserialize)]
struct Trade<'a> {
    trade_id: &'a str,
    new_balance: &'a str,
    price: &'a str,
    total_amount: &'a str,
}

fn read_ack(player: usize, body: &[u8]) -> Option<Ack> {
    let Trade { trade_id, new_balance, price: paid, total_amount } =
        serde_json::from_slice::<TradeResponse<'_>>(body).ok()?.data;
    let mut parts = trade_id.strip_prefix("t-")?.splitn(3, '-').map(|part| part.parse().ok());
    Some(Ack {
        player,
        player_id: parts.next()??,
        month: parts.next()??,
        version: parts.next()??,
        price: price(paid)?,
        total: cents(total_amount)?,
        balance: cents(new_balance)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_read_as_it_was_acknowledged() {
        let body = br#"{"success":true,"message":"m","data":{"new_balance":"9430.15",
            "xp_earned":10,"trade_id":"t-42-202611-2","price":"189.95","total_amount":"569.85"}}"#;
        let ack = Ack {
            player: 7,
            player_id: 42,
            month: 202_611,
            version: 2,
            price: 1_899_500,
            total: 56_985,
            balance: 943_015,
        };
        assert_eq!(read_ack(7, body), Some(ack));
        assert_eq!(read_ack(7, b"{}"), None);
        assert_eq!(code_of(br#"{"code":"busy","status":503}"#), "busy");
        assert_eq!(code_of(b"<html>"), "none");
    }
}
