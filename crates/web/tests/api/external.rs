//! The routes with the response formats of providers, and the operators' state of providers.

use crate::common::App;

#[tokio::test]
async fn a_quote_has_either_format() {
    let app = App::start().await;
    let token = app.register("Ada").await;
    let quote = app.get_as(&token, "/api/external/stocks/quote/aapl").await;
    assert_eq!(quote.status, 200);
    let body = quote.json();
    assert_eq!(body["data"]["symbol"], "AAPL");
    assert_eq!(body["data"]["price"], "0.9610");
    assert_eq!(body["data"]["change"], "-0.0160");
    assert_eq!(body["data"]["change_percent"], "-1.6377%");
    assert_eq!((&body["meta"]["source"], &body["meta"]["stale"]), (&"fixed".into(), &false.into()));
    let quote = app.get_as(&token, "/api/external/stocks/quote/AAPL?source=fmp").await.json();
    assert_eq!(quote["data"]["price"], 0.961);
    assert_eq!(quote["data"]["changesPercentage"], -1.64);
}

#[tokio::test]
async fn a_symbol_is_validated_before_any_lookup() {
    let app = App::start().await;
    let token = app.register("Ada").await;
    for (path, status, message) in [
        ("quote/A_B", 422, "Invalid stock symbol format"),
        ("history/ABCDEFGHIJKLMNOPQRSTU", 422, "Invalid stock symbol format"),
        ("profile/NOPE", 404, "Symbol not available for trading"),
        ("quote/AAPL?source=x", 422, "The selected source is invalid."),
        ("search", 422, "Query parameter \"q\" is required"),
    ] {
        let answer = app.get_as(&token, &format!("/api/external/stocks/{path}")).await;
        assert_eq!(answer.status, status, "{path}");
        assert_eq!(answer.json()["message"], message, "{path}");
    }
    let answer = app.get("/api/external/stocks/quote/AAPL").await;
    assert_eq!(answer.status, 401);
}

#[tokio::test]
async fn a_history_ends_with_the_last_public_day() {
    let app = App::start().await;
    let token = app.register("Ada").await;
    let by_day = app.get_as(&token, "/api/external/stocks/history/AAPL?days=10").await.json();
    let days = by_day["data"].as_object().expect("an object by day");
    assert_eq!(days.keys().next_back().map(String::as_str), Some("2005-01-03"));
    assert_eq!(days["2005-01-03"]["4. close"], "0.9610");
    let path = "/api/external/stocks/history/AAPL?days=10&source=fmp";
    let list = app.get_as(&token, path).await.json();
    let list = list["data"].as_array().expect("a list").clone();
    assert_eq!((list.len(), &list[0]["date"]), (days.len(), &"2005-01-03".into()));
    assert_eq!(list[0]["close"], 0.961);
}

#[tokio::test]
async fn a_search_finds_what_the_game_trades() {
    let app = App::start().await;
    let token = app.register("Ada").await;
    let found = app.get_as(&token, "/api/external/stocks/search?q=app").await.json();
    assert_eq!(found["data"][0]["1. symbol"], "AAPL");
    let found = app.get_as(&token, "/api/external/stocks/search?q=app&source=fmp").await.json();
    assert_eq!(found["data"][0]["symbol"], "AAPL");
    let none = app.get_as(&token, "/api/external/stocks/search?q=zzzz").await;
    assert_eq!((none.status, none.json()["data"].clone()), (200, serde_json::json!([])));
}

#[tokio::test]
async fn a_profile_describes_the_company() {
    let app = App::start().await;
    let token = app.register("Ada").await;
    let profile = app.get_as(&token, "/api/external/stocks/profile/MSFT").await.json();
    assert_eq!(profile["data"]["symbol"], "MSFT");
    assert_eq!(profile["data"]["currency"], "USD");
    assert!(profile["data"]["description"].as_str().is_some_and(|text| text.len() > 10));
}

#[tokio::test]
async fn each_user_has_sixty_requests_a_minute() {
    let app = App::start_limited().await;
    let (token, other) = (app.register("Ada").await, app.register("Bea").await);
    let path = "/api/external/stocks/quote/AAPL";
    for left in (0..60).rev() {
        let answer = app.get_as(&token, path).await;
        assert_eq!(answer.status, 200, "{left}");
    }
    let answer = app.get_as(&token, path).await;
    assert_eq!(answer.status, 429);
    assert_eq!(answer.header("x-ratelimit-limit"), Some("60"));
    assert!(answer.header("retry-after").is_some());
    assert_eq!(app.get_as(&other, path).await.status, 200, "others may");
}

#[tokio::test]
async fn only_operators_see_the_providers() {
    let app = App::start().await;
    let token = app.register("Ada").await;
    let answer = app.get_as(&token, "/api/ops/providers").await;
    assert_eq!(answer.status, 404);
    assert_eq!(answer.json()["code"], "route_not_found");
    let user = app.get_as(&token, "/api/auth/user").await.json();
    let email = user["user"]["email"].as_str().expect("an address").to_lowercase();
    let now = domain::Clock::now(&app.clock);
    app.store.set_role(&email, store::Role::Operator, now).await.expect("set");
    let answer = app.get_as(&token, "/api/ops/providers").await;
    let none = serde_json::json!([]);
    assert_eq!((answer.status, &answer.json()["data"]), (200, &none), "no live market");
}
