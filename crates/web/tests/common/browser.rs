//! A visitor with a browser: it keeps cookies, follows ways that lead on, fills in forms as they
//! stand in the page, and looks at every page it is shown with the checks of [`html`](super::html).

use std::collections::BTreeMap;

use super::html::Page;
use super::{App, PASSWORD, TestResponse};

const FORM: &str = "application/x-www-form-urlencoded";
/// What a browser says of itself on this machine, where cookies are as over HTTPS.
pub(crate) const HOST: &str = "localhost:8080";
const REDIRECTS_MAX: usize = 5;

/// A browser.
pub(crate) struct Browser<'a> {
    app: &'a App,
    pub(crate) cookies: BTreeMap<String, String>,
    pub(crate) host: &'static str,
    /// Sent with every request.
    pub(crate) headers: Vec<(&'static str, String)>,
}

impl App {
    /// A browser that was never here.
    pub(crate) fn browser(&self) -> Browser<'_> {
        Browser { app: self, cookies: BTreeMap::new(), host: HOST, headers: Vec::new() }
    }

    /// A browser of somebody who has just registered through the page.
    pub(crate) async fn browser_of(&self, name: &str) -> Browser<'_> {
        let mut browser = self.browser();
        let email = format!("{}@pages.example.com", name.to_lowercase());
        let page = browser.page("/register").await;
        let fields = [("name", name), ("email", email.as_str()), ("password", PASSWORD)];
        let answer = browser.submit(&page, "/register", &fields).await;
        assert_eq!(answer.status, 303, "{}", answer.text);
        browser
    }
}

impl Browser<'_> {
    /// The same in another language.
    #[must_use]
    pub(crate) fn speaking(mut self, language: &str) -> Self {
        self.headers.push(("accept-language", language.to_owned()));
        self
    }

    /// What an address answers, without following.
    pub(crate) async fn get(&mut self, path: &str) -> TestResponse {
        self.send("GET", path, "", &[]).await
    }

    /// The page at an address, after following; it must be a good one.
    pub(crate) async fn page(&mut self, path: &str) -> Page {
        let mut path = path.to_owned();
        for _ in 0..REDIRECTS_MAX {
            let answer = self.get(&path).await;
            if let Some(next) = answer.header("location") {
                path = next.to_owned();
                continue;
            }
            assert_eq!(answer.status, 200, "{path}: {}", answer.text);
            return self.checked(&path, answer);
        }
        panic!("{path} leads on and on");
    }

    /// What a fragment's request gets: as htmx asks.
    pub(crate) async fn fragment(&mut self, path: &str) -> TestResponse {
        self.send("GET", path, "", &[("hx-request", "true")]).await
    }

    /// Fills in the form of a page that is sent to `action`, and sends it.
    pub(crate) async fn submit(
        &mut self,
        page: &Page,
        action: &str,
        fields: &[(&str, &str)],
    ) -> TestResponse {
        let mut sent = page.form(action);
        for (name, value) in fields {
            assert!(sent.contains_key(*name), "the form has no field {name}: {sent:?}");
            sent.insert((*name).to_owned(), (*value).to_owned());
        }
        let body: Vec<String> = sent
            .iter()
            .map(|(name, value)| format!("{}={}", encode(name), encode(value)))
            .collect();
        self.post(action, &body.join("&")).await
    }

    /// Sends a form that was written by hand.
    pub(crate) async fn post(&mut self, path: &str, body: &str) -> TestResponse {
        let same = [("content-type", FORM), ("sec-fetch-site", "same-origin")];
        self.send("POST", path, body, &same).await
    }

    /// An answer as a page, checked.
    pub(crate) fn checked(&self, path: &str, answer: TestResponse) -> Page {
        let page = Page::parse(path, answer);
        page.check();
        page
    }

    pub(crate) async fn send(
        &mut self,
        method: &str,
        path: &str,
        body: &str,
        more: &[(&str, &str)],
    ) -> TestResponse {
        let cookies: Vec<String> =
            self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let cookies = cookies.join("; ");
        let mut headers = vec![("host", self.host), ("accept", "text/html,*/*;q=0.8")];
        if !cookies.is_empty() {
            headers.push(("cookie", cookies.as_str()));
        }
        headers.extend(self.headers.iter().map(|(name, value)| (*name, value.as_str())));
        headers.extend(more);
        let answer = self.app.raw(method, path, &headers, body).await;
        for cookie in answer.headers.get_all("set-cookie") {
            let cookie = cookie.to_str().expect("visible characters");
            let (name, rest) = cookie.split_once('=').expect("a name and a value");
            let value = rest.split(';').next().unwrap_or_default();
            if cookie.contains("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        answer
    }
}

/// A text as it stands in a form that is sent.
pub(crate) fn encode(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let coded = |byte: u8| {
        if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }
    };
    text.bytes().map(coded).collect()
}
