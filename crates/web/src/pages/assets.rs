//! The static files of the pages, built into the binary with their compressed siblings, which
//! `cargo xtask assets` writes. A URL contains a hash of the content, so browsers cache the file
//! without revalidation.

use std::sync::LazyLock;

use axum::extract::Path;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};

use crate::problem::Problem;

const KEEP: &str = "public, max-age=31536000, immutable";
const CSS: &str = "text/css; charset=utf-8";
const JS: &str = "text/javascript; charset=utf-8";
/// Bytes of the hash in a URL.
const HASH_BYTES: usize = 6;

struct Asset {
    /// Its name in templates.
    name: &'static str,
    kind: &'static str,
    plain: &'static [u8],
    /// With Brotli and with gzip; `None` for a compressed format.
    siblings: Option<(&'static [u8], &'static [u8])>,
}

macro_rules! file {
    ($path:literal) => {
        include_bytes!(concat!("../../static/", $path))
    };
}

macro_rules! asset {
    ($name:literal, $kind:expr, $path:literal) => {
        Asset {
            name: $name,
            kind: $kind,
            plain: file!($path),
            siblings: Some((
                include_bytes!(concat!("../../static/", $path, ".br")),
                include_bytes!(concat!("../../static/", $path, ".gz")),
            )),
        }
    };
}

static ASSETS: [Asset; 7] = [
    asset!("app.css", CSS, "app.css"),
    asset!("app.js", JS, "app.js"),
    asset!("htmx.js", JS, "vendor/htmx.org@2.0.11/htmx.min.js"),
    asset!("sse.js", JS, "vendor/htmx-ext-sse@2.2.4/sse.min.js"),
    asset!(
        "charts.js",
        JS,
        "vendor/lightweight-charts@5.2.1/lightweight-charts.standalone.production.js"
    ),
    asset!("icon.svg", "image/svg+xml", "icon.svg"),
    Asset { name: "icon-192.png", kind: "image/png", plain: file!("icon-192.png"), siblings: None },
];

/// The URL of each file, in the order of [`ASSETS`].
static PATHS: LazyLock<Vec<String>> = LazyLock::new(|| ASSETS.iter().map(url).collect());

fn url(asset: &Asset) -> String {
    let digest: [u8; 32] = Sha256::digest(asset.plain).into();
    let hash = hex::encode(&digest[..HASH_BYTES]);
    let (stem, ending) = asset.name.rsplit_once('.').unwrap_or((asset.name, ""));
    format!("/static/{stem}-{hash}.{ending}")
}

/// The URL of a file; empty for an unknown name, which a test of the templates finds.
pub(crate) fn path(name: &str) -> &'static str {
    let index = ASSETS.iter().position(|asset| asset.name == name);
    index.and_then(|index| PATHS.get(index)).map_or("", String::as_str)
}

/// The files that the service worker caches: all but the library of the large charts.
pub(crate) fn cached_offline() -> impl Iterator<Item = &'static str> {
    ASSETS.iter().map(|asset| asset.name).filter(|name| *name != "charts.js").map(path)
}

pub(super) async fn serve(Path(file): Path<String>, headers: HeaderMap) -> Response {
    let requested = format!("/static/{file}");
    let Some(asset) = PATHS.iter().position(|path| *path == requested).and_then(|i| ASSETS.get(i))
    else {
        return Problem::not_found().into_response();
    };
    let (body, coding) = match asset.siblings {
        Some((brotli, _)) if accepts(&headers, "br") => (brotli, Some("br")),
        Some((_, gzip)) if accepts(&headers, "gzip") => (gzip, Some("gzip")),
        _ => (asset.plain, None),
    };
    let fixed = [(header::CONTENT_TYPE, asset.kind), (header::CACHE_CONTROL, KEEP)];
    let mut response = (fixed, body).into_response();
    if asset.siblings.is_some() {
        let vary = HeaderValue::from_static("Accept-Encoding");
        response.headers_mut().insert(header::VARY, vary);
    }
    if let Some(coding) = coding {
        let coding = HeaderValue::from_static(coding);
        response.headers_mut().insert(header::CONTENT_ENCODING, coding);
    }
    response
}

/// Whether the client accepts this encoding with a weight above 0.
fn accepts(headers: &HeaderMap, coding: &str) -> bool {
    let values = headers.get_all(header::ACCEPT_ENCODING).iter();
    let mut named = values.filter_map(|value| value.to_str().ok()).flat_map(|v| v.split(','));
    named.any(|item| {
        let (name, weight) = item.split_once(';').unwrap_or((item, ""));
        let weight = weight.trim().strip_prefix("q=").unwrap_or("1");
        let refused = weight.bytes().all(|byte| matches!(byte, b'0' | b'.'));
        name.trim().eq_ignore_ascii_case(coding) && !refused
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_contains_the_name_and_the_extension() {
        for asset in &ASSETS {
            let path = path(asset.name);
            let (stem, ending) = asset.name.rsplit_once('.').unwrap();
            assert!(path.starts_with(&format!("/static/{stem}-")), "{path}");
            assert!(path.ends_with(&format!(".{ending}")), "{path}");
        }
        assert_eq!(path("other.css"), "");
    }

    #[test]
    fn an_encoding_is_used_if_the_client_accepts_it() {
        let accepted = |text: &'static str| {
            let value = HeaderValue::from_static(text);
            let headers = HeaderMap::from_iter([(header::ACCEPT_ENCODING, value)]);
            (accepts(&headers, "br"), accepts(&headers, "gzip"))
        };
        assert_eq!(accepted("gzip, deflate, BR"), (true, true));
        assert_eq!(accepted("br;q=0, gzip;q=0.5"), (false, true));
        assert_eq!(accepted("br;q=0.0"), (false, false));
        assert_eq!(accepted("identity"), (false, false));
        assert!(!accepts(&HeaderMap::new(), "br"));
    }
}
