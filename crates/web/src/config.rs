//! The configuration sections `[http]`, `[limits]`, `[auth]` and `[names]`. `config/openbell.toml`
//! lists every key with its default.

use std::net::SocketAddr;

use cluster::Quota;
use domain::limited;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

use crate::http::client_address::Networks;

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WebConfig {
    pub http: HttpConfig,
    pub limits: LimitsConfig,
    pub auth: AuthConfig,
    pub names: NamesConfig,
}

/// The listener, and limits on connections, requests and streams.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HttpConfig {
    /// `ADDRESS:PORT`; port 0 is any free one.
    #[serde(deserialize_with = "listen")]
    pub listen: String,
    /// Milliseconds from the first byte of a request to the end of its headers.
    pub header_read_timeout_ms: u64,
    /// Milliseconds from the start of a connection to its first byte.
    pub first_byte_timeout_ms: u64,
    /// Milliseconds for the complete body.
    pub body_timeout_ms: u64,
    /// Milliseconds for the complete response.
    pub request_timeout_ms: u64,
    /// The largest body, in bytes.
    pub body_size_max: usize,
    /// The largest headers, in bytes.
    pub header_size_max: usize,
    pub connections_max: usize,
    /// Concurrent connections of one client network; a trusted proxy may have more.
    pub connections_per_address_max: usize,
    /// Proxies whose `X-Forwarded-For`, `-Proto` and `-Host` are used, as addresses or
    /// `ADDRESS/BITS`.
    pub trusted_proxies: Networks,
    /// Origins that may call the API; `*` allows all.
    pub cors_origins: Vec<String>,
    /// Seconds from the signal to the close of the listener, 0 to 300.
    #[serde(deserialize_with = "limited::<_, _, 0, 300>")]
    pub lame_duck_s: u64,
    /// Milliseconds that running requests may take during shutdown.
    pub drain_timeout_ms: u64,
    /// Concurrent event streams of all players.
    pub streams_max: usize,
    /// Concurrent event streams of one player; one more closes the oldest.
    pub streams_per_player_max: usize,
    /// The minimum interval between two price events of a stream, in milliseconds.
    pub stream_prices_interval_ms: u64,
    /// The interval of a stream's heartbeat and of the check of its token, in milliseconds.
    pub stream_heartbeat_ms: u64,
    /// Addresses, or `ADDRESS/BITS`, that may read the metrics.
    pub metrics_from: Networks,
    /// Whether each request is logged.
    pub access_log: bool,
    /// The `max-age` of `Strict-Transport-Security` (RFC 6797) in seconds, sent to clients that use
    /// HTTPS through a trusted proxy; 0: not sent.
    pub hsts_max_age_s: u64,
}

impl Default for HttpConfig {
    fn default() -> Self {
        let owned =
            |texts: &[&str]| -> Vec<_> { texts.iter().map(|&text| text.to_owned()).collect() };
        Self {
            listen: "127.0.0.1:8080".to_owned(),
            header_read_timeout_ms: 10_000,
            first_byte_timeout_ms: 10_000,
            body_timeout_ms: 10_000,
            request_timeout_ms: 30_000,
            body_size_max: 16 * 1024,
            header_size_max: 16 * 1024,
            connections_max: 10_000,
            connections_per_address_max: 1_024,
            trusted_proxies: Networks::default(),
            cors_origins: owned(&["*"]),
            lame_duck_s: 0,
            drain_timeout_ms: 10_000,
            streams_max: 2_000,
            streams_per_player_max: 6,
            stream_prices_interval_ms: 5_000,
            stream_heartbeat_ms: 25_000,
            metrics_from: owned(&["127.0.0.0/8", "::1"]).try_into().unwrap_or_default(),
            access_log: false,
            hsts_max_age_s: 31_536_000,
        }
    }
}

/// An address or a name, and a port. An address of IPv6 is in brackets.
fn listen<'de, D: Deserializer<'de>>(reader: D) -> Result<String, D::Error> {
    let text = String::deserialize(reader)?;
    let is_host = |host: &str| {
        let is_name = |one: char| one.is_ascii_alphanumeric() || "-._".contains(one);
        !host.is_empty() && host.chars().all(is_name)
    };
    let is_name = text
        .rsplit_once(':')
        .is_some_and(|(host, port)| is_host(host) && port.parse::<u16>().is_ok());
    if is_name || text.parse::<SocketAddr>().is_ok() {
        return Ok(text);
    }
    let expected = "expected ADDRESS:PORT, like 127.0.0.1:8080, 0.0.0.0:8080 or [::]:8080";
    Err(D::Error::custom(format!("{expected}, got {text:?}")))
}

/// A rate limit (token bucket).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limit {
    /// The capacity.
    pub burst: u32,
    /// Seconds in which an empty bucket is refilled.
    pub per_s: u32,
}

impl From<Limit> for Quota {
    fn from(limit: Limit) -> Self {
        Self { burst: limit.burst, per_s: limit.per_s }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LimitsConfig {
    /// Whether limits apply at all.
    pub enabled: bool,
    /// Login attempts for one account from one network.
    pub login_per_account: Limit,
    /// Login attempts from one network.
    pub login_per_address: Limit,
    /// Registrations from one network.
    pub register_per_address: Limit,
    /// Requests that only read, of one token or, without one, of one network.
    pub read: Limit,
    /// Requests that write, of one token or, without one, of one network.
    pub trade: Limit,
    /// Requests to `/api/external`, of one user.
    pub external: Limit,
}

impl Default for LimitsConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            login_per_account: Limit { burst: 10, per_s: 300 },
            login_per_address: Limit { burst: 300, per_s: 300 },
            register_per_address: Limit { burst: 200, per_s: 3_600 },
            read: Limit { burst: 6_000, per_s: 60 },
            trade: Limit { burst: 12_000, per_s: 60 },
            external: Limit { burst: 60, per_s: 60 },
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AuthConfig {
    /// Days without use after which a token expires.
    pub token_idle_days: u32,
    /// Days after which a token expires in any case.
    pub token_absolute_days: u32,
    pub tokens_per_user_max: u32,
    /// Concurrent password hashes; each takes 19 MiB and one core.
    pub hash_concurrency_max: usize,
    /// Passwords that wait to be hashed; further requests receive 503.
    pub hash_queue_max: usize,
    /// The shortest password, in characters.
    pub password_length_min: usize,
    /// The longest password, in characters.
    pub password_length_max: usize,
}

impl Default for AuthConfig {
    fn default() -> Self {
        Self {
            token_idle_days: 30,
            token_absolute_days: 365,
            tokens_per_user_max: 50,
            hash_concurrency_max: 2,
            hash_queue_max: 64,
            password_length_min: 8,
            password_length_max: 256,
        }
    }
}

/// The validation of player names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NamesConfig {
    /// The longest name, in grapheme clusters.
    pub length_max: usize,
    /// Whether names are checked against the built-in list of rude words.
    pub profanity: bool,
    /// Additional words that are rejected in any spelling.
    pub refused: Vec<String>,
    /// Words that are accepted although the list or `refused` contains them.
    pub allowed: Vec<String>,
}

impl Default for NamesConfig {
    fn default() -> Self {
        Self { length_max: 40, profanity: true, refused: Vec::new(), allowed: Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_key_is_rejected_and_a_missing_key_has_its_default() {
        let read = serde_json::from_str::<WebConfig>(r#"{"auth":{"token_idle_days":7}}"#).unwrap();
        assert_eq!((read.auth.token_idle_days, read.auth.token_absolute_days), (7, 365));
        assert!(serde_json::from_str::<WebConfig>(r#"{"auth":{"token_days":7}}"#).is_err());
        assert!(serde_json::from_str::<WebConfig>(r#"{"limits":{"read":{"burst":1}}}"#).is_err());
        let proxies = r#"{"http":{"trusted_proxies":["10.0.0.0/33"]}}"#;
        let error = serde_json::from_str::<WebConfig>(proxies).unwrap_err().to_string();
        assert!(error.contains("10.0.0.0/33"), "{error}");
        assert!(HttpConfig::default().metrics_from.contains([127, 0, 0, 1].into()));
    }
}
