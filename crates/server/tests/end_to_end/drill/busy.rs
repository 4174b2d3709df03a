//! A session of PostgreSQL that holds locks while players trade: what waits, what fails, and that
//! all of it ends with the session.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::Scope;
use std::time::Duration;

use serde_json::json;
use testkit::{Postgres, eventually, is_long_run, poll_within, postgres_database};

use super::exercise::Drill;
use super::save;
use crate::server::Server;

const FACTOR: u32 = 120;
/// An hour of the rules, in which the failures of a drill weigh less and less.
const RULE_HOUR: Duration = Duration::from_secs(3_600 / FACTOR as u64 + 60);
const RULE_SIX_HOURS: Duration = Duration::from_secs(6 * 3_600 / FACTOR as u64 + 60);
/// Fewer orders than the few clients send at once.
const QUEUE_MAX: &str = "4";
const FEW: usize = 3;
const MANY: usize = 24;
const BLOCKER: &str = "psql $DATABASE -c \"SELECT b.pid, b.application_name, b.client_addr, b.state, now() - b.xact_start AS age,
        left(b.query, 80) AS query, count(*) AS blocked
        FROM pg_stat_activity w CROSS JOIN LATERAL unnest(pg_blocking_pids(w.pid)) AS p(pid)
        JOIN pg_stat_activity b ON b.pid = p.pid GROUP BY 1, 2, 3, 4, 5, 6 ORDER BY blocked DESC\"";
const ROWS: &str = "BEGIN; SELECT count(*) FROM (SELECT FROM players FOR UPDATE) AS held;";
const TABLE: &str = "BEGIN; LOCK TABLE holdings IN ACCESS EXCLUSIVE MODE;";

/// A session with an open transaction, as a person leaves it.
struct LockHolder(Child);

impl LockHolder {
    fn begin(url: &str, statements: &str) -> Self {
        let mut psql = Command::new("psql");
        psql.args(["-XAtq", url]).env("PGAPPNAME", "report");
        psql.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = psql.spawn().expect("psql starts");
        let input = child.stdin.as_mut().expect("piped");
        writeln!(input, "{statements}\n\\echo locked").expect("psql reads");
        let output = BufReader::new(child.stdout.take().expect("piped"));
        let mut lines = output.lines().map_while(Result::ok);
        assert!(lines.any(|line| line == "locked"), "psql ended");
        Self(child)
    }
}

impl Drop for LockHolder {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Ends clients when it is dropped, also by a failed assertion.
struct StopOnDrop<'a>(&'a AtomicBool);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Clients that trade and look at their portfolios without a pause, until they are stopped.
fn start_clients<'scope, 'env>(
    scope: &'scope Scope<'scope, 'env>,
    server: &'env Server,
    tokens: &'env [String],
    stop: &'env AtomicBool,
) {
    for token in tokens {
        scope.spawn(move || {
            let order = json!({"stock_symbol": "AAPL", "quantity": 1});
            for side in ["buy", "sell"].iter().cycle() {
                if stop.load(Ordering::Relaxed) {
                    break;
                }
                let path = format!("/api/portfolio/{side}");
                // A refused connection is repeated.
                let _ = server.try_ask("POST", &path, token, Some(&order));
                let _ = server.try_ask("GET", "/api/portfolio", token, None);
            }
        });
    }
}

fn start(url: &str, drill: Option<&Drill>) -> Server {
    Server::start_at("127.0.0.1:0", &["--database", url], |command| {
        command.env("OPENBELL__MARKET__SOURCE", "fixed");
        command.env("OPENBELL__TRADING__LANES", "1");
        command.env("OPENBELL__TRADING__QUEUE_MAX", QUEUE_MAX);
        command.env("OPENBELL__DATABASE__CONNECTIONS_MAX", "4");
        if let Some(drill) = drill {
            let log = std::fs::File::create(drill.log_file("node-a")).expect("a log");
            command.stderr(log);
        }
    })
}

/// The waits for locks that took more than 50 ms.
fn long_waits(server: &Server) -> u64 {
    let (_, metrics) = server.get("/metrics");
    let count = |end: &str| -> u64 {
        let name = format!("openbell_lock_wait_seconds_{end} ");
        let mut lines = metrics.as_str().expect("a text").lines();
        let count = lines.find_map(|line| line.strip_prefix(&name)).expect("the series");
        count.parse().expect("a number")
    };
    count("count") - count("bucket{le=\"0.05\"}")
}

#[test]
fn a_wait_in_vain_for_a_locked_player_is_in_the_metrics() {
    let url = postgres_database();
    let server = start(&url, None);
    let token = server.register("ada");
    let buy = || {
        let order = json!({"stock_symbol": "AAPL", "quantity": 1});
        server.ask("POST", "/api/portfolio/buy", &token, Some(&order)).0
    };
    assert_eq!(buy(), 200);
    assert!(server.metric("openbell_lock_wait_seconds_count") > 0, "each batch is counted");
    let before = long_waits(&server);
    let holder = LockHolder::begin(&url, ROWS);
    std::thread::scope(|scope| {
        let order = scope.spawn(buy);
        eventually("the wait is counted", || long_waits(&server) > before);
        drop(holder);
        assert_eq!(order.join().expect("no panic"), 200);
    });
    server.stop();
}

#[test]
fn alerts_of_locks_queues_connections_and_errors_fire_and_end_with_the_session_that_locks() {
    if !is_long_run() {
        return;
    }
    let mut drill = Drill::new();
    let postgres = Postgres::start();
    let url = postgres.fresh_database();
    let server = start(&url, Some(&drill));
    let players: Vec<String> =
        (0..MANY).map(|number| server.register(&format!("player{number}"))).collect();
    drill.set("NODE", &format!("http://{}", server.address));
    drill.set("DATABASE", &url);
    drill.name(&server.address, "node-a:8080");
    drill.observe(&[&server.address], FACTOR);
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let _stop = StopOnDrop(&stop);
        start_clients(scope, &server, &players[..FEW], &stop);
        locked_rows(&mut drill, &postgres, &url);
        locked_table(&mut drill, &postgres, (&server, &url), &players);
    });
    save(&drill, "2-busy");
    server.stop();
}

/// Ends the session of the lock, as the page of lock waits has it.
fn end_blocker(drill: &mut Drill, postgres: &Postgres, url: &str) {
    let blocker = drill.run(BLOCKER);
    assert!(blocker.contains("report"), "{blocker}");
    let pid = "SELECT pid FROM pg_stat_activity WHERE application_name = 'report';";
    let pid = postgres.run_sql(url, pid);
    let end = "psql $DATABASE -c 'SELECT pg_terminate_backend(PID)'";
    drill.run_with(end, &[("PID", &pid)]);
}

fn locked_rows(drill: &mut Drill, postgres: &Postgres, url: &str) {
    poll_within("a day of the rules has a mean", RULE_HOUR, || {
        let mean = drill.query("openbell:lock_wait_seconds:mean5m offset 10s");
        mean.as_array().is_some_and(|series| !series.is_empty()).then_some(())
    });
    assert!(!drill.is_active("LockWaitsAboveBaseline"));
    drill.begin(
        "LockWaitsAboveBaseline",
        "Players trade. A person's `psql` begins a transaction, locks the rows of all players, and \
         stays open.",
    );
    let _holder = LockHolder::begin(url, ROWS);
    drill.fires("LockWaitsAboveBaseline");
    drill.run("curl -s $NODE/metrics | grep -E '^openbell_(lock_wait_seconds_(sum|count)|database_lock_waiters|desk_aside_length)'");
    end_blocker(drill, postgres, url);
    drill.resolves_within("LockWaitsAboveBaseline", RULE_HOUR);
}

fn locked_table(
    drill: &mut Drill,
    postgres: &Postgres,
    (server, url): (&Server, &str),
    players: &[String],
) {
    poll_within("the failures of the locked rows are over", RULE_HOUR, || {
        (!drill.is_active("ErrorBudgetBurnFast")).then_some(())
    });
    drill.begin(
        "QueueSaturated",
        "A person's `psql` locks the table of holdings and stays open, while a class trades.",
    );
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let _stop = StopOnDrop(&stop);
        let _holder = LockHolder::begin(url, TABLE);
        start_clients(scope, server, players, &stop);
        drill.fires("QueueSaturated");
        drill.run("curl -s $NODE/metrics | grep -E '^openbell_desk_(queue_length|aside_length|full_total)'");
        drill.turn_to("ConnectionPoolExhausted");
        drill.fires("ConnectionPoolExhausted");
        drill.run("curl -s $NODE/metrics | grep '^openbell_database_connections'");
        drill.turn_to("ErrorBudgetBurnFast");
        drill.fires("ErrorBudgetBurnFast");
        drill.run("curl -s $NODE/metrics | grep '^openbell_http_requests_total' | grep 'status=\"5' | sort -t' ' -k2 -n | tail");
        drill.run("journalctl -u openbell --since -15m | grep -E 'ERROR|server error' | tail -50");
        drill.fires("ErrorBudgetBurnSlow");
        drill.turn_to("LockWaitsAboveBaseline");
        end_blocker(drill, postgres, url);
    });
    drill.note("The class leaves; a few players continue to trade.");
    drill.turn_to("QueueSaturated");
    drill.resolves("QueueSaturated");
    drill.run("curl -s $NODE/metrics | grep '^openbell_desk_queue_length{'");
    drill.turn_to("ConnectionPoolExhausted");
    drill.resolves("ConnectionPoolExhausted");
    drill.run("curl -s $NODE/metrics | grep '^openbell_database_connections_waiting'");
    drill.resolves_within("ErrorBudgetBurnFast", RULE_HOUR);
    drill.resolves_within("ErrorBudgetBurnSlow", RULE_SIX_HOURS);
}
