//! The task that keeps a connection to Redis: it makes one, watches it while nobody asks, and
//! makes another when it is lost. Each probe of an open breaker is a new connection, so that
//! neither one that leads nowhere nor a queue of late answers is ever trusted again, and so that
//! Sentinels are asked for the master each time.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep_until, timeout};

use super::address::Address;
use super::connection::{Live, ping};
use super::{ANSWER_TIMEOUT, Breaker, CONNECT_TIMEOUT, RedisFailure};

/// Between the beginnings of two probes, at least.
const PROBE_INTERVAL: Duration = Duration::from_millis(250);

/// How often a connection is tried that seems well.
const WATCH_INTERVAL: Duration = Duration::from_secs(1);

pub(super) async fn keep(address: Address, breaker: Arc<Breaker>) {
    loop {
        let began = Instant::now();
        match Box::pin(probe(&address)).await {
            Ok(live) => {
                breaker.close(live);
                until_lost(&breaker).await;
            }
            Err(failure) => breaker.stay_open(&failure),
        }
        sleep_until(began + PROBE_INTERVAL).await;
    }
}

/// Half-open: one connection, which has to answer in time.
async fn probe(address: &Address) -> Result<Live, RedisFailure> {
    let connected = timeout(CONNECT_TIMEOUT, address.connect()).await;
    let live = connected.map_err(|_| RedisFailure::Slow)?.map_err(RedisFailure::Failed)?;
    let answer = timeout(ANSWER_TIMEOUT, ping(live.connection.clone())).await;
    answer.map_err(|_| RedisFailure::Slow)?.map_err(RedisFailure::Failed)?;
    Ok(live)
}

async fn until_lost(breaker: &Breaker) {
    let mut state = breaker.state.subscribe();
    while timeout(WATCH_INTERVAL, state.wait_for(|state| state.live.is_none())).await.is_err() {
        // A failure is seen in the state.
        let _ = breaker.ask("ping", ping).await;
    }
}
