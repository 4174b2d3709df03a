//! A visitor behind a proxy: curl, which keeps cookies and certificates by the rules of browsers.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use tempfile::TempDir;

/// The longest wait of a test.
const DEADLINE: Duration = Duration::from_secs(60);

/// A visitor with a cookie jar.
pub(crate) struct Visitor {
    /// The scheme, host and port of the site.
    pub(crate) origin: String,
    options: Vec<String>,
    jar: TempDir,
}

pub(crate) struct Reply {
    pub(crate) status: u16,
    /// In lower case.
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Visitor {
    /// A visitor of `SCHEME://HOST:PORT`, which is at `port` of this machine.
    pub(crate) fn new(scheme: &str, host: &str, port: u16) -> Self {
        let resolve = format!("{host}:{port}:127.0.0.1");
        let max_time = DEADLINE.as_secs().to_string();
        let options = ["--silent", "--show-error", "--max-time", &max_time, "--resolve", &resolve];
        Self {
            origin: format!("{scheme}://{host}:{port}"),
            options: options.map(str::to_owned).into(),
            jar: tempfile::tempdir().expect("a directory"),
        }
    }

    /// With more options of curl.
    pub(crate) fn with(mut self, options: &[&str]) -> Self {
        self.options.extend(options.iter().map(|&option| option.to_owned()));
        self
    }

    pub(crate) fn get(&self, path: &str) -> Reply {
        self.send(path, &[])
    }

    /// Sends a form as a browser does over plain HTTP: with its origin, without `Sec-Fetch-Site`.
    pub(crate) fn submit(&self, path: &str, fields: &[(&str, &str)]) -> Reply {
        let origin = format!("Origin: {}", self.origin);
        let fields: Vec<_> = fields.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let mut options = vec!["--header", &origin];
        for field in &fields {
            options.extend(["--data-urlencode", field]);
        }
        self.send(path, &options)
    }

    /// Sends an order as the API takes it.
    pub(crate) fn order(&self, token: &str, key: Option<&str>) -> Reply {
        let bearer = format!("Authorization: Bearer {token}");
        let key = key.map(|key| format!("Idempotency-Key: {key}"));
        let order = r#"{"stock_symbol":"AAPL","quantity":1}"#;
        let mut options = vec!["--header", &bearer, "--json", order];
        if let Some(key) = &key {
            options.extend(["--header", key]);
        }
        self.send("/api/portfolio/buy", &options)
    }

    /// Signs in with the password of all tests, and returns the reply to the form.
    pub(crate) fn sign_in(&self, name: &str) -> Reply {
        let page = self.get("/login");
        assert_eq!(page.status, 200, "{}", page.head);
        let (email, token) = (format!("{name}@example.org"), csrf_token(&page.body));
        let fields = [("email", email.as_str()), ("password", "correct horse battery")];
        self.submit("/login", &[&fields[..], &[("next", ""), ("csrf", &token)]].concat())
    }

    pub(crate) fn send(&self, path: &str, options: &[&str]) -> Reply {
        let output = self.command(path).arg("--include").args(options).output();
        Reply::parse(&output.expect("curl runs"))
    }

    /// Opens an event stream.
    pub(crate) fn listen(&self, token: &str) -> EventStream {
        let bearer = format!("Authorization: Bearer {token}");
        let mut command = self.command("/api/events");
        command.args(["--no-buffer", "--header", &bearer]).stdout(Stdio::piped());
        let mut child = command.spawn().expect("curl runs");
        let stdout = BufReader::new(child.stdout.take().expect("piped"));
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || {
            stdout.lines().map_while(Result::ok).for_each(|line| drop(sender.send(line)));
        });
        EventStream { child, lines }
    }

    fn command(&self, path: &str) -> Command {
        let mut command = Command::new("curl");
        command.args(&self.options).stdin(Stdio::null());
        let jar = self.jar_file();
        command.arg("--cookie").arg(&jar).arg("--cookie-jar").arg(&jar);
        command.arg(format!("{}{path}", self.origin));
        command
    }

    fn jar_file(&self) -> std::path::PathBuf {
        Path::join(self.jar.path(), "cookies")
    }
}

impl Reply {
    fn parse(output: &Output) -> Self {
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "curl failed: {errors}");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let (head, body) = text.split_once("\r\n\r\n").expect("a head");
        let status = head.split(' ').nth(1).and_then(|word| word.parse().ok());
        let (head, body) = (head.to_lowercase(), body.to_owned());
        Self { status: status.expect("a status"), head, body }
    }
}

/// An open event stream.
pub(crate) struct EventStream {
    child: Child,
    lines: mpsc::Receiver<String>,
}

impl EventStream {
    /// The names of events up to the first with this name.
    pub(crate) fn events_until(&self, name: &str) -> Vec<String> {
        let mut names = Vec::new();
        while names.last().is_none_or(|last| last != name) {
            let line = self.lines.recv_timeout(DEADLINE);
            let line = line.unwrap_or_else(|_| panic!("no event {name} after {names:?}"));
            names.extend(line.strip_prefix("event: ").map(str::to_owned));
        }
        names
    }
}

impl Drop for EventStream {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The token of the first form of a page.
fn csrf_token(page: &str) -> String {
    let (_, rest) = page.split_once(r#"name="csrf" value=""#).expect("a form with a token");
    rest.split('"').next().unwrap_or_default().to_owned()
}
