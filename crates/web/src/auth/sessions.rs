//! The extractors of the authenticated player and of the request id.

use std::fmt;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, header};
use domain::{Entropy, UnixMicros};
use store::TokenKind;

use crate::auth::tokens;
use crate::problem::Problem;
use crate::state::AppState;

/// The last use of a token is stored at most this often, in seconds.
const TOUCH_INTERVAL_S: i64 = 3_600;
const DAY_S: i64 = 86_400;

/// The authenticated player of a request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PlayerSession {
    pub(crate) player_id: i64,
    pub(crate) user_id: i64,
    /// The token of the request.
    pub(crate) token_id: i64,
}

impl FromRequestParts<AppState> for PlayerSession {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Problem> {
        let bearer = bearer(&parts.headers).ok_or_else(|| Problem::unauthenticated(false))?;
        let unknown = || Problem::unauthenticated(true);
        let hash = tokens::hash(bearer).ok_or_else(unknown)?;
        find_player(state, hash, TokenKind::Api).await?.ok_or_else(unknown)
    }
}

/// The player of a valid token of this kind. The API rejects sessions of the pages, and the pages
/// reject API tokens: a leaked token does not give access to the other.
pub(crate) async fn find_player(
    state: &AppState,
    hash: [u8; 32],
    kind: TokenKind,
) -> Result<Option<PlayerSession>, Problem> {
    let session = state.session_lookup.find_session(hash).await?;
    let Some(session) = session.filter(|session| session.kind == kind) else { return Ok(None) };
    let now = state.clock.now();
    if session.last_used_at.plus_seconds(TOUCH_INTERVAL_S) <= now {
        touch(state, session.token_id, now).await;
    }
    tracing::Span::current().record("player_id", session.player_id);
    let store::Session { token_id, user_id, player_id, .. } = session;
    Ok(Some(PlayerSession { player_id, user_id, token_id }))
}

/// Stores the last use of a token. The request continues if that fails; a later one tries again.
async fn touch(state: &AppState, token_id: i64, now: UnixMicros) {
    let idle_s = i64::from(state.config.auth.token_idle_days) * DAY_S;
    let touched = state.store.touch_token(token_id, now.plus_seconds(idle_s), now).await;
    if let Err(error) = touched {
        tracing::warn!(token_id, %error, "storing the last use of a token failed");
    }
}

/// The token of the one `Authorization: Bearer` header.
pub(crate) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let value = values.next().filter(|_| values.next().is_none())?.to_str().ok()?;
    let (scheme, token) = value.trim().split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// The request id, as in `X-Request-Id`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RequestId(Arc<str>);

impl RequestId {
    /// The longest id that is accepted from a proxy, in bytes.
    const LENGTH_MAX: usize = 64;

    /// A new id of 128 random bits.
    pub(crate) fn new(entropy: &dyn Entropy) -> Self {
        let mut bytes = [0; 16];
        entropy.fill(&mut bytes);
        Self(hex::encode(bytes).into())
    }

    /// An id from a proxy; letters, digits and `-_.` only, since it is repeated in logs and
    /// responses.
    pub(crate) fn parse(value: &HeaderValue) -> Option<Self> {
        let text = value.to_str().ok()?;
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
        let fits = (1..=Self::LENGTH_MAX).contains(&text.len()) && text.bytes().all(plain);
        fits.then(|| Self(text.into()))
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<S: Sync> FromRequestParts<S> for RequestId {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        parts.extensions.get::<Self>().cloned().ok_or_else(Problem::internal)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(values: &[&'static str]) -> HeaderMap {
        let named = |value: &&'static str| (header::AUTHORIZATION, HeaderValue::from_static(value));
        values.iter().map(named).fold(HeaderMap::new(), |mut all, (name, value)| {
            all.append(name, value);
            all
        })
    }

    #[test]
    fn exactly_one_bearer_token_is_accepted() {
        assert_eq!(bearer(&headers(&["Bearer ob_x"])), Some("ob_x"));
        assert_eq!(bearer(&headers(&["bearer  ob_x "])), Some("ob_x"));
        for none in [&["Basic ob_x"][..], &["Bearer"], &["Bearer a", "Bearer b"], &[]] {
            assert_eq!(bearer(&headers(none)), None, "{none:?}");
        }
    }

    #[test]
    fn only_plain_ids_are_accepted_from_a_proxy() {
        let parse = |text: &'static str| RequestId::parse(&HeaderValue::from_static(text));
        assert!(parse("abc-1_2.3").is_some());
        assert!(parse("").is_none() && parse("a b").is_none() && parse("a\"b").is_none());
        assert!(RequestId::parse(&HeaderValue::from_str(&"a".repeat(65)).unwrap()).is_none());
    }
}
