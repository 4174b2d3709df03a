//! The response of an event stream. The connection pulls the events, so that a client that does not
//! read costs one event of memory.

use std::convert::Infallible;
use std::time::Duration;

use axum::http::{HeaderName, HeaderValue, header};
use axum::response::sse::Event;
use axum::response::{IntoResponse, Response, Sse};
use futures_util::{StreamExt, stream};

use super::Cursor;

/// How long a browser waits before it reconnects.
const RETRY: Duration = Duration::from_secs(15);
/// Disables the buffering of proxies.
const X_ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

pub(crate) trait Reader: Send + 'static {
    /// The next events, possibly an empty list; `None` ends the stream.
    fn next(&mut self) -> impl Future<Output = Option<Vec<Event>>> + Send;
}

/// Builds an event and counts it. `data` is one line.
pub(crate) fn event(name: &'static str, cursor: Cursor, data: impl AsRef<str>) -> Event {
    metrics::counter!("openbell_stream_events_total", "event" => name).increment(1);
    Event::default().event(name).id(cursor.to_string()).data(data)
}

/// Sends the retry interval, then the events of the reader.
pub(crate) fn respond(reader: impl Reader) -> Response {
    let begin = stream::iter([Event::default().retry(RETRY)]);
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
