//! A server with a read replica that is down at its start, starts, and stops.

use testkit::Postgres;

use crate::gone::until;
use crate::server::Server;

#[test]
fn a_server_starts_without_its_replica_and_uses_it_once_it_is_up() {
    let primary = Postgres::start();
    let url = primary.fresh_database();
    let mut standby = Postgres::start_standby_of(&primary.url());
    let copy = standby.same_database(&url);
    standby.stop_hard();
    let server = Server::start_at("127.0.0.1:0", &["--database", &url], |command| {
        command.env("OPENBELL__DATABASE__READ_URL", copy);
    });
    let runs = "openbell_reconciler_runs_total{name=\"watch_replica\",outcome=\"ok\"}";
    until(|| server.metric(runs) > 0, "the replica is checked");
    assert_eq!(server.metric("openbell_replica_usable"), 0);
    assert_eq!(server.get("/readyz").0, 200, "the server is ready without it");
    standby.start_again();
    until(|| server.metric("openbell_replica_usable") == 1, "the replica is used");
    standby.stop_hard();
    until(|| server.metric("openbell_replica_usable") == 0, "the replica is not used");
    assert_eq!(server.get("/readyz").0, 200);
    server.stop();
}
