//! A server process that cannot outlive its owner, and what starting one of any kind needs.

use std::hash::{BuildHasher, RandomState};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::ops::Range;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::{fs, mem};

use crate::eventually::try_poll;

/// Another process can take a free port before the server binds it.
const PORTS_MAX: u32 = 5;
/// How many ports are tried.
const DRAWS_MAX: u32 = 500;

/// Below the ports that Linux (32768) and the IANA (49152) assign to clients.
const PORTS: Range<u16> = 10_240..32_768;

/// The shell becomes the server. Before, it starts a watcher that reads a pipe of this process,
/// which closes when it is dropped or the process ends in any way. The watcher then sends the
/// signal, waits for the server (5 s at most, then it kills it) and removes the directory, again if
/// children of the server wrote into it (5 s at most). If it reads `leave`, because the server has
/// ended and has a new watcher, it exits.
const SCRIPT: &str = r#"
signal=$1 dir=$2; shift 2
exec 3<&0
(
  read -r word <&3; [ "$word" != leave ] || exit
  kill -s "$signal" $$
  looks=0
  while kill -0 $$ && [ $looks -lt 100 ]; do sleep 0.05; looks=$((looks + 1)); done
  kill -s KILL $$
  looks=0
  while rm -rf "$dir"; sleep 0.05; [ -e "$dir" ] && [ $looks -lt 100 ]; do looks=$((looks + 1)); done
) 2>/dev/null &
exec "$@" 3<&- </dev/null >"$dir/log" 2>&1
"#;

/// The user of a server, if it is not that of the caller.
#[derive(Clone, Copy)]
pub(crate) struct User {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
}

/// How one kind of server is started, checked and stopped.
pub(crate) struct Recipe<'a> {
    pub(crate) user: Option<User>,
    /// The signal that stops it fast, without `SIG`.
    pub(crate) stop_signal: &'a str,
    /// Prepares its empty directory.
    pub(crate) prepare: &'a dyn Fn(&Path),
    /// Its command line for a directory and a port.
    pub(crate) command: &'a dyn Fn(&Path, u16) -> Vec<String>,
    /// Whether it is ready. Checked through a socket or file in its directory, because another
    /// process may have taken the port first.
    pub(crate) is_ready: &'a dyn Fn(&Path, u16) -> bool,
}

/// A running server. Dropping it stops the server and removes its directory.
pub(crate) struct ServerProcess {
    child: Child,
    dir: PathBuf,
    port: u16,
}

impl ServerProcess {
    /// Starts a server on a free port of 127.0.0.1 and returns when it is ready.
    pub(crate) fn start(recipe: &Recipe<'_>) -> Self {
        for _ in 0..PORTS_MAX {
            let mut server = Self::spawn(recipe);
            if server.becomes_ready(recipe) {
                return server;
            }
            let log = fs::read_to_string(server.dir.join("log")).unwrap_or_default();
            assert!(log.contains("already in use"), "a temporary server did not start:\n{log}");
        }
        panic!("{PORTS_MAX} times another process took the free port first");
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn directory(&self) -> &Path {
        &self.dir
    }

    /// Ends the server by a signal, named without `SIG`; the directory stays.
    pub(crate) fn end(&mut self, signal: &str) {
        run(Command::new("kill").args(["-s", signal, &self.child.id().to_string()]));
        // Waiting would close the pipe that is left in the child, and so start the watcher.
        let pipe = self.child.stdin.take();
        self.child.wait().unwrap_or_else(|error| panic!("waiting for a server: {error}"));
        self.child.stdin = pipe;
    }

    /// Starts a server that was ended, in its directory and on its port. Children of the ended
    /// server may hold what it needs for a moment, so it is started until it gets ready.
    pub(crate) fn start_again(&mut self, recipe: &Recipe<'_>) {
        let restarted = try_poll(|| {
            let mut ended = mem::replace(&mut self.child, spawn(recipe, &self.dir, self.port));
            if let Some(pipe) = &mut ended.stdin {
                // Fails if no watcher reads it any more.
                let _ = pipe.write_all(b"leave\n");
            }
            let _ = ended.wait();
            self.becomes_ready(recipe).then_some(())
        });
        let log = || fs::read_to_string(self.dir.join("log")).unwrap_or_default();
        assert!(restarted.is_some(), "the server did not start again:\n{}", log());
    }

    fn spawn(recipe: &Recipe<'_>) -> Self {
        let (dir, port) = (fresh_directory(recipe.user), free_port());
        (recipe.prepare)(&dir);
        Self { child: spawn(recipe, &dir, port), dir, port }
    }

    /// False if the server ends, or is not ready within the deadline of `eventually`.
    fn becomes_ready(&mut self, recipe: &Recipe<'_>) -> bool {
        let is_ready = try_poll(|| {
            if (recipe.is_ready)(&self.dir, self.port) {
                return Some(true);
            }
            let has_ended = !matches!(self.child.try_wait(), Ok(None));
            has_ended.then_some(false)
        });
        is_ready.unwrap_or(false)
    }
}

fn spawn(recipe: &Recipe<'_>, dir: &Path, port: u16) -> Child {
    let mut shell = command_as(recipe.user, "sh", dir);
    shell.args(["-c", SCRIPT, "sh", recipe.stop_signal]).arg(dir);
    shell.args((recipe.command)(dir, port));
    // A Ctrl-C in the terminal reaches this process only; the server follows through the pipe.
    shell.process_group(0).stdin(Stdio::piped()).stdout(Stdio::piped());
    shell.spawn().unwrap_or_else(|error| panic!("starting sh: {error}"))
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        // The server first: the watcher waits until it is reaped.
        let _ = self.child.wait();
        // The watcher holds the other end of this pipe until the directory is gone.
        if let Some(mut watcher) = self.child.stdout.take() {
            let _ = watcher.read_to_end(&mut Vec::new());
        }
    }
}

/// A command run as `user` in `dir`, because the user may not be allowed to enter the caller's
/// directory.
pub(crate) fn command_as(user: Option<User>, program: &str, dir: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir(dir);
    if let Some(User { uid, gid }) = user {
        command.uid(uid).gid(gid);
    }
    command
}

/// Runs a command that must succeed, and returns its standard output.
pub(crate) fn run(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("running {command:?}: {error}"));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?} failed ({}):\n{errors}", output.status);
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// Whether a program is in PATH.
pub(crate) fn installed(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|dir| dir.join(program).is_file())
}

/// The value of a variable by which `./test` names a server it started for the whole run.
#[expect(
    clippy::disallowed_methods,
    reason = "a test process finds the servers of `./test` by it; it is no configuration"
)]
pub(crate) fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// Below /tmp and not TMPDIR: another user must be able to enter it, and the path of a unix
/// socket is limited to 107 bytes.
fn fresh_directory(user: Option<User>) -> PathBuf {
    let made = tempfile::Builder::new().prefix("openbell-").tempdir_in("/tmp");
    let dir = made.unwrap_or_else(|error| panic!("making a directory in /tmp: {error}")).keep();
    if let Some(User { uid, gid }) = user {
        std::os::unix::fs::chown(&dir, Some(uid), Some(gid))
            .unwrap_or_else(|error| panic!("giving {} to its user: {error}", dir.display()));
    }
    dir
}

/// A port that is not assigned to clients, which could take it while the server is restarted.
fn free_port() -> u16 {
    let random = RandomState::new();
    let draw = |number| random.hash_one(number) % PORTS.len() as u64;
    (0..DRAWS_MAX)
        .filter_map(|number| Some(PORTS.start + u16::try_from(draw(number)).ok()?))
        .find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok())
        .unwrap_or_else(|| panic!("no port of {PORTS:?} is free"))
}
