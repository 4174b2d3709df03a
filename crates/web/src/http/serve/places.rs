//! How many connections there may be, in all and from one address. It counts; it closes nothing.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use crate::config::HttpConfig;
use crate::http::client_address::Networks;

/// The places that connections take.
pub(super) struct Places {
    taken: Mutex<Taken>,
    max: usize,
    per_address_max: usize,
    /// Who speaks for many, and is counted only in all.
    trusted_proxies: Networks,
}

#[derive(Default)]
struct Taken {
    all: usize,
    by_address: HashMap<IpAddr, usize>,
}

/// One place, given back when it is dropped.
pub(super) struct Place {
    places: Arc<Places>,
    address: IpAddr,
}

impl Places {
    pub(super) fn new(config: &HttpConfig) -> Arc<Self> {
        Arc::new(Self {
            taken: Mutex::default(),
            max: config.connections_max,
            per_address_max: config.connections_per_address_max,
            trusted_proxies: config.trusted_proxies.clone(),
        })
    }

    /// Takes a place; `None` when all are taken, or all that one address may have.
    pub(super) fn take(places: &Arc<Self>, address: IpAddr) -> Option<Place> {
        let is_proxy = places.trusted_proxies.contains(address);
        let address = network_of(address);
        let mut taken = places.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let here = taken.by_address.get(&address).copied().unwrap_or(0);
        if taken.all >= places.max || here >= places.per_address_max && !is_proxy {
            return None;
        }
        taken.all += 1;
        taken.by_address.insert(address, here + 1);
        Some(Place { places: Arc::clone(places), address })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.all = taken.all.saturating_sub(1);
        let here = taken.by_address.get(&self.address).copied().unwrap_or(0);
        if here > 1 {
            taken.by_address.insert(self.address, here - 1);
        } else {
            taken.by_address.remove(&self.address);
        }
    }
}

/// Whoever has one IPv6 address has the 2^64 beside it.
fn network_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) => {
            let mut octets = address.octets();
            octets[8..].fill(0);
            octets.into()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_limited_and_given_back() {
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        let config = HttpConfig {
            connections_max: 3,
            connections_per_address_max: 2,
            trusted_proxies: vec!["10.0.0.1".to_owned()].try_into().unwrap(),
            ..HttpConfig::default()
        };
        let places = Places::new(&config);
        let proxy: Vec<_> =
            (0..3).map(|_| Places::take(&places, ip("10.0.0.1")).unwrap()).collect();
        assert!(Places::take(&places, ip("10.0.0.1")).is_none(), "all are taken");
        drop(proxy);
        let one = Places::take(&places, ip("2001:db8::1")).unwrap();
        let _two = Places::take(&places, ip("2001:db8::2")).unwrap();
        assert!(Places::take(&places, ip("2001:db8::3")).is_none());
        let _three = Places::take(&places, ip("192.0.2.1")).unwrap();
        assert!(Places::take(&places, ip("192.0.2.2")).is_none());
        drop(one);
        assert!(Places::take(&places, ip("2001:db8::3")).is_some());
        assert_eq!(places.taken.lock().unwrap().all, 2);
    }
}
