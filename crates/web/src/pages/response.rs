//! Responses with a rendered page and its headers. Errors are rendered by `errors`.

use askama::Template;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{Html, IntoResponse, Response};
use sha2::{Digest, Sha256};

use super::view::View;
use crate::http::etag;
use crate::problem::Problem;
use crate::state::AppState;

/// The content security policy: pages load only files of this server, and no inline script or
/// style.
pub(crate) const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
     img-src 'self' data:; connect-src 'self'; manifest-src 'self'; worker-src 'self'; \
     form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
/// The request headers that a page depends on.
pub(crate) const VARY: &str = "HX-Request, Cookie, Accept-Language, Save-Data";
/// Bytes of the hash in an ETag.
const TAG_BYTES: usize = 16;
/// A part of every form; see `parts/ui.html`.
const FORM_FIELD: &str = "name=\"csrf\"";

/// The rewards on a page, as an extension of its response for [`mark_rewards_seen`].
#[derive(Clone, Copy, Debug)]
struct DisplayedRewards {
    player_id: i64,
    /// Of the newest ledger entry with a reward.
    version: i64,
}

/// The layer that marks the rewards of a sent page as seen. After an error the next page shows them
/// again.
pub(crate) async fn mark_rewards_seen(
    State(state): State<AppState>,
    request: Request,
    next: Next,
) -> Response {
    let response = next.run(request).await;
    if let Some(displayed) = response.extensions().get::<DisplayedRewards>() {
        let marked = state.store.mark_rewards_seen(displayed.player_id, displayed.version).await;
        if let Err(error) = marked {
            tracing::warn!(%error, player_id = displayed.player_id, "cannot mark rewards as seen");
        }
    }
    response
}

pub(crate) fn page(view: &View, template: &impl Template) -> Response {
    page_with(StatusCode::OK, view, template)
}

pub(crate) fn page_with(status: StatusCode, view: &View, template: &impl Template) -> Response {
    match template.render() {
        Ok(html) => finish(status, view, html),
        Err(error) => {
            tracing::error!(%error, "cannot render a page");
            Problem::internal().into_response()
        }
    }
}

/// A page with an ETag where the visitor is not signed in and the page has no form; 304 if the
/// browser has it.
pub(crate) fn public_page(headers: &HeaderMap, view: &View, template: &impl Template) -> Response {
    let mut response = page(view, template);
    if view.signed_in.is_some() || !response.headers().contains_key(header::ETAG) {
        return response;
    }
    let tag = response.headers().get(header::ETAG).and_then(|tag| tag.to_str().ok());
    let known = tag.and_then(|tag| tag.strip_prefix("W/")).map(|tag| etag::is_known(headers, tag));
    if known == Some(true) {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        *response.body_mut() = axum::body::Body::empty();
        response.headers_mut().remove(header::CONTENT_TYPE);
    }
    response
}

fn finish(status: StatusCode, view: &View, html: String) -> Response {
    let has_form = html.contains(FORM_FIELD);
    let is_private = view.signed_in.is_some() || has_form || status != StatusCode::OK;
    let tag = (!is_private).then(|| weak_tag(&html));
    let mut response = (status, Html(html)).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(header::VARY, HeaderValue::from_static(VARY));
    headers.insert(header::CONTENT_LANGUAGE, HeaderValue::from_static(view.lang.as_str()));
    let keep = if is_private { "no-store" } else { "private, no-cache" };
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(keep));
    if let Some(tag) = tag.and_then(|tag| HeaderValue::from_str(&tag).ok()) {
        headers.insert(header::ETAG, tag);
    }
    if let Some(version) = view.rewards.iter().map(|reward| reward.version).max() {
        let displayed = DisplayedRewards { player_id: view.player_id, version };
        response.extensions_mut().insert(displayed);
    }
    let headers = response.headers_mut();
    let visitor = view.visitor_cookie.iter().filter(|_| has_form);
    for cookie in view.cookies.iter().chain(visitor) {
        headers.append(header::SET_COOKIE, cookie.clone());
    }
    response
}

fn weak_tag(html: &str) -> String {
    let digest: [u8; 32] = Sha256::digest(html).into();
    format!("W/\"{}\"", hex::encode(&digest[..TAG_BYTES]))
}
