//! A stock without bars while others have some, for good or for some days: stale for a session,
//! then not traded, and valued at its last price. On both engines.

use serde_json::{Value, json};
use testkit::poll;

use crate::server::{Server, openbell};

fn start(dir: &str, url: Option<&str>) -> Server {
    Server::start_at("127.0.0.1:0", &["--data-dir", dir], |command| {
        if let Some(url) = url {
            command.env("OPENBELL_DATABASE_URL", url);
        }
        command
            .env("OPENBELL__MARKET__REPLAY__MARKET", "us")
            .env("OPENBELL__MARKET__REPLAY__START", "2014-01-10")
            .env("OPENBELL__MARKET__REPLAY__SESSION_SECONDS", "4");
    })
}

fn wait_for_quote(server: &Server, symbol: &str, holds: impl Fn(&Value) -> bool) -> Value {
    poll(&format!("the quote of {symbol} changes"), || {
        let (_, response) = server.get(&format!("/api/stocks/{symbol}"));
        Some(response["data"]["quote"].clone()).filter(&holds)
    })
}

fn play(url: Option<&str>) {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("bars.csv");
    let mut text = "date,symbol,close\n".to_owned();
    for day in 6..=31 {
        text.push_str(&format!("2014-01-{day:02},STAY,20.00\n"));
    }
    for day in 6..=13 {
        text.push_str(&format!("2014-01-{day:02},GONE,1.00\n"));
    }
    for day in (6..=13).chain(21..=31) {
        text.push_str(&format!("2014-01-{day:02},HOLE,1.00\n"));
    }
    std::fs::write(&path, text).expect("written");
    let (data, bars) = (dir.path().display().to_string(), path.display().to_string());
    let args = ["stocks", "import", &bars, "--market", "us", "--data-dir", &data];
    let mut import = openbell(&args);
    if let Some(url) = url {
        import.env("OPENBELL_DATABASE_URL", url);
    }
    assert!(import.status().expect("it runs").success());
    let server = start(&data, url);
    let token = server.register("ada");
    let trade_of = |symbol: &str, side: &str| {
        let order = json!({"stock_symbol": symbol, "quantity": 100});
        server.ask("POST", &format!("/api/portfolio/{side}"), &token, Some(&order))
    };
    let trade = |side: &str| trade_of("GONE", side);
    let (status, answer) = trade("buy");
    assert_eq!(status, 200, "{answer}");
    let quote = wait_for_quote(&server, "GONE", |quote| quote["stale"] == true);
    assert!(quote["market_date"].as_str().expect("a day") > "2014-01-13", "{quote}");
    let quote = wait_for_quote(&server, "GONE", |quote| quote["no_longer_traded"] == true);
    assert_eq!((&quote["price"], &quote["stale"]), (&"1.00".into(), &true.into()), "{quote}");
    for side in ["buy", "sell"] {
        let (status, answer) = trade(side);
        assert_eq!((status, &answer["code"]), (503, &"no_quote".into()), "{answer}");
    }
    let (status, answer) = trade_of("HOLE", "buy");
    assert_eq!((status, &answer["code"]), (503, &"no_quote".into()), "{answer}");
    let (_, holdings) = server.ask("GET", "/api/portfolio", &token, None);
    let holding = &holdings["data"][0];
    assert_eq!(holding["no_longer_traded"], true, "{holdings}");
    assert_eq!(holding["total_value"], "100.00", "it is valued at its last price: {holdings}");
    let (_, page) = server.get("/stocks/GONE");
    assert!(page.as_str().is_some_and(|page| page.contains("Not traded now")), "{page}");
    wait_for_quote(&server, "HOLE", |quote| quote["no_longer_traded"] == false);
    let (status, answer) = trade_of("HOLE", "buy");
    assert_eq!(status, 200, "it has bars again: {answer}");
    server.stop();
}

#[test]
fn a_stock_without_bars_is_not_sold_at_its_last_price_on_sqlite() {
    play(None);
}

#[test]
fn a_stock_without_bars_is_not_sold_at_its_last_price_on_postgresql() {
    play(Some(&testkit::postgres_database()));
}
