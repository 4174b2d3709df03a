//! Errors as people see them: a page in plain words, in the visitor's language, with what to do
//! next and the number of the request. It asks nobody anything, neither the database nor who is
//! signed in, so that it can be shown when those fail. Which status an error has is decided in
//! `problem::codes`; programs get `problem`'s own form.

use askama::Template;
use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::Response;

use super::preferences::Preferences;
use super::view::View;
use super::visitor::Asked;
use super::{answer, cookies};
use crate::problem::Problem;
use crate::query::Query;
use crate::state::AppState;

#[derive(Template)]
#[template(path = "error.html")]
struct ErrorPage<'a> {
    view: &'a View,
    text: &'static str,
    /// When to come back, in seconds; 0 for not at all.
    retry_after_s: i64,
    request_id: &'a str,
}

/// Whether whoever asks for this would rather read a page than a document for programs.
pub(crate) fn wants_page(path: &str, headers: &HeaderMap) -> bool {
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok());
    let reads_html = accept.is_some_and(|accept| accept.contains("text/html"));
    super::is_page(path) && (reads_html || headers.contains_key("hx-request"))
}

/// Writes the page of a problem as the body of the answer that was made from it.
pub(crate) fn write(
    state: &AppState,
    problem: &Problem,
    response: &mut Response,
    headers: &HeaderMap,
    uri: &Uri,
    request_id: &str,
) {
    let query = Query::parse(uri.query().unwrap_or_default());
    let preferences = Preferences::of(headers, &query);
    let asked = Asked::of(uri, headers);
    let (status, code) = problem.kind();
    let (title, text) = words(status, code);
    let mut view = View::bare(&preferences, &asked, state.rules.currency, title);
    view.has_session = cookies::has_session(headers);
    let retry_after = response.headers().get(header::RETRY_AFTER);
    let retry_after_s = retry_after.and_then(|value| value.to_str().ok()?.parse().ok());
    let page =
        ErrorPage { view: &view, text, retry_after_s: retry_after_s.unwrap_or(0), request_id };
    let html = match page.render() {
        Ok(html) => html,
        Err(error) => {
            tracing::error!(%error, "cannot render the page of an error");
            return problem.write(response, request_id);
        }
    };
    *response.body_mut() = Body::from(html);
    let headers = response.headers_mut();
    headers.remove(header::CONTENT_LENGTH);
    for (name, value) in [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, answer::POLICY),
        (header::CONTENT_LANGUAGE, view.lang.tag()),
        (header::VARY, answer::VARY),
        (header::CACHE_CONTROL, "no-store"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
}

/// The keys of the title and of the text.
fn words(status: StatusCode, code: &str) -> (&'static str, &'static str) {
    match (status.as_u16(), code) {
        (_, "outcome_unknown" | "timed_out") => ("errors-unknown-title", "errors-unknown-text"),
        (403, _) => ("errors-form-title", "errors-form-text"),
        (404, _) => ("errors-nowhere-title", "errors-nowhere-text"),
        (405, _) => ("errors-method-title", "errors-method-text"),
        (413, _) => ("errors-large-title", "errors-large-text"),
        (429, _) => ("errors-often-title", "errors-often-text"),
        (503, _) => ("errors-busy-title", "errors-busy-text"),
        (500.., _) => ("errors-fault-title", "errors-fault-text"),
        _ => ("errors-unreadable-title", "errors-unreadable-text"),
    }
}
