//! Limits of the rules on a real server: names are found in its market at the start.

use std::path::{Path, PathBuf};

use serde_json::json;

use crate::server::{Server, error_line, openbell};

/// The built-in rules with these lines.
fn rules(dir: &Path, lines: &str) -> PathBuf {
    let text = include_str!("../../../../config/game.toml");
    assert!(text.contains("\nformat = 2\n"));
    let path = dir.join("game.toml");
    let text = text.replacen("\nformat = 2\n", &format!("\nformat = 2\n{lines}\n"), 1);
    std::fs::write(&path, text).expect("written");
    path
}

#[test]
fn a_stock_that_the_market_does_not_have_is_refused_at_the_start() {
    let dir = tempfile::tempdir().expect("a directory");
    let data = dir.path().join("data").display().to_string();
    for (lines, expected) in [
        ("stocks = [\"AAPL\", \"NOPE\"]", "stocks: expected stocks of the market, got NOPE"),
        ("categories = [\"tech\"]", "categories: expected categories of "),
    ] {
        let mut command = openbell(&["serve", "--listen", "127.0.0.1:0", "--data-dir", &data]);
        command.env("OPENBELL__GAME__RULES", rules(dir.path(), lines));
        let text = error_line(&command.output().expect("it runs"));
        let start = "the file of rules that game.rules names does not suit the market: ";
        assert!(text.contains(&format!("{start}{expected}")), "{text}");
    }
}

#[test]
fn a_server_permits_the_stocks_of_its_rules() {
    let dir = tempfile::tempdir().expect("a directory");
    let data = dir.path().join("data").display().to_string();
    let rules = rules(dir.path(), "stocks = [\"JPM\"]\ncategories = [\"Tech\"]");
    let server = Server::start_at("127.0.0.1:0", &["--data-dir", &data], |command| {
        command.env("OPENBELL__GAME__RULES", &rules);
    });
    let token = server.register("ada");
    let buy = |symbol: &str| {
        let order = json!({ "stock_symbol": symbol, "quantity": 1 });
        let (status, answer) = server.ask("POST", "/api/portfolio/buy", &token, Some(&order));
        (status, answer["code"].as_str().unwrap_or_default().to_owned())
    };
    assert_eq!([buy("JPM"), buy("AAPL")], [(200, String::new()), (200, String::new())]);
    assert_eq!(buy("XOM"), (422, "stock_not_allowed".to_owned()));
    server.stop();
}
