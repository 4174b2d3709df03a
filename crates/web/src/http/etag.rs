//! JSON responses with an `ETag`, or 304 if the client has the current one. The tag is a hash of
//! the body, so that it is equal on every node.

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::problem::Problem;

/// Caches may store the response and must revalidate it.
const PUBLIC: HeaderValue = HeaderValue::from_static("no-cache");
/// Caches must not store the response; the client may revalidate its own copy.
const PRIVATE: HeaderValue = HeaderValue::from_static("no-store");

/// A response that is equal for all clients.
pub(crate) fn public(headers: &HeaderMap, response: &impl Serialize) -> Response {
    written(headers, response, PUBLIC)
}

/// A response for one player.
pub(crate) fn private(headers: &HeaderMap, response: &impl Serialize) -> Response {
    written(headers, response, PRIVATE)
}

/// JSON that is already serialized, equal for all clients.
pub(crate) fn json(headers: &HeaderMap, body: Vec<u8>) -> Response {
    tagged(headers, body, PUBLIC)
}

fn written(headers: &HeaderMap, response: &impl Serialize, cache_control: HeaderValue) -> Response {
    match serde_json::to_vec(response) {
        Ok(body) => tagged(headers, body, cache_control),
        Err(error) => {
            tracing::error!(%error, "serializing a response as JSON failed");
            Problem::internal().into_response()
        }
    }
}

fn tagged(headers: &HeaderMap, body: Vec<u8>, cache_control: HeaderValue) -> Response {
    let digest: [u8; 32] = Sha256::digest(&body).into();
    let tag = format!("\"{}\"", hex::encode(&digest[..16]));
    let mut response = if is_known(headers, &tag) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        ([(header::CONTENT_TYPE, "application/json")], body).into_response()
    };
    let headers = response.headers_mut();
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        headers.insert(header::ETAG, tag);
    }
    headers.insert(header::CACHE_CONTROL, cache_control);
    response
}

/// Whether `If-None-Match` contains this tag, by weak comparison (RFC 9110).
pub(crate) fn is_known(headers: &HeaderMap, tag: &str) -> bool {
    let values = headers.get_all(header::IF_NONE_MATCH).iter();
    let mut tags = values.filter_map(|value| value.to_str().ok()).flat_map(|v| v.split(','));
    tags.any(|known| {
        let known = known.trim();
        known == "*" || known.strip_prefix("W/").unwrap_or(known) == tag
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn is_in(values: &[&[u8]], tag: &str) -> bool {
        let values = values.iter().filter_map(|value| HeaderValue::from_bytes(value).ok());
        let mut headers = HeaderMap::new();
        values.for_each(|value| {
            headers.append(header::IF_NONE_MATCH, value);
        });
        is_known(&headers, tag)
    }

    proptest! {
        #[test]
        fn a_tag_is_found_at_any_position(
            before in prop::collection::vec("(W/)?\"[0-9a-f]{1,8}\"", 0..4),
            after in prop::collection::vec("(W/)?\"[0-9a-f]{1,8}\"", 0..4),
            weak: bool, blanks in " {0,3}", digits in "[0-9a-f]{32}",
        ) {
            let tag = format!("\"{digits}\"");
            let written = format!("{blanks}{}{tag}{blanks}", if weak { "W/" } else { "" });
            let list = [before.clone(), vec![written], after.clone()].concat().join(",");
            prop_assert!(is_in(&[list.as_bytes()], &tag));
            prop_assert!(is_in(&[b"\"x\"", list.as_bytes()], &tag));
            let others = [before, after].concat().join(", ");
            prop_assert!(!is_in(&[others.as_bytes()], &tag));
        }

        #[test]
        fn any_header_is_parsed_without_a_panic(values: Vec<Vec<u8>>) {
            let values: Vec<&[u8]> = values.iter().map(Vec::as_slice).collect();
            is_in(&values, "\"a\"");
        }

        #[test]
        fn a_tag_with_additional_text_is_a_different_tag(around in "[a-zA-Z0-9]{1,5}") {
            let (behind, within) = (format!("\"a\"{around}"), format!("\"{around}a\""));
            prop_assert!(!is_in(&[behind.as_bytes()], "\"a\""));
            prop_assert!(!is_in(&[within.as_bytes()], "\"a\""));
        }
    }

    #[test]
    fn tags_are_found_in_lists_and_in_weak_form() {
        let known = |value: &'static str| {
            let value = HeaderValue::from_static(value);
            is_known(&HeaderMap::from_iter([(header::IF_NONE_MATCH, value)]), "\"a\"")
        };
        assert!(known("\"a\"") && known("W/\"a\"") && known("\"b\", \"a\"") && known("*"));
        assert!(!known("\"b\"") && !known("a") && !known(""));
    }
}
