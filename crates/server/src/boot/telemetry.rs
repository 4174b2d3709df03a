//! Logs of the process: installs the global log subscriber. `recorder` installs the metrics.

use std::io::IsTerminal as _;

use serde::Deserialize;
use tracing_subscriber::filter::{EnvFilter, ParseError};
use tracing_subscriber::fmt;

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
    /// They can be installed once in a process.
    #[error("cannot install the receiver of {0}")]
    Installed(&'static str),
    /// The buckets are constants, so this does not happen.
    #[error("cannot set up the metrics")]
    Buckets(#[from] metrics_exporter_prometheus::BuildError),
}

/// Sends logs, and panics of tasks, to stderr from now on.
pub(crate) fn install_logs(config: &LogConfig) -> Result<(), TelemetryError> {
    let filter = EnvFilter::builder()
        .parse(&config.level)
        .map_err(|error| TelemetryError::Filter(config.level.clone(), error))?;
    // A line that cannot be written is lost: writing the error to the same closed stderr panics.
    let lines = fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let lines = lines.log_internal_errors(false);
    let installed = match config.format {
        LogFormat::Text => {
            let lines = lines.with_ansi(std::io::stderr().is_terminal()).with_target(false);
            tracing::subscriber::set_global_default(lines.finish())
        }
        LogFormat::Json => tracing::subscriber::set_global_default(lines.json().finish()),
    };
    installed.map_err(|_| TelemetryError::Installed("logs"))?;
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        let text = panic.payload_as_str().unwrap_or("no text");
        tracing::error!(place, text, "a task panicked");
    }));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_malformed_filter_is_rejected() {
        assert!(is_filter("info") && is_filter("warn,trading=debug"));
        assert!(!is_filter("info,=") && !is_filter("trading=loud"));
    }
}
