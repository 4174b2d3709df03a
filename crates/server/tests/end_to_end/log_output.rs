//! Logging never stops a server: with a stderr that fails, is closed or is not read, it serves,
//! trades, counts the lines it could not write, and shuts down in order.

use std::fs::File;
use std::io::{PipeReader, Write as _};
use std::process::Stdio;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use serde_json::json;

use crate::server::Server;

/// Serves and trades with this stderr, then shuts down.
fn serve_with(stderr: impl Into<Stdio>) {
    let dir = tempfile::tempdir().expect("a directory");
    let args = ["--data-dir", &dir.path().display().to_string()];
    let server = Server::start_at("127.0.0.1:0", &args, |command| {
        command.env("OPENBELL__LOG__LEVEL", "debug").stderr(stderr);
    });
    let token = server.register("ada");
    for _ in 0..10 {
        let order = json!({ "stock_symbol": "AAPL", "quantity": 1 });
        let (status, answer) = server.ask("POST", "/api/portfolio/buy", &token, Some(&order));
        assert_eq!(status, 200, "{answer}");
    }
    assert!(server.metric("openbell_log_lines_dropped_total") > 0);
    server.stop();
}

#[test]
fn a_server_trades_while_stderr_is_on_a_full_disk() {
    serve_with(File::options().write(true).open("/dev/full").expect("opens"));
}

#[test]
fn a_server_trades_while_the_reader_of_stderr_is_gone() {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    serve_with(writer);
}

#[test]
fn a_server_trades_while_the_reader_of_stderr_does_not_read() {
    let (_reader, writer) = full_pipe();
    serve_with(writer);
}

/// A pipe that accepts no further byte.
fn full_pipe() -> (PipeReader, std::io::PipeWriter) {
    let (reader, mut writer) = std::io::pipe().expect("a pipe");
    let accepts_more = |writer: &std::io::PipeWriter| {
        let mut streams = [PollFd::new(writer, PollFlags::OUT)];
        let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
        poll(&mut streams, Some(&at_once)).expect("polls") > 0
    };
    while accepts_more(&writer) {
        writer.write_all(&[b'x'; 4096]).expect("accepted");
    }
    (reader, writer)
}

#[test]
fn no_line_is_dropped_while_stderr_is_read() {
    let dir = tempfile::tempdir().expect("a directory");
    let server = Server::start_in(dir.path());
    server.register("ada");
    let (_, metrics) = server.get("/metrics");
    let metrics = metrics.as_str().expect("text").to_owned();
    assert!(metrics.contains("\nopenbell_log_lines_dropped_total 0\n"), "{metrics}");
    server.stop();
}
