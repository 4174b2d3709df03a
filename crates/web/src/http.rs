//! Connections, the layers that every request passes, and extractors of headers, bodies and
//! queries.

pub(crate) mod access_log;
pub(crate) mod attachment;
pub(crate) mod body;
pub(crate) mod client_address;
pub(crate) mod cookies;
pub(crate) mod cors;
pub(crate) mod etag;
pub(crate) mod forwarded_host;
pub(crate) mod headers;
pub(crate) mod input;
pub(crate) mod known_parameters;
pub(crate) mod limits;
pub(crate) mod log_limit;
pub(crate) mod path_segment;
pub(crate) mod query;
pub(crate) mod request_context;
pub(crate) mod request_trace;
pub(crate) mod serve;
pub(crate) mod shutdown;

/// Prefixes of paths that are not pages.
const PROGRAM_PATHS: [&str; 9] =
    ["/api", "/docs", "/openapi.json", "/livez", "/readyz", "/up", "/metrics", "/static", "/sw.js"];

pub(crate) fn is_page(path: &str) -> bool {
    !PROGRAM_PATHS.iter().any(|start| {
        path.strip_prefix(start).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_paths_but_those_of_programs_are_pages() {
        for path in ["/", "/login", "/apple", "/upper", "/nowhere/at/all"] {
            assert!(is_page(path), "{path}");
        }
        for path in ["/api", "/api/stocks", "/docs/", "/up", "/static/app.css", "/metrics"] {
            assert!(!is_page(path), "{path}");
        }
    }
}
