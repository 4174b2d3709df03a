//! A server whose history and portfolio agree, and each violation planted once.

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio::time::Instant;

use super::*;
use crate::tests::{TestServer, test_workers};
use crate::trade_response::AckAmounts;

const HISTORY: &str = "/api/portfolio/transactions?limit=100";
const HEAD: &str = "/api/portfolio/transactions?limit=1";
const PORTFOLIO: &str = "/api/portfolio?per_page=100&page=1";

/// What the server returns: the history newest first, the newest entry, and the portfolio.
struct Fixture {
    history: Value,
    head: Value,
    portfolio: Value,
}

impl Fixture {
    /// The opening with 10.00 and the purchase of a share of KO at 1.00.
    fn new() -> Self {
        let start = Sha256::digest("openbell-chain-1\n42").into();
        let (opening, hash) = entry(1, None, ["0", "-", "1000", "1000", "0"], start);
        let buy = ["1000000", "10000", "-100", "900", "1000000"];
        let (purchase, _) = entry(2, Some("KO"), buy, hash);
        let meta = json!({ "next_cursor": null });
        Self {
            history: json!({ "data": [purchase, opening], "meta": meta }),
            head: json!({ "data": [purchase], "meta": meta }),
            portfolio: json!({
                "data": [{ "stock_symbol": "KO", "quantity": 1 }],
                "meta": { "next_cursor": null, "last_page": 1 },
            }),
        }
    }

    /// The same with something changed in it.
    fn with(change: impl FnOnce(&mut Self)) -> Self {
        let mut fixture = Self::new();
        change(&mut fixture);
        fixture
    }

    async fn verify(&self) -> Verification {
        let bodies = [&self.history, &self.head, &self.portfolio].map(Value::to_string);
        let paths = [HISTORY, HEAD, PORTFOLIO];
        let responses: Vec<_> =
            paths.iter().zip(&bodies).map(|(path, body)| (*path, 200, body.as_str())).collect();
        let server = TestServer::start(&responses).await;
        verify_at(&server.address, vec![ack()]).await
    }
}

/// An entry of the API and its hash. The numbers are quantity, price, amount, cash and quantity
/// afterwards, as the canonical text has them.
fn entry(
    version: i64,
    symbol: Option<&str>,
    [quantity, price, amount, cash_after, quantity_after]: [&str; 5],
    before: [u8; 32],
) -> (Value, [u8; 32]) {
    let version_text = version.to_string();
    let mut lines = vec!["openbell-ledger-1", "202611", "42", &version_text, "kind", "1"];
    lines.extend([quantity, price, amount, "0", "0", "0", cash_after, quantity_after]);
    lines.resize(21, "-");
    let canonical = lines.join("\n");
    let mut sha = Sha256::new();
    sha.update(before);
    sha.update(&canonical);
    let hash: [u8; 32] = sha.finalize().into();
    let money = |cents: &str| {
        let cents: i64 = cents.parse().expect("cents");
        let sign = if cents < 0 { "-" } else { "" };
        format!("{sign}{}.{:02}", cents.abs() / 100, cents.abs() % 100)
    };
    let shares = |millionths: &str| millionths.parse::<i64>().expect("millionths") / 1_000_000;
    let hex = hex::encode(hash);
    let value = json!({
        "trade_id": format!("t-42-202611-{version}"),
        "version": version,
        "stock_symbol": symbol,
        "quantity": shares(quantity),
        "price": symbol.map(|_| "1.0000"),
        "amount": money(amount),
        "cash_after": money(cash_after),
        "quantity_after": shares(quantity_after),
        "canonical": canonical,
        "hash": hex,
    });
    (value, hash)
}

fn ack() -> Ack {
    let amounts = AckAmounts { price: 10_000, total: 100, balance: 900 };
    Ack { player: 0, player_id: 42, month: 202_611, version: 2, amounts: Some(amounts) }
}

async fn verify_at(address: &str, acks: Vec<Ack>) -> Verification {
    verify(test_workers(address, 2), acks, Arc::new(|_, _, _| {})).await.expect("no panic")
}

async fn assert_difference(fixture: &Fixture, words: &str) {
    let found = fixture.verify().await.difference.unwrap_or_default();
    assert!(found.contains(words), "{found:?} does not contain {words:?}");
}

#[tokio::test]
async fn a_history_that_agrees_with_the_portfolio_is_verified() {
    let verified = Fixture::new().verify().await;
    assert_eq!(verified.difference, None);
    assert_eq!((verified.players, verified.acknowledged, verified.found), (1, 1, 1));
    assert_eq!(verified.foreign, 0);
}

#[tokio::test]
async fn a_lost_trade_is_found() {
    let lost = Fixture::with(|fixture| {
        fixture.history["data"].as_array_mut().expect("entries").remove(0);
    });
    assert_difference(&lost, "t-42-202611-2 was acknowledged and is not in the ledger").await;
}

#[tokio::test]
async fn a_portfolio_with_other_shares_is_found() {
    let words = "the portfolio has other shares of KO than the ledger (player 0)";
    let doubled = Fixture::with(|fixture| fixture.portfolio["data"][0]["quantity"] = json!(2));
    assert_difference(&doubled, words).await;
    let empty = Fixture::with(|fixture| fixture.portfolio["data"] = json!([]));
    assert_difference(&empty, words).await;
}

#[tokio::test]
async fn a_malformed_portfolio_is_found() {
    let text = Fixture::with(|fixture| fixture.portfolio["data"][0]["quantity"] = json!("many"));
    assert_difference(&text, "shares of KO (player 0)").await;
    let other = Fixture::with(|fixture| fixture.portfolio = json!({ "rows": [] }));
    assert_difference(&other, "the response to GET /api/portfolio?per_page=100&page=1").await;
}

#[tokio::test]
async fn a_malformed_history_is_found() {
    let malformed = Fixture::with(|fixture| fixture.history["data"][0]["hash"] = json!("zz"));
    assert_difference(&malformed, "t-42-202611-2 has no valid hash").await;
    let other = Fixture::with(|fixture| fixture.history = json!("sorry"));
    assert_difference(&other, "is malformed (player 0)").await;
}

#[tokio::test]
async fn a_portfolio_that_another_client_changed_is_no_violation() {
    // Every read finds a newer head than the history had.
    let moved = Fixture::with(|fixture| {
        fixture.portfolio["data"][0]["quantity"] = json!(2);
        let (newer, _) =
            entry(3, Some("KO"), ["1000000", "10000", "-100", "800", "2000000"], [0; 32]);
        fixture.head["data"] = json!([newer]);
    });
    let verified = moved.verify().await;
    assert_eq!((verified.difference, verified.found), (None, 1));
}

#[tokio::test(start_paused = true)]
async fn a_run_whose_server_disappears_is_not_verified() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = format!("http://{}", listener.local_addr().expect("bound"));
    drop(listener);
    let verified = verify_at(&address, vec![ack()]).await;
    assert_eq!(verified.difference.as_deref(), Some(NO_SERVER));
    assert_eq!((verified.acknowledged, verified.found), (1, 0));
}

#[tokio::test]
async fn a_run_without_trades_whose_server_disappeared_is_not_verified() {
    let workers = test_workers("http://127.0.0.1:1", 1);
    let sent = Instant::now();
    let later = sent + std::time::Duration::from_secs(60);
    workers[0].common.contact.record_silence(sent, later);
    let verified = verify(workers, Vec::new(), Arc::new(|_, _, _| {})).await.expect("no panic");
    assert_eq!(verified.difference.as_deref(), Some(NO_SERVER));
}
