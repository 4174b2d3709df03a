//! A visitor with a browser: it keeps cookies, follows redirects, submits the forms of pages, and
//! checks every page with [`html`](super::html).

use std::collections::BTreeMap;

use super::html::HtmlPage;
use super::{App, PASSWORD, TestResponse};

const FORM: &str = "application/x-www-form-urlencoded";
/// The host of a browser on the same machine, for which cookies are secure.
pub(crate) const HOST: &str = "localhost:8080";
const REDIRECTS_MAX: usize = 5;

pub(crate) struct Browser<'a> {
    app: &'a App,
    pub(crate) cookies: BTreeMap<String, String>,
    pub(crate) host: &'static str,
    /// Sent with every request.
    pub(crate) headers: Vec<(&'static str, String)>,
}

impl App {
    /// A browser without cookies.
    pub(crate) fn browser(&self) -> Browser<'_> {
        Browser { app: self, cookies: BTreeMap::new(), host: HOST, headers: Vec::new() }
    }

    /// The browser of a player who has just registered.
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
    #[must_use]
    pub(crate) fn speaking(mut self, language: &str) -> Self {
        self.headers.push(("accept-language", language.to_owned()));
        self
    }

    /// The response of a path, without following redirects.
    pub(crate) async fn get(&mut self, path: &str) -> TestResponse {
        self.send("GET", path, "", &[]).await
    }

    /// The checked page of a path, after redirects; its status must be 200.
    pub(crate) async fn page(&mut self, path: &str) -> HtmlPage {
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
        panic!("{path} redirects too often");
    }

    /// The response to a request of htmx.
    pub(crate) async fn fragment(&mut self, path: &str) -> TestResponse {
        self.send("GET", path, "", &[("hx-request", "true")]).await
    }

    /// Submits the form of a page with this action, with other values of some fields.
    pub(crate) async fn submit(
        &mut self,
        page: &HtmlPage,
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

    /// Sends a form body.
    pub(crate) async fn post(&mut self, path: &str, body: &str) -> TestResponse {
        let same = [("content-type", FORM), ("sec-fetch-site", "same-origin")];
        self.send("POST", path, body, &same).await
    }

    /// A response as a page, checked.
    pub(crate) fn checked(&self, path: &str, answer: TestResponse) -> HtmlPage {
        let page = HtmlPage::parse(path, answer);
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

/// A text in a form body.
pub(crate) fn encode(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let coded = |byte: u8| {
        if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }
    };
    text.bytes().map(coded).collect()
}
