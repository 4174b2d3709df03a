//! A PostgreSQL that stops under a running server and restarts: the responses to players and to the
//! load balancer meanwhile, and that nothing is lost.

use std::time::Duration;

use serde_json::json;
use testkit::{FaultProxy, Postgres, eventually};
use tokio::time::Instant;

use crate::killed::verify;
use crate::server::Server;

/// The longest time in which a server detects an outage, or its end.
const NOTICE_MAX: Duration = Duration::from_secs(10);

#[test]
fn while_postgres_is_stopped_orders_are_rejected_and_the_server_recovers() {
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
    assert!(head.contains(r#""code":"unavailable""#), "nothing was executed: {head}");
    assert_eq!(server.get("/livez").0, 200, "the process is healthy");

    postgres.start_again();
    until(|| ready(&server) == 200, "it is ready again");
    assert_eq!(buy(&server, &token).0, 200);
    let (_, history) = server.ask("GET", "/api/portfolio/transactions", &token, None);
    assert_eq!(history["data"].as_array().map(Vec::len), Some(3), "{history}");
    server.stop();
    verify(&["--database", &url]);
}

#[test]
fn a_network_that_drops_everything_is_an_outage_of_the_database() {
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
    assert!(began.elapsed() < NOTICE_MAX, "no request waits for the database");
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

/// The status and the whole response.
fn buy(server: &Server, token: &str) -> (u16, String) {
    let order = json!({ "stock_symbol": "AAPL", "quantity": 1 });
    let answer = server.try_ask_raw("POST", "/api/portfolio/buy", token, Some(&order));
    let answer = answer.expect("it answers");
    let status = answer.split(' ').nth(1).and_then(|word| word.parse().ok());
    (status.expect("a status"), answer)
}

/// Waits until a condition holds, which must be within [`NOTICE_MAX`].
pub(crate) fn until(holds: impl FnMut() -> bool, what: &str) {
    let began = Instant::now();
    eventually(what, holds);
    assert!(began.elapsed() < NOTICE_MAX, "it took longer than {NOTICE_MAX:?}: {what}");
}
