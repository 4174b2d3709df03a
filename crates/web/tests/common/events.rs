//! A reader of server-sent events, as a client has one: it draws the answer piece by piece.

use std::time::Duration;

use axum::body::{Body, BodyDataStream};
use axum::http::{HeaderMap, Request};
use domain::Clock;
use futures_util::StreamExt;
use market::{MarketConfig, MarketSource};
use serde_json::Value;
use testkit::ManualClock;
use tower::ServiceExt;

use super::App;

/// Bounds every wait, so that a defect fails a test instead of hanging it.
const TIMEOUT: Duration = Duration::from_secs(20);

/// An open stream.
pub(crate) struct Events {
    pub(crate) headers: HeaderMap,
    body: BodyDataStream,
    text: String,
}

/// One event, or a comment, which has neither a name nor data.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Event {
    pub(crate) name: String,
    pub(crate) id: String,
    pub(crate) data: String,
}

impl Event {
    fn parse(block: &str) -> Self {
        let mut event = Self::default();
        for line in block.lines() {
            let (field, value) = line.split_once(':').unwrap_or((line, ""));
            let value = value.strip_prefix(' ').unwrap_or(value);
            match field {
                "event" => value.clone_into(&mut event.name),
                "id" => value.clone_into(&mut event.id),
                "data" => event.data.push_str(value),
                _ => {}
            }
        }
        event
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.data).unwrap_or_else(|e| panic!("{e}: {}", self.data))
    }
}

impl App {
    /// Opens a stream of the API.
    pub(crate) async fn listen(&self, token: &str) -> Events {
        self.listen_from(token, "").await
    }

    /// Opens a stream of the API where another one was left.
    pub(crate) async fn listen_from(&self, token: &str, last: &str) -> Events {
        let bearer = format!("Bearer {token}");
        let headers = [("authorization", bearer.as_str()), ("last-event-id", last)];
        self.open("/api/events", &headers).await
    }

    /// Opens a stream. Headers without a value are not sent.
    pub(crate) async fn open(&self, path: &str, headers: &[(&str, &str)]) -> Events {
        let mut request = Request::get(path).header("accept-encoding", "br, gzip");
        for (name, value) in headers.iter().filter(|(_, value)| !value.is_empty()) {
            request = request.header(*name, *value);
        }
        let request = request.body(Body::empty()).expect("a request");
        let response = self.router.clone().oneshot(request).await.expect("an answer");
        let (head, body) = response.into_parts();
        assert_eq!(head.status, 200, "{path}");
        let text = String::new();
        Events { headers: head.headers, body: body.into_data_stream(), text }
    }

    /// Publishes the prices of another market, as many seconds after it was opened.
    pub(crate) fn publish_second(&self, second: i64) {
        let opened = ManualClock::new().now();
        let market = MarketSource::new(&MarketConfig::default(), opened).expect("a market");
        self.prices.publish(&market, opened.plus_seconds(second));
    }
}

impl Events {
    /// The next event or comment; `None` at the end.
    pub(crate) async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some((block, rest)) = self.text.split_once("\n\n") {
                let event = Event::parse(block);
                self.text = rest.to_owned();
                return Some(event);
            }
            let piece = tokio::time::timeout(TIMEOUT, self.body.next()).await;
            let bytes = piece.expect("something comes in time")?.expect("no fault");
            self.text.push_str(std::str::from_utf8(&bytes).expect("text"));
        }
    }

    /// The next event of this name; others and comments are passed over.
    pub(crate) async fn until(&mut self, name: &str) -> Event {
        loop {
            let event = self.next().await.expect("the stream goes on");
            if event.name == name {
                return event;
            }
        }
    }

    /// The next event that is not about prices, the rank or the clock.
    pub(crate) async fn own(&mut self) -> Event {
        loop {
            let event = self.next().await.expect("the stream goes on");
            if !["", "prices", "rank", "market"].contains(&event.name.as_str()) {
                return event;
            }
        }
    }

    /// Reads to the end, which must come.
    pub(crate) async fn end(mut self) {
        while self.next().await.is_some() {}
    }
}
