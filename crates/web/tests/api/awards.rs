//! An award as its player sees it: in the history of API, pages and files, in the event streams, on
//! the leaderboard, and as a new badge on the next page.

use std::sync::Arc;

use domain::{Achievement, AchievementKind};
use serde_json::{Value, json};
use store::BoardKind;
use trading::{AchievementAwards, RulesChange};

use super::transactions::run_verifier;
use crate::common::{App, PASSWORD};

const HISTORY: &str = "/api/portfolio/transactions";
/// The email of the player of a browser.
const EMAIL: &str = "ada@pages.example.com";

/// The name of an achievement in the HTML of a page.
const SHOWN: &str = "Trader & &#60;Co&#62;";

/// Applies rules with two more achievements for a trade, and awards them as the server's job does.
async fn add_achievements(app: &App) -> u64 {
    let newest = app.rules.newest();
    let mut rules = newest.rules.clone();
    let mut list: Vec<Achievement> = rules.achievements.into();
    for (id, name, xp) in [(60, "Trader & <Co>", 30), (600, "Old Hand", 1_000)] {
        let (name, code) = (name.to_owned(), format!("added_{id}"));
        let (description, icon) = ("Trade.".to_owned(), "x".to_owned());
        let kind = AchievementKind::TradesCount(1);
        list.push(Achievement { id, code, kind, name, description, icon, xp });
    }
    rules.achievements = list.try_into().expect("unique");
    // Without a whole session, no player is invested.
    rules.xp.uninvested_max = 10_000;
    let (author, reason) = ("a test", "more badges");
    let expected = newest.version;
    let change = RulesChange { rules: &rules, expected, author, reason, effective_from: None };
    app.rules.apply(change).await.expect("applies");
    app.pass_seconds(10).await;
    let (prices, valued_by) = (Arc::clone(&app.prices), Arc::clone(&app.rules));
    let awards = AchievementAwards::new(
        app.store.clone(),
        app.desk.clone(),
        Arc::clone(&app.rules),
        Arc::new(app.clock.clone()),
        Arc::new(move || prices.valuation(&valued_by.current())),
    );
    let mut awarded = 0;
    while let Some(due) = awards.find_due().await.expect("reads") {
        awarded += awards.run(due).await.expect("awards").awarded;
    }
    awarded
}

async fn log_in(app: &App) -> String {
    let login = json!({ "email": EMAIL, "password": PASSWORD });
    let answer = app.post("/api/auth/login", &login).await.json();
    answer["token"].as_str().expect("a token").to_owned()
}

async fn buy(app: &App, token: &str) {
    let order = json!({ "stock_symbol": "AAPL", "quantity": 20 });
    let answer = app.post_as(token, "/api/portfolio/buy", &order).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
}

async fn an_award_is_shown_wherever_the_history_is(engine: &str) {
    let app = App::start_on_engine(engine).await;
    let mut browser = app.browser_of("Ada").await.speaking("en");
    let ada = log_in(&app).await;
    buy(&app, &ada).await;
    browser.page("/home").await;
    assert_eq!(add_achievements(&app).await, 1);

    let history = app.get_as(&ada, HISTORY).await.json();
    let [award, trade, opening] = history["data"].as_array().expect("a list").as_slice() else {
        panic!("{history}");
    };
    for (member, value) in [
        ("kind", json!("award")),
        ("awarded", json!("Trader & <Co>, Old Hand")),
        ("xp_trade", json!(0)),
        ("xp_achievements", json!(1_030)),
        ("total_xp_after", json!(1_090)),
        ("amount", json!("0.00")),
        ("cash_after", trade["cash_after"].clone()),
        ("stock_symbol", Value::Null),
        ("quote_as_of", Value::Null),
        ("rules_version", json!(2)),
    ] {
        assert_eq!(award[member], value, "{member}: {award}");
    }
    assert_eq!([&trade["awarded"], &opening["awarded"]], [&Value::Null; 2]);
    let dir = tempfile::tempdir().expect("a directory");
    let (holds, output) = run_verifier(dir.path(), std::slice::from_ref(&history));
    assert!(holds && output.contains("holds: 3 entries"), "{output}");
    let report = archive::verify(&app.store, |_, _| ()).await.expect("readable");
    assert!(report.holds(), "{report}");

    let csv = app.get_as(&ada, &format!("{HISTORY}?format=csv&bom=0")).await.text;
    let lines: Vec<&str> = csv.lines().collect();
    assert!(lines[0].ends_with(",rules_version,awarded"), "{}", lines[0]);
    assert!(lines[1].ends_with(",2,\"Trader & <Co>, Old Hand\""), "{}", lines[1]);
    let files = app.get_as(&ada, "/api/auth/user/export").await.unzipped();
    assert!(files["transactions.json"].contains("Trader & <Co>, Old Hand"));
    assert!(files["transactions.csv"].contains("Trader & <Co>, Old Hand"));

    let page = browser.page("/home").await;
    let text = page.text();
    assert!(text.contains(&format!("Badge earned: {SHOWN}")), "{text}");
    let text = browser.page("/history").await.text();
    assert!(!text.contains("Badge earned"), "they were shown");
    assert!(text.contains(&format!("New badges: {SHOWN}, Old Hand")), "{text}");
    assert!(text.contains("1,030 XP"), "{text}");
    let text = browser.page("/history?kind=award").await.text();
    assert!(text.contains("New badges:") && !text.contains("AAPL"), "{text}");
    let text = browser.page("/achievements").await.text();
    assert!(text.contains(&format!("New badges: {SHOWN}, Old Hand")), "{text}");
    for language in ["sn", "nd"] {
        let mut browser = app.browser_of(&format!("Ada{language}")).await.speaking(language);
        assert!(browser.page("/history").await.html().contains("value=\"award\""));
    }
}

async fn an_award_reaches_streams_and_the_leaderboard(engine: &str) {
    let app = App::start_on_engine_with(engine, |config| {
        config.http.stream_prices_interval_ms = 1;
    })
    .await;
    let ada = app.register("Ada").await;
    buy(&app, &ada).await;
    let bob = app.register("Bob").await;
    let mut events = app.listen(&ada).await;
    assert_eq!(add_achievements(&app).await, 1, "Bob has not traded");
    let names = [events.own().await, events.own().await];
    let codes = names.map(|event| (event.name.clone(), event.json()["code"].clone()));
    assert_eq!(codes[0], ("achievement".to_owned(), json!("added_60")));
    assert_eq!(codes[1], ("achievement".to_owned(), json!("added_600")));
    let level = events.own().await;
    assert_eq!((level.name.as_str(), &level.json()["level"]), ("level", &json!(2)));
    let player = app.store.player_scores_page(i64::MIN, 10).await.expect("reads");
    let board = app.boards.board(BoardKind::Xp);
    for (player_id, xp) in player {
        assert_eq!(board.rank(player_id).map(|(_, score)| score), Some(xp));
    }
    let history = app.get_as(&bob, HISTORY).await.json();
    assert_eq!(history["data"].as_array().map(Vec::len), Some(1), "{history}");
}

on_both_engines!(
    an_award_is_shown_wherever_the_history_is,
    an_award_reaches_streams_and_the_leaderboard,
);
