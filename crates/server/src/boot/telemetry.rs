//! Logs and metrics of the process. It installs the two global receivers, once, and offers the
//! metrics as text; it opens no port of its own (`/metrics` is a route of `web`).

use std::io::IsTerminal as _;

use domain::UnixMicros;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::filter::{EnvFilter, ParseError};
use tracing_subscriber::fmt;

use crate::boot::config::{LogConfig, LogFormat};

/// Bounds of the buckets of every duration, in seconds.
const SECONDS: [f64; 16] = [
    0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5,
    5.0, 10.0,
];
/// Bounds of the buckets of every count of things done at once (orders of a batch, rows).
const COUNTS: [f64; 12] =
    [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0, 10_000.0];

/// Why logs or metrics cannot be had.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TelemetryError {
    /// The filter is not one.
    #[error("log.level: cannot read the filter {0:?}")]
    Filter(String, #[source] ParseError),
    /// The receivers can be installed once in a process.
    #[error("cannot install the receiver of {0}")]
    Installed(&'static str),
    /// The buckets are constants, so this does not happen.
    #[error("cannot set up the metrics")]
    Buckets(#[from] metrics_exporter_prometheus::BuildError),
}

/// Whether a text says what is to be logged.
pub(crate) fn is_filter(text: &str) -> bool {
    EnvFilter::builder().parse(text).is_ok()
}

/// Sends logs to stderr from now on, panics of tasks among them.
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

/// The receiver of the metrics.
#[derive(Clone, Debug)]
pub(crate) struct Metrics {
    handle: PrometheusHandle,
}

/// Receives metrics from now on.
pub(crate) fn install_metrics(now: UnixMicros) -> Result<Metrics, TelemetryError> {
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
    metrics::gauge!("openbell_build_info", "version" => env!("CARGO_PKG_VERSION")).set(1.0);
    Ok(Metrics { handle })
}

impl Metrics {
    /// All metrics in the text format of Prometheus, those of the process measured now.
    pub(crate) fn render(&self) -> String {
        if let Some(bytes) = resident_bytes() {
            metrics::gauge!("process_resident_memory_bytes").set(bytes as f64);
        }
        metrics::counter!("openbell_invariant_breaches_total")
            .absolute(domain::invariant_breaches());
        self.handle.render()
    }

    /// Folds what has been measured since the last time; without it, memory grows.
    pub(crate) fn fold(&self) {
        self.handle.run_upkeep();
    }
}

/// How much memory of the machine the process holds; `None` where /proc does not tell.
fn resident_bytes() -> Option<u64> {
    /// Linux counts in pages, of this size on every machine we build for.
    const PAGE_BYTES: u64 = 4096;
    let text = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = text.split_whitespace().nth(1)?.parse().ok()?;
    Some(pages * PAGE_BYTES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_memory_of_this_process_is_known() {
        assert!(resident_bytes().expect("Linux") > 1024 * 1024);
    }

    #[test]
    fn a_filter_is_told_from_what_is_none() {
        assert!(is_filter("info") && is_filter("warn,trading=debug"));
        assert!(!is_filter("info,=") && !is_filter("trading=loud"));
    }
}
