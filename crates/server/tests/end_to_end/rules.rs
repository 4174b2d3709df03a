//! The rules are changed while servers run: both nodes follow within a second. A restart with
//! another file changes nothing.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::json;
use testkit::{eventually, postgres_database};
use tokio::time::Instant;

use crate::killed::verify;
use crate::server::{Server, error_line, run};

/// From a change until it is in force, and until every node must show it from then on.
const LEAD: Duration = Duration::from_secs(2);
const VISIBLE_MAX: Duration = Duration::from_secs(1);
const TEXT: &str = include_str!("../../../../config/game.toml");

/// A file of the built-in rules with these replacements.
fn file(dir: &Path, name: &str, changes: &[(&str, &str)]) -> PathBuf {
    let mut text = TEXT.to_owned();
    for (from, to) in changes {
        assert!(text.contains(from), "{from}");
        text = text.replacen(from, to, 1);
    }
    let path = dir.join(name);
    std::fs::write(&path, text).expect("written");
    path
}

/// The output of a command on the rules.
fn printed(args: &[&str], database: &[&str]) -> String {
    let output = run(&[&["rules"], args, database].concat());
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).expect("text")
}

/// The reason why such a command fails.
fn refused(args: &[&str], database: &[&str]) -> String {
    error_line(&run(&[&["rules"], args, database].concat()))
}

/// The distance of ask and bid of a stock, in ten-thousandths.
fn spread(server: &Server) -> i64 {
    let (status, answer) = server.get("/api/stocks/AAPL");
    assert_eq!(status, 200, "{answer}");
    let price = |name: &str| -> i64 {
        let text =
            answer["data"]["quote"][name].as_str().unwrap_or_else(|| panic!("{name}: {answer}"));
        let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
        let part: i64 = format!("{part:0<4}").parse().expect("digits");
        whole.parse::<i64>().expect("digits") * 10_000 + part
    };
    price("ask") - price("bid")
}

#[test]
fn two_nodes_follow_a_change_within_a_second_and_ignore_their_files() {
    let dir = tempfile::tempdir().expect("a directory");
    let url = postgres_database();
    let database = ["--database", url.as_str()];
    let start = |rules: &str| {
        Server::start_at("127.0.0.1:0", &database, |command| {
            command.env("OPENBELL__GAME__RULES", rules);
        })
    };
    // Two nodes with two files: the first one decides.
    let other = file(dir.path(), "other.toml", &[("spread_bps = 5", "spread_bps = 9")]);
    let (one, two) = (start(""), start(&other.display().to_string()));
    let narrow = spread(&one);
    assert_eq!(spread(&two), narrow);
    let wide = file(dir.path(), "wide.toml", &[("spread_bps = 5", "spread_bps = 500")]);
    let wide = wide.display().to_string();
    let begun = Instant::now();
    let applied = printed(&["apply", &wide, "--reason", "a test"], &database);
    let ended = Instant::now();
    let (differences, line) = applied.split_once('\n').expect("two lines");
    assert_eq!(differences, "spread_bps: 5 -> 500");
    assert!(line.starts_with("version 2 of the rules is in force from 20"), "{line}");
    for node in [&one, &two] {
        loop {
            let (asked, found) = (Instant::now(), spread(node));
            if found > 3 * narrow {
                assert!(begun.elapsed() >= LEAD, "not before it is in force");
                break;
            }
            assert_eq!(found, narrow);
            assert!(asked < ended + LEAD + VISIBLE_MAX, "a node has the old rules too long");
        }
    }
    let ada = one.register("ada");
    let order = json!({ "stock_symbol": "AAPL", "quantity": 1 });
    for node in [&one, &two] {
        assert_eq!(node.ask("POST", "/api/portfolio/buy", &ada, Some(&order)).0, 200);
    }
    let (_, history) = two.ask("GET", "/api/portfolio/transactions", &ada, None);
    let named: Vec<_> =
        history["data"].as_array().expect("a list").iter().map(|e| &e["rules_version"]).collect();
    assert_eq!(named, [2, 2, 2], "{history}");
    one.stop();
    two.stop();
    verify(&database);
}

#[test]
fn another_file_at_a_restart_is_logged_and_changes_nothing() {
    let dir = tempfile::tempdir().expect("a directory");
    let data = dir.path().join("data").display().to_string();
    let database = ["--data-dir", data.as_str()];
    Server::start(&database).stop();
    let dear = file(dir.path(), "dear.toml", &[("flat = \"0.00\"", "flat = \"3.00\"")]);
    let (dear, log) = (dear.display().to_string(), dir.path().join("log"));
    let server = Server::start_at("127.0.0.1:0", &database, |command| {
        command.env("OPENBELL__GAME__RULES", &dear);
        command.stderr(std::fs::File::create(&log).expect("a file"));
    });
    let lines = || {
        let text = std::fs::read_to_string(&log).expect("a log");
        let about = |line: &&str| line.contains("differs from the rules of the game");
        text.lines().filter(about).map(str::to_owned).collect::<Vec<_>>()
    };
    eventually("the difference is logged", || !lines().is_empty());
    let [line] = &lines()[..] else { panic!("{:?}", lines()) };
    let command = format!("openbell rules apply {dear} --reason");
    assert!(
        line.contains("WARN") && line.contains("fee.flat") && line.contains(&command),
        "{line}"
    );
    let ada = server.register("ada");
    let order = json!({ "stock_symbol": "AAPL", "quantity": 1 });
    let (status, answer) = server.ask("POST", "/api/portfolio/buy", &ada, Some(&order));
    assert_eq!(status, 200, "{answer}");
    let (_, history) = server.ask("GET", "/api/portfolio/transactions", &ada, None);
    let newest = &history["data"][0];
    assert_eq!((&newest["fee"], &newest["rules_version"]), (&json!("0.00"), &json!(1)));
    server.stop();
}

#[test]
fn the_commands_show_compare_and_apply_rules() {
    let dir = tempfile::tempdir().expect("a directory");
    let data = dir.path().join("data").display().to_string();
    let database = ["--data-dir", data.as_str()];
    let server = Server::start(&database);
    let ada = server.register("ada");
    let order = json!({ "stock_symbol": "AAPL", "quantity": 100 });
    assert_eq!(server.ask("POST", "/api/portfolio/buy", &ada, Some(&order)).0, 200);

    // What is shown is a file with the same rules.
    let shown = dir.path().join("shown.toml");
    std::fs::write(&shown, printed(&["show"], &database)).expect("written");
    let shown = shown.display().to_string();
    let same = printed(&["diff", &shown], &database);
    assert_eq!(same, format!("{shown} has the rules of version 1\n"));
    let checked = printed(&["check", &shown], &[]);
    let json = printed(&["show", "--format", "json", "--version", "1"], &database);
    assert!(json.starts_with("{\"achievements\":["), "{json}");
    assert!(checked.starts_with(&format!("{shown} is valid, SHA-256 ")), "{checked}");
    let list = printed(&["list"], &database);
    assert!(list.starts_with("1 (in force) from ") && list.contains("by openbell"), "{list}");

    let eased = [
        ("[levels]\nstep = 1000", "[levels]\nstep = 10"),
        ("\nthreshold = 10\nname = \"Getting", "\nthreshold = 1\nname = \"Getting"),
        ("uninvested_max = 100", "uninvested_max = 1000"),
    ];
    let eased = file(dir.path(), "eased.toml", &eased).display().to_string();
    let dry = printed(&["apply", &eased, "--dry-run"], &database);
    let expected = "achievements.ten_trades.threshold: 10 -> 1\nlevels.step: 1000 -> 10\n\
                    xp.uninvested_max: 100 -> 1000\n\
                    1 players: 1 would reach a higher level, 0 fall to a lower one\n";
    assert!(dry.starts_with(expected) && dry.ends_with("nothing was changed\n"), "{dry}");
    assert!(dry.contains("\n1 would unlock ten_trades\n"), "{dry}");
    assert_eq!(printed(&["list"], &database), list);

    let apply = ["apply", &eased, "--reason", "Easier.", "--author", "Olga"];
    let moved = refused(&[&apply[..], &["--if-version", "7"]].concat(), &database);
    let expected = "the newest version of the rules is 1, not 7";
    assert!(moved.contains(expected), "{moved}");
    printed(&[&apply[..], &["--if-version", "1"]].concat(), &database);
    let list = printed(&["list"], &database);
    assert!(list.starts_with("2 ") && list.contains(" by Olga: Easier.\n"), "{list}");
    // The server awards what the dry run counted, once the version is in force.
    eventually("the achievement is awarded", || {
        let (_, history) = server.ask("GET", "/api/portfolio/transactions", &ada, None);
        let newest = &history["data"][0];
        let awarded = newest["awarded"].as_str().unwrap_or_default();
        awarded.contains("Getting the Hang of It") && newest["rules_version"] == 2
    });
    assert!(printed(&["list"], &database).starts_with("2 (in force)"));
    server.stop();
    verify(&database);
}

#[test]
fn refused_rules_change_nothing_and_the_reason_is_printed() {
    let dir = tempfile::tempdir().expect("a directory");
    let data = dir.path().join("data").display().to_string();
    let database = ["--data-dir", data.as_str()];
    Server::start(&database).stop();
    let same = file(dir.path(), "same.toml", &[]).display().to_string();
    let again = refused(&["apply", &same, "--reason", "x"], &database);
    assert!(again.contains("the rules are those of version 1 already"), "{again}");
    let euros = file(dir.path(), "euros.toml", &[("currency = \"USD\"", "currency = \"EUR\"")])
        .display()
        .to_string();
    let fixed = refused(&["apply", &euros, "--reason", "x"], &database);
    assert!(fixed.contains("currency cannot change in a game that has begun"), "{fixed}");
    let wrong = file(dir.path(), "wrong.toml", &[("rate_bps = 0", "rate_bps = -1")]);
    let (wrong, line) =
        (wrong.display().to_string(), TEXT.lines().position(|l| l == "rate_bps = 0"));
    let expected = format!(
        "openbell: {wrong}:{}: fee.rate_bps: expected a whole number from 0 to 10000, got -1",
        line.expect("a line") + 1
    );
    assert_eq!(refused(&["check", &wrong], &[]), expected);
    assert_eq!(refused(&["apply", &wrong, "--reason", "x"], &database), expected);
    let list = printed(&["list"], &database);
    assert_eq!(list.lines().count(), 1, "{list}");
}
