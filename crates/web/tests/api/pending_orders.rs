//! Pending orders in the API and the pages: acceptance, idempotent replay, lists, cancellation and
//! execution; on both engines.

use crate::common::html::HtmlPage;
use crate::common::{App, TestResponse};
use domain::{Price, StockInfo, Symbol, UnixMicros};
use market::{Calendar, LiveConfig, MarketSource, StockQuote};
use serde_json::{Value, json};

on_both_engines!(
    an_order_fills_at_the_close_of_the_session_it_was_accepted_in,
    a_rejection_at_acceptance_has_the_usual_code_and_stores_nothing,
    a_replay_returns_the_same_order_and_another_body_is_rejected,
    a_player_has_no_more_pending_orders_than_the_rules_allow,
    orders_are_listed_in_pages_and_by_status,
    an_order_is_cancelled_before_the_close_and_not_after,
    an_order_of_another_player_is_not_found,
    an_erased_player_has_no_orders,
    a_player_sees_cancels_and_follows_orders_on_pages,
);

const ORDERS: &str = "/api/portfolio/orders";

fn order(symbol: &str, quantity: u64) -> Value {
    json!({ "stock_symbol": symbol, "quantity": quantity })
}

async fn buy(app: &App, token: &str, quantity: u64) -> TestResponse {
    app.post_as(token, "/api/portfolio/buy", &order("AAPL", quantity)).await
}

/// Sends an order with a key.
async fn keyed(app: &App, token: &str, key: &str, quantity: u64) -> TestResponse {
    app.post_keyed(token, "/api/portfolio/buy", key, &order("AAPL", quantity)).await
}

/// Places an order and returns its number.
async fn placed(app: &App, token: &str) -> String {
    let answer = buy(app, token, 1).await;
    assert_eq!(answer.status, 202, "{}", answer.text);
    answer.json()["order"]["id"].as_str().expect("a number").to_owned()
}

async fn find(app: &App, token: &str, id: &str) -> Value {
    let answer = app.get_as(token, &format!("{ORDERS}/{id}")).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json()["data"].clone()
}

fn code(answer: &TestResponse) -> (u16, String) {
    (answer.status, answer.json()["code"].as_str().unwrap_or_default().to_owned())
}

async fn an_order_fills_at_the_close_of_the_session_it_was_accepted_in(engine: &str) {
    let app = App::start_closing(engine, |_| {}).await;
    let ada = app.register("Ada").await;
    app.pass_seconds(10).await;
    let body = json!({ "stock_symbol": "aapl", "quantity": 3, "note": "I use their phones." });
    let answer = app.post_as(&ada, "/api/portfolio/buy", &body).await;
    assert_eq!(answer.status, 202, "{}", answer.text);
    let answer = answer.json();
    assert_eq!(answer["success"], true);
    let accepted = &answer["order"];
    assert_eq!(accepted["status"], "pending");
    assert_eq!((&accepted["stock_symbol"], &accepted["side"]), (&json!("AAPL"), &json!("buy")));
    assert_eq!((&accepted["quantity"], &accepted["fills"]), (&json!(3), &json!("close")));
    assert_eq!(accepted["note"], "I use their phones.");
    assert_eq!(accepted["market_date"], "2005-01-04");
    let id = accepted["id"].as_str().expect("a number");
    assert_eq!(find(&app, &ada, id).await, *accepted);
    // Nothing is traded or reserved until the close.
    app.pass_seconds(49).await;
    assert_eq!(app.execute_orders().await, 0);
    let history = app.get_as(&ada, "/api/portfolio/transactions").await.json();
    assert_eq!(history["data"].as_array().map(Vec::len), Some(1), "the opening");
    let session = app.market.finished_sessions(app_now(&app));
    app.pass_seconds(1).await;
    let position = app.prices.position(stock_id(&app, "AAPL")).expect("listed");
    let close = app.market.session_closes(app_now(&app), session).expect("public")[position];
    // The next session moves on before the order is executed.
    app.pass_seconds(30).await;
    assert_ne!(app.prices.quote(stock_id(&app, "AAPL")).expect("a price").price, close);
    assert_eq!(app.execute_orders().await, 1);
    let filled = find(&app, &ada, id).await;
    assert_eq!(filled["status"], "filled");
    let trade = filled["trade_id"].as_str().expect("a trade");
    let receipt = app.get_as(&ada, &format!("/api/portfolio/transactions/{trade}")).await;
    assert_eq!(receipt.status, 200, "{}", receipt.text);
    let history = app.get_as(&ada, "/api/portfolio/transactions").await.json();
    let entry = &history["data"][0];
    let sides = domain::BidAsk::around(close, tick(&app, close), 5);
    assert_eq!(entry["price"], sides.ask.to_string(), "{entry}");
    assert_eq!(entry["note"], "I use their phones.");
    assert_eq!(history["data"].as_array().map(Vec::len), Some(2), "one trade");
    assert_eq!(app.execute_orders().await, 0);
}

fn app_now(app: &App) -> UnixMicros {
    domain::Clock::now(&app.clock)
}

fn stock_id(app: &App, symbol: &str) -> i64 {
    app.prices.find(&Symbol::parse(symbol).expect("a symbol")).expect("listed").stock_id
}

fn tick(app: &App, price: Price) -> Price {
    app.prices.snapshot().tick.step(price)
}

async fn a_rejection_at_acceptance_has_the_usual_code_and_stores_nothing(engine: &str) {
    let app = App::start_closing(engine, |_| {}).await;
    let ada = app.register("Ada").await;
    let sell = app.post_as(&ada, "/api/portfolio/sell", &order("AAPL", 1)).await;
    assert_eq!(code(&sell), (400, "insufficient_quantity".to_owned()));
    assert_eq!(code(&buy(&app, &ada, 900_000).await), (400, "insufficient_cash".to_owned()));
    let bad = async |body: Value| app.post_as(&ada, "/api/portfolio/buy", &body).await;
    for (symbol, quantity) in [("NOPE", json!(1)), ("AAPL", json!(0)), ("AAPL", json!(2_000_000))] {
        let body = json!({ "stock_symbol": symbol, "quantity": quantity });
        assert_eq!(code(&bad(body).await), (422, "validation_failed".to_owned()));
    }
    // Nothing is stored of a refusal: the same key can be used for an order that is accepted.
    let dear = app.post_keyed(&ada, "/api/portfolio/buy", "k", &order("AAPL", 900_000)).await;
    assert_eq!(dear.status, 400);
    let list = app.get_as(&ada, ORDERS).await.json();
    assert_eq!(list["data"], json!([]));
    let good = app.post_keyed(&ada, "/api/portfolio/buy", "k", &order("AAPL", 1)).await;
    assert_eq!(good.status, 202, "{}", good.text);
    assert_eq!(app.get(ORDERS).await.status, 401);
}

async fn a_replay_returns_the_same_order_and_another_body_is_rejected(engine: &str) {
    let app = App::start_closing(engine, |_| {}).await;
    let ada = app.register("Ada").await;
    let send = |key, quantity| keyed(&app, &ada, key, quantity);
    let first = send("k", 1).await;
    assert_eq!((first.status, first.header("idempotent-replayed")), (202, None));
    let again = send("k", 1).await;
    assert_eq!((again.status, again.header("idempotent-replayed")), (202, Some("true")));
    assert_eq!(first.json(), again.json());
    assert_eq!(code(&send("k", 2).await), (422, "idempotency_key_reused".to_owned()));
    assert_eq!(send("other", 2).await.status, 202);
    // Also when the order has become a trade, and after the client's key is forgotten elsewhere.
    app.pass_seconds(60).await;
    assert_eq!(app.execute_orders().await, 2);
    let forgotten = app.store.delete_idempotency_before(UnixMicros(i64::MAX), 100).await;
    assert_eq!(forgotten.expect("deletes"), 4, "two keys of the client, two of executions");
    let late = send("k", 1).await;
    assert_eq!((late.status, &late.json()["order"]["status"]), (202, &json!("filled")));
    assert_eq!(late.json()["order"]["id"], first.json()["order"]["id"]);
    let history = app.get_as(&ada, "/api/portfolio/transactions").await.json();
    assert_eq!(history["data"].as_array().map(Vec::len), Some(3));
    // A key with a blank, as executions have, is not one of a request.
    let blank = send("order 1", 1).await;
    assert_eq!(code(&blank), (422, "idempotency_key_invalid".to_owned()));
}

async fn a_player_has_no_more_pending_orders_than_the_rules_allow(engine: &str) {
    let app = App::start_closing(engine, |rules| rules.pending_orders_max = 2).await;
    let ada = app.register("Ada").await;
    let first = placed(&app, &ada).await;
    placed(&app, &ada).await;
    let refused = keyed(&app, &ada, "k", 1).await;
    assert_eq!(code(&refused), (409, "too_many_pending_orders".to_owned()));
    let eve = app.register("Eve").await;
    placed(&app, &eve).await;
    assert_eq!(app.delete_as(&ada, &format!("{ORDERS}/{first}")).await.status, 200);
    assert_eq!(keyed(&app, &ada, "k", 1).await.status, 202);
}

async fn orders_are_listed_in_pages_and_by_status(engine: &str) {
    let app = App::start_closing(engine, |_| {}).await;
    let ada = app.register("Ada").await;
    let mut ids = Vec::new();
    for _ in 0..5 {
        ids.push(placed(&app, &ada).await);
    }
    ids.reverse();
    assert_eq!(app.delete_as(&ada, &format!("{ORDERS}/{}", ids[2])).await.status, 200);
    let page = async |query: &str| {
        let answer = app.get_as(&ada, &format!("{ORDERS}{query}")).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        let json = answer.json();
        let data = json["data"].as_array().expect("a list");
        let found = data.iter().map(|order| order["id"].as_str().expect("a number").to_owned());
        let next = json["meta"]["next_cursor"].as_str().map(str::to_owned);
        assert_eq!(next.is_some(), answer.header("link").is_some());
        (found.collect::<Vec<_>>(), next)
    };
    assert_eq!(page("").await, (ids.clone(), None));
    let (first, next) = page("?limit=2").await;
    assert_eq!(first, ids[..2]);
    let (second, next) = page(&format!("?limit=2&cursor={}", next.expect("more"))).await;
    assert_eq!(second, ids[2..4]);
    let last = page(&format!("?limit=2&cursor={}", next.expect("more"))).await;
    assert_eq!(last, (ids[4..].to_vec(), None));
    assert_eq!(page("?status=cancelled").await, (vec![ids[2].clone()], None));
    assert_eq!(page("?status=pending").await.0.len(), 4);
    assert_eq!(page("?status=filled").await, (vec![], None));
    for query in ["status=open", "limit=0", "limit=101", "limit=x", "cursor=x", "cursor=-1"] {
        let answer = app.get_as(&ada, &format!("{ORDERS}?{query}")).await;
        assert_eq!(code(&answer), (422, "validation_failed".to_owned()), "{query}");
    }
}

async fn an_order_is_cancelled_before_the_close_and_not_after(engine: &str) {
    let app = App::start_closing(engine, |_| {}).await;
    let ada = app.register("Ada").await;
    let (one, two) = (placed(&app, &ada).await, placed(&app, &ada).await);
    let cancel = async |id: &str| app.delete_as(&ada, &format!("{ORDERS}/{id}")).await;
    for _ in 0..2 {
        let answer = cancel(&one).await;
        assert_eq!((answer.status, &answer.json()["order"]["status"]), (200, &json!("cancelled")));
    }
    app.pass_seconds(60).await;
    let late = (409, "order_not_cancellable".to_owned());
    assert_eq!(code(&cancel(&two).await), late, "the close is public");
    assert_eq!(app.execute_orders().await, 1);
    assert_eq!(code(&cancel(&two).await), late);
    assert_eq!(cancel(&one).await.status, 200);
    assert_eq!(find(&app, &ada, &two).await["status"], "filled");
    let history = app.get_as(&ada, "/api/portfolio/transactions").await.json();
    assert_eq!(history["data"].as_array().map(Vec::len), Some(2), "the cancelled one is no trade");
}

async fn an_order_of_another_player_is_not_found(engine: &str) {
    let app = App::start_closing(engine, |_| {}).await;
    let (ada, eve) = (app.register("Ada").await, app.register("Eve").await);
    let id = placed(&app, &ada).await;
    for path in [id.as_str(), "o-1-999", "o-01-1", "t-1-202611-1", "x", "%FF"] {
        let path = format!("{ORDERS}/{path}");
        assert_eq!(app.get_as(&eve, &path).await.status, 404, "{path}");
        assert_eq!(app.delete_as(&eve, &path).await.status, 404, "{path}");
    }
    assert_eq!(find(&app, &ada, &id).await["status"], "pending");
    assert_eq!(app.get(&format!("{ORDERS}/{id}")).await.status, 401);
}

async fn an_erased_player_has_no_orders(engine: &str) {
    let app = App::start_closing(engine, |_| {}).await;
    let answer = app.register_as("Ada", "ada@example.org").await.json();
    let ada = answer["token"].as_str().expect("a token");
    let id = placed(&app, ada).await;
    let export = app.get_as(ada, "/api/auth/user/export").await.unzipped();
    let orders: Value = serde_json::from_str(&export["orders.json"]).expect("JSON");
    assert_eq!(orders[0]["id"], json!(id), "the export has them");
    let now = app_now(&app);
    let user_id = app.store.find_user_id("ada@example.org").await.expect("answers");
    assert!(app.store.erase_user(user_id.expect("registered"), now).await.expect("erases"));
    app.pass_seconds(60).await;
    assert_eq!(app.execute_orders().await, 0);
    assert_eq!(app.store.count_open_orders().await.expect("counts"), 0);
}

async fn a_player_sees_cancels_and_follows_orders_on_pages(engine: &str) {
    let app = App::start_closing(engine, |_| {}).await;
    let mut browser = app.browser_of("Ada").await;
    for (number, (mode, lang)) in
        [("kid", "sn"), ("easy", "nd"), ("standard", "en")].into_iter().enumerate()
    {
        let page = browser.page("/settings").await;
        let looks = [("mode", mode), ("language", lang)];
        assert_eq!(browser.submit(&page, "/settings/looks", &looks).await.status, 303);
        let ticket = if mode == "easy" { "/stocks/AAPL/buy" } else { "/stocks/AAPL" };
        let page = browser.page(ticket).await;
        if lang == "en" {
            let text = page.text();
            assert!(text.contains("The order fills at the close of this market day"), "{text}");
        }
        let sent = [("side", "buy"), ("quantity", "1")];
        let answer = browser.submit(&page, "/orders/review", &sent[usize::from(mode == "easy")..]);
        let review = HtmlPage::parse("/orders/review", answer.await);
        let answer = browser.submit(&review, "/orders", &[]).await;
        assert_eq!(answer.status, 303, "{}", answer.text);
        let path = answer.header("location").expect("a page").to_owned();
        assert!(path.starts_with("/orders/o-"), "{path}");
        // However often it is confirmed, it is one order.
        let again = browser.submit(&review, "/orders", &[]).await;
        assert_eq!(again.header("location"), Some(path.as_str()));
        let page = browser.page(&path).await;
        if lang == "en" {
            assert!(page.text().contains("Order accepted"), "{}", page.text());
            assert!(page.text().contains("It fills at today's close"), "{}", page.text());
        }
        let portfolio = browser.page("/portfolio").await;
        assert!(portfolio.links().contains(&path.as_str()), "{mode} {lang}");
        if number < 2 {
            let answer = browser.submit(&portfolio, &format!("{path}/cancel"), &[]).await;
            assert_eq!(answer.header("location"), Some(path.as_str()), "{}", answer.text);
            browser.page(&path).await;
        } else {
            app.pass_seconds(60).await;
            let late = browser.submit(&page, &format!("{path}/cancel"), &[]).await;
            assert_eq!(late.status, 409);
            assert!(late.text.contains("too late to cancel"), "{}", late.text);
            assert_eq!(app.execute_orders().await, 1);
            let page = browser.page(&path).await;
            let receipt = page.links().into_iter().find(|link| link.starts_with("/orders/t-"));
            let receipt = receipt.expect("a link to the receipt").to_owned();
            assert!(browser.page(&receipt).await.text().contains("You bought 1 shares of Apple"));
            let portfolio = browser.page("/portfolio").await;
            assert!(portfolio.links().contains(&receipt.as_str()));
            assert!(portfolio.text().contains("Cancelled"), "ended orders are listed");
        }
    }
    assert_eq!(browser.get("/orders/o-1-999").await.status, 404);
}

/// A live market that never closes, with one stock.
fn live(_: UnixMicros) -> MarketSource {
    let text = || "Text.".to_owned();
    let stock = StockInfo {
        symbol: Symbol::parse("AAPL").expect("a symbol"),
        name: text(),
        category: text(),
        description: text(),
        kid_friendly_description: text(),
        fun_fact: None,
    };
    let config = LiveConfig { around_the_clock: true, ..LiveConfig::default() };
    MarketSource::live(Calendar::embedded("NYSE").expect("a calendar"), &config, vec![stock])
}

/// A quote of this age is received.
fn receive(app: &App, price: i64, age_s: i64) {
    let as_of = app_now(app).plus_seconds(-age_s);
    let quote = StockQuote { price: Price(price), previous_close: Price(price), as_of };
    app.market.feed().expect("it is live").feed(&[(0, quote)]);
    app.prices.publish(&app.market, app_now(app));
}

#[tokio::test]
async fn in_a_live_market_an_order_fills_at_a_fresh_quote_or_at_the_next_one() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../config/game.toml");
    let rules = std::fs::read_to_string(path).expect("the rules");
    let rules: domain::Rules = toml::from_str(&rules).expect("rules");
    let app = App::start_game((rules, false), live, |_| {}).await;
    let ada = app.register("Ada").await;
    receive(&app, 1_000_000, 60);
    let at_once = keyed(&app, &ada, "now", 1).await;
    assert_eq!(at_once.status, 200, "{}", at_once.text);
    app.clock.advance_seconds(1);
    let later = keyed(&app, &ada, "later", 1).await;
    assert_eq!((later.status, &later.json()["order"]["fills"]), (202, &json!("next_quote")));
    let at_once = json!({"stock_symbol": "AAPL", "quantity": 1, "time_in_force": "ioc"});
    let refused = app.post_as(&ada, "/api/portfolio/buy", &at_once).await;
    assert_eq!(code(&refused), (422, "validation_failed".to_owned()), "it does not fill at once");
    let cancelled = placed(&app, &ada).await;
    // Both keys stay what they are, whatever the age of the quote.
    assert_eq!(keyed(&app, &ada, "now", 1).await.status, 200);
    assert_eq!(app.execute_orders().await, 0);
    assert_eq!(app.delete_as(&ada, &format!("{ORDERS}/{cancelled}")).await.status, 200);
    let overtaken = placed(&app, &ada).await;
    // A quote that was made before they were accepted may be known from elsewhere.
    receive(&app, 1_100_000, 5);
    assert_eq!(app.execute_orders().await, 0);
    app.clock.advance_seconds(10);
    receive(&app, 1_200_000, 5);
    let again = keyed(&app, &ada, "later", 1).await;
    assert_eq!((again.status, again.header("idempotent-replayed")), (202, Some("true")));
    let late = app.delete_as(&ada, &format!("{ORDERS}/{overtaken}")).await;
    assert_eq!(code(&late), (409, "order_not_cancellable".to_owned()), "its price is public");
    assert_eq!(app.execute_orders().await, 2);
    let id = later.json()["order"]["id"].as_str().expect("a number").to_owned();
    assert_eq!(find(&app, &ada, &id).await["status"], "filled");
    let history = app.get_as(&ada, "/api/portfolio/transactions").await.json();
    assert_eq!(history["data"].as_array().map(Vec::len), Some(4));
    let ask = domain::BidAsk::around(Price(1_200_000), tick(&app, Price(1_200_000)), 5).ask;
    assert_eq!(history["data"][0]["price"], ask.to_string());
    // Without a next quote in time it expires; one that is too old at acceptance is refused.
    app.clock.advance_seconds(100);
    let expiring = placed(&app, &ada).await;
    app.clock.advance_seconds(900);
    assert_eq!(app.execute_orders().await, 0);
    app.clock.advance_seconds(1);
    assert_eq!(app.execute_orders().await, 1);
    let expired = find(&app, &ada, &expiring).await;
    assert_eq!(
        (&expired["status"], &expired["rejection"]),
        (&json!("expired"), &json!("stale_quote"))
    );
    assert_eq!(code(&buy(&app, &ada, 1).await), (503, "stale_quote".to_owned()));
}
