//! How pages are answered: rendered, with their headers, or as a way to another page. Problems
//! become pages in `errors`; compressing is a layer around all routes.

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

/// What pages may do: load our own files and talk to us, and nothing else. No script or style that
/// stands in a page itself is run.
pub(crate) const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
     img-src 'self' data:; connect-src 'self'; manifest-src 'self'; worker-src 'self'; \
     form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
/// What a page depends on beside its address.
pub(crate) const VARY: &str = "HX-Request, Cookie, Accept-Language, Save-Data";
/// Bytes of the hash in an ETag.
const TAG_BYTES: usize = 16;
/// What every form contains; see `parts/ui.html`.
const FORM_FIELD: &str = "name=\"csrf\"";

/// The news that a page tells, in the extensions of its answer: [`mark_rewards_seen`] notes it.
#[derive(Clone, Copy, Debug)]
struct DisplayedRewards {
    player_id: i64,
    /// The newest ledger entry of it.
    version: i64,
}

/// The layer that remembers which news was told. When that fails the news is told once more.
pub(crate) async fn mark_rewards_seen(
    State(state): State<AppState>,
    request: Request,
    next: Next,
) -> Response {
    let response = next.run(request).await;
    if let Some(displayed) = response.extensions().get::<DisplayedRewards>() {
        let marked = state.store.mark_rewards_seen(displayed.player_id, displayed.version).await;
        if let Err(error) = marked {
            tracing::warn!(%error, "cannot note that rewards were displayed");
        }
    }
    response
}

/// A page.
pub(crate) fn page(view: &View, template: &impl Template) -> Response {
    page_with(StatusCode::OK, view, template)
}

/// A page with another status.
pub(crate) fn page_with(status: StatusCode, view: &View, template: &impl Template) -> Response {
    match template.render() {
        Ok(html) => finish(status, view, html),
        Err(error) => {
            tracing::error!(%error, "cannot render a page");
            Problem::internal().into_response()
        }
    }
}

/// A page that is the same until something changes; whoever has it already is told so. For pages
/// that strangers see, without a form.
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
    headers.insert(header::CONTENT_LANGUAGE, HeaderValue::from_static(view.lang.tag()));
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
