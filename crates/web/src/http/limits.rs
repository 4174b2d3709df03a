//! Rate limits. Requests are counted by token or, without one, by network; login attempts by
//! account and network together, so that an attacker cannot lock out a player from another network,
//! and by network alone.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use cluster::{Decision, Quota};
use ipnet::IpNet;
use sha2::{Digest, Sha256};

use crate::auth::security_events::{SecurityEvent, SecurityEventKind, account_of};
use crate::auth::sessions::bearer;
use crate::auth::tokens;
use crate::config::Limit;
use crate::http;
use crate::http::client_address;
use crate::http::cookies::Jar;
use crate::problem::{Problem, codes};
use crate::state::AppState;

const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const LEFT: HeaderName = HeaderName::from_static("ratelimit");
const ORIGINAL_LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit");
const ORIGINAL_REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");
const ORIGINAL_RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset");
/// Bytes of a hash in the key of a counter.
const KEY_BYTES: usize = 8;

/// The client's network.
pub(crate) struct Network {
    /// The key of a counter.
    key: String,
    prefix: IpNet,
}

impl Network {
    /// The prefix of the address that logs contain.
    pub(crate) fn prefix(&self) -> IpNet {
        self.prefix
    }
}

impl<S: Sync> FromRequestParts<S> for Network {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let client = client_address::client_of(&parts.extensions);
        let (key, prefix) =
            (client_address::network_key(client), client_address::prefix_of(client));
        Ok(Self { key, prefix })
    }
}

/// Whether a request of the pages has a valid session; set by the extractor that looks it up.
#[derive(Clone, Debug, Default)]
pub(crate) struct RecognizedSession(Arc<AtomicBool>);

impl RecognizedSession {
    pub(crate) fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Middleware that counts every request of the API and the pages, and adds the rate-limit headers.
/// Static files and probes are not counted: a rejected probe would stop a healthy server.
pub(crate) async fn general(
    State(state): State<AppState>,
    network: Network,
    mut request: Request,
    next: Next,
) -> Response {
    let limits = state.limits();
    let is_page = http::is_page(request.uri().path());
    let counted = is_page || request.uri().path().starts_with("/api/");
    let counted = counted && request.method() != Method::OPTIONS;
    if !limits.enabled || !counted {
        return next.run(request).await;
    }
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    let (name, limit) = if reads { ("read", limits.read) } else { ("trade", limits.trade) };
    let recognized = RecognizedSession::default();
    request.extensions_mut().insert(recognized.clone());
    let token = if is_page {
        Jar::of(&request).session(request.headers())
    } else {
        bearer(request.headers())
    };
    let token = token.and_then(tokens::hash);
    let key =
        token.as_ref().map_or_else(|| network.key.clone(), |hash| hex::encode(&hash[..KEY_BYTES]));
    let throttled = SecurityEvent::of_client(SecurityEventKind::Throttled, network.prefix);
    let mut decision = take(&state, name, &key, limit, &throttled).await;
    let mut response = if decision.allowed {
        next.run(request).await
    } else {
        rate_limited(&state, &decision).into_response()
    };
    // Invented tokens, each used once, must not circumvent the limit.
    let is_unknown = if is_page {
        !recognized.0.load(Ordering::Relaxed)
    } else {
        response.status() == StatusCode::UNAUTHORIZED
    };
    if token.is_some() && is_unknown {
        decision = take(&state, name, &network.key, limit, &throttled).await;
        if !decision.allowed {
            response = rate_limited(&state, &decision).into_response();
        }
    }
    // A rejected login already has the headers of its own quota.
    for (header, value) in described(name, limit, &decision) {
        response.headers_mut().entry(header).or_insert(value);
    }
    response
}

/// Counts a login attempt before any lookup, and rejects it above the limit, whether or not the
/// account exists.
pub(crate) async fn count_login(
    state: &AppState,
    network: &Network,
    email_key: &str,
) -> Result<(), Problem> {
    // Hashed, so that Redis contains no e-mail addresses.
    let account = account_of(email_key);
    let throttled = SecurityEvent::of_client(SecurityEventKind::Throttled, network.prefix);
    count_attempt(state, network, &account, throttled.with_account(Some(account.clone()))).await
}

/// Counts the use of a one-time link as a login attempt. Links are counted by link and network, as
/// logins are by account and network: a class shares a network.
pub(crate) async fn count_link(
    state: &AppState,
    network: &Network,
    link: &[u8; 32],
) -> Result<(), Problem> {
    let link = hex::encode(&Sha256::digest(link)[..KEY_BYTES]);
    let throttled = SecurityEvent::of_client(SecurityEventKind::Throttled, network.prefix);
    count_attempt(state, network, &link, throttled).await
}

async fn count_attempt(
    state: &AppState,
    network: &Network,
    account: &str,
    throttled: SecurityEvent,
) -> Result<(), Problem> {
    let limits = state.limits();
    let key = format!("{account}:{}", network.key);
    let (address, per_address) = (&network.key, limits.login_per_address);
    count(state, "login_per_address", address, per_address, &throttled).await?;
    count(state, "login_per_account", &key, limits.login_per_account, &throttled).await
}

/// Counts a registration, and rejects it above the limit.
pub(crate) async fn count_registration(state: &AppState, network: &Network) -> Result<(), Problem> {
    let limit = state.limits().register_per_address;
    let throttled = SecurityEvent::of_client(SecurityEventKind::Throttled, network.prefix);
    count(state, "register_per_address", &network.key, limit, &throttled).await
}

/// Counts a request to `/api/external`, and rejects it above the user's limit.
pub(crate) async fn count_external(state: &AppState, user_id: i64) -> Result<(), Problem> {
    let throttled = SecurityEvent::of_user(SecurityEventKind::Throttled, user_id);
    let limit = state.limits().external;
    count(state, "external", &user_id.to_string(), limit, &throttled).await
}

async fn count(
    state: &AppState,
    name: &'static str,
    key: &str,
    limit: Limit,
    throttled: &SecurityEvent,
) -> Result<(), Problem> {
    if !state.limits().enabled {
        return Ok(());
    }
    let decision = take(state, name, key, limit, throttled).await;
    if decision.allowed {
        return Ok(());
    }
    let mut problem = rate_limited(state, &decision);
    for (header, value) in described(name, limit, &decision) {
        problem = problem.with_header(header, value);
    }
    Err(problem)
}

/// Takes a request from a quota; logs `throttled` if it is rejected.
async fn take(
    state: &AppState,
    name: &'static str,
    key: &str,
    limit: Limit,
    throttled: &SecurityEvent,
) -> Decision {
    let now = state.clock.now();
    let decision = state.counters.take(name, key, Quota::from(limit), now).await;
    if !decision.allowed {
        metrics::counter!("openbell_rate_limited_total", "quota" => name).increment(1);
        state.throttle_log.log(throttled.clone(), name, now.seconds());
    }
    decision
}

fn rate_limited(state: &AppState, decision: &Decision) -> Problem {
    let wait = i64::try_from(decision.retry_after_s).unwrap_or(i64::MAX);
    let resets_at = state.clock.now().plus_seconds(wait).seconds();
    Problem::from(&codes::RATE_LIMITED)
        .retry_after(decision.retry_after_s)
        .with_header(ORIGINAL_RESET, resets_at.into())
}

/// The headers of the IETF draft and of the original API.
fn described(
    name: &str,
    limit: Limit,
    decision: &Decision,
) -> impl Iterator<Item = (HeaderName, HeaderValue)> {
    let policy = format!("\"{name}\";q={};w={}", limit.burst, limit.per_s);
    let left = format!("\"{name}\";r={};t={}", decision.remaining, decision.reset_s);
    let texts = [(POLICY, policy), (LEFT, left)];
    let texts = texts
        .into_iter()
        .filter_map(|(header, text)| Some((header, HeaderValue::from_str(&text).ok()?)));
    texts.chain([
        (ORIGINAL_LIMIT, decision.limit.into()),
        (ORIGINAL_REMAINING, decision.remaining.into()),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderMap;

    #[test]
    fn the_headers_contain_limit_and_remaining_requests() {
        let decision =
            Decision { allowed: true, limit: 60, remaining: 12, reset_s: 31, retry_after_s: 0 };
        let headers: HeaderMap =
            described("read", Limit { burst: 60, per_s: 60 }, &decision).collect();
        assert_eq!(headers["ratelimit-policy"], "\"read\";q=60;w=60");
        assert_eq!(headers["ratelimit"], "\"read\";r=12;t=31");
        assert_eq!(headers["x-ratelimit-limit"], "60");
        assert_eq!(headers["x-ratelimit-remaining"], "12");
    }
}
