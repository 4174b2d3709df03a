//! Buying and selling over HTTP: responses and rejections of the original API, idempotency, and
//! that invalid requests change nothing.

use crate::common::{App, TestResponse};
use serde_json::{Value, json};

const BUY: &str = "/api/portfolio/buy";
const SELL: &str = "/api/portfolio/sell";

/// Everything a trade could have changed, as the player sees it.
async fn everything(app: &App, token: &str) -> Vec<String> {
    let paths = [
        "/api/portfolio",
        "/api/portfolio/summary",
        "/api/portfolio/transactions",
        "/api/achievements",
        "/api/leaderboard?around=me",
    ];
    let mut seen = Vec::new();
    for path in paths {
        let answer = app.get_as(token, path).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text);
        seen.push(answer.text);
    }
    seen
}

fn assert_problem(answer: &TestResponse, status: u16, code: &str, message: &str) {
    assert_eq!(answer.status, status, "{}", answer.text);
    assert_eq!(answer.header("content-type"), Some("application/problem+json"));
    let body = answer.json();
    assert_eq!(body["code"], code, "{}", answer.text);
    assert_eq!(body["message"], message);
    assert_eq!(body["success"], false);
    assert_eq!(body["status"], status);
    assert_eq!(body["request_id"].as_str(), answer.header("x-request-id"));
}

#[tokio::test]
async fn a_purchase_and_a_sale_respond_as_in_the_original_api() {
    let app = App::start().await;
    let ada = app.register("Ada").await;
    let order = json!({"stock_symbol": " aapl ", "quantity": 30, "note": "I use their phones."});
    let bought = app.post_as(&ada, BUY, &order).await;
    assert_eq!(bought.status, 200, "{}", bought.text);
    let body = bought.json();
    assert_eq!(body["success"], true);
    assert_eq!(body["message"], "Stock purchased successfully");
    let data = &body["data"];
    assert_eq!(data["xp_earned"], 10);
    assert_eq!((&data["stock_symbol"], &data["side"]), (&json!("AAPL"), &json!("buy")));
    assert_eq!((&data["quantity"], &data["fee"]), (&json!(30), &json!("0.00")));
    assert_eq!(data["level"], 1);
    assert_eq!(data["price"], data["quote"]["price"]);
    let unlocked: Vec<&str> = data["achievements_unlocked"]
        .as_array()
        .unwrap()
        .iter()
        .map(|achievement| achievement["code"].as_str().unwrap())
        .collect();
    assert_eq!(unlocked, ["first_trade", "first_note"]);
    assert_eq!(data["achievements_unlocked"][0]["xp_reward"], 50);

    let sold = app.post_as(&ada, SELL, &json!({"stock_symbol": "AAPL", "quantity": 20})).await;
    let body = sold.json();
    assert_eq!(body["message"], "Stock sold successfully");
    assert_eq!((&body["data"]["xp_earned"], &body["data"]["side"]), (&json!(15), &json!("sell")));
    let summary = app.get_as(&ada, "/api/portfolio/summary").await.json();
    assert_eq!(summary["data"]["balance"], body["data"]["new_balance"]);
    assert_eq!(summary["data"]["experience_points"], 10 + 15 + 50 + 25);
    let holdings = app.get_as(&ada, "/api/portfolio").await.json();
    assert_eq!(holdings["data"][0]["quantity"], 10);
}

#[tokio::test]
async fn rejections_have_the_status_and_the_text_of_the_original_api() {
    let app = App::start().await;
    let ada = app.register("Ada").await;
    let order = json!({"stock_symbol": "AAPL", "quantity": 1_000_000});
    let answer = app.post_as(&ada, BUY, &order).await;
    assert_problem(&answer, 400, "insufficient_cash", "Insufficient balance");
    let order = json!({"stock_symbol": "AAPL", "quantity": 1});
    let answer = app.post_as(&ada, SELL, &order).await;
    assert_problem(&answer, 400, "insufficient_quantity", "Insufficient stock quantity");
    let order = json!({"stock_symbol": "NOPE", "quantity": 1});
    for route in [BUY, SELL] {
        let answer = app.post_as(&ada, route, &order).await;
        let text = "The selected stock symbol is invalid.";
        assert_eq!(answer.status, 422);
        assert_eq!(answer.json()["message"], text);
        assert_eq!(answer.json()["errors"], json!({"stock_symbol": [text]}));
        let answer = app.post_as(&ada, route, &json!({})).await.json();
        assert_eq!(answer["message"], "The stock symbol field is required. (and 1 more error)");
        assert_eq!(answer["errors"]["quantity"], json!(["The quantity field is required."]));
        let answer = app.post(route, &json!({})).await;
        assert_eq!((answer.status, &answer.json()["message"]), (401, &json!("Unauthenticated.")));
    }
}

/// Bodies that no order can be read from.
fn bad_bodies() -> Vec<String> {
    let quantities = [
        "0",
        "-1",
        "-0.5",
        "-0",
        "0.0000001",
        "1e-7",
        "1000001",
        "1e400",
        "9223372036854775807",
        "9223372036854775808",
        "10000000000000000000",
        "1e99999999999999999999",
        "\"01\"",
        "\"3,000\"",
        "\"1,5\"",
        "\"0x1\"",
        "\"-1\"",
        "\"\\ud800\"",
        "\"abc\"",
        "\"\"",
        "null",
        "true",
        "false",
        "[1]",
        "[]",
        "{}",
        "{\"a\":1}",
        "\"١\"",
        "\"NaN\"",
    ];
    let symbols =
        ["null", "\"\"", "\"  \"", "123", "[\"AAPL\"]", "{}", "true", "\"NOPE\"", "\"A'--\""];
    let notes = ["5", "[\"x\"]", "\"\\u0000\"", "\"\\u202e\"", "\"\\ud800\""];
    let mut bodies: Vec<String> = Vec::new();
    bodies.extend(quantities.map(|q| format!(r#"{{"stock_symbol":"AAPL","quantity":{q}}}"#)));
    bodies.extend(symbols.map(|s| format!(r#"{{"stock_symbol":{s},"quantity":1}}"#)));
    bodies.extend(notes.map(|n| format!(r#"{{"stock_symbol":"AAPL","quantity":1,"note":{n}}}"#)));
    let long = "x".repeat(281);
    bodies.push(format!(r#"{{"stock_symbol":"AAPL","quantity":1,"note":"{long}"}}"#));
    bodies.extend(
        ["", "{}", "{", "[]", "null", "1", "\"x\"", "{\"stock_symbol\":", "not json", "{} {}"]
            .map(str::to_owned),
    );
    bodies.push(r#"{"stock_symbol":"AAPL","quantity":1,"quantity":2}"#.to_owned());
    bodies.push(format!("{}{}", "[".repeat(200), "]".repeat(200)));
    bodies.push(format!(r#"{{"stock_symbol":"AAPL","quantity":{}}}"#, "9".repeat(400)));
    bodies
}

#[tokio::test]
async fn invalid_bodies_are_rejected_and_change_nothing() {
    let app = App::start().await;
    let ada = app.register("Ada").await;
    let bought = app.post_as(&ada, BUY, &json!({"stock_symbol": "AAPL", "quantity": 5})).await;
    assert_eq!(bought.status, 200);
    let before = everything(&app, &ada).await;
    assert!(bad_bodies().len() >= 42);
    for route in [BUY, SELL] {
        for body in bad_bodies() {
            let answer = app.post_raw(Some(&ada), route, "application/json", &body).await;
            assert!(matches!(answer.status, 400 | 422), "{route} {body}: {}", answer.text);
            let problem = answer.json();
            assert_eq!(problem["success"], false, "{route} {body}");
            assert!(problem["code"].is_string() && problem["message"].is_string(), "{body}");
        }
        for kind in ["application/x-www-form-urlencoded", "text/plain", "multipart/form-data"] {
            let body = "stock_symbol=AAPL&quantity=1";
            let answer = app.post_raw(Some(&ada), route, kind, body).await;
            assert_eq!(answer.status, 415, "{kind}: {}", answer.text);
        }
        let huge =
            format!(r#"{{"stock_symbol":"AAPL","quantity":1,"x":"{}"}}"#, "x".repeat(1 << 17));
        let answer = app.post_raw(Some(&ada), route, "application/json", &huge).await;
        assert_eq!(answer.status, 413, "{}", answer.text);
    }
    assert_eq!(everything(&app, &ada).await, before);
}

#[tokio::test]
async fn a_purchase_fills_at_the_published_ask_and_a_sale_at_the_bid() {
    let app = App::start().await;
    let ada = app.register("Ada").await;
    let stock = app.get("/api/stocks/AAPL").await.json()["data"].clone();
    let quote = &stock["quote"];
    let published = [&quote["bid"], &quote["price"], &quote["ask"]];
    assert_eq!(published, [&json!("0.9607"), &json!("0.961"), &json!("0.9613")]);
    let cases = [(BUY, "ask", "96.13", "9903.87"), (SELL, "bid", "96.07", "9999.94")];
    for (route, side, total, balance) in cases {
        let order = json!({"stock_symbol": "AAPL", "quantity": 100});
        let data = app.post_as(&ada, route, &order).await.json()["data"].clone();
        assert_eq!((&data["price"], &data["quote"]["price"]), (&quote[side], &quote[side]));
        assert_eq!(data["quote"]["side"], side);
        assert_eq!((&data["total_amount"], &data["new_balance"]), (&json!(total), &json!(balance)));
    }
}

#[tokio::test]
async fn members_that_a_client_may_not_choose_are_ignored() {
    let app = App::start().await;
    let (ada, bob) = (app.register("Ada").await, app.register("Bob").await);
    let honest = json!({"stock_symbol": "AAPL", "quantity": 2});
    let greedy = json!({"stock_symbol": "AAPL", "quantity": 2, "total": 0,
        "player_id": 1, "xp": 9999, "level": 50, "fee": "-5", "balance": "1000000.00"});
    let one = app.post_as(&ada, BUY, &honest).await.json();
    let two = app.post_as(&bob, BUY, &greedy).await.json();
    for member in ["new_balance", "xp_earned", "price", "total_amount", "fee", "level"] {
        assert_eq!(one["data"][member], two["data"][member], "{member}");
    }
}

#[tokio::test]
async fn an_order_of_another_type_is_rejected_and_changes_nothing() {
    let app = App::start().await;
    let ada = app.register("Ada").await;
    let before = everything(&app, &ada).await;
    for (name, value) in [
        ("type", json!("limit")),
        ("type", json!(1)),
        ("order_type", json!("stop")),
        ("time_in_force", json!("gtc")),
        ("side", json!("hold")),
        ("price", json!("0.01")),
        ("price", json!(100)),
        ("limit_price", json!("100.00")),
        ("stop_price", json!(100.5)),
        ("trail_price", json!("1")),
        ("trail_percent", json!("1")),
        ("take_profit", json!({"limit_price": "1"})),
        ("stop_loss", json!({})),
        ("notional", json!("100")),
        ("orderType", json!("limit")),
        ("order-type", json!("limit")),
        ("TYPE", json!("limit")),
        ("limitPrice", json!("100.00")),
        ("Stop Price", json!(100.5)),
        ("timeInForce", json!("GTC")),
        ("tif", json!("gtd")),
        ("order_class", json!("bracket")),
        ("extended_hours", json!(true)),
        ("max_price", json!(1)),
        ("trailing_stop", json!({})),
        ("good_till_date", json!("2030-01-01")),
        ("amount", json!(500)),
        ("currency", json!("EUR")),
    ] {
        for route in [BUY, SELL] {
            let mut order = json!({"stock_symbol": "AAPL", "quantity": 1});
            order[name] = value.clone();
            let answer = app.post_as(&ada, route, &order).await;
            assert_eq!(answer.status, 422, "{order}: {}", answer.text);
            assert!(answer.json()["errors"][name].is_array(), "{}", answer.text);
        }
    }
    let limit = json!({"stock_symbol": "AAPL", "quantity": 1, "type": "limit",
        "limit_price": "100.00"});
    let answer = app.post_as(&ada, BUY, &limit).await;
    assert_eq!(answer.status, 422);
    assert_eq!(answer.json()["errors"].as_object().map(serde_json::Map::len), Some(2));
    assert_eq!(everything(&app, &ada).await, before);
}

#[tokio::test]
async fn a_market_order_may_name_its_type() {
    let app = App::start().await;
    let ada = app.register("Ada").await;
    let order = json!({"stock_symbol": "AAPL", "quantity": 1, "type": "Market", "side": "buy",
        "order_type": null, "limit_price": null, "stop_price": "", "price": null,
        "time_in_force": "day", "extended_hours": false, "orderClass": "simple"});
    let answer = app.post_as(&ada, BUY, &order).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
}

#[tokio::test]
async fn a_quantity_may_be_spelled_in_several_ways() {
    let app = App::start().await;
    let ada = app.register("Ada").await;
    for (literal, shares) in [
        ("5.0", "5"),
        ("1.50", "1.5"),
        ("1e-05", "0.00001"),
        ("20E-1", "2"),
        ("\"1\"", "1"),
        ("\" 1.5 \"", "1.5"),
        ("1.0000000", "1"),
    ] {
        let body = format!(r#"{{"stock_symbol":"KO","quantity":{literal}}}"#);
        let answer = app.post_raw(Some(&ada), BUY, "application/json", &body).await;
        let written = format!("\"quantity\":{shares},");
        assert!(answer.text.contains(&written), "{literal}: {}", answer.text);
    }
    let huge = format!(r#"{{"stock_symbol":"KO","quantity":1e{}}}"#, "9".repeat(10_000));
    let answer = app.post_raw(Some(&ada), BUY, "application/json", &huge).await;
    assert_eq!(answer.status, 422, "{}", answer.text);
}

#[tokio::test]
async fn equal_quantities_are_one_request_under_a_key() {
    let app = App::start().await;
    let ada = app.register("Ada").await;
    let mut answers = Vec::new();
    for literal in ["2", "2.0", "\"2\"", "20e-1"] {
        let body = format!(r#"{{"stock_symbol":"AAPL","quantity":{literal}}}"#);
        let bearer = format!("Bearer {ada}");
        let headers = [
            ("authorization", bearer.as_str()),
            ("content-type", "application/json"),
            ("idempotency-key", "key-1"),
        ];
        let answer = app.raw("POST", BUY, &headers, &body).await;
        assert_eq!(answer.status, 200, "{literal}: {}", answer.text);
        answers.push(answer.text);
    }
    answers.dedup();
    assert_eq!(answers.len(), 1);
}

#[tokio::test]
async fn fractional_shares_are_traded_exactly() {
    let app = App::start().await;
    let ada = app.register("Ada").await;
    for (route, literal) in [(BUY, "0.333333"), (SELL, "0.000001")] {
        // As a text: `json!` would write the second as 1e-6.
        let body = format!(r#"{{"stock_symbol":"AAPL","quantity":{literal}}}"#);
        let answer = app.post_raw(Some(&ada), route, "application/json", &body).await;
        assert!(answer.text.contains(&format!("\"quantity\":{literal},")), "{}", answer.text);
    }
    let holdings = app.get_as(&ada, "/api/portfolio").await;
    assert!(holdings.text.contains("\"quantity\":0.333332,"), "{}", holdings.text);
}

#[tokio::test]
async fn an_idempotent_replay_has_the_same_bytes_and_trades_once() {
    let app = App::start().await;
    let ada = app.register("Ada").await;
    let order = json!({"stock_symbol": "AAPL", "quantity": 2, "note": "Twice."});
    let first = app.post_keyed(&ada, BUY, "key-1", &order).await;
    assert_eq!((first.status, first.header("idempotent-replayed")), (200, None));
    let before = everything(&app, &ada).await;
    let spelled = json!({"note": " Twice. ", "quantity": 2, "stock_symbol": "aapl "});
    for body in [&order, &spelled] {
        let again = app.post_keyed(&ada, BUY, "key-1", body).await;
        assert_eq!((again.status, &again.text), (200, &first.text));
        assert_eq!(again.header("idempotent-replayed"), Some("true"));
    }
    for (route, quantity, note) in [(BUY, 3, "Twice."), (BUY, 2, "Other."), (SELL, 2, "Twice.")] {
        let body = json!({"stock_symbol": "AAPL", "quantity": quantity, "note": note});
        let other = app.post_keyed(&ada, route, "key-1", &body).await;
        let text = "This Idempotency-Key was already used for a different request.";
        assert_problem(&other, 422, "idempotency_key_reused", text);
    }
    assert_eq!(everything(&app, &ada).await, before);
}

#[tokio::test]
async fn a_stored_rejection_is_replayed_even_if_the_order_would_now_fill() {
    let app = App::start().await;
    let ada = app.register("Ada").await;
    let order = json!({"stock_symbol": "AAPL", "quantity": 1});
    let first = app.post_keyed(&ada, SELL, "key-1", &order).await;
    assert_problem(&first, 400, "insufficient_quantity", "Insufficient stock quantity");
    assert_eq!(app.post_as(&ada, BUY, &order).await.status, 200);
    let again = app.post_keyed(&ada, SELL, "key-1", &order).await;
    assert_eq!((again.status, &again.text), (400, &first.text));
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    assert_eq!(app.post_keyed(&ada, SELL, "key-2", &order).await.status, 200);
}

#[tokio::test]
async fn a_key_belongs_to_one_player() {
    let app = App::start().await;
    let (ada, bob) = (app.register("Ada").await, app.register("Bob").await);
    let order = json!({"stock_symbol": "AAPL", "quantity": 2});
    let one = app.post_keyed(&ada, BUY, "shared", &order).await;
    let two = app.post_keyed(&bob, BUY, "shared", &json!({"stock_symbol":"GE","quantity":1})).await;
    assert_eq!((one.status, two.status), (200, 200), "{}", two.text);
    assert_eq!(two.header("idempotent-replayed"), None);
    assert_ne!(one.json()["data"]["trade_id"], two.json()["data"]["trade_id"]);
}

#[tokio::test]
async fn a_malformed_key_is_rejected_first() {
    let app = App::start().await;
    let ada = app.register("Ada").await;
    let before = everything(&app, &ada).await;
    let order = json!({"stock_symbol": "AAPL", "quantity": 1});
    for key in ["", " ", "a b", "caf\u{e9}", "\u{7f}", &"k".repeat(256)] {
        let answer = app.post_keyed(&ada, BUY, key, &order).await;
        assert_eq!(answer.status, 422, "{key:?}: {}", answer.text);
        assert_eq!(answer.json()["code"], "idempotency_key_invalid");
    }
    assert_eq!(everything(&app, &ada).await, before);
    assert_eq!(app.post_keyed(&ada, BUY, &"k".repeat(255), &order).await.status, 200);
}

#[tokio::test]
async fn only_the_first_trades_of_a_day_earn_experience() {
    let app = App::start().await;
    let ada = app.register("Ada").await;
    let order = json!({"stock_symbol": "AAPL", "quantity": 20});
    let mut earned: Vec<Value> = Vec::new();
    for _ in 0..4 {
        let answer = app.post_as(&ada, BUY, &order).await.json();
        earned.push(answer["data"]["xp_earned"].clone());
    }
    assert_eq!(earned, [10, 10, 10, 0]);
}
