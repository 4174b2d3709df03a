//! The extractor of JSON bodies, with limits on size, depth and time.

use std::time::Duration;

use axum::body::Body;
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, header};
use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::de::DeserializeOwned;
use serde_json::error::Category;

use crate::problem::{Problem, codes};
use crate::state::AppState;

/// The deepest nesting of lists and objects.
const DEPTH_MAX: usize = 32;
/// The longest reason in an error, in characters.
const REASON_LENGTH_MAX: usize = 200;

pub(crate) struct Json<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequest<AppState> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &AppState) -> Result<Self, Problem> {
        if !is_json(request.headers()) {
            return Err((&codes::NOT_JSON).into());
        }
        let http = &state.config.http;
        let limit = Duration::from_millis(http.body_timeout_ms);
        let read = read(request.into_body(), http.body_size_max);
        let bytes = tokio::time::timeout(limit, read).await;
        let bytes = bytes.map_err(|_| Problem::from(&codes::BODY_TIMEOUT))??;
        parse(&bytes).map(Self)
    }
}

/// Whether the content type is JSON, with any parameters.
fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let kind = kind.unwrap_or_default().split(';').next().unwrap_or_default().trim();
    let kind = kind.to_ascii_lowercase();
    kind == "application/json" || kind.starts_with("application/") && kind.ends_with("+json")
}

/// Reads a body of at most `size_max` bytes.
pub(crate) async fn read(body: Body, size_max: usize) -> Result<Bytes, Problem> {
    // A body with a `Content-Length` is rejected without being read.
    let declared = axum::body::HttpBody::size_hint(&body).lower();
    if usize::try_from(declared).is_ok_and(|declared| declared > size_max) {
        return Err((&codes::BODY_TOO_LARGE).into());
    }
    match Limited::new(body, size_max).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err((&codes::BODY_TOO_LARGE).into()),
        Err(_) => Err((&codes::BODY_UNREADABLE).into()),
    }
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    if depth(bytes) > DEPTH_MAX {
        let text = format!("The body is nested more than {DEPTH_MAX} levels deep.");
        return Err(Problem::new(&codes::MALFORMED_JSON, text));
    }
    // Serde would also deserialize a struct from a list.
    let is_object = bytes.trim_ascii_start().starts_with(b"{");
    match serde_json::from_slice::<T>(bytes) {
        Ok(value) if is_object => Ok(value),
        Ok(_) => Err((&codes::BODY_INVALID).into()),
        Err(error) => Err(body_error(&error, is_object)),
    }
}

fn body_error(error: &serde_json::Error, is_object: bool) -> Problem {
    match error.classify() {
        Category::Data if is_object => {
            let reason: String = error.to_string().chars().take(REASON_LENGTH_MAX).collect();
            let text = format!("The body does not have the expected form: {reason}.");
            Problem::new(&codes::BODY_INVALID, text)
        }
        Category::Data => (&codes::BODY_INVALID).into(),
        Category::Syntax | Category::Eof | Category::Io => (&codes::MALFORMED_JSON).into(),
    }
}

/// The depth of nesting; the text need not be valid JSON.
fn depth(bytes: &[u8]) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    let (mut in_text, mut escaped) = (false, false);
    for byte in bytes {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_text => escaped = true,
            b'"' => in_text = !in_text,
            b'{' | b'[' if !in_text => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b'}' | b']' if !in_text => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    #[derive(serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Named {
        name: Option<String>,
    }

    #[test]
    fn only_objects_of_bounded_depth_are_parsed() {
        let named = |text: &str| parse::<Named>(text.as_bytes());
        assert_eq!(named(" {\"name\":\"Ada\"} ").unwrap().name.as_deref(), Some("Ada"));
        for text in ["", "{", "[\"Ada\"]", "null", "1", "{} {}", "{\"name\":1}", "{\"x\":1}"] {
            assert!(named(text).is_err(), "{text}");
        }
        assert_eq!(depth(b"[[\"[[[\\\"[[\"]]"), 2);
        assert_eq!(depth("[".repeat(99).as_bytes()), 99);
        assert!(parse::<serde_json::Value>("{\"a\":".repeat(33).as_bytes()).is_err());
    }

    #[test]
    fn the_content_type_may_have_parameters() {
        let is = |kind: &'static str| {
            let value = HeaderValue::from_static(kind);
            is_json(&HeaderMap::from_iter([(header::CONTENT_TYPE, value)]))
        };
        assert!(is("application/json") && is("Application/JSON; charset=utf-8"));
        assert!(is("application/merge-patch+json"));
        assert!(!is("text/plain") && !is("application/jsonp") && !is(""));
        assert!(!is_json(&HeaderMap::new()));
    }
}
