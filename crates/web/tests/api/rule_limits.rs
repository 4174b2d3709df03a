//! The limits of the rules in the API and on the ticket, on both engines: what they reject is
//! rejected with its code and changes nothing, and the ticket shows it before an order is entered.

use crate::common::browser::Browser;
use crate::common::{App, TestResponse};
use domain::{Amount, Money, PortfolioShare, Price, Rules, Symbol};
use serde_json::{Value, json};

on_both_engines!(
    each_limit_rejects_with_its_code_and_changes_nothing,
    shares_are_sold_after_the_sessions_of_the_rules,
    the_trades_of_a_session_are_counted_across_orders,
    a_pending_order_is_checked_at_acceptance,
    the_ticket_shows_what_is_known_before_an_order_is_entered,
    an_order_over_a_limit_is_not_reviewed,
    more_achievements_than_a_mask_has_bits_are_unlocked_once,
);

/// A session of the default replay, in seconds.
const SESSION: i64 = 60;

fn order(symbol: &str, quantity: u64) -> Value {
    json!({ "stock_symbol": symbol, "quantity": quantity })
}

async fn trade(app: &App, token: &str, side: &str, symbol: &str, quantity: u64) -> TestResponse {
    app.post_as(token, &format!("/api/portfolio/{side}"), &order(symbol, quantity)).await
}

fn code(answer: &TestResponse) -> (u16, String) {
    (answer.status, answer.json()["code"].as_str().unwrap_or_default().to_owned())
}

fn refused(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}

/// The game's rules with every limit that depends on the order. AAPL costs less than a unit.
fn all_limits(rules: &mut Rules) {
    rules.stocks = ["AAPL", "MSFT", "XOM"].map(|text| Symbol::parse(text).expect("one")).into();
    rules.position_max = PortfolioShare::parse("25%");
    rules.price_min = Some(Price(10_000));
    rules.order_value_min = Some(Amount::Fixed(Money(10_000)));
}

async fn each_limit_rejects_with_its_code_and_changes_nothing(engine: &str) {
    let app = App::start_replay(engine, all_limits).await;
    let ada = app.register("Ada").await;
    app.pass_seconds(10).await;
    let before = app.get_as(&ada, "/api/portfolio/summary").await.text;
    for (side, symbol, quantity, expected) in [
        ("buy", "JPM", 10, refused(422, "stock_not_allowed")),
        ("buy", "AAPL", 200, refused(409, "price_too_low")),
        ("buy", "MSFT", 1, refused(422, "order_too_small")),
        ("buy", "MSFT", 200, refused(409, "position_limit")),
        ("sell", "JPM", 1, refused(400, "insufficient_quantity")),
    ] {
        let answer = trade(&app, &ada, side, symbol, quantity).await;
        assert_eq!(code(&answer), expected, "{}", answer.text);
        assert_eq!(answer.json()["retryable"], false);
    }
    let after = app.get_as(&ada, "/api/portfolio/summary").await.text;
    assert_eq!(before, after);
    let bought = trade(&app, &ada, "buy", "MSFT", 80).await;
    assert_eq!(bought.status, 200, "{}", bought.text);
    let part = trade(&app, &ada, "sell", "MSFT", 1).await;
    assert_eq!(code(&part), refused(422, "order_too_small"));
    let all = trade(&app, &ada, "sell", "MSFT", 80).await;
    assert_eq!(all.status, 200, "{}", all.text);
    let history = app.get_as(&ada, "/api/portfolio/transactions").await.json();
    assert_eq!(history["data"].as_array().map(Vec::len), Some(3), "the opening and two trades");
}

async fn shares_are_sold_after_the_sessions_of_the_rules(engine: &str) {
    let app = App::start_replay(engine, |rules| rules.holding_sessions_min = 2).await;
    let ada = app.register("Ada").await;
    app.pass_seconds(10).await;
    assert_eq!(trade(&app, &ada, "buy", "MSFT", 2).await.status, 200);
    let short = refused(409, "holding_too_short");
    for _ in 0..2 {
        assert_eq!(code(&trade(&app, &ada, "sell", "MSFT", 1).await), short);
        app.pass_seconds(SESSION).await;
    }
    assert_eq!(trade(&app, &ada, "sell", "MSFT", 1).await.status, 200);
    // Another purchase begins the time of all shares anew.
    assert_eq!(trade(&app, &ada, "buy", "MSFT", 1).await.status, 200);
    assert_eq!(code(&trade(&app, &ada, "sell", "MSFT", 1).await), short);
    app.pass_seconds(2 * SESSION).await;
    assert_eq!(trade(&app, &ada, "sell", "MSFT", 2).await.status, 200);
}

async fn the_trades_of_a_session_are_counted_across_orders(engine: &str) {
    let app = App::start_replay(engine, |rules| rules.trades_per_session_max = Some(2)).await;
    let (ada, eve) = (app.register("Ada").await, app.register("Eve").await);
    app.pass_seconds(10).await;
    for side in ["buy", "sell"] {
        assert_eq!(trade(&app, &ada, side, "MSFT", 1).await.status, 200);
    }
    let limit = refused(409, "session_trades_limit");
    for side in ["buy", "sell"] {
        assert_eq!(code(&trade(&app, &ada, side, "MSFT", 1).await), limit);
    }
    assert_eq!(trade(&app, &eve, "buy", "MSFT", 1).await.status, 200, "each player has as many");
    app.pass_seconds(SESSION).await;
    assert_eq!(trade(&app, &ada, "buy", "MSFT", 1).await.status, 200);
}

async fn a_pending_order_is_checked_at_acceptance(engine: &str) {
    let app = App::start_closing(engine, all_limits).await;
    let ada = app.register("Ada").await;
    app.pass_seconds(10).await;
    let answer = trade(&app, &ada, "buy", "JPM", 10).await;
    assert_eq!(code(&answer), refused(422, "stock_not_allowed"));
    assert_eq!(app.store.count_open_orders().await.expect("counts"), 0);
    // Each of two orders is within the limit; the second one is not once the first is filled.
    for _ in 0..2 {
        assert_eq!(trade(&app, &ada, "buy", "MSFT", 90).await.status, 202);
    }
    app.pass_seconds(SESSION).await;
    assert_eq!(app.execute_orders().await, 2);
    let orders = app.get_as(&ada, "/api/portfolio/orders").await.json();
    let orders = orders["data"].as_array().expect("a list").clone();
    let rejections = orders.iter().map(|order| order["rejection"].as_str());
    assert_eq!(rejections.flatten().collect::<Vec<_>>(), ["position_limit"]);
}

/// The text of a page, and whether its ticket can be sent.
async fn ticket(browser: &mut Browser<'_>, path: &str) -> (String, bool) {
    let answer = browser.get(path).await;
    let html = answer.text.clone();
    let form = html.split("action=\"/orders/review\"").nth(1).expect("a ticket");
    let form = form.split("</form>").next().expect("its end");
    let is_open = !form.contains("<button class=\"btn p\" disabled>");
    (browser.checked(path, answer).text(), is_open)
}

async fn the_ticket_shows_what_is_known_before_an_order_is_entered(engine: &str) {
    let change = |rules: &mut Rules| {
        all_limits(rules);
        rules.trades_per_session_max = Some(1);
        rules.holding_sessions_min = 1;
    };
    let app = App::start_replay(engine, change).await;
    app.pass_seconds(10).await;
    let mut browser = app.browser_of("Ada").await;
    let (text, is_open) = ticket(&mut browser, "/stocks/JPM").await;
    assert!(text.contains("This game doesn't sell shares of this company."), "{text}");
    assert!(is_open, "shares could be sold");
    let (text, _) = ticket(&mut browser, "/stocks/AAPL").await;
    assert!(text.contains("you can't buy shares that cost less than US$1.00."), "{text}");
    let (text, is_open) = ticket(&mut browser, "/stocks/MSFT").await;
    for hint in [
        "In this game an order is worth US$100.00 or more.",
        "may be worth at most 25.00% of all you have.",
        "You can make one more trade this market day.",
    ] {
        assert!(text.contains(hint), "{hint}: {text}");
    }
    assert!(is_open);
    let page = browser.page("/stocks/MSFT").await;
    let review = browser.submit(&page, "/orders/review", &[("quantity", "50")]).await;
    let review = browser.checked("/orders/review", review);
    assert_eq!(browser.submit(&review, "/orders", &[]).await.status, 303);
    let (text, is_open) = ticket(&mut browser, "/stocks/MSFT").await;
    assert!(text.contains("You've traded once this market day"), "{text}");
    assert!(!is_open, "neither side is possible");
    app.pass_seconds(1).await;
    let looks = [("mode", "easy"), ("language", "en"), ("zone", "UTC")];
    let page = browser.page("/settings").await;
    assert_eq!(browser.submit(&page, "/settings/looks", &looks).await.status, 303);
    for (path, expected) in [("/stocks/MSFT/sell", false), ("/stocks/MSFT/buy", false)] {
        assert_eq!(ticket(&mut browser, path).await.1, expected, "{path}");
    }
    app.pass_seconds(SESSION).await;
    assert!(ticket(&mut browser, "/stocks/MSFT/sell").await.1, "the session is over");
    let (text, is_open) = ticket(&mut browser, "/stocks/JPM/buy").await;
    assert!(text.contains("This game doesn't sell shares of this company.") && !is_open);
}

async fn an_order_over_a_limit_is_not_reviewed(engine: &str) {
    let app = App::start_replay(engine, all_limits).await;
    app.pass_seconds(10).await;
    for (lang, sentence) in [
        ("en", "Your shares of one company may be worth at most 25.00% of all you have."),
        ("sn", "Migove yako yekambani imwe inogona kukosha 25.00% yezvose zvaunazvo chete."),
        ("nd", "Amasheya akho enkampani eyodwa angaba lenani elingaba ngu-25.00%"),
    ] {
        let mut browser = app.browser_of(&format!("Ada{lang}")).await;
        let page = browser.page("/settings").await;
        let looks = [("mode", "standard"), ("language", lang), ("zone", "UTC")];
        assert_eq!(browser.submit(&page, "/settings/looks", &looks).await.status, 303);
        let page = browser.page("/stocks/MSFT").await;
        let answer = browser.submit(&page, "/orders/review", &[("quantity", "200")]).await;
        assert_eq!(answer.status, 422);
        let text = browser.checked("/orders/review", answer).text();
        assert!(text.contains(sentence), "{text}");
    }
}

/// Adds a hundred achievements with the largest ids, which the first trade unlocks.
fn add_achievements(rules: &mut Rules) {
    let mut text = include_str!("../../../../config/game.toml").to_owned();
    for id in 9_901..=10_000 {
        text.push_str(&format!(
            "\n[[achievements]]\nid = {id}\ncode = \"a{id}\"\nkind = \"trades_count\"\n\
             threshold = 1\nname = \"A\"\ndescription = \"A.\"\nicon = \"A\"\nxp = 0\n"
        ));
    }
    *rules = toml::from_str(&text).expect("rules");
}

async fn more_achievements_than_a_mask_has_bits_are_unlocked_once(engine: &str) {
    let app = App::start_replay(engine, add_achievements).await;
    let ada = app.register("Ada").await;
    app.pass_seconds(10).await;
    let unlocked = |answer: &TestResponse| {
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.json()["data"]["achievements_unlocked"].as_array().expect("a list").len()
    };
    let first = trade(&app, &ada, "buy", "MSFT", 3).await;
    assert_eq!(unlocked(&first), 101, "with that of the first trade");
    let second = trade(&app, &ada, "sell", "MSFT", 1).await;
    assert_eq!(unlocked(&second), 0);
    let all = app.get_as(&ada, "/api/achievements").await.json();
    let all = all["data"].as_array().expect("a list").clone();
    let count = all.iter().filter(|one| one["unlocked"] == true).count();
    assert_eq!((all.len(), count), (118, 101));
}
