//! Responses that a browser saves as a file.

use axum::body::Body;
use axum::http::header;
use axum::response::{IntoResponse, Response};

use crate::http::query::Query;

pub(crate) fn csv(file_name: &'static str, body: Body) -> Response {
    attachment("text/csv; charset=utf-8; header=present", file_name, body)
}

/// The export of a user's data; `length` is that of the body in bytes.
pub(crate) fn export(length: u64, body: Body) -> Response {
    let length = [(header::CONTENT_LENGTH, length.to_string())];
    (length, attachment("application/zip", "openbell-export.zip", body)).into_response()
}

fn attachment(content_type: &'static str, file_name: &'static str, body: Body) -> Response {
    let headers = [
        (header::CONTENT_TYPE, content_type.to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{file_name}\"")),
        (header::CACHE_CONTROL, "no-store".to_owned()),
    ];
    (headers, body).into_response()
}

/// Parses `bom`: `0` for a file without a byte order mark, `1` (the default) for one with it.
pub(crate) fn read_bom(query: &Query) -> Option<bool> {
    match query.find("bom") {
        None | Some("" | "1") => Some(true),
        Some("0") => Some(false),
        Some(_) => None,
    }
}
