//! The HTTP client for providers: timeouts, no redirects, no proxy, bounded response size, public
//! addresses only. URLs may contain a key and are never logged.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use domain::{Clock, Secret, UnixMicros};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use reqwest::{Client, Response, StatusCode, Url, redirect};
use rustls::{ClientConfig, RootCertStore};
use thiserror::Error;

use super::address::{PublicResolver, is_public};
use super::config::ProvidersConfig;
use super::{ProviderError, ProviderKind};

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
/// The longest `Retry-After`, in seconds: 31 days.
const RETRY_AFTER_MAX_S: u64 = 31 * 86_400;

/// Returns the header `traceparent` of the present span; `None` outside of a trace.
pub type TraceParent = fn() -> Option<String>;

/// Why the provider client cannot be set up.
#[derive(Debug, Error)]
pub enum ConnectError {
    /// A configured URL is malformed or forbidden.
    #[error("market.live.providers.{provider}.url: {reason}")]
    Address { provider: ProviderKind, reason: &'static str },
    #[error("cannot set up the HTTP client for price providers")]
    Client(#[source] Box<dyn std::error::Error + Send + Sync>),
}

#[derive(Debug)]
pub(super) struct ProviderResponse {
    pub(super) status: StatusCode,
    pub(super) retry_after: Option<Duration>,
    pub(super) body: String,
}

impl ProviderResponse {
    /// Whether the body is HTML, which no provider API returns.
    pub(super) fn is_html(&self) -> bool {
        self.body.trim_start().starts_with('<')
    }
}

#[derive(Clone, Debug)]
pub(super) struct ProviderClient {
    client: Client,
    body_size_max: usize,
    traceparent: TraceParent,
}

impl ProviderClient {
    pub(super) fn new(
        config: &ProvidersConfig,
        traceparent: TraceParent,
    ) -> Result<Self, ConnectError> {
        let failed = |error: Box<dyn std::error::Error + Send + Sync>| ConnectError::Client(error);
        let allowed: Arc<[String]> = config.allow_private.clone().into();
        let millis = |millis: u32| Duration::from_millis(millis.into());
        let client = Client::builder()
            .tls_backend_preconfigured(tls().map_err(|error| failed(error.into()))?)
            .connect_timeout(millis(config.connect_timeout_ms))
            .read_timeout(millis(config.read_timeout_ms))
            .timeout(millis(config.total_timeout_ms))
            .redirect(redirect::Policy::none())
            .no_proxy()
            .dns_resolver(PublicResolver { allowed })
            .pool_max_idle_per_host(2)
            .user_agent(concat!("openbell/", env!("CARGO_PKG_VERSION")))
            .build();
        let client = client.map_err(|error| failed(error.into()))?;
        let body_size_max = usize::try_from(config.body_size_max).unwrap_or(usize::MAX);
        Ok(Self { client, body_size_max, traceparent })
    }

    /// Sends a GET request. The header value is a key and marked as sensitive.
    async fn get(
        &self,
        url: Url,
        header: Option<(&'static str, String)>,
    ) -> Result<ProviderResponse, ProviderError> {
        let mut request = self.client.get(url);
        if let Some((name, value)) = header {
            let mut value = HeaderValue::from_str(&value).map_err(|_| ProviderError::AuthFailed)?;
            value.set_sensitive(true);
            request = request.header(name, value);
        }
        if let Some(context) = (self.traceparent)() {
            request = request.header(TRACEPARENT, context);
        }
        let mut response = request.send().await.map_err(failed)?;
        let status = response.status();
        let retry_after = retry_after(response.headers());
        let body = match self.read(&mut response).await {
            Ok(body) => body,
            Err(error) if status.is_success() => return Err(error),
            // The status counts, even if the body cannot be read.
            Err(_) => String::new(),
        };
        Ok(ProviderResponse { status, retry_after, body })
    }

    async fn read(&self, response: &mut Response) -> Result<String, ProviderError> {
        let mut body = Vec::new();
        // Counted after decompression.
        while let Some(chunk) = response.chunk().await.map_err(failed)? {
            if body.len() + chunk.len() > self.body_size_max {
                return Err(ProviderError::Malformed);
            }
            body.extend_from_slice(&chunk);
        }
        String::from_utf8(body).map_err(|_| ProviderError::Malformed)
    }
}

/// What an adapter sends requests with.
pub(super) struct ProviderConnection {
    pub(super) client: ProviderClient,
    pub(super) base: Url,
    pub(super) key: ArcSwap<Secret>,
    pub(super) clock: Arc<dyn Clock>,
}

impl fmt::Debug for ProviderConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProviderConnection").finish_non_exhaustive()
    }
}

impl ProviderConnection {
    /// Sends the next requests with another key.
    pub(super) fn set_key(&self, key: Secret) {
        self.key.store(Arc::new(key));
    }

    /// Sends a GET request with the key in a header, after a prefix.
    pub(super) async fn get(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
        (header, prefix): (&'static str, &str),
    ) -> Result<ProviderResponse, ProviderError> {
        let value = format!("{prefix}{}", self.key.load().reveal());
        self.client.get(address(&self.base, path, query), Some((header, value))).await
    }

    /// Sends a GET request with the key in the query.
    pub(super) async fn get_with_query_key(
        &self,
        path: &[&str],
        mut query: Vec<(&str, &str)>,
        name: &str,
    ) -> Result<ProviderResponse, ProviderError> {
        let key = self.key.load_full();
        query.push((name, key.reveal()));
        self.client.get(address(&self.base, path, &query), None).await
    }

    pub(super) fn now(&self) -> UnixMicros {
        self.clock.now()
    }
}

/// The URL of a provider.
///
/// # Errors
/// A malformed or forbidden URL.
pub(super) fn base(config: &ProvidersConfig, provider: ProviderKind) -> Result<Url, ConnectError> {
    let rejected = |reason| ConnectError::Address { provider, reason };
    let text = &config.of(provider).url;
    let url = Url::parse(text).map_err(|_| rejected("expected an address like https://host"))?;
    let host = url.host_str().ok_or(rejected("it has no host"))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(rejected("a key belongs into `key`"));
    }
    // IPv6 addresses are listed without brackets.
    let bare = host.trim_matches(['[', ']']);
    let literal: Option<IpAddr> = bare.parse().ok();
    let is_listed = config
        .allow_private
        .iter()
        .any(|one| one.trim_matches(['[', ']']).eq_ignore_ascii_case(bare));
    // A host name is checked when it is resolved.
    if !is_listed && literal.is_some_and(|address| !is_public(address)) {
        return Err(rejected("a private address has to be in `allow_private`"));
    }
    match url.scheme() {
        "https" => Ok(url),
        "http" if is_listed => Ok(url),
        "http" => Err(rejected("without TLS the host has to be in `allow_private`")),
        _ => Err(rejected("expected https")),
    }
}

/// Adds a path, whose segments are escaped, and a query.
fn address(base: &Url, path: &[&str], query: &[(&str, &str)]) -> Url {
    let mut url = base.clone();
    if let Ok(mut parts) = url.path_segments_mut() {
        parts.pop_if_empty().extend(path);
    }
    url.query_pairs_mut().extend_pairs(query);
    url
}

fn tls() -> Result<ClientConfig, rustls::Error> {
    let roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    Ok(config?.with_root_certificates(roots).with_no_client_auth())
}

fn failed(error: reqwest::Error) -> ProviderError {
    // Without the URL, which may contain a key.
    let error = error.without_url();
    tracing::debug!(%error, "provider request failed");
    ProviderError::Transient
}

/// `Retry-After` (RFC 9110, 10.2.3), as seconds or as a date relative to the response's `Date`.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let seconds = match text.parse::<u64>() {
        Ok(seconds) => seconds,
        Err(_) => {
            let date = |text: &str| jiff::fmt::rfc2822::parse(text).ok();
            let until = date(text)?.timestamp().as_second();
            let now = date(headers.get(reqwest::header::DATE)?.to_str().ok()?)?;
            u64::try_from(until - now.timestamp().as_second()).ok()?
        }
    };
    Some(Duration::from_secs(seconds.min(RETRY_AFTER_MAX_S)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(url: &str, allowed: &[&str]) -> ProvidersConfig {
        let mut config = ProvidersConfig::default();
        config.finnhub.url = url.to_owned();
        config.allow_private = allowed.iter().map(|host| (*host).to_owned()).collect();
        config
    }

    #[test]
    fn an_address_has_tls_and_is_public_unless_it_is_listed() {
        for (url, allowed, expected) in [
            ("https://finnhub.io", &[][..], None),
            ("http://finnhub.io", &[], Some("without TLS")),
            ("https://127.0.0.1:9", &[], Some("private address")),
            ("https://[::1]:9", &[], Some("private address")),
            ("http://127.0.0.1:9", &["127.0.0.1"], None),
            ("http://localhost:9", &["LOCALHOST"], None),
            ("http://[::1]:9", &["::1"], None),
            ("http://[::1]:9", &["[::1]"], None),
            ("https://[::ffff:10.0.0.1]", &[], Some("private address")),
            ("https://0x7f000001", &[], Some("private address")),
            ("https://me:key@finnhub.io", &[], Some("belongs into `key`")),
            ("ftp://finnhub.io", &[], Some("expected https")),
            ("finnhub.io", &[], Some("like https://host")),
        ] {
            let found = base(&config(url, allowed), ProviderKind::Finnhub).err();
            let found = found.map(|error| error.to_string());
            match (&found, expected) {
                (None, None) => {}
                (Some(text), Some(part)) => assert!(text.contains(part), "{url}: {text}"),
                _ => panic!("{url}: {found:?}"),
            }
        }
    }

    #[test]
    fn path_and_query_are_escaped() {
        let base = Url::parse("https://host/").unwrap();
        let url = address(&base, &["a b", "../c"], &[("q", "x&y=z")]);
        assert_eq!(url.as_str(), "https://host/a%20b/..%2Fc?q=x%26y%3Dz");
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let mut headers = HeaderMap::new();
        assert_eq!(retry_after(&headers), None);
        for (text, expected) in [
            ("120", Some(120)),
            ("soon", None),
            ("99999999999", Some(RETRY_AFTER_MAX_S)),
            ("Fri, 27 Nov 2026 09:01:30 GMT", Some(90)),
            ("Fri, 27 Nov 2026 08:00:00 GMT", None),
        ] {
            headers.insert("date", HeaderValue::from_static("Fri, 27 Nov 2026 09:00:00 GMT"));
            headers.insert(RETRY_AFTER, HeaderValue::from_static(text));
            assert_eq!(retry_after(&headers), expected.map(Duration::from_secs), "{text}");
        }
    }
}
