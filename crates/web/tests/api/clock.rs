//! The clock of a game in the API, on the pages and in the event streams: a pause, a step, another
//! pace, and a clock that is not known.

use std::sync::Arc;

use crate::common::App;
use domain::{Clock as _, ClockCommand, ClockPosition, GameClock, UnixMicros};
use market::{MarketConfig, MarketSource, SourceKind};
use serde_json::{Value, json};
use store::UNPLANNED;

const EVER: UnixMicros = UnixMicros(i64::MAX);

/// A server on the replay whose streams do not wait.
async fn start() -> App {
    let market = MarketConfig { source: SourceKind::Replay, ..MarketConfig::default() };
    App::start_on(&market, |config| config.http.stream_prices_interval_ms = 1).await
}

/// Changes the clock at the next second, and lets it pass.
pub(super) async fn command(app: &App, command: ClockCommand) {
    let mut clock = GameClock::clone(&app.market.clock().load());
    let at = app.clock.now().whole_second().plus_seconds(1);
    for segment in clock.plan(command, at).expect("allowed") {
        clock.append(segment).expect("appends");
    }
    app.market.clock().know(Arc::new(clock), EVER, EVER);
    app.pass_seconds(1).await;
}

async fn market(app: &App) -> Value {
    app.get("/api/market").await.json()["data"].clone()
}

async fn buy(app: &App, token: &str) -> (u16, Value) {
    let order = json!({"stock_symbol": "AAPL", "quantity": 1});
    let response = app.post_as(token, "/api/portfolio/buy", &order).await;
    (response.status, response.json())
}

#[tokio::test]
async fn a_paused_game_rejects_orders_and_keeps_its_prices() {
    let app = start().await;
    let token = app.register("Ada").await;
    app.pass_seconds(89).await;
    let running = market(&app).await;
    assert_eq!((&running["paused"], &running["session_seconds"]), (&json!(false), &json!(60)));
    assert_eq!(running["position"], 1_483_333);
    command(&app, ClockCommand::Pause).await;
    let prices = app.get("/api/stocks?per_page=20").await.json()["data"].clone();
    app.pass_seconds(500).await;
    let paused = market(&app).await;
    assert_eq!((&paused["paused"], &paused["position"]), (&json!(true), &json!(1_500_000)));
    assert_eq!(paused["resumes_at"], Value::Null);
    let price = |stocks: &Value| stocks[0]["quote"]["price"].clone();
    assert_eq!(price(&app.get("/api/stocks?per_page=20").await.json()["data"]), price(&prices));
    let (status, problem) = buy(&app, &token).await;
    assert_eq!((status, &problem["code"]), (409, &json!("game_paused")));
    assert_eq!(problem["retryable"], true);
    command(&app, ClockCommand::Resume).await;
    app.pass_seconds(15).await;
    assert_eq!(market(&app).await["position"], 1_750_000);
    assert_eq!(buy(&app, &token).await.0, 200);
    let segments = market(&app).await["timetable"]["clock"].clone();
    assert_eq!(segments.as_array().map(Vec::len), Some(3), "{segments}");
    assert_eq!(segments[1]["session_seconds"], 0);
    assert_eq!(segments[1]["position"], 1_500_000);
}

#[tokio::test]
async fn a_node_that_does_not_know_the_clock_rejects_orders_as_unavailable() {
    let app = start().await;
    let token = app.register("Ada").await;
    app.pass_seconds(10).await;
    let (clock, now) = (app.market.clock().load(), app.clock.now());
    app.market.clock().know(clock, now.plus_seconds(1), now.plus_seconds(5));
    app.pass_seconds(4).await;
    assert_eq!(buy(&app, &token).await.0, 200);
    let known = ClockPosition(11 * ClockPosition::PER_SESSION / 60).0;
    assert_eq!(market(&app).await["position"], known, "prices stand still before");
    app.pass_seconds(1).await;
    let (status, problem) = buy(&app, &token).await;
    assert_eq!((status, &problem["code"]), (503, &json!("clock_unknown")));
}

#[tokio::test]
async fn the_header_of_each_page_shows_the_day_and_a_pause_in_every_language() {
    let app = start().await;
    let mut browser = app.browser_of("Ada").await;
    let running = browser.page("/market").await.text();
    assert!(running.contains("Market day 3 Jan 2005"), "{running}");
    assert!(!running.contains("paused"), "{running}");
    command(&app, ClockCommand::Pause).await;
    for (lang, text) in [
        ("en", "Market day 4 Jan 2005: the market is paused"),
        ("sn", "musika wakamiswa"),
        ("nd", "imakethe imisiwe"),
    ] {
        for path in ["/about", "/ranks", "/stocks/AAPL"] {
            let page = browser.page(&format!("{path}?lang={lang}")).await.text();
            assert!(page.contains(text), "{lang} {path}: {page}");
        }
    }
    let ticket = browser.page("/stocks/AAPL?lang=en").await.text();
    assert!(ticket.contains("Prices stand still"), "{ticket}");
}

#[tokio::test]
async fn event_streams_publish_each_change_of_the_clock_once() {
    let app = start().await;
    let mut events = app.listen(&app.register("Ada").await).await;
    let running = events.until("market").await.json();
    assert_eq!(running, json!({"paused": false, "session_seconds": 60}));
    for (change, expected) in [
        (ClockCommand::Pause, json!({"paused": true, "session_seconds": 60})),
        (ClockCommand::Pace(30), json!({"paused": true, "session_seconds": 30})),
        (ClockCommand::Resume, json!({"paused": false, "session_seconds": 30})),
    ] {
        command(&app, change).await;
        assert_eq!(events.until("market").await.json(), expected);
        // The same again is no change.
        app.prices.publish(&app.market, app.clock.now());
    }
}

#[tokio::test]
async fn a_pending_order_waits_for_its_close_through_pauses_steps_and_paces() {
    let app = App::start_closing("sqlite", |_| {}).await;
    let token = app.register("Ada").await;
    app.pass_seconds(10).await;
    let (status, accepted) = buy(&app, &token).await;
    assert_eq!(status, 202, "{accepted}");
    let id = accepted["order"]["id"].as_str().expect("a number").to_owned();
    let find = async || {
        let path = format!("/api/portfolio/orders/{id}");
        app.get_as(&token, &path).await.json()["data"].clone()
    };
    command(&app, ClockCommand::Pause).await;
    let market: &MarketSource = &app.market;
    let day = market.closing_day(app.clock.now()).expect("it runs");
    assert_eq!(market.closing_session(app.clock.now()), None);
    app.store.plan_closes(day, UNPLANNED, 500).await.expect("moves");
    let waiting = find().await;
    assert_eq!((&waiting["fills_at"], &waiting["expires_at"]), (&Value::Null, &Value::Null));
    // Far beyond its expiry.
    app.pass_seconds(100_000).await;
    assert_eq!(app.execute_orders().await, 0);
    assert_eq!(find().await["status"], "pending");
    let (status, problem) = buy(&app, &token).await;
    assert_eq!((status, &problem["code"]), (409, &json!("game_paused")));
    command(&app, ClockCommand::Step).await;
    let closed_at = market
        .session_on(app.clock.now(), day)
        .and_then(|session| market.session_closed_at(app.clock.now(), session));
    // Its price is public: cancelling is refused although the fill time is not moved yet.
    let cancel = format!("/api/portfolio/orders/{id}");
    let refused = app.delete_as(&token, &cancel).await;
    assert_eq!(refused.status, 409, "{}", refused.text);
    app.store.plan_closes(day, closed_at.expect("closed"), 500).await.expect("moves");
    assert_eq!(app.execute_orders().await, 1);
    assert_eq!(find().await["status"], "filled");
}
