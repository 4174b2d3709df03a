//! A rolling restart: two nodes behind the shipped nginx are stopped and started in turn while
//! players trade. No request fails, and every acknowledged trade is in the ledger once.

use std::path::Path;
use std::time::Duration;

use serde_json::Value;
use testkit::{Nginx, eventually, is_long_run, postgres_database};

use crate::killed::{Load, prepare, verify};
use crate::reverse_proxy::{deploy, start_node};
use crate::server::Server;

/// How many restarts, and how many trades are due meanwhile, in a second and in all.
struct RollingPlan {
    restarts: usize,
    trades_per_second: u64,
    seconds: u64,
}

impl RollingPlan {
    fn choose() -> Self {
        if is_long_run() {
            Self { restarts: 6, trades_per_second: 150, seconds: 80 }
        } else {
            Self { restarts: 2, trades_per_second: 40, seconds: 25 }
        }
    }
}

#[test]
fn no_trade_fails_while_nodes_restart_in_turn_behind_nginx() {
    let plan = RollingPlan::choose();
    let dir = tempfile::tempdir().expect("a directory");
    let database = postgres_database();
    let tokens = prepare(dir.path(), &["--database", &database]);
    let start = |address: &str| {
        start_node(address, &database, |command| {
            // As docs/reverse-proxy.md recommends for this configuration of nginx.
            command.env("OPENBELL__HTTP__LAME_DUCK_S", "5");
        })
    };
    let mut nodes = vec![start("127.0.0.1:0"), start("127.0.0.1:0")];
    let nginx = Nginx::start(&deploy(), [&nodes[0].address, &nodes[1].address]);
    let start_load = || start_load(dir.path(), &plan, &tokens, nginx.port());
    let mut accepted = 0;
    let mut end = |load: Load| {
        let report = load.end();
        eprintln!("{} restarts: {report}", plan.restarts);
        accepted += count_whole(&report, &nginx.log());
    };
    let mut load = start_load();
    eventually("players trade", || nodes.iter().all(|node| trades(node) > 0));
    for _ in 0..plan.restarts {
        // On a busy machine the restarts take longer than the load.
        if !load.runs_for(Duration::ZERO) {
            end(load);
            load = start_load();
        }
        let stopping = nodes.remove(0);
        let address = stopping.address.clone();
        stopping.stop();
        let started = start(&address);
        eventually("it is ready", || started.get("/readyz").0 == 200);
        nodes.push(started);
    }
    end(load);
    assert!(accepted >= plan.trades_per_second * plan.seconds, "{accepted} trades");
    assert!(nodes.iter().all(|node| trades(node) > 0), "both nodes have traded again");
    nodes.into_iter().for_each(Server::stop);
    verify(&["--database", &database]);
}

fn start_load(dir: &Path, plan: &RollingPlan, tokens: &Path, port: u16) -> Load {
    let url = format!("http://127.0.0.1:{port}");
    let (rate, time) = (plan.trades_per_second.to_string(), format!("{}s", plan.seconds));
    let args = ["--concurrency", "16", "--rate", &rate, "--duration", &time];
    Load::start_with(dir, "distinct", tokens, &[url], &args)
}

/// The orders that a node has executed since its start.
fn trades(node: &Server) -> u64 {
    node.metric("openbell_batch_size_count")
}

/// The number of trades of a report in which each was acknowledged at the first attempt.
fn count_whole(report: &Value, log: &str) -> u64 {
    let count = |path: &str| report.pointer(path).and_then(Value::as_u64).expect("a number");
    let about = || format!("{report}\n{log}");
    let statuses = report["statuses"].as_object().expect("a map");
    assert!(statuses.keys().all(|status| status == "200"), "{}", about());
    let failures = ["/retries", "/trades/unknown", "/trades/refused", "/verified/foreign"];
    assert!(failures.into_iter().all(|path| count(path) == 0), "{}", about());
    let accepted = count("/trades/accepted");
    assert_eq!(count("/verified/found"), accepted, "{}", about());
    accepted
}
