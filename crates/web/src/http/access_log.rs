//! The access log, with the target `access`: one event a request, once its response is sent or the
//! client is gone. It contains the route instead of the path, which may have ids or secrets, no
//! query, and no more than a prefix of the client's address.

use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use hyper::body::{Frame, SizeHint};
use ipnet::IpNet;
use tokio::time::Instant;

use crate::auth::sessions::RequestId;

/// What the inner layers know of a request, as an extension of its response.
#[derive(Clone)]
pub(crate) struct RequestSummary {
    pub(crate) request_id: RequestId,
    pub(crate) method: &'static str,
    pub(crate) route: String,
    pub(crate) network: IpNet,
}

/// The layer around the compression: the bytes are those that are sent. A response without a
/// summary is not logged.
pub(crate) async fn log(request: Request, next: Next) -> Response {
    let started = Instant::now();
    let mut response = next.run(request).await;
    let Some(summary) = response.extensions_mut().remove::<RequestSummary>() else {
        return response;
    };
    let status = response.status().as_u16();
    // The server does not poll an empty body.
    let is_complete = response.body().is_end_stream();
    let entry = AccessEntry { summary, status, started, bytes: 0, is_complete };
    response.map(|inner| Body::new(LoggedBody { inner, entry }))
}

/// Logs itself when it is dropped.
struct AccessEntry {
    summary: RequestSummary,
    status: u16,
    started: Instant,
    /// Bytes of the body so far.
    bytes: u64,
    is_complete: bool,
}

impl Drop for AccessEntry {
    fn drop(&mut self) {
        let RequestSummary { request_id, method, route, network } = &self.summary;
        let duration_us = u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX);
        tracing::info!(
            target: "access",
            parent: None,
            method,
            route,
            status = self.status,
            duration_us,
            bytes = self.bytes,
            complete = self.is_complete,
            %network,
            %request_id,
            "access: a request was answered"
        );
    }
}

struct LoggedBody {
    inner: Body,
    entry: AccessEntry,
}

impl HttpBody for LoggedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let polled = Pin::new(&mut self.inner).poll_frame(context);
        if let Poll::Ready(Some(Ok(frame))) = &polled {
            self.entry.bytes += frame.data_ref().map_or(0, |data| data.len() as u64);
        }
        self.entry.is_complete |= matches!(polled, Poll::Ready(None)) || self.inner.is_end_stream();
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
