//! The event stream of pages: prices, the value of the portfolio, rewards, and who receives them.

use crate::common::App;
use crate::common::browser::{Browser, HOST};
use crate::common::events::Events;
use domain::Clock as _;
use market::{MarketConfig, MarketSource};
use metrics_exporter_prometheus::PrometheusBuilder;
use serde_json::json;

async fn start() -> App {
    App::start_with(|config| config.http.stream_prices_interval_ms = 1).await
}

/// Opens the stream of a page.
async fn listen(app: &App, browser: &mut Browser<'_>, path: &str) -> Events {
    let page = browser.page(path).await;
    let element = page.all("div").into_iter().find_map(|tag| tag.get("sse-connect"));
    let address =
        element.expect("the page has a stream").replace("&amp;", "&").replace("&#38;", "&");
    let cookies: Vec<String> = browser.cookies.iter().map(|(k, v)| format!("{k}={v}")).collect();
    app.open(&address, &[("host", HOST), ("cookie", &cookies.join("; "))]).await
}

#[tokio::test]
async fn prices_arrive_as_elements_that_replace_those_of_the_page() {
    let app = start().await;
    let mut browser = app.browser_of("Ada").await.speaking("en");
    let mut events = listen(&app, &mut browser, "/stocks/AAPL").await;
    let first = events.until("prices").await.data;
    // 0.961 after a close of 0.977, with a spread of three ten-thousandths on each side.
    let expected = [
        ("px-AAPL", "num", "US$0.961"),
        ("ch-AAPL", "num down", "\u{2212}1.64%"),
        ("ask-AAPL", "num", "US$0.9613"),
        ("bid-AAPL", "num", "US$0.9607"),
    ];
    let element = |(id, class, text): (&str, &str, &str)| {
        format!("<span id=\"{id}\" class=\"{class}\" hx-swap-oob=\"true\">{text}</span>")
    };
    let state =
        "<p class=\"day-state\" id=\"day-state\" hx-swap-oob=\"true\">Market day 3 Jan 2005</p>";
    assert_eq!(first, expected.map(element).concat() + state);
    app.publish_second(1);
    let next = events.until("prices").await.data;
    assert!(next.contains("px-AAPL") && next != first, "{next}");
    let market = listen(&app, &mut browser, "/market").await.until("prices").await.data;
    assert_eq!(market.matches("id=\"px-").count(), 20);
    let sides = |text: &str| ["id=\"ask-AAPL\"", "id=\"bid-AAPL\""].map(|id| text.contains(id));
    assert_eq!(sides(&market), [false, false], "the list shows none");
}

#[tokio::test]
async fn the_total_is_sent_to_a_page_that_shows_it() {
    let app = start().await;
    let mut browser = app.browser_of("Ada").await.speaking("en");
    let mut events = listen(&app, &mut browser, "/home").await;
    let total = events.until("prices").await.data;
    let expected = "<p id=\"total\" class=\"big num\" hx-swap-oob=\"true\">US$10,000.00</p>";
    assert!(total.starts_with(expected), "{total}");
}

#[tokio::test]
async fn rewards_are_sent_once_and_in_the_readers_language() {
    let app = start().await;
    let mut browser = app.browser_of("Ada").await;
    let page = browser.page("/settings").await;
    browser.submit(&page, "/settings/looks", &[("language", "sn")]).await;
    let mut events = listen(&app, &mut browser, "/stocks/AAPL").await;
    let login = json!({ "email": "ada@pages.example.com", "password": crate::common::PASSWORD });
    let login = app.post("/api/auth/login", &login).await.json();
    let token = login["token"].as_str().unwrap();
    let order = json!({ "stock_symbol": "AAPL", "quantity": 20 });
    assert_eq!(app.post_as(token, "/api/portfolio/buy", &order).await.status, 200);
    let reward = events.until("reward").await.data;
    assert!(reward.starts_with("<div hx-swap-oob=\"beforeend:#toasts\">"), "{reward}");
    assert!(reward.contains("First Trade") && reward.contains("lang=\"en\""), "{reward}");
    assert!(!browser.page("/home").await.text().contains("First Trade"), "it was shown already");
}

#[tokio::test]
async fn visitors_and_data_savers_have_no_stream() {
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

/// Reads the next prices of a stream and checks that a reload of the page shows each of them.
async fn assert_same_as_reload(events: &mut Events, browser: &mut Browser<'_>, path: &str) {
    let elements = events.until("prices").await.data.replace(" hx-swap-oob=\"true\"", "");
    let html = browser.page(path).await.html().replace("&#36;", "$");
    assert!(elements.contains("id=\"total\""), "{elements}");
    for piece in elements.split_inclusive("</span>").flat_map(|text| text.split_inclusive("</p>")) {
        for piece in piece.split_inclusive("</dd>") {
            assert!(html.contains(piece), "{piece} is not in {html}");
        }
    }
}

async fn order(app: &App, token: &str, side: &str, symbol: &str, shares: &str) {
    let body = format!("{{\"stock_symbol\":\"{symbol}\",\"quantity\":{shares}}}");
    let path = format!("/api/portfolio/{side}");
    let answer = app.post_raw(Some(token), &path, "application/json", &body).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
}

async fn token_of_ada(app: &App) -> String {
    let login = json!({ "email": "ada@pages.example.com", "password": crate::common::PASSWORD });
    let login = app.post("/api/auth/login", &login).await.json();
    login["token"].as_str().expect("a token").to_owned()
}

async fn streamed_numbers_equal_those_of_a_reload(engine: &str, mode: &str, path: &str) {
    let fast = |config: &mut web::WebConfig| config.http.stream_prices_interval_ms = 1;
    let app = App::start_on_engine_with(engine, fast).await;
    let mut browser = app.browser_of("Ada").await.speaking("en");
    let page = browser.page("/settings").await;
    browser.submit(&page, "/settings/looks", &[("mode", mode)]).await;
    let token = token_of_ada(&app).await;
    order(&app, &token, "buy", "AAPL", "33.333333").await;
    order(&app, &token, "buy", "KO", "0.777777").await;
    // One of these is the day of the last close.
    let today = app.prices.snapshot().market_day;
    for days in 1..=7 {
        app.store
            .snapshot_equity(domain::Day(today.0 - days), None, domain::MinorUnit::Hundredth, 100)
            .await
            .expect("equity");
    }
    let page = browser.page(path).await;
    let shows_today = path == "/home";
    let id = if mode == "easy" { "moved" } else { "today" };
    assert_eq!(page.by_id(id).is_some(), shows_today, "{path} in mode {mode}");
    let mut events = listen(&app, &mut browser, path).await;
    assert_same_as_reload(&mut events, &mut browser, path).await;
    let orders =
        [("buy", "MSFT", "1.000001"), ("sell", "KO", "0.777777"), ("sell", "AAPL", "11.111111")];
    for (second, (side, symbol, shares)) in (1..).zip(orders) {
        app.publish_second(second * 2);
        assert_same_as_reload(&mut events, &mut browser, path).await;
        order(&app, &token, side, symbol, shares).await;
        assert_same_as_reload(&mut events, &mut browser, path).await;
        app.publish_second(second * 2 + 1);
        assert_same_as_reload(&mut events, &mut browser, path).await;
    }
    // More entries than fit into the queue of a stream.
    for _ in 0..60 {
        order(&app, &token, "buy", "KO", "0.010101").await;
    }
    let html = browser.page(path).await.html().to_owned();
    let (_, total) = html.split_once("id=\"total\" class=\"big num\">").expect("a total");
    let total = format!(">{}<", total.split_once('<').expect("its end").0);
    while !events.until("prices").await.data.contains(&total) {}
}

#[tokio::test]
async fn streamed_numbers_equal_those_of_a_reload_on_sqlite() {
    for (mode, path) in [("standard", "/home"), ("easy", "/home"), ("kid", "/portfolio")] {
        streamed_numbers_equal_those_of_a_reload("sqlite", mode, path).await;
    }
}

#[tokio::test]
async fn streamed_numbers_equal_those_of_a_reload_on_postgres() {
    streamed_numbers_equal_those_of_a_reload("postgres", "standard", "/home").await;
}

#[tokio::test]
async fn positions_are_loaded_again_after_a_gap() {
    let app = start().await;
    let mut browser = app.browser_of("Ada").await.speaking("en");
    let token = token_of_ada(&app).await;
    let mut events = listen(&app, &mut browser, "/home").await;
    events.until("prices").await;
    for _ in 0..140 {
        order(&app, &token, "buy", "AAPL", "0.123456").await;
    }
    app.publish_second(1);
    let html = browser.page("/home").await.html().to_owned();
    let (_, cash) = html.split_once("id=\"cash\" class=\"num\">").expect("the cash");
    let cash = format!(">{}<", cash.split_once('<').expect("its end").0);
    while !events.until("prices").await.data.contains(&cash) {}
}

/// The number of statements in these metrics.
fn statements(metrics: &str) -> u64 {
    let counts = metrics.lines().filter(|line| line.starts_with("openbell_query_seconds_count"));
    counts
        .map(|line| line.rsplit(' ').next().expect("a value").parse::<u64>().expect("a number"))
        .sum()
}

#[tokio::test]
async fn prices_cause_no_statement() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let metrics = recorder.handle();
    let _recording = metrics::set_default_local_recorder(&recorder);
    let app = App::start_with(|config| {
        config.http.stream_prices_interval_ms = 1;
        config.http.stream_heartbeat_ms = 3_600_000;
    })
    .await;
    let mut browser = app.browser_of("Ada").await;
    let token = token_of_ada(&app).await;
    order(&app, &token, "buy", "AAPL", "10.5").await;
    let mut streams = Vec::new();
    for path in ["/home", "/portfolio", "/home", "/portfolio"] {
        let mut events = listen(&app, &mut browser, path).await;
        events.until("prices").await;
        streams.push(events);
    }
    let before = statements(&metrics.render());
    assert!(before > 0, "statements are counted");
    let opened = testkit::ManualClock::new().now();
    let market = MarketSource::new(&MarketConfig::default(), opened).expect("a market");
    for second in 1..=200 {
        app.prices.publish(&market, opened.plus_seconds(second));
        for events in &mut streams {
            assert!(events.until("prices").await.data.contains("id=\"total\""));
        }
    }
    assert_eq!(statements(&metrics.render()), before);
}
