//! A PostgreSQL that goes away under a running server and comes back: what players and the load
//! balancer are told meanwhile, and that nothing is lost.

use std::time::Duration;

use serde_json::json;
use testkit::{FaultProxy, Postgres};
use tokio::time::Instant;

use crate::killed::verify;
use crate::server::Server;

/// How long the server may take to notice either.
const NOTICE_MAX: Duration = Duration::from_secs(10);

#[test]
fn while_postgres_is_gone_orders_are_turned_away_and_it_recovers_by_itself() {
    let mut postgres = Postgres::start();
    let url = postgres.fresh_database();
    let server = Server::start(&["--database", &url]);
    let token = server.register("ada");
    assert_eq!(buy(&server, &token).0, 200);

    postgres.stop_hard();
    until(|| ready(&server) == 503, "it is not ready without its database");
    let (status, head) = buy(&server, &token);
    assert_eq!(status, 503, "{head}");
    assert!(head.to_lowercase().contains("\nretry-after: "), "{head}");
    assert!(head.contains(r#""code":"unavailable""#), "it is known that nothing was done: {head}");
    assert_eq!(server.get("/livez").0, 200, "there is no need to kill it");

    postgres.start_again();
    until(|| ready(&server) == 200, "it is ready again");
    assert_eq!(buy(&server, &token).0, 200);
    let (_, history) = server.ask("GET", "/api/portfolio/transactions", &token, None);
    assert_eq!(history["data"].as_array().map(Vec::len), Some(3), "{history}");
    server.stop();
    verify(&["--database", &url]);
}

#[test]
fn a_network_that_swallows_everything_is_a_database_that_is_gone() {
    let postgres = Postgres::start();
    let url = postgres.fresh_database();
    let address = format!("127.0.0.1:{}", postgres.port()).parse().expect("an address");
    let proxy = FaultProxy::start(address);
    let server = Server::start(&["--database", &proxy.url_through(&url)]);
    let token = server.register("ada");
    proxy.black_hole();
    until(|| ready(&server) == 503, "it is not ready without its database");
    let began = Instant::now();
    assert_eq!(buy(&server, &token).0, 503);
    assert!(began.elapsed() < NOTICE_MAX, "nobody waits for what will not come");
    proxy.reset_all();
    proxy.pass();
    until(|| ready(&server) == 200, "it is ready again");
    assert_eq!(buy(&server, &token).0, 200);
    server.stop();
    verify(&["--database", &url]);
}

fn ready(server: &Server) -> u16 {
    server.get("/readyz").0
}

/// The status and the whole answer.
fn buy(server: &Server, token: &str) -> (u16, String) {
    let order = json!({ "stock_symbol": "AAPL", "quantity": 1 });
    let answer = server.try_ask_raw("POST", "/api/portfolio/buy", token, Some(&order));
    let answer = answer.expect("it answers");
    let status = answer.split(' ').nth(1).and_then(|word| word.parse().ok());
    (status.expect("a status"), answer)
}

/// Asks until it is so.
pub(crate) fn until(mut is_so: impl FnMut() -> bool, what: &str) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < NOTICE_MAX, "after {NOTICE_MAX:?} not yet: {what}");
    }
}
