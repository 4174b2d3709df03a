//! Polls the metrics of the servers: queue waits before and after a run, memory during it.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior};

use crate::client::{Call, Client, ServerAddress};
use crate::report::{Memory, QueueWait, nanos_as_ms};
use crate::scrape::{QueueWaits, memory_bytes};

const MEMORY_INTERVAL: Duration = Duration::from_secs(5);
/// The warm-up is this part of a run: a fifth.
const WARM_UP: u32 = 5;

/// Reads the metrics of all servers.
#[derive(Debug)]
pub(crate) struct MetricsPoller {
    clients: Vec<Client>,
}

impl MetricsPoller {
    pub(crate) fn new(addresses: &[ServerAddress]) -> Self {
        let alone = |address: &ServerAddress| Client::new(&Arc::from([address.clone()]), 0);
        Self { clients: addresses.iter().map(alone).collect() }
    }

    /// The queue waits of all servers; `None` if a server returns no metrics.
    pub(crate) async fn queue_waits(&mut self) -> Option<QueueWaits> {
        let mut waits = QueueWaits::default();
        for text in self.read().await? {
            waits.add(&text);
        }
        Some(waits)
    }

    /// Polls the memory until the end of the run; `None` if a server returns no metrics.
    pub(crate) async fn memory(mut self, start: Instant, duration: Duration) -> Option<Memory> {
        let (warm, end) = (start + duration / WARM_UP, start + duration);
        let mut ticks = tokio::time::interval_at(warm, MEMORY_INTERVAL.min(duration / WARM_UP));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let mut seen: Option<Memory> = None;
        while Instant::now() < end {
            tokio::select! {
                _ = ticks.tick() => {}
                () = tokio::time::sleep_until(end) => {}
            }
            // A server that restarts is polled again.
            let Some(texts) = self.read().await else { continue };
            let last: u64 = texts.iter().filter_map(|text| memory_bytes(text)).sum();
            let before = seen.unwrap_or(Memory { first: last, last, max: last });
            seen = Some(Memory { first: before.first, last, max: before.max.max(last) });
        }
        seen
    }

    async fn read(&mut self) -> Option<Vec<String>> {
        let call = Call::get("/metrics", None);
        let mut texts = Vec::new();
        for client in &mut self.clients {
            let answer = client.send(&call).await.ok().filter(|answer| answer.status == 200)?;
            texts.push(String::from_utf8_lossy(&answer.body).into_owned());
        }
        Some(texts)
    }
}

/// The waits between two readings; `None` without an order.
pub(crate) fn queue_wait(
    before: Option<&QueueWaits>,
    after: Option<&QueueWaits>,
) -> Option<QueueWait> {
    let (before, after) = (before?, after?);
    let at = |thousandths| after.since(before, thousandths).map(nanos_as_ms);
    Some(QueueWait { p50: at(500)?, p90: at(900)?, p99: at(990)? })
}
