//! The metrics of the process: installs the global recorder, and renders the metrics as text for
//! the route `/metrics` of `web`.

use std::sync::Arc;

use domain::{MetricFamily, UnixMicros};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

use super::config::Config;
use super::log_writer::dropped_lines;
use super::metric_families::{COUNTS, MANY, SECONDS, SECONDS_OF_MANY};
use super::telemetry::TelemetryError;
use super::{metric_families, process_stats};

/// Access to the recorded metrics.
#[derive(Clone)]
pub(crate) struct MetricsHandle {
    handle: PrometheusHandle,
    families: Arc<[&'static MetricFamily]>,
    started_at: UnixMicros,
}

/// The recorder of the process, before it is known which metrics the server has.
pub(crate) struct Recorder {
    handle: PrometheusHandle,
    started_at: UnixMicros,
}

/// Records metrics from now on; `None` if they are off.
pub(crate) fn install(
    config: &Config,
    now: UnixMicros,
) -> Result<Option<Recorder>, TelemetryError> {
    if !config.metrics.enabled {
        return Ok(None);
    }
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
    metrics::gauge!("openbell_build_info", "version" => env!("CARGO_PKG_VERSION")).set(1.0);
    Ok(Some(Recorder { handle, started_at: now }))
}

impl Recorder {
    /// Registers the metrics of a server with this configuration, in which `[market]` is that of
    /// the game.
    pub(crate) fn export(self, config: &Config) -> MetricsHandle {
        let Self { handle, started_at } = self;
        let families = metric_families::exported(config);
        metric_families::register(&families);
        MetricsHandle { handle, families: families.into(), started_at }
    }
}

impl MetricsHandle {
    /// All metrics in the text format of Prometheus.
    pub(crate) fn render(&self) -> String {
        metrics::counter!("openbell_invariant_breaches_total")
            .absolute(domain::invariant_breaches());
        metrics::counter!("openbell_log_lines_dropped_total").absolute(dropped_lines());
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
