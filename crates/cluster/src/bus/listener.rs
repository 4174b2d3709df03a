//! The task that hears what other nodes say: a connection of its own to a server that hears all of
//! it. Each new subscription begins with a gap, and an outage of the commands' connection ends it:
//! a server that is cut off would keep it and say nothing.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::StreamExt as _;
use redis::aio::PubSub;
use redis::{Client, Msg, RedisResult};
use tokio::sync::{broadcast, watch};
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::{CHANNEL, Envelope, Heard, Signs};
use crate::redis::{CONNECT_TIMEOUT, Redis, State};

/// Between the beginnings of two attempts to subscribe, at least.
const SUBSCRIBE_INTERVAL: Duration = Duration::from_millis(250);

/// After so long in silence the connection is tried, and after so long without an answer given up.
const SILENCE_MAX: Duration = Duration::from_secs(1);
const PONG_TIMEOUT: Duration = Duration::from_millis(500);

pub(super) struct Listener {
    redis: Redis,
    /// What this node calls itself.
    own: String,
    heard: broadcast::Sender<Heard>,
    signs: Arc<Signs>,
}

impl Listener {
    pub(super) fn new(
        redis: Redis,
        own: String,
        heard: broadcast::Sender<Heard>,
        signs: Arc<Signs>,
    ) -> Self {
        Self { redis, own, heard, signs }
    }

    pub(super) async fn run(self) {
        let mut redis = self.redis.watch();
        loop {
            let Some((servers, outages)) = reachable(&mut redis).await else { return };
            let began = Instant::now();
            for server in servers {
                let subscribed = timeout(CONNECT_TIMEOUT, subscribe(&server)).await;
                if let Ok(Ok(subscription)) = subscribed {
                    self.hear(subscription, &mut redis, outages).await;
                    break;
                }
            }
            // What ended the subscription may have ended the commands' connection as well.
            self.redis.check().await;
            sleep_until(began + SUBSCRIBE_INTERVAL).await;
        }
    }

    /// Until the subscription is lost.
    async fn hear(&self, subscription: PubSub, redis: &mut watch::Receiver<State>, outages: u64) {
        self.signs.hears.store(true, Ordering::Release);
        metrics::gauge!("openbell_bus_up").set(1.0);
        metrics::counter!("openbell_bus_gaps_total", "reason" => "subscribed").increment(1);
        self.tell(Heard::Gap);
        let (mut requests, mut messages) = subscription.split();
        loop {
            tokio::select! {
                message = messages.next() => match message {
                    Some(message) => self.open(&message),
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
        self.signs.hears.store(false, Ordering::Release);
        metrics::gauge!("openbell_bus_up").set(0.0);
    }

    /// What cannot be read is of a newer version, and nothing that this one would act upon.
    fn open(&self, message: &Msg) {
        let envelope = serde_json::from_slice::<Envelope>(message.get_payload_bytes());
        let kind = match &envelope {
            Err(_) => "unknown",
            Ok(envelope) if envelope.from == self.own => "own",
            Ok(Envelope { message: None, .. }) => "gap",
            Ok(_) => "message",
        };
        metrics::counter!("openbell_bus_heard_total", "kind" => kind).increment(1);
        if let ("gap" | "message", Ok(Envelope { message, .. })) = (kind, envelope) {
            self.tell(message.map_or(Heard::Gap, Heard::Message));
        }
    }

    fn tell(&self, heard: Heard) {
        // There may be nobody who listens.
        let _ = self.heard.send(heard);
    }
}

/// Where to subscribe, once Redis answers, and how often it had been lost by then.
async fn reachable(redis: &mut watch::Receiver<State>) -> Option<(Vec<Client>, u64)> {
    let state = redis.wait_for(|state| state.live.is_some()).await.ok()?;
    let servers = state.live.as_ref()?.servers.clone();
    Some((servers, state.outages))
}

async fn subscribe(server: &Client) -> RedisResult<PubSub> {
    let mut subscription = server.get_async_pubsub().await?;
    subscription.subscribe(CHANNEL).await?;
    Ok(subscription)
}

async fn until_lost(redis: &mut watch::Receiver<State>, outages: u64) {
    // The listener keeps the handle, so the breaker is there.
    let _ = redis.wait_for(|state| state.outages != outages).await;
}
