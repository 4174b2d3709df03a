//! Registration, login, logout, joining and recovery on the pages.

use crate::common::browser::Browser;
use crate::common::{App, PASSWORD};

const SESSION: &str = "__Host-openbell";

#[tokio::test]
async fn a_player_registers_logs_out_and_logs_in_again() {
    let app = App::start().await;
    let mut browser = app.browser();
    let page = browser.page("/register").await;
    let fields = [
        ("name", "Rudo <b>"),
        ("email", "rudo@example.com"),
        ("password", PASSWORD),
        ("mode", "kid"),
    ];
    let answer = browser.submit(&page, "/register", &fields).await;
    assert_eq!((answer.status, answer.header("location")), (303, Some("/home")));
    let about = browser.page("/about").await;
    assert!(about.html().contains("<bdi>Rudo &#60;b&#62;</bdi>"), "{}", about.html());
    assert_eq!(about.all("html")[0].get("data-mode"), Some("kid"));
    assert_eq!(about.answer.header("cache-control"), Some("no-store"));
    assert_eq!(browser.get("/").await.header("location"), Some("/home"));
    assert_eq!(browser.get("/login").await.header("location"), Some("/home"));

    let answer = browser.submit(&about, "/logout", &[]).await;
    assert_eq!((answer.status, answer.header("location")), (303, Some("/")));
    assert!(!browser.cookies.contains_key(SESSION));
    assert!(!browser.page("/about").await.text().contains("Rudo"));

    let page = browser.page("/login?next=/stocks/AAPL%3Frange%3D1y").await;
    let fields = [("email", "RUDO@example.com"), ("password", PASSWORD)];
    let answer = browser.submit(&page, "/login", &fields).await;
    assert_eq!((answer.status, answer.header("location")), (303, Some("/stocks/AAPL?range=1y")));
    let mut elsewhere = app.browser();
    elsewhere.cookies.insert(SESSION.to_owned(), browser.cookies[SESSION].clone());
    let about = elsewhere.page("/about").await;
    assert!(about.text().contains("Rudo"));
    assert_eq!(
        about.all("html")[0].get("data-mode"),
        Some("kid"),
        "the mode is stored for the player"
    );
}

#[tokio::test]
async fn an_ended_session_is_rejected() {
    let app = App::start().await;
    let mut browser = app.browser_of("Ada").await;
    let kept = browser.cookies[SESSION].clone();
    let page = browser.page("/about").await;
    browser.submit(&page, "/logout", &[]).await;
    browser.cookies.insert(SESSION.to_owned(), kept);
    assert!(!browser.page("/about").await.text().contains("Ada"));
}

#[tokio::test]
async fn errors_are_shown_at_their_fields_and_input_is_kept() {
    let app = App::start().await;
    let mut browser = app.browser().speaking("en");
    let page = browser.page("/register").await;
    let fields = [("name", "A\u{200b}da"), ("email", "ada@"), ("password", "short")];
    let answer = browser.submit(&page, "/register", &fields).await;
    assert_eq!(answer.status, 422);
    let page = browser.checked("/register", answer);
    for name in ["name", "email", "password"] {
        let field = page.by_id(&format!("f-{name}")).unwrap();
        assert_eq!(field.get("aria-invalid"), Some("true"));
        let described = field.get("aria-describedby").unwrap();
        assert!(described.contains(&format!("e-{name}")), "{described}");
        assert!(page.links().contains(&format!("#f-{name}").as_str()));
    }
    assert_eq!(page.by_id("f-email").unwrap().get("value"), Some("ada@"));
    assert_eq!(page.by_id("f-password").unwrap().get("value"), None);
    let fields = [("name", "Ada"), ("email", "ada@example.com"), ("password", PASSWORD)];
    assert_eq!(browser.submit(&page, "/register", &fields).await.status, 303);
    let mut other = app.browser();
    let page = other.page("/register").await;
    let answer = other.submit(&page, "/register", &fields).await;
    assert_eq!(answer.status, 422, "the address is taken");
    assert!(other.checked("/register", answer).by_id("e-email").is_some());
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_address_get_the_same_page() {
    let app = App::start().await;
    app.browser_of("Ada").await;
    let mut pages = Vec::new();
    for (email, password) in [
        ("ada@pages.example.com", "a wrong password"),
        ("unknown@pages.example.com", PASSWORD),
        ("ada@pages.example.com", &"long".repeat(100)),
    ] {
        let mut browser = app.browser();
        let page = browser.page("/login").await;
        let fields = [("email", email), ("password", password)];
        let answer = browser.submit(&page, "/login", &fields).await;
        assert_eq!(answer.status, 422);
        assert!(!browser.cookies.contains_key(SESSION));
        let page = browser.checked("/login", answer);
        pages.push(page.text().replace(email, ""));
    }
    pages.dedup();
    assert_eq!(pages.len(), 1, "{pages:?}");
}

#[tokio::test]
async fn a_form_needs_its_token_and_the_same_origin() {
    let app = App::start().await;
    let mut browser = app.browser();
    let page = browser.page("/login").await;
    let token = page.form("/login")["csrf"].clone();
    let body = |token: &str| format!("email=a%40b.example&password=x&next=&csrf={token}");
    let kind = ("content-type", "application/x-www-form-urlencoded");
    let send = async |browser: &mut Browser<'_>, body: &str, more: (&str, &str)| {
        browser.send("POST", "/login", body, &[kind, more]).await.status
    };
    let same = ("sec-fetch-site", "same-origin");
    assert_eq!(send(&mut browser, &body(&token), same).await, 422, "the valid token is accepted");
    assert_eq!(send(&mut browser, &body(&token), ("origin", "http://localhost:8080")).await, 422);
    for site in [("sec-fetch-site", "cross-site"), ("origin", "https://evil.example")] {
        assert_eq!(send(&mut browser, &body(&token), site).await, 403, "{site:?}");
    }
    for wrong in ["", "x", &"0".repeat(64)] {
        assert_eq!(send(&mut browser, &body(wrong), same).await, 403, "{wrong}");
    }
    let mut other = app.browser();
    other.page("/login").await;
    let answer = other.post("/login", &body(&token)).await;
    assert_eq!(answer.status, 403, "another visitor's");
    other.checked("/login", answer);
    let twice = format!("{}&email=x", body(&token));
    assert_eq!(send(&mut browser, &twice, same).await, 422);
    let unknown = format!("{}&admin=1", body(&token));
    assert_eq!(send(&mut browser, &unknown, same).await, 422);
}

#[tokio::test]
async fn the_api_rejects_cookies_and_pages_reject_bearer_tokens() {
    let app = App::start().await;
    let browser = app.browser_of("Ada").await;
    let session = browser.cookies[SESSION].clone();
    let cookie = format!("{SESSION}={session}");
    let headers = [("cookie", cookie.as_str()), ("host", "localhost")];
    assert_eq!(app.get_with("/api/auth/user", &headers).await.status, 401);
    assert_eq!(app.get_as(&session, "/api/auth/user").await.status, 401);
    let token = app.register("Bob").await;
    assert_eq!(app.get_as(&token, "/api/auth/user").await.status, 200);
    let mut stranger = app.browser();
    stranger.cookies.insert(SESSION.to_owned(), token);
    assert!(!stranger.page("/about").await.text().contains("Bob"));
}

#[tokio::test]
async fn a_school_s_own_network_without_https_can_log_in() {
    let app = App::start().await;
    let mut browser = app.browser();
    browser.host = "192.168.1.9:8080";
    let page = browser.page("/register").await;
    let fields =
        [("name", "Ada"), ("email", "ada@example.com"), ("password", PASSWORD), ("stay", "on")];
    let answer = browser.submit(&page, "/register", &fields).await;
    assert_eq!(answer.status, 303);
    let cookies: Vec<_> = answer.headers.get_all("set-cookie").iter().collect();
    let session = cookies.iter().find_map(|c| c.to_str().ok()?.strip_prefix("openbell=ob_"));
    let session = session.expect("a session");
    assert!(session.contains("Max-Age=2592000; HttpOnly; SameSite=Lax"), "{session}");
    assert!(!session.contains("Secure"));
    assert!(browser.page("/about").await.text().contains("Ada"));
}

#[tokio::test]
async fn a_player_joins_the_only_game_by_its_code() {
    let app = App::start().await;
    let mut browser = app.browser();
    browser.page("/join").await;
    assert_eq!(browser.get("/join?code=Main").await.header("location"), Some("/join/main"));
    assert_eq!(browser.get("/join/MAIN").await.header("location"), Some("/register"));
    let unknown = browser.get("/join/KUDU-482").await;
    assert_eq!(unknown.status, 404);
    browser.checked("/join/KUDU-482", unknown);
    let strange = browser.get("/join?code=%2F%2Fevil.example").await;
    assert_eq!(strange.status, 422);
    browser.checked("/join", strange);
    let mut player = app.browser_of("Ada").await;
    assert_eq!(player.get("/join/main").await.header("location"), Some("/home"));
}

/// Creates recovery codes in the settings.
async fn make_codes(browser: &mut Browser<'_>, password: &str) -> Vec<String> {
    let page = browser.page("/settings").await;
    let answer = browser.submit(&page, "/settings/codes", &[("codes", password)]).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let page = browser.checked("/settings", answer);
    let is_code = |word: &&str| word.len() == 14 && word.matches('-').count() == 2;
    let codes: Vec<String> = page.text().split(' ').filter(is_code).map(str::to_owned).collect();
    assert_eq!(codes.len(), 10, "{}", page.text());
    codes
}

/// Sets a new password with a recovery code.
async fn recover(
    app: &App,
    email: &str,
    code: &str,
    password: &str,
) -> crate::common::TestResponse {
    let mut browser = app.browser();
    let page = browser.page("/recover").await;
    let fields = [("email", email), ("code", code), ("password", password)];
    browser.submit(&page, "/recover", &fields).await
}

async fn logs_in(app: &App, password: &str) -> bool {
    let mut browser = app.browser();
    let page = browser.page("/login").await;
    let fields = [("email", "ada@pages.example.com"), ("password", password)];
    browser.submit(&page, "/login", &fields).await.status == 303
}

#[tokio::test]
async fn a_recovery_code_sets_a_new_password_once() {
    let app = App::start().await;
    let mut ada = app.browser_of("Ada").await.speaking("en");
    let email = "Ada@pages.example.com";
    let page = ada.page("/settings").await;
    let answer = ada.submit(&page, "/settings/codes", &[("codes", "not the password")]).await;
    assert_eq!(answer.status, 422);
    let old = make_codes(&mut ada, PASSWORD).await;
    let codes = make_codes(&mut ada, PASSWORD).await;
    let text = ada.page("/settings").await.text();
    assert!(text.contains("10 codes left") && !text.contains(&codes[0]), "shown once: {text}");

    assert!(ada.page("/login").await.answer.text.len() > 100, "it redirects home");
    assert!(app.browser().page("/login").await.links().contains(&"/recover"));
    let new = "a wholly new password";
    for (email, code) in [
        (email, old[0].as_str()),
        (email, "0000-0000-0000"),
        (email, "x"),
        ("unknown@pages.example.com", codes[0].as_str()),
    ] {
        assert_eq!(recover(&app, email, code, new).await.status, 422, "{email} {code}");
    }
    assert_eq!(recover(&app, email, &codes[0], "short").await.status, 422);
    assert_eq!(recover(&app, email, "", new).await.status, 422);
    let answer = recover(&app, email, &codes[3].to_lowercase().replace('-', " "), new).await;
    assert_eq!((answer.status, answer.header("location")), (303, Some("/home")));
    assert_eq!(recover(&app, email, &codes[3], "another password").await.status, 422, "once");
    assert!(ada.page("/settings").await.by_id("delete").is_none(), "the old session has ended");
    assert!(logs_in(&app, new).await && !logs_in(&app, PASSWORD).await);
    assert_eq!(recover(&app, email, &codes[4], "yet another one").await.status, 303, "others stay");
}

#[tokio::test]
async fn a_one_time_link_sets_a_new_password_and_survives_a_get() {
    let app = App::start().await;
    let mut ada = app.browser_of("Ada").await;
    let codes = make_codes(&mut ada, PASSWORD).await;
    let user_id = app.store.find_user_id("ada@pages.example.com").await.unwrap().unwrap();
    let entropy = testkit::SeededEntropy::new(9);
    let link = async || {
        let made = web::make_link(&app.store, user_id, &app.clock, &entropy).await.unwrap();
        format!("/recover/{}", made.unwrap())
    };
    let replaced = link().await;
    let path = link().await;
    for lang in ["en", "sn", "nd"] {
        let mut browser = app.browser().speaking(lang);
        let page = browser.page(&path).await;
        assert!(page.text().contains("Ada"));
        assert_eq!(page.answer.header("referrer-policy"), Some("no-referrer"));
        assert_eq!(page.answer.header("cache-control"), Some("no-store"));
        assert!(page.answer.size <= crate::common::html::PAGE_SIZE_MAX * 4);
    }
    let mut browser = app.browser().speaking("en");
    let page = browser.page(&path).await;
    let answer = browser.submit(&page, &path, &[("password", "short")]).await;
    assert_eq!(answer.status, 422);
    browser.checked(&path, answer);
    let answer = browser.submit(&page, &path, &[("password", "set by a link")]).await;
    assert_eq!((answer.status, answer.header("location")), (303, Some("/home")));
    assert!(browser.page("/about").await.text().contains("Ada"), "signed in");
    assert!(ada.page("/settings").await.by_id("delete").is_none(), "the old session has ended");
    assert!(logs_in(&app, "set by a link").await && !logs_in(&app, PASSWORD).await);
    let answer = recover(&app, "ada@pages.example.com", &codes[0], "by an old code").await;
    assert_eq!(answer.status, 422, "a link revokes earlier codes");

    let foreign = ada.cookies.get(SESSION).cloned().unwrap_or_default();
    for dead in [path.as_str(), &replaced, "/recover/x", &format!("/recover/{foreign}")] {
        let mut browser = app.browser().speaking("en");
        let answer = browser.get(dead).await;
        assert_eq!(answer.status, 404, "{dead}");
        let text = browser.checked(dead, answer).text();
        assert!(text.contains("This link was used, has expired"), "{text}");
    }
    let answer = browser.submit(&page, &path, &[("password", "set once more")]).await;
    assert_eq!(answer.status, 403, "the form was of another session");
    let expired = link().await;
    let page = app.browser().page(&expired).await;
    app.clock.advance_seconds(24 * 3_600);
    let mut late = app.browser();
    assert_eq!(late.get(&expired).await.status, 404);
    assert!(page.form(&expired).contains_key("password"));
    assert!(logs_in(&app, "set by a link").await);
}

#[tokio::test]
async fn guesses_of_codes_and_links_are_limited_like_those_of_passwords() {
    let app = App::start_limited().await;
    app.browser_of("Ada").await;
    let mut statuses = Vec::new();
    for number in 0..12 {
        let code = format!("0000-0000-00{number:02}");
        statuses.push(recover(&app, "ada@pages.example.com", &code, PASSWORD).await.status);
    }
    assert_eq!((statuses[9], statuses[10]), (422, 429), "{statuses:?}");

    let user_id = app.store.find_user_id("ada@pages.example.com").await.unwrap().unwrap();
    let entropy = testkit::SeededEntropy::new(5);
    let link = async || web::make_link(&app.store, user_id, &app.clock, &entropy).await.unwrap();
    let path = format!("/recover/{}", link().await.unwrap());
    let mut browser = app.browser();
    let page = browser.page(&path).await;
    link().await.expect("a link that replaces the first");
    let mut statuses = Vec::new();
    for _ in 0..12 {
        statuses.push(browser.submit(&page, &path, &[("password", PASSWORD)]).await.status);
    }
    assert_eq!((statuses[9], statuses[10]), (404, 429), "{statuses:?}");
}

#[tokio::test]
async fn a_class_behind_one_network_address_can_use_its_links_at_once() {
    let app = App::start_limited().await;
    let entropy = testkit::SeededEntropy::new(3);
    for number in 0..12 {
        app.browser_of(&format!("Pupil{number}")).await;
        let email = format!("pupil{number}@pages.example.com");
        let user_id = app.store.find_user_id(&email).await.unwrap().unwrap();
        let made = web::make_link(&app.store, user_id, &app.clock, &entropy).await.unwrap();
        let path = format!("/recover/{}", made.unwrap());
        let mut browser = app.browser();
        let page = browser.page(&path).await;
        let answer = browser.submit(&page, &path, &[("password", "one for each pupil")]).await;
        assert_eq!(answer.status, 303, "{number}: {}", answer.text);
    }
}
