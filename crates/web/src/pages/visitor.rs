//! Who visits a page and how they want to see it: signed in by the session's cookie or not, with
//! the choices of [`Preferences`]. What the pages show of it is `view`'s. A bearer token means
//! nothing here, as a cookie means nothing to the API.

use std::ops::Deref;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Uri};
use axum::response::{IntoResponse, Response};
use domain::Entropy;
use store::{TokenKind, UnseenReward, Viewer};

use super::answer;
use super::preferences::{Lang, Preferences};
use crate::auth::sessions::{self, PlayerSession};
use crate::auth::tokens;
use crate::http::cookies::Jar;
use crate::http::limits::Recognised;
use crate::http::query::Query;
use crate::problem::Problem;
use crate::state::AppState;

/// The longest address that is returned to after logging in.
const NEXT_LENGTH_MAX: usize = 512;

/// Somebody who looks at a page.
pub(crate) struct Visitor {
    pub(crate) player: Option<SignedInPlayer>,
    pub(crate) preferences: Preferences,
    pub(crate) jar: Jar,
    pub(crate) asked: Asked,
    /// What forms are bound to.
    pub(crate) secret: String,
    /// Whether the secret is new, so that the browser has to be told.
    pub(crate) is_new: bool,
    pub(crate) entropy: Arc<dyn Entropy>,
}

/// A player who is signed in, with what every page shows of them.
pub(crate) struct SignedInPlayer {
    pub(crate) player: PlayerSession,
    pub(crate) viewer: Viewer,
    /// Good news for this page to tell.
    pub(crate) rewards: Vec<UnseenReward>,
}

/// What was asked for, as far as the frame of a page depends on it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Asked {
    /// Path and query, without the language.
    pub(crate) here: String,
    /// The language that a link asked for.
    pub(crate) lang: Option<Lang>,
    /// Whether a script asks for the middle of the page only.
    pub(crate) fragment: bool,
}

impl Asked {
    pub(crate) fn of(uri: &Uri, headers: &HeaderMap) -> Self {
        let query = uri.query().unwrap_or_default();
        let kept: Vec<&str> =
            query.split('&').filter(|p| !p.is_empty() && !p.starts_with("lang=")).collect();
        let path = uri.path();
        let here =
            if kept.is_empty() { path.to_owned() } else { format!("{path}?{}", kept.join("&")) };
        let says = |name: &str| headers.get(name).is_some_and(|value| value == "true");
        let whole = says("hx-boosted") || says("hx-history-restore-request");
        Self {
            here,
            lang: Query::parse(query).find("lang").and_then(Lang::parse),
            fragment: says("hx-request") && !whole,
        }
    }
}

impl FromRequestParts<AppState> for Visitor {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Problem> {
        let jar = Jar::new(&parts.extensions, &parts.headers);
        let session = jar.session(&parts.headers).map(str::to_owned);
        let asked = Asked::of(&parts.uri, &parts.headers);
        let player = match session.as_deref().and_then(tokens::hash) {
            // News stands in the frame of a page, which a fragment does not have.
            Some(hash) => {
                find_player(state, hash, parts.method.is_safe() && !asked.fragment).await?
            }
            None => None,
        };
        if let (Some(_), Some(recognised)) = (&player, parts.extensions.get::<Recognised>()) {
            recognised.note();
        }
        let query = Query::parse(parts.uri.query().unwrap_or_default());
        let preferences = Preferences::of(&parts.headers, &query);
        let preferences = match &player {
            Some(player) => join_stored(state, player, preferences, &asked).await?,
            None => preferences,
        };
        let known = jar.visitor(&parts.headers).filter(|secret| tokens::hash(secret).is_some());
        let (secret, is_new) = match (&player, session, known) {
            (Some(_), Some(session), _) => (session, false),
            (_, _, Some(known)) => (known.to_owned(), false),
            _ => (tokens::new(&*state.entropy).0, true),
        };
        Ok(Self {
            player,
            preferences,
            jar,
            asked,
            secret,
            is_new,
            entropy: Arc::clone(&state.entropy),
        })
    }
}

async fn find_player(
    state: &AppState,
    hash: [u8; 32],
    with_news: bool,
) -> Result<Option<SignedInPlayer>, Problem> {
    let found = sessions::find_player(state, hash, TokenKind::Web).await?;
    let Some(player) = found else { return Ok(None) };
    let viewer = state.store.load_viewer(player.user_id, player.player_id).await?;
    let rewards = if with_news && viewer.has_unseen_rewards {
        state.store.unseen_rewards(player.player_id).await?
    } else {
        Vec::new()
    };
    Ok(Some(SignedInPlayer { player, viewer, rewards }))
}

/// The choices of the browser with those that the player has stored. A language that a link asks
/// for is stored: the player has chosen it with that.
async fn join_stored(
    state: &AppState,
    player: &SignedInPlayer,
    preferences: Preferences,
    asked: &Asked,
) -> Result<Preferences, Problem> {
    let stored = player.viewer.preferences.clone().unwrap_or_default();
    let joined = preferences.or_stored(&stored);
    let Some(lang) = asked.lang.filter(|lang| *lang != joined.lang) else { return Ok(joined) };
    let language = Some(lang.as_str().to_owned());
    let changed = store::Preferences { language, ..stored };
    let user_id = player.player.user_id;
    state.store.save_preferences(user_id, &changed, state.clock.now()).await?;
    Ok(Preferences { lang, ..joined })
}

impl AsRef<Self> for Visitor {
    fn as_ref(&self) -> &Self {
        self
    }
}

/// A visitor who is signed in; whoever is not is sent to log in, and returns from there.
pub(crate) struct SignedIn {
    visitor: Visitor,
    player: PlayerSession,
    viewer: Viewer,
}

impl SignedIn {
    pub(crate) fn player(&self) -> PlayerSession {
        self.player
    }

    /// What is known of the player since the session was looked up.
    pub(crate) fn viewer(&self) -> &Viewer {
        &self.viewer
    }
}

impl Deref for SignedIn {
    type Target = Visitor;

    fn deref(&self) -> &Visitor {
        &self.visitor
    }
}

impl AsRef<Visitor> for SignedIn {
    fn as_ref(&self) -> &Visitor {
        &self.visitor
    }
}

impl FromRequestParts<AppState> for SignedIn {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Response> {
        let visitor = Visitor::from_request_parts(parts, state).await;
        let visitor = visitor.map_err(IntoResponse::into_response)?;
        let Some(signed_in) = &visitor.player else {
            // What was sent is gone; its page, not its target, is where to go on.
            let next = if parts.method.is_safe() { visitor.asked.here.as_str() } else { "" };
            return Err(to_login(next, visitor.asked.fragment));
        };
        let (player, viewer) = (signed_in.player, signed_in.viewer.clone());
        Ok(Self { visitor, player, viewer })
    }
}

fn to_login(next: &str, fragment: bool) -> Response {
    let target = match safe_next(next) {
        Some(next) => format!("/login?next={}", answer::encode(next)),
        None => "/login".to_owned(),
    };
    if !fragment {
        return answer::see_other(&target);
    }
    // A script would put the login into the middle of the page.
    let mut response = ().into_response();
    if let Ok(target) = HeaderValue::from_str(&target) {
        response.headers_mut().insert("hx-redirect", target);
    }
    response
}

/// An address on this server that one may be sent to; what could lead elsewhere is none.
pub(crate) fn safe_next(next: &str) -> Option<&str> {
    let plain = next.bytes().all(|byte| byte.is_ascii_graphic() && !b"\\\"<>".contains(&byte));
    let here = next.starts_with('/') && !next.starts_with("//") && next != "/";
    (here && plain && next.len() <= NEXT_LENGTH_MAX).then_some(next)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_returns_to_addresses_of_this_server_only() {
        for next in ["/market", "/stocks/AAPL?range=1y", "/history?symbol=a%20b"] {
            assert_eq!(safe_next(next), Some(next));
        }
        for next in [
            "",
            "/",
            "//evil.example",
            "/\\evil.example",
            "https://evil.example",
            "x",
            "/a b",
            "/\u{e9}",
        ] {
            assert_eq!(safe_next(next), None, "{next}");
        }
        assert_eq!(safe_next(&format!("/{}", "a".repeat(512))), None);
    }

    #[test]
    fn the_address_is_known_without_its_language() {
        let asked = |uri: &str| Asked::of(&uri.parse().unwrap(), &HeaderMap::new());
        assert_eq!(asked("/market?q=a&lang=sn&page=2").here, "/market?q=a&page=2");
        assert_eq!(asked("/?lang=sn").here, "/");
        assert_eq!(asked("/?lang=sn").lang, Some(Lang::Sn));
        assert!(!asked("/").fragment);
    }
}
