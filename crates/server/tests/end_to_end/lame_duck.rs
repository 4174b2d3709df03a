//! The time between the signal and the close of the listener: not ready, but serving. `openbell
//! health` reports it.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::json;
use testkit::eventually;

use crate::server::{Server, error_line, openbell, run};

/// The response to a request that leaves the connection open, up to the close by the server.
fn read_to_close(server: &Server, path: &str) -> String {
    let mut stream = TcpStream::connect(&server.address).expect("it listens");
    stream.set_read_timeout(Some(Duration::from_secs(60))).expect("a timeout");
    write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").expect("sent");
    let mut response = String::new();
    stream.read_to_string(&mut response).expect("the connection is closed");
    response
}

#[test]
fn a_lame_duck_is_not_ready_and_serves_until_a_second_signal() {
    let dir = tempfile::tempdir().expect("a directory");
    let args = ["--data-dir", &dir.path().display().to_string()];
    let server = Server::start_at("127.0.0.1:0", &args, |command| {
        command.env("OPENBELL__HTTP__LAME_DUCK_S", "300");
    });
    let token = server.register("ada");
    assert_eq!(server.get("/readyz").0, 200);
    server.signal("TERM");
    eventually("it is not ready", || server.get("/readyz").0 == 503);
    let (_, problem) = server.get("/readyz");
    assert_eq!((&problem["code"], &problem["retryable"]), (&json!("closing"), &json!(true)));
    for (path, status) in [("/livez", "200 OK"), ("/login", "200 OK"), ("/readyz", "503 ")] {
        let response = read_to_close(&server, path);
        assert!(response.starts_with(&format!("HTTP/1.1 {status}")), "{response}");
        assert!(response.to_lowercase().contains("\nconnection: close"), "{response}");
    }
    let order = json!({ "stock_symbol": "AAPL", "quantity": 1 });
    let (status, response) = server.ask("POST", "/api/portfolio/buy", &token, Some(&order));
    assert_eq!(status, 200, "{response}");

    server.signal("TERM");
    assert_eq!(server.wait().code(), Some(0), "the second signal ends it in order");
    let server = Server::start_in(dir.path());
    let (_, history) = server.ask("GET", "/api/portfolio/transactions", &token, None);
    assert_eq!(history["data"].as_array().map(Vec::len), Some(2), "{history}");
    server.stop();
}

#[test]
fn the_health_command_succeeds_only_while_the_server_is_ready() {
    let dir = tempfile::tempdir().expect("a directory");
    let args = ["--data-dir", &dir.path().display().to_string()];
    let server = Server::start_at("127.0.0.1:0", &args, |command| {
        command.env("OPENBELL__HTTP__LAME_DUCK_S", "300");
    });
    // The address of the configuration, as in a container.
    let port = server.address.rsplit_once(':').expect("a port").1.to_owned();
    let health = || {
        let mut command = openbell(&["health"]);
        command.env("OPENBELL_LISTEN", format!("0.0.0.0:{port}")).output().expect("it runs")
    };
    let ready = health();
    assert!(ready.status.success() && ready.stdout == b"ready\n", "{ready:?}");
    let url = format!("http://{}", server.address);
    assert!(run(&["health", "--url", &url]).status.success());

    server.signal("TERM");
    eventually("it is not ready", || !health().status.success());
    let text = error_line(&health());
    assert!(text.starts_with(&format!("openbell: {url}/readyz returned 503: ")), "{text}");
    server.signal("TERM");
    assert_eq!(server.wait().code(), Some(0));
    let text = error_line(&health());
    let cause = "Connection refused (os error 111)";
    assert_eq!(text, format!("openbell: no response to GET {url}/readyz: {cause}"));

    let text = error_line(
        &openbell(&["health"]).env("OPENBELL_LISTEN", "127.0.0.1:0").output().expect("it runs"),
    );
    assert!(text.ends_with("pass the server's URL with --url"), "{text}");
    let text = error_line(&run(&["health", "--url", "ftp://127.0.0.1"]));
    assert!(text.contains("ftp://127.0.0.1 is not a URL like http://"), "{text}");
}

#[test]
fn a_server_that_does_not_respond_fails_the_health_command_within_seconds() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", silent.local_addr().expect("bound"));
    let text = error_line(&run(&["health", "--url", &url]));
    assert_eq!(text, format!("openbell: no response to GET {url}/readyz: nothing within 3 s"));
}

#[test]
fn a_lame_duck_closes_by_itself() {
    let dir = tempfile::tempdir().expect("a directory");
    let args = ["--data-dir", &dir.path().display().to_string()];
    let server = Server::start_at("127.0.0.1:0", &args, |command| {
        command.env("OPENBELL__HTTP__LAME_DUCK_S", "1");
    });
    let address = server.address.clone();
    server.stop();
    assert!(TcpStream::connect(address).is_err());
}
