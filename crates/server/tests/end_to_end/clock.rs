//! The clock of a game across nodes, commands, configurations and kills: it reaches every node in
//! time, survives everything and never goes backward.

use std::time::Duration;

use domain::{ClockPosition, GameClock};
use serde_json::{Value, json};
use store::{DatabaseConfig, Store};
use testkit::{Postgres, SeededEntropy, eventually, postgres_database, seconds};
use tokio::time::Instant;

use crate::live::now;
use crate::server::{Server, openbell, run};

/// A change is visible on every node this long after its command has ended.
const VISIBLE_WITHIN: Duration = Duration::from_millis(1_250);

fn market(server: &Server) -> Value {
    let (status, response) = server.get("/api/market");
    assert_eq!(status, 200, "{response}");
    response["data"].clone()
}

fn position(server: &Server) -> i64 {
    market(server)["position"].as_i64().expect("a position")
}

/// Runs `openbell game`; its output.
fn game(database: &[&str], args: &[&str]) -> String {
    let mut all = vec!["game"];
    all.extend(args);
    if args[0] != "show" {
        all.extend(["--reason", "a test"]);
    }
    all.extend(database);
    let output = run(&all);
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{args:?}: {error}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn two_nodes_see_each_change_of_the_clock_in_time() {
    let url = postgres_database();
    let database = ["--database", url.as_str()];
    let nodes = [Server::start(&database), Server::start(&database)];
    let token = nodes[0].register("ada");
    let order = json!({"stock_symbol": "AAPL", "quantity": 1});
    let buy = |node: &Server| {
        let response = node.ask("POST", "/api/portfolio/buy", &token, Some(&order));
        (response.0, response.1["code"].clone())
    };
    let both = |what: &str, is_seen: &dyn Fn(&Value) -> bool| {
        let deadline = Instant::now() + VISIBLE_WITHIN + Duration::from_secs(1);
        while !nodes.iter().all(|node| is_seen(&market(node))) {
            assert!(Instant::now() < deadline, "{what} is not visible on every node");
        }
    };
    assert_eq!(buy(&nodes[0]).0, 200);

    let text = game(&database, &["pause"]);
    assert!(text.starts_with("main: paused, 60 s a session, "), "{text}");
    both("the pause", &|market| market["paused"] == true);
    let stopped = nodes.each_ref().map(position);
    assert_eq!(stopped[0], stopped[1]);
    for node in &nodes {
        assert_eq!(buy(node), (409, json!("game_paused")));
    }
    assert_eq!(nodes.each_ref().map(position), stopped, "it stands still");

    game(&database, &["step"]);
    let close = ClockPosition(stopped[0]).next_close().0;
    both("the step", &|market| market["position"] == close);
    game(&database, &["pace", "86400"]);
    both("the pace", &|market| market["session_seconds"] == 86_400);
    game(&database, &["resume"]);
    both("the end of the pause", &|market| market["paused"] == false);
    for node in &nodes {
        assert_eq!(buy(node).0, 200);
    }
    let shown = game(&database, &["show"]);
    for line in ["main: running, 86400 s a session", "schedule: none", "operator pause (a test)"] {
        assert!(shown.contains(line), "{line} in {shown}");
    }
    nodes.into_iter().for_each(Server::stop);
}

#[test]
fn commands_that_make_no_sense_are_refused_and_change_nothing() {
    let dir = tempfile::tempdir().expect("a directory");
    let data = dir.path().join("data").display().to_string();
    let database = ["--data-dir", data.as_str()];
    let server = Server::start(&database);
    let refused = |args: &[&str]| {
        let output = run(&[&["game"][..], args, &database].concat());
        assert!(!output.status.success(), "{args:?}");
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    assert!(refused(&["resume", "--reason", "x"]).contains("the clock is not paused"));
    assert!(refused(&["pace", "60", "--reason", "x"]).contains("a session lasts 60 s already"));
    assert!(refused(&["pace", "0", "--reason", "x"]).contains("1..=86400"));
    assert!(refused(&["pause"]).contains("--reason"));
    let file = dir.path().join("school.toml");
    std::fs::write(&file, "zone = \"Africa/Harare\"\nweekdays = [\"freitag\"]\n").expect("written");
    let file = file.display().to_string();
    let error = refused(&["schedule", &file, "--reason", "x"]);
    assert!(error.contains("line 2, key \"weekdays\": unknown variant `freitag`"), "{error}");
    assert_eq!(market(&server)["timetable"]["clock"].as_array().expect("segments").len(), 1);
    server.stop();
}

#[test]
fn a_schedule_pauses_the_market_and_is_planned_ahead() {
    let dir = tempfile::tempdir().expect("a directory");
    let data = dir.path().join("data").display().to_string();
    let database = ["--data-dir", data.as_str()];
    let server = Server::start(&database);
    let file = dir.path().join("never.toml");
    // A day that is not today, and its hours.
    let weekday = ["thursday", "friday", "saturday", "sunday", "monday", "tuesday", "wednesday"];
    let today = usize::try_from(now().day().0.rem_euclid(7)).expect("a weekday");
    let other = weekday[(today + 3) % 7];
    let text = format!(
        "zone = \"UTC\"\nweekdays = [\"{other}\"]\nopens = \"08:00\"\ncloses = \"16:00\"\n"
    );
    std::fs::write(&file, text).expect("written");
    game(&database, &["schedule", &file.display().to_string()]);
    eventually("the market is paused until its schedule opens it", || {
        let market = market(&server);
        market["paused"] == true && market["resumes_at"].is_string()
    });
    let segments = market(&server)["timetable"]["clock"].as_array().expect("segments").clone();
    assert_eq!(segments.len(), 4, "start, pause, opening, closing: {segments:?}");
    game(&database, &["schedule", "off"]);
    game(&database, &["resume"]);
    eventually("it runs", || market(&server)["paused"] == false);
    let shown = game(&database, &["show"]);
    assert!(shown.contains("schedule: none") && !shown.contains("planned: "), "{shown}");
    server.stop();
}

#[test]
fn another_session_length_in_the_file_changes_nothing_and_is_reported_once() {
    let dir = tempfile::tempdir().expect("a directory");
    let data = dir.path().join("data").display().to_string();
    let database = ["--data-dir", data.as_str()];
    let server = Server::start(&database);
    let before = market(&server);
    server.stop();
    let log = dir.path().join("log");
    let server = Server::start_at("127.0.0.1:0", &database, |command| {
        command.env("OPENBELL__MARKET__REPLAY__SESSION_SECONDS", "7");
        command.env("OPENBELL__LOG__FORMAT", "text");
        command.stderr(std::fs::File::create(&log).expect("a file"));
    });
    let after = market(&server);
    for key in ["session_seconds", "paused"] {
        assert_eq!(before[key], after[key], "{key}");
    }
    assert_eq!(before["timetable"], after["timetable"]);
    server.stop();
    let log = std::fs::read_to_string(&log).expect("a log");
    let named: Vec<&str> =
        log.lines().filter(|line| line.contains("openbell game pace 7")).collect();
    assert_eq!(named.len(), 1, "{log}");
}

#[test]
fn a_clock_on_sqlite_never_goes_backward_through_commands_and_kills() {
    let dir = tempfile::tempdir().expect("a directory");
    let data = dir.path().join("data").display().to_string();
    never_backward(&["--data-dir", &data], &format!("sqlite:{data}/openbell.db"), 1);
}

#[test]
fn the_clock_of_two_nodes_never_goes_backward_through_commands_and_kills() {
    let url = postgres_database();
    never_backward(&["--database", &url], &url, 2);
}

/// Kills the servers at random moments during commands, starts them with another configuration, and
/// compares every position that is shown.
fn never_backward(database: &[&str], url: &str, nodes: usize) {
    let random = SeededEntropy::new(19);
    let draw = |below: u64| random.next_u64() % below;
    let start = |seconds: u64| {
        Server::start_at("127.0.0.1:0", database, |command| {
            command.env("OPENBELL__MARKET__REPLAY__SESSION_SECONDS", seconds.to_string());
        })
    };
    let mut servers: Vec<Server> = (0..nodes).map(|_| start(5)).collect();
    let mut highest = vec![0; nodes];
    let deadline = Instant::now() + Duration::from_secs(seconds(20));
    while Instant::now() < deadline {
        let pace = (1 + draw(9)).to_string();
        let command: &[&str] = match draw(5) {
            0 => &["pause"],
            1 => &["resume"],
            2 => &["step"],
            _ => &["pace", &pace],
        };
        let mut all = [&["game"][..], command, &["--reason", "x"], database].concat();
        all.retain(|word| !word.is_empty());
        let mut child = openbell(&all)
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .spawn()
            .expect("it starts");
        for _ in 0..draw(40) {
            observe(&servers, &mut highest);
        }
        if draw(3) == 0 {
            child.kill().expect("killed");
        }
        if draw(4) == 0 {
            let killed = usize::try_from(draw(nodes as u64)).expect("few");
            servers.remove(killed).kill();
            servers.insert(killed, start(1 + draw(9)));
        }
        // Most commands end by themselves; some are refused.
        child.wait().expect("waits");
        observe(&servers, &mut highest);
    }
    servers.into_iter().for_each(Server::stop);
    let clock = stored_clock(url);
    let shown = highest.iter().copied().max().expect("a node");
    assert!(clock.position_at(now().plus_seconds(2)) >= ClockPosition(shown));
    assert!(clock.last_seq() > 1, "a command has changed it");
}

fn observe(servers: &[Server], highest: &mut [i64]) {
    for (server, highest) in servers.iter().zip(highest) {
        let position = position(server);
        assert!(position >= *highest, "from {highest} back to {position}");
        *highest = position;
    }
}

fn with_store<T>(url: &str, read: impl AsyncFnOnce(&Store) -> T) -> T {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let config = DatabaseConfig { url: url.to_owned(), ..DatabaseConfig::default() };
        let store = Store::open(&config).await.expect("opens");
        let value = read(&store).await;
        store.close().await;
        value
    })
}

fn stored_clock(url: &str) -> GameClock {
    with_store(url, async |store| store.load_clock(1).await.expect("a clock").0)
}

#[test]
fn the_market_waits_for_servers_that_were_down_once() {
    let postgres = Postgres::start();
    let url = postgres.fresh_database();
    let database = ["--database", url.as_str()];
    // A game that began an hour ago, and whose servers stopped ten minutes ago.
    let started_at = now().plus_seconds(-3_600);
    with_store(&url, async |store| {
        store.migrate().await.expect("migrates");
        store.ensure_game("replay", started_at).await.expect("a game");
        let ten_minutes_ago = now().plus_seconds(-600);
        store.ensure_clock(1, started_at, 60, ten_minutes_ago).await.expect("a clock");
    });
    // Both start at the same time.
    let nodes: Vec<Server> = std::thread::scope(|scope| {
        let starting: Vec<_> = (0..2).map(|_| scope.spawn(|| Server::start(&database))).collect();
        starting.into_iter().map(|node| node.join().expect("starts")).collect()
    });
    let clock = stored_clock(&url);
    let causes: Vec<&str> = clock.segments().iter().map(|one| one.cause.as_str()).collect();
    assert_eq!(causes, ["start", "downtime", "downtime"], "one pair of two nodes");
    // 50 sessions and the 15 seconds for which a heartbeat is trusted.
    let resumed_at = clock.segments()[2].begins_at;
    let played = clock.position_at(resumed_at).0;
    assert!((50_200_000..50_300_000).contains(&played), "{played}");
    let third = Server::start(&database);
    assert_eq!(stored_clock(&url).last_seq(), 3, "beside a running one");
    third.stop();
    nodes.into_iter().for_each(Server::stop);
}
