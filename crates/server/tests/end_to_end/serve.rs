//! A running server: trades, shutdown, crash and restart, on both engines.

use std::path::Path;

use serde_json::{Value, json};

use crate::server::{Server, run};

/// Buys or sells, and returns the data of the response.
fn trade(server: &Server, token: &str, side: &str, quantity: i64) -> Value {
    let order = json!({ "stock_symbol": "AAPL", "quantity": quantity });
    let (status, answer) =
        server.ask("POST", &format!("/api/portfolio/{side}"), token, Some(&order));
    assert_eq!(status, 200, "{answer}");
    answer["data"].clone()
}

fn read(server: &Server, token: &str, path: &str) -> Value {
    let (status, answer) = server.ask("GET", path, token, None);
    assert_eq!(status, 200, "{path}: {answer}");
    answer
}

/// The state of a player that prices do not change.
fn standing(server: &Server, token: &str) -> Value {
    let portfolio = read(server, token, "/api/portfolio");
    let held: Vec<Value> = portfolio["data"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|holding| {
            json!([holding["stock_symbol"], holding["quantity"], holding["average_price"]])
        })
        .collect();
    let summary = read(server, token, "/api/portfolio/summary")["data"].clone();
    let mut leaderboard = read(server, token, "/api/leaderboard")["data"].clone();
    // It changes when the first ranks of the day are stored.
    for row in leaderboard.as_array_mut().expect("a list") {
        row.as_object_mut().expect("a row").remove("movement").expect("a movement");
    }
    json!({
        "held": held,
        "balance": summary["balance"],
        "experience_points": summary["experience_points"],
        "leaderboard": leaderboard,
        "transactions": read(server, token, "/api/portfolio/transactions")["data"],
    })
}

fn data_dir(dir: &Path) -> Vec<String> {
    vec!["--data-dir".to_owned(), dir.display().to_string()]
}

/// Plays on the database of these flags, stops, verifies and restarts.
fn play_end_verify_restart(flags: &[String]) {
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    let server = Server::start(&flags);
    let token = server.register("ada");
    let bought = trade(&server, &token, "buy", 30);
    assert_eq!(bought["xp_earned"].as_i64(), Some(10), "{bought}");
    trade(&server, &token, "sell", 1);
    let before = standing(&server, &token);
    assert_eq!(before["held"][0][0], json!("AAPL"));
    assert_eq!(before["held"][0][1], json!(29));
    assert_eq!(
        before["transactions"].as_array().map(Vec::len),
        Some(3),
        "the opening and two trades"
    );
    assert_eq!(before["leaderboard"][0]["name"], json!("ada"));
    server.stop();

    let verify = run(&[&["audit", "verify", "--json"][..], &flags].concat());
    let report = String::from_utf8_lossy(&verify.stdout).into_owned();
    assert!(verify.status.success(), "{report}{}", String::from_utf8_lossy(&verify.stderr));
    serde_json::from_str::<Value>(&report).expect("JSON");

    let server = Server::start(&flags);
    assert_eq!(standing(&server, &token), before);
    server.stop();
}

#[test]
fn a_game_on_sqlite_survives_a_restart_and_verifies() {
    let dir = tempfile::tempdir().expect("a directory");
    play_end_verify_restart(&data_dir(&dir.path().join("data")));
}

#[test]
fn a_game_on_postgresql_survives_a_restart_and_verifies() {
    let database = testkit::postgres_database();
    play_end_verify_restart(&["--database".to_owned(), database]);
}

#[test]
fn a_killed_server_keeps_every_acknowledged_trade() {
    let dir = tempfile::tempdir().expect("a directory");
    let server = Server::start_in(dir.path());
    let token = server.register("grace");
    for _ in 0..5 {
        trade(&server, &token, "buy", 1);
    }
    let before = standing(&server, &token);
    server.kill();

    let server = Server::start_in(dir.path());
    assert_eq!(standing(&server, &token), before);
    trade(&server, &token, "sell", 5);
    server.stop();
}

#[test]
fn a_shutdown_under_load_loses_no_acknowledged_trade() {
    let dir = tempfile::tempdir().expect("a directory");
    let server = Server::start_in(dir.path());
    let token = server.register("alan");
    let acknowledged = std::thread::scope(|scope| {
        let (server, token) = (&server, token.as_str());
        let traders: Vec<_> =
            (0..4).map(|_| scope.spawn(move || trade_until_closed(server, token))).collect();
        // Shuts down once trades are executed.
        while read(server, token, "/api/portfolio")["data"] == json!([]) {}
        server.signal("TERM");
        traders.into_iter().map(|trader| trader.join().expect("no panic")).sum::<i64>()
    });
    assert_eq!(server.wait().code(), Some(0));

    let server = Server::start_in(dir.path());
    let portfolio = read(&server, &token, "/api/portfolio");
    let held = portfolio["data"][0]["quantity"].as_i64().expect("a number");
    assert_eq!(held, acknowledged, "every accepted order has a response");
    server.stop();
}

/// Buys shares until the server accepts no more orders; returns how many were acknowledged.
fn trade_until_closed(server: &Server, token: &str) -> i64 {
    let order = json!({ "stock_symbol": "AAPL", "quantity": 1 });
    let mut acknowledged = 0;
    while let Some((status, answer)) =
        server.try_ask("POST", "/api/portfolio/buy", token, Some(&order))
    {
        match status {
            200 => acknowledged += 1,
            503 => return acknowledged,
            _ => panic!("{status}: {answer}"),
        }
    }
    acknowledged
}

#[test]
fn a_started_server_has_a_banner_probes_and_metrics() {
    let dir = tempfile::tempdir().expect("a directory");
    let server = Server::start_in(dir.path());
    assert!(server.banner.contains(env!("CARGO_PKG_VERSION")), "{}", server.banner);
    for path in ["/livez", "/readyz"] {
        assert_eq!(server.get(path).0, 200, "{path}");
    }
    let (status, metrics) = server.get("/metrics");
    let text = metrics.as_str().unwrap_or_default();
    assert_eq!(status, 200);
    for name in
        ["openbell_build_info", "process_resident_memory_bytes", "process_start_time_seconds"]
    {
        assert!(text.contains(name), "{name} is missing in {text}");
    }
    server.stop();
}

#[test]
fn an_interrupt_shuts_down_in_order() {
    let dir = tempfile::tempdir().expect("a directory");
    let server = Server::start_in(dir.path());
    server.signal("INT");
    assert_eq!(server.wait().code(), Some(0));
}
