//! Orders that fill at the close, on servers that are killed during the execution: each order
//! becomes one trade, on one node and on two.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use domain::{OrderId, OrderState};
use serde_json::{Value, json};
use store::{DatabaseConfig, Store};
use testkit::{SeededEntropy, eventually, postgres_database, seconds};
use tokio::time::Instant;

use crate::killed::verify;
use crate::server::Server;

/// The maximum number of kills in one test.
const KILLS_MAX: u64 = 20;
/// A test ends after this many kills that left orders in the state `executing`.
const HITS: usize = 2;
/// Orders of each player before each kill.
const ORDERS: usize = 25;
/// The longest wait for the execution of an order.
const EXECUTION_MAX: Duration = Duration::from_secs(60);
/// Up to this many requests are sent between the begin of the execution and the kill.
const REQUESTS_MAX: u64 = 20;

#[test]
fn orders_on_sqlite_fill_once_although_the_server_is_killed_while_they_execute() {
    let dir = tempfile::tempdir().expect("a directory");
    let data = dir.path().join("data").display().to_string();
    let url = format!("sqlite:{data}/openbell.db");
    kill_while_orders_execute(dir.path(), &["--data-dir", &data], &url, 1);
}

#[test]
fn orders_on_two_nodes_fill_once_although_the_nodes_are_killed_while_they_execute() {
    let dir = tempfile::tempdir().expect("a directory");
    let url = postgres_database();
    kill_while_orders_execute(dir.path(), &["--database", &url], &url, 2);
}

/// Starts a node of a game whose orders fill at the close of sessions of two seconds.
fn start(dir: &Path, address: &str, database: &[&str]) -> Server {
    let rules = dir.join("game.toml");
    let text = include_str!("../../../../config/game.toml");
    let text = text.replace("fill = \"now\"\n", "fill = \"close\"\n");
    let text = text.replace("pending_orders_max = 20", "pending_orders_max = 1000");
    assert!(text.contains("fill = \"close\"\n") && text.contains("= 1000\n"));
    std::fs::write(&rules, text).expect("written");
    Server::start_at(address, database, |command| {
        command.env("OPENBELL__GAME__RULES", &rules);
        command.env("OPENBELL__MARKET__REPLAY__SESSION_SECONDS", "2");
    })
}

fn kill_while_orders_execute(dir: &Path, database: &[&str], url: &str, nodes: usize) {
    let mut servers: Vec<Server> =
        (0..nodes).map(|_| start(dir, "127.0.0.1:0", database)).collect();
    let tokens: Vec<String> =
        ["ada", "bob", "eve"].iter().map(|name| servers[0].register(name)).collect();
    let mut placed: Vec<Vec<String>> = vec![Vec::new(); tokens.len()];
    let random = SeededEntropy::new(7);
    let mut hits = 0;
    for kill in 0..6 * seconds(KILLS_MAX) {
        if hits >= HITS {
            break;
        }
        for (token, orders) in tokens.iter().zip(&mut placed) {
            orders.extend((0..ORDERS).map(|order| place(&servers[order % nodes], token)));
        }
        let newest = placed[0].last().expect("placed");
        wait_for_execution(&servers[0], &tokens[0], newest, random.next_u64() % REQUESTS_MAX);
        // Any of two nodes may be executing: either all of them are killed, or the first one.
        let killed = if kill % 2 == 0 { nodes } else { 1 };
        let addresses: Vec<String> = servers
            .drain(..killed)
            .map(|server| {
                let address = server.address.clone();
                server.kill();
                address
            })
            .collect();
        if killed == nodes && has_executing(url, &placed) {
            hits += 1;
        }
        servers.extend(addresses.iter().map(|address| start(dir, address, database)));
    }
    assert!(hits > 0, "no kill left an order that was executing");
    for (token, placed) in tokens.iter().zip(&placed) {
        assert_each_order_is_one_trade(&servers[0], token, placed);
    }
    servers.into_iter().for_each(Server::stop);
    verify(database);
}

/// Waits until an order executes, without a pause because that takes milliseconds, and sends some
/// more requests, so that kills hit different moments.
fn wait_for_execution(server: &Server, token: &str, order: &str, requests: u64) {
    let deadline = Instant::now() + EXECUTION_MAX;
    while status(server, token, order) == "pending" {
        assert!(Instant::now() < deadline, "order {order} is still pending");
    }
    (0..requests).for_each(|_| drop(status(server, token, order)));
}

fn assert_each_order_is_one_trade(server: &Server, token: &str, placed: &[String]) {
    eventually("all orders have ended", || {
        ["pending", "executing"].iter().all(|state| {
            let path = format!("/api/portfolio/orders?status={state}");
            let (_, page) = server.ask("GET", &path, token, None);
            page["data"].as_array().is_some_and(Vec::is_empty)
        })
    });
    let (mut orders, mut trades) = (BTreeSet::new(), BTreeSet::new());
    for row in pages(server, token, "/api/portfolio/orders") {
        assert_eq!(row["status"], "filled", "{row}");
        orders.insert(row["id"].as_str().expect("a number").to_owned());
        trades.insert(row["trade_id"].as_str().expect("a trade").to_owned());
    }
    assert_eq!(orders, placed.iter().cloned().collect(), "every accepted order is listed");
    assert_eq!(trades.len(), orders.len(), "each has a trade of its own");
    let entries = pages(server, token, "/api/portfolio/transactions");
    let trades = entries.iter().filter(|entry| entry["kind"] == "buy");
    assert_eq!(trades.count(), orders.len(), "the ledger has no other trade");
}

/// Whether the database of killed servers has an order in execution.
fn has_executing(url: &str, placed: &[Vec<String>]) -> bool {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let config = DatabaseConfig { url: url.to_owned(), ..DatabaseConfig::default() };
        let store = Store::open(&config).await.expect("opens");
        let mut count = 0;
        for order in placed.iter().filter_map(|orders| orders.first()) {
            let player_id = OrderId::parse(order).expect("a number").player_id;
            let state = Some(OrderState::Executing);
            count += store.orders_page(player_id, None, state, 100).await.expect("reads").len();
        }
        store.close().await;
        count > 0
    })
}

/// Places an order for a share, and returns its id.
fn place(server: &Server, token: &str) -> String {
    let body = json!({ "stock_symbol": "AAPL", "quantity": 1 });
    let (status, answer) = server.ask("POST", "/api/portfolio/buy", token, Some(&body));
    assert_eq!(status, 202, "{answer}");
    answer["order"]["id"].as_str().expect("a number").to_owned()
}

fn status(server: &Server, token: &str, id: &str) -> String {
    let (_, order) = server.ask("GET", &format!("/api/portfolio/orders/{id}"), token, None);
    order["data"]["status"].as_str().expect("a word").to_owned()
}

/// All rows of a list, page by page.
fn pages(server: &Server, token: &str, path: &str) -> Vec<Value> {
    let (mut rows, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = format!("{path}?limit=100{cursor}");
        let (status, page) = server.ask("GET", &page, token, None);
        assert_eq!(status, 200, "{page}");
        rows.extend(page["data"].as_array().expect("a list").iter().cloned());
        match page["meta"]["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return rows,
        }
    }
}
