//! A server beside a read replica that is not there yet, comes, and goes.

use testkit::Postgres;

use crate::gone::until;
use crate::server::Server;

#[test]
fn a_server_starts_without_its_replica_and_reads_from_it_once_it_is_there() {
    let primary = Postgres::start();
    let url = primary.fresh_database();
    let mut standby = Postgres::start_standby_of(&primary.url());
    let copy = standby.same_database(&url);
    standby.stop_hard();
    let server = Server::start_at("127.0.0.1:0", &["--database", &url], |command| {
        command.env("OPENBELL__DATABASE__READ_URL", copy);
    });
    let looks = "openbell_reconciler_runs_total{name=\"watch_replica\",outcome=\"ok\"}";
    until(|| server.metric(looks) > 0, "it is looked for");
    assert_eq!(server.metric("openbell_replica_usable"), 0);
    assert_eq!(server.get("/readyz").0, 200, "nobody needs it");
    standby.start_again();
    until(|| server.metric("openbell_replica_usable") == 1, "it is used");
    standby.stop_hard();
    until(|| server.metric("openbell_replica_usable") == 0, "it is not used");
    assert_eq!(server.get("/readyz").0, 200);
    server.stop();
}
