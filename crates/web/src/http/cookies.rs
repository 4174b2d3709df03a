//! The cookies of the pages: session, visitor (to which forms without a session are bound) and
//! preferences; the API reads none. Over HTTPS and on localhost, names begin with `__Host-`, which
//! only this host can set; over plain HTTP browsers reject such a name.

use axum::http::{Extensions, HeaderMap, HeaderValue, Request, header};

pub(crate) const PREFERENCES: &str = "openbell_ui";
const YEAR_S: u64 = 31_536_000;

/// Whether a trusted proxy reports that the client used HTTPS; an extension of each request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CameByHttps(pub(crate) bool);

/// The names and attributes of cookies for one request.
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

    /// Sets the session: until the browser is closed, or for so many days.
    pub(crate) fn set_session(self, token: &str, days: Option<u32>) -> HeaderValue {
        let seconds = days.map(|days| u64::from(days) * 86_400);
        self.cookie(self.session_name(), token, seconds)
    }

    pub(crate) fn end_session(self) -> HeaderValue {
        self.cookie(self.session_name(), "", Some(0))
    }

    pub(crate) fn set_visitor(self, secret: &str) -> HeaderValue {
        self.cookie(self.visitor_name(), secret, None)
    }

    pub(crate) fn set_preferences(self, preferences: &str) -> HeaderValue {
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

/// The value of a cookie; the first of several, which has the longest path (RFC 6265, 5.4).
pub(crate) fn find<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let values = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = values.flat_map(|value| value.split(';')).filter_map(|pair| {
        let (found, value) = pair.trim().split_once('=')?;
        (found == name).then_some(value)
    });
    pairs.next()
}

/// Whether the request has a session cookie of either name, which may be invalid.
pub(crate) fn has_session(headers: &HeaderMap) -> bool {
    [true, false].into_iter().any(|secure| Jar { secure }.session(headers).is_some())
}

/// Whether the host is this machine, which browsers treat like HTTPS.
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
    use proptest::prelude::*;

    use super::*;

    fn jar(host: &str, https: bool) -> Jar {
        let request = Request::get("/").header(header::HOST, host);
        let request = request.extension(CameByHttps(https)).body(()).unwrap();
        Jar::of(&request)
    }

    fn cookie_headers(values: &[String]) -> HeaderMap {
        let named = |value: &String| HeaderValue::from_str(value).ok().map(|v| (header::COOKIE, v));
        let mut headers = HeaderMap::new();
        for (name, value) in values.iter().filter_map(named) {
            headers.append(name, value);
        }
        headers
    }

    proptest! {
        #[test]
        fn the_first_cookie_of_a_name_is_found(
            requests in prop::collection::vec(
                prop::collection::vec(("[abc]{1,2}", "[!-:<-~]{0,6}"), 1..4), 0..4),
            separator in "; ?", name in "[abc]{1,2}",
        ) {
            let written = |pairs: &Vec<(String, String)>| {
                let pairs = pairs.iter().map(|(name, value)| format!("{name}={value}"));
                pairs.collect::<Vec<_>>().join(&separator)
            };
            let headers = cookie_headers(&requests.iter().map(written).collect::<Vec<_>>());
            let expected = requests.iter().flatten().find(|(found, _)| *found == name);
            prop_assert_eq!(find(&headers, &name), expected.map(|(_, value)| value.as_str()));
        }

        #[test]
        fn any_cookie_header_is_parsed_without_a_panic(value in "[ -~]{0,30}", name in "\\PC{0,3}") {
            let headers = cookie_headers(std::slice::from_ref(&value));
            if let Some(found) = find(&headers, &name) {
                let pair = format!("{name}={found}");
                prop_assert!(value.contains(&pair));
            }
        }

        #[test]
        fn a_session_that_is_set_is_found_again(token in "[0-9a-zA-Z_]{1,41}", https: bool) {
            let jar = jar("play.example", https);
            let set = jar.set_session(&token, None);
            let pair = set.to_str().unwrap().split(';').next().unwrap().to_owned();
            let headers = cookie_headers(&[pair]);
            prop_assert_eq!(jar.session(&headers), Some(token.as_str()));
        }
    }

    #[test]
    fn cookies_are_bound_to_the_host_where_browsers_allow_it() {
        for (host, https) in [("play.example", true), ("localhost:8080", false), ("[::1]", false)] {
            let cookie = jar(host, https).set_session("ob_x", Some(1));
            let expected = "__Host-openbell=ob_x; Path=/; Max-Age=86400; HttpOnly; SameSite=Lax; \
                            Secure";
            assert_eq!(cookie, expected, "{host}");
        }
        for host in ["192.168.1.9:8080", "localhost.evil.example", "127.0.0.1.nip.example"] {
            let cookie = jar(host, false).set_session("ob_x", None);
            assert_eq!(cookie, "openbell=ob_x; Path=/; HttpOnly; SameSite=Lax", "{host}");
        }
    }
}
