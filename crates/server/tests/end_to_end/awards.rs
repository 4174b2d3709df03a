//! New rules are awarded by the running servers: what the dry run counts, each once, also when a
//! node is killed meanwhile and players trade.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use sqlx::{Connection as _, PgConnection};
use testkit::{eventually, postgres_database};
use tokio::runtime::Runtime;

use crate::killed::{Load, verify};
use crate::server::{Server, run};

const TEXT: &str = include_str!("../../../../config/game.toml");
/// So many that their awards take longer than it takes to kill a node.
const PLAYERS: i64 = 4_000;

/// A file of the built-in rules with more achievements: id, kind with its threshold, XP.
fn file(dir: &Path, name: &str, achievements: &[(i64, &str, i64)]) -> String {
    let mut text = TEXT.replacen("uninvested_max = 100", "uninvested_max = 100000", 1);
    assert_ne!(text, TEXT);
    for (id, kind, xp) in achievements {
        text.push_str(&format!(
            "\n[[achievements]]\nid = {id}\ncode = \"added_{id}\"\n{kind}\nname = \"Added {id}\"\n\
             description = \"x\"\nicon = \"x\"\nxp = {xp}\n"
        ));
    }
    let path: PathBuf = dir.join(name);
    std::fs::write(&path, text).expect("written");
    path.display().to_string()
}

fn rules(args: &[&str], database: &[&str]) -> String {
    let output = run(&[&["rules"], args, database].concat());
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).expect("text")
}

fn buy(server: &Server, token: &str) {
    let order = json!({ "stock_symbol": "AAPL", "quantity": 20 });
    let (status, answer) = server.ask("POST", "/api/portfolio/buy", token, Some(&order));
    assert_eq!(status, 200, "{answer}");
}

/// What the player's awards name, newest first.
fn awarded(server: &Server, token: &str) -> Vec<String> {
    let (_, history) = server.ask("GET", "/api/portfolio/transactions", token, None);
    let entries = history["data"].as_array().expect("a list");
    let awards = entries.iter().filter(|entry| entry["kind"] == "award");
    awards.map(|entry| entry["awarded"].as_str().expect("names").to_owned()).collect()
}

#[test]
fn the_servers_award_what_the_dry_run_counts() {
    let dir = tempfile::tempdir().expect("a directory");
    for engine in ["sqlite", "postgres"] {
        let database = match engine {
            "sqlite" => format!("sqlite:{}", dir.path().join("one.db").display()),
            _ => postgres_database(),
        };
        let database = ["--database", database.as_str()];
        let server = Server::start(&database);
        let [none, one, both] = ["none", "one", "both"].map(|name| server.register(name));
        for token in [&one, &both, &both] {
            buy(&server, token);
        }
        let added = [
            (60, "kind = \"trades_count\"\nthreshold = 1", 30),
            (600, "kind = \"trades_count\"\nthreshold = 2", 20),
            (601, "kind = \"portfolio_value\"\nthreshold = \"9000.00\"", 10),
            (602, "kind = \"trades_count\"\nthreshold = 3", 10),
        ];
        let two = file(dir.path(), "two.toml", &added);
        let dry = rules(&["apply", &two, "--dry-run"], &database);
        let counts: Vec<&str> =
            dry.lines().filter(|line| line.contains(" would unlock ")).collect();
        let expected =
            ["2 would unlock added_60", "1 would unlock added_600", "2 would unlock added_601"];
        assert_eq!(counts, expected, "{engine}: {dry}");
        rules(&["apply", &two, "--reason", "more"], &database);
        eventually("both are awarded", || {
            !awarded(&server, &one).is_empty() && !awarded(&server, &both).is_empty()
        });
        assert_eq!(awarded(&server, &one), ["Added 60, Added 601"], "{engine}");
        assert_eq!(awarded(&server, &both), ["Added 60, Added 600, Added 601"], "{engine}");
        assert_eq!(awarded(&server, &none), [""; 0], "{engine}");
        let dry = rules(&["apply", &file(dir.path(), "none.toml", &[]), "--dry-run"], &database);
        assert!(!dry.contains("would unlock"), "{engine}: {dry}");

        // An easier threshold.
        let mut eased = added;
        eased[3].1 = "kind = \"trades_count\"\nthreshold = 2";
        let eased = file(dir.path(), "eased.toml", &eased);
        let dry = rules(&["apply", &eased, "--dry-run"], &database);
        assert!(dry.contains("\n1 would unlock added_602\n"), "{engine}: {dry}");
        rules(&["apply", &eased, "--reason", "easier"], &database);
        eventually("it is awarded", || awarded(&server, &both).len() == 2);
        assert_eq!(awarded(&server, &both)[0], "Added 602", "{engine}");
        assert_eq!(awarded(&server, &one).len(), 1, "{engine}");
        server.stop();
        verify(&database);
    }
}

/// A connection to the database for a test that does not run in a runtime.
struct Database {
    runtime: Runtime,
    db: PgConnection,
}

impl Database {
    fn connect(url: &str) -> Self {
        let runtime = Runtime::new().expect("a runtime");
        let db = runtime.block_on(PgConnection::connect(url)).expect("connects");
        Self { runtime, db }
    }

    fn numbers(&mut self, sql: &'static str) -> Vec<i64> {
        let read = sqlx::query_scalar(sql).fetch_all(&mut self.db);
        self.runtime.block_on(read).expect("reads")
    }

    fn number(&mut self, sql: &'static str) -> i64 {
        self.numbers(sql)[0]
    }
}

/// The XP of all rows of the leaderboard, as the API shows it.
fn board_xp(server: &Server, token: &str) -> Vec<i64> {
    let mut all = Vec::new();
    for page in 1.. {
        let path = format!("/api/leaderboard?per_page=100&page={page}");
        let (status, answer) = server.ask("GET", &path, token, None);
        assert_eq!(status, 200, "{answer}");
        let rows = answer["data"].as_array().expect("rows");
        if rows.is_empty() {
            return all;
        }
        let number = |row: &Value, member: &str| row[member].as_i64().expect("a number");
        // Level n needs n thousand more.
        all.extend(rows.iter().map(|row| {
            let level = number(row, "level");
            level * (level - 1) / 2 * 1_000 + number(row, "experience_points")
        }));
    }
    all
}

/// A player has at most one award, and every trader the achievement of traders.
fn check_awards(db: &mut Database) {
    let twice = "SELECT count(*) FROM (SELECT player_id FROM portfolio_audit WHERE kind = 'award'
        GROUP BY player_id HAVING count(*) > 1) AS twice";
    assert_eq!(db.number(twice), 0);
    let both =
        "SELECT count(*) FROM player_achievements a WHERE a.achievement_id = 600 AND EXISTS (
        SELECT 1 FROM players p WHERE p.player_id = a.player_id AND p.trades = 0)";
    assert_eq!(db.number(both), 0);
    let without = "SELECT count(*) FROM players p WHERE p.trades > 0 AND NOT EXISTS (
        SELECT 1 FROM player_achievements a WHERE a.player_id = p.player_id
        AND a.achievement_id = 600)";
    assert_eq!(db.number(without), 0, "every trader has the other one");
}

#[test]
fn a_killed_node_awards_no_player_twice_and_leaves_none_out() {
    let dir = tempfile::tempdir().expect("a directory");
    let url = postgres_database();
    let database = ["--database", url.as_str()];
    let tokens = dir.path().join("tokens");
    let file_of_tokens = tokens.display().to_string();
    let players = PLAYERS.to_string();
    let prepare = ["load", "prepare", "--players", &players, "--out", &file_of_tokens];
    assert!(run(&[&prepare[..], &database].concat()).status.success());
    let mut nodes = vec![Server::start(&database), Server::start(&database)];
    let mut db = Database::connect(&url);
    let first = std::fs::read_to_string(&tokens).expect("tokens");
    let first = first.split_whitespace().next().expect("a token").to_owned();
    buy(&nodes[0], &first);

    // All players have reached level 1, and few have made a trade.
    let added = [
        (60, "kind = \"level_reached\"\nthreshold = 1", 30),
        (600, "kind = \"trades_count\"\nthreshold = 1", 20),
    ];
    let more = file(dir.path(), "more.toml", &added);
    rules(&["apply", &more, "--reason", "more"], &database);
    let urls: Vec<_> = nodes.iter().map(|node| format!("http://{}", node.address)).collect();
    let args = ["--concurrency", "4", "--duration", "30s", "--rate", "60"];
    let load = Load::start_with(dir.path(), "distinct", &tokens, &urls, &args);

    const AWARDED: &str = "SELECT count(*) FROM player_achievements WHERE achievement_id = 60";
    // A node has finished its first page, which counts in its metrics, and is at the second.
    eventually("a page is awarded", || db.number(AWARDED) >= 520);
    let awarding = nodes.iter().map(awards_of).enumerate().max_by_key(|(_, awards)| *awards);
    let (place, awards) = awarding.expect("two nodes");
    assert!(awards > 0, "a node has finished a page");
    let dying = nodes.remove(place);
    let address = dying.address.clone();
    dying.kill();
    let awarded = db.number(AWARDED);
    assert!((520..PLAYERS).contains(&awarded), "{awarded} players when it was killed");
    nodes.push(Server::start_at(&address, &database, |_| ()));
    eventually("the other node awards the rest", || db.number(AWARDED) == PLAYERS);
    let is_done = "SELECT count(*) FROM award_backfills WHERE version = 2 AND is_done = 1";
    eventually("the backfill ends", || db.number(is_done) == 1);
    let report = load.end();
    assert!(report["trades"]["accepted"].as_i64() > Some(0), "{report}");

    check_awards(&mut db);
    let earned = db.numbers(
        "SELECT CAST(SUM(xp_trade + xp_achievements) AS BIGINT) AS xp FROM portfolio_audit
         GROUP BY player_id ORDER BY xp DESC",
    );
    assert_eq!(earned.len(), usize::try_from(PLAYERS).expect("few"));
    for node in &nodes {
        eventually("the board has every award", || board_xp(node, &first) == earned);
    }
    nodes.into_iter().for_each(Server::stop);
    verify(&database);
}

/// The awards that a node has made.
fn awards_of(node: &Server) -> u64 {
    node.metric("openbell_reconciler_changes_total{name=\"award_achievements\"}")
}
