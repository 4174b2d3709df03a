//! Who visits a page and how they want to see it: signed in by the session's cookie or not, with
//! the choices of [`DisplayPreferences`]. What the pages show of it is `view`'s. A bearer token means
//! nothing here, as a cookie means nothing to the API.

use std::ops::Deref;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Uri};
use axum::response::{IntoResponse, Response};
use domain::Entropy;
use store::{TokenKind, UnseenReward, Viewer};

use super::preferences::{DisplayPreferences, Lang};
use super::redirect;
use super::url;
use crate::auth::sessions::{self, Player};
use crate::auth::tokens;
use crate::http::cookies::Jar;
use crate::http::limits::Recognised;
use crate::http::query::Query;
use crate::problem::Problem;
use crate::state::AppState;

/// Somebody who looks at a page.
pub(crate) struct Visitor {
    pub(crate) player: Option<SignedInPlayer>,
    pub(crate) preferences: DisplayPreferences,
    pub(crate) jar: Jar,
    pub(crate) requested: RequestedPage,
    /// What forms are bound to.
    pub(crate) secret: String,
    /// Whether the secret is new, so that the browser has to be told.
    pub(crate) is_new: bool,
    pub(crate) entropy: Arc<dyn Entropy>,
}

/// A player who is signed in, with what every page shows of them.
pub(crate) struct SignedInPlayer {
    pub(crate) player: Player,
    pub(crate) viewer: Viewer,
    /// Good news for this page to tell.
    pub(crate) rewards: Vec<UnseenReward>,
}

/// What was requested for, as far as the frame of a page depends on it.
#[derive(Clone, Debug, Default)]
pub(crate) struct RequestedPage {
    /// Path and query, without the language.
    pub(crate) here: String,
    /// The language that a link requested for.
    pub(crate) lang: Option<Lang>,
    /// Whether a script asks for the middle of the page only.
    pub(crate) fragment: bool,
}

impl RequestedPage {
    pub(crate) fn of(uri: &Uri, headers: &HeaderMap) -> Self {
        let query = uri.query().unwrap_or_default();
        let kept: Vec<&str> =
            query.split('&').filter(|p| !p.is_empty() && !p.starts_with("lang=")).collect();
        let path = uri.path();
        let here =
            if kept.is_empty() { path.to_owned() } else { format!("{path}?{}", kept.join("&")) };
        let is_true = |name: &str| headers.get(name).is_some_and(|value| value == "true");
        let whole = is_true("hx-boosted") || is_true("hx-history-restore-request");
        Self {
            here,
            lang: Query::parse(query).find("lang").and_then(Lang::parse),
            fragment: is_true("hx-request") && !whole,
        }
    }
}

impl FromRequestParts<AppState> for Visitor {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Problem> {
        let jar = Jar::new(&parts.extensions, &parts.headers);
        let session = jar.session(&parts.headers).map(str::to_owned);
        let requested = RequestedPage::of(&parts.uri, &parts.headers);
        let player = match session.as_deref().and_then(tokens::hash) {
            // News stands in the frame of a page, which a fragment does not have.
            Some(hash) => {
                find_player(state, hash, parts.method.is_safe() && !requested.fragment).await?
            }
            None => None,
        };
        if let (Some(_), Some(recognised)) = (&player, parts.extensions.get::<Recognised>()) {
            recognised.note();
        }
        let query = Query::parse(parts.uri.query().unwrap_or_default());
        let preferences = DisplayPreferences::of(&parts.headers, &query);
        let preferences = match &player {
            Some(player) => join_stored(state, player, preferences, &requested).await?,
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
            requested,
            secret,
            is_new,
            entropy: Arc::clone(&state.entropy),
        })
    }
}

async fn find_player(
    state: &AppState,
    hash: [u8; 32],
    with_rewards: bool,
) -> Result<Option<SignedInPlayer>, Problem> {
    let found = sessions::find_player(state, hash, TokenKind::Web).await?;
    let Some(player) = found else { return Ok(None) };
    let viewer = state.store.load_viewer(player.user_id, player.player_id).await?;
    let rewards = if with_rewards && viewer.has_unseen_rewards {
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
    preferences: DisplayPreferences,
    requested: &RequestedPage,
) -> Result<DisplayPreferences, Problem> {
    let stored = player.viewer.preferences.clone().unwrap_or_default();
    let joined = preferences.or_stored(&stored);
    let Some(lang) = requested.lang.filter(|lang| *lang != joined.lang) else { return Ok(joined) };
    let language = Some(lang.as_str().to_owned());
    let changed = store::Preferences { language, ..stored };
    let user_id = player.player.user_id;
    state.store.save_preferences(user_id, &changed, state.clock.now()).await?;
    Ok(DisplayPreferences { lang, ..joined })
}

impl AsRef<Self> for Visitor {
    fn as_ref(&self) -> &Self {
        self
    }
}

/// A visitor who is signed in; whoever is not is sent to log in, and returns from there.
pub(crate) struct SignedIn {
    visitor: Visitor,
    player: Player,
    viewer: Viewer,
}

impl SignedIn {
    pub(crate) fn player(&self) -> Player {
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
            let next = if parts.method.is_safe() { visitor.requested.here.as_str() } else { "" };
            return Err(to_login(next, visitor.requested.fragment));
        };
        let (player, viewer) = (signed_in.player, signed_in.viewer.clone());
        Ok(Self { visitor, player, viewer })
    }
}

fn to_login(next: &str, fragment: bool) -> Response {
    let target = match url::safe_next(next) {
        Some(next) => format!("/login?next={}", url::encode(next)),
        None => "/login".to_owned(),
    };
    if !fragment {
        return redirect::see_other(&target);
    }
    // A script would put the login into the middle of the page.
    let mut response = ().into_response();
    if let Ok(target) = HeaderValue::from_str(&target) {
        response.headers_mut().insert("hx-redirect", target);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_is_known_without_its_language() {
        let requested = |uri: &str| RequestedPage::of(&uri.parse().unwrap(), &HeaderMap::new());
        assert_eq!(requested("/market?q=a&lang=sn&page=2").here, "/market?q=a&page=2");
        assert_eq!(requested("/?lang=sn").here, "/");
        assert_eq!(requested("/?lang=sn").lang, Some(Lang::Sn));
        assert!(!requested("/").fragment);
    }
}
