//! The client address of a request: that of the peer, or the one that a trusted proxy forwards.
//! Forwarding headers of other peers are ignored.

use std::net::{IpAddr, SocketAddr};

use axum::http::{Extensions, HeaderMap};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use serde::{Deserialize, Serialize};

const FORWARDED_FOR: &str = "x-forwarded-for";

/// The client address; an extension of every request that arrived through a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ClientAddress(pub(crate) IpAddr);

/// The address of the client; 0.0.0.0 for a request without a socket (in tests).
pub(crate) fn client_of(extensions: &Extensions) -> IpAddr {
    let client = extensions.get::<ClientAddress>();
    client.map_or(IpAddr::from([0, 0, 0, 0]), |client| client.0)
}

/// The other end of the connection, as `serve` put it into the extensions.
pub(crate) fn peer_of(extensions: &Extensions) -> Option<IpAddr> {
    extensions.get::<SocketAddr>().map(|peer| peer.ip().to_canonical())
}

/// Whether a header states that the request was forwarded.
pub(crate) fn is_forwarded(headers: &HeaderMap) -> bool {
    [FORWARDED_FOR, "forwarded", "x-real-ip"].into_iter().any(|name| headers.contains_key(name))
}

/// The client's address: going back from the peer, the first that is not a trusted proxy.
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

/// The network that limits count as one client: an IPv4 address, or 64 bits of an IPv6 address, the
/// smallest network that a household is assigned.
pub(crate) fn network_of(address: IpAddr) -> IpNet {
    match address.to_canonical() {
        IpAddr::V4(address) => Ipv4Net::from(address).into(),
        IpAddr::V6(address) => Ipv6Net::new_assert(address, 64).trunc().into(),
    }
}

/// The network that logs contain instead of an address: 24 bits of an IPv4 address, or 48 bits of
/// an IPv6 address.
pub(crate) fn prefix_of(address: IpAddr) -> IpNet {
    match address.to_canonical() {
        IpAddr::V4(address) => Ipv4Net::new_assert(address, 24).trunc().into(),
        IpAddr::V6(address) => Ipv6Net::new_assert(address, 48).trunc().into(),
    }
}

/// The network as the key of a counter: `192.0.2.7`, `2001:db8:1:2::/64`. Nodes of different
/// versions share counters, so that the keys must not change.
pub(crate) fn network_key(address: IpAddr) -> String {
    let network = network_of(address);
    if network.prefix_len() == network.max_prefix_len() {
        network.addr().to_string()
    } else {
        network.to_string()
    }
}

/// Addresses and networks in CIDR notation (RFC 4632, RFC 4291): `192.0.2.7`, `2001:db8::/32`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<String>", into = "Vec<String>")]
pub struct Networks {
    texts: Vec<String>,
    networks: Vec<IpNet>,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected an address or ADDRESS/BITS, found {0:?}")]
pub struct NetworkError(String);

impl TryFrom<Vec<String>> for Networks {
    type Error = NetworkError;

    fn try_from(texts: Vec<String>) -> Result<Self, NetworkError> {
        let parse = |text: &String| {
            let address = text.trim().parse::<IpAddr>().map(IpNet::from);
            address.or_else(|_| text.trim().parse()).map_err(|_| NetworkError(text.clone()))
        };
        let networks = texts.iter().map(parse).collect::<Result<_, _>>()?;
        Ok(Self { texts, networks })
    }
}

impl From<Networks> for Vec<String> {
    fn from(networks: Networks) -> Self {
        networks.texts
    }
}

impl Networks {
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.networks.iter().any(|network| network.contains(&address))
    }
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderName, HeaderValue};
    use proptest::prelude::*;

    use super::*;

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
    fn limits_count_an_ipv4_address_or_half_of_an_ipv6_address() {
        let key = |text| network_key(ip(text));
        assert_eq!(key("192.0.2.7"), "192.0.2.7");
        assert_eq!(key("::ffff:192.0.2.7"), "192.0.2.7");
        assert_eq!(key("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::/64");
        assert_eq!(key("::1"), "::/64");
    }

    #[test]
    fn logs_contain_a_prefix_of_an_address() {
        let prefix = |text| prefix_of(ip(text)).to_string();
        assert_eq!(prefix("192.0.2.7"), "192.0.2.0/24");
        assert_eq!(prefix("::ffff:192.0.2.7"), "192.0.2.0/24");
        assert_eq!(prefix("2001:db8:1:2:3:4:5:6"), "2001:db8:1::/48");
    }

    /// The bits of an address as text.
    fn bits(address: IpAddr) -> String {
        match address {
            IpAddr::V4(address) => format!("{:032b}", address.to_bits()),
            IpAddr::V6(address) => format!("{:0128b}", address.to_bits()),
        }
    }

    /// A trusted proxy (`10.0.0.0/8`, `fd00::/8`) or another address.
    fn hop() -> impl Strategy<Value = IpAddr> {
        (any::<[u8; 3]>(), 0..4).prop_map(|([a, b, c], kind)| match kind {
            0 => IpAddr::from([10, a, b, c]),
            1 => IpAddr::from([203, a, b, c]),
            2 => IpAddr::from([0xfd00, 0, 0, 0, 0, 0, u16::from(a), u16::from(b)]),
            _ => IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, u16::from(a), u16::from(b)]),
        })
    }

    fn forwarded(values: impl IntoIterator<Item = HeaderValue>) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(FORWARDED_FOR, value);
        }
        headers
    }

    proptest! {
        #[test]
        fn a_network_contains_the_addresses_with_its_prefix(
            network: IpAddr, prefix in 0usize..=128, other: IpAddr, shared in 0u32..=128,
        ) {
            let (network, other) = (network.to_canonical(), other.to_canonical());
            let prefix = prefix.min(bits(network).len());
            // An address that shares the first bits, so that both outcomes occur.
            let near = match (network, other) {
                (IpAddr::V6(a), IpAddr::V6(b)) => {
                    let mask = u128::MAX.checked_shl(128 - shared).unwrap_or(0);
                    IpAddr::from((a.to_bits() & mask | b.to_bits() & !mask).to_be_bytes())
                }
                _ => other,
            };
            let near = near.to_canonical();
            let expected = bits(near).len() == bits(network).len()
                && bits(near)[..prefix] == bits(network)[..prefix];
            let networks = networks(&[&format!("{network}/{prefix}")]);
            prop_assert_eq!(networks.contains(near), expected);
        }

        #[test]
        fn the_client_is_the_last_hop_that_is_not_a_trusted_proxy(
            hops in prop::collection::vec((hop(), 0..4, any::<bool>()), 0..6), peer in hop(),
        ) {
            let trusted = networks(&["10.0.0.0/8", "fd00::/8"]);
            let mut values: Vec<Vec<String>> = vec![Vec::new()];
            for (address, spelling, begins_header) in &hops {
                if *begins_header {
                    values.push(Vec::new());
                }
                let text = match (address, spelling) {
                    (_, 0) => address.to_string(),
                    (_, 1) => SocketAddr::new(*address, 443).to_string(),
                    (IpAddr::V6(_), 2) => format!("[{address}]"),
                    _ => format!(" {address}\t"),
                };
                values.last_mut().unwrap().push(text);
            }
            let values = values.iter().filter(|value| !value.is_empty());
            let headers = forwarded(values.map(|v| v.join(",").try_into().unwrap()));
            let path: Vec<IpAddr> = hops.iter().map(|hop| hop.0).chain([peer]).collect();
            let untrusted = path.iter().rev().find(|address| !trusted.contains(**address));
            let expected = untrusted.unwrap_or(&path[0]);
            prop_assert_eq!(resolve(peer, &headers, &trusted), *expected);
        }

        #[test]
        fn any_forwarded_header_is_parsed_without_a_panic(
            values in prop::collection::vec("[0-9a-f.:,\\[\\] ]{0,40}|\\PC{0,20}", 0..4), peer in hop(),
        ) {
            let values = values.iter().filter_map(|v| HeaderValue::from_bytes(v.as_bytes()).ok());
            let headers = forwarded(values);
            resolve(peer, &headers, &networks(&["0.0.0.0/0", "::/0"]));
            prop_assert_eq!(resolve(peer, &headers, &Networks::default()), peer);
        }
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
    fn malformed_networks_are_rejected() {
        for text in ["nonsense", "1.2.3.4/33", "::1/129", "1.2.3.4/", "", "10.0.0.0/8/8"] {
            assert_eq!(read(&["::1", text]), Err(NetworkError(text.to_owned())), "{text}");
        }
    }

    #[test]
    fn only_trusted_proxies_can_forward_an_address() {
        let trusted = networks(&["10.0.0.0/8"]);
        let from = |peer: &str, forwarded: &'static str| {
            let value = HeaderValue::from_static(forwarded);
            let name = HeaderName::from_static(FORWARDED_FOR);
            resolve(ip(peer), &HeaderMap::from_iter([(name, value)]), &trusted).to_string()
        };
        assert_eq!(from("203.0.113.9", "1.1.1.1"), "203.0.113.9");
        assert_eq!(from("10.0.0.1", "1.1.1.1, 198.51.100.4"), "198.51.100.4");
        assert_eq!(from("10.0.0.1", "198.51.100.4, 10.0.0.2"), "198.51.100.4");
        assert_eq!(from("10.0.0.1", "1.1.1.1, junk"), "10.0.0.1");
        assert_eq!(from("10.0.0.1", "[2001:db8::1]:443"), "2001:db8::1");
    }
}
