//! The real binary as a process with a banner, an exit code and an HTTP port.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use serde_json::Value;

/// The longest wait of a test.
const DEADLINE: Duration = Duration::from_secs(60);

/// A command line of the binary with an environment of its own.
pub(crate) fn openbell(args: &[&str]) -> Command {
    command_of(env!("CARGO_BIN_EXE_openbell").as_ref(), args)
}

/// The same of another copy of the binary.
fn command_of(program: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(args).stdin(Stdio::null());
    remove_settings(&mut command);
    command
}

/// Removes the settings in this process's environment from that of a command.
pub(crate) fn remove_settings(command: &mut Command) {
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("OPENBELL") {
            command.env_remove(name);
        }
    }
}

/// The same command in a mount namespace of its own, after a shell script that mounts something at
/// `dir`, its `$0`.
pub(crate) fn with_mount(command: &Command, script: &str, dir: &Path) -> Command {
    let mut unshared = Command::new("unshare");
    let script = format!(r#"{script} && exec "$@""#);
    unshared.args(["-rm", "sh", "-c", &script]).arg(dir).arg(command.get_program());
    unshared.args(command.get_args()).stdin(Stdio::null());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => unshared.env(name, value),
            None => unshared.env_remove(name),
        };
    }
    unshared
}

/// Runs the binary to its end.
pub(crate) fn run(args: &[&str]) -> Output {
    openbell(args).output().expect("the binary runs")
}

/// The stderr of a failed run, which must be one line and no panic.
pub(crate) fn error_line(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success(), "it should have failed: {text}");
    assert_eq!(text.lines().count(), 1, "one line was expected: {text}");
    assert!(text.starts_with("openbell: "), "{text}");
    assert!(!text.contains("panicked"), "{text}");
    text.trim_end().to_owned()
}

/// A running server. Dropping it kills it.
pub(crate) struct Server {
    child: Child,
    /// `HOST:PORT`.
    pub(crate) address: String,
    /// Everything up to the line with the address.
    pub(crate) banner: String,
}

impl Server {
    /// Starts on a free port with these flags, and waits for the banner.
    pub(crate) fn start(args: &[&str]) -> Self {
        Self::start_at("127.0.0.1:0", args, |_| ())
    }

    /// The same at an address, with a command that the test has changed.
    pub(crate) fn start_at(
        address: &str,
        args: &[&str],
        change: impl FnOnce(&mut Command),
    ) -> Self {
        let args = [&["serve", "--listen", address][..], args].concat();
        Self::start_command(openbell(&args), change)
    }

    /// The same of another copy of the binary, on a free port.
    pub(crate) fn start_program(program: &Path, args: &[&str]) -> Self {
        let args = [&["serve", "--listen", "127.0.0.1:0"][..], args].concat();
        Self::start_command(command_of(program, &args), |_| ())
    }

    fn start_command(mut command: Command, change: impl FnOnce(&mut Command)) -> Self {
        // Tests register and log in more often than the limits allow.
        command.env("OPENBELL__LIMITS__ENABLED", "false");
        command.stdout(Stdio::piped()).stderr(Stdio::inherit());
        change(&mut command);
        let child = command.spawn();
        let child = child.expect("it starts");
        let mut server = Self { child, address: String::new(), banner: String::new() };
        let stdout = BufReader::new(server.child.stdout.take().expect("piped"));
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || {
            // Continues after the banner, so that the server never writes into a full pipe.
            stdout.lines().map_while(Result::ok).for_each(|line| drop(sender.send(line)));
        });
        while let Ok(line) = lines.recv_timeout(DEADLINE) {
            server.banner.push_str(&line);
            server.banner.push('\n');
            if let Some((_, rest)) = line.split_once("http://")
                && server.address.is_empty()
            {
                rest.split(['/', ' ']).next().unwrap_or_default().clone_into(&mut server.address);
            }
            // The banner ends with an empty line.
            if line.is_empty() {
                return server;
            }
        }
        panic!("the banner has no address: {}", server.banner);
    }

    /// Starts on an embedded database in `dir`.
    pub(crate) fn start_in(dir: &Path) -> Self {
        Self::start(&["--data-dir", &dir.display().to_string()])
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal by name.
    pub(crate) fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args(["-s", name, &id]).status().expect("kill runs");
        assert!(sent.success(), "the process is gone");
    }

    /// Waits for the end.
    pub(crate) fn wait(mut self) -> ExitStatus {
        let id = self.child.id().to_string();
        let (done, over) = mpsc::channel::<()>();
        std::thread::spawn(move || {
            if over.recv_timeout(DEADLINE).is_err() {
                let _ = Command::new("kill").args(["-s", "KILL", &id]).status();
            }
        });
        let status = self.child.wait().expect("it was started");
        let _ = done.send(());
        status
    }

    /// Shuts it down, which must succeed.
    pub(crate) fn stop(self) {
        self.signal("TERM");
        assert_eq!(self.wait().code(), Some(0));
    }

    /// Kills it.
    pub(crate) fn kill(self) {
        self.signal("KILL");
        self.wait();
    }

    /// A GET request without a token.
    pub(crate) fn get(&self, path: &str) -> (u16, Value) {
        self.ask("GET", path, "", None)
    }

    /// The number on the first line of the metrics that contains `words`; 0 without one.
    pub(crate) fn metric(&self, words: &str) -> u64 {
        self.try_metric(words).expect("it answers")
    }

    /// As `metric`; `None` if the connection is refused or closed without a response.
    pub(crate) fn try_metric(&self, words: &str) -> Option<u64> {
        let (_, metrics) = self.try_ask("GET", "/metrics", "", None)?;
        let mut lines = metrics.as_str().expect("a text").lines();
        let line = lines.find(|line| line.contains(words) && !line.starts_with('#'));
        let number = line.and_then(|line| line.rsplit(' ').next());
        Some(number.map_or(0, |number| number.parse().expect("a whole number")))
    }

    /// Registers a player and returns the token.
    pub(crate) fn register(&self, name: &str) -> String {
        let body = serde_json::json!({
            "name": name, "email": format!("{name}@example.org"),
            "password": "correct horse battery", "password_confirmation": "correct horse battery",
        });
        let (status, answer) = self.ask("POST", "/api/auth/register", "", Some(&body));
        assert_eq!(status, 201, "{answer}");
        answer["token"].as_str().expect("a token").to_owned()
    }

    /// One request on a connection of its own.
    pub(crate) fn ask(
        &self,
        method: &str,
        path: &str,
        token: &str,
        body: Option<&Value>,
    ) -> (u16, Value) {
        self.try_ask(method, path, token, body).expect("it answers")
    }

    /// As `ask`; `None` if the connection is refused or closed without a response.
    pub(crate) fn try_ask(
        &self,
        method: &str,
        path: &str,
        token: &str,
        body: Option<&Value>,
    ) -> Option<(u16, Value)> {
        let answer = self.try_ask_raw(method, path, token, body)?;
        let status = answer.split(' ').nth(1).and_then(|word| word.parse().ok());
        let text = answer.split_once("\r\n\r\n").map(|(_, body)| body).unwrap_or_default();
        let value = serde_json::from_str(text).unwrap_or(Value::String(text.to_owned()));
        Some((status.unwrap_or_else(|| panic!("no status line: {answer}")), value))
    }

    /// As `try_ask`; the response with its head.
    pub(crate) fn try_ask_raw(
        &self,
        method: &str,
        path: &str,
        token: &str,
        body: Option<&Value>,
    ) -> Option<String> {
        self.exchange(method, path, token, "", body)
    }

    /// An order under a key; the response with its head.
    pub(crate) fn try_order(
        &self,
        side: &str,
        token: &str,
        key: &str,
        order: &Value,
    ) -> Option<String> {
        let key = format!("Idempotency-Key: {key}\r\n");
        self.exchange("POST", &format!("/api/portfolio/{side}"), token, &key, Some(order))
    }

    /// A request with further header lines, each with its line break; the response with its head.
    pub(crate) fn exchange(
        &self,
        method: &str,
        path: &str,
        token: &str,
        headers: &str,
        body: Option<&Value>,
    ) -> Option<String> {
        let mut stream = TcpStream::connect(&self.address).ok()?;
        stream.set_read_timeout(Some(DEADLINE)).expect("a time-out");
        let body = body.map(Value::to_string).unwrap_or_default();
        let mut head = format!("{method} {path} HTTP/1.1\r\nHost: {}\r\n", self.address);
        head.push_str("Connection: close\r\nAccept: application/json\r\n");
        if !token.is_empty() {
            head.push_str(&format!("Authorization: Bearer {token}\r\n"));
        }
        head.push_str(headers);
        if !body.is_empty() {
            head.push_str("Content-Type: application/json\r\n");
        }
        head.push_str(&format!("Content-Length: {}\r\n\r\n", body.len()));
        stream.write_all((head + &body).as_bytes()).ok()?;
        let mut answer = String::new();
        let read = stream.read_to_string(&mut answer);
        if answer.is_empty() {
            return None;
        }
        read.expect("a complete response");
        Some(answer)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
