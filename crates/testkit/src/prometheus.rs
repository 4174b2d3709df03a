//! A temporary Prometheus with the shipped configuration and rules of `deploy/prometheus`. It
//! scrapes and evaluates twice a second, and the durations of the rules are divided by a factor, so
//! that an alert that takes minutes takes seconds. Thresholds and expressions are the shipped ones.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;

use crate::process::{Recipe, ServerProcess, installed};

/// Of scrapes and evaluations.
const INTERVAL: &str = "500ms";
const SHIPPED_INTERVAL: &str = "15s";
const SHIPPED_TARGET: &str = "\"127.0.0.1:8080\"";
const SHIPPED_ALERTMANAGER: &str = "\"127.0.0.1:9093\"";
/// What precedes a duration in a file of rules.
const BEFORE_DURATIONS: [&str; 3] = ["for: ", "[", "offset "];
const UNITS_MS: [(&str, u64); 5] =
    [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];

pub struct Prometheus {
    process: ServerProcess,
}

impl Prometheus {
    /// Starts Prometheus with the files of `deploy`. It scrapes these nodes, each `HOST:PORT`;
    /// every duration of its rules is divided by `factor`.
    ///
    /// # Panics
    /// When Prometheus is not installed or does not start.
    pub fn start(deploy: &Path, nodes: &[&str], factor: u32) -> Self {
        assert!(installed("prometheus"), "prometheus is not installed; `./test` installs it");
        let recipe = Recipe {
            user: None,
            stop_signal: "TERM",
            prepare: &|dir| {
                let config = configuration(&read(&deploy.join("prometheus.yml")), nodes);
                write(&dir.join("prometheus.yml"), &config);
                let rules = read(&deploy.join("openbell.rules.yml"));
                write(&dir.join("openbell.rules.yml"), &divide_durations(&rules, factor));
            },
            command: &|dir, port| {
                let path = |name: &str| dir.join(name).display().to_string();
                vec![
                    "prometheus".to_owned(),
                    format!("--config.file={}", path("prometheus.yml")),
                    format!("--storage.tsdb.path={}", path("data")),
                    format!("--web.listen-address=127.0.0.1:{port}"),
                ]
            },
            // Unlike the port, the log cannot belong to another process.
            is_ready: &|dir, _| {
                let log = fs::read_to_string(dir.join("log")).unwrap_or_default();
                log.contains("Server is ready to receive web requests.")
            },
        };
        Self { process: ServerProcess::start(&recipe) }
    }

    /// The body of a response of its API.
    ///
    /// # Panics
    /// When it does not answer.
    pub fn get(&self, path: &str) -> String {
        let answer =
            TcpStream::connect(("127.0.0.1", self.process.port())).and_then(|mut stream| {
                // HTTP/1.0: the body is not chunked and ends with the connection.
                stream.write_all(format!("GET {path} HTTP/1.0\r\n\r\n").as_bytes())?;
                let mut answer = String::new();
                stream.read_to_string(&mut answer)?;
                Ok(answer)
            });
        let answer = answer.unwrap_or_else(|error| panic!("GET {path} of Prometheus: {error}"));
        answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).unwrap_or_default()
    }
}

fn configuration(shipped: &str, nodes: &[&str]) -> String {
    let targets: Vec<String> = nodes.iter().map(|node| format!("{node:?}")).collect();
    let mut text = shipped.to_owned();
    for (from, to) in [
        (SHIPPED_INTERVAL, INTERVAL),
        (SHIPPED_TARGET, targets.join(", ").as_str()),
        // The API of Prometheus lists the alerts.
        (SHIPPED_ALERTMANAGER, ""),
    ] {
        assert!(text.contains(from), "the shipped configuration has no {from}");
        text = text.replace(from, to);
    }
    text
}

/// Divides every duration of a file of rules by a factor: those of `for`, of ranges and of offsets.
fn divide_durations(rules: &str, factor: u32) -> String {
    let mut divided = String::with_capacity(rules.len());
    let mut rest = rules;
    while let Some(end) = next_duration(rest) {
        divided.push_str(&rest[..end]);
        rest = &rest[end..];
        if let Some((milliseconds, length)) = duration(rest) {
            divided.push_str(&format!("{}ms", (milliseconds / u64::from(factor)).max(1)));
            rest = &rest[length..];
        }
    }
    divided + rest
}

/// Where the first text ends that may precede a duration.
fn next_duration(text: &str) -> Option<usize> {
    let ends = BEFORE_DURATIONS.iter().filter_map(|before| Some(text.find(before)? + before.len()));
    ends.min()
}

/// The duration at the beginning of a text, in milliseconds, and its length in bytes.
fn duration(text: &str) -> Option<(u64, usize)> {
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let number: u64 = text[..digits].parse().ok()?;
    let letters = text[digits..].chars().take_while(char::is_ascii_lowercase).count();
    let unit = &text[digits..digits + letters];
    let (_, milliseconds) = UNITS_MS.iter().find(|(name, _)| *name == unit)?;
    Some((number * milliseconds, digits + letters))
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn write(path: &Path, text: &str) {
    fs::write(path, text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_divided_and_nothing_else_is() {
        let rules = "expr: rate(a[5m]) > 900 and avg_over_time(b[1d] offset 15m) > 26 * 3600\n\
                     for: 90s\nannotations: { summary: \"[site] for hours, 5m\" }\nfor: 1ms\n";
        let expected = "expr: rate(a[5000ms]) > 900 and avg_over_time(b[1440000ms] offset 15000ms) \
                        > 26 * 3600\nfor: 1500ms\n\
                        annotations: { summary: \"[site] for hours, 5m\" }\nfor: 1ms\n";
        assert_eq!(divide_durations(rules, 60), expected);
    }
}
