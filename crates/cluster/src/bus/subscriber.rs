//! The task that receives other nodes' messages, on a connection of its own. Each new subscription
//! starts with a gap. An outage of the command connection ends the subscription, because a server
//! that was cut off would keep it open without delivering anything.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::StreamExt as _;
use redis::aio::PubSub;
use redis::{Client, Msg, RedisResult};
use tokio::sync::{broadcast, watch};
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::{BusEvent, BusFlags, CHANNEL, Envelope};
use crate::redis::{BreakerState, CONNECT_TIMEOUT, Redis};

/// Minimum time between the starts of two attempts to subscribe.
const SUBSCRIBE_INTERVAL: Duration = Duration::from_millis(250);

/// Time without a message after which the connection is checked with a PING.
const SILENCE_MAX: Duration = Duration::from_secs(1);
const PONG_TIMEOUT: Duration = Duration::from_millis(500);

pub(super) struct Subscriber {
    redis: Redis,
    /// The sender name of this node, whose messages are ignored.
    own: String,
    events: broadcast::Sender<BusEvent>,
    flags: Arc<BusFlags>,
}

impl Subscriber {
    pub(super) fn new(
        redis: Redis,
        own: String,
        events: broadcast::Sender<BusEvent>,
        flags: Arc<BusFlags>,
    ) -> Self {
        Self { redis, own, events, flags }
    }

    pub(super) async fn run(self) {
        let mut redis = self.redis.watch();
        loop {
            let Some((servers, outages)) = reachable(&mut redis).await else { return };
            let began = Instant::now();
            for server in servers {
                let subscribed = timeout(CONNECT_TIMEOUT, subscribe(&server)).await;
                if let Ok(Ok(subscription)) = subscribed {
                    self.receive(subscription, &mut redis, outages).await;
                    break;
                }
            }
            // What ended the subscription may have ended the command connection as well.
            self.redis.check().await;
            sleep_until(began + SUBSCRIBE_INTERVAL).await;
        }
    }

    /// Receives until the subscription is lost.
    async fn receive(
        &self,
        subscription: PubSub,
        redis: &mut watch::Receiver<BreakerState>,
        outages: u64,
    ) {
        self.flags.subscribed.store(true, Ordering::Release);
        metrics::gauge!("openbell_bus_up").set(1.0);
        metrics::counter!("openbell_bus_gaps_total", "reason" => "subscribed").increment(1);
        self.forward(BusEvent::Gap);
        let (mut requests, mut messages) = subscription.split();
        loop {
            tokio::select! {
                message = messages.next() => match message {
                    Some(message) => self.on_message(&message),
                    None => break,
                },
                () = sleep(SILENCE_MAX) => {
                    let pong = timeout(PONG_TIMEOUT, requests.ping::<redis::Value>()).await;
                    if !matches!(pong, Ok(Ok(_))) {
                        break;
                    }
                }
                () = until_lost(redis, outages) => break,
            }
        }
        self.flags.subscribed.store(false, Ordering::Release);
        metrics::gauge!("openbell_bus_up").set(0.0);
    }

    /// A payload that does not parse comes from a newer version and is ignored.
    fn on_message(&self, message: &Msg) {
        let envelope = serde_json::from_slice::<Envelope>(message.get_payload_bytes());
        let kind = match &envelope {
            Err(_) => "unknown",
            Ok(envelope) if envelope.from == self.own => "own",
            Ok(Envelope { message: None, .. }) => "gap",
            Ok(_) => "message",
        };
        metrics::counter!("openbell_bus_received_total", "kind" => kind).increment(1);
        if let ("gap" | "message", Ok(Envelope { message, .. })) = (kind, envelope) {
            self.forward(message.map_or(BusEvent::Gap, BusEvent::Message));
        }
    }

    fn forward(&self, event: BusEvent) {
        // There may be no subscription in this process.
        let _ = self.events.send(event);
    }
}

/// Waits for a connection; returns the servers to subscribe at and the outages counted so far.
async fn reachable(redis: &mut watch::Receiver<BreakerState>) -> Option<(Vec<Client>, u64)> {
    let state = redis.wait_for(|state| state.live.is_some()).await.ok()?;
    let servers = state.live.as_ref()?.servers.clone();
    Some((servers, state.outages))
}

async fn subscribe(server: &Client) -> RedisResult<PubSub> {
    let mut subscription = server.get_async_pubsub().await?;
    subscription.subscribe(CHANNEL).await?;
    Ok(subscription)
}

async fn until_lost(redis: &mut watch::Receiver<BreakerState>, outages: u64) {
    // The sender lives as long as the subscriber's handle.
    let _ = redis.wait_for(|state| state.outages != outages).await;
}
