//! The URLs of a server for the banner and for links, also where it listens on all addresses. They
//! are read from the network interfaces; nothing is sent.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// The URLs of a server that listens on `address`; one for each interface if it listens on all
/// addresses.
pub(crate) fn urls(address: SocketAddr) -> Vec<String> {
    let url = |ip: IpAddr| format!("http://{}", SocketAddr::new(ip, address.port()));
    if !address.ip().is_unspecified() {
        return vec![url(address.ip())];
    }
    let found = if_addrs::get_if_addrs().unwrap_or_default();
    let is_reachable = |ip: &IpAddr| match ip {
        IpAddr::V4(ip) => !ip.is_loopback() && !ip.is_link_local(),
        // A link-local address needs the name of the interface, which browsers do not take.
        IpAddr::V6(ip) => address.is_ipv6() && !ip.is_loopback() && !ip.is_unicast_link_local(),
    };
    let mut reachable: Vec<IpAddr> = found.iter().map(if_addrs::Interface::ip).collect();
    reachable.retain(is_reachable);
    // IPv4 first: it is shorter to type.
    reachable.sort_by_key(|ip| (ip.is_ipv6(), *ip));
    reachable.dedup();
    let mut urls: Vec<String> = reachable.into_iter().map(url).collect();
    if urls.is_empty() {
        urls.push(format!("http://localhost:{}", address.port()));
    }
    urls
}

/// The first URL of a server with this `http.listen`; a host name in it is used unchanged.
pub(crate) fn base_url(listen: &str) -> String {
    let address = listen.parse::<SocketAddr>();
    let url = address.ok().and_then(|address| urls(address).into_iter().next());
    url.unwrap_or_else(|| format!("http://{listen}"))
}

/// The URL by which this machine reaches a server with this `http.listen`; `None` if the system
/// chooses the port.
pub(crate) fn loopback_url(listen: &str) -> Option<String> {
    let Ok(mut address) = listen.parse::<SocketAddr>() else {
        return Some(format!("http://{listen}"));
    };
    match address.ip() {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED) => address.set_ip(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => address.set_ip(Ipv6Addr::LOCALHOST.into()),
        _ => {}
    }
    (address.port() != 0).then(|| format!("http://{address}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_on_all_networks_is_reached_over_the_loopback_interface() {
        for (listen, url) in [
            ("0.0.0.0:8080", Some("http://127.0.0.1:8080")),
            ("[::]:8080", Some("http://[::1]:8080")),
            ("10.0.0.11:80", Some("http://10.0.0.11:80")),
            ("localhost:8080", Some("http://localhost:8080")),
            ("127.0.0.1:0", None),
        ] {
            assert_eq!(loopback_url(listen).as_deref(), url, "{listen}");
        }
    }

    #[test]
    fn an_address_of_all_networks_is_never_shown() {
        assert_eq!(base_url("127.0.0.1:8080"), "http://127.0.0.1:8080");
        assert_eq!(base_url("[::1]:80"), "http://[::1]:80");
        assert_eq!(base_url("play.example:80"), "http://play.example:80");
        for listen in ["0.0.0.0:8080", "[::]:8080"] {
            let all = urls(listen.parse().expect("an address"));
            assert!(!all.is_empty(), "{listen}");
            for url in all {
                assert!(url.ends_with(":8080") && !url.contains("0.0.0.0"), "{url}");
                assert!(!url.contains("[::]"), "{url}");
            }
        }
    }
}
