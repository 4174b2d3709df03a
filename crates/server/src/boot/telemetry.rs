//! Logs of the process: installs the global subscriber of logs and traces. `recorder` installs the
//! metrics.

use std::io::IsTerminal as _;

use serde::Deserialize;
use tracing_subscriber::filter::{Directive, EnvFilter, ParseError};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::{Layer, Registry, fmt, reload};

use super::log_writer::LogWriter;
use super::traces::{SubscriberLayer, TracesError};

/// The section `[log]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LogConfig {
    pub(crate) format: LogFormat,
    /// A filter of `tracing`.
    #[serde(deserialize_with = "filter")]
    pub(crate) level: String,
}

/// The format of a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line, for log collectors.
    Json,
}

fn filter<'de, D: serde::Deserializer<'de>>(reader: D) -> Result<String, D::Error> {
    let text = String::deserialize(reader)?;
    if is_filter(&text) {
        return Ok(text);
    }
    Err(serde::de::Error::custom("expected a level or a filter like \"info,trading=debug\""))
}

fn is_filter(text: &str) -> bool {
    EnvFilter::builder().parse(text).is_ok()
}

/// Why logs or metrics cannot be installed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TelemetryError {
    #[error("log.level: cannot read the filter {0:?}")]
    Filter(String, #[source] ParseError),
    #[error("log.level: cannot replace the filter")]
    Reload(#[source] reload::Error),
    #[error(transparent)]
    Traces(#[from] TracesError),
    /// They can be installed once in a process.
    #[error("cannot install the receiver of {0}")]
    Installed(&'static str),
    /// The buckets are constants, so this does not happen.
    #[error("cannot set up the metrics")]
    Buckets(#[from] metrics_exporter_prometheus::BuildError),
}

/// Changes the level of the installed logs.
pub(crate) struct LogLevel(reload::Handle<EnvFilter, Registry>);

impl LogLevel {
    /// Applies a filter to all later events.
    pub(crate) fn set(&self, level: &str) -> Result<(), TelemetryError> {
        self.0.reload(parse_filter(level)?).map_err(TelemetryError::Reload)
    }
}

fn parse_filter(level: &str) -> Result<EnvFilter, TelemetryError> {
    let filter = EnvFilter::builder().parse(level);
    let filter = filter.map_err(|error| TelemetryError::Filter(level.to_owned(), error))?;
    // Spans of traces are not part of log lines.
    let no_traces = format!("{}=off", domain::TRACES).parse::<Directive>();
    Ok(filter.add_directive(no_traces.expect("invariant: a directive")))
}

/// Sends logs, and panics of tasks, to stderr from now on. `traces` receives the spans.
pub(crate) fn install_logs(
    config: &LogConfig,
    traces: Option<SubscriberLayer>,
) -> Result<LogLevel, TelemetryError> {
    let (filter, level) = reload::Layer::new(parse_filter(&config.level)?);
    let lines = fmt::layer().with_writer(|| LogWriter).log_internal_errors(false);
    let lines: SubscriberLayer = match config.format {
        LogFormat::Text => {
            let lines = lines.with_ansi(std::io::stderr().is_terminal()).with_target(false);
            Box::new(lines.with_filter(filter))
        }
        LogFormat::Json => Box::new(lines.json().with_filter(filter)),
    };
    let layers: Vec<SubscriberLayer> = [lines].into_iter().chain(traces).collect();
    let installed = tracing::subscriber::set_global_default(Registry::default().with(layers));
    installed.map_err(|_| TelemetryError::Installed("logs"))?;
    // The writer neither fails nor panics: a panic in this hook would abort the process.
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        let text = panic.payload_as_str().unwrap_or("no text");
        tracing::error!(place, text, "a task panicked");
    }));
    Ok(LogLevel(level))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_malformed_filter_is_rejected() {
        assert!(is_filter("info") && is_filter("warn,trading=debug"));
        assert!(!is_filter("info,=") && !is_filter("trading=loud"));
    }

    /// Set in the process that panics.
    const ROLE: &str = "OPENBELL_TEST_PANICS";

    /// The test runs itself in a process of its own, whose stderr cannot be written.
    #[test]
    fn a_panic_that_cannot_be_logged_is_counted_and_does_not_abort() {
        if std::env::var_os(ROLE).is_some() {
            let level = "info".to_owned();
            install_logs(&LogConfig { format: LogFormat::Text, level }, None).expect("installed");
            assert!(std::thread::spawn(|| panic!("on purpose")).join().is_err());
            assert_eq!(crate::boot::log_writer::dropped_lines(), 1);
            return;
        }
        let full = std::fs::File::options().write(true).open("/dev/full").expect("opens");
        let name = "a_panic_that_cannot_be_logged_is_counted_and_does_not_abort";
        let test = std::process::Command::new(std::env::current_exe().expect("a path"))
            .args([&format!("boot::telemetry::tests::{name}"), "--exact", "--nocapture"])
            .env(ROLE, "1")
            .stderr(full)
            .output()
            .expect("it runs");
        let text = String::from_utf8_lossy(&test.stdout).into_owned();
        assert!(test.status.success() && text.contains("1 passed"), "{:?}: {text}", test.status);
    }
}
