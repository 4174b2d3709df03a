//! Portfolio, summary, achievements and leaderboard.

use crate::common::App;
use domain::{Clock as _, RankingRules, Ratio};
use market::{MarketConfig, MarketSource, SourceKind};
use serde_json::{Value, json};
use store::{Appearance, BoardKind, NameVisibility};

const BUY: &str = "/api/portfolio/buy";

fn names(object: &Value) -> Vec<&str> {
    let mut names: Vec<&str> =
        object.as_object().expect("an object").keys().map(String::as_str).collect();
    names.sort_unstable();
    names
}

async fn buy(app: &App, token: &str, symbol: &str, quantity: u32) {
    let order = json!({"stock_symbol": symbol, "quantity": quantity});
    let answer = app.post_as(token, BUY, &order).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
}

#[tokio::test]
async fn private_routes_require_a_token() {
    let app = App::start().await;
    let private = ["portfolio", "portfolio/summary", "achievements", "leaderboard"];
    for path in private.into_iter().chain(["portfolio/transactions"]) {
        let answer = app.get(&format!("/api/{path}")).await;
        assert_eq!(answer.status, 401, "{path}");
        assert_eq!(answer.json()["message"], "Unauthenticated.");
    }
}

#[tokio::test]
async fn a_new_player_has_the_starting_cash_and_nothing_else() {
    let app = App::start().await;
    let ada = app.register("Ada").await;
    let portfolio = app.get_as(&ada, "/api/portfolio").await;
    let empty = json!({"success": true, "data": [],
        "meta": {"current_page": 1, "per_page": 50, "last_page": 1, "total": 0}});
    assert_eq!(portfolio.json(), empty);
    let summary = app.get_as(&ada, "/api/portfolio/summary").await.json();
    let market_date = summary["data"]["market_date"].clone();
    let data = json!({"name": "Ada", "balance": "10000.00", "total_invested": "0.00",
        "total_value": "0.00", "profit_loss": "0.00", "profit_loss_percentage": "0.00",
        "level": 1, "experience_points": 0, "next_level_xp": 1000, "market_date": market_date});
    assert_eq!(summary, json!({"success": true, "data": data}));
}

#[tokio::test]
async fn a_holding_has_the_members_of_the_original_in_its_order() {
    let app = App::start().await;
    let ada = app.register("Ada").await;
    buy(&app, &ada, "AAPL", 3).await;
    let answer = app.get_as(&ada, "/api/portfolio").await;
    let stock = app.get("/api/stocks/AAPL").await.json();
    let holding = answer.json()["data"][0].clone();
    assert_eq!(holding["stock_symbol"], "AAPL");
    assert_eq!(holding["quantity"], 3);
    assert_eq!(holding["current_price"], stock["data"]["current_price"]);
    // Three at the ask of 0.9613 cost 2.89, and are worth 2.88 at 0.961.
    assert_eq!(holding["profit_loss"], "-0.01");
    assert_eq!(holding["as_of"], stock["data"]["quote"]["as_of"]);
    assert_eq!(holding["stale"], false);
    assert_eq!(holding["profit_loss_percentage"], "-0.346021");
    assert!(holding["portfolio_id"].is_i64() && holding["stock_id"].is_i64());
    let order = [
        "\"portfolio_id\":",
        "\"stock_id\":",
        "\"stock_symbol\":",
        "\"stock_name\":",
        "\"quantity\":",
        "\"average_price\":",
        "\"current_price\":",
        "\"total_value\":",
        "\"profit_loss\":",
        "\"profit_loss_percentage\":",
        "\"as_of\":",
        "\"stale\":",
        "\"no_longer_traded\":",
    ];
    let places: Vec<usize> = order.map(|name| answer.text.find(name).expect(name)).to_vec();
    assert!(places.is_sorted(), "{}", answer.text);
    assert_eq!(names(&holding).len(), order.len());
}

#[tokio::test]
async fn page_parameters_of_the_portfolio_are_clamped() {
    let app = App::start().await;
    let ada = app.register("Ada").await;
    for symbol in ["AAPL", "GE", "BAC"] {
        buy(&app, &ada, symbol, 1).await;
    }
    let cases = [
        ("", 1, 50, 1),
        ("page=2&per_page=1", 2, 1, 3),
        ("per_page=1000&page=-5", 1, 100, 1),
        ("per_page=abc", 1, 1, 3),
        ("per_page=0", 1, 1, 3),
        ("page=abc", 1, 50, 1),
        ("page=99999999999999999999", 1_000_000, 50, 1),
    ];
    for (query, page, per_page, last) in cases {
        let answer = app.get_as(&ada, &format!("/api/portfolio?{query}")).await;
        let meta =
            json!({"current_page": page, "per_page": per_page, "last_page": last, "total": 3});
        assert_eq!(answer.json()["meta"], meta, "{query}");
    }
    let second = app.get_as(&ada, "/api/portfolio?page=2&per_page=1").await.json();
    assert_eq!(second["data"][0]["stock_symbol"], "BAC", "holdings are ordered by symbol");
}

#[tokio::test]
async fn sold_out_holdings_are_omitted() {
    let app = App::start().await;
    let ada = app.register("Ada").await;
    buy(&app, &ada, "AAPL", 1).await;
    let order = json!({"stock_symbol": "AAPL", "quantity": 1});
    assert_eq!(app.post_as(&ada, "/api/portfolio/sell", &order).await.status, 200);
    assert_eq!(app.get_as(&ada, "/api/portfolio").await.json()["meta"]["total"], 0);
    buy(&app, &ada, "AAPL", 1).await;
    assert_eq!(app.get_as(&ada, "/api/portfolio").await.json()["meta"]["total"], 1);
}

#[tokio::test]
async fn private_responses_are_not_cacheable_and_have_an_etag() {
    let app = App::start().await;
    let ada = app.register("Ada").await;
    buy(&app, &ada, "AAPL", 1).await;
    for path in ["/api/portfolio", "/api/portfolio/summary", "/api/leaderboard"] {
        let first = app.get_as(&ada, path).await;
        assert!(first.header("cache-control").unwrap().contains("no-store"), "{path}");
        let etag = first.header("etag").expect("an ETag").to_owned();
        let bearer = format!("Bearer {ada}");
        let headers = [("authorization", bearer.as_str()), ("if-none-match", etag.as_str())];
        assert_eq!(app.get_with(path, &headers).await.status, 304, "{path}");
    }
}

#[tokio::test]
async fn achievements_contain_the_time_of_unlocking() {
    let app = App::start().await;
    let ada = app.register("Ada").await;
    let before = app.get_as(&ada, "/api/achievements").await.json();
    let all = before["data"].as_array().unwrap();
    assert!(all.len() >= 15);
    assert!(all.iter().all(|a| a["unlocked"] == false && a["unlocked_at"].is_null()));
    let members =
        ["code", "description", "icon", "id", "name", "unlocked", "unlocked_at", "xp_reward"];
    assert_eq!(names(&all[0]), members);
    buy(&app, &ada, "AAPL", 20).await;
    let after = app.get_as(&ada, "/api/achievements").await.json();
    let first = after["data"].as_array().unwrap().iter().find(|a| a["code"] == "first_trade");
    assert_eq!(first.unwrap()["unlocked"], true);
    assert!(first.unwrap()["unlocked_at"].as_str().unwrap().ends_with('Z'));
}

#[tokio::test]
async fn the_leaderboard_shows_rank_name_level_and_experience_and_nothing_else() {
    let app = App::start().await;
    let (ada, bob) = (app.register("Ada").await, app.register("Bob").await);
    buy(&app, &bob, "AAPL", 20).await;
    let answer = app.get_as(&ada, "/api/leaderboard").await;
    let body = answer.json();
    for row in body["data"].as_array().unwrap() {
        assert_eq!(names(row), ["experience_points", "level", "movement", "name", "rank"]);
    }
    let bob_s =
        json!({"rank": 1, "name": "Bob", "level": 1, "experience_points": 60, "movement": null});
    assert_eq!(body["data"][0], bob_s);
    assert_eq!(body["meta"], json!({"current_page":1,"per_page":10,"last_page":1,"total":2}));
    let me = json!({"rank": 2, "level": 1, "experience_points": 0, "movement": null});
    assert_eq!(body["me"], me);
    assert_eq!(names(&body), ["data", "for_learning", "me", "meta", "success"]);
    assert!(!answer.text.contains('@'), "no address is ever shown");
}

#[tokio::test]
async fn the_leaderboard_shows_players_by_their_chosen_names() {
    let app = App::start().await;
    let (ada, bob, eve) =
        (app.register("Ada").await, app.register("Bob").await, app.register("Eve").await);
    let ids: Vec<i64> =
        app.store.player_scores_page(0, 3).await.unwrap().iter().map(|p| p.0).collect();
    let appear = async |player_id, shows, pseudonym: &str| {
        let appearance = Appearance { shows, pseudonym: Some(pseudonym.to_owned()) };
        app.store.save_appearance(player_id, &appearance).await.unwrap();
    };
    for token in [&ada, &bob, &eve] {
        buy(&app, token, "AAPL", 1).await;
    }
    appear(ids[0], NameVisibility::Hidden, "Owl").await;
    appear(ids[1], NameVisibility::Pseudonym, "Fox").await;
    let rows = async |path: &str| app.get_as(&eve, path).await.json();
    let board = rows("/api/leaderboard").await;
    let shown: Vec<_> = board["data"].as_array().unwrap().iter().map(|row| &row["name"]).collect();
    assert_eq!(shown, ["Hidden player", "Fox", "Eve"]);
    let board = app.get_as(&ada, "/api/leaderboard").await.json();
    assert_eq!(board["me"]["rank"], json!(1), "who is hidden still has a rank");
}

#[tokio::test]
async fn an_erased_player_leaves_both_boards_at_once_and_rows_below_move_up() {
    let app = App::start().await;
    let (ada, bob, eve) =
        (app.register("Ada").await, app.register("Bob").await, app.register("Eve").await);
    for token in [&ada, &bob, &eve] {
        buy(&app, token, "AAPL", 1).await;
    }
    let password = json!({"password": crate::common::PASSWORD}).to_string();
    let json = "application/json";
    let erased = app.send("DELETE", Some(&bob), "/api/auth/user", json, &password).await;
    assert_eq!(erased.status, 200, "{}", erased.text);
    let paths = ["/api/leaderboard", "/api/leaderboard?board=return", "/api/leaderboard?by=return"];
    for path in paths {
        for path in [path.to_owned(), format!("{path}{}around=me", separator(path))] {
            let board = app.get_as(&eve, &path).await.json();
            let shown: Vec<_> = board["data"]
                .as_array()
                .unwrap()
                .iter()
                .map(|row| (row["rank"].clone(), row["name"].clone()))
                .collect();
            assert_eq!(shown, [(json!(1), json!("Ada")), (json!(2), json!("Eve"))], "{path}");
            assert_eq!((&board["me"]["rank"], &board["meta"]["total"]), (&json!(2), &json!(2)));
        }
    }
    // A ledger entry that is read late does not bring the player back.
    assert!(!app.boards.board(BoardKind::Xp).apply(2, 1_000_000));
    assert_eq!(app.get_as(&eve, "/api/leaderboard").await.json()["data"][0]["name"], "Ada");
}

fn separator(path: &str) -> char {
    if path.contains('?') { '&' } else { '?' }
}

#[tokio::test]
async fn the_leaderboard_is_paged_leniently_or_around_the_player() {
    let app = App::start().await;
    let mut tokens = Vec::new();
    for name in ["Ada", "Bob", "Cleo", "Dan", "Eve"] {
        tokens.push(app.register(name).await);
    }
    buy(&app, &tokens[2], "AAPL", 1).await;
    let page = app.get_as(&tokens[0], "/api/leaderboard?per_page=2&page=2").await.json();
    assert_eq!(page["data"][0]["rank"], 3);
    assert_eq!(page["meta"], json!({"current_page":2,"per_page":2,"last_page":3,"total":5}));
    let clamped = app.get_as(&tokens[0], "/api/leaderboard?per_page=1000&page=0").await.json();
    assert_eq!(clamped["meta"]["per_page"], 100);
    let around = app.get_as(&tokens[4], "/api/leaderboard?around=me&per_page=3").await.json();
    let ranks: Vec<&Value> =
        around["data"].as_array().unwrap().iter().map(|row| &row["rank"]).collect();
    assert_eq!(ranks, [4, 5]);
    assert_eq!(around["data"][1]["name"], "Eve");
    assert_eq!(around["for_learning"], true, "what came after the prices can be looked up");
    assert_eq!(around["meta"]["current_page"], 2);
    let bad = app.get_as(&tokens[0], "/api/leaderboard?around=them").await;
    assert_eq!(bad.status, 422);
}

#[tokio::test]
async fn five_rows_surround_the_player_and_the_own_rank_is_always_included() {
    let app = App::start().await;
    let mut tokens = Vec::new();
    for number in 1..=14 {
        tokens.push(app.register(&format!("Player{number}")).await);
    }
    let around = app.get_as(&tokens[6], "/api/leaderboard?around=me").await.json();
    let ranks: Vec<i64> = around["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["rank"].as_i64().unwrap())
        .collect();
    assert_eq!(ranks, (2..=12).collect::<Vec<_>>());
    assert_eq!((&around["data"][5]["name"], &around["me"]["rank"]), (&json!("Player7"), &json!(7)));
    for path in ["/api/leaderboard?per_page=2", "/api/leaderboard?per_page=2&page=7"] {
        let page = app.get_as(&tokens[6], path).await.json();
        assert_eq!(page["me"]["rank"], 7, "{path}");
    }
}

/// Values all players at the present prices, as the server does every few seconds.
async fn value_players(app: &App) {
    let (prices, rules) = (app.prices.prices_json(), app.rules.current());
    let mut round = leaderboard::ReturnValuation::new(prices, rules.minor_unit, rules.ranking);
    while !round.step(&app.store).await.expect("values") {}
    round.finish(app.boards.board(store::BoardKind::Return)).await.expect("sorts");
}

#[tokio::test]
async fn the_board_by_return_ranks_the_gain_since_the_start() {
    let app = App::start().await;
    let (ada, bob, eve) =
        (app.register("Ada").await, app.register("Bob").await, app.register("Eve").await);
    let board = app.get_as(&ada, "/api/leaderboard?board=return").await.json();
    assert_eq!(board["meta"]["total"], 3, "who has just joined is on it");
    buy(&app, &bob, "KO", 10).await;
    buy(&app, &eve, "AAPL", 10).await;
    // Both cost more than at the start.
    let mut config = MarketConfig { source: SourceKind::Fixed, ..MarketConfig::default() };
    config.fixed.day = domain::Day::parse("2007-12-31").unwrap();
    let market = MarketSource::new(&config, app.clock.now()).unwrap();
    app.prices.publish(&market, app.clock.now());
    value_players(&app).await;

    let board = app.get_as(&eve, "/api/leaderboard?board=return").await.json();
    let rows: Vec<(String, String)> = board["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| (row["name"].to_string(), row["return_percentage"].to_string()))
        .collect();
    let (prices, all) = (app.prices.prices_json(), RankingRules::default());
    let worth = app
        .store
        .player_values_page(0, 3, (&prices, domain::MinorUnit::Hundredth), &all)
        .await
        .unwrap();
    let gained = |place: usize| Ratio::change(1_000_000, worth[place].1).percent(2);
    let percent = |hundredths: i64| format!("\"{}.{:02}\"", hundredths / 100, hundredths % 100);
    let expected = [("Bob", gained(1)), ("Eve", gained(2)), ("Ada", 0)]
        .map(|(name, hundredths)| (format!("\"{name}\""), percent(hundredths)));
    assert_eq!(rows, expected);
    assert!(gained(1) > gained(2) && gained(2) > 0);
    assert_eq!(
        (&board["me"]["rank"], &board["data"][0]["experience_points"]),
        (&json!(2), &json!(60))
    );
    let page = app.get_as(&ada, "/api/leaderboard?board=return&per_page=1&page=2").await.json();
    assert_eq!((&page["data"][0]["name"], &page["me"]["rank"]), (&json!("Eve"), &json!(3)));
    let refused = app.get_as(&ada, "/api/leaderboard?board=luck").await;
    assert_eq!(refused.status, 422);
}

#[tokio::test]
async fn movements_are_counted_from_the_last_rank_snapshot() {
    use store::BoardKind::Xp;
    let app = App::start().await;
    let (ada, bob) = (app.register("Ada").await, app.register("Bob").await);
    let now = app.clock.now();
    let board = app.boards.board(Xp);
    let mut writer =
        leaderboard::RankSnapshotWriter::begin(&app.store, board, Xp, now).await.unwrap();
    while app.boards.snapshot(Xp).is_none() {
        app.boards.set_snapshot(Xp, writer.step(&app.store).await.unwrap());
    }
    app.register("Eve").await;
    buy(&app, &bob, "AAPL", 20).await;
    let body = app.get_as(&ada, "/api/leaderboard").await.json();
    let moved: Vec<(&Value, &Value)> = body["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| (&row["name"], &row["movement"]))
        .collect();
    let expected =
        [(json!("Bob"), json!(1)), (json!("Ada"), json!(-1)), (json!("Eve"), json!(null))];
    assert_eq!(moved, expected.each_ref().map(|(name, movement)| (name, movement)));
    assert_eq!(body["me"]["movement"], -1);
}

#[tokio::test]
async fn until_a_board_is_built_the_ranks_are_those_of_the_last_snapshot_with_present_scores() {
    use store::BoardKind::{Return, Xp};
    let app = App::start_unbuilt().await;
    let mut tokens = Vec::new();
    for name in ["Ada", "Bob", "Cleo", "Dan"] {
        tokens.push(app.register(name).await);
    }
    buy(&app, &tokens[2], "AAPL", 20).await;
    for kind in [Xp, Return] {
        let (board, now) = (app.boards.board(kind), app.clock.now());
        let begun = leaderboard::RankSnapshotWriter::begin(&app.store, board, kind, now).await;
        let mut writer = begun.unwrap();
        while app.boards.snapshot(kind).is_none() {
            app.boards.set_snapshot(kind, writer.step(&app.store).await.unwrap());
        }
    }
    // Trades after the snapshot change the scores, not the order.
    buy(&app, &tokens[1], "AAPL", 20).await;
    buy(&app, &tokens[1], "KO", 1).await;
    let ask = async |token: &str, query: &str| {
        app.get_as(token, &format!("/api/leaderboard{query}")).await.json()
    };
    let page = ask(&tokens[3], "?per_page=3").await;
    let rows = |body: &Value| -> Vec<String> {
        let rows = body["data"].as_array().unwrap().iter();
        rows.map(|row| format!("{} {} {}", row["rank"], row["name"], row["movement"])).collect()
    };
    assert_eq!(rows(&page), ["1 \"Cleo\" 0", "2 \"Ada\" 0", "3 \"Bob\" 0"]);
    assert_eq!(page["data"][2]["experience_points"], 70, "of now");
    assert_eq!((&page["building"], &page["meta"]["total"]), (&json!(true), &json!(4)));
    assert_eq!(page["me"]["rank"], 4);
    let around = ask(&tokens[1], "?around=me&per_page=3").await;
    assert_eq!(rows(&around), ["2 \"Ada\" 0", "3 \"Bob\" 0", "4 \"Dan\" 0"]);
    let worth = ask(&tokens[1], "?board=return&per_page=1").await;
    assert_eq!(worth["data"][0]["return_percentage"], "0.00");
    // Once it is built, the board itself answers.
    let mut builder = leaderboard::LeaderboardBuilder::new(app.clock.now());
    while !builder.step(&app.store).await.unwrap() {}
    builder.finish(app.boards.board(Xp)).await.unwrap();
    let page = ask(&tokens[3], "?per_page=1").await;
    assert_eq!(rows(&page), ["1 \"Bob\" 2"]);
    assert!(page.get("building").is_none());
}

#[tokio::test]
async fn a_board_without_a_snapshot_is_waited_for_and_then_reported_as_building() {
    let app = App::start_unbuilt().await;
    let ada = app.register("Ada").await;
    let answer = app.get_as(&ada, "/api/leaderboard").await;
    assert_eq!((answer.status, &answer.json()["code"]), (503, &json!("board_building")));
    assert_eq!(answer.header("retry-after"), Some("2"));
}

#[tokio::test]
async fn a_profit_is_rounded_once_on_every_route() {
    let app = App::start().await;
    let mut browser = app.browser_of("Ada").await.speaking("en");
    let login = json!({ "email": "ada@pages.example.com", "password": crate::common::PASSWORD });
    let login = app.post("/api/auth/login", &login).await.json();
    let ada = login["token"].as_str().expect("it is there").to_owned();
    let symbols = ["AAPL", "GE", "BAC", "KO", "XOM", "MSFT", "WMT"];
    for symbol in symbols {
        buy(&app, &ada, symbol, 3).await;
    }
    let mut config = MarketConfig { source: SourceKind::Fixed, ..MarketConfig::default() };
    config.fixed.day = domain::Day::parse("2008-10-10").unwrap();
    let market = MarketSource::new(&config, app.clock.now()).unwrap();
    app.prices.publish(&market, app.clock.now());
    let portfolio = app.get_as(&ada, "/api/portfolio").await.json();
    let page = browser.page("/portfolio").await.text();
    let cents = |value: &Value| -> i64 {
        value.as_str().expect("a text").replace('.', "").parse().expect("a number")
    };
    for holding in portfolio["data"].as_array().expect("a list") {
        let (value, profit) = (cents(&holding["total_value"]), cents(&holding["profit_loss"]));
        let ratio = Ratio::of(profit, value - profit);
        assert_eq!(cents(&holding["profit_loss_percentage"]), ratio.percent(6), "{holding}");
        let hundredths = ratio.percent(2);
        let sign = if hundredths < 0 { "\u{2212}" } else { "+" };
        let size = hundredths.unsigned_abs();
        let shown = format!("{sign}{}.{:02}%", size / 100, size % 100);
        let symbol = holding["stock_symbol"].as_str().expect("a symbol");
        let stock = browser.page(&format!("/stocks/{symbol}")).await.text();
        assert!(page.contains(&shown) && stock.contains(&shown), "{symbol}: {shown}");
    }
    let summary = app.get_as(&ada, "/api/portfolio/summary").await.json()["data"].clone();
    let total: i64 =
        portfolio["data"].as_array().unwrap().iter().map(|h| cents(&h["total_value"])).sum();
    assert_eq!(cents(&summary["total_value"]), total, "a sum is that of its parts");
    let ratio = Ratio::of(cents(&summary["profit_loss"]), cents(&summary["total_invested"]));
    assert_eq!(cents(&summary["profit_loss_percentage"]), ratio.percent(2));
}
