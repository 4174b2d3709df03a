//! The cost of a page: the time from the request to the last byte and the bytes with Brotli, for a
//! player with 50 holdings and a year of daily values, on SQLite and without a socket.
//!
//! `cargo bench -p web --bench pages`

#[path = "../tests/common/mod.rs"]
#[expect(dead_code, reason = "the tests use more of it")]
mod common;

use std::io::Write as _;
use std::time::Duration;

use common::App;
use market::{MarketConfig, SimulatedConfig, SourceKind};
use serde_json::json;
use tokio::time::Instant;

const HOLDINGS: usize = 50;
const STOCKS: u32 = 60;
/// Measured requests for each page, after some that are not measured.
const REQUESTS: usize = 600;
const WARM_UP: usize = 20;

fn main() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(measure());
}

async fn measure() {
    let simulated = SimulatedConfig { symbols: STOCKS, ..SimulatedConfig::default() };
    let market =
        MarketConfig { source: SourceKind::Simulated, simulated, ..MarketConfig::default() };
    let app = App::start_on(&market, |_| {}).await;
    let mut browser = app.browser_of("Fifty").await;
    let (symbols, receipt) = fill(&app).await;
    let stock = format!("/stocks/{}", symbols[0]);
    browser.headers.push(("accept-encoding", "br".to_owned()));
    print_line("| page | bytes (br) | p50 ms | p99 ms |\n|---|---|---|---|");
    let paths = [
        "/home",
        "/market",
        &stock,
        &receipt,
        "/portfolio",
        "/history",
        "/achievements",
        "/ranks",
        "/settings",
        "/about",
    ];
    for path in paths {
        let (mut times, mut size) = (Vec::with_capacity(REQUESTS), 0);
        for request in 0..WARM_UP + REQUESTS {
            let began = Instant::now();
            let answer = browser.get(path).await;
            if request >= WARM_UP {
                times.push(began.elapsed());
            }
            assert_eq!(answer.status, 200, "{path}");
            size = answer.size;
        }
        times.sort_unstable();
        let (p50, p99) = (millis(times[REQUESTS / 2]), millis(times[REQUESTS * 99 / 100]));
        print_line(&format!("| `{path}` | {size} | {p50} | {p99} |"));
    }
}

/// Buys a share of each of 50 stocks and writes the days of the curve; returns the symbols and the
/// path of the last receipt.
async fn fill(app: &App) -> (Vec<String>, String) {
    let login = json!({ "email": "fifty@pages.example.com", "password": common::PASSWORD });
    let token = app.post("/api/auth/login", &login).await.json();
    let token = token["token"].as_str().expect("a token").to_owned();
    let listings = app.prices.listings().iter().take(HOLDINGS);
    let symbols: Vec<String> = listings.map(|listing| listing.symbol.to_string()).collect();
    let mut receipt = String::new();
    for symbol in &symbols {
        let order = json!({ "stock_symbol": symbol, "quantity": 1, "note": "one of each" });
        let answer = app.post_as(&token, "/api/portfolio/buy", &order).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        let trade_id = answer.json()["data"]["trade_id"].as_str().expect("a number").to_owned();
        receipt = format!("/orders/{trade_id}");
    }
    let (first, last) = (app.prices.listings()[0].stock_id, app.prices.snapshot().market_day);
    let from = domain::Day(last.0 - 366);
    for (day, _) in app.store.stock_history(first, from, last).await.expect("history") {
        while !app
            .store
            .snapshot_equity(day, None, domain::MinorUnit::Hundredth, 100)
            .await
            .expect("written")
            .is_done
        {}
    }
    (symbols, receipt)
}

fn millis(time: Duration) -> String {
    let micros = time.as_micros();
    format!("{}.{:02}", micros / 1_000, micros % 1_000 / 10)
}

fn print_line(line: &str) {
    writeln!(std::io::stdout(), "{line}").expect("standard output is writable");
}
