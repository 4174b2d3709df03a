//! The pages for people: small, without scripts, and in larger text for whoever chose it.

mod common;

use common::App;

#[tokio::test]
async fn the_start_page_is_small_and_needs_nothing_from_elsewhere() {
    let app = App::start().await;
    let page = app.get("/").await;
    assert_eq!(page.status, 200, "{}", page.text);
    assert!(page.header("content-type").unwrap().starts_with("text/html"));
    assert!(page.text.len() < 10_000, "{} bytes", page.text.len());
    assert!(!page.text.contains("<script") && !page.text.contains("style=\""));
    assert!(page.text.contains("AAPL") && page.text.contains("/docs/"));
    let market_date = app.get("/api/stocks/AAPL").await.json()["data"]["quote"]["market_date"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(page.text.contains(&market_date));
    let start = page.text.find("/assets/").expect("a style sheet");
    let path: String = page.text[start..].chars().take_while(|c| *c != '"').collect();
    let style = app.get(&path).await;
    assert_eq!(style.status, 200);
    assert!(style.header("cache-control").unwrap().contains("immutable"));
    assert!(style.header("content-type").unwrap().starts_with("text/css"));
    assert!(!style.text.contains("http"), "nothing is fetched from elsewhere");
}

#[tokio::test]
async fn the_choice_of_text_is_remembered_in_a_cookie() {
    let app = App::start().await;
    for (path, cookie, kept) in [
        ("/set-ui/senior", "", Some("openbell_ui=senior;")),
        ("/set-ui/normal", "", Some("openbell_ui=normal;")),
        ("/set-ui/bogus", "", None),
        ("/toggle-ui", "", Some("openbell_ui=senior;")),
        ("/toggle-ui", "openbell_ui=senior", Some("openbell_ui=normal;")),
    ] {
        let answer = app.get_with(path, &[("cookie", cookie)]).await;
        assert_eq!((answer.status, answer.header("location")), (302, Some("/")), "{path}");
        match kept {
            None => assert_eq!(answer.header("set-cookie"), None, "{path}"),
            Some(start) => {
                let cookie = answer.header("set-cookie").unwrap();
                assert!(cookie.starts_with(start), "{path}: {cookie}");
                assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax"));
            }
        }
    }
    let senior = app.get_with("/", &[("cookie", "openbell_ui=senior")]).await;
    assert!(senior.text.contains("class=\"senior\""));
    assert!(!app.get("/").await.text.contains("class=\"senior\""));
}

#[tokio::test]
async fn an_address_that_leads_nowhere_is_told_in_the_reader_s_language() {
    let app = App::start().await;
    let browser = [("accept", "text/html,application/xhtml+xml")];
    let page = app.get_with("/nowhere", &browser).await;
    assert_eq!(page.status, 404);
    assert!(page.header("content-type").unwrap().starts_with("text/html"), "{}", page.text);
    assert!(page.text.contains(page.header("x-request-id").unwrap()));
    let api = app.get_with("/api/nowhere", &browser).await;
    assert_eq!(api.status, 404);
    assert_eq!(api.header("content-type"), Some("application/problem+json"));
}
