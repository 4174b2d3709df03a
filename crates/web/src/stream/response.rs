//! Server-sent events as an answer: what every stream has in common, whoever reads it. A stream is
//! drawn by its connection, so that a reader who does not read holds one event and nothing more.

use std::convert::Infallible;
use std::time::Duration;

use axum::http::{HeaderName, HeaderValue, header};
use axum::response::sse::Event;
use axum::response::{IntoResponse, Response, Sse};
use futures_util::{StreamExt, stream};

use super::Cursor;

/// How long a browser waits before it comes back.
const RETRY: Duration = Duration::from_secs(15);
/// Tells proxies not to gather what should go on at once.
const X_ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// Makes the events of one stream.
pub(crate) trait Reader: Send + 'static {
    /// The next ones, which may be none; `None` ends the stream.
    fn next(&mut self) -> impl Future<Output = Option<Vec<Event>>> + Send;
}

/// An event, counted. `data` is one line.
pub(crate) fn event(name: &'static str, cursor: Cursor, data: impl AsRef<str>) -> Event {
    metrics::counter!("openbell_stream_events_total", "event" => name).increment(1);
    Event::default().event(name).id(cursor.to_string()).data(data)
}

/// The answer: first how long to wait before coming back, then these events and the reader's.
pub(crate) fn respond(first: Vec<Event>, reader: impl Reader) -> Response {
    let begin = stream::iter([Event::default().retry(RETRY)].into_iter().chain(first));
    let rest = stream::unfold(reader, |mut reader| async move {
        let events = reader.next().await?;
        Some((stream::iter(events), reader))
    });
    let events = begin.chain(rest.flatten()).map(Ok::<Event, Infallible>);
    let mut response = Sse::new(events).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_ACCEL_BUFFERING, HeaderValue::from_static("no"));
    response
}
