//! Traces of the real binary, sent to a local collector: the spans of an order, the context of
//! proxies and providers, and collectors that fail.

use std::collections::BTreeMap;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Text;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;
use serde_json::{Value, json};
use testkit::{NotificationReceiver, ReceiverMode, eventually, poll, postgres_database};

use crate::live::{listed, now};
use crate::server::Server;

/// A trace of a proxy, and the proxy's span in it.
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00f067aa0ba902b7";

/// A span as the collector received it.
#[derive(Clone, Debug)]
struct SentSpan {
    trace_id: String,
    span_id: String,
    parent_id: String,
    name: String,
    /// The spans that it is linked to.
    links: Vec<String>,
    attributes: BTreeMap<String, String>,
    /// Of the server.
    resource: BTreeMap<String, String>,
}

fn attributes(pairs: &[KeyValue]) -> BTreeMap<String, String> {
    let text = |pair: &KeyValue| match pair.value.as_ref()?.value.as_ref()? {
        Text::StringValue(text) => Some(text.clone()),
        Text::IntValue(number) => Some(number.to_string()),
        other => panic!("{other:?}"),
    };
    pairs.iter().map(|pair| (pair.key.clone(), text(pair).expect("a value"))).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn sent_span(span: &Span, resource: &BTreeMap<String, String>) -> SentSpan {
    assert!(span.end_time_unix_nano >= span.start_time_unix_nano, "{span:?}");
    assert!(span.events.is_empty(), "log lines are not sent: {span:?}");
    SentSpan {
        trace_id: hex(&span.trace_id),
        span_id: hex(&span.span_id),
        parent_id: hex(&span.parent_span_id),
        name: span.name.clone(),
        links: span.links.iter().map(|link| hex(&link.span_id)).collect(),
        attributes: attributes(&span.attributes),
        resource: resource.clone(),
    }
}

/// Every span that the collector has received.
fn spans(collector: &NotificationReceiver) -> Vec<SentSpan> {
    let mut spans = Vec::new();
    for request in collector.requests() {
        assert_eq!(request.headers["content-type"], "application/x-protobuf");
        let message = ExportTraceServiceRequest::decode(&*request.bytes).expect("a message");
        for of_resource in &message.resource_spans {
            let resource = of_resource.resource.as_ref().expect("a resource");
            let resource = attributes(&resource.attributes);
            let of_scope = of_resource.scope_spans.iter().flat_map(|scope| &scope.spans);
            spans.extend(of_scope.map(|span| sent_span(span, &resource)));
        }
    }
    spans
}

/// Starts a server that traces this share of requests.
fn start(flags: &[&str], endpoint: &str, ratio: &str, settings: &[(&str, &str)]) -> Server {
    Server::start_at("127.0.0.1:0", flags, |command| {
        command.env("OPENBELL__TRACES__ENDPOINT", endpoint);
        command.env("OPENBELL__TRACES__SAMPLE_RATIO", ratio);
        command.envs(settings.iter().copied());
    })
}

fn order() -> Value {
    json!({"stock_symbol": "AAPL", "quantity": 1})
}

fn buy(server: &Server, token: &str, headers: &str) -> String {
    let bought = server.exchange("POST", "/api/portfolio/buy", token, headers, Some(&order()));
    let bought = bought.expect("answered");
    assert!(bought.starts_with("HTTP/1.1 200 "), "{bought}");
    bought
}

/// The span of the first purchase, and all of its trace.
fn purchase(collector: &NotificationReceiver) -> (SentSpan, Vec<SentSpan>) {
    let spans = poll("the request is sent", || {
        let spans = spans(collector);
        // The batch ends after the response.
        let request = spans.iter().find(|span| span.name == "POST /api/portfolio/buy")?;
        let of_trace = |span: &&SentSpan| span.trace_id == request.trace_id;
        spans.iter().filter(of_trace).any(|span| span.name == "batch").then_some(spans)
    });
    let request = spans.iter().find(|span| span.name == "POST /api/portfolio/buy");
    let request = request.expect("was found").clone();
    let trace = spans.into_iter().filter(|span| span.trace_id == request.trace_id).collect();
    (request, trace)
}

#[track_caller]
fn find<'s>(trace: &'s [SentSpan], name: &str) -> &'s SentSpan {
    trace.iter().find(|span| span.name == name).unwrap_or_else(|| panic!("{name}: {trace:#?}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_is_one_trace_from_the_request_to_the_commit() {
    let dir = tempfile::tempdir().expect("a directory");
    let sqlite = format!("sqlite:{}", dir.path().join("one.db").display());
    for database in [sqlite, postgres_database()] {
        let collector = NotificationReceiver::start().await;
        let server = start(&["--database", &database], collector.url(), "1", &[]);
        let token = server.register("ada");
        let response = buy(&server, &token, "").to_lowercase();
        let (request, trace) = purchase(&collector);
        assert_eq!(request.parent_id, "");
        let id = response.lines().find_map(|line| line.strip_prefix("x-request-id: "));
        for (name, value) in [
            ("http.request.method", "POST"),
            ("http.route", "/api/portfolio/buy"),
            ("http.response.status_code", "200"),
            ("request_id", id.expect("an id")),
        ] {
            assert_eq!(request.attributes[name], value, "{request:?}");
        }
        assert_eq!(find(&trace, "session lookup").parent_id, request.span_id);
        let order = find(&trace, "order");
        assert_eq!(order.parent_id, request.span_id);
        let batch = find(&trace, "batch");
        assert_eq!(batch.parent_id, order.span_id);
        assert_eq!(batch.attributes["orders"], "1");
        for name in ["batch.players", "BEGIN", "COMMIT"] {
            assert_eq!(find(&trace, name).parent_id, batch.span_id, "{name}");
        }
        let resource = &request.resource;
        assert_eq!(resource["service.name"], "openbell");
        assert_eq!(resource["service.version"], env!("CARGO_PKG_VERSION"));
        assert_eq!(resource["service.instance.id"].len(), 32);
        server.stop();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_of_one_batch_are_linked() {
    let collector = NotificationReceiver::start().await;
    let dir = tempfile::tempdir().expect("a directory");
    let flags = ["--data-dir", &dir.path().display().to_string()];
    let server = start(&flags, collector.url(), "1", &[]);
    let tokens: Vec<String> = (0..8).map(|n| server.register(&format!("p{n}"))).collect();
    let linked = poll("two orders share a batch", || {
        std::thread::scope(|scope| {
            tokens.iter().for_each(|token| drop(scope.spawn(|| buy(&server, token, ""))));
        });
        spans(&collector).into_iter().find(|span| !span.links.is_empty())
    });
    assert_eq!(linked.name, "batch");
    let spans = poll("the other batch is sent", || {
        let spans = spans(&collector);
        spans.iter().any(|span| span.span_id == linked.links[0]).then_some(spans)
    });
    let first = spans.iter().find(|span| span.span_id == linked.links[0]).expect("was found");
    assert_eq!((&*first.name, &first.attributes), ("batch", &linked.attributes));
    assert_ne!(first.trace_id, linked.trace_id);
    assert!(spans.iter().any(|span| span.parent_id == first.span_id && span.name == "COMMIT"));
    assert!(!spans.iter().any(|span| span.parent_id == linked.span_id), "once");
    server.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_trace_of_a_trusted_proxy_is_continued_and_its_decision_applies() {
    let collector = NotificationReceiver::start().await;
    let dir = tempfile::tempdir().expect("a directory");
    let flags = ["--data-dir", &dir.path().display().to_string()];
    let trusted = ("OPENBELL__HTTP__TRUSTED_PROXIES", "[\"127.0.0.1\"]");
    let server = start(&flags, collector.url(), "0", &[trusted]);
    let token = server.register("ada");
    buy(&server, &token, &format!("traceparent: 00-{TRACE}-{PARENT}-00\r\n"));
    buy(&server, &token, "traceparent: 00-malformed-01\r\n");
    buy(&server, &token, &format!("traceparent: 00-{TRACE}-{PARENT}-01\r\n"));
    server.stop();
    let (request, trace) = purchase(&collector);
    assert_eq!((&*request.trace_id, &*request.parent_id), (TRACE, PARENT));
    assert_eq!(trace.len(), spans(&collector).len(), "other requests are not traced");
    let purchases = trace.iter().filter(|span| span.name == request.name);
    assert_eq!(purchases.count(), 1, "those without the flag are not traced");
    find(&trace, "COMMIT");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_trace_context_of_other_clients_is_ignored() {
    for (ratio, requests) in [("0", 0), ("1", 1)] {
        let collector = NotificationReceiver::start().await;
        let dir = tempfile::tempdir().expect("a directory");
        let flags = ["--data-dir", &dir.path().display().to_string()];
        let server = start(&flags, collector.url(), ratio, &[]);
        let token = server.register("ada");
        buy(&server, &token, &format!("traceparent: 00-{TRACE}-{PARENT}-01\r\n"));
        // What is queued is sent at the stop.
        server.stop();
        let spans = spans(&collector);
        let bought = spans.iter().filter(|span| span.name == "POST /api/portfolio/buy");
        assert_eq!(bought.count(), requests);
        assert!(spans.iter().all(|span| span.trace_id != TRACE && span.parent_id != PARENT));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_an_endpoint_nothing_is_sent() {
    let collector = NotificationReceiver::start().await;
    let dir = tempfile::tempdir().expect("a directory");
    let flags = ["--data-dir", &dir.path().display().to_string()];
    let standard = ("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url());
    let server = start(&flags, "", "1", &[standard]);
    let token = server.register("ada");
    buy(&server, &token, "");
    server.stop();
    assert_eq!(collector.requests(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_of_a_provider_is_in_the_trace_of_its_job_and_carries_its_context() {
    let dir = tempfile::tempdir().expect("a directory");
    let (fake, settings) = listed(dir.path()).await;
    assert!(fake.traceparents().is_empty(), "commands have no traces");
    let collector = NotificationReceiver::start().await;
    let flags = ["--data-dir", &dir.path().display().to_string()];
    let settings: Vec<_> = settings.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let server = start(&flags, collector.url(), "1", &settings);
    let call = poll("a call is sent", || {
        fake.set_price("AAPL", "191.50", now());
        spans(&collector).into_iter().find(|span| span.name == "finnhub quote")
    });
    let traceparent = format!("00-{}-{}-01", call.trace_id, call.span_id);
    assert!(fake.traceparents().contains(&traceparent), "{:?}", fake.traceparents());
    let job = poll("the job is sent", || {
        let of_trace = |span: &SentSpan| span.trace_id == call.trace_id;
        spans(&collector).into_iter().find(|span| of_trace(span) && span.parent_id.is_empty())
    });
    assert_eq!(job.name, "refresh_quotes");
    server.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_fails_or_hangs_delays_nothing() {
    let collector = NotificationReceiver::start().await;
    let dir = tempfile::tempdir().expect("a directory");
    let flags = ["--data-dir", &dir.path().display().to_string()];
    collector.set_mode(ReceiverMode::Status(400));
    let server = start(&flags, collector.url(), "1", &[]);
    let token = server.register("ada");
    let dropped = || server.metric("openbell_spans_dropped_total{reason=\"not_sent\"}");
    for mode in [ReceiverMode::Status(400), ReceiverMode::Garbage] {
        collector.set_mode(mode);
        let before = dropped();
        eventually("spans are dropped", || {
            buy(&server, &token, "");
            dropped() > before
        });
    }
    collector.set_mode(ReceiverMode::Hang);
    let before = collector.requests().len();
    eventually("the collector hangs", || {
        buy(&server, &token, "");
        collector.requests().len() > before
    });
    // Requests go on when the queue is full.
    let full = "openbell_spans_dropped_total{reason=\"queue_full\"}";
    eventually("the queue is full", || {
        (0..200).for_each(|_| drop(server.ask("GET", "/api/portfolio", &token, None)));
        server.metric(full) > 0
    });
    server.stop();
}
