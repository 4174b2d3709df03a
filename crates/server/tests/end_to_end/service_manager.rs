//! The server under systemd: its notifications, on a real socket, and the shipped units.

use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use std::{fs, io};

use crate::server::Server;

const DEADLINE: Duration = Duration::from_secs(60);
/// The exposure that `systemd-analyze security` may report, in tenths.
const EXPOSURE_MAX: &str = "20";

/// The next notification.
fn receive(socket: &UnixDatagram) -> io::Result<String> {
    let mut message = [0; 256];
    let length = socket.recv(&mut message)?;
    Ok(String::from_utf8_lossy(&message[..length]).into_owned())
}

#[test]
fn the_service_manager_is_notified_of_readiness_shutdown_and_health() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("notify");
    let socket = UnixDatagram::bind(&path).expect("a socket");
    socket.set_read_timeout(Some(DEADLINE)).expect("a timeout");
    let args = ["--data-dir", &dir.path().join("data").display().to_string()];
    let server = Server::start_at("127.0.0.1:0", &args, |command| {
        command.env("NOTIFY_SOCKET", &path).env("WATCHDOG_USEC", "200000");
    });
    let first = receive(&socket).expect("a notification");
    assert_eq!(first.lines().next(), Some("READY=1"));
    assert_eq!(server.get("/readyz").0, 200, "it is ready when it reports so");
    for _ in 0..3 {
        assert_eq!(receive(&socket).expect("a notification"), "WATCHDOG=1");
    }
    server.signal("TERM");
    let stopping = loop {
        let message = receive(&socket).expect("a notification");
        if message != "WATCHDOG=1" {
            break message;
        }
    };
    assert_eq!(stopping.lines().next(), Some("STOPPING=1"));
    assert_eq!(server.wait().code(), Some(0));
}

#[test]
fn a_notify_socket_that_is_gone_does_not_prevent_the_start() {
    let dir = tempfile::tempdir().expect("a directory");
    let args = ["--data-dir", &dir.path().join("data").display().to_string()];
    let server = Server::start_at("127.0.0.1:0", &args, |command| {
        command.env("NOTIFY_SOCKET", dir.path().join("nothing")).env("WATCHDOG_USEC", "100000");
    });
    assert_eq!(server.get("/readyz").0, 200);
    server.stop();
}

/// The shipped units in a directory of their own, with the path of the tested binary.
fn copy_units(dir: &Path) -> Vec<PathBuf> {
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/systemd");
    let mut units = Vec::new();
    for entry in fs::read_dir(&from).expect("the units").flatten() {
        let to = dir.join(entry.file_name());
        if entry.path().is_dir() {
            fs::create_dir(&to).expect("a directory");
            for file in fs::read_dir(entry.path()).expect("a drop-in").flatten() {
                fs::copy(file.path(), to.join(file.file_name())).expect("copied");
            }
            continue;
        }
        let text = fs::read_to_string(entry.path()).expect("a unit");
        let text = text.replace("/usr/local/bin/openbell", env!("CARGO_BIN_EXE_openbell"));
        fs::write(&to, text).expect("written");
        units.push(to);
    }
    units
}

/// `systemd-analyze`, which knows only the units in `dir` and those of the system.
fn analyze(dir: &Path, args: &[&str], unit: &Path) -> (bool, String) {
    let mut command = Command::new("systemd-analyze");
    command.env("SYSTEMD_UNIT_PATH", format!("{}:", dir.display()));
    let output = command.args(args).arg("--no-pager").arg(unit).output();
    let output = output.expect("systemd-analyze is installed by ./test");
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&text).into_owned())
}

#[test]
fn the_shipped_units_are_valid_and_hardened() {
    let dir = tempfile::tempdir().expect("a directory");
    let units = copy_units(dir.path());
    assert!(units.len() >= 6, "{units:?}");
    for unit in &units {
        let (good, text) = analyze(dir.path(), &["verify", "--man=no"], unit);
        assert!(good && text.trim().is_empty(), "{}: {text}", unit.display());
        if unit.extension().is_some_and(|kind| kind == "service") {
            let args = ["security", "--offline=true", "--threshold", EXPOSURE_MAX];
            // By its name, so that its drop-ins are found.
            let name = Path::new(unit.file_name().expect("a name"));
            let (good, text) = analyze(dir.path(), &args, name);
            assert!(good, "{}: {text}", unit.display());
        }
    }
}
