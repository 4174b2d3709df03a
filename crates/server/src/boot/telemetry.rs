//! Logs and metrics of the process: installs the global log subscriber and metrics recorder, and
//! renders the metrics as text for the route `/metrics` of `web`.

use std::io::IsTerminal as _;

use domain::UnixMicros;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use serde::Deserialize;
use tracing_subscriber::filter::{EnvFilter, ParseError};
use tracing_subscriber::fmt;

/// Bucket bounds of durations, in seconds.
const SECONDS: [f64; 16] = [
    0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5,
    5.0, 10.0,
];
/// Bucket bounds of counts (orders of a batch, rows).
const COUNTS: [f64; 12] =
    [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0, 10_000.0];

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

/// Access to the recorded metrics.
#[derive(Clone, Debug)]
pub(crate) struct MetricsHandle {
    handle: PrometheusHandle,
}

/// Records metrics from now on.
pub(crate) fn install_metrics(now: UnixMicros) -> Result<MetricsHandle, TelemetryError> {
    let recorder = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS)?
        .set_buckets(&COUNTS)?
        .build_recorder();
    let handle = recorder.handle();
    metrics::set_global_recorder(recorder).map_err(|_| TelemetryError::Installed("metrics"))?;
    metrics::gauge!("process_start_time_seconds").set(now.seconds() as f64);
    metrics::describe_gauge!(
        "openbell_pending_orders",
        "Orders that are pending or executing in the database; every node reports the same number."
    );
    metrics::describe_counter!(
        "openbell_pending_orders_ended_total",
        "Orders that did not fill at once and have ended, by outcome."
    );
    notify::describe_metrics();
    metrics::gauge!("openbell_build_info", "version" => env!("CARGO_PKG_VERSION")).set(1.0);
    Ok(MetricsHandle { handle })
}

impl MetricsHandle {
    /// All metrics in the text format of Prometheus.
    pub(crate) fn render(&self) -> String {
        if let Some(bytes) = resident_bytes() {
            metrics::gauge!("process_resident_memory_bytes").set(bytes as f64);
        }
        metrics::counter!("openbell_invariant_breaches_total")
            .absolute(domain::invariant_breaches());
        self.handle.render()
    }

    /// Folds recorded samples into histograms; without it, memory grows.
    pub(crate) fn fold(&self) {
        self.handle.run_upkeep();
    }
}

/// The resident memory of the process; `None` without /proc.
fn resident_bytes() -> Option<u64> {
    /// The page size of Linux on every machine that is built for.
    const PAGE_BYTES: u64 = 4096;
    let text = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = text.split_whitespace().nth(1)?.parse().ok()?;
    Some(pages * PAGE_BYTES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_resident_memory_of_this_process_is_read() {
        assert!(resident_bytes().expect("Linux") > 1024 * 1024);
    }

    #[test]
    fn a_malformed_filter_is_rejected() {
        assert!(is_filter("info") && is_filter("warn,trading=debug"));
        assert!(!is_filter("info,=") && !is_filter("trading=loud"));
    }
}
