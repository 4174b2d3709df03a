//! Limits on open connections: in total and per client address.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use ipnet::IpNet;

use crate::config::HttpConfig;
use crate::http::client_address::{Networks, network_of};

pub(super) struct ConnectionLimiter {
    taken: Mutex<Taken>,
    max: usize,
    per_address_max: usize,
    /// Counted in the total only.
    trusted_proxies: Networks,
}

#[derive(Default)]
struct Taken {
    all: usize,
    by_network: HashMap<IpNet, usize>,
}

/// One open connection, counted until it is dropped.
pub(super) struct ConnectionPermit {
    limiter: Arc<ConnectionLimiter>,
    network: IpNet,
}

impl ConnectionLimiter {
    pub(super) fn new(config: &HttpConfig) -> Arc<Self> {
        Arc::new(Self {
            taken: Mutex::default(),
            max: config.connections_max,
            per_address_max: config.connections_per_address_max,
            trusted_proxies: config.trusted_proxies.clone(),
        })
    }

    /// `None` at the total limit or at the limit of the address.
    pub(super) fn acquire(limiter: &Arc<Self>, address: IpAddr) -> Option<ConnectionPermit> {
        let is_proxy = limiter.trusted_proxies.contains(address);
        let network = network_of(address);
        let mut taken = limiter.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let here = taken.by_network.get(&network).copied().unwrap_or(0);
        if taken.all >= limiter.max || here >= limiter.per_address_max && !is_proxy {
            return None;
        }
        taken.all += 1;
        taken.by_network.insert(network, here + 1);
        metrics::gauge!("openbell_http_connections_open").increment(1.0);
        Some(ConnectionPermit { limiter: Arc::clone(limiter), network })
    }
}

impl Drop for ConnectionPermit {
    fn drop(&mut self) {
        metrics::gauge!("openbell_http_connections_open").decrement(1.0);
        let mut taken = self.limiter.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.all = taken.all.saturating_sub(1);
        let here = taken.by_network.get(&self.network).copied().unwrap_or(0);
        if here > 1 {
            taken.by_network.insert(self.network, here - 1);
        } else {
            taken.by_network.remove(&self.network);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_are_limited_in_total_and_per_network() {
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        let config = HttpConfig {
            connections_max: 3,
            connections_per_address_max: 2,
            trusted_proxies: vec!["10.0.0.1".to_owned()].try_into().unwrap(),
            ..HttpConfig::default()
        };
        let limiter = ConnectionLimiter::new(&config);
        let proxy: Vec<_> =
            (0..3).map(|_| ConnectionLimiter::acquire(&limiter, ip("10.0.0.1")).unwrap()).collect();
        assert!(
            ConnectionLimiter::acquire(&limiter, ip("10.0.0.1")).is_none(),
            "at the total limit"
        );
        drop(proxy);
        let one = ConnectionLimiter::acquire(&limiter, ip("2001:db8::1")).unwrap();
        let _two = ConnectionLimiter::acquire(&limiter, ip("2001:db8::2")).unwrap();
        assert!(ConnectionLimiter::acquire(&limiter, ip("2001:db8::3")).is_none());
        let _three = ConnectionLimiter::acquire(&limiter, ip("192.0.2.1")).unwrap();
        assert!(ConnectionLimiter::acquire(&limiter, ip("192.0.2.2")).is_none());
        drop(one);
        assert!(ConnectionLimiter::acquire(&limiter, ip("2001:db8::3")).is_some());
        assert_eq!(limiter.taken.lock().unwrap().all, 2);
    }
}
