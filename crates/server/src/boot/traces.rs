//! Traces: which requests and jobs are sampled, the layer that converts spans of `tracing` to those
//! of OpenTelemetry, and the W3C trace context of requests and calls. `span_export` sends the
//! spans.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use domain::{TRACE_ROOTS, TRACES};
use opentelemetry::propagation::TextMapPropagator as _;
use opentelemetry::trace::{TraceContextExt as _, TracerProvider as _};
use opentelemetry::{Context, KeyValue};
use opentelemetry_otlp::{
    ExporterBuildError, Protocol, SpanExporter, WithExportConfig as _, WithHttpConfig as _,
};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider, SpanExporter as _};
use tracing::level_filters::LevelFilter;
use tracing::subscriber::Interest;
use tracing::{Metadata, Span};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;
use tracing_subscriber::filter::dynamic_filter_fn;
use tracing_subscriber::layer::{Context as LayerContext, Filter};
use tracing_subscriber::{Layer, Registry};

use super::span_export::{EXPORT_MAX, SpanExport};
use super::traces_config::TracesConfig;

/// The longest time of one request to the collector.
const REQUEST_MAX: Duration = Duration::from_secs(5);

const TRACEPARENT: &str = "traceparent";

/// A layer of the global subscriber: log lines, or traces.
pub(super) type SubscriberLayer = Box<dyn Layer<Registry> + Send + Sync>;

static SAMPLER: OnceLock<TraceSampler> = OnceLock::new();

/// Why traces cannot be set up.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TracesError {
    #[error("cannot set up the HTTP client for traces")]
    Client(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("cannot set up traces")]
    Exporter(#[from] ExporterBuildError),
}

/// Sets up traces: the layer to install and the task that sends the spans. `None` if they are off.
pub(crate) fn set_up(
    config: &TracesConfig,
    node: &str,
) -> Result<Option<(SubscriberLayer, SpanExport)>, TracesError> {
    if config.endpoint.is_empty() {
        return Ok(None);
    }
    let resource = Resource::builder_empty().with_service_name(config.service_name.clone());
    let resource = resource.with_attributes([
        KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
        KeyValue::new("service.instance.id", node.to_owned()),
    ]);
    let resource = resource.build();
    let mut exporter = SpanExporter::builder()
        .with_http()
        .with_http_client(notify::http_client(REQUEST_MAX).map_err(TracesError::Client)?)
        .with_protocol(Protocol::HttpBinary)
        .with_endpoint(&config.endpoint)
        .with_timeout(EXPORT_MAX)
        .with_headers(config.headers().collect())
        .build()?;
    exporter.set_resource(&resource);
    let (queue, export) = SpanExport::start(exporter);
    let provider = SdkTracerProvider::builder()
        // `start` has decided.
        .with_sampler(Sampler::AlwaysOn)
        .with_resource(resource)
        .with_span_processor(queue)
        .build();
    let layer = tracing_opentelemetry::layer()
        .with_tracer(provider.tracer("openbell"))
        .with_location(false)
        .with_threads(false)
        .with_target(false)
        .with_tracked_inactivity(false)
        .with_context_activation(false);
    // Traces are set up once in a process.
    let _ = SAMPLER.set(TraceSampler::new(config.sample_ratio));
    Ok(Some((Box::new(layer.with_filter(span_filter())), export)))
}

/// Enables the first span of a sampled trace, and all within one. Outside of a trace, a span costs
/// this look-up. Log spans and events stay out: they may contain what traces must not.
fn span_filter() -> impl Filter<Registry> {
    let is_root = |metadata: &Metadata<'_>| metadata.target() == TRACE_ROOTS;
    let is_inner = |metadata: &Metadata<'_>| metadata.target() == TRACES;
    dynamic_filter_fn(move |metadata, context: &LayerContext<'_, Registry>| {
        is_root(metadata) || is_inner(metadata) && context.lookup_current().is_some()
    })
    .with_max_level_hint(LevelFilter::INFO)
    .with_callsite_filter(move |metadata| {
        if is_root(metadata) || is_inner(metadata) {
            Interest::sometimes()
        } else {
            Interest::never()
        }
    })
}

/// Decides whether a trace is sampled and makes its root span if so: as a child of `traceparent`,
/// the context of a trusted caller whose decision applies, or of a new trace.
pub(crate) fn start(traceparent: Option<&str>, root: fn() -> Span) -> Span {
    let Some(sampler) = SAMPLER.get() else { return Span::none() };
    let parent = traceparent.and_then(parse_context);
    let is_sampled = match &parent {
        Some(parent) => parent.span().span_context().is_sampled(),
        None => sampler.draw(),
    };
    if !is_sampled {
        return Span::none();
    }
    let span = root();
    if let Some(parent) = parent {
        // It fails only if the layer is not installed.
        let _ = span.set_parent(parent);
    }
    span
}

/// The context in a header; `None` if it is malformed.
fn parse_context(traceparent: &str) -> Option<Context> {
    let headers = HashMap::from([(TRACEPARENT.to_owned(), traceparent.to_owned())]);
    let context = TraceContextPropagator::new().extract_with_context(&Context::new(), &headers);
    context.span().span_context().is_valid().then_some(context)
}

/// The header `traceparent` of the present span; `None` outside of a trace.
pub(crate) fn traceparent() -> Option<String> {
    SAMPLER.get()?;
    let mut headers = HashMap::new();
    TraceContextPropagator::new().inject_context(&Span::current().context(), &mut headers);
    headers.remove(TRACEPARENT)
}

/// Samples a share of all traces, at random.
struct TraceSampler {
    /// Of 2^53 equally probable numbers, those below it are sampled.
    below: u64,
    drawn: AtomicU64,
    /// Keyed at random, and faster than the system's randomness.
    hash: RandomState,
}

/// The bits of a number that a float represents exactly.
const BITS: u32 = 53;

impl TraceSampler {
    fn new(ratio: f64) -> Self {
        #[expect(
            clippy::float_arithmetic,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a ratio from 0 to 1"
        )]
        let below = (ratio * (1_u64 << BITS) as f64) as u64;
        Self { below, drawn: AtomicU64::new(0), hash: RandomState::new() }
    }

    fn draw(&self) -> bool {
        let number = self.drawn.fetch_add(1, Ordering::Relaxed);
        self.hash.hash_one(number) >> (u64::BITS - BITS) < self.below
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_share_of_sampled_traces_is_the_ratio() {
        for (ratio, expected) in [(0.0, 0..=0), (0.01, 800..=1_200), (1.0, 100_000..=100_000)] {
            let sampler = TraceSampler::new(ratio);
            let sampled = (0..100_000).filter(|_| sampler.draw()).count();
            assert!(expected.contains(&sampled), "{sampled} of 100,000 at {ratio}");
        }
    }

    #[test]
    fn a_malformed_context_is_ignored() {
        let good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        assert!(parse_context(good).is_some());
        let zero = "00-00000000000000000000000000000000-00f067aa0ba902b7-01";
        for text in ["", "01", zero, &good[..52], &good.to_uppercase(), &format!("{good}-00")] {
            assert!(parse_context(text).is_none(), "{text}");
        }
    }

    #[test]
    fn without_traces_nothing_is_started() {
        assert!(start(None, || unreachable!()).is_disabled());
        assert_eq!(traceparent(), None);
    }
}
