//! The stream that keeps a page up to date: what it is told, in whose words, and who is told.

mod common;

use common::App;
use common::browser::{Browser, HOST};
use common::events::Events;
use serde_json::json;

async fn start() -> App {
    App::start_with(|config| config.http.stream_prices_interval_ms = 1).await
}

/// Opens the stream that a page names.
async fn listen(app: &App, browser: &mut Browser<'_>, path: &str) -> Events {
    let page = browser.page(path).await;
    let place = page.all("div").into_iter().find_map(|tag| tag.get("sse-connect"));
    let address = place.expect("the page listens").replace("&amp;", "&").replace("&#38;", "&");
    let cookies: Vec<String> = browser.cookies.iter().map(|(k, v)| format!("{k}={v}")).collect();
    app.open(&address, &[("host", HOST), ("cookie", &cookies.join("; "))]).await
}

#[tokio::test]
async fn prices_of_the_page_are_told_as_pieces_that_take_their_places() {
    let app = start().await;
    let mut browser = app.browser_of("Ada").await.speaking("en");
    let mut events = listen(&app, &mut browser, "/stocks/AAPL").await;
    let first = events.until("prices").await.data;
    assert!(first.starts_with("<span id=\"px-AAPL\" class=\"num\" hx-swap-oob=\"true\">US$"));
    assert!(first.contains("id=\"ch-AAPL\"") && !first.contains("px-KO"), "{first}");
    app.publish_second(1);
    let next = events.until("prices").await.data;
    assert!(next.contains("px-AAPL") && next != first, "{next}");
    let market = listen(&app, &mut browser, "/market").await.until("prices").await.data;
    assert_eq!(market.matches("id=\"px-").count(), 20);
    let sides = |text: &str| ["id=\"ask-AAPL\"", "id=\"bid-AAPL\""].map(|id| text.contains(id));
    assert_eq!(sides(&first), [true, true], "{first}");
    assert_eq!(sides(&market), [false, false], "the list shows none");
}

#[tokio::test]
async fn the_total_is_told_where_the_page_shows_it() {
    let app = start().await;
    let mut browser = app.browser_of("Ada").await.speaking("en");
    let mut events = listen(&app, &mut browser, "/home").await;
    let total = events.until("prices").await.data;
    assert_eq!(total, "<p id=\"total\" class=\"big num\" hx-swap-oob=\"true\">US$10,000.00</p>");
}

#[tokio::test]
async fn good_news_is_told_in_the_readers_words_and_once() {
    let app = start().await;
    let mut browser = app.browser_of("Ada").await;
    let page = browser.page("/settings").await;
    browser.submit(&page, "/settings/looks", &[("language", "sn")]).await;
    let mut events = listen(&app, &mut browser, "/stocks/AAPL").await;
    let login = json!({ "email": "ada@pages.example.com", "password": common::PASSWORD });
    let login = app.post("/api/auth/login", &login).await.json();
    let token = login["token"].as_str().unwrap();
    let order = json!({ "stock_symbol": "AAPL", "quantity": 20 });
    assert_eq!(app.post_as(token, "/api/portfolio/buy", &order).await.status, 200);
    let reward = events.until("reward").await.data;
    assert!(reward.starts_with("<div hx-swap-oob=\"beforeend:#toasts\">"), "{reward}");
    assert!(reward.contains("First Trade") && reward.contains("lang=\"en\""), "{reward}");
    assert!(!browser.page("/home").await.text().contains("First Trade"), "it was told already");
}

#[tokio::test]
async fn strangers_and_those_who_save_data_hear_nothing() {
    let app = start().await;
    let mut stranger = app.browser();
    assert_eq!(stranger.get("/live?s=AAPL").await.status, 303);
    assert!(!stranger.page("/market").await.html().contains("sse-connect"));
    let mut browser = app.browser_of("Ada").await;
    let page = browser.page("/settings").await;
    browser.submit(&page, "/settings/looks", &[("saver", "on")]).await;
    assert!(!browser.page("/stocks/AAPL").await.html().contains("sse-connect"));
    assert_eq!(browser.get("/live?s=AAPL").await.status, 204);
}
