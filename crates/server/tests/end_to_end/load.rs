//! `openbell load` against a running server, and its errors without one. The tests check that the
//! report is complete, not how fast the server is.

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::{Value, json};
use testkit::eventually;

use crate::server::{Server, error_line, openbell, run};

/// A data directory with players, and the file of their tokens.
fn prepared(dir: &Path, players: &str) -> (PathBuf, String) {
    let (data, tokens) = (dir.join("data"), dir.join("tokens"));
    let (database, out) = (data.display().to_string(), tokens.display().to_string());
    let line = ["load", "prepare", "--players", players, "--data-dir", &database, "--out", &out];
    let output = run(&line);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    (data, out)
}

/// Runs a scenario; whether it succeeded, its output and its report.
fn measure(server: &Server, tokens: &str, dir: &Path, line: &[&str]) -> (bool, String, Value) {
    let (url, file) = (format!("http://{}", server.address), dir.join("report.json"));
    let out = file.display().to_string();
    let common = ["--url", &url, "--tokens", tokens, "--concurrency", "4", "--out", &out];
    let output = run(&[&["load"], line, &common[..]].concat());
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let json = std::fs::read_to_string(&file);
    let json = json.unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
    (output.status.success(), text, serde_json::from_str(&json).expect("JSON"))
}

#[test]
fn every_scenario_measures_and_verifies() {
    let dir = tempfile::tempdir().expect("a directory");
    let (data, tokens) = prepared(dir.path(), "40");
    let lines = std::fs::read_to_string(&tokens).expect("written");
    assert_eq!(lines.lines().count(), 40);
    assert!(lines.lines().all(|line| line.starts_with("ob_") && line.split(' ').count() == 3));
    let mode = std::fs::metadata(&tokens).expect("written").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let server = Server::start_in(&data);
    for (line, trades) in [
        (&["distinct", "--duration", "1s"][..], true),
        (&["distinct", "--duration", "1s", "--rate", "50", "--no-keys"], true),
        (&["popular", "--duration", "1s"], true),
        (&["popular", "--rounds", "3"], true),
        (&["mixed", "--duration", "1s"], true),
        (&["board", "--duration", "2s", "--rows", "10"], false),
        (&["board", "--duration", "1s", "--rate", "50"], false),
        (&["soak", "--duration", "1s", "--seed", "7"], true),
        (&["portfolio", "--duration", "1s", "--holdings", "5"], true),
    ] {
        let (good, text, report) = measure(&server, &tokens, dir.path(), line);
        assert!(good && report["good"] == json!(true), "{line:?}: {text}");
        assert_eq!(report["scenario"], line[0]);
        assert!(report["throughput"].as_f64() > Some(0.0), "{text}");
        assert!(report["latency_ms"]["p999"].as_f64() > Some(0.0), "{text}");
        assert!(report["statuses"]["200"].as_u64() > Some(0), "{text}");
        assert_eq!(report["trades"]["accepted"].as_u64() > Some(0), trades, "{text}");
        assert_eq!(report["verified"]["found"], report["trades"]["accepted"], "{text}");
        assert_eq!(report["verified"]["foreign"], json!(0), "{text}");
        assert_eq!(report["queue_wait_ms"]["p99"].is_f64(), trades && line[0] != "portfolio");
        assert_eq!(report["send_delay_ms"]["p99"].is_f64(), line.contains(&"--rate"), "{text}");
        assert_eq!(report["memory_bytes"]["last"].is_u64(), line[0] == "soak", "{text}");
        if line.contains(&"--rounds") {
            assert_eq!(report["trades"]["accepted"], json!(12), "{text}");
        }
        assert_eq!(report["board"].is_null(), line[0] != "board", "{text}");
        if line.contains(&"--rows") {
            assert_board_is_verified(&report["board"], &text);
        }
        if line[0] == "portfolio" {
            assert_eq!(report["sums"], "equal", "{text}");
        }
    }
    // One of two servers is down: its workers continue with the other one.
    let closed = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("bound");
    let line = ["distinct", "--duration", "1s", "--url", &format!("http://{closed}")];
    let (good, text, report) = measure(&server, &tokens, dir.path(), &line);
    assert!(good && report["queue_wait_ms"].is_null(), "{text}");
    server.stop();
    let output = run(&["audit", "verify", "--data-dir", &data.display().to_string()]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

fn assert_board_is_verified(board: &Value, text: &str) {
    assert_eq!(board["violations"], json!(0), "{text}");
    assert!(board["checked"].as_u64() > Some(0), "{text}");
    assert!(board["joined"].as_u64() > Some(0), "{text}");
    for kind in ["page", "around_me", "return_page", "return_around_me"] {
        let kind = &board["kinds"][kind];
        assert!(kind["answers"].as_u64() > Some(0), "{text}");
        assert!(kind["bytes"].as_u64() > Some(0), "{text}");
        assert!(kind["latency_ms"]["p999"].as_f64() > Some(0.0), "{text}");
    }
}

#[test]
fn queues_are_read_although_the_server_closes_idle_connections() {
    let dir = tempfile::tempdir().expect("a directory");
    let (data, tokens) = prepared(dir.path(), "4");
    let data = data.display().to_string();
    let server = Server::start_at("127.0.0.1:0", &["--data-dir", &data], |command| {
        command.env("OPENBELL__HTTP__HEADER_READ_TIMEOUT_MS", "200");
        command.env("OPENBELL__HTTP__FIRST_BYTE_TIMEOUT_MS", "200");
    });
    let line = ["distinct", "--duration", "1s"];
    let (good, text, report) = measure(&server, &tokens, dir.path(), &line);
    assert!(good && report["queue_wait_ms"]["p99"].is_f64(), "{text}");
    server.stop();
}

#[test]
fn a_run_that_is_worse_than_the_last_kept_one_is_reported() {
    let dir = tempfile::tempdir().expect("a directory");
    let (data, tokens) = prepared(dir.path(), "4");
    let server = Server::start_in(&data);
    let kept = dir.path().join("kept");
    let directory = kept.display().to_string();
    let line = ["popular", "--rounds", "2", "--keep", &directory];
    let (good, text, _) = measure(&server, &tokens, dir.path(), &line);
    assert!(good, "the first run has nothing to be worse than: {text}");
    assert_eq!(std::fs::read_dir(&kept).expect("made").count(), 1);
    // A later name than any of today, and a higher throughput than any machine.
    let planted = json!({ "throughput": 1e12, "latency_ms": { "p99": 1e12 } });
    let file = kept.join("popular-99990101T000000Z.json");
    std::fs::write(&file, planted.to_string()).expect("written");
    let (good, text, report) = measure(&server, &tokens, dir.path(), &line);
    assert!(!good && report["good"] == json!(true), "{text}");
    assert!(text.contains("a regression against") && text.contains("throughput fell"), "{text}");
    server.stop();
}

#[test]
fn a_run_ends_soon_after_its_server_was_killed() {
    let dir = tempfile::tempdir().expect("a directory");
    let (data, tokens) = prepared(dir.path(), "8");
    let server = Server::start_in(&data);
    let (url, out) = (format!("http://{}", server.address), dir.path().join("report.json"));
    let out = out.display().to_string();
    // Each worker has an hour of requests left when the server is killed.
    let line = ["load", "distinct", "--url", &url, "--tokens", &tokens, "--concurrency", "4"];
    let line = [&line[..], &["--duration", "1h", "--rate", "100", "--out", &out]].concat();
    let running = openbell(&line).stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
    let running = running.expect("it starts");
    eventually("a trade is executed", || server.metric("openbell_trades_total{side=\"buy\"}") > 0);
    server.kill();
    let output = running.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("no server responds: the run ended early"), "{text}");
    assert!(text.contains("verified  0 of"), "{text}");
    let report = std::fs::read_to_string(&out).expect("a report");
    let report: Value = serde_json::from_str(&report).expect("JSON");
    assert_eq!(report["good"], json!(false));
}

#[test]
fn an_invalid_run_is_one_line() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("tokens");
    let tokens = file.display().to_string();
    std::fs::write(&file, "ob_a\n").expect("written");
    let measure = |url: &str, tokens: &str| {
        let more = ["--tokens", tokens, "--concurrency", "1", "--duration", "1s"];
        error_line(&run(&[&["load", "distinct", "--url", url], &more[..]].concat()))
    };
    let closed = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("bound");
    let text = measure(&format!("http://{closed}"), &tokens);
    assert!(text.contains("no response to GET /api/stocks"), "{text}");
    let text = measure("ftp://localhost", &tokens);
    assert!(text.contains("ftp://localhost is not a URL like http://"), "{text}");
    let text = measure("http://localhost", &format!("{tokens}-not"));
    assert!(text.contains("cannot read") && text.contains("tokens-not"), "{text}");
    std::fs::write(&file, "ob_a me\n").expect("written");
    let text = measure("http://localhost", &tokens);
    assert!(text.contains("line 1 of the tokens is not TOKEN, or TOKEN EMAIL PASSWORD"), "{text}");
}

#[test]
fn players_that_cannot_be_prepared_leave_no_tokens() {
    let dir = tempfile::tempdir().expect("a directory");
    let (data, _) = prepared(dir.path(), "1");
    let server = Server::start_in(&data);
    let (database, out) = (data.display().to_string(), dir.path().join("more"));
    let file = out.display().to_string();
    let line = ["load", "prepare", "--players", "1", "--data-dir", &database, "--out", &file];
    let text = error_line(&run(&line));
    assert!(text.contains("is in use by another openbell process"), "{text}");
    assert!(!out.exists());
    server.stop();
    let nowhere = dir.path().join("nowhere/tokens").display().to_string();
    let line = ["load", "prepare", "--players", "1", "--data-dir", &database, "--out", &nowhere];
    let text = error_line(&run(&line));
    assert!(text.contains("cannot write") && text.contains("nowhere/tokens"), "{text}");
}
