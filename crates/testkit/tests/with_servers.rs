//! Tests of `with-servers`: the environment of its command, and that nothing remains after it.

use std::io::{self, BufRead, BufReader, Read};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// Runs a shell command below the servers, with its input and output piped.
fn with_servers(script: &str) -> io::Result<Child> {
    Command::new(env!("CARGO_BIN_EXE_with-servers"))
        .args(["sh", "-c", script])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
}

#[test]
fn the_exit_code_is_that_of_the_command() {
    assert_eq!(with_servers("exit 7").unwrap().wait().unwrap().code(), Some(7));
}

#[test]
fn killed_servers_leave_nothing_behind() {
    let script = "dir=$(psql -XAtc 'show unix_socket_directories' $OPENBELL_TEST_POSTGRES_URL)
        echo ${OPENBELL_TEST_REDIS_URL#redis://} $dir; exec cat";
    let mut owner = with_servers(script).unwrap();
    let mut output = BufReader::new(owner.stdout.take().unwrap());
    let mut line = String::new();
    output.read_line(&mut line).unwrap();
    let (address, dir) = line.trim().split_once(' ').unwrap();
    let mut redis = TcpStream::connect(address.trim_end_matches('/')).unwrap();
    assert!(Path::new(dir).is_dir());

    // SIGKILL: the process cannot clean up.
    owner.kill().unwrap();
    owner.wait().unwrap();

    assert_eq!(redis.read(&mut [0]).unwrap(), 0, "the connection ends with the server");
    let until_gone = format!("while [ -e {dir} ]; do sleep 0.05; done");
    let gone = Command::new("timeout").args(["30", "sh", "-c", &until_gone]).status().unwrap();
    assert!(gone.success(), "{dir} still exists");
}
