//! The visitor of a page: the player of the session cookie, the [`DisplayPreferences`] and the
//! secret of forms. Pages accept no bearer tokens.

use std::ops::Deref;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Uri};
use axum::response::{IntoResponse, Response};
use domain::Entropy;
use store::{TokenKind, UnseenReward, Viewer};

use super::preferences::{DisplayPreferences, Lang};
use super::{redirect, url};
use crate::auth::sessions::{self, PlayerSession};
use crate::auth::tokens;
use crate::http::cookies::Jar;
use crate::http::limits::RecognizedSession;
use crate::http::query::Query;
use crate::problem::Problem;
use crate::state::AppState;

pub(crate) struct Visitor {
    pub(crate) player: Option<SignedInPlayer>,
    pub(crate) preferences: DisplayPreferences,
    pub(crate) jar: Jar,
    pub(crate) requested: RequestedPage,
    /// The secret from which the CSRF tokens of forms are derived.
    pub(crate) secret: String,
    /// Whether the browser does not have the secret yet.
    pub(crate) is_new: bool,
    pub(crate) entropy: Arc<dyn Entropy>,
}

/// The player of a session, with the data of every page's header.
pub(crate) struct SignedInPlayer {
    pub(crate) player: PlayerSession,
    pub(crate) viewer: Viewer,
    /// Rewards that this page shows.
    pub(crate) rewards: Vec<UnseenReward>,
}

/// The request, as far as the layout of a page depends on it.
#[derive(Clone, Debug, Default)]
pub(crate) struct RequestedPage {
    /// Path and query, without `lang`.
    pub(crate) here: String,
    /// The language of the query.
    pub(crate) lang: Option<Lang>,
    /// Whether htmx requests only the element `main`.
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
            // Rewards are shown outside of `main`.
            Some(hash) => {
                find_player(state, hash, parts.method.is_safe() && !requested.fragment).await?
            }
            None => None,
        };
        if let (Some(_), Some(recognized)) = (&player, parts.extensions.get::<RecognizedSession>())
        {
            recognized.set();
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

impl Visitor {
    /// The stored preferences of a signed-in player, or the defaults.
    pub(crate) fn stored_preferences(&self) -> store::Preferences {
        let stored = self.player.as_ref().and_then(|player| player.viewer.preferences.clone());
        stored.unwrap_or_default()
    }

    /// Stores the preferences of a signed-in player.
    pub(crate) async fn store_preferences(
        &self,
        state: &AppState,
        preferences: &store::Preferences,
    ) -> Result<(), Problem> {
        let Some(signed_in) = &self.player else { return Ok(()) };
        let user_id = signed_in.player.user_id;
        Ok(state.store.save_preferences(user_id, preferences, state.clock.now()).await?)
    }

    /// The same response with the cookie of these preferences.
    pub(crate) fn with_cookie_of(
        &self,
        chosen: &DisplayPreferences,
        response: Response,
    ) -> Response {
        redirect::with_cookie(response, self.jar.set_preferences(&chosen.to_cookie()))
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

/// The preferences of the browser with those that the player has stored. A language in the query is
/// stored, because the player chose it with a link.
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

/// A signed-in visitor. Others are redirected to the login page, which returns to this page.
pub(crate) struct SignedIn {
    visitor: Visitor,
    player: PlayerSession,
    viewer: Viewer,
}

impl SignedIn {
    pub(crate) fn player(&self) -> PlayerSession {
        self.player
    }

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
            // A submitted form is lost, and its action is no page to return to.
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
    // htmx would follow a redirect and insert the login page into `main`.
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
    fn the_url_is_kept_without_its_language() {
        let requested = |uri: &str| RequestedPage::of(&uri.parse().unwrap(), &HeaderMap::new());
        assert_eq!(requested("/market?q=a&lang=sn&page=2").here, "/market?q=a&page=2");
        assert_eq!(requested("/?lang=sn").here, "/");
        assert_eq!(requested("/?lang=sn").lang, Some(Lang::Sn));
        assert!(!requested("/").fragment);
    }
}
