//! The rules for operators: read and changed by the API on both engines, and shown on the page.

use crate::common::{App, TestResponse};
use domain::Clock as _;
use serde_json::{Value, json};

const PATH: &str = "/api/ops/rules";
const ENGINES: [&str; 2] = ["sqlite", "postgres"];

async fn operator(app: &App) -> String {
    let answer = app.register_as("Olga", "olga@ops.example.com").await;
    let now = app.clock.now();
    let is_set = app.store.set_role("olga@ops.example.com", store::Role::Operator, now).await;
    assert!(is_set.expect("answers"));
    answer.json()["token"].as_str().expect("a token").to_owned()
}

/// Sends new rules; without a tag if it is empty.
async fn put(app: &App, token: &str, tag: &str, rules: &Value, reason: &str) -> TestResponse {
    let bearer = format!("Bearer {token}");
    let headers = [
        ("authorization", bearer.as_str()),
        ("content-type", "application/json"),
        ("if-match", tag),
    ];
    let sent: Vec<_> = headers.into_iter().filter(|(_, value)| !value.is_empty()).collect();
    let body = json!({ "rules": rules, "reason": reason }).to_string();
    app.raw("PUT", PATH, &sent, &body).await
}

async fn newest(app: &App, token: &str) -> (String, Value) {
    let answer = app.get_as(token, PATH).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    (answer.header("etag").expect("a tag").to_owned(), answer.json()["data"].clone())
}

fn code(answer: &TestResponse) -> (u16, String) {
    (answer.status, answer.json()["code"].as_str().unwrap_or_default().to_owned())
}

#[tokio::test]
async fn an_operator_changes_the_rules_and_the_next_order_follows_them() {
    for engine in ENGINES {
        let app = App::start_on_engine(engine).await;
        let (olga, ada) = (operator(&app).await, app.register("Ada").await);
        let (tag, first) = newest(&app, &olga).await;
        assert_eq!((tag.as_str(), &first["version"]), ("\"1\"", &json!(1)), "{engine}");
        assert_eq!(first["rules"]["fee"], json!({ "flat": "0.00", "rate_bps": 0 }), "{engine}");
        let order = json!({ "stock_symbol": "AAPL", "quantity": 1 });
        let before = app.post_as(&ada, "/api/portfolio/buy", &order).await;
        assert_eq!(before.status, 200, "{}", before.text);

        let mut rules = first["rules"].clone();
        rules["fee"]["flat"] = json!("1.25");
        let applied = put(&app, &olga, &tag, &rules, "A fee.").await;
        assert_eq!(applied.status, 200, "{engine}: {}", applied.text);
        assert_eq!(applied.header("etag"), Some("\"2\""), "{engine}");
        let applied = applied.json()["data"].clone();
        assert_eq!((&applied["version"], &applied["version_in_force"]), (&json!(2), &json!(1)));
        assert_eq!(applied["author"].as_str().map(|author| &author[..5]), Some("user "));
        assert_eq!(applied["reason"], "A fee.", "{engine}");
        app.pass_seconds(3).await;
        assert_eq!(newest(&app, &olga).await.1["version_in_force"], 2, "{engine}");
        let after = app.post_as(&ada, "/api/portfolio/buy", &order).await;
        assert_eq!(after.status, 200, "{}", after.text);

        let history = app.get_as(&ada, "/api/portfolio/transactions").await.json();
        let named = |place: usize| {
            let entry = &history["data"][place];
            (entry["rules_version"].clone(), entry["fee"].clone())
        };
        assert_eq!(named(0), (json!(2), json!("1.25")), "{engine}");
        assert_eq!(named(1), (json!(1), json!("0.00")), "{engine}");
        let report = archive::verify(&app.store, |_, _| ()).await.expect("readable");
        assert!(report.holds(), "{engine}: {report}");
    }
}

#[tokio::test]
async fn a_change_on_stale_or_missing_grounds_changes_nothing() {
    for engine in ENGINES {
        let app = App::start_on_engine(engine).await;
        let olga = operator(&app).await;
        let (tag, first) = newest(&app, &olga).await;
        let with_spread = |spread_bps: i64| {
            let mut rules = first["rules"].clone();
            rules["spread_bps"] = json!(spread_bps);
            rules
        };
        let missing = put(&app, &olga, "", &with_spread(7), "x").await;
        assert_eq!(code(&missing), (428, "precondition_required".to_owned()), "{engine}");
        // Two operators have read version 1.
        assert_eq!(put(&app, &olga, &tag, &with_spread(7), "one").await.status, 200, "{engine}");
        for stale in [tag.as_str(), "\"3\"", "*", "W/\"2\"", "2"] {
            let answer = put(&app, &olga, stale, &with_spread(8), "two").await;
            assert_eq!(code(&answer), (412, "precondition_failed".to_owned()), "{engine}: {stale}");
        }
        let (tag, second) = newest(&app, &olga).await;
        assert_eq!((&second["reason"], &second["rules"]["spread_bps"]), (&json!("one"), &json!(7)));
        for (rules, reason, expected) in [
            (with_spread(5_000), "x", "expected a whole number from 0 to 1000, got 5000"),
            (json!({}), "x", "missing field"),
            (json!([]), "x", "invalid length"),
            (with_spread(7), "x", "the rules are those of version 2 already"),
            (with_spread(8), " ", "The reason must have 1 to 500 characters"),
            (with_spread(8), "a\nb", "without line breaks"),
        ] {
            let answer = put(&app, &olga, &tag, &rules, reason).await;
            assert_eq!(answer.status, 422, "{engine}: {}", answer.text);
            assert!(answer.text.contains(expected), "{engine}: {expected}: {}", answer.text);
        }
        let mut euros = with_spread(8);
        euros["currency"] = json!("EUR");
        let answer = put(&app, &olga, &tag, &euros, "x").await;
        let expected = "currency cannot change in a game that has begun";
        assert!(answer.status == 422 && answer.text.contains(expected), "{}", answer.text);
        assert_eq!(newest(&app, &olga).await.0, "\"2\"", "{engine}: nothing changed");
    }
}

#[tokio::test]
async fn other_users_find_no_such_route() {
    let app = App::start().await;
    let ada = app.register("Ada").await;
    assert_eq!(app.get_as(&ada, PATH).await.status, 404);
    let answer = put(&app, &ada, "\"1\"", &json!({}), "x").await;
    assert_eq!(code(&answer), (404, "route_not_found".to_owned()));
    assert_eq!(app.get(PATH).await.status, 401);
}

#[tokio::test]
async fn the_page_lists_the_versions_with_their_differences() {
    let app = App::start().await;
    let mut browser = app.browser_of("Olga").await;
    assert_eq!(browser.get("/ops/rules").await.status, 404);
    let now = app.clock.now();
    let is_set = app.store.set_role("olga@pages.example.com", store::Role::Operator, now).await;
    assert!(is_set.expect("answers"));
    let mut rules = app.rules.newest().rules.clone();
    rules.spread_bps = 7;
    let change = trading::RulesChange {
        rules: &rules,
        expected: 1,
        author: "Olga <b>",
        reason: "A wider spread.",
        effective_from: None,
    };
    app.rules.apply(change).await.expect("applies");
    app.pass_seconds(3).await;
    for lang in ["en", "sn", "nd"] {
        let page = browser.page("/settings").await;
        let looks = [("mode", "standard"), ("language", lang)];
        assert_eq!(browser.submit(&page, "/settings/looks", &looks).await.status, 303);
        let page = browser.page("/ops/rules").await;
        let text = page.text();
        for shown in ["A wider spread.", "Olga &#60;b&#62;", "spread_bps: 5 -&#62; 7"] {
            assert!(text.contains(shown), "{lang}: {shown}: {text}");
        }
    }
}
