//! The HTTP client of the channels, and of traces: TLS except to this machine, no redirects, no
//! proxy, bounded responses. URLs may contain secrets and are never logged.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, HeaderMap, RETRY_AFTER};
use reqwest::{Client, Response, StatusCode, Url, redirect};
use rustls::{ClientConfig, RootCertStore};

use crate::delivery_error::DeliveryError;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// The most bytes of a response that are read.
const BODY_SIZE_MAX: usize = 16 * 1024;
/// The longest `Retry-After` that is respected, which equals the longest backoff.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(300);

/// A client whose requests end after `timeout`.
///
/// # Errors
/// TLS cannot be set up.
pub fn client(timeout: Duration) -> Result<Client, Box<dyn std::error::Error + Send + Sync>> {
    let tls = tls(public_roots())?;
    let client = Client::builder()
        .tls_backend_preconfigured(tls)
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(timeout)
        .redirect(redirect::Policy::none())
        .no_proxy()
        .pool_max_idle_per_host(0)
        .user_agent(concat!("openbell/", env!("CARGO_PKG_VERSION")))
        .build();
    Ok(client?)
}

/// The public authorities.
pub(crate) fn public_roots() -> RootCertStore {
    RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() }
}

/// Connections to servers whose certificates these authorities signed.
pub(crate) fn tls(roots: RootCertStore) -> Result<ClientConfig, rustls::Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

/// Parses the URL of a receiver, which must be https or on this machine.
///
/// # Errors
/// What was expected.
pub fn parse_url(text: &str) -> Result<Url, &'static str> {
    let expected = "expected https://HOST/PATH, or http:// for a receiver on this machine";
    let url = Url::parse(text).map_err(|_| expected)?;
    let host = url.host_str().ok_or(expected)?.trim_matches(['[', ']']);
    let is_local =
        host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    match url.scheme() {
        "https" => Ok(url),
        "http" if is_local => Ok(url),
        _ => Err(expected),
    }
}

/// Sends a JSON text. Returns a response with a status of success, without its body.
pub(crate) async fn post(
    client: &Client,
    url: &Url,
    headers: HeaderMap,
    body: String,
) -> Result<Response, DeliveryError> {
    let request = client.post(url.clone()).headers(headers);
    let request = request.header(CONTENT_TYPE, "application/json").body(body);
    let response = request.send().await.map_err(|error| failed(&error))?;
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    Err(refused(status, response.headers()))
}

/// The first bytes of the body.
pub(crate) async fn read(mut response: Response) -> Result<Vec<u8>, DeliveryError> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| failed(&error))? {
        let room = BODY_SIZE_MAX - body.len();
        body.extend_from_slice(&chunk[..chunk.len().min(room)]);
        if body.len() == BODY_SIZE_MAX {
            break;
        }
    }
    Ok(body)
}

fn failed(error: &reqwest::Error) -> DeliveryError {
    let reason = if error.is_timeout() {
        "no response in time"
    } else if error.is_connect() {
        "cannot connect"
    } else {
        "the connection failed or the response is no HTTP"
    };
    DeliveryError::Retry { reason: reason.to_owned(), after: None }
}

fn refused(status: StatusCode, headers: &HeaderMap) -> DeliveryError {
    let reason = format!("the receiver returned {}", status.as_u16());
    let is_passing = status.is_server_error()
        || [StatusCode::TOO_MANY_REQUESTS, StatusCode::REQUEST_TIMEOUT].contains(&status);
    if !is_passing {
        return DeliveryError::Rejected { reason };
    }
    let after = headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok());
    let after = after.and_then(|text| text.trim().parse().ok()).map(Duration::from_secs);
    let after = after.map(|after| after.min(RETRY_AFTER_MAX));
    if status == StatusCode::TOO_MANY_REQUESTS {
        return DeliveryError::Throttled { reason, after };
    }
    DeliveryError::Retry { reason, after }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_receiver_has_tls_or_is_on_this_machine() {
        for text in [
            "https://events.pagerduty.com/v2/enqueue",
            "https://10.0.0.7:8443/hook",
            "http://localhost:9000/hook",
            "http://127.0.0.1:9000",
            "http://[::1]:9000",
        ] {
            assert!(parse_url(text).is_ok(), "{text}");
        }
        for text in [
            "",
            "example.org",
            "http://example.org/hook",
            "http://10.0.0.7/hook",
            "http://localhost.example.org",
            "ftp://localhost",
            "mailto:a@b",
        ] {
            assert!(parse_url(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_status_that_may_pass_is_retried_and_others_are_final() {
        for (status, is_retried) in
            [(500, true), (503, true), (429, true), (408, true), (400, false), (302, false)]
        {
            let error = refused(StatusCode::from_u16(status).unwrap(), &HeaderMap::new());
            let is_final = matches!(error, DeliveryError::Rejected { .. });
            assert_eq!(!is_final, is_retried, "{status}");
            let is_throttled = matches!(error, DeliveryError::Throttled { .. });
            assert_eq!(is_throttled, status == 429, "{status}");
        }
    }

    #[test]
    fn retry_after_is_respected_for_five_minutes_at_most() {
        for (text, expected) in [("7", Some(7)), ("99999", Some(300)), ("soon", None)] {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, text.parse().unwrap());
            let error = refused(StatusCode::SERVICE_UNAVAILABLE, &headers);
            let DeliveryError::Retry { after, .. } = error else { panic!("{error:?}") };
            assert_eq!(after, expected.map(Duration::from_secs), "{text}");
        }
    }
}
