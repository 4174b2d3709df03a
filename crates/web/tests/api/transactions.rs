//! A player's history over HTTP: pages, verification of the chain, CSV, receipt and note.

use std::path::Path;

use crate::common::App;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

const PATH: &str = "/api/portfolio/transactions";

async fn trade(app: &App, token: &str, side: &str, quantity: &Value, note: Option<&str>) -> String {
    let order = json!({"stock_symbol": "AAPL", "quantity": quantity, "note": note});
    let answer = app.post_as(token, &format!("/api/portfolio/{side}"), &order).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json()["data"]["trade_id"].as_str().expect("a number").to_owned()
}

/// Every entry of a player, oldest first, fetched page by page along the `Link` headers.
async fn whole_history(app: &App, token: &str, limit: u32) -> Vec<Value> {
    let mut entries = Vec::new();
    let mut path = format!("{PATH}?limit={limit}");
    loop {
        let answer = app.get_as(token, &path).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        let body = answer.json();
        let page = body["data"].as_array().expect("a list").clone();
        assert!(page.len() <= limit as usize);
        entries.extend(page);
        let Some(link) = answer.header("link") else {
            assert_eq!(
                body["meta"],
                json!({"next_cursor": null, "limit": limit, "archived": false})
            );
            break;
        };
        let link = link.strip_prefix('<').and_then(|l| l.strip_suffix(">; rel=\"next\""));
        path = link.expect("a link").to_owned();
        assert!(path.contains(body["meta"]["next_cursor"].as_str().expect("a cursor")));
    }
    entries.reverse();
    entries
}

#[tokio::test]
async fn the_chain_can_be_verified_from_the_history() {
    let app = App::start().await;
    let ada = app.register("Ada").await;
    for _ in 0..3 {
        trade(&app, &ada, "buy", &json!(2), None).await;
        trade(&app, &ada, "sell", &json!(0.5), None).await;
    }
    let entries = whole_history(&app, &ada, 3).await;
    assert_eq!(entries.len(), 7, "six trades and the opening");
    let player = entries[0]["canonical"].as_str().unwrap().lines().nth(2).unwrap();
    let mut head = Sha256::digest(format!("openbell-chain-1\n{player}")).to_vec();
    for (i, entry) in entries.iter().enumerate() {
        let canonical = entry["canonical"].as_str().unwrap();
        head = Sha256::digest([&head, canonical.as_bytes()].concat()).to_vec();
        assert_eq!(entry["hash"], hex::encode(&head), "{entry}");
        assert_eq!(entry["version"], i + 1);
        let lines: Vec<&str> = canonical.lines().collect();
        assert_eq!((lines[0], lines[4]), ("openbell-ledger-2", entry["kind"].as_str().unwrap()));
        assert_eq!((lines[21], &entry["rules_version"]), ("1", &json!(1)));
    }
}

/// Runs the script of docs/verify.md on pages of a history.
pub(crate) fn run_verifier(directory: &Path, pages: &[Value]) -> (bool, String) {
    let text = include_str!("../../../../docs/verify.md");
    let script = text.split("```python\n").nth(1).and_then(|rest| rest.split("```").next());
    let name = |number: usize| directory.join(format!("page{number}.json"));
    for (number, page) in pages.iter().enumerate() {
        std::fs::write(name(number), page.to_string()).expect("writes");
    }
    let mut command = std::process::Command::new("python3");
    command.args(["-c", script.expect("a script")]).args((0..pages.len()).map(name));
    let output = command.output().expect("python3 runs");
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&text).trim().to_owned())
}

#[tokio::test]
async fn the_documented_verifier_accepts_a_chain_and_rejects_changes() {
    let app = App::start().await;
    let ada = app.register_by_earlier_server("Ada").await;
    for _ in 0..3 {
        trade(&app, &ada, "buy", &json!(2), Some("Because.")).await;
        trade(&app, &ada, "sell", &json!(0.5), None).await;
    }
    let dir = tempfile::tempdir().expect("a directory");
    let (mut pages, mut path) = (Vec::new(), format!("{PATH}?limit=3"));
    loop {
        let body = app.get_as(&ada, &path).await.json();
        let cursor = body["meta"]["next_cursor"].as_str().map(str::to_owned);
        pages.push(body);
        let Some(cursor) = cursor else { break };
        path = format!("{PATH}?limit=3&cursor={cursor}");
    }
    let verify = |pages: &[Value]| run_verifier(dir.path(), pages);
    let (holds, output) = verify(&pages);
    let head = pages[0]["data"][0]["hash"].as_str().expect("a hash");
    assert!(holds && output.ends_with(&format!("holds: 7 entries, head {head}")), "{output}");

    let other = |at: usize, field: &str, value: Value| {
        let mut pages = pages.clone();
        pages[0]["data"][at][field] = value;
        verify(&pages)
    };
    let canonical = pages[0]["data"][1]["canonical"].as_str().expect("a text");
    let first = pages.last().expect("a page")["data"].as_array().expect("a list").last();
    let first = first.expect("an entry")["canonical"].as_str().expect("a text");
    assert!(first.starts_with("openbell-ledger-1\n"), "{first}");
    assert!(canonical.starts_with("openbell-ledger-2\n"), "{canonical}");
    let canonical = canonical.replacen("openbell-ledger-2", "openbell-ledger-1", 1);
    for (field, value) in [
        ("month", json!(199_001)),
        ("kind", json!("sell")),
        ("stock_id", json!(2)),
        ("amount", json!("-1.00")),
        ("quote_as_of", json!("2026-11-23T00:45:41.000001Z")),
        ("market_date", json!("2005-01-04")),
        ("quote_source", Value::Null),
        ("about_version", json!(1)),
        ("executed_at", json!("2026-11-23T00:45:41.000001Z")),
        ("rules_version", json!(2)),
    ] {
        let printed = format!("entry 6 has two values of its {field}");
        assert_eq!(other(1, field, value), (false, printed));
    }
    let printed = "entry 6 has a text of another kind".to_owned();
    assert_eq!(other(1, "canonical", json!(canonical)), (false, printed));
    let hash = json!("0".repeat(64));
    assert_eq!(
        other(1, "hash", hash),
        (false, "entry 6 has another hash than its text".to_owned())
    );
    pages.remove(1);
    assert_eq!(verify(&pages), (false, "entry 2 is missing".to_owned()));
}

#[tokio::test]
async fn the_history_is_newest_first_and_its_limits_are_strict() {
    let app = App::start().await;
    let ada = app.register("Ada").await;
    trade(&app, &ada, "buy", &json!(1), Some("First.")).await;
    let body = app.get_as(&ada, PATH).await.json();
    assert_eq!(body["meta"], json!({"next_cursor": null, "limit": 50, "archived": false}));
    let kinds: Vec<&Value> = body["data"].as_array().unwrap().iter().map(|e| &e["kind"]).collect();
    assert_eq!(kinds, ["buy", "open"]);
    assert_eq!(body["data"][0]["note"], "First.");
    assert_eq!(body["data"][1]["cash_after"], "10000.00");
    let bad = ["limit=0", "limit=101", "limit=x", "cursor=x", "cursor=zz.1", "format=xml"];
    for query in bad.into_iter().chain(["limit=-1", "cursor=31.1%27--", "limit=1e1"]) {
        let answer = app.get_as(&ada, &format!("{PATH}?{query}")).await;
        assert_eq!(answer.status, 422, "{query}: {}", answer.text);
    }
}

#[tokio::test]
async fn a_cursor_of_another_player_reveals_no_entries() {
    let app = App::start().await;
    let (ada, bob) = (app.register("Ada").await, app.register("Bob").await);
    trade(&app, &ada, "buy", &json!(1), Some("Secret.")).await;
    let cursor = app.get_as(&ada, &format!("{PATH}?limit=1")).await.json();
    let cursor = cursor["meta"]["next_cursor"].as_str().unwrap().to_owned();
    let seen = app.get_as(&bob, &format!("{PATH}?cursor={cursor}")).await;
    assert_eq!(seen.status, 200);
    assert!(!seen.text.contains("Secret."));
    assert!(seen.json()["data"].as_array().unwrap().len() <= 1);
}

#[tokio::test]
async fn formulas_in_csv_are_escaped_and_numbers_kept() {
    let app = App::start().await;
    let ada = app.register("Ada").await;
    let notes = ["=HYPERLINK(\"http://x\",\"y\")", "+1+1", "-2", "@SUM(A1:A9)", "a, \"b\"\nc"];
    for note in notes {
        trade(&app, &ada, "buy", &json!(1), Some(note)).await;
    }
    trade(&app, &ada, "sell", &json!(2), None).await;
    let answer = app.get_as(&ada, &format!("{PATH}?format=csv&limit=100")).await;
    assert_eq!(answer.status, 200);
    assert!(answer.header("content-type").unwrap().starts_with("text/csv; charset=utf-8"));
    assert!(answer.header("content-disposition").unwrap().starts_with("attachment"));
    assert!(answer.text.starts_with("\u{feff}trade_id,version,kind,"), "{}", answer.text);
    let whole = app.get_as(&ada, &format!("{PATH}?format=csv")).await;
    assert_eq!(whole.text, answer.text);
    let plain = app.get_as(&ada, &format!("{PATH}?format=csv&limit=100&bom=0")).await;
    assert_eq!(format!("\u{feff}{}", plain.text), answer.text);
    assert_eq!(app.get_as(&ada, &format!("{PATH}?format=csv&bom=x")).await.status, 422);
    assert!(answer.text.contains(",\"'=HYPERLINK(\"\"http://x\"\",\"\"y\"\")\","));
    for defused in [",'+1+1,", ",'-2,", ",'@SUM(A1:A9),", ",\"a, \"\"b\"\"\nc\","] {
        assert!(answer.text.contains(defused), "{defused}: {}", answer.text);
    }
    let sale = answer.text.split("\r\n").nth(1).unwrap();
    assert_eq!(sale.split(',').nth(4), Some("-2"), "a number keeps its sign: {sale}");
    let first = app.get_as(&ada, &format!("{PATH}?format=csv&limit=1")).await;
    assert!(first.header("link").unwrap().contains("format=csv"));
}

#[tokio::test]
async fn a_receipt_explains_the_trade() {
    let app = App::start().await;
    let ada = app.register("Ada").await;
    let id = trade(&app, &ada, "buy", &json!(20.333333), Some("A third.")).await;
    let body = app.get_as(&ada, &format!("{PATH}/{id}")).await.json();
    let data = &body["data"];
    assert_eq!((&data["trade_id"], &data["kind"]), (&json!(id), &json!("buy")));
    assert_eq!((&data["note"], &data["fee"]), (&json!("A third."), &json!("0.00")));
    assert_eq!(data["quote"]["price"], data["price"]);
    assert_eq!(data["quote"]["side"], "ask");
    assert!(
        data["quote"]["explanation"].as_str().unwrap().starts_with("A purchase fills at the ask")
    );
    assert!(data["quote"]["age_seconds"].as_str().unwrap().contains('.'));
    assert_eq!(data["rounding"]["direction"], "up");
    let exact = data["rounding"]["exact_product"].as_str().unwrap();
    assert_eq!(exact.split_once('.').unwrap().1.len(), 10);
    assert_eq!(data["xp"]["trade"], 10);
    assert_eq!(data["xp"]["reason"], "A purchase earns 10 XP among the first 3 trades of a day.");
    assert_eq!(data["xp"]["achievements_unlocked"][0]["code"], "first_trade");
    for _ in 0..2 {
        trade(&app, &ada, "buy", &json!(20), None).await;
    }
    let small = trade(&app, &ada, "sell", &json!(0.1), None).await;
    let data = app.get_as(&ada, &format!("{PATH}/{small}")).await.json()["data"].clone();
    let reason = "A sale earns XP from an amount of 10.00 on.";
    assert_eq!((&data["xp"]["trade"], &data["xp"]["reason"]), (&json!(0), &json!(reason)));
    let late = trade(&app, &ada, "sell", &json!(20), None).await;
    let data = app.get_as(&ada, &format!("{PATH}/{late}")).await.json()["data"].clone();
    let reason = "Only the first 3 trades of a day earn XP; this one came after them.";
    assert_eq!((&data["xp"]["trade"], &data["xp"]["reason"]), (&json!(0), &json!(reason)));
    assert_eq!(data["quote"]["side"], "bid");
}

#[tokio::test]
async fn entries_of_other_players_and_unknown_ids_are_not_found() {
    let app = App::start().await;
    let (ada, bob) = (app.register("Ada").await, app.register("Bob").await);
    let id = trade(&app, &ada, "buy", &json!(1), None).await;
    let note = json!({"note": "Not mine."});
    let strange = [id.as_str(), "t-1-202611-999", "t-1", "x", "t-1-202611-1%20", "%00"];
    for id in strange {
        let seen = app.get_as(&bob, &format!("{PATH}/{id}")).await;
        assert_eq!(seen.status, 404, "{id}: {}", seen.text);
        let written = app.put_as(&bob, &format!("{PATH}/{id}/note"), &note).await;
        assert_eq!(written.status, 404, "{id}: {}", written.text);
    }
    let receipt = app.get_as(&ada, &format!("{PATH}/{id}")).await.json();
    assert_eq!(receipt["data"]["note"], Value::Null);
}

#[tokio::test]
async fn a_note_is_saved_replaced_and_counted_once() {
    let app = App::start().await;
    let ada = app.register("Ada").await;
    let id = trade(&app, &ada, "buy", &json!(1), None).await;
    let path = format!("{PATH}/{id}/note");
    let first = app.put_as(&ada, &path, &json!({"note": "  Because of it.  "})).await;
    assert_eq!(first.status, 200, "{}", first.text);
    let data = first.json()["data"].clone();
    assert_eq!((&data["trade_id"], &data["note"]), (&json!(id), &json!("Because of it.")));
    assert_eq!(data["achievements_unlocked"][0]["code"], "first_note");
    let entries = whole_history(&app, &ada, 100).await.len();
    let same = app.put_as(&ada, &path, &json!({"note": "Because of it."})).await;
    assert_eq!(same.json()["data"]["achievements_unlocked"], json!([]));
    assert_eq!(whole_history(&app, &ada, 100).await.len(), entries, "nothing was added");
    let other = app.put_as(&ada, &path, &json!({"note": "I changed my mind."})).await;
    assert_eq!(other.json()["data"]["achievements_unlocked"], json!([]));
    let receipt = app.get_as(&ada, &format!("{PATH}/{id}")).await.json();
    assert_eq!(receipt["data"]["note"], "I changed my mind.");
}

#[tokio::test]
async fn invalid_notes_are_rejected_and_change_nothing() {
    let app = App::start().await;
    let ada = app.register("Ada").await;
    let id = trade(&app, &ada, "buy", &json!(1), None).await;
    let path = format!("{PATH}/{id}/note");
    let before = app.get_as(&ada, PATH).await.text;
    let long = "x".repeat(281);
    let bad = [
        json!({}),
        json!({"note": ""}),
        json!({"note": "  "}),
        json!({"note": null}),
        json!({"note": 5}),
        json!({"note": ["x"]}),
        json!({"note": long}),
        json!({"note": "a\u{0}b"}),
        json!({"note": "a\u{202e}b"}),
        json!([]),
        json!("x"),
        json!({"note": "x", "xp": 5}),
    ];
    for body in bad {
        let answer = app.put_as(&ada, &path, &body).await;
        assert_eq!(answer.status, 422, "{body}: {}", answer.text);
    }
    let opening = before_id(&before);
    let answer = app.put_as(&ada, &format!("{PATH}/{opening}/note"), &json!({"note": "x"})).await;
    assert_eq!(answer.status, 404, "only a trade can have a note");
    assert_eq!(app.get_as(&ada, PATH).await.text, before);
}

/// The number of the oldest entry of a history.
fn before_id(history: &str) -> String {
    let history: Value = serde_json::from_str(history).expect("JSON");
    let last = history["data"].as_array().and_then(|all| all.last()).expect("an entry").clone();
    last["trade_id"].as_str().expect("a number").to_owned()
}
