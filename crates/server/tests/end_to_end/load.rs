//! `openbell load` against a running server, and what it says where there is none. It checks that
//! the numbers are there, not how fast the server is.

use std::net::TcpListener;

use serde_json::{Value, json};

use crate::server::{Server, complaint, run};

#[test]
fn a_portfolio_run_measures_every_answer() {
    let dir = tempfile::tempdir().expect("a directory");
    let server = Server::start_in(&dir.path().join("data"));
    let url = format!("http://{}", server.address);
    let out = dir.path().join("report.json");
    let file = out.display().to_string();
    let line = ["load", "portfolio", "--url", &url, "--requests", "50", "--out", &file];
    let output = run(&line);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    assert!(text.contains("50 requests") && text.contains("200: 50"), "{text}");
    let json = std::fs::read_to_string(&out).expect("written");
    let report: Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(report["statuses"], json!({ "200": 50 }));
    assert_eq!(report["holdings"], json!(20));
    assert!(report["throughput"].as_f64() > Some(0.0), "{json}");
    assert!(report["latency_ms"]["p999"].as_f64() > Some(0.0), "{json}");
    // A second player can be registered at once.
    assert!(run(&line).status.success());
    server.stop();
}

#[test]
fn a_server_that_is_away_and_an_address_that_is_none_are_one_line() {
    let closed = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("bound");
    let text = complaint(&run(&["load", "portfolio", "--url", &format!("http://{closed}")]));
    assert!(text.contains("no answer to POST /api/auth/register"), "{text}");
    let text = complaint(&run(&["load", "portfolio", "--url", "https://localhost"]));
    assert!(text.contains("https://localhost is not an address like http://"), "{text}");
}
