//! Whose request it is, as an address: the peer's own, or the one that a trusted proxy names. What
//! an untrusted peer says about addresses is never believed.

use std::net::{IpAddr, SocketAddr};

use axum::http::{Extensions, HeaderMap};
use serde::{Deserialize, Serialize};

const FORWARDED_FOR: &str = "x-forwarded-for";

/// Where a request comes from, in the extensions of every request that came through a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ClientAddress(pub(crate) IpAddr);

/// The address of the client. A request without a socket (in tests) comes from nowhere: 0.0.0.0.
pub(crate) fn client_of(extensions: &Extensions) -> IpAddr {
    let client = extensions.get::<ClientAddress>();
    client.map_or(IpAddr::from([0, 0, 0, 0]), |client| client.0)
}

/// The other end of the connection, as `serve` put it into the extensions.
pub(crate) fn peer_of(extensions: &Extensions) -> Option<IpAddr> {
    extensions.get::<SocketAddr>().map(|peer| peer.ip().to_canonical())
}

/// Whether somebody says that the request was made for another.
pub(crate) fn is_forwarded(headers: &HeaderMap) -> bool {
    [FORWARDED_FOR, "forwarded", "x-real-ip"].into_iter().any(|name| headers.contains_key(name))
}

/// The client's address: going back from the peer, the first that is no trusted proxy.
pub(crate) fn resolve(peer: IpAddr, headers: &HeaderMap, trusted: &Networks) -> IpAddr {
    let mut address = peer.to_canonical();
    let values = headers.get_all(FORWARDED_FOR).iter();
    let texts: Vec<&str> =
        values.map(|value| value.to_str().unwrap_or_default()).flat_map(|v| v.split(',')).collect();
    for text in texts.into_iter().rev() {
        if !trusted.contains(address) {
            break;
        }
        let Some(before) = parse(text) else {
            break;
        };
        address = before;
    }
    address
}

/// An address as proxies write it: bare, with a port, or in brackets.
fn parse(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let bare = text.parse::<IpAddr>().ok();
    let bare = bare.or_else(|| text.parse::<SocketAddr>().ok().map(|address| address.ip()));
    let bracketed = || text.strip_prefix('[')?.strip_suffix(']')?.parse::<IpAddr>().ok();
    bare.or_else(bracketed).map(|address| address.to_canonical())
}

/// Addresses and networks in CIDR notation (RFC 4632, RFC 4291): `192.0.2.7`, `2001:db8::/32`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<String>", into = "Vec<String>")]
pub struct Networks {
    texts: Vec<String>,
    networks: Vec<(IpAddr, u32)>,
}

/// What is neither an address nor a network.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected an address or ADDRESS/BITS, found {0:?}")]
pub struct NetworkError(String);

impl TryFrom<Vec<String>> for Networks {
    type Error = NetworkError;

    fn try_from(texts: Vec<String>) -> Result<Self, NetworkError> {
        let read = |text: &String| parse_network(text).ok_or_else(|| NetworkError(text.clone()));
        let networks = texts.iter().map(read).collect::<Result<_, _>>()?;
        Ok(Self { texts, networks })
    }
}

impl From<Networks> for Vec<String> {
    fn from(networks: Networks) -> Self {
        networks.texts
    }
}

impl Networks {
    /// Whether the address is one of them.
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.networks.iter().any(|(network, prefix)| {
            let (one, other) = (bits(*network), bits(address));
            let same_family = network.is_ipv4() == address.is_ipv4();
            // IPv4 stands in the upper 32 bits, so that prefixes count from the same end.
            same_family && (*prefix == 0 || (one ^ other) >> (128 - prefix) == 0)
        })
    }
}

fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u128::from(address.to_bits()) << 96,
        IpAddr::V6(address) => address.to_bits(),
    }
}

fn parse_network(text: &str) -> Option<(IpAddr, u32)> {
    let (address, prefix) = match text.trim().split_once('/') {
        Some((address, prefix)) => (address, Some(prefix.parse::<u32>().ok()?)),
        None => (text.trim(), None),
    };
    let address = address.parse::<IpAddr>().ok()?;
    let longest = if address.is_ipv4() { 32 } else { 128 };
    let prefix = prefix.unwrap_or(longest);
    (prefix <= longest).then_some((address, prefix))
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    fn read(texts: &[&str]) -> Result<Networks, NetworkError> {
        texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>().try_into()
    }

    fn networks(texts: &[&str]) -> Networks {
        read(texts).unwrap()
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn networks_contain_their_addresses_only() {
        let some = networks(&["10.1.0.0/16", "192.0.2.7", "2001:db8::/32"]);
        for inside in ["10.1.2.3", "192.0.2.7", "2001:db8::1", "::ffff:10.1.0.1"] {
            assert!(some.contains(ip(inside)), "{inside}");
        }
        for outside in ["10.2.0.0", "192.0.2.8", "2001:db9::1", "1.2.3.4", "::a01:203"] {
            assert!(!some.contains(ip(outside)), "{outside}");
        }
        assert!(networks(&["0.0.0.0/0"]).contains(ip("8.8.8.8")));
        assert!(!networks(&["0.0.0.0/0"]).contains(ip("::1")));
    }

    #[test]
    fn what_is_no_network_is_refused() {
        for text in ["nonsense", "1.2.3.4/33", "::1/129", "1.2.3.4/", "", "10.0.0.0/8/8"] {
            assert_eq!(read(&["::1", text]), Err(NetworkError(text.to_owned())), "{text}");
        }
    }

    #[test]
    fn only_trusted_proxies_are_believed() {
        let trusted = networks(&["10.0.0.0/8"]);
        let from = |peer: &str, forwarded: &'static str| {
            let value = HeaderValue::from_static(forwarded);
            let name = axum::http::HeaderName::from_static(FORWARDED_FOR);
            resolve(ip(peer), &HeaderMap::from_iter([(name, value)]), &trusted).to_string()
        };
        assert_eq!(from("203.0.113.9", "1.1.1.1"), "203.0.113.9");
        assert_eq!(from("10.0.0.1", "1.1.1.1, 198.51.100.4"), "198.51.100.4");
        assert_eq!(from("10.0.0.1", "198.51.100.4, 10.0.0.2"), "198.51.100.4");
        assert_eq!(from("10.0.0.1", "1.1.1.1, junk"), "10.0.0.1");
        assert_eq!(from("10.0.0.1", "[2001:db8::1]:443"), "2001:db8::1");
    }
}
