//! A drill as it goes: the situations are caused one after the other, Prometheus evaluates the
//! shipped rules, and the commands run as the pages of the runbook have them.

use std::fs::Permissions;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use testkit::{Prometheus, poll_within};
use tokio::time::Instant;

use super::transcript::Transcript;
use crate::monitoring::{kebab, repository_file};
use crate::server::remove_settings;

/// The longest time until an alert fires or ends, where nothing takes long by its nature.
const SOON: Duration = Duration::from_secs(60);

/// There is no service manager: the logs of the nodes stand for the journal.
const JOURNALCTL: &str = "#!/bin/sh\ncat \"$NODE_LOGS\"/*.log\n";

pub(super) struct Drill {
    transcript: Transcript,
    prometheus: Option<Prometheus>,
    /// By which the durations of the rules are divided.
    factor: u32,
    /// The variables of the runbook's commands.
    variables: Vec<(&'static str, String)>,
    directory: TempDir,
    /// The present page of the runbook, each run of white space as one space.
    page: String,
}

impl Drill {
    pub(super) fn new() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let programs = directory.path().join("bin");
        for name in ["bin", "logs", "backups"] {
            std::fs::create_dir(directory.path().join(name)).expect("made");
        }
        let journal = programs.join("journalctl");
        std::fs::write(&journal, JOURNALCTL).expect("written");
        std::fs::set_permissions(&journal, Permissions::from_mode(0o755)).expect("set");
        let binary = env!("CARGO_BIN_EXE_openbell");
        std::os::unix::fs::symlink(binary, programs.join("openbell")).expect("linked");
        let mut transcript = Transcript::new();
        transcript.name(&directory.path().join("backups").display().to_string(), "$BACKUPS");
        transcript.name(&directory.path().display().to_string(), "/drill");
        let (variables, page) = (Vec::new(), String::new());
        Self { transcript, prometheus: None, factor: 1, variables, directory, page }
    }

    /// Its directory.
    pub(super) fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// The file of a node's log.
    pub(super) fn log_file(&self, node: &str) -> PathBuf {
        self.directory.path().join("logs").join(format!("{node}.log"))
    }

    /// Where the backups are.
    pub(super) fn backups(&self) -> PathBuf {
        self.directory.path().join("backups")
    }

    /// Sets a variable of the commands. Output shows its name instead of the value.
    pub(super) fn set(&mut self, name: &'static str, value: &str) {
        self.set_quietly(name, value);
        self.transcript.name(value, &format!("${name}"));
    }

    /// The same for a value that no output needs to show by its name.
    pub(super) fn set_quietly(&mut self, name: &'static str, value: &str) {
        self.variables.retain(|(known, _)| *known != name);
        self.variables.push((name, value.to_owned()));
    }

    /// Shows a name instead of a text of this machine.
    pub(super) fn name(&mut self, text: &str, name: &str) {
        self.transcript.name(text, name);
    }

    /// Starts Prometheus on these nodes, with the durations of the rules divided by a factor.
    pub(super) fn observe(&mut self, nodes: &[&str], factor: u32) {
        let deploy = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/prometheus");
        self.prometheus = Some(Prometheus::start(&deploy, nodes, factor));
        self.factor = factor;
        let is_scraped = || {
            let answer = self.query("up == 1");
            (answer.as_array().map(Vec::len) == Some(nodes.len())).then_some(())
        };
        poll_within("Prometheus scrapes every node", SOON, is_scraped);
    }

    /// Begins a situation: the page of its alert, which the commands must be on.
    pub(super) fn begin(&mut self, alert: &str, cause: &str) {
        let file = format!("{}.md", kebab(alert));
        self.transcript.heading(&format!("[{alert}]({file})"));
        self.transcript.paragraph(cause);
        self.turn_to(alert);
    }

    /// Continues with the page of another alert.
    pub(super) fn turn_to(&mut self, alert: &str) {
        let page = repository_file(&format!("docs/runbook/{}.md", kebab(alert)));
        self.page = one_line(&page);
    }

    /// A paragraph of the transcript.
    pub(super) fn note(&mut self, text: &str) {
        self.transcript.paragraph(text);
    }

    /// Waits until the alert fires.
    #[track_caller]
    pub(super) fn fires(&mut self, alert: &str) {
        self.fires_within(alert, SOON);
    }

    /// The same, for an alert that takes long by its nature.
    #[track_caller]
    pub(super) fn fires_within(&mut self, alert: &str, longest: Duration) {
        let began = Instant::now();
        let what = format!("{alert} fires");
        let is_firing = |found: &Value| found["state"] == "firing";
        let found = poll_within(&what, longest, || self.alert(alert).filter(is_firing));
        let seconds = began.elapsed().as_secs_f64();
        let mut labels: Vec<String> = Vec::new();
        for (name, value) in found["labels"].as_object().expect("labels") {
            if !["alertname", "job"].contains(&name.as_str()) {
                labels.push(format!("{name}={value}"));
            }
        }
        let summary = found["annotations"]["summary"].as_str().expect("a summary");
        self.transcript.paragraph(&format!(
            "**[{alert}]({}.md) fires** {seconds:.1} s later (durations ÷ {}): `{{{}}}`, \
             \"{summary}\".",
            kebab(alert),
            self.factor,
            labels.join(", "),
        ));
    }

    /// Waits until the alert is over.
    #[track_caller]
    pub(super) fn resolves(&mut self, alert: &str) {
        self.resolves_within(alert, SOON);
    }

    /// The same, for an alert that takes long by its nature.
    #[track_caller]
    pub(super) fn resolves_within(&mut self, alert: &str, longest: Duration) {
        let began = Instant::now();
        let what = format!("{alert} is over");
        poll_within(&what, longest, || self.alert(alert).is_none().then_some(()));
        let seconds = began.elapsed().as_secs_f64();
        self.transcript.paragraph(&format!("**{alert} is resolved** after {seconds:.1} s."));
    }

    /// Whether the alert is pending or fires.
    pub(super) fn is_active(&self, alert: &str) -> bool {
        self.alert(alert).is_some()
    }

    /// Runs a command of the page, which must succeed, and returns its output.
    #[track_caller]
    pub(super) fn run(&mut self, command: &str) -> String {
        self.execute(command, &[], |code| code == 0)
    }

    /// The same, with values for words of the page that stand for something.
    #[track_caller]
    pub(super) fn run_with(&mut self, command: &str, values: &[(&str, &str)]) -> String {
        self.execute(command, values, |code| code == 0)
    }

    /// The same for a command that must end with this exit code.
    #[track_caller]
    pub(super) fn run_to(&mut self, command: &str, expected: i32) -> String {
        self.execute(command, &[], |code| code == expected)
    }

    /// The same for a command that must fail, with a code that depends on the moment.
    #[track_caller]
    pub(super) fn run_failing(&mut self, command: &str) -> String {
        self.execute(command, &[], |code| code != 0)
    }

    #[track_caller]
    fn execute(
        &mut self,
        command: &str,
        values: &[(&str, &str)],
        is_expected: impl Fn(i32) -> bool,
    ) -> String {
        let is_there = self.page.contains(&one_line(command));
        assert!(is_there, "the page does not have the command {command}");
        let fill = |command: String, (word, value): &(&str, &str)| command.replace(word, value);
        let filled = values.iter().fold(command.to_owned(), fill);
        let output = self.shell(&filled).output().expect("sh runs");
        let text = [output.stdout, output.stderr].concat();
        let text = String::from_utf8_lossy(&text).into_owned();
        self.transcript.command(&filled, &text);
        let code = output.status.code();
        assert!(code.is_some_and(is_expected), "{command}: {code:?}: {text}");
        text
    }

    /// A command in the environment of the runbook.
    pub(super) fn shell(&self, command: &str) -> Command {
        let mut shell = Command::new("sh");
        shell.args(["-c", command]).current_dir(self.directory.path()).stdin(Stdio::null());
        remove_settings(&mut shell);
        let path = std::env::var_os("PATH").unwrap_or_default();
        let own = [self.directory.path().join("bin")];
        let path = std::env::join_paths(own.into_iter().chain(std::env::split_paths(&path)));
        shell.env("PATH", path.expect("a path"));
        shell.env("NODE_LOGS", self.directory.path().join("logs"));
        shell.env("BACKUPS", self.backups());
        shell.envs(self.variables.iter().map(|(name, value)| (*name, value)));
        shell
    }

    /// The Markdown so far.
    pub(super) fn transcript(&self) -> &str {
        self.transcript.text()
    }

    fn alert(&self, name: &str) -> Option<Value> {
        let answer = self.get("/api/v1/alerts");
        let alerts = answer["data"]["alerts"].as_array().expect("a list").iter();
        let mut alerts = alerts.filter(|alert| alert["labels"]["alertname"] == name);
        let first = alerts.next().cloned();
        alerts.find(|alert| alert["state"] == "firing").cloned().or(first)
    }

    /// The result of an instant query.
    pub(super) fn query(&self, query: &str) -> Value {
        let query = query.replace(' ', "%20").replace('=', "%3D");
        self.get(&format!("/api/v1/query?query={query}"))["data"]["result"].clone()
    }

    fn get(&self, path: &str) -> Value {
        let prometheus = self.prometheus.as_ref().expect("Prometheus was started");
        serde_json::from_str(&prometheus.get(path)).expect("JSON")
    }
}

impl Drop for Drill {
    /// What was done before a failed assertion.
    fn drop(&mut self) {
        if std::thread::panicking() {
            let _ = std::io::stderr().write_all(self.transcript.text().as_bytes());
        }
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
