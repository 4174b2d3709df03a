//! The task that connects to Redis, checks an idle connection and reconnects when it is lost. Each
//! probe of an open breaker is a new connection, so that a dead one or one with late replies is
//! never reused and Sentinels are queried for the master each time.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep_until, timeout};

use super::address::RedisAddress;
use super::connection::{LiveConnection, ping};
use super::{COMMAND_TIMEOUT, CONNECT_TIMEOUT, ConnectionBreaker, RedisQueryError};

/// Minimum time between the starts of two probes.
const PROBE_INTERVAL: Duration = Duration::from_millis(250);

/// Time between two PINGs on a working connection.
const CHECK_INTERVAL: Duration = Duration::from_secs(1);

pub(super) async fn run(address: RedisAddress, breaker: Arc<ConnectionBreaker>) {
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

/// Half-open: one connection, which has to reply to a PING in time.
async fn probe(address: &RedisAddress) -> Result<LiveConnection, RedisQueryError> {
    let connected = timeout(CONNECT_TIMEOUT, address.connect()).await;
    let live = connected.map_err(|_| RedisQueryError::Slow)?.map_err(RedisQueryError::Failed)?;
    let result = timeout(COMMAND_TIMEOUT, ping(live.connection.clone())).await;
    result.map_err(|_| RedisQueryError::Slow)?.map_err(RedisQueryError::Failed)?;
    Ok(live)
}

async fn until_lost(breaker: &ConnectionBreaker) {
    let mut state = breaker.state.subscribe();
    while timeout(CHECK_INTERVAL, state.wait_for(|state| state.live.is_none())).await.is_err() {
        // A failure opens the breaker.
        let _ = breaker.query("ping", ping).await;
    }
}
