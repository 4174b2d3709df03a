//! The market's route: the commitment to its seed, the seed after the end, and the documented
//! verifier of published prices.

use std::path::Path;

use super::clock::command;
use crate::common::App;
use domain::ClockCommand;
use market::{MarketConfig, REVEAL_AFTER_S, ReplayConfig, SimulatedConfig, SourceKind};
use serde_json::{Value, json};

fn config(source: SourceKind) -> MarketConfig {
    let simulated = SimulatedConfig {
        symbols: 12,
        sessions: 3,
        warmup_sessions: 30,
        session_seconds: 50,
        jump_chance_ppm: 200_000,
        ..SimulatedConfig::default()
    };
    let start = domain::Day::parse("2022-12-22").expect("a day");
    let replay = ReplayConfig { start, session_seconds: 77, ..ReplayConfig::default() };
    MarketConfig { source, simulated, replay, ..MarketConfig::default() }
}

/// The answers for two stocks at many seconds from the beginning to after the end.
async fn play(app: &App, symbols: [&str; 2], seconds: i64) -> Vec<Value> {
    let mut quotes = Vec::new();
    for _ in 0..seconds / 7 {
        app.prices.publish(&app.market, domain::Clock::now(&app.clock));
        for symbol in symbols {
            quotes.push(app.get(&format!("/api/stocks/{symbol}")).await.json());
        }
        app.clock.advance_seconds(7);
    }
    quotes
}

/// Runs the verifier; whether it succeeds and what it prints.
fn verify(market: &Value, quotes: &[Value]) -> (bool, String) {
    let text = include_str!("../../../../docs/fair-market.md");
    let script = text.split("```python\n").nth(1).and_then(|rest| rest.split("```").next());
    let dir = tempfile::tempdir().expect("a directory");
    let write = |name: &str, text: String| {
        let path = dir.path().join(name);
        std::fs::write(&path, text).expect("writes");
        path
    };
    let lines: Vec<String> = quotes.iter().map(Value::to_string).collect();
    let files = [
        write("market.json", market.to_string()),
        write("quotes.jsonl", lines.join("\n")),
        write("closes.csv", unpacked_closes()),
    ];
    let mut command = std::process::Command::new("python3");
    let output = command.args(["-c", script.expect("a script")]).args(files).output();
    let output = output.expect("python3 runs");
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&text).trim().to_owned())
}

fn unpacked_closes() -> String {
    let packed = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../market/data/sp500_20_adjusted_close_1990-2022.csv.gz");
    let output = std::process::Command::new("gzip").arg("-dc").arg(packed).output();
    String::from_utf8(output.expect("gzip runs").stdout).expect("text")
}

#[tokio::test]
async fn every_published_price_can_be_recomputed_after_the_end() {
    for (source, symbols, seconds) in [
        (SourceKind::Simulated, ["TEC0001", "FIN0010"], 3 * 50),
        (SourceKind::Replay, ["AAPL", "XOM"], 3 * 77),
    ] {
        let app = App::start_on(&config(source), |_| {}).await;
        let quotes = play(&app, symbols, seconds + 20).await;
        app.clock.advance_seconds(REVEAL_AFTER_S);
        let market = app.get("/api/market").await.json();
        assert_eq!(market["data"]["ended"], true);
        let expected = format!("the commitment holds, and so do {} prices", quotes.len());
        assert_eq!(verify(&market, &quotes), (true, expected), "{source:?}");

        let mut other = quotes.clone();
        other[7]["data"]["quote"]["price"] = json!("1.23");
        let (holds, output) = verify(&market, &other);
        assert!(!holds && output.ends_with("published 1.23"), "{output}");
        let mut other = market.clone();
        other["data"]["chance"]["seed"] = json!("0".repeat(32));
        let expected = "the seed is not the one that was committed to".to_owned();
        assert_eq!(verify(&other, &quotes), (false, expected));
    }
}

#[tokio::test]
async fn prices_of_a_game_whose_clock_was_changed_can_be_recomputed() {
    let app = App::start_on(&config(SourceKind::Simulated), |_| {}).await;
    let symbols = ["TEC0001", "FIN0010"];
    let mut quotes = play(&app, symbols, 21).await;
    for change in [
        ClockCommand::Pause,
        ClockCommand::Pace(33),
        ClockCommand::Resume,
        ClockCommand::Step,
        ClockCommand::Pace(90),
    ] {
        command(&app, change).await;
        quotes.extend(play(&app, symbols, 14).await);
    }
    quotes.extend(play(&app, symbols, 2 * 90).await);
    app.clock.advance_seconds(REVEAL_AFTER_S);
    let market = app.get("/api/market").await.json();
    assert_eq!(market["data"]["ended"], true);
    let expected = format!("the commitment holds, and so do {} prices", quotes.len());
    assert_eq!(verify(&market, &quotes), (true, expected));
}

#[tokio::test]
async fn the_seed_is_secret_until_the_market_has_ended() {
    let app = App::start_on(&config(SourceKind::Simulated), |_| {}).await;
    let before = app.get("/api/market").await.json();
    let chance = &before["data"]["chance"];
    let commitment = chance["commitment"].as_str().expect("a commitment");
    assert_eq!(commitment.len(), 64);
    assert_eq!((&chance["seed"], &chance["salt"]), (&Value::Null, &Value::Null));
    assert_eq!((&chance["from_pass"], &chance["from_session"]), (&json!(0), &json!(0)));
    app.clock.advance_seconds(3 * 50 + REVEAL_AFTER_S - 1);
    let (last, page) = (app.get("/api/market").await, app.get("/about").await);
    assert_eq!(last.json()["data"]["chance"], *chance);
    app.clock.advance_seconds(1);
    let after = app.get("/api/market").await.json();
    let seed = after["data"]["chance"]["seed"].as_str().expect("a seed");
    let salt = after["data"]["chance"]["salt"].as_str().expect("a salt");
    assert_eq!(market::seed_commitment(salt, seed), commitment);
    for text in [&last.text, &page.text] {
        assert!(text.contains(commitment) && !text.contains(seed) && !text.contains(salt));
    }
    for lang in ["en", "sn", "nd"] {
        let page = app.get(&format!("/about?lang={lang}")).await.text;
        assert!(page.contains(commitment) && page.contains(seed) && page.contains(salt));
    }
}

#[tokio::test]
async fn a_market_without_a_secret_seed_has_no_commitment() {
    let simulated = SimulatedConfig { seed: 7, ..config(SourceKind::Simulated).simulated };
    let known = MarketConfig { simulated, ..config(SourceKind::Simulated) };
    for market in [known, MarketConfig { source: SourceKind::Fixed, ..MarketConfig::default() }] {
        let app = App::start_on(&market, |_| {}).await;
        assert_eq!(app.get("/api/market").await.json()["data"]["chance"], Value::Null);
        let about = app.get("/about").await.text;
        assert!(!about.contains("<code>"));
        let is_simulated = market.source == SourceKind::Simulated;
        assert_eq!(about.contains("every price can be computed in advance"), is_simulated);
    }
}
