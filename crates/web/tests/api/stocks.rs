//! The public routes of the stocks: response format and texts of the original API, and additions.

use crate::common::App;
use market::{MarketConfig, SourceKind};
use serde_json::{Value, json};

/// The members of a stock in the original's order, and then what was added.
const LIST_MEMBERS: [&str; 8] = [
    "symbol",
    "name",
    "current_price",
    "change_percentage",
    "category",
    "description",
    "kid_friendly_description",
    "quote",
];

/// Whether it is a price: with two to four places.
fn is_price(value: &Value) -> bool {
    (2..=4).any(|places| is_decimal(value, places))
}

fn is_decimal(value: &Value, places: usize) -> bool {
    let text = value.as_str().expect("a text");
    let (whole, fraction) = text.trim_start_matches('-').split_once('.').expect("a point");
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    digits(whole) && digits(fraction) && fraction.len() == places
}

/// The names of an object's members in the order in which they were sent.
fn members(object: &str) -> Vec<String> {
    let mut names = Vec::new();
    let (mut depth, mut in_text, mut escaped, mut start) = (0, false, false, 0);
    for (at, byte) in object.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_text => escaped = true,
            b'"' => {
                in_text = !in_text;
                if in_text {
                    start = at + 1;
                } else if depth == 1 && object[at + 1..].starts_with(':') {
                    names.push(object[start..at].to_owned());
                }
            }
            b'{' | b'[' if !in_text => depth += 1,
            b'}' | b']' if !in_text => depth -= 1,
            _ => {}
        }
    }
    names
}

#[tokio::test]
async fn the_list_has_the_members_of_the_original_in_its_order() {
    let app = App::start().await;
    let answer = app.get("/api/stocks").await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let body = answer.json();
    assert_eq!(body["success"], true);
    assert_eq!(body["meta"], json!({"current_page":1,"per_page":20,"last_page":1,"total":20}));
    assert_eq!(body["data"].as_array().unwrap().len(), 20);
    for stock in body["data"].as_array().unwrap() {
        assert!(is_price(&stock["current_price"]), "{stock}");
        assert!(is_decimal(&stock["change_percentage"], 2), "{stock}");
        assert_eq!(stock["quote"]["stale"], false);
    }
    let first = answer.text.find("[{").unwrap() + 1;
    assert_eq!(members(&answer.text[first..])[..8], LIST_MEMBERS);
}

#[tokio::test]
async fn pages_categories_and_searches_narrow_the_list() {
    let app = App::start().await;
    let page = app.get("/api/stocks?page=2&per_page=3").await.json();
    assert_eq!(page["meta"], json!({"current_page":2,"per_page":3,"last_page":7,"total":20}));
    let past = app.get("/api/stocks?page=999").await.json();
    assert_eq!(past["data"], json!([]));
    assert_eq!(past["meta"]["current_page"], 999);
    let tech = app.get("/api/stocks?category=Tech&per_page=50").await.json();
    assert!(!tech["data"].as_array().unwrap().is_empty());
    assert!(tech["data"].as_array().unwrap().iter().all(|stock| stock["category"] == "Tech"));
    for search in
        ["aapl", "AAPL", "appl", "ApPlE", "%EF%BD%81%EF%BD%90%EF%BD%90%EF%BD%8C", "%C3%A4ppl"]
    {
        let found = app.get(&format!("/api/stocks?search={search}")).await.json();
        assert_eq!(found["data"][0]["symbol"], "AAPL", "{search}");
    }
    for wild in ["%25%25", "__", "%25_", "%5C%5C"] {
        let found = app.get(&format!("/api/stocks?search={wild}")).await.json();
        assert_eq!(found["meta"]["total"], 0, "{wild}");
    }
    let empty = app.get("/api/stocks?search=&category=").await.json();
    assert_eq!(empty["meta"]["total"], 20);
}

#[tokio::test]
async fn invalid_parameters_are_rejected_with_the_texts_of_the_original_api() {
    let app = App::start().await;
    let cases = [
        ("search=a", "search", "The search field must be at least 2 characters."),
        (
            "search=A%00",
            "search",
            "The search field must not contain U+0000 (a control character). Expected text.",
        ),
        (
            "category=Tech%00",
            "category",
            "The category field must not contain U+0000 (a control character). \
             Expected one line of visible text.",
        ),
        ("per_page=51", "per_page", "The per page field must not be greater than 50."),
        ("per_page=0", "per_page", "The per page field must be at least 1."),
        ("per_page=abc", "per_page", "The per page field must be an integer."),
        ("page=0", "page", "The page field must be at least 1."),
        ("category[]=x", "category", "The category field must be a string."),
    ];
    for (query, field, text) in cases {
        let answer = app.get(&format!("/api/stocks?{query}")).await;
        assert_eq!(answer.status, 422, "{query}: {}", answer.text);
        let body = answer.json();
        assert_eq!(body["message"], text, "{query}");
        assert_eq!(body["errors"], json!({field: [text]}), "{query}");
        assert_eq!(body["success"], false);
    }
    let both = app.get("/api/stocks?per_page=abc&page=0").await.json();
    assert_eq!(both["message"], "The page field must be at least 1. (and 1 more error)");
    let long = "x".repeat(51);
    assert_eq!(app.get(&format!("/api/stocks?search={long}")).await.status, 422);
}

#[tokio::test]
async fn a_stock_is_found_by_its_symbol_in_any_case() {
    let app = App::start().await;
    let upper = app.get("/api/stocks/AAPL").await;
    let lower = app.get("/api/stocks/aapl").await;
    assert_eq!((upper.status, lower.status), (200, 200));
    assert_eq!(upper.text, lower.text);
    assert!(upper.json()["data"]["fun_fact"].is_string());
    let start = upper.text.find("\"data\":{").unwrap() + 7;
    let names = members(&upper.text[start..]);
    assert_eq!(names[..7], LIST_MEMBERS[..7]);
    assert_eq!(names[7], "fun_fact");
    for symbol in ["NOPE", "TOOLONGSYMBOL", "A%20B", "%27%20OR%201=1", "..%2f..%2fetc"] {
        for path in [format!("/api/stocks/{symbol}"), format!("/api/stocks/{symbol}/history")] {
            let answer = app.get(&path).await;
            assert_eq!(answer.status, 404, "{path}");
            assert_eq!(answer.json()["success"], false, "{path}");
        }
    }
}

#[tokio::test]
async fn history_ascends_and_ends_with_the_last_public_day() {
    let app = App::start().await;
    let present = app.get("/api/stocks/AAPL").await.json();
    let today = present["data"]["quote"]["market_date"].as_str().unwrap().to_owned();
    let history = app.get("/api/stocks/AAPL/history?days=30").await.json();
    let days: Vec<&str> =
        history["data"].as_array().unwrap().iter().map(|d| d["date"].as_str().unwrap()).collect();
    assert!(!days.is_empty());
    assert!(days.is_sorted());
    assert!(days.iter().all(|day| day.ends_with("T00:00:00.000000Z") && day[..10] <= *today));
    assert!(is_price(&history["data"][0]["close_price"]));
    let all = app.get("/api/stocks/AAPL/history?days=99999999999999999999").await.json();
    assert!(all["data"].as_array().unwrap().len() >= days.len());
    for lenient in ["abc", "-5", "", "0", "1e999", "%00"] {
        let answer = app.get(&format!("/api/stocks/AAPL/history?days={lenient}")).await;
        assert_eq!(answer.status, 200, "{lenient}");
    }
}

#[tokio::test]
async fn an_unchanged_response_is_not_sent_again() {
    let app = App::start().await;
    for path in ["/api/stocks", "/api/stocks/AAPL", "/api/stocks/AAPL/history"] {
        let first = app.get(path).await;
        let etag = first.header("etag").expect("an ETag").to_owned();
        let again = app.get_with(path, &[("if-none-match", &etag)]).await;
        assert_eq!((again.status, again.text.as_str()), (304, ""), "{path}");
        assert_eq!(again.header("etag"), Some(etag.as_str()));
        let other = app.get_with(path, &[("if-none-match", "\"other\"")]).await;
        assert_eq!(other.status, 200, "{path}");
    }
}

/// A market of small prices with a fine tick: a share of Apple costs 0.961.
async fn fine_market() -> App {
    let mut config = MarketConfig { source: SourceKind::Fixed, ..MarketConfig::default() };
    config.fixed.tick = Some(domain::Price(1));
    App::start_on(&config, |_| {}).await
}

#[tokio::test]
async fn a_price_has_two_to_four_places_on_every_route() {
    let app = fine_market().await;
    let mut browser = app.browser_of("Ada").await.speaking("en");
    let login = json!({ "email": "ada@pages.example.com", "password": crate::common::PASSWORD });
    let ada = app.post("/api/auth/login", &login).await.json()["token"].clone();
    let ada = ada.as_str().expect("it is there");
    let order = json!({"stock_symbol": "AAPL", "quantity": 1000});
    let bought = app.post_as(ada, "/api/portfolio/buy", &order).await;
    assert_eq!(bought.status, 200, "{}", bought.text);
    let stock = app.get("/api/stocks/AAPL").await.json()["data"].clone();
    let price = stock["current_price"].as_str().expect("a price").to_owned();
    let is_fine = |value: &Value| is_price(value) && !is_decimal(value, 2);
    assert!(is_fine(&stock["current_price"]), "{price} is not of whole cents");
    assert_eq!(stock["quote"]["price"], price.as_str());
    let listed = app.get("/api/stocks?search=AAPL").await.json();
    assert_eq!(listed["data"][0]["current_price"], price.as_str());
    let holding = app.get_as(ada, "/api/portfolio").await.json()["data"][0].clone();
    assert_eq!(holding["current_price"], price.as_str());
    assert!(is_fine(&holding["average_price"]), "{holding}");
    let entry = app.get_as(ada, "/api/portfolio/transactions").await.json()["data"][0].clone();
    assert!(is_fine(&entry["price"]), "{entry}");
    let path = format!("/api/portfolio/transactions/{}", entry["trade_id"].as_str().unwrap());
    let receipt = app.get_as(ada, &path).await.json();
    assert_eq!(receipt["data"]["price"], entry["price"]);
    let quote = app.get_as(ada, "/api/external/stocks/quote/AAPL").await.json();
    assert_eq!(quote["data"]["price"], format!("{price:0<6}"), "always four places");
    let shown = format!("US${price}");
    for path in ["/market", "/stocks/AAPL", "/portfolio", "/home"] {
        assert!(browser.page(path).await.text().contains(&shown), "{shown} is not in {path}");
    }
    let file = browser.get("/history.csv").await.text;
    assert!(file.contains(&format!(",{},", entry["price"].as_str().unwrap())), "{file}");
}

#[tokio::test]
async fn a_close_far_below_a_cent_is_not_zero() {
    let app = fine_market().await;
    let apple = app.prices.find(&domain::Symbol::parse("AAPL").unwrap()).unwrap();
    // A Sunday, of which the market has no close of its own.
    let sunday = domain::Day::parse("2005-01-02").unwrap();
    app.store.save_history(&[(apple.stock_id, sunday, domain::Price(8))]).await.unwrap();
    let history = app.get("/api/stocks/AAPL/history?days=5").await.json();
    let closes: Vec<&str> = history["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|close| close["close_price"].as_str().unwrap())
        .collect();
    assert!(closes.contains(&"0.0008"), "{closes:?}");
    let page = app.browser().page("/stocks/AAPL?range=1m").await;
    assert!(page.text().contains("US$0.0008"), "the lowest price of the range");
}
