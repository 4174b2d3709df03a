//! Hostile values in every input of the OpenAPI document and in every field, link and address of
//! the pages: no request causes a server error, and a rejected request changes nothing. On both
//! engines, with and without a session.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::common::browser::{Browser, encode};
use crate::common::html::HtmlPage;
use crate::common::{App, PASSWORD, TestResponse, hostile};
use axum::body::Body;
use axum::http::{HeaderValue, Request};
use serde_json::Value;

/// The most pages that are visited; addresses that differ in variable parts only count once.
const PAGES_MAX: usize = 60;
/// Headers that the server uses.
const HEADERS: [&str; 15] = [
    "accept",
    "accept-encoding",
    "accept-language",
    "authorization",
    "content-type",
    "cookie",
    "host",
    "hx-request",
    "idempotency-key",
    "if-none-match",
    "last-event-id",
    "origin",
    "x-forwarded-for",
    "x-forwarded-proto",
    "x-request-id",
];
/// Members that an order rejects although no schema lists them.
const ORDER_MEMBERS: [&str; 4] = ["type", "price", "limit_price", "time_in_force"];

on_both_engines!(
    no_api_input_causes_an_error_or_changes_data_when_rejected,
    no_input_causes_an_error_where_orders_fill_at_the_close,
    no_page_field_causes_an_error_or_changes_data_when_rejected,
    no_page_address_causes_an_error,
    no_header_causes_an_error,
);

/// A request: path with query, header, body.
type Hostile = (String, Option<(String, String)>, Vec<u8>);

/// An operation of the document with its inputs.
struct Operation {
    method: String,
    path: String,
    /// Location (`path`, `query`, `header`) and name.
    parameters: Vec<(String, String)>,
    /// The members of the body with their examples.
    body: Option<BTreeMap<String, Value>>,
}

async fn operations(app: &App) -> Vec<Operation> {
    let document = app.get("/openapi.json").await.json();
    let mut found = Vec::new();
    for (path, item) in document["paths"].as_object().expect("paths") {
        for (method, operation) in item.as_object().expect("operations") {
            let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
            let text = |value: &Value| value.as_str().expect("a text").to_owned();
            let parameters = parameters.iter().map(|p| (text(&p["in"]), text(&p["name"])));
            let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
            let reference = schema["$ref"].as_str().and_then(|r| r.strip_prefix('#'));
            let schema = reference.and_then(|pointer| document.pointer(pointer));
            let body = schema.map(|schema| {
                let members = schema["properties"].as_object().expect("members");
                members.iter().map(|(name, of)| (name.clone(), of["example"].clone())).collect()
            });
            found.push(Operation {
                method: method.to_uppercase(),
                path: path.clone(),
                parameters: parameters.collect(),
                body,
            });
        }
    }
    assert!(found.len() > 20, "the document has its operations");
    found
}

impl Operation {
    /// The path with this value for one variable and valid values for the others.
    fn path_with(&self, variable: &str, value: &str) -> String {
        let path = self.path.replace(&format!("{{{variable}}}"), value);
        path.replace("{symbol}", "AAPL")
            .replace("{trade_id}", "t-1-202611-1")
            .replace("{order_id}", "o-1-1")
            .replace("{token_id}", "1")
    }

    /// Every request with one hostile input.
    fn requests(&self) -> Vec<Hostile> {
        let plain = self.path_with("", "");
        let mut requests = Vec::new();
        for (input, (location, name)) in self.parameters.iter().enumerate() {
            for value in hostile::encoded(input) {
                match location.as_str() {
                    "path" => requests.push((self.path_with(name, &value), None, self.json(None))),
                    "query" => {
                        let path = format!("{plain}?{name}={value}");
                        requests.push((path, None, self.json(None)));
                    }
                    _ => {
                        requests.push((plain.clone(), Some((name.clone(), value)), self.json(None)))
                    }
                }
            }
        }
        let Some(body) = &self.body else { return requests };
        let hidden = ORDER_MEMBERS.map(str::to_owned);
        let hidden = hidden.into_iter().filter(|_| body.contains_key("stock_symbol"));
        for (input, name) in body.keys().cloned().chain(hidden).enumerate() {
            for value in hostile::values(input) {
                requests.push((plain.clone(), None, self.json(Some((&name, &value)))));
            }
        }
        requests.extend(hostile::bodies().into_iter().map(|body| (plain.clone(), None, body)));
        requests
    }

    /// The body with the examples of its members, except for one.
    fn json(&self, other: Option<(&str, &str)>) -> Vec<u8> {
        let Some(body) = &self.body else { return Vec::new() };
        let mut members: BTreeMap<&str, String> =
            body.iter().map(|(name, example)| (name.as_str(), example.to_string())).collect();
        if let Some((name, value)) = other {
            members.insert(name, value.to_owned());
            // Without its confirmation a password is not validated further.
            if name == "password" && body.contains_key("password_confirmation") {
                members.insert("password_confirmation", value.to_owned());
            }
        }
        let members = members.iter().map(|(name, value)| format!("\"{name}\":{value}"));
        format!("{{{}}}", members.collect::<Vec<_>>().join(",")).into_bytes()
    }
}

/// Sends a request whose header, if any, need not be text.
async fn send(
    app: &App,
    (method, path): (&str, &str),
    token: Option<&str>,
    header: Option<(&str, &[u8])>,
    body: Vec<u8>,
) -> TestResponse {
    let mut request = Request::builder().method(method).uri(path);
    if !body.is_empty() && header.is_none_or(|(name, _)| name != "content-type") {
        request = request.header("content-type", "application/json");
    }
    if let Some(token) = token.filter(|_| header.is_none_or(|(name, _)| name != "authorization")) {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    if let Some((name, value)) = header
        && let Ok(value) = HeaderValue::from_bytes(value)
    {
        request = request.header(name, value);
    }
    app.send_request(request.body(Body::from(body)).expect("a request")).await
}

/// Asserts that the response is no server error, and an error either a problem or a page.
fn assert_no_fault(what: &str, answer: &TestResponse) {
    assert!(answer.status < 500, "{what}: {} {}", answer.status, answer.text);
    if answer.status < 400 {
        return;
    }
    let kind = answer.header("content-type").unwrap_or_default();
    let is_problem = kind == "application/problem+json" && answer.json()["code"].is_string();
    let is_page = kind.starts_with("text/html") && answer.text.contains("<h1");
    assert!(is_problem || is_page, "{what}: {} {kind} {}", answer.status, answer.text);
}

/// The data that a request of a player could change, and the number of players.
async fn player_data(app: &App, token: &str) -> Vec<String> {
    let mut seen = Vec::new();
    for path in [
        "/api/auth/user",
        "/api/auth/tokens",
        "/api/portfolio/transactions",
        "/api/portfolio/orders",
    ] {
        seen.push(app.get_as(token, path).await.text);
    }
    seen.push(app.store.chain_heads_page(0, 10_000).await.expect("heads").len().to_string());
    seen
}

async fn no_api_input_causes_an_error_or_changes_data_when_rejected(engine: &str) {
    let app = App::start_on_engine(engine).await;
    let sent = sweep(&app, |_| true).await;
    assert!(sent > 700, "{sent}");
}

async fn no_input_causes_an_error_where_orders_fill_at_the_close(engine: &str) {
    let app = App::start_closing(engine, |_| {}).await;
    let is_order = |path: &str| ["/orders", "/buy", "/sell"].iter().any(|part| path.contains(part));
    let sent = sweep(&app, is_order).await;
    assert!(sent > 100, "{sent}");
}

/// Sends hostile inputs to the selected operations; returns the number of requests.
async fn sweep(app: &App, is_swept: impl Fn(&str) -> bool) -> usize {
    let ada = app.register("Ada").await;
    let mut sent = 0;
    let operations = operations(app).await;
    for operation in operations.into_iter().filter(|operation| is_swept(&operation.path)) {
        let method = operation.method.as_str();
        for token in [None, Some(ada.as_str())] {
            // Without a token a private route ignores its input; a few requests suffice.
            let is_private = token.is_none() && !operation.path.contains("/auth/");
            let step = if is_private && operation.path.contains("/portfolio") { 20 } else { 1 };
            let mut before = player_data(app, &ada).await;
            for (path, header, body) in operation.requests().into_iter().step_by(step) {
                let header = header.as_ref().map(|(name, value)| (name.as_str(), value.as_bytes()));
                let what = format!("{method} {path} {}", String::from_utf8_lossy(&body));
                let answer = send(app, (method, &path), token, header, body).await;
                assert_no_fault(&what, &answer);
                sent += 1;
                if method != "GET" {
                    let after = player_data(app, &ada).await;
                    assert!(answer.status < 400 || before == after, "{what} changed data");
                    before = after;
                }
            }
        }
    }
    sent
}

async fn no_header_causes_an_error(engine: &str) {
    let app = App::start_on_engine(engine).await;
    let ada = app.register("Ada").await;
    let order = br#"{"stock_symbol":"NOPE","quantity":1}"#;
    let routes = [
        ("GET", "/api/stocks", &b""[..]),
        ("GET", "/api/portfolio", b""),
        ("GET", "/api/events", b""),
        ("GET", "/market", b""),
        ("GET", "/live", b""),
        ("GET", "/home", b""),
        ("POST", "/api/portfolio/buy", order),
        ("POST", "/login", b"email=x"),
    ];
    for (method, path, body) in routes {
        for name in HEADERS {
            for value in hostile::header_values() {
                let what = format!("{method} {path} {name}: {value:?}");
                let header = Some((name, value.as_slice()));
                let answer = send(&app, (method, path), Some(&ada), header, body.to_vec()).await;
                assert_no_fault(&what, &answer);
            }
        }
    }
}

/// An address without the parts that depend on players, stocks and trades.
fn pattern(path: &str) -> String {
    let path = path.split(['?', '#']).next().unwrap_or_default();
    let is_number = |part: &str| part.starts_with("t-") || part.starts_with("o-");
    let varies = |part: &&str| is_number(part) || part.chars().any(char::is_uppercase);
    let parts = path.split('/').map(|part| if varies(&part) { "*" } else { part });
    parts.collect::<Vec<_>>().join("/")
}

/// Follows links; returns one page of each pattern.
async fn crawl(browser: &mut Browser<'_>) -> Vec<(String, HtmlPage)> {
    let mut queue = VecDeque::from(["/", "/market", "/login", "/settings"].map(str::to_owned));
    let (mut known, mut pages) = (BTreeSet::new(), Vec::new());
    while let Some(path) = queue.pop_front().filter(|_| pages.len() < PAGES_MAX) {
        if !known.insert(pattern(&path)) {
            continue;
        }
        let answer = browser.get(&path).await;
        assert_no_fault(&path, &answer);
        if let Some(next) = answer.header("location") {
            queue.push_back(next.to_owned());
            continue;
        }
        let kind = answer.header("content-type").unwrap_or_default();
        if answer.status != 200 || !kind.starts_with("text/html") {
            continue;
        }
        let page = HtmlPage::parse(&path, answer);
        let links = page.links().into_iter().filter(|link| link.starts_with('/'));
        queue.extend(links.map(|link| link.replace("&#38;", "&")));
        pages.push((path, page));
    }
    pages
}

/// A browser of a player who has shares and a trade with its receipt.
async fn trader<'a>(app: &'a App, name: &str) -> Browser<'a> {
    let mut browser = app.browser_of(name).await;
    let page = browser.page("/stocks/AAPL").await;
    let order = [("side", "buy"), ("quantity", "1")];
    let answer = browser.submit(&page, "/orders/review", &order).await;
    let review = HtmlPage::parse("/orders/review", answer);
    let answer = browser.submit(&review, "/orders", &[]).await;
    assert_eq!(answer.status, 303, "{}", answer.text);
    browser
}

async fn no_page_field_causes_an_error_or_changes_data_when_rejected(engine: &str) {
    let app = App::start_on_engine(engine).await;
    let token = app.register("Eve").await;
    let mut sent = BTreeSet::new();
    for mut browser in [app.browser(), trader(&app, "Ada").await] {
        for (path, page) in crawl(&mut browser).await {
            for form in page.all("form") {
                let action = form.get("action").unwrap_or_default().to_owned();
                let is_post = form.get("method") == Some("post");
                // Other tests end sessions.
                if ["/logout", "/settings/sessions/end-others"].contains(&action.as_str()) {
                    continue;
                }
                let fields = page.form(&action);
                for name in fields.keys().filter(|name| *name != "csrf") {
                    if !sent.insert((pattern(&action), name.clone(), browser.cookies.len())) {
                        continue;
                    }
                    let before = app.store.chain_heads_page(0, 10_000).await.expect("heads").len();
                    for value in hostile::encoded(sent.len()) {
                        let rest = fields.iter().filter(|(other, _)| *other != name);
                        let rest = rest.map(|(name, value)| {
                            let value = if name == "password" { PASSWORD } else { value };
                            format!("{}={}", encode(name), encode(value))
                        });
                        let body = rest.chain([format!("{name}={value}")]).collect::<Vec<_>>();
                        let body = body.join("&");
                        let answer = if is_post {
                            browser.post(&action, &body).await
                        } else {
                            browser.get(&format!("{action}?{body}")).await
                        };
                        assert_no_fault(&format!("{path}: {action} {body}"), &answer);
                    }
                    let after = app.store.chain_heads_page(0, 10_000).await.expect("heads").len();
                    assert!(before == after || action == "/register", "{action} {name}");
                }
            }
        }
    }
    assert!(sent.len() > 25, "{sent:?}");
    assert_eq!(app.get_as(&token, "/api/auth/user").await.json()["user"]["name"], "Eve");
}

async fn no_page_address_causes_an_error(engine: &str) {
    let app = App::start_on_engine(engine).await;
    for mut browser in [app.browser(), trader(&app, "Ada").await] {
        let mut tried = BTreeSet::new();
        let pages = crawl(&mut browser).await;
        let links = pages.iter().flat_map(|(path, page)| {
            page.links().into_iter().map(str::to_owned).chain([path.clone()])
        });
        let more = [
            "/join/x",
            "/set-ui/x",
            "/static/x",
            "/live?x=1",
            "/docs/x",
            "/history?month=1&before=1",
        ];
        for link in links.chain(more.map(str::to_owned)).filter(|link| link.starts_with('/')) {
            let link = link.replace("&#38;", "&");
            let link = link.split('#').next().unwrap_or_default();
            let (path, query) = link.split_once('?').unwrap_or((link, ""));
            let (head, last) = path.rsplit_once('/').unwrap_or(("", path));
            let names = query.split('&').filter_map(|pair| pair.split('=').next());
            for name in names.filter(|name| !name.is_empty()).chain([""]) {
                if !tried.insert((pattern(path), name.to_owned())) {
                    continue;
                }
                for value in hostile::encoded(tried.len()) {
                    let address = match name {
                        "" if last.is_empty() => format!("{path}?{value}={value}"),
                        "" => format!("{head}/{value}"),
                        name => format!("{path}?{query}&{name}={value}"),
                    };
                    let answer = browser.get(&address).await;
                    assert_no_fault(&address, &answer);
                }
            }
        }
        assert!(tried.len() > 25, "{tried:?}");
    }
}
