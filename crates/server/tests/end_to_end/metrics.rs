//! `/metrics` of running servers against the inventory in docs/metrics.md.

use std::collections::{BTreeMap, BTreeSet};

use testkit::{RedisServer, eventually, postgres_database};

use crate::curl::Visitor;
use crate::live::listed_in;
use crate::monitoring::repository_file;
use crate::server::{Server, run};

/// A family of the inventory.
struct DocumentedFamily {
    kind: String,
    servers: String,
    series_max: usize,
    help: String,
}

/// The families of docs/metrics.md by name.
fn inventory() -> BTreeMap<String, DocumentedFamily> {
    let text = repository_file("docs/metrics.md");
    let rows = text.lines().filter_map(|line| line.strip_prefix("| `"));
    rows.map(|line| {
        let cells: Vec<&str> = line.trim_end_matches(" |").split(" | ").collect();
        let [name, kind, _, _, servers, series, help] = cells[..] else { panic!("{line}") };
        let family = DocumentedFamily {
            kind: kind.to_owned(),
            servers: servers.to_owned(),
            series_max: series.parse().expect("a number"),
            help: help.to_owned(),
        };
        (name.trim_end_matches('`').to_owned(), family)
    })
    .collect()
}

/// The families of a scrape by name, with type and help.
fn families(metrics: &str) -> BTreeMap<String, (String, String)> {
    let comments = |what: &str| -> BTreeMap<String, String> {
        let lines = metrics.lines().filter_map(|line| line.strip_prefix(what));
        lines
            .map(|line| {
                let (name, text) = line.split_once(' ').expect("a text");
                (name.to_owned(), text.to_owned())
            })
            .collect()
    };
    let mut helps = comments("# HELP ");
    let types = comments("# TYPE ").into_iter();
    types
        .map(|(name, kind)| {
            let help = helps.remove(&name).unwrap_or_default();
            (name, (kind, help))
        })
        .collect()
}

/// Compares a server with the inventory: it exports the families of these kinds of servers, and no
/// other, each with its type, its help and at most the stated number of series.
#[track_caller]
fn compare(metrics: &str, servers: &[&str]) {
    let exported = families(metrics);
    let inventory = inventory();
    let expected = inventory.iter().filter(|(_, family)| servers.contains(&&*family.servers));
    let expected: BTreeSet<&str> = expected.map(|(name, _)| name.as_str()).collect();
    let names: BTreeSet<&str> = exported.keys().map(String::as_str).collect();
    let missing: Vec<_> = expected.difference(&names).collect();
    let unknown: Vec<_> = names.difference(&expected).collect();
    assert!(missing.is_empty(), "/metrics lacks {missing:?} of docs/metrics.md");
    assert!(unknown.is_empty(), "/metrics has {unknown:?}, which a crate's list must declare");
    for (name, (kind, help)) in &exported {
        let family = &inventory[name];
        assert_eq!((&family.kind, &family.help), (kind, help), "{name}");
        let series = metrics.lines().filter(|line| family_of(line) == Some(name)).count();
        assert!(series <= family.series_max, "{name} has {series} series");
    }
}

/// The family of a sample.
fn family_of(line: &str) -> Option<&str> {
    let (name, _) = line.split_once(['{', ' ']).filter(|_| !line.starts_with('#'))?;
    let suffixes = ["_bucket", "_sum", "_count"];
    let is_histogram = line.contains("le=\"") || !name.ends_with("_bucket");
    let histogram = suffixes.iter().find_map(|suffix| name.strip_suffix(suffix));
    Some(histogram.filter(|_| is_histogram).unwrap_or(name))
}

fn scrape(server: &Server) -> String {
    let (status, metrics) = server.get("/metrics");
    assert_eq!(status, 200);
    metrics.as_str().expect("a text").to_owned()
}

#[test]
fn the_inventory_is_the_one_of_the_program() {
    let output = run(&["metrics"]);
    let printed = String::from_utf8(output.stdout).expect("a text");
    assert!(
        printed == repository_file("docs/metrics.md"),
        "docs/metrics.md is not what the program prints: run openbell metrics > docs/metrics.md"
    );
}

#[test]
fn a_server_on_sqlite_exports_the_inventory() {
    let dir = tempfile::tempdir().expect("a directory");
    let server = Server::start_in(dir.path());
    // At once: what has not happened yet is exported all the same.
    compare(&scrape(&server), &["all", "SQLite", "seals"]);
    let token = server.register("Ada");
    let order = serde_json::json!({ "stock_symbol": "AAPL", "quantity": 1 });
    let (status, answer) = server.ask("POST", "/api/portfolio/buy", &token, Some(&order));
    assert_eq!(status, 200, "{answer}");
    eventually("the job has sampled", || server.metric("openbell_schema_version ") > 0);
    let metrics = scrape(&server);
    compare(&metrics, &["all", "SQLite", "seals"]);
    let bytes = server.metric("openbell_disk_free_bytes ");
    assert!(bytes > 0 && bytes <= server.metric("openbell_disk_size_bytes "), "{bytes}");
    assert_eq!(server.metric("openbell_market_open "), 1);
    assert_eq!(server.metric("openbell_database_connections_max{pool=\"writer\"}"), 1);
    server.stop();
}

#[test]
fn without_metrics_a_server_trades_and_exports_nothing() {
    let dir = tempfile::tempdir().expect("a directory");
    let data = dir.path().display().to_string();
    let flags = ["--data-dir", &data];
    let server = Server::start_at("127.0.0.1:0", &flags, |command| {
        command.env("OPENBELL__METRICS__ENABLED", "false");
    });
    assert_eq!(server.get("/metrics").0, 404);
    let token = server.register("ada");
    let order = serde_json::json!({ "stock_symbol": "AAPL", "quantity": 1 });
    assert_eq!(server.ask("POST", "/api/portfolio/buy", &token, Some(&order)).0, 200);
    let role = ["user", "role", "ada@example.org", "operator"];
    let output = run(&[&role[..], &flags].concat());
    assert!(output.status.success(), "{output:?}");
    let port = server.address.rsplit_once(':').and_then(|(_, port)| port.parse().ok());
    let operator = Visitor::new("http", "127.0.0.1", port.expect("a port"));
    assert_eq!(operator.sign_in("ada").status, 303);
    let page = operator.get("/ops");
    assert!(page.body.contains("Metrics are off (metrics.enabled)."), "{}", page.body);
    server.stop();
}

#[test]
fn the_newest_complete_backup_is_exported() {
    let dir = tempfile::tempdir().expect("a directory");
    let backups = dir.path().join("backups");
    std::fs::create_dir_all(backups.join("unfinished")).expect("a directory");
    let data = dir.path().join("data");
    let server =
        Server::start_at("127.0.0.1:0", &["--data-dir", &data.display().to_string()], |command| {
            command.env("OPENBELL__BACKUP__DIR", &backups);
        });
    eventually("the job has sampled", || server.metric("openbell_schema_version ") > 0);
    assert_eq!(server.metric("openbell_backup_timestamp_seconds "), 0, "none is complete");
    let target = backups.join("1").display().to_string();
    let output = run(&["backup", &target, "--data-dir", &data.display().to_string()]);
    assert!(output.status.success(), "{output:?}");
    let finished =
        std::fs::metadata(backups.join("1/backup.json")).and_then(|file| file.modified());
    let finished = finished.expect("a manifest").duration_since(std::time::UNIX_EPOCH);
    let finished = finished.expect("after 1970").as_secs();
    eventually("the backup is seen", || {
        server.metric("openbell_backup_timestamp_seconds ") == finished
    });
    compare(&scrape(&server), &["all", "SQLite", "seals", "backups"]);
    server.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_with_every_part_exports_the_rest_of_the_inventory() {
    let dir = tempfile::tempdir().expect("a directory");
    let (url, redis) = (postgres_database(), RedisServer::start());
    let (_fake, settings) = listed_in(dir.path(), Some(url.clone())).await;
    let server = Server::start_at("127.0.0.1:0", &["--redis", &redis.url()], |node| {
        node.envs(settings.iter().map(|(name, value)| (*name, value.as_str())))
            // Not a standby: the replica is away, and its metrics are there.
            .env("OPENBELL__DATABASE__READ_URL", &url)
            .env("OPENBELL__AUDIT__ARCHIVE_URL", dir.path().join("archive"))
            .env("OPENBELL__BACKUP__DIR", dir.path())
            .env("OPENBELL__TRACES__ENDPOINT", "http://127.0.0.1:1/v1/traces");
    });
    let rest = ["PostgreSQL", "read replica", "Redis", "live market", "archive", "backups"];
    let servers = [&rest[..], &["all", "seals", "traces"]].concat();
    compare(&scrape(&server), &servers);
    let documented: BTreeSet<String> =
        inventory().into_values().map(|family| family.servers).collect();
    let tested = servers.iter().chain(&["SQLite"]).map(|name| (*name).to_owned()).collect();
    assert_eq!(documented, tested, "each kind of server is started by a test");
    eventually("the job has sampled", || server.metric("openbell_ledger_bytes{") > 0);
    assert_eq!(server.metric("openbell_provider_breaker_state{provider=\"finnhub\"}"), 0);
    compare(&scrape(&server), &servers);
    server.stop();
}
