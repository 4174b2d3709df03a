//! Who may join a game, with which cash, and who is ranked, on both engines.

use crate::common::{App, PASSWORD};
use domain::{Clock as _, LateJoin, Money, RankingRules, Rules};
use serde_json::json;

on_both_engines!(
    a_late_player_has_less_cash_and_a_later_one_cannot_join,
    a_player_is_ranked_by_return_after_the_trades_and_notes_of_the_rules,
);

async fn a_late_player_has_less_cash_and_a_later_one_cannot_join(engine: &str) {
    let start = testkit::ManualClock::new().now();
    let change = |rules: &mut Rules| {
        rules.late_join = LateJoin {
            from: Some(start.plus_seconds(100)),
            until: Some(start.plus_seconds(200)),
            cash: Some(Money(500_000)),
        };
    };
    let app = App::start_replay(engine, change).await;
    let early = app.register_as("Ada", "ada@example.org").await;
    assert_eq!((early.status, &early.json()["user"]["balance"]), (201, &json!("10000.00")));
    app.clock.advance_seconds(100);
    let late = app.register_as("Bob", "bob@example.org").await;
    assert_eq!((late.status, &late.json()["user"]["balance"]), (201, &json!("5000.00")));
    let token = late.json()["token"].as_str().expect("a token").to_owned();
    let board = app.get_as(&token, "/api/leaderboard?board=return").await.json();
    assert_eq!(board["me"]["rank"], 2);
    app.clock.advance_seconds(99);
    let mut browser = app.browser();
    let page = browser.page("/register").await;
    app.clock.advance_seconds(1);
    let closed = app.register_as("Eve", "eve@example.org").await;
    assert_eq!((closed.status, &closed.json()["code"]), (403, &json!("join_closed")));
    let fields = [("name", "Eve"), ("email", "eve@example.org"), ("password", PASSWORD)];
    for answer in
        [browser.submit(&page, "/register", &fields).await, browser.get("/register").await]
    {
        assert_eq!(answer.status, 403);
        let text = browser.checked("/register", answer).text();
        assert!(text.contains("The time to join this game is over."), "{text}");
    }
    let user = app.store.find_user_id("eve@example.org").await.expect("answers");
    assert_eq!(user, None);
}

/// Values the ranked players, as the server does every few seconds.
async fn value_players(app: &App, ranking: RankingRules) {
    let (prices, unit) = (app.prices.prices_json(), app.rules.current().minor_unit);
    let mut round = leaderboard::ReturnValuation::new(prices, unit, ranking);
    while !round.step(&app.store).await.expect("values") {}
    round.finish(app.boards.board(store::BoardKind::Return)).await.expect("sorts");
}

async fn a_player_is_ranked_by_return_after_the_trades_and_notes_of_the_rules(engine: &str) {
    let ranking = RankingRules { trades_min: 2, notes_min: 1 };
    let app = App::start_replay(engine, |rules| rules.ranking = ranking).await;
    app.pass_seconds(10).await;
    let mut browser = app.browser_of("Eve").await;
    let ada = app.register("Ada").await;
    let missing = async || {
        let board = app.get_as(&ada, "/api/leaderboard?board=return").await.json();
        (board["meta"]["total"].clone(), board["missing"].clone(), board["me"]["rank"].clone())
    };
    let needed = |trades: i64, notes: i64| json!({ "trades": trades, "notes": notes });
    assert_eq!(missing().await, (json!(0), needed(2, 1), json!(null)));
    value_players(&app, ranking).await;
    let order = json!({ "stock_symbol": "MSFT", "quantity": 3, "note": "I use their software." });
    assert_eq!(app.post_as(&ada, "/api/portfolio/buy", &order).await.status, 200);
    value_players(&app, ranking).await;
    assert_eq!(missing().await, (json!(0), needed(1, 0), json!(null)));
    assert_eq!(app.post_as(&ada, "/api/portfolio/buy", &order).await.status, 200);
    assert_eq!(missing().await.1, json!(null), "the next round ranks the player");
    value_players(&app, ranking).await;
    assert_eq!(missing().await, (json!(1), json!(null), json!(1)));
    let by_xp = app.get_as(&ada, "/api/leaderboard").await.json();
    assert_eq!(by_xp["meta"]["total"], 2, "the board by XP has all players");
    let text = browser.page("/ranks?board=return").await.text();
    for sentence in [
        "You aren\'t ranked by return yet.",
        "2 more trades that count for badges",
        "one more note that counts for badges",
    ] {
        assert!(text.contains(sentence), "{sentence}: {text}");
    }
}
