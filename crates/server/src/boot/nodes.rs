//! What this node shares with other nodes: rate-limit counters, the message bus and the cache whose
//! invalidations the bus carries. All of it works without Redis; the jobs read from the database
//! what the bus does not deliver.

use std::sync::Arc;

use cluster::{Bus, BusEvent, BusMessage, Counters, Redis, TagCache};
use domain::{Clock, Entropy as _};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::config::{Config, without_password};
use crate::clock::SystemEntropy;
use crate::error::CommandError;

/// A random name, which no other node has, nor this one after a restart.
pub(crate) fn node_name() -> String {
    let mut name = [0; 16];
    SystemEntropy.fill(&mut name);
    format!("{:032x}", u128::from_be_bytes(name))
}

/// This node's ends of what nodes share. Clones share them.
#[derive(Clone)]
pub(crate) struct ClusterHandles {
    pub(crate) counters: Counters,
    pub(crate) bus: Bus,
    pub(crate) cache: TagCache,
    pub(crate) wakeups: Wakeups,
}

/// Events of other nodes that start jobs before their interval has passed.
#[derive(Clone, Default)]
pub(crate) struct Wakeups {
    /// New ledger entries.
    pub(crate) ledger: Arc<Notify>,
    /// New prices.
    pub(crate) prices: Arc<Notify>,
    /// New segments of the game's clock.
    pub(crate) clock: Arc<Notify>,
    /// Changes of cached values.
    pub(crate) changes: Arc<Notify>,
    /// New versions of the rules.
    pub(crate) rules: Arc<Notify>,
}

impl ClusterHandles {
    /// Connects to Redis, if one is configured. An unreachable Redis is only logged.
    pub(super) async fn open(
        config: &Config,
        node: &str,
        clock: &Arc<dyn Clock>,
    ) -> Result<Self, CommandError> {
        let url = &config.redis.url;
        let (counters, bus) = if url.is_empty() {
            (Counters::in_memory(), Bus::alone())
        } else {
            let ca_file = config.redis.ca_file.as_path();
            let ca_file = (!ca_file.as_os_str().is_empty()).then_some(ca_file);
            let redis = Redis::open(url, ca_file)
                .map_err(|error| CommandError::Redis(without_password(url), error))?;
            redis.first_attempt().await;
            let bus = Bus::over(&redis, node, &SystemEntropy);
            (Counters::over(redis), bus)
        };
        let cache = TagCache::new(config.cache.clone(), Arc::clone(clock), bus.clone());
        Ok(Self { counters, bus, cache, wakeups: Wakeups::default() })
    }

    /// Applies the events of the bus until `stop` is cancelled.
    pub(crate) async fn apply_events(self, stop: CancellationToken) {
        let mut subscription = self.bus.subscribe();
        let receive = async {
            while let Some(event) = subscription.next().await {
                self.cache.on_event(&event);
                let Wakeups { ledger, prices, clock, changes, rules } = &self.wakeups;
                let woken: &[&Notify] = match event {
                    BusEvent::Message(BusMessage::Ledger) => &[ledger],
                    BusEvent::Message(BusMessage::Prices) => &[prices],
                    BusEvent::Message(BusMessage::Clock) => &[clock],
                    BusEvent::Message(BusMessage::Tags(tags))
                        if tags.iter().any(|tag| tag == web::RULES_TAG) =>
                    {
                        &[rules]
                    }
                    BusEvent::Message(BusMessage::Tags(_)) => &[],
                    BusEvent::Gap => &[ledger, prices, clock, changes, rules],
                };
                woken.iter().for_each(|wakeup| wakeup.notify_one());
            }
        };
        tokio::select! {
            () = stop.cancelled() => {}
            () = receive => {}
        }
    }
}
