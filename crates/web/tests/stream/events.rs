//! Event streams: recipients and order of events, reconnects, slow clients, and the end of streams.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::common::App;
use crate::common::events::{Event, Events};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Longer than anything here takes, so that a defect ends a test instead of hanging it.
const TIMEOUT: Duration = Duration::from_secs(20);

/// A server whose streams do not wait.
async fn start() -> App {
    App::start_with(|config| config.http.stream_prices_interval_ms = 1).await
}

/// A server whose streams show that they live at every moment.
async fn start_with_heartbeat() -> App {
    App::start_with(|config| config.http.stream_heartbeat_ms = 5).await
}

async fn buy(app: &App, token: &str) -> Value {
    let order = json!({"stock_symbol": "KO", "quantity": 1});
    let answer = app.post_as(token, "/api/portfolio/buy", &order).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json()["data"].clone()
}

fn symbols(prices: &Event) -> BTreeSet<String> {
    let prices = prices.json();
    let prices = prices.as_array().expect("a list").iter();
    prices.map(|price| price["symbol"].as_str().expect("a symbol").to_owned()).collect()
}

#[tokio::test]
async fn a_stream_is_neither_cached_nor_buffered() {
    let app = start().await;
    let mut events = app.listen(&app.register("Ada").await).await;
    let header = |name: &str| events.headers[name].to_str().unwrap().to_owned();
    assert_eq!(header("content-type"), "text/event-stream");
    assert_eq!(header("cache-control"), "no-store");
    assert_eq!(header("x-accel-buffering"), "no");
    assert!(!events.headers.contains_key("content-encoding"));
    assert_eq!(events.next().await, Some(Event::default()), "first the time to come back after");
    assert_eq!(symbols(&events.until("prices").await).len(), 20);
    assert_eq!(app.get("/api/events").await.status, 401);
}

#[tokio::test]
async fn only_changed_prices_are_sent() {
    let app = start().await;
    let mut events = app.listen(&app.register("Ada").await).await;
    let first = events.until("prices").await.json();
    assert_eq!(first[0]["symbol"], "AAPL");
    let quote = app.get("/api/stocks/AAPL").await.json()["data"]["quote"].clone();
    for side in ["bid", "price", "ask"] {
        assert_eq!(first[0][side], quote[side], "{side}");
    }
    let of_apple = first.as_array().unwrap().iter().find(|one| one["symbol"] == "AAPL").unwrap();
    let listed = app.get("/api/stocks/AAPL").await.json();
    assert_eq!(of_apple["price"], listed["data"]["quote"]["price"]);
    assert_eq!(of_apple["change_percentage"], listed["data"]["change_percentage"]);
    assert_eq!(of_apple["as_of"], listed["data"]["quote"]["as_of"]);
    for second in 1..=5 {
        let before = app.prices.snapshot();
        app.publish_second(second);
        let after = app.prices.snapshot();
        let quotes = before.quotes.iter().zip(&after.quotes).zip(app.prices.listings());
        let changed: BTreeSet<String> = quotes
            .filter(|((old, new), _)| {
                (old.price, old.previous_close) != (new.price, new.previous_close)
            })
            .map(|(_, listing)| listing.symbol.to_string())
            .collect();
        assert!(!changed.is_empty());
        assert_eq!(symbols(&events.until("prices").await), changed);
        // The same again is nothing new: the next event has the next second's changes only.
        app.publish_second(second);
    }
}

#[tokio::test]
async fn a_reconnecting_client_receives_the_prices_that_changed_since() {
    let app = start().await;
    let token = app.register("Ada").await;
    let mut events = app.listen(&token).await;
    events.until("prices").await;
    app.publish_second(1);
    let last = events.until("prices").await.id;
    drop(events);
    let mut again = app.listen_from(&token, &last).await;
    let before = app.prices.snapshot();
    app.publish_second(2);
    let after = app.prices.snapshot();
    let pairs = before.quotes.iter().zip(&after.quotes);
    let changed = pairs.filter(|(old, new)| old.price != new.price).count();
    assert_eq!(symbols(&again.until("prices").await).len(), changed);
}

#[tokio::test]
async fn a_player_receives_own_fills_only() {
    let app = start().await;
    let (ada, bob) = (app.register("Ada").await, app.register("Bob").await);
    let mut events = app.listen(&ada).await;
    buy(&app, &bob).await;
    let trade = buy(&app, &ada).await;
    let fill = events.own().await;
    assert_eq!(fill.name, "fill");
    let data = fill.json();
    for (field, member) in [
        ("trade_id", "trade_id"),
        ("side", "side"),
        ("stock_symbol", "stock_symbol"),
        ("quantity", "quantity"),
        ("price", "price"),
        ("cash_after", "new_balance"),
        ("xp_earned", "xp_earned"),
        ("executed_at", "executed_at"),
    ] {
        assert_eq!(data[field], trade[member], "{field}");
    }
    let unlocked = events.own().await;
    assert_eq!(unlocked.name, "achievement");
    assert_eq!(unlocked.json(), trade["achievements_unlocked"][0]);
    assert_eq!(unlocked.json()["code"], "first_trade");
}

#[tokio::test]
async fn a_new_level_and_a_new_rank_are_sent_once() {
    let app = start().await;
    let (ada, bob) = (app.register("Ada").await, app.register("Bob").await);
    buy(&app, &bob).await;
    let mut events = app.listen(&ada).await;
    assert_eq!(events.until("rank").await.json()["rank"], 2);
    for second in 1..=3 {
        app.publish_second(second);
        events.until("prices").await;
    }
    // One more achievement than Bob has.
    let note = json!({"stock_symbol": "KO", "quantity": 2, "note": "I drink it every day."});
    let answer = app.post_as(&ada, "/api/portfolio/buy", &note).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    for _ in 0..3 {
        buy(&app, &ada).await;
    }
    app.publish_second(4);
    assert_eq!(events.until("rank").await.json()["rank"], 1);
}

#[tokio::test]
async fn a_reconnecting_client_receives_each_missed_event_once() {
    let app = start().await;
    let token = app.register("Ada").await;
    let mut events = app.listen(&token).await;
    let mut trades = vec![buy(&app, &token).await["trade_id"].clone()];
    let first = events.until("fill").await;
    drop(events);
    for _ in 0..3 {
        trades.push(buy(&app, &token).await["trade_id"].clone());
    }
    // The first fill is known, what it unlocked is not.
    let mut again = app.listen_from(&token, &first.id).await;
    let unlocked = again.own().await;
    assert_eq!(
        (unlocked.name.as_str(), &unlocked.json()["code"]),
        ("achievement", &json!("first_trade"))
    );
    trades.push(buy(&app, &token).await["trade_id"].clone());
    let mut received = vec![first.json()["trade_id"].clone()];
    while received.len() < trades.len() {
        let event = again.own().await;
        if event.name == "fill" {
            received.push(event.json()["trade_id"].clone());
        }
    }
    assert_eq!(received, trades);
    // A client that has received everything receives nothing again.
    let last = again.until("prices").await.id;
    drop(again);
    let mut third = app.listen_from(&token, &last).await;
    let trade = buy(&app, &token).await;
    assert_eq!(third.own().await.json()["trade_id"], trade["trade_id"]);
}

#[tokio::test]
async fn a_malformed_last_event_id_starts_a_new_stream() {
    let app = start().await;
    let token = app.register("Ada").await;
    buy(&app, &token).await;
    for id in ["x", "-1.0.0", "99.0.0", "1.0", "9223372036854775807.0.0"] {
        let mut events = app.listen_from(&token, id).await;
        let trade = buy(&app, &token).await;
        assert_eq!(events.until("fill").await.json()["trade_id"], trade["trade_id"], "{id}");
    }
}

#[tokio::test]
async fn a_slow_client_receives_missed_fills_from_the_ledger() {
    let app = start().await;
    let token = app.register("Ada").await;
    let mut events = app.listen(&token).await;
    let mut trades = Vec::new();
    for _ in 0..60 {
        trades.push(buy(&app, &token).await["trade_id"].clone());
    }
    for trade in trades {
        assert_eq!(events.until("fill").await.json()["trade_id"], trade);
    }
}

#[tokio::test]
async fn a_client_that_missed_too_much_receives_reload_and_continues() {
    let app = start().await;
    let token = app.register("Ada").await;
    let mut events = app.listen(&token).await;
    let begin = events.until("prices").await.id;
    for _ in 0..140 {
        buy(&app, &token).await;
    }
    let mut again = app.listen_from(&token, &begin).await;
    for events in [&mut events, &mut again] {
        assert_eq!(events.own().await.name, "reload");
    }
    let last = buy(&app, &token).await["trade_id"].clone();
    // What was still in the queue follows first, in order.
    while events.until("fill").await.json()["trade_id"] != last {}
    assert_eq!(again.own().await.json()["trade_id"], last);
}

#[tokio::test]
async fn fills_of_another_node_are_read_from_the_ledger() {
    let app = start().await;
    let token = app.register("Ada").await;
    let mut events = app.listen(&token).await;
    let trade = buy(&app, &token).await;
    events.until("fill").await;
    let (player_id, version) = place(&trade);
    // Published again, because the follower reads every entry more than once; then an entry that
    // does not exist.
    app.hub.publish_entries([(player_id, version), (player_id, version + 1), (player_id + 1, 9)]);
    let next = buy(&app, &token).await;
    assert_eq!(events.until("fill").await.json()["trade_id"], next["trade_id"]);
}

/// Player and version in a trade's number, `t-<player>-<month>-<version>`.
fn place(trade: &Value) -> (i64, i64) {
    let number = trade["trade_id"].as_str().expect("a text");
    let parts: Vec<i64> =
        number.split('-').skip(1).map(|part| part.parse().expect("a number")).collect();
    (parts[0], parts[2])
}

#[tokio::test]
async fn surplus_streams_are_rejected_until_another_one_ends() {
    let app = App::start_with(|config| config.http.streams_max = 1).await;
    let (ada, bob) = (app.register("Ada").await, app.register("Bob").await);
    let mut events = app.listen(&ada).await;
    events.until("prices").await;
    let refused = app.get_as(&bob, "/api/events").await;
    assert_eq!((refused.status, refused.json()["code"].as_str()), (503, Some("busy")));
    assert!(refused.header("retry-after").is_some());
    drop(events);
    app.listen(&bob).await.until("prices").await;
}

#[tokio::test]
async fn a_stream_above_the_player_s_limit_closes_the_oldest() {
    let app = App::start_with(|config| config.http.streams_per_player_max = 2).await;
    let (ada, bob) = (app.register("Ada").await, app.register("Bob").await);
    let mut streams: Vec<Events> = Vec::new();
    for token in [&bob, &ada, &ada, &ada] {
        streams.push(app.listen(token).await);
    }
    streams.remove(1).end().await;
    buy(&app, &ada).await;
    buy(&app, &bob).await;
    for mut stream in streams {
        stream.until("fill").await;
    }
}

#[tokio::test]
async fn a_stream_outlives_the_request_timeout_and_ends_with_its_token() {
    let app = App::start_with(|config| {
        config.http.stream_heartbeat_ms = 100;
        config.http.request_timeout_ms = 400;
    })
    .await;
    let (ada, bob) = (app.register("Ada").await, app.register("Bob").await);
    let (mut of_ada, mut of_bob) = (app.listen(&ada).await, app.listen(&bob).await);
    for _ in 0..8 {
        while of_ada.next().await.expect("it goes on") != Event::default() {}
    }
    assert_eq!(app.post_as(&ada, "/api/auth/logout", &json!({})).await.status, 200);
    of_ada.end().await;
    while of_bob.next().await.expect("it goes on") != Event::default() {}
}

#[tokio::test]
async fn a_stream_ends_when_its_token_expires() {
    let app = start_with_heartbeat().await;
    let token = app.register("Ada").await;
    let events = app.listen(&token).await;
    app.clock.advance_seconds(400 * 86_400);
    events.end().await;
}

#[tokio::test]
async fn streams_end_at_shutdown_and_none_starts_after() {
    let app = start().await;
    let token = app.register("Ada").await;
    let events = [app.listen(&token).await, app.listen(&token).await];
    app.shutdown.close();
    for events in events {
        events.end().await;
    }
    let refused = app.get_as(&token, "/api/events").await;
    assert_eq!((refused.status, refused.json()["code"].as_str()), (503, Some("closing")));
}

#[tokio::test]
async fn the_server_does_not_wait_for_streams_to_end() {
    // Much longer than the patience of this test.
    let app = App::start_with(|config| config.http.drain_timeout_ms = 600_000).await;
    let token = app.register("Ada").await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (router, shutdown) = (app.router.clone(), app.shutdown.clone());
    let config = web::HttpConfig { drain_timeout_ms: 600_000, ..web::HttpConfig::default() };
    let served = tokio::spawn(async move { web::serve(listener, router, &config, shutdown).await });
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request =
        format!("GET /api/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let (mut seen, mut buffer) = (String::new(), [0; 1024]);
    while !seen.contains("event: prices") {
        let count = stream.read(&mut buffer).await.unwrap();
        assert!(count > 0, "{seen}");
        seen.push_str(std::str::from_utf8(&buffer[..count]).unwrap());
    }
    app.shutdown.close();
    tokio::time::timeout(TIMEOUT, served).await.expect("an end in time").unwrap().unwrap();
    let mut rest = Vec::new();
    tokio::time::timeout(TIMEOUT, stream.read_to_end(&mut rest)).await.unwrap().unwrap();
    assert!(rest.ends_with(b"0\r\n\r\n"), "the answer is whole");
}
