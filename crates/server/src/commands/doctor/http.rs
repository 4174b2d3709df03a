//! Checks the address to listen on, the trusted proxies, and which clients may read the metrics.

use std::io::ErrorKind;
use std::net::IpAddr;
use std::time::Duration;

use tokio::net::TcpListener;
use web::{HttpConfig, Networks};

use super::finding::DoctorFinding;
use crate::boot::addresses;
use crate::error::listen_remedy;

const AREA: &str = "http";
/// How long a running server may take to respond.
const TIMEOUT: Duration = Duration::from_secs(3);
const LOOPBACK: [IpAddr; 2] =
    [IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), IpAddr::V6(std::net::Ipv6Addr::LOCALHOST)];

pub(super) async fn check(config: &HttpConfig) -> Vec<DoctorFinding> {
    let mut findings = vec![check_listen(&config.listen).await];
    findings.extend(check_proxies(config));
    if has_everything(&config.metrics_from) {
        let what = "http.metrics_from contains all addresses: every client may read /metrics";
        findings.push(DoctorFinding::warning(
            AREA,
            what,
            "list the addresses of the monitoring only",
        ));
    }
    findings
}

async fn check_listen(listen: &str) -> DoctorFinding {
    match TcpListener::bind(listen).await {
        Ok(_) => DoctorFinding::ok(AREA, format!("{listen} is free")),
        Err(error) if error.kind() == ErrorKind::AddrInUse && is_own(listen).await => {
            DoctorFinding::ok(AREA, format!("{listen} is in use by a running server"))
        }
        Err(error) => {
            let what = format!("cannot listen on {listen} ({error})");
            DoctorFinding::error(AREA, what, listen_remedy(&error))
        }
    }
}

/// Whether a server of this program responds at the address.
async fn is_own(listen: &str) -> bool {
    let Some(url) = addresses::loopback_url(listen) else { return false };
    let probed = load::probe(&url, "/livez", TIMEOUT).await;
    probed.is_ok_and(|response| response.status == 200 && response.state == "alive")
}

fn check_proxies(config: &HttpConfig) -> Option<DoctorFinding> {
    let proxies = Vec::from(config.trusted_proxies.clone());
    if has_everything(&config.trusted_proxies) {
        let what = "http.trusted_proxies contains all addresses: every client may invent its own";
        return Some(DoctorFinding::error(AREA, what, "list the addresses of the proxies only"));
    }
    let host = config.listen.rsplit_once(':').map_or("", |(host, _)| host);
    let is_local = host == "localhost"
        || host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
    if proxies.is_empty() {
        let what = "no proxy is trusted: behind a proxy, all clients share its address";
        return Some(DoctorFinding::ok(AREA, what));
    }
    let has_local = LOOPBACK.into_iter().any(|address| config.trusted_proxies.contains(address));
    if is_local && !has_local {
        let what = format!(
            "only this machine reaches {}, and no proxy on it is trusted: http.trusted_proxies is {}",
            config.listen,
            proxies.join(", ")
        );
        let remedy = "add \"127.0.0.1\", or listen on the network of the proxies";
        return Some(DoctorFinding::warning(AREA, what, remedy));
    }
    Some(DoctorFinding::ok(AREA, format!("trusted proxies: {}", proxies.join(", "))))
}

/// Whether a list contains all addresses of IPv4 or IPv6.
fn has_everything(networks: &Networks) -> bool {
    Vec::from(networks.clone()).iter().any(|text| text.trim().ends_with("/0"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::doctor::finding::FindingLevel;

    fn level(listen: &str, proxies: &[&str]) -> FindingLevel {
        let trusted: Vec<String> = proxies.iter().map(|&text| text.to_owned()).collect();
        let trusted_proxies = trusted.try_into().expect("networks");
        let config =
            HttpConfig { listen: listen.to_owned(), trusted_proxies, ..HttpConfig::default() };
        check_proxies(&config).expect("a finding").level
    }

    #[test]
    fn proxies_that_cannot_be_meant_are_found() {
        assert_eq!(level("127.0.0.1:1", &[]), FindingLevel::Ok);
        assert_eq!(level("127.0.0.1:1", &["127.0.0.0/8"]), FindingLevel::Ok);
        assert_eq!(level("10.0.0.1:1", &["10.0.0.2"]), FindingLevel::Ok);
        assert_eq!(level("127.0.0.1:1", &["10.0.0.2"]), FindingLevel::Warning);
        assert_eq!(level("[::1]:1", &["10.0.0.2"]), FindingLevel::Warning);
        assert_eq!(level("10.0.0.1:1", &["0.0.0.0/0"]), FindingLevel::Error);
        assert_eq!(level("10.0.0.1:1", &["10.0.0.2", "::/0"]), FindingLevel::Error);
    }

    #[tokio::test]
    async fn an_address_of_another_machine_is_an_error() {
        assert_eq!(check_listen("192.0.2.1:80").await.level, FindingLevel::Error);
        assert_eq!(check_listen("127.0.0.1:0").await.level, FindingLevel::Ok);
    }

    #[tokio::test]
    async fn a_port_of_another_program_is_an_error() {
        let receiver = testkit::NotificationReceiver::start().await;
        let (_, address) = receiver.url().split_once("//").expect("a URL");
        let address = address.split('/').next().expect("a host");
        let found = check_listen(address).await;
        assert_eq!(found.level, FindingLevel::Error, "{found}");
        assert!(found.remedy.contains("ss -ltnp"), "{found}");
    }
}
