//! Two nodes on one PostgreSQL, one of which is stopped by a signal within a transaction and
//! resumed later. Only the players of that transaction wait for it.

use std::time::Duration;

use serde_json::{Value, json};
use testkit::{FaultProxy, Postgres};
use tokio::time::Instant;

use crate::gone::until;
use crate::server::{Server, run};

const PLAYERS: usize = 8;
const ROUNDS: usize = 3;
/// How long the session of the stopped node may hold its row locks: long enough for the orders of
/// all other players, on a busy machine, too.
const IDLE_MS: u64 = 6_000;

fn node(url: &str) -> Server {
    Server::start_at("127.0.0.1:0", &["--database", url], |command| {
        command.env("OPENBELL__TRADING__LANES", "1");
        command.env("OPENBELL__DATABASE__IDLE_IN_TRANSACTION_TIMEOUT_MS", IDLE_MS.to_string());
    })
}

fn buy(node: &Server, token: &str, key: &str) -> (u16, Value) {
    let order = json!({"stock_symbol": "AAPL", "quantity": 1});
    let answer = node.try_order("buy", token, key, &order).expect("answered");
    let status = answer.split(' ').nth(1).and_then(|word| word.parse().ok());
    let body = answer.split_once("\r\n\r\n").map(|(_, body)| body).unwrap_or_default();
    (status.expect("a status"), serde_json::from_str(body).expect("JSON"))
}

/// Trades for players in turn, and returns the sorted latencies.
fn trade_all(node: &Server, tokens: &[String]) -> Vec<Duration> {
    let mut latencies = Vec::new();
    for round in 0..ROUNDS {
        for token in tokens {
            let sent = Instant::now();
            let (status, response) = buy(node, token, &format!("k{round}"));
            assert_eq!(status, 200, "{response}");
            latencies.push(sent.elapsed());
        }
    }
    latencies.sort();
    latencies
}

/// Repeats an order after retryable errors: a resumed node may take its database for unreachable,
/// and has executed nothing then.
fn repeat_until_filled(
    node: &Server,
    token: &str,
    key: &str,
    (mut status, mut response): (u16, Value),
) -> Value {
    let is_filled = || {
        if status != 200 {
            assert_eq!(response["retryable"], true, "{response}");
            (status, response) = buy(node, token, key);
        }
        status == 200
    };
    until(is_filled, "the order is executed");
    response
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_players_in_the_transaction_of_a_frozen_node_wait() {
    let postgres = Postgres::start();
    let url = postgres.fresh_database();
    let proxy = FaultProxy::start(([127, 0, 0, 1], postgres.port()).into());
    let (other, frozen) = (node(&url), node(&proxy.url_through(&url)));
    let register = |number| other.register(&format!("p{number}"));
    let tokens: Vec<String> = (0..PLAYERS).map(register).collect();
    let held = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
                AND application_name = 'openbell' AND state = 'idle in transaction';";
    let free = "SELECT count(*) FROM (SELECT FROM players FOR UPDATE SKIP LOCKED) AS free;";
    let is_held = || postgres.run_sql(&url, free) == (PLAYERS - 1).to_string();

    std::thread::scope(|scope| {
        let mut withheld = 0;
        // A withheld COMMIT may be that of a background job.
        let stopped = loop {
            withheld += 1;
            proxy.withhold_commits(1);
            let (frozen, token, key) = (&frozen, &tokens[0], format!("stopped-{withheld}"));
            let client = scope.spawn(move || (buy(frozen, token, &key), key));
            tokio::task::block_in_place(|| {
                tokio::runtime::Handle::current().block_on(proxy.withheld(withheld));
            });
            if is_held() {
                break client;
            }
            proxy.reset_all();
            let (first, key) = client.join().expect("no panic");
            repeat_until_filled(frozen, &tokens[0], &key, first);
        };
        frozen.signal("STOP");

        let began = Instant::now();
        let waits = scope.spawn(|| buy(&other, &tokens[0], "held"));
        let latencies = trade_all(&other, &tokens[1..]);
        assert_ne!(postgres.run_sql(&url, held), "0", "the stopped node still holds its player");
        assert!(!waits.is_finished());
        let (status, response) = waits.join().expect("no panic");
        let waited = began.elapsed();
        assert_eq!(status, 200, "{response}");
        assert!(waited < Duration::from_secs(10), "{waited:?}");
        eprintln!(
            "others: median {:?}, longest {:?} of {}; the held one {waited:?}",
            latencies[latencies.len() / 2],
            latencies[latencies.len() - 1],
            latencies.len(),
        );

        frozen.signal("CONT");
        proxy.reset_all();
        let (first, key) = stopped.join().expect("no panic");
        let response = repeat_until_filled(&frozen, &tokens[0], &key, first);
        let (_, replayed) = buy(&other, &tokens[0], &key);
        assert_eq!(replayed["data"]["trade_id"], response["data"]["trade_id"]);
    });
    frozen.stop();
    other.stop();
    let verified = run(&["audit", "verify", "--database", &url]);
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stdout));
}
