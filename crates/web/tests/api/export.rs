//! The export: all data of the user and none of other players, including the archive; and the pages
//! of a history that continues in the archive.

use std::collections::{BTreeMap, BTreeSet};

use crate::common::{App, PASSWORD, TestResponse};
use serde_json::{Value, json};

const PATH: &str = "/api/auth/user/export";

async fn trade(app: &App, token: &str, note: &str) {
    let order = json!({ "stock_symbol": "AAPL", "quantity": 1, "note": note });
    let answer = app.post_as(token, "/api/portfolio/buy", &order).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
}

/// Logs in again: tokens that were not used for months have expired.
async fn log_in(app: &App, email: &str) -> String {
    let login = json!({ "email": email, "password": PASSWORD });
    let answer = app.post("/api/auth/login", &login).await;
    answer.json()["token"].as_str().unwrap_or_else(|| panic!("{}", answer.text)).to_owned()
}

fn read(files: &BTreeMap<String, String>, name: &str) -> Value {
    serde_json::from_str(&files[name]).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn all(answer: &TestResponse) -> String {
    answer.unzipped().into_values().collect()
}

#[tokio::test]
async fn the_export_contains_the_archived_history() {
    let app = App::start().await;
    let ada = app.register_as("Ada", "ada@example.org").await.json()["token"].clone();
    let ada = ada.as_str().expect("a token");
    let bob = app.register("Bob").await;
    trade(&app, &bob, "Not for Ada.").await;
    for note in ["First.", "=1+1", "A \"quoted\", note"] {
        trade(&app, ada, note).await;
    }
    let before = app.get_as(ada, PATH).await;
    assert_eq!(before.header("content-type"), Some("application/zip"));
    let file = before.header("content-disposition").expect("a name");
    assert_eq!(file, "attachment; filename=\"openbell-export.zip\"");
    assert_eq!(before.header("cache-control"), Some("no-store"));
    app.archive().await;
    let ada = log_in(&app, "ada@example.org").await;
    let history = app.get_as(&ada, "/api/portfolio/transactions").await.json();
    assert_eq!(history["meta"]["archived"], true, "{history}");
    let answer = app.get_as(&ada, PATH).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let (old, new) = (before.unzipped(), answer.unzipped());
    for name in ["transactions.json", "transactions.csv", "equity.csv", "README.txt"] {
        assert_eq!(old[name], new[name], "{name}");
    }
    let names: BTreeSet<&str> = new.keys().map(String::as_str).collect();
    assert!(names.iter().all(|name| *name == "README.txt" || new["README.txt"].contains(*name)));
    assert_eq!(names.len(), 8, "{names:?}");

    let entries = read(&new, "transactions.json");
    let entries = entries["data"].as_array().expect("a list");
    assert_eq!(json!(entries), history["data"], "as the API has them");
    let csv: Vec<&str> = new["transactions.csv"].lines().collect();
    assert_eq!((entries.len(), csv.len()), (4, 5));
    assert!(csv[2].contains(",'=1+1,"), "no spreadsheet calculates it: {}", csv[2]);
    let holdings = read(&new, "holdings.json");
    assert_eq!((&holdings[0]["symbol"], &holdings[0]["quantity"]), (&json!("AAPL"), &json!(3)));
    assert!(new["holdings.csv"].contains("\r\nAAPL,3"), "{}", new["holdings.csv"]);
    let account = read(&new, "account.json");
    assert_eq!(account["account"]["email"], "ada@example.org");
    assert!(!account["achievements"].as_array().expect("a list").is_empty());

    let text = all(&answer);
    for secret in ["Bob", "Not for Ada.", &ada, "argon2"] {
        assert!(!text.contains(secret), "{secret}");
    }
    assert_eq!(app.get(PATH).await.status, 401);
}

#[tokio::test]
async fn an_incomplete_export_is_not_sent() {
    let app = App::start().await;
    let token = app.register_as("Ada", "ada@example.org").await.json()["token"].clone();
    trade(&app, token.as_str().expect("a token"), "First.").await;
    app.archive().await;
    let mut browser = app.browser();
    let page = browser.page("/login").await;
    let fields = [("email", "ada@example.org"), ("password", PASSWORD)];
    assert_eq!(browser.submit(&page, "/login", &fields).await.status, 303);
    let text = browser.page("/history").await.text();
    assert!(
        text.contains("older entries come from the archive") && text.contains("First."),
        "{text}"
    );
    let text = browser.page("/history?kind=sell").await.text();
    assert!(text.contains("Nothing here yet."), "{text}");
    let file = browser.get("/history.csv").await.text;
    assert_eq!(file.lines().count(), 3, "{file}");

    std::fs::remove_dir_all(app.archive_path()).expect("removable");
    app.log.expect_error("reading a history from the archive failed");
    let token = log_in(&app, "ada@example.org").await;
    let answer = app.get_as(&token, PATH).await;
    assert_eq!((answer.status, &answer.json()["code"]), (503, &json!("history_unavailable")));
    let answer = browser.get("/history").await;
    assert_eq!(answer.status, 503, "{}", answer.text);
}

#[tokio::test]
async fn a_history_of_several_pieces_is_streamed_completely_across_the_archive() {
    let app = App::start().await;
    let token = app.register_as("Ada", "ada@example.org").await.json()["token"].clone();
    for number in 1..=1_100 {
        trade(&app, token.as_str().expect("a token"), &format!("Note {number}.")).await;
    }
    let file =
        async |token: &str| app.get_as(token, "/api/portfolio/transactions?format=csv&bom=0").await;
    let before = file(token.as_str().expect("a token")).await;
    app.archive().await;
    let token = log_in(&app, "ada@example.org").await;
    let file = file(&token).await;
    assert_eq!(file.text, before.text, "from the archive as from the ledger");
    let versions: Vec<i64> = file
        .text
        .lines()
        .skip(1)
        .map(|line| line.split(',').nth(1).expect("a version").parse().expect("a number"))
        .collect();
    let all: Vec<i64> = (1..=1_101).rev().collect();
    assert_eq!(versions, all, "each entry once, newest first");
    let mut browser = app.browser();
    let page = browser.page("/login").await;
    let fields = [("email", "ada@example.org"), ("password", PASSWORD)];
    assert_eq!(browser.submit(&page, "/login", &fields).await.status, 303);
    assert_eq!(browser.get("/history.csv?bom=0").await.text, file.text);
    let notes = browser.get("/history.csv?kind=open&bom=0").await.text;
    assert_eq!(notes.lines().count(), 2, "{notes}");
}

/// Each table with rows of a person, and where the export has them.
#[tokio::test]
async fn every_table_with_personal_data_is_exported_or_listed_as_excluded() {
    let known = [
        ("appearances", "account.json"),
        ("audit_head_holdings", "sums of the ledger"),
        ("audit_heads", "sums of the ledger"),
        ("board_places", "ranks at the start of the day, without a name; deleted a day later"),
        ("equity_progress", "how far all players' days are written"),
        ("equity_snapshots", "equity.csv"),
        ("erasures", "of people who are gone"),
        ("holdings", "holdings.json"),
        ("idempotency", "for a day; README.txt"),
        ("name_keys", "numbers made of the name and the pseudonym in account.json"),
        ("note_texts", "which texts of transactions.json counted, as numbers"),
        ("pending_orders", "orders.json"),
        ("player_achievements", "account.json"),
        ("password_links", "hashes, for a day"),
        ("players", "account.json"),
        ("portfolio_audit", "transactions.json"),
        ("preferences", "account.json"),
        ("recovery_codes", "account.json has their number; hashes"),
        ("rewards_seen", "what was shown of account.json"),
        ("tokens", "account.json"),
        ("trade_notes", "transactions.json"),
        ("unranked_players", "players of load runs, not of people"),
        ("users", "account.json"),
        ("watches", "account.json"),
    ];
    let mut found = BTreeSet::new();
    let migrations = concat!(env!("CARGO_MANIFEST_DIR"), "/../store/migrations/sqlite");
    for file in std::fs::read_dir(migrations).expect("migrations") {
        let text = std::fs::read_to_string(file.expect("a file").path()).expect("text");
        for table in text.split("CREATE TABLE ").skip(1) {
            let (name, columns) = table.split_once(" (").expect("a table");
            let columns = columns.split(");").next().expect("columns");
            if columns.contains("user_id") || columns.contains("player_id") {
                found.insert(name.to_owned());
            }
        }
    }
    let known: BTreeSet<String> = known.iter().map(|(table, _)| (*table).to_owned()).collect();
    assert_eq!(found, known, "name where the export has it");
}
