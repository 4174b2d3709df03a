//! Databases that the version before stored rules and clocks wrote: dumps of a game of three
//! players, and what that version showed of it after the market's end. This version shows the same.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _};
use testkit::postgres_database;

use crate::killed::verify;
use crate::live::now;
use crate::server::Server;

/// Engine, dump, and the responses of the version before, by player and path.
const DUMPS: [(&str, &str, &str); 2] = [
    (
        "sqlite",
        include_str!("version_before/sqlite.sql"),
        include_str!("version_before/sqlite.json"),
    ),
    (
        "postgres",
        include_str!("version_before/postgres.sql"),
        include_str!("version_before/postgres.json"),
    ),
];
/// The game of the dumps was configured with sessions of this length.
const SESSION_SECONDS: i64 = 60;

/// A database of the dump; its URL.
async fn restored(engine: &str, dump: &str, dir: &Path) -> String {
    if engine == "sqlite" {
        let url = format!("sqlite:{}?mode=rwc", dir.join("game.db").display());
        let mut db = sqlx::SqliteConnection::connect(&url).await.expect("connects");
        db.execute(AssertSqlSafe(dump)).await.expect("the dump is restored");
        db.close().await.expect("closes");
        return url.trim_end_matches("?mode=rwc").to_owned();
    }
    let url = postgres_database();
    let file = dir.join("dump.sql");
    std::fs::write(&file, dump).expect("written");
    let psql = Command::new("psql")
        .args(["-XqAt", "-v", "ON_ERROR_STOP=1", "-f"])
        .args([&file.display().to_string(), &url])
        .output()
        .expect("psql runs");
    assert!(psql.status.success(), "{psql:?}");
    url
}

async fn execute(url: &str, sql: String) {
    let sql = AssertSqlSafe(sql);
    if url.starts_with("sqlite") {
        let mut db = sqlx::SqliteConnection::connect(url).await.expect("connects");
        db.execute(sql).await.expect("executes");
        db.close().await.expect("closes");
    } else {
        let mut db = sqlx::PgConnection::connect(url).await.expect("connects");
        db.execute(sql).await.expect("executes");
    }
}

fn start(url: &str) -> Server {
    Server::start_at("127.0.0.1:0", &["--database", url], |command| {
        command.env("OPENBELL__MARKET__REPLAY__SESSION_SECONDS", SESSION_SECONDS.to_string());
    })
}

fn log_in(server: &Server, name: &str) -> String {
    let email = format!("{name}@example.org");
    let body = json!({"email": email, "password": "correct horse battery"});
    let (status, response) = server.ask("POST", "/api/auth/login", "", Some(&body));
    assert_eq!(status, 200, "{response}");
    response["token"].as_str().expect("a token").to_owned()
}

/// Asserts that `found` has every member of `expected`, with its value. It may have more.
fn assert_contains(found: &Value, expected: &Value, path: &str) {
    match (found, expected) {
        (Value::Object(found), Value::Object(expected)) => {
            for (name, expected) in expected {
                let found = found.get(name).unwrap_or_else(|| panic!("{path}.{name} is missing"));
                assert_contains(found, expected, &format!("{path}.{name}"));
            }
        }
        (Value::Array(found), Value::Array(expected)) => {
            assert_eq!(found.len(), expected.len(), "{path}");
            for (index, (found, expected)) in found.iter().zip(expected).enumerate() {
                assert_contains(found, expected, &format!("{path}[{index}]"));
            }
        }
        _ => assert_eq!(found, expected, "{path}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_game_of_the_version_before_keeps_all_that_it_showed() {
    for (engine, dump, shown) in DUMPS {
        let dir = tempfile::tempdir().expect("a directory");
        let url = restored(engine, dump, dir.path()).await;
        let shown: Value = serde_json::from_str(shown).expect("JSON");
        // The first start migrates, the second one finds rules and a clock.
        for _ in 0..2 {
            let server = start(&url);
            for (name, pages) in shown.as_object().expect("an object") {
                let token = log_in(&server, name);
                for (path, expected) in pages.as_object().expect("an object") {
                    let (status, response) = server.ask("GET", path, &token, None);
                    assert_eq!(status, 200, "{path}: {response}");
                    assert_contains(&response, expected, &format!("{engine} {name} {path}"));
                }
            }
            server.stop();
        }
        verify(&["--database", &url]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_game_of_the_version_before_continues_where_it_stands() {
    const SESSIONS: i64 = 100;
    for (engine, dump, _) in DUMPS {
        let dir = tempfile::tempdir().expect("a directory");
        let url = restored(engine, dump, dir.path()).await;
        let started_at = now().plus_seconds(-SESSIONS * SESSION_SECONDS);
        execute(&url, format!("UPDATE games SET started_at = {}", started_at.0)).await;
        let server = start(&url);
        let (asked, (_, market), received) = (now(), server.get("/api/market"), now());
        let position = market["data"]["position"].as_i64().expect("a position");
        let at = |instant: domain::UnixMicros| (instant.0 - started_at.0) / SESSION_SECONDS;
        // The version before counted whole seconds.
        let second = 1_000_000 / SESSION_SECONDS;
        let expected = at(asked) - second..=at(received) + second;
        assert!(expected.contains(&position), "{engine}: {market}");
        let ada = log_in(&server, "ada");
        let sale = json!({"stock_symbol": "AAPL", "quantity": 1});
        let (status, response) = server.ask("POST", "/api/portfolio/sell", &ada, Some(&sale));
        assert_eq!(status, 200, "{engine}: {response}");
        let (_, history) = server.ask("GET", "/api/portfolio/transactions", &ada, None);
        let versions: Vec<_> = history["data"].as_array().expect("a list").iter().collect();
        assert_eq!(versions[0]["rules_version"], json!(1), "{engine}: {history}");
        assert_eq!(versions[1]["rules_version"], Value::Null, "{engine}: {history}");
        server.stop();
        verify(&["--database", &url]);
    }
}
