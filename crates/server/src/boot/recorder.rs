//! The metrics of the process: installs the global recorder, and renders the metrics as text for the
//! route `/metrics` of `web`.

use domain::{MetricFamily, UnixMicros};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

use super::config::Config;
use super::telemetry::TelemetryError;
use super::{metric_families, process_stats};

/// Bucket bounds of durations, in seconds.
const SECONDS: [f64; 16] = [
    0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5,
    5.0, 10.0,
];
/// Bucket bounds of durations that are recorded by route or statement.
const SECONDS_OF_MANY: [f64; 9] = [0.000_5, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0];
const MANY: [&str; 2] = ["openbell_http_request_duration_seconds", "openbell_query_seconds"];
/// Bucket bounds of counts (orders of a batch, rows).
const COUNTS: [f64; 12] =
    [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0, 10_000.0];

/// Access to the recorded metrics.
#[derive(Clone)]
pub(crate) struct MetricsHandle {
    handle: PrometheusHandle,
    families: std::sync::Arc<[&'static MetricFamily]>,
    started_at: UnixMicros,
}

/// Records metrics from now on.
pub(crate) fn install(config: &Config, now: UnixMicros) -> Result<MetricsHandle, TelemetryError> {
    let mut builder = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS)?
        .set_buckets(&COUNTS)?;
    for name in MANY {
        let matcher = Matcher::Full(name.to_owned());
        builder = builder.set_buckets_for_metric(matcher, &SECONDS_OF_MANY)?;
    }
    let recorder = builder.build_recorder();
    let handle = recorder.handle();
    metrics::set_global_recorder(recorder).map_err(|_| TelemetryError::Installed("metrics"))?;
    let families = metric_families::exported(config);
    metric_families::register(&families);
    metrics::gauge!("openbell_build_info", "version" => env!("CARGO_PKG_VERSION")).set(1.0);
    Ok(MetricsHandle { handle, families: families.into(), started_at: now })
}

/// The series of one label set of a histogram: its buckets, `+Inf`, sum and count.
pub(super) fn series_of_histogram(name: &str) -> usize {
    let bounds = if MANY.contains(&name) {
        SECONDS_OF_MANY.len()
    } else if name.ends_with("_seconds") {
        SECONDS.len()
    } else {
        COUNTS.len()
    };
    bounds + 3
}

impl MetricsHandle {
    /// All metrics in the text format of Prometheus.
    pub(crate) fn render(&self) -> String {
        metrics::counter!("openbell_invariant_breaches_total")
            .absolute(domain::invariant_breaches());
        let mut text = self.handle.render();
        text += &metric_families::headers_of_missing(&text, &self.families);
        text += &process_stats::render(self.started_at.seconds());
        text
    }

    /// Folds recorded samples into histograms; without it, memory grows.
    pub(crate) fn fold(&self) {
        self.handle.run_upkeep();
    }
}
