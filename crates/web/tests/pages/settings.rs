//! The settings page: each form changes its own settings, in every language and mode.

use crate::common::browser::Browser;
use crate::common::{App, PASSWORD};

const SESSION: &str = "__Host-openbell";

/// Submits a form of the settings, which must redirect to its section.
async fn save(browser: &mut Browser<'_>, action: &str, fields: &[(&str, &str)]) {
    let page = browser.page("/settings").await;
    let answer = browser.submit(&page, action, fields).await;
    assert_eq!(answer.status, 303, "{}", answer.text);
    let target = answer.header("location").expect("it is there").to_owned();
    assert!(target.starts_with("/settings?done="), "{target}");
    browser.page(target.split('#').next().expect("it is there")).await;
}

/// Submits a form with an error; the text of the page.
async fn submit_wrong(browser: &mut Browser<'_>, action: &str, fields: &[(&str, &str)]) -> String {
    let page = browser.page("/settings").await;
    let answer = browser.submit(&page, action, fields).await;
    assert_eq!(answer.status, 422);
    browser.checked("/settings", answer).text()
}

#[tokio::test]
async fn the_page_is_valid_for_visitors_and_players_in_every_language_and_mode() {
    let app = App::start().await;
    for lang in ["en", "sn", "nd"] {
        let mut stranger = app.browser().speaking(lang);
        let page = stranger.page("/settings").await;
        assert!(page.by_id("looks").is_some() && page.by_id("delete").is_none());
        let mut browser = app.browser_of(&format!("Ada{lang}")).await;
        for mode in ["kid", "standard", "easy"] {
            let looks = [("mode", mode), ("language", lang)];
            save(&mut browser, "/settings/looks", &looks).await;
            let page = browser.page("/settings").await;
            let html = page.all("html")[0];
            assert_eq!((html.get("lang"), html.get("data-mode")), (Some(lang), Some(mode)));
        }
    }
}

#[tokio::test]
async fn looks_are_stored_for_players_and_kept_in_a_cookie_for_visitors() {
    let app = App::start().await;
    let looks = [
        ("mode", "kid"),
        ("theme", "dark"),
        ("text", "larger"),
        ("saver", "on"),
        ("zone", "Asia/Kolkata"),
        ("language", "nd"),
    ];
    let mut stranger = app.browser();
    save(&mut stranger, "/settings/looks", &looks).await;
    let html = stranger.page("/about").await.all("html")[0].clone();
    assert_eq!((html.get("data-theme"), html.get("data-text")), (Some("dark"), Some("larger")));

    let mut browser = app.browser_of("Ada").await;
    save(&mut browser, "/settings/looks", &[&looks[..], &[("amounts", "on")]].concat()).await;
    let mut elsewhere = app.browser();
    elsewhere.cookies.insert(SESSION.to_owned(), browser.cookies[SESSION].clone());
    let page = elsewhere.page("/settings").await;
    let html = page.all("html")[0];
    assert_eq!((html.get("data-theme"), html.get("data-saver")), (Some("dark"), Some("on")));
    let form = page.form("/settings/looks");
    assert_eq!((form["zone"].as_str(), form["amounts"].as_str()), ("Asia/Kolkata", "on"));
    for wrong in [("mode", "grown-up"), ("zone", "Mars/Base"), ("saver", "x"), ("theme", "")] {
        submit_wrong(&mut browser, "/settings/looks", &[wrong]).await;
    }
    let form = browser.page("/settings").await.form("/settings/looks");
    assert_eq!(form["zone"], "Asia/Kolkata", "a rejected form changes nothing");
}

#[tokio::test]
async fn every_time_zone_can_be_searched_for_and_chosen_without_scripts() {
    let app = App::start().await;
    let mut browser = app.browser_of("Ada").await;
    save(&mut browser, "/settings/looks", &[("mode", "kid"), ("amounts", "on")]).await;
    for lang in ["en", "sn", "nd"] {
        browser.page(&format!("/settings/zone?lang={lang}")).await;
        for search in ["zzz", "America/", "kathmandu"] {
            browser.page(&format!("/settings/zone?q={search}")).await;
        }
    }
    let small = [("accept-encoding", "br")];
    let largest = browser.send("GET", "/settings/zone?q=America/", "", &small).await;
    assert!(largest.size <= crate::common::html::PAGE_SIZE_MAX, "{} bytes", largest.size);
    assert!(browser.page("/settings").await.links().contains(&"/settings/zone"));
    let mut stranger = app.browser();
    for browser in [&mut browser, &mut stranger] {
        let page = browser.page("/settings/zone?q=Kathm").await;
        let answer = browser.submit(&page, "/settings/zone/choose", &[("zone", "Mars/Base")]).await;
        assert_eq!(answer.status, 422);
        let answer = browser.submit(&page, "/settings/zone/choose", &[]).await;
        assert_eq!(answer.header("location"), Some("/settings?done=looks#looks"));
        let form = browser.page("/settings").await.form("/settings/looks");
        assert_eq!(form["zone"], "Asia/Kathmandu");
    }
    let form = browser.page("/settings").await.form("/settings/looks");
    assert_eq!((form["mode"].as_str(), form["amounts"].as_str()), ("kid", "on"), "as before");
}

#[tokio::test]
async fn a_player_appears_in_the_ranks_as_chosen() {
    let app = App::start().await;
    let mut browser = app.browser_of("Ada").await.speaking("en");
    let text = submit_wrong(&mut browser, "/settings/board", &[("shows", "pseudonym")]).await;
    assert!(text.contains("Enter a name."), "{text}");
    let admin = [("shows", "pseudonym"), ("pseudonym", "Admin")];
    submit_wrong(&mut browser, "/settings/board", &admin).await;
    let proposed = browser.page("/settings?propose=1").await.form("/settings/board");
    assert_eq!(proposed["shows"], "pseudonym");
    assert!(proposed["pseudonym"].split(' ').count() == 3, "{}", proposed["pseudonym"]);
    let chosen = [("shows", "pseudonym"), ("pseudonym", "Calm Kudu")];
    save(&mut browser, "/settings/board", &chosen).await;
    let token = app.register("Bob").await;
    let names = app.get_as(&token, "/api/leaderboard").await.json()["data"].to_string();
    assert!(names.contains("Calm Kudu") && !names.contains("Ada"), "{names}");
    save(&mut browser, "/settings/board", &[("shows", "hidden")]).await;
    let names = app.get_as(&token, "/api/leaderboard").await.json()["data"].to_string();
    assert!(!names.contains("Calm Kudu") && !names.contains("Ada"), "{names}");
}

#[tokio::test]
async fn a_new_password_ends_all_other_sessions() {
    let app = App::start().await;
    let mut browser = app.browser_of("Ada").await.speaking("en");
    let mut other = app.browser();
    let page = other.page("/login").await;
    let email = "ada@pages.example.com";
    let login = [("email", email), ("password", PASSWORD)];
    assert_eq!(other.submit(&page, "/login", &login).await.status, 303);
    let text = submit_wrong(
        &mut browser,
        "/settings/password",
        &[("current", "x"), ("password", "short")],
    );
    assert!(text.await.contains("at least 8"));
    let wrong = [("current", "not the password"), ("password", "a new long one")];
    let text = submit_wrong(&mut browser, "/settings/password", &wrong).await;
    assert!(text.contains("That isn't your password."), "{text}");
    assert_eq!(other.get("/settings").await.header("location"), None);
    let right = [("current", PASSWORD), ("password", "a new long one")];
    save(&mut browser, "/settings/password", &right).await;
    assert!(browser.page("/settings").await.by_id("delete").is_some(), "this session continues");
    assert!(other.page("/settings").await.by_id("delete").is_none(), "the other session has ended");
    let mut again = app.browser();
    let page = again.page("/login").await;
    assert_eq!(again.submit(&page, "/login", &login).await.status, 422);
    let login = [("email", email), ("password", "a new long one")];
    let page = again.page("/login").await;
    assert_eq!(again.submit(&page, "/login", &login).await.status, 303);
}

#[tokio::test]
async fn tokens_are_shown_once_and_ended_by_their_owner_only() {
    let app = App::start().await;
    let mut browser = app.browser_of("Ada").await.speaking("en");
    submit_wrong(&mut browser, "/settings/tokens", &[("token", " ")]).await;
    let page = browser.page("/settings").await;
    let answer = browser.submit(&page, "/settings/tokens", &[("token", "My <bot>")]).await;
    assert_eq!(answer.status, 200);
    let page = browser.checked("/settings", answer);
    let secret =
        page.text().split("ob_").nth(1).unwrap().split_whitespace().next().unwrap().to_owned();
    let token = format!("ob_{secret}");
    assert_eq!(app.get_as(&token, "/api/auth/user").await.status, 200);
    let page = browser.page("/settings").await;
    assert!(!page.text().contains(&token) && page.text().contains("My &#60;bot&#62;"));
    let token_id = page.form("/settings/tokens/end")["token_id"].clone();

    let mut stranger = app.browser_of("Eve").await;
    let csrf = stranger.page("/settings").await.form("/settings/name")["csrf"].clone();
    let body = format!("csrf={csrf}&token_id={token_id}");
    assert_eq!(stranger.post("/settings/tokens/end", &body).await.status, 404);
    assert_eq!(app.get_as(&token, "/api/auth/user").await.status, 200);
    let csrf = page.form("/settings/name")["csrf"].clone();
    let body = format!("csrf={csrf}&token_id={token_id}");
    assert_eq!(browser.post("/settings/tokens/end", &body).await.status, 303);
    assert_eq!(app.get_as(&token, "/api/auth/user").await.status, 401);
    assert_eq!(browser.post("/settings/tokens/end", "token_id=1").await.status, 403);
}

#[tokio::test]
async fn the_export_is_complete_and_a_deleted_account_is_gone() {
    let app = App::start().await;
    let mut browser = app.browser_of("Ada").await.speaking("en");
    let login = serde_json::json!({ "email": "ada@pages.example.com", "password": PASSWORD });
    let login = app.post("/api/auth/login", &login).await.json();
    let token = login["token"].as_str().unwrap().to_owned();
    for number in 1..=3 {
        let order = serde_json::json!({
            "stock_symbol": "AAPL", "quantity": 1, "note": format!("note {number}")
        });
        assert_eq!(app.post_as(&token, "/api/portfolio/buy", &order).await.status, 200);
    }
    let files = browser.get("/settings/export").await.unzipped();
    let account: serde_json::Value = serde_json::from_str(&files["account.json"]).unwrap();
    assert_eq!(account["account"]["name"], "Ada");
    assert_eq!(account["tokens"].as_array().unwrap().len(), 2);
    assert_eq!(app.get_as(&token, "/api/auth/user/export").await.unzipped(), files);

    let text = submit_wrong(&mut browser, "/settings/delete", &[("farewell", "wrong one")]).await;
    assert!(text.contains("That isn't your password."));
    let page = browser.page("/settings").await;
    let answer = browser.submit(&page, "/settings/delete", &[("farewell", PASSWORD)]).await;
    assert_eq!(answer.header("location"), Some("/settings/gone"));
    assert!(!browser.cookies.contains_key(SESSION));
    assert!(browser.page("/settings/gone").await.text().contains("Your account is deleted"));
    assert_eq!(app.get_as(&token, "/api/auth/user").await.status, 401);
    let bob = app.register("Bob").await;
    let names = app.get_as(&bob, "/api/leaderboard").await.text;
    assert!(!names.contains("Ada"), "{names}");
}

#[tokio::test]
async fn a_taken_name_is_rejected_with_suggestions() {
    let app = App::start().await;
    app.register("Bob").await;
    let mut browser = app.browser_of("Ada").await.speaking("en");
    for (path, field) in [("/settings/name", "name"), ("/settings/board", "pseudonym")] {
        let text = submit_wrong(&mut browser, path, &[(field, "B\u{43e}b")]).await;
        assert!(text.contains("Another player has this name"), "{text}");
        assert!(text.contains("These are free: B\u{43e}b "), "{text}");
    }
    let text = submit_wrong(&mut browser, "/settings/name", &[("name", "A\u{202e}da")]).await;
    assert!(text.contains("can't be used here: U+202E"), "{text}");
    let text = submit_wrong(&mut browser, "/settings/tokens", &[("token", "my\u{202e}bot")]).await;
    assert!(text.contains("can't be used here: U+202E"), "{text}");
    let text = submit_wrong(&mut browser, "/settings/tokens", &[("token", &"x".repeat(61))]).await;
    assert!(text.contains("Enter a name of 1 to 60 characters."), "{text}");
    save(&mut browser, "/settings/name", &[("name", "ADA")]).await;
    assert!(browser.page("/about").await.text().contains("ADA"));
}
