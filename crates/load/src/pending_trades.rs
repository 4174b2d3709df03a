//! Trades that the server accepted with 202: reads what became of each after the measured time.

use std::time::Duration;

use serde::Deserialize;
use tokio::task::{JoinError, JoinSet};
use tokio::time::Instant;

use crate::counters::RequestCounters;
use crate::trade_response::{Ack, PendingTrade};
use crate::worker::{EXPECTED, Worker};

/// How long a run waits for pending orders to end.
pub(crate) const WAIT_MAX: Duration = Duration::from_secs(10);
/// The time between two reads of an order.
const POLL_INTERVAL: Duration = Duration::from_millis(250);

#[derive(Deserialize)]
struct OrderDetail {
    data: OrderState,
}

#[derive(Deserialize)]
struct OrderState {
    status: String,
    trade_id: Option<String>,
    rejection: Option<String>,
}

/// What became of pending trades.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct ResolvedTrades {
    /// Those that filled.
    pub(crate) acks: Vec<Ack>,
    pub(crate) refused: u64,
    /// Rejected with a code that is not expected in a game.
    pub(crate) bad: u64,
    /// Still pending.
    pub(crate) pending: u64,
    /// Those whose order cannot be read.
    pub(crate) unknown: u64,
    /// Why the first of these could not be read.
    pub(crate) error: Option<String>,
}

impl ResolvedTrades {
    pub(crate) fn add_to(&self, counters: &mut RequestCounters) {
        counters.accepted += self.acks.len() as u64;
        counters.refused += self.refused;
        counters.bad += self.bad;
        counters.pending += self.pending;
        counters.unknown += self.unknown;
    }
}

/// Reads the pending trades of all workers until each has ended, for `wait_max` at most.
pub(crate) async fn resolve(
    workers: Vec<Worker>,
    wait_max: Duration,
) -> Result<(Vec<Worker>, ResolvedTrades), JoinError> {
    let mut running = JoinSet::new();
    for mut worker in workers {
        running.spawn(async move {
            let mut resolved = ResolvedTrades::default();
            let deadline = Instant::now() + wait_max;
            for trade in std::mem::take(&mut worker.pending) {
                resolve_trade(&mut worker, &trade, deadline, &mut resolved).await;
            }
            (worker, resolved)
        });
    }
    let (mut workers, mut all) = (Vec::new(), ResolvedTrades::default());
    while let Some(resolved) = running.join_next().await {
        let (worker, resolved) = resolved?;
        workers.push(worker);
        all.acks.extend(resolved.acks);
        all.refused += resolved.refused;
        all.bad += resolved.bad;
        all.pending += resolved.pending;
        all.unknown += resolved.unknown;
        all.error = all.error.or(resolved.error);
    }
    Ok((workers, all))
}

async fn resolve_trade(
    worker: &mut Worker,
    trade: &PendingTrade,
    deadline: Instant,
    resolved: &mut ResolvedTrades,
) {
    let path = format!("/api/portfolio/orders/{}", trade.order_id);
    loop {
        let order = match worker.read::<OrderDetail>(trade.player, &path).await {
            Ok(OrderDetail { data }) => data,
            Err(error) => {
                resolved.unknown += 1;
                resolved.error.get_or_insert(error);
                return;
            }
        };
        match (order.status.as_str(), order.trade_id) {
            ("filled", Some(trade_id)) => match Ack::of(trade.player, &trade_id, None) {
                Some(ack) => resolved.acks.push(ack),
                None => resolved.unknown += 1,
            },
            ("rejected", _) => {
                resolved.refused += 1;
                let code = order.rejection.unwrap_or_default();
                resolved.bad += u64::from(!EXPECTED.contains(&code.as_str()));
            }
            ("cancelled" | "expired", _) => resolved.refused += 1,
            ("pending" | "executing", _) if Instant::now() < deadline => {
                tokio::time::sleep(POLL_INTERVAL).await;
                continue;
            }
            ("pending" | "executing", _) => resolved.pending += 1,
            _ => resolved.unknown += 1,
        }
        return;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::{TestServer, test_workers};
    use crate::worker::{TradeOrder, TradeSide};

    const ORDER: TradeOrder = TradeOrder { player: 0, side: TradeSide::Buy, stock: 0 };
    const BUY: &str = "/api/portfolio/buy";
    const PATH: &str = "/api/portfolio/orders/o-42-7";

    /// Sends a trade that is accepted with 202, and resolves it where its order is `detail`.
    async fn resolved(detail: (u16, &str)) -> ResolvedTrades {
        let accepted = r#"{"success":true,"message":"m","order":{"id":"o-42-7"}}"#;
        let server = TestServer::start(&[(BUY, 202, accepted), (PATH, detail.0, detail.1)]).await;
        let mut workers = test_workers(&server.address, 1);
        assert!(!workers[0].trade(ORDER, Instant::now()).await, "it has not filled");
        assert_eq!((workers[0].counters.unknown, workers[0].pending.len()), (0, 1));
        let (workers, resolved) = resolve(workers, Duration::ZERO).await.expect("no panic");
        assert!(workers[0].pending.is_empty());
        resolved
    }

    #[tokio::test]
    async fn an_accepted_order_that_filled_is_an_acknowledged_trade() {
        let filled = r#"{"data":{"status":"filled","trade_id":"t-42-202611-2","rejection":null}}"#;
        let ack = Ack { player: 0, player_id: 42, month: 202_611, version: 2, amounts: None };
        let expected = ResolvedTrades { acks: vec![ack], ..ResolvedTrades::default() };
        assert_eq!(resolved((200, filled)).await, expected);
        let nameless = r#"{"data":{"status":"filled","trade_id":"t-42","rejection":null}}"#;
        assert_eq!(resolved((200, nameless)).await.unknown, 1);
    }

    #[tokio::test]
    async fn an_accepted_order_that_ended_otherwise_is_refused() {
        for (status, rejection, bad) in [
            ("rejected", "\"insufficient_cash\"", 0),
            ("rejected", "\"internal\"", 1),
            ("cancelled", "null", 0),
            ("expired", "\"stale_quote\"", 0),
        ] {
            let detail = format!(
                r#"{{"data":{{"status":"{status}","trade_id":null,"rejection":{rejection}}}}}"#
            );
            let expected = ResolvedTrades { refused: 1, bad, ..ResolvedTrades::default() };
            assert_eq!(resolved((200, &detail)).await, expected, "{status} {rejection}");
        }
        for (status, reason) in [
            (200, format!("the response to GET {PATH} is malformed (player 0)")),
            (404, format!("GET {PATH} failed (player 0)")),
        ] {
            let expected = ResolvedTrades { unknown: 1, error: Some(reason), ..Default::default() };
            assert_eq!(resolved((status, "{}")).await, expected);
        }
    }

    #[tokio::test]
    async fn an_order_that_stays_pending_is_counted_as_pending() {
        let pending = r#"{"data":{"status":"pending","trade_id":null,"rejection":null}}"#;
        let expected = ResolvedTrades { pending: 1, ..ResolvedTrades::default() };
        assert_eq!(resolved((200, pending)).await, expected);
    }
}
