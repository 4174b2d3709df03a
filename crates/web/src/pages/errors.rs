//! Error pages in the visitor's language, with the next step and the request id. They query neither
//! the database nor the session, so that they are available when those fail.

use askama::Template;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::Response;

use super::preferences::DisplayPreferences;
use super::response;
use super::view::View;
use super::visitor::RequestedPage;
use crate::auth::sessions::RequestId;
use crate::http::query::Query;
use crate::http::request_context::take_problem;
use crate::http::{self, cookies};
use crate::problem::Problem;
use crate::state::AppState;

#[derive(Template)]
#[template(path = "error.html")]
struct ErrorPage<'a> {
    view: &'a View,
    text: &'static str,
    /// 0 without a `Retry-After`.
    retry_after_s: i64,
    request_id: &'a str,
}

/// The layer that renders problems as pages for clients that accept HTML.
pub(crate) async fn render(
    State(state): State<AppState>,
    request: Request,
    next: Next,
) -> Response {
    if !wants_page(request.uri().path(), request.headers()) {
        return next.run(request).await;
    }
    let (method, uri) = (request.method().clone(), request.uri().clone());
    let headers = request.headers().clone();
    let request_id = request.extensions().get::<RequestId>().map(ToString::to_string);
    let mut response = next.run(request).await;
    if let Some(problem) = take_problem(&mut response, &method, uri.path()) {
        let request_id = request_id.unwrap_or_default();
        write(&state, &problem, &mut response, &headers, &uri, &request_id);
        if method == Method::HEAD {
            *response.body_mut() = Body::empty();
        }
    }
    response
}

fn wants_page(path: &str, headers: &HeaderMap) -> bool {
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok());
    let reads_html = accept.is_some_and(|accept| accept.contains("text/html"));
    http::is_page(path) && (reads_html || headers.contains_key("hx-request"))
}

/// Replaces the body of a problem's response by its page.
fn write(
    state: &AppState,
    problem: &Problem,
    response: &mut Response,
    headers: &HeaderMap,
    uri: &Uri,
    request_id: &str,
) {
    let query = Query::parse(uri.query().unwrap_or_default());
    let preferences = DisplayPreferences::of(headers, &query);
    let requested = RequestedPage::of(uri, headers);
    let (status, code) = problem.kind();
    let (title, text) = words(status, code);
    let rules = state.rules();
    let mut view = View::bare(&preferences, &requested, (rules.currency, rules.minor_unit), title);
    view.has_session = cookies::has_session(headers);
    let retry_after = response.headers().get(header::RETRY_AFTER);
    let retry_after_s = retry_after.and_then(|value| value.to_str().ok()?.parse().ok());
    let page =
        ErrorPage { view: &view, text, retry_after_s: retry_after_s.unwrap_or(0), request_id };
    let html = match page.render() {
        Ok(html) => html,
        Err(error) => {
            tracing::error!(%error, request_id, "cannot render an error page");
            return problem.write(response, request_id);
        }
    };
    *response.body_mut() = Body::from(html);
    let headers = response.headers_mut();
    headers.remove(header::CONTENT_LENGTH);
    for (name, value) in [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, response::POLICY),
        (header::CONTENT_LANGUAGE, view.lang.as_str()),
        (header::VARY, response::VARY),
        (header::CACHE_CONTROL, "no-store"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
}

/// The message keys of the title and the text.
fn words(status: StatusCode, code: &str) -> (&'static str, &'static str) {
    match (status.as_u16(), code) {
        (_, "outcome_unknown" | "timed_out") => ("errors-unknown-title", "errors-unknown-text"),
        (_, "join_closed") => ("errors-join-title", "errors-join-text"),
        (403, _) => ("errors-form-title", "errors-form-text"),
        (404, _) => ("errors-nowhere-title", "errors-nowhere-text"),
        (405, _) => ("errors-method-title", "errors-method-text"),
        (413, _) => ("errors-large-title", "errors-large-text"),
        (429, _) => ("errors-often-title", "errors-often-text"),
        (503, _) => ("errors-busy-title", "errors-busy-text"),
        (500.., _) => ("errors-internal-title", "errors-internal-text"),
        _ => ("errors-unreadable-title", "errors-unreadable-text"),
    }
}
