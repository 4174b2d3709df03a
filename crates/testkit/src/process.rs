//! A server process that cannot outlive its owner, and what starting one needs. It knows nothing
//! of any one server.

use std::hash::{BuildHasher, RandomState};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::ops::Range;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use std::{fs, mem, thread};

/// Between two looks at whether a server answers, and how many looks there are at most (60 s).
const LOOK_INTERVAL: Duration = Duration::from_millis(20);
const LOOKS_MAX: u32 = 3_000;

/// Another process can take a port between our finding it free and the server's binding it.
const PORTS_MAX: u32 = 5;

/// How often a free port is looked for, and a stopped server is started again, at most.
const DRAWS_MAX: u32 = 500;
const STARTS_MAX: u32 = 300;

/// Below what Linux (32768) and the IANA (49152) give to clients.
const PORTS: Range<u16> = 10_240..32_768;

/// The shell turns into the server. Before, it leaves a watcher behind that reads our pipe: the
/// pipe ends when we drop it or when we die, however we die. The watcher then sends the signal,
/// waits for the server (at most 5 s, then it kills) and removes the directory, again if what the
/// server had started wrote into it once more (5 s at most). Only when it is
/// told to leave, because the server is gone and another watcher is there, it just goes.
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

/// Whom a server runs as, where that is not the caller.
#[derive(Clone, Copy)]
pub(crate) struct User {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
}

/// How one kind of server is started, asked and stopped.
pub(crate) struct Recipe<'a> {
    pub(crate) user: Option<User>,
    /// The signal that stops it fast, without its `SIG`.
    pub(crate) stop_signal: &'a str,
    /// Prepares its empty directory.
    pub(crate) prepare: &'a dyn Fn(&Path),
    /// Its command line for a directory and a port.
    pub(crate) command: &'a dyn Fn(&Path, u16) -> Vec<String>,
    /// Whether it answers. To be asked through a socket in its directory: what answers on the
    /// port may be a stranger who took it first.
    pub(crate) answers: &'a dyn Fn(&Path, u16) -> bool,
}

/// A running server with its directory. Dropping it stops the one and removes the other.
pub(crate) struct ServerProcess {
    child: Child,
    dir: PathBuf,
    port: u16,
}

impl ServerProcess {
    /// Starts a server on a free port of 127.0.0.1 and returns when it answers.
    pub(crate) fn start(recipe: &Recipe<'_>) -> Self {
        for _ in 0..PORTS_MAX {
            let mut server = Self::spawn(recipe);
            if server.becomes_ready(recipe) {
                return server;
            }
            let log = fs::read_to_string(server.dir.join("log")).unwrap_or_default();
            assert!(log.contains("already in use"), "a throwaway server did not start:\n{log}");
        }
        panic!("{PORTS_MAX} times another process took the free port first");
    }

    /// The port on 127.0.0.1.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Where it keeps its files.
    pub(crate) fn directory(&self) -> &Path {
        &self.dir
    }

    /// Ends the server by a signal, without its `SIG`; the directory stays.
    pub(crate) fn end(&mut self, signal: &str) {
        run(Command::new("kill").args(["-s", signal, &self.child.id().to_string()]));
        // Waiting closes the pipe that is left in the child, which the watcher would hear.
        let pipe = self.child.stdin.take();
        self.child.wait().unwrap_or_else(|error| panic!("waiting for a server: {error}"));
        self.child.stdin = pipe;
    }

    /// Starts a server that was ended on its directory and its port.
    pub(crate) fn start_again(&mut self, recipe: &Recipe<'_>) {
        for _ in 0..STARTS_MAX {
            let mut ended = mem::replace(&mut self.child, spawn(recipe, &self.dir, self.port));
            if let Some(pipe) = &mut ended.stdin {
                // Without a watcher to hear it there is nothing to say.
                let _ = pipe.write_all(b"leave\n");
            }
            let _ = ended.wait();
            if self.becomes_ready(recipe) {
                return;
            }
            // Children of the ended server may still hold what it needs.
            pause();
        }
        let log = fs::read_to_string(self.dir.join("log")).unwrap_or_default();
        panic!("the server did not start again:\n{log}");
    }

    fn spawn(recipe: &Recipe<'_>) -> Self {
        let (dir, port) = (fresh_directory(recipe.user), free_port());
        (recipe.prepare)(&dir);
        Self { child: spawn(recipe, &dir, port), dir, port }
    }

    /// False when the server ended instead.
    fn becomes_ready(&mut self, recipe: &Recipe<'_>) -> bool {
        for _ in 0..LOOKS_MAX {
            if (recipe.answers)(&self.dir, self.port) {
                return true;
            }
            if !matches!(self.child.try_wait(), Ok(None)) {
                return false;
            }
            pause();
        }
        false
    }
}

fn spawn(recipe: &Recipe<'_>, dir: &Path, port: u16) -> Child {
    let mut shell = command_as(recipe.user, "sh", dir);
    shell.args(["-c", SCRIPT, "sh", recipe.stop_signal]).arg(dir);
    shell.args((recipe.command)(dir, port));
    // A Ctrl-C in the terminal is for us; the server follows through the pipe.
    shell.process_group(0).stdin(Stdio::piped()).stdout(Stdio::piped());
    shell.spawn().unwrap_or_else(|error| panic!("starting sh: {error}"))
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        // The server first: the watcher waits until nobody has to reap it any more.
        let _ = self.child.wait();
        // The watcher holds the other end of this pipe until the directory is gone.
        if let Some(mut watcher) = self.child.stdout.take() {
            let _ = watcher.read_to_end(&mut Vec::new());
        }
    }
}

/// A command run as `user` in `dir`, which that user may enter even where the caller's directory
/// is closed to him.
pub(crate) fn command_as(user: Option<User>, program: &str, dir: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir(dir);
    if let Some(User { uid, gid }) = user {
        command.uid(uid).gid(gid);
    }
    command
}

/// Runs a command that must succeed and returns what it wrote to standard output.
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

/// Waits until another process has got so far (60 s at most).
pub(crate) fn eventually(is_so: impl Fn() -> bool) {
    for _ in 0..LOOKS_MAX {
        if is_so() {
            return;
        }
        pause();
    }
    panic!("it never came to that");
}

/// The value of a variable by which `./test` names a server it started for the whole run.
#[expect(
    clippy::disallowed_methods,
    reason = "it is how a test process hears of the server that `./test` started; no configuration"
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

/// A port that no client is given for its end of a connection: those would take it from a server
/// that is stopped to be started again.
fn free_port() -> u16 {
    let chance = RandomState::new();
    let draw = |number| chance.hash_one(number) % PORTS.len() as u64;
    (0..DRAWS_MAX)
        .filter_map(|number| Some(PORTS.start + u16::try_from(draw(number)).ok()?))
        .find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok())
        .unwrap_or_else(|| panic!("no port of {PORTS:?} is free"))
}

#[expect(
    clippy::disallowed_methods,
    reason = "another program gives no event to wait for when it gets ready; it is polled"
)]
fn pause() {
    thread::sleep(LOOK_INTERVAL);
}
