//! The log: security events and the access log by value, and no secret, token, e-mail address or
//! name at any level.

use std::collections::BTreeMap;

use serde_json::json;
use sha2::{Digest, Sha256};
use store::Role;
use testkit::SeededEntropy;
use tracing::Level;
use web::Limit;

use crate::common::browser::{Browser, encode};
use crate::common::log::LoggedEvent;
use crate::common::{App, PASSWORD};

type Fields = BTreeMap<&'static str, String>;

/// The network of requests without a socket.
const NETWORK: (&str, &str) = ("network", "0.0.0.0/24");

/// The security events so far, by level and fields.
fn security(app: &App) -> Vec<(Level, Fields)> {
    app.log.of("security").into_iter().map(|event| (event.level, event.fields)).collect()
}

fn event(level: Level, name: &str, fields: &[(&'static str, &str)]) -> (Level, Fields) {
    let fields = [&[("event", name)], fields].concat();
    (level, fields.into_iter().map(|(name, value)| (name, value.to_owned())).collect())
}

fn info(name: &str, fields: &[(&'static str, &str)]) -> (Level, Fields) {
    event(Level::INFO, name, fields)
}

fn warn(name: &str, fields: &[(&'static str, &str)]) -> (Level, Fields) {
    event(Level::WARN, name, fields)
}

fn account_of(email: &str) -> String {
    hex::encode(&Sha256::digest(email)[..8])
}

#[tokio::test]
async fn each_step_of_an_account_in_the_api_is_a_security_event() {
    let app = App::start().await;
    app.register_as("Ada", "Ada@example.org").await;
    let log_in = |password: &str| json!({"email": "ADA@example.org", "password": password});
    assert_eq!(app.post("/api/auth/login", &log_in("wrong password")).await.status, 422);
    let answer = app.post("/api/auth/login", &log_in(PASSWORD)).await.json();
    let token = answer["token"].as_str().expect("a token");
    let made = app.post_as(token, "/api/auth/tokens", &json!({"name": "bot"})).await.json();
    let made = made["data"]["id"].as_i64().expect("an id");
    let path = format!("/api/auth/tokens/{made}");
    assert_eq!(app.delete_as(token, &path).await.status, 200);
    assert_eq!(app.get_as(token, "/api/auth/user/export").await.status, 200);
    assert_eq!(app.post_as(token, "/api/auth/logout", &json!({})).await.status, 200);
    let answer = app.post("/api/auth/login", &log_in(PASSWORD)).await.json();
    let token = answer["token"].as_str().expect("a token");
    let erase = async |password: &str| {
        let body = json!({"password": password}).to_string();
        let path = "/api/auth/user";
        let bearer = format!("Bearer {token}");
        let headers = [("content-type", "application/json"), ("authorization", bearer.as_str())];
        app.raw("DELETE", path, &headers, &body).await.status
    };
    assert_eq!((erase("wrong password").await, erase(PASSWORD).await), (422, 200));

    let (account, made) = (account_of("ada@example.org"), made.to_string());
    let (user, api) = (("user_id", "1"), ("via", "api"));
    let expected = [
        info("registered", &[user, api, NETWORK]),
        warn("sign_in_failed", &[("account", account.as_str()), api, NETWORK]),
        info("signed_in", &[user, api, NETWORK]),
        info("token_created", &[user, ("token_id", made.as_str())]),
        info("token_revoked", &[user, ("token_id", made.as_str())]),
        info("exported", &[user]),
        info("signed_out", &[user, ("token_id", "2")]),
        info("signed_in", &[user, api, NETWORK]),
        warn("password_check_failed", &[user, NETWORK]),
        info("erased", &[user]),
    ];
    assert_eq!(security(&app), expected);
}

/// Submits the settings, whose response must have a status.
async fn set(browser: &mut Browser<'_>, form: &str, fields: &[(&str, &str)], status: u16) {
    let page = browser.page("/settings").await;
    let path = format!("/settings/{form}");
    assert_eq!(browser.submit(&page, &path, fields).await.status, status, "{path}");
}

#[tokio::test]
async fn changes_of_passwords_and_sessions_are_security_events() {
    let app = App::start().await;
    let mut ada = app.browser_of("Ada").await;
    let new = "a wholly new password";
    set(&mut ada, "password", &[("current", "not this"), ("password", new)], 422).await;
    set(&mut ada, "password", &[("current", PASSWORD), ("password", new)], 303).await;
    set(&mut ada, "codes", &[("codes", new)], 200).await;
    set(&mut ada, "sessions/end-others", &[], 303).await;
    let mut lost = app.browser();
    let page = lost.page("/recover").await;
    let email = "ada@pages.example.com";
    let fields = [("email", email), ("code", "0000-0000-0000"), ("password", new)];
    assert_eq!(lost.submit(&page, "/recover", &fields).await.status, 422);
    let link = web::make_link(&app.store, 1, &app.clock, &SeededEntropy::new(9)).await;
    let path = format!("/recover/{}", link.expect("made").expect("a user"));
    let page = lost.page(&path).await;
    assert_eq!(lost.submit(&page, &path, &[("password", new)]).await.status, 303);
    set(&mut lost, "delete", &[("farewell", new)], 303).await;

    let account = account_of(email);
    let (user, page) = (("user_id", "1"), ("via", "page"));
    let (code, link) = (("method", "recovery_code"), ("method", "one_time_link"));
    let expected = [
        info("registered", &[user, page, NETWORK]),
        warn("password_check_failed", &[user, NETWORK]),
        info("password_changed", &[user, NETWORK]),
        info("recovery_codes_created", &[user]),
        info("sessions_revoked", &[user]),
        warn("password_reset_failed", &[("account", account.as_str()), code, NETWORK]),
        info("password_reset", &[user, link, NETWORK]),
        info("erased", &[user]),
    ];
    assert_eq!(security(&app), expected);
}

#[tokio::test]
async fn what_an_operator_does_on_the_pages_is_a_security_event() {
    let app = App::start().await;
    let mut olga = app.browser_of("Olga").await;
    let now = domain::Clock::now(&app.clock);
    app.store.set_role("olga@pages.example.com", Role::Operator, now).await.expect("set");
    app.browser_of("Ada").await;
    let page = olga.page("/ops/people/2").await;
    for (form, fields, status) in
        [("name", &[("name", "Ada L.")][..], 303), ("link", &[], 200), ("sessions", &[], 303)]
    {
        let answer = olga.submit(&page, &format!("/ops/people/2/{form}"), fields).await;
        assert_eq!(answer.status, status, "{form}");
    }
    let of = |action| {
        let ids = [("operator_id", "1"), ("user_id", "2"), ("via", "page")];
        info("operator_action", &[&ids[..], &[("action", action)]].concat())
    };
    assert_eq!(security(&app)[2..], [of("rename"), of("one_time_link"), of("end_sessions")]);
}

#[tokio::test]
async fn a_flood_of_throttled_requests_is_one_event_a_second() {
    let app = App::start_with(|config| {
        config.limits.enabled = true;
        config.limits.login_per_account = Limit { burst: 2, per_s: 600 };
    })
    .await;
    let wrong = json!({"email": "ada@example.org", "password": "wrong password"});
    for _ in 0..12 {
        app.post("/api/auth/login", &wrong).await;
    }
    app.clock.advance_seconds(1);
    assert_eq!(app.post("/api/auth/login", &wrong).await.status, 429);
    let account = account_of("ada@example.org");
    let (account, quota) = (("account", account.as_str()), ("quota", "login_per_account"));
    let failed = warn("sign_in_failed", &[account, ("via", "api"), NETWORK]);
    let expected = [
        failed.clone(),
        failed,
        warn("throttled", &[account, quota, NETWORK]),
        warn("throttled", &[account, quota, NETWORK, ("suppressed", "9")]),
    ];
    assert_eq!(security(&app), expected);
}

#[tokio::test]
async fn the_access_log_has_an_event_for_each_request_and_no_path_or_query() {
    let app = App::start_with(|config| config.http.access_log = true).await;
    let found = app.get("/api/stocks/AAPL?secret=hunter2").await;
    let found = (found.status, found.size);
    let missing = app.get("/nowhere/hunter2").await;
    let probe = app.raw("HEAD", "/livez", &[], "").await;
    drop(app.get_with("/api/market", &[("accept-encoding", "gzip")]).await);
    let fields = |event: LoggedEvent| {
        let mut fields = event.fields;
        assert_eq!((event.level, fields.len()), (Level::INFO, 8), "{fields:?}");
        assert_eq!(fields.remove("network").as_deref(), Some("0.0.0.0/24"));
        assert_eq!(fields.remove("request_id").map(|id| id.len()), Some(32));
        fields.remove("duration_us").expect("a duration").parse::<u64>().expect("a number");
        fields
    };
    let logged: Vec<Fields> = app.log.of("access").into_iter().map(fields).collect();
    let entry = |method: &str, route: &str, status: u16, bytes: usize| {
        let fields = [
            ("method", method.to_owned()),
            ("route", route.to_owned()),
            ("status", status.to_string()),
            ("bytes", bytes.to_string()),
            ("complete", "true".to_owned()),
        ];
        BTreeMap::from(fields)
    };
    let expected = [
        entry("GET", "/api/stocks/{symbol}", found.0, found.1),
        entry("GET", "none", missing.status, missing.size),
        entry("HEAD", "/livez", probe.status, 0),
    ];
    assert_eq!(logged[..3], expected);
    assert_eq!(logged.len(), 4);
    assert_eq!(app.log.containing("hunter2"), [""; 0]);
}

#[tokio::test]
async fn without_the_setting_there_is_no_access_log() {
    let app = App::start().await;
    app.get("/api/stocks").await;
    assert_eq!(app.log.of("access"), []);
}

/// Signs in with a stored hash that is malformed, which the thread that verifies it logs at ERROR.
async fn sign_in_with_a_malformed_hash(app: &App) {
    app.register_as("Ada", "ada@example.org").await;
    let now = domain::Clock::now(&app.clock);
    assert!(app.store.set_password(1, "plain", now).await.expect("saves"));
    let login = json!({"email": "ada@example.org", "password": PASSWORD});
    assert_eq!(app.post("/api/auth/login", &login).await.status, 422);
}

#[tokio::test]
async fn a_malformed_password_hash_is_an_error() {
    let app = App::start().await;
    app.log.expect_error("a stored password hash is malformed");
    sign_in_with_a_malformed_hash(&app).await;
}

#[tokio::test]
#[should_panic(expected = "logged at ERROR")]
async fn an_unexpected_error_in_the_log_fails_a_test() {
    let app = App::start().await;
    sign_in_with_a_malformed_hash(&app).await;
}

/// A word that a client sends, in every form in which a log could contain it.
struct PlantedSecret(&'static str);

impl PlantedSecret {
    fn assert_absent(&self, app: &App) {
        let text = self.0;
        for form in [text.to_owned(), encode(text), hex::encode(text), format!("{text:?}")] {
            let form = form.trim_matches('"');
            assert_eq!(app.log.containing(form), [""; 0], "{form} is in the log");
        }
    }
}

const NAME: &str = "Zebedee Planted";
const EMAIL: &str = "zebedee.planted@example.org";
const NOTE: &str = "a planted note";
const WORD: &str = "planted password";
/// In a query, a path, a body and headers that no route expects.
const STRAY: &str = "stray-planted-text";

#[tokio::test]
async fn no_input_of_the_api_is_in_the_log() {
    let app = App::start_limited().await;
    let body = json!({"name": NAME, "email": EMAIL, "password": WORD,
        "password_confirmation": WORD});
    let answer = app.post("/api/auth/register", &body).await;
    let token = answer.json()["token"].as_str().expect("a token").to_owned();
    // The same name and address again, and malformed ones.
    app.post("/api/auth/register", &body).await;
    app.post("/api/auth/register", &json!({"name": NAME, "email": STRAY, "password": STRAY})).await;
    app.post("/api/auth/login", &json!({"email": EMAIL, "password": STRAY})).await;
    app.post("/api/auth/login", &json!({"email": EMAIL, "password": WORD})).await;
    let order = json!({"stock_symbol": "AAPL", "quantity": 1, "note": NOTE, "x": STRAY});
    assert_eq!(app.post_as(&token, "/api/portfolio/buy", &order).await.status, 200);
    let order = json!({"stock_symbol": STRAY, "quantity": STRAY, "note": NOTE});
    app.post_as(&token, "/api/portfolio/buy", &order).await;
    app.post_as(&token, "/api/auth/tokens", &json!({"name": NAME})).await;
    let bearer = format!("Bearer {token}{STRAY}");
    let headers = [
        ("authorization", bearer.as_str()),
        ("cookie", STRAY),
        ("user-agent", STRAY),
        ("x-request-id", STRAY),
        ("x-forwarded-for", STRAY),
        ("idempotency-key", STRAY),
        ("host", STRAY),
        ("origin", STRAY),
    ];
    for path in [
        format!("/api/stocks/{STRAY}"),
        format!("/api/stocks?search={STRAY}&{STRAY}=1"),
        format!("/{STRAY}?token={token}"),
        format!("/api/portfolio/transactions/{STRAY}"),
    ] {
        app.get_as(&token, &path).await;
        app.raw("GET", &path, &headers, "").await;
        app.raw("POST", &path, &headers, STRAY).await;
    }
    let stray = format!("{{\"email\": \"{EMAIL}\", {STRAY}");
    app.post_raw(None, "/api/auth/login", "application/json", &stray).await;
    app.post_raw(Some(&token), "/api/portfolio/buy", "text/plain", STRAY).await;
    for secret in [NAME, EMAIL, NOTE, WORD, STRAY] {
        PlantedSecret(secret).assert_absent(&app);
    }
    assert_eq!(app.log.containing(&token), [""; 0]);
}

#[tokio::test]
async fn no_input_of_the_pages_is_in_the_log() {
    let app = App::start_limited().await;
    let mut browser = app.browser();
    let page = browser.page("/register").await;
    let account = [("name", NAME), ("email", EMAIL), ("password", WORD)];
    assert_eq!(browser.submit(&page, "/register", &account).await.status, 303);
    let session: Vec<String> = browser.cookies.values().cloned().collect();
    browser.page(&format!("/market?q={STRAY}")).await;
    browser.get(&format!("/login?next=/{STRAY}")).await;
    browser.get(&format!("/recover/{STRAY}")).await;
    browser.get(&format!("/join/{STRAY}")).await;
    set(&mut browser, "name", &[("name", STRAY)], 303).await;
    set(&mut browser, "name", &[("name", NAME)], 303).await;
    set(&mut browser, "tokens", &[("token", STRAY)], 200).await;
    set(&mut browser, "password", &[("current", STRAY), ("password", WORD)], 422).await;
    let page = browser.page("/stocks/AAPL/buy").await;
    let order = [("quantity", "1"), ("note", NOTE)];
    let answer = browser.submit(&page, "/orders/review", &order).await;
    let review = browser.checked("/orders/review", answer);
    assert_eq!(browser.submit(&review, "/orders", &[]).await.status, 303);
    let mut lost = app.browser();
    let page = lost.page("/recover").await;
    let code = [("email", EMAIL), ("code", STRAY), ("password", WORD)];
    assert_eq!(lost.submit(&page, "/recover", &code).await.status, 422);
    let link = web::make_link(&app.store, 1, &app.clock, &SeededEntropy::new(9)).await;
    let link = link.expect("made").expect("a user");
    let path = format!("/recover/{link}");
    let page = lost.page(&path).await;
    assert_eq!(lost.submit(&page, &path, &[("password", WORD)]).await.status, 303);
    for secret in [NAME, EMAIL, NOTE, WORD, STRAY] {
        PlantedSecret(secret).assert_absent(&app);
    }
    for secret in session.iter().chain([&link]) {
        assert_eq!(app.log.containing(secret), [""; 0], "{secret}");
    }
}
