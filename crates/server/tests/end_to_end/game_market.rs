//! A game keeps its market: other settings at later starts change nothing and are logged, and a
//! market that a game plays can only be extended.

use std::fs::File;
use std::path::Path;

use serde_json::{Value, json};
use sqlx::Connection as _;
use testkit::Postgres;

use crate::server::{Server, error_line, run};

/// Sessions of a day, so that the market stays in its first one.
const SLOW: (&str, &str) = ("OPENBELL__MARKET__REPLAY__SESSION_SECONDS", "86400");

/// Starts with these settings; the log is the file `log` in `dir`.
fn start(flags: &[&str], settings: &[(&str, &str)], dir: &Path) -> Server {
    let log = File::create(dir.join("log")).expect("a file");
    Server::start_at("127.0.0.1:0", flags, |command| {
        command.envs(settings.iter().copied()).stderr(log);
    })
}

fn holdings(server: &Server, token: &str) -> Value {
    let (status, page) = server.ask("GET", "/api/portfolio", token, None);
    assert_eq!(status, 200, "{page}");
    page
}

/// From what prices follow, besides the time.
fn terms(server: &Server) -> [Value; 3] {
    let (_, market) = server.get("/api/market");
    ["source", "timetable", "chance"].map(|field| market["data"][field].clone())
}

#[test]
fn other_settings_at_a_later_start_change_nothing() {
    let postgres = Postgres::start();
    for engine in ["sqlite", "postgres"] {
        let dir = tempfile::tempdir().expect("a directory");
        let database = match engine {
            "sqlite" => format!("sqlite:{}", dir.path().join("game.db").display()),
            _ => postgres.fresh_database(),
        };
        let flags = ["--database", &*database];
        let server = start(&flags, &[SLOW], dir.path());
        let token = server.register("ada");
        let order = json!({"stock_symbol": "AAPL", "quantity": 3});
        let (status, answer) = server.ask("POST", "/api/portfolio/buy", &token, Some(&order));
        assert_eq!(status, 200, "{answer}");
        let market = terms(&server);
        assert_eq!(market[1]["session_steps"], json!(86_400), "{market:?}");
        server.stop();

        for (variable, value, setting) in [
            ("OPENBELL__MARKET__SOURCE", "simulated", "market.source"),
            ("OPENBELL__MARKET__SOURCE", "fixed", "market.source"),
            ("OPENBELL__MARKET__REPLAY__START", "2015-06-01", "market.replay.start"),
            ("OPENBELL__MARKET__REPLAY__SEED", "7", "market.replay.seed"),
            ("OPENBELL__MARKET__REPLAY__AT_END", "loop", "market.replay.at_end"),
            ("OPENBELL__MARKET__REPLAY__TICK", "0.05", "market.replay.tick"),
            ("OPENBELL__MARKET__REPLAY__MARKET", "none", "market.replay.market"),
        ] {
            let server = start(&flags, &[SLOW, (variable, value)], dir.path());
            assert_eq!(terms(&server), market, "{variable} = {value}");
            let page = holdings(&server, &token);
            assert_eq!(page["data"][0]["stock_symbol"], json!("AAPL"), "{page}");
            let (status, sale) = server.ask(
                "POST",
                "/api/portfolio/sell",
                &token,
                Some(&json!({"stock_symbol": "AAPL", "quantity": "0.25"})),
            );
            assert_eq!(status, 200, "{variable} = {value}: {sale}");
            server.stop();
            let log = std::fs::read_to_string(dir.path().join("log")).expect("text");
            let warned: Vec<&str> =
                log.lines().filter(|line| line.contains("the setting has no effect")).collect();
            assert_eq!(warned.len(), 1, "{log}");
            assert!(warned[0].contains(setting), "{}", warned[0]);
        }
        let verified = run(&["audit", "verify", "--database", &database]);
        assert!(verified.status.success(), "{verified:?}");
    }
}

/// How many segments the clock of the game has, after its servers stopped ten minutes ago.
async fn segments_after_downtime(dir: &Path) -> i64 {
    let url = format!("sqlite:{}", dir.join("openbell.db").display());
    let mut db = sqlx::SqliteConnection::connect(&url).await.expect("connects");
    sqlx::query("UPDATE game_heartbeats SET beat_at = beat_at - 600000000")
        .execute(&mut db)
        .await
        .expect("moves the heartbeat");
    let count = sqlx::query_scalar("SELECT count(*) FROM game_clock").fetch_one(&mut db).await;
    count.expect("counts")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_market_that_a_game_plays_can_only_be_extended() {
    let dir = tempfile::tempdir().expect("a directory");
    let data = dir.path().display().to_string();
    let import = |name: &str, bars: &str| {
        let path = dir.path().join(name);
        let text = format!("symbol,date,close\n{bars}");
        std::fs::write(&path, text).expect("written");
        run(&["stocks", "import", "--data-dir", &data, "--market", "us", &path.to_string_lossy()])
    };
    let first = "AA,2013-02-07,10.00\nAA,2013-02-08,10.10\nAA,2013-02-11,10.20\n";
    assert!(import("first.csv", first).status.success());
    let market = ("OPENBELL__MARKET__REPLAY__MARKET", "us");
    let from = ("OPENBELL__MARKET__REPLAY__START", "2013-02-07");
    let flags = ["--data-dir", &*data];
    let server = start(&flags, &[SLOW, market, from], dir.path());
    let (_, before) = server.get("/api/market");
    assert_eq!(before["data"]["timetable"]["sessions"], json!(2));
    server.stop();

    let refused = error_line(&import("changed.csv", "AA,2013-02-08,99.00\n"));
    assert!(refused.contains("the game main plays this market"), "{refused}");
    assert_eq!(segments_after_downtime(dir.path()).await, 1);
    let extended = import("later.csv", "AA,2013-02-12,10.305\n");
    assert!(extended.status.success(), "{extended:?}");
    // A command does not end the downtime: the market waits for a server.
    assert_eq!(segments_after_downtime(dir.path()).await, 1);
    // The finer step of the new day does not reach the game.
    let server = start(&flags, &[SLOW, market, from], dir.path());
    let (_, after) = server.get("/api/market");
    assert_eq!(after["data"]["timetable"]["sessions"], json!(3));
    assert_eq!(after["data"]["timetable"]["tick"], json!("0.01"));
    let first = |market: &Value| market["data"]["timetable"]["first_session"].clone();
    assert_eq!(first(&after), first(&before));
    server.stop();
}
