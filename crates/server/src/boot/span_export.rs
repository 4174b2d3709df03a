//! Sends ended spans to the collector from a bounded queue. A collector that is slow or away never
//! delays the work that the spans are of: spans for which there is no room, or that cannot be sent,
//! are dropped and counted.

use std::time::Duration;

use opentelemetry::Context;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{Span, SpanData, SpanExporter, SpanProcessor};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

/// Spans that wait to be sent, and spans of one request.
const QUEUE_MAX: usize = 8_192;
const BATCH_MAX: usize = 512;
/// The longest time of all attempts to send the same spans.
pub(super) const EXPORT_MAX: Duration = Duration::from_secs(10);
/// How long spans are gathered for one request.
const GATHER: Duration = Duration::from_secs(1);
/// The longest time for the last spans when the server stops.
const FINISH_MAX: Duration = Duration::from_secs(2);
/// The shortest time between two log lines about spans that cannot be sent.
const LOG_INTERVAL: Duration = Duration::from_secs(60);

/// Why spans are dropped, as a label.
pub(super) const DROP_REASONS: [&str; 2] = ["queue_full", "not_sent"];

/// The queue of ended spans.
#[derive(Debug)]
pub(super) struct SpanQueue(mpsc::Sender<SpanData>);

impl SpanProcessor for SpanQueue {
    fn on_start(&self, _: &mut Span, _: &Context) {}

    fn on_end(&self, span: SpanData) {
        if self.0.try_send(span).is_err() {
            count_dropped("queue_full", 1);
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }
}

fn count_dropped(reason: &'static str, spans: usize) {
    metrics::counter!("openbell_spans_dropped_total", "reason" => reason).increment(spans as u64);
}

/// The task that sends the spans.
pub(crate) struct SpanExport {
    task: JoinHandle<()>,
    stop: CancellationToken,
}

impl SpanExport {
    /// Starts it. Requires a Tokio runtime.
    pub(super) fn start(exporter: impl SpanExporter + 'static) -> (SpanQueue, Self) {
        let (sender, queue) = mpsc::channel(QUEUE_MAX);
        let stop = CancellationToken::new();
        let sender_task = SpanSender { exporter, warned_at: None };
        let task = tokio::spawn(sender_task.run(queue, stop.clone()));
        (SpanQueue(sender), Self { task, stop })
    }

    /// Sends what is queued, for a bounded time.
    pub(crate) async fn finish(self) {
        self.stop.cancel();
        if timeout(FINISH_MAX, self.task).await.is_err() {
            tracing::warn!("the last spans were not sent: the collector did not respond in time");
        }
    }
}

struct SpanSender<E> {
    exporter: E,
    /// When the present failure was last logged; `None` while spans are sent.
    warned_at: Option<Instant>,
}

impl<E: SpanExporter> SpanSender<E> {
    /// Runs until `stop` is cancelled and the queue is empty.
    async fn run(mut self, mut queue: mpsc::Receiver<SpanData>, stop: CancellationToken) {
        loop {
            let mut spans = Vec::new();
            let received = tokio::select! {
                biased;
                () = stop.cancelled(), if !queue.is_closed() => {
                    queue.close();
                    continue;
                }
                received = queue.recv_many(&mut spans, BATCH_MAX) => received,
            };
            if received == 0 {
                return;
            }
            if received < BATCH_MAX {
                tokio::select! {
                    () = sleep(GATHER) => {}
                    () = stop.cancelled() => {}
                }
                while spans.len() < BATCH_MAX
                    && let Ok(span) = queue.try_recv()
                {
                    spans.push(span);
                }
            }
            self.send(spans).await;
        }
    }

    async fn send(&mut self, spans: Vec<SpanData>) {
        let count = spans.len();
        let error = match timeout(EXPORT_MAX, self.exporter.export(spans)).await {
            Ok(Ok(())) => {
                if self.warned_at.take().is_some() {
                    tracing::info!("spans are sent to the collector again");
                }
                return;
            }
            Ok(Err(error)) => error.to_string(),
            Err(_) => "no response in time".to_owned(),
        };
        count_dropped("not_sent", count);
        if self.warned_at.is_none_or(|logged| logged.elapsed() >= LOG_INTERVAL) {
            self.warned_at = Some(Instant::now());
            tracing::warn!(
                error,
                "spans cannot be sent and are dropped: check the collector, traces.endpoint and \
                 traces.headers"
            );
        }
    }
}
