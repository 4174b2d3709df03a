//! The cookies of the pages: the session's, the one that forms of strangers are bound to, and the
//! choices. None of them means anything to the API. Over HTTPS, and on this machine, names begin
//! with `__Host-`, which a browser lets nobody but this host set; a school's own network may have
//! neither, and browsers would refuse such a name there.

use axum::http::{Extensions, HeaderMap, HeaderValue, Request, header};

/// The cookie of the preferences.
pub(crate) const PREFERENCES: &str = "openbell_ui";
const YEAR_S: u64 = 31_536_000;

/// That a trusted proxy says the client came over HTTPS; in the extensions of each request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CameByHttps(pub(crate) bool);

/// How cookies are named and marked for this request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Jar {
    secure: bool,
}

impl Jar {
    pub(crate) fn new(extensions: &Extensions, headers: &HeaderMap) -> Self {
        let https = extensions.get::<CameByHttps>().is_some_and(|came| came.0);
        Self { secure: https || is_local(headers) }
    }

    pub(crate) fn of<B>(request: &Request<B>) -> Self {
        Self::new(request.extensions(), request.headers())
    }

    /// The token of the session.
    pub(crate) fn session(self, headers: &HeaderMap) -> Option<&str> {
        find(headers, self.session_name())
    }

    /// The secret of a visitor who has no session.
    pub(crate) fn visitor(self, headers: &HeaderMap) -> Option<&str> {
        find(headers, self.visitor_name())
    }

    /// Keeps a session: until the browser is closed, or as many days.
    pub(crate) fn keep_session(self, token: &str, days: Option<u32>) -> HeaderValue {
        let seconds = days.map(|days| u64::from(days) * 86_400);
        self.cookie(self.session_name(), token, seconds)
    }

    pub(crate) fn end_session(self) -> HeaderValue {
        self.cookie(self.session_name(), "", Some(0))
    }

    pub(crate) fn keep_visitor(self, secret: &str) -> HeaderValue {
        self.cookie(self.visitor_name(), secret, None)
    }

    pub(crate) fn keep_preferences(self, preferences: &str) -> HeaderValue {
        self.cookie(PREFERENCES, preferences, Some(YEAR_S))
    }

    fn session_name(self) -> &'static str {
        if self.secure { "__Host-openbell" } else { "openbell" }
    }

    fn visitor_name(self) -> &'static str {
        if self.secure { "__Host-openbell_visitor" } else { "openbell_visitor" }
    }

    fn cookie(self, name: &str, value: &str, seconds: Option<u64>) -> HeaderValue {
        let secure = if self.secure { "; Secure" } else { "" };
        let age = seconds.map(|s| format!("; Max-Age={s}")).unwrap_or_default();
        let text = format!("{name}={value}; Path=/{age}; HttpOnly; SameSite=Lax{secure}");
        // The values are tokens, hexadecimal digits and choices: visible ASCII.
        HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static(""))
    }
}

/// The value of a cookie; of several the first, which has the longest path (RFC 6265, 5.4).
pub(crate) fn find<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let values = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = values.flat_map(|value| value.split(';')).filter_map(|pair| {
        let (found, value) = pair.trim().split_once('=')?;
        (found == name).then_some(value)
    });
    pairs.next()
}

/// Whether a browser has a session by any name, which need not live.
pub(crate) fn has_session(headers: &HeaderMap) -> bool {
    [true, false].into_iter().any(|secure| Jar { secure }.session(headers).is_some())
}

/// Whether the browser runs on this machine, for which browsers make an exception from HTTPS.
fn is_local(headers: &HeaderMap) -> bool {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    matches!(name, "localhost" | "127.0.0.1" | "::1")
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::Request;

    fn jar(host: &str, https: bool) -> Jar {
        let request = Request::get("/").header(header::HOST, host);
        let request = request.extension(CameByHttps(https)).body(()).unwrap();
        Jar::of(&request)
    }

    #[test]
    fn cookies_are_bound_to_the_host_where_browsers_allow_it() {
        for (host, https) in [("play.example", true), ("localhost:8080", false), ("[::1]", false)] {
            let cookie = jar(host, https).keep_session("ob_x", Some(1));
            let expected = "__Host-openbell=ob_x; Path=/; Max-Age=86400; HttpOnly; SameSite=Lax; \
                            Secure";
            assert_eq!(cookie, expected, "{host}");
        }
        for host in ["192.168.1.9:8080", "localhost.evil.example", "127.0.0.1.nip.example"] {
            let cookie = jar(host, false).keep_session("ob_x", None);
            assert_eq!(cookie, "openbell=ob_x; Path=/; HttpOnly; SameSite=Lax", "{host}");
        }
    }
}
