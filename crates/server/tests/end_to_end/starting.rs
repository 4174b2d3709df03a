//! Starts on PostgreSQL: five nodes at once, and a node of an older version than the schema.

use serde_json::json;
use testkit::{Postgres, is_long_run};

use crate::server::{Server, error_line, run};

const NODES: usize = 5;

/// Starts all nodes at the same time; each must serve.
fn start_together(url: &str) -> Vec<Server> {
    let nodes: Vec<Server> = std::thread::scope(|scope| {
        let start = |_| scope.spawn(|| Server::start(&["--database", url]));
        let starting: Vec<_> = (0..NODES).map(start).collect();
        starting.into_iter().map(|node| node.join().expect("it serves")).collect()
    });
    for node in &nodes {
        let (status, body) = node.get("/readyz");
        assert_eq!(status, 200, "{body}");
    }
    nodes
}

#[test]
fn nodes_that_are_started_together_all_serve() {
    let postgres = Postgres::start();
    for round in 0..if is_long_run() { 20 } else { 3 } {
        // Alternately on an empty database, and on one whose months are missing.
        let url = postgres.fresh_database();
        let nodes = start_together(&url);
        if round % 2 == 0 {
            let token = nodes[0].register("ada");
            for (number, node) in nodes.iter().enumerate() {
                let order = json!({"stock_symbol": "AAPL", "quantity": 1});
                let answer = node.try_order("buy", &token, &format!("k{number}"), &order);
                let answer = answer.expect("answered");
                assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
            }
        }
        nodes.into_iter().for_each(Server::stop);
        if round % 2 == 1 {
            let months = "SELECT string_agg(format('DROP TABLE %I;', relname), ' ') FROM pg_class
                 WHERE relispartition AND relkind = 'r';"
                .replace('\n', " ");
            let dropped = postgres.run_sql(&url, &months);
            postgres.run_sql(&url, &dropped);
            start_together(&url).into_iter().for_each(Server::stop);
        }
    }
}

#[test]
fn a_node_of_an_older_version_serves_above_the_floor_and_is_refused_below_it() {
    let postgres = Postgres::start();
    let url = postgres.fresh_database();
    let flags = ["--database", &*url];
    Server::start(&flags).stop();
    // As a newer version leaves the database that has added a column.
    postgres.run_sql(
        &url,
        "ALTER TABLE users ADD COLUMN seen_at BIGINT;
         INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
         VALUES (9999, 'a later one', true, '\\x00', 0);",
    );
    let server = Server::start(&flags);
    server.register("ada");
    server.stop();
    // As a newer version leaves it that has removed what this version uses.
    postgres.run_sql(&url, "UPDATE schema_floor SET version = 9999;");
    for command in [&["serve", "--listen", "127.0.0.1:0"][..], &["migrate"], &["audit", "verify"]] {
        let line = error_line(&run(&[command, &flags].concat()));
        assert!(
            line.contains("this version is too old for the database, which a newer version has")
                && line.contains("it needs a program with migration 9999"),
            "{command:?}: {line}"
        );
    }
}
