//! What the program detects by itself: a job that fails, a leaderboard that differs from the
//! database, a stored value that cannot be.

use std::time::Duration;

use serde_json::{Value, json};
use testkit::{Postgres, is_long_run, poll_within};

use super::exercise::Drill;
use super::save;
use crate::server::Server;

/// An hour of the rules is a minute.
const FACTOR: u32 = 60;
/// A job is late after three of its intervals and 300 s; the leaderboard is checked each 300 s.
const LONG: Duration = Duration::from_secs(600);

#[test]
fn alerts_of_a_job_a_leaderboard_and_an_invariant_fire_and_their_remedies_resolve_them() {
    if !is_long_run() {
        return;
    }
    let (mut drill, postgres) = (Drill::new(), Postgres::start());
    let url = postgres.fresh_database();
    let server = start(&drill, "127.0.0.1:0", &url);
    let token = server.register("ada");
    assert_eq!(order(&server, &token, "buy").0, 200);
    drill.set("NODE", &format!("http://{}", server.address));
    drill.set("DATABASE", &url);
    drill.name(&server.address, "node-a:8080");
    drill.observe(&[&server.address], FACTOR);
    let server = invariant_broken(&mut drill, &postgres, &url, (server, &token));
    job_not_run(&mut drill);
    leaderboard_repaired(&mut drill, &postgres, &url);
    save(&drill, "4-defects");
    server.stop();
}

/// A node that expects backups in a directory.
fn start(drill: &Drill, address: &str, url: &str) -> Server {
    Server::start_at(address, &["--database", url], |command| {
        let log = std::fs::File::create(drill.log_file("node-a")).expect("a log");
        command.env("OPENBELL__MARKET__SOURCE", "fixed").stderr(log);
        command.env("OPENBELL__BACKUP__DIR", drill.backups());
    })
}

fn order(server: &Server, token: &str, side: &str) -> (u16, Value) {
    let order = json!({"stock_symbol": "AAPL", "quantity": 1});
    server.ask("POST", &format!("/api/portfolio/{side}"), token, Some(&order))
}

fn job_not_run(drill: &mut Drill) {
    drill.begin(
        "JobNotRun",
        "The directory of the backups is moved away, so that the job `sample_metrics` fails. The \
         alert waits for three intervals and 300 s, which are not divided.",
    );
    let (backups, away) = (drill.backups(), drill.directory().join("moved-backups"));
    std::fs::rename(&backups, &away).expect("moved");
    drill.fires_within("JobNotRun", LONG);
    let log = "journalctl -u openbell --since -1h | grep -A2 'a background job failed'";
    assert!(drill.run(log).contains("sample_metrics"));
    let job = [("JOB", "sample_metrics")];
    let metrics =
        "curl -s $NODE/metrics | grep 'openbell_reconciler' | grep 'name=\"JOB\"' | grep -v bucket";
    drill.run_with(metrics, &job);
    drill.note("Remedy: the directory is back.");
    std::fs::rename(&away, &backups).expect("moved");
    drill.resolves("JobNotRun");
    let success = "curl -s $NODE/metrics | \
                   grep 'openbell_reconciler_last_success_timestamp_seconds{name=\"JOB\"}'";
    drill.run_with(success, &job);
}

fn leaderboard_repaired(drill: &mut Drill, postgres: &Postgres, url: &str) {
    drill.begin(
        "LeaderboardRepaired",
        "A player is removed from the game by SQL, as if a state before the registration had been \
         restored below the running node. The check runs every 300 s.",
    );
    postgres.run_sql(url, "UPDATE players SET erased_at = 1;");
    drill.fires_within("LeaderboardRepaired", LONG);
    drill.run("curl -s $NODE/metrics | grep '^openbell_board_repairs_total'");
    let log = "journalctl -u openbell --since -2h | grep -E 'leaderboard repaired|timeline'";
    assert!(drill.run(log).contains("leaderboard repaired"));
    drill.run("openbell audit verify --database $DATABASE");
    drill.note("The check has repaired the board already; the ledger holds.");
    drill.resolves_within("LeaderboardRepaired", LONG);
}

fn invariant_broken(
    drill: &mut Drill,
    postgres: &Postgres,
    url: &str,
    site: (Server, &str),
) -> Server {
    let (server, token) = site;
    let address = server.address.clone();
    drill.begin(
        "InvariantBroken",
        "The shares of a player are made negative by SQL, past their constraint. The player buys \
         a share.",
    );
    postgres.run_sql(url, "ALTER TABLE holdings DROP CONSTRAINT holdings_quantity_check;");
    postgres.run_sql(url, "UPDATE holdings SET quantity = -10 * quantity;");
    let (status, answer) = order(&server, token, "buy");
    assert!(status >= 500, "{status} {answer}");
    drill.fires("InvariantBroken");
    drill.note("The tests' build panics at a broken invariant, so that the batch is lost as well.");
    drill.turn_to("BatchLost");
    drill.fires("BatchLost");
    drill.run(
        "curl -s $NODE/metrics | grep -E '^openbell_(batches_lost_total|invariant_breaches_total)'",
    );
    drill.turn_to("InvariantBroken");
    let breaches = drill.run("curl -s $NODE/metrics | grep '^openbell_invariant_breaches_total'");
    assert!(!breaches.ends_with(" 0\n"), "{breaches}");
    drill.run("journalctl -u openbell --since -1h | grep -E 'invariant|ERROR|panicked'");
    let verify = "openbell audit verify --database $DATABASE";
    drill.run_to(verify, 1);
    drill.note(
        "Remedy: trading stops, the change is undone, both verifications hold, the node starts.",
    );
    server.stop();
    postgres.run_sql(url, "UPDATE holdings SET quantity = quantity / -10;");
    let constraint = "ALTER TABLE holdings ADD CONSTRAINT holdings_quantity_check
        CHECK (quantity >= 0);";
    postgres.run_sql(url, &constraint.replace('\n', " "));
    drill.run(verify);
    drill.run("openbell audit verify --seals --database $DATABASE");
    let server = start(drill, &address, url);
    drill.resolves("InvariantBroken");
    drill.run("curl -s $NODE/metrics | grep '^openbell_invariant_breaches_total'");
    poll_within("the player trades again", LONG, || {
        (order(&server, token, "buy").0 == 200).then_some(())
    });
    server
}
