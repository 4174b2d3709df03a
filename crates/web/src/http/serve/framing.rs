//! Watches what a connection reads, to find requests that frame their body twice. hyper obeys
//! `Transfer-Encoding` and forgets a `Content-Length` beside it; another program in front may have
//! obeyed the other one, so such a request is refused, and nothing after it is read.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// The newest bytes a connection has read.
#[derive(Clone)]
pub(super) struct Recent {
    bytes: Arc<Mutex<VecDeque<u8>>>,
    size_max: usize,
}

impl Recent {
    /// Remembers up to this many bytes.
    pub(super) fn new(size_max: usize) -> Self {
        Self { bytes: Arc::default(), size_max }
    }

    fn note(&self, read: &[u8]) {
        let mut bytes = self.bytes.lock().unwrap_or_else(PoisonError::into_inner);
        bytes.extend(read);
        let surplus = bytes.len().saturating_sub(self.size_max);
        bytes.drain(..surplus);
    }

    /// Whether a request that begins like this has both framing headers. A body that repeats such a
    /// request is taken for one, which only makes the refusal stricter.
    pub(super) fn frames_twice(&self, method: &str, target: &str) -> bool {
        let mut bytes = self.bytes.lock().unwrap_or_else(PoisonError::into_inner);
        let text = String::from_utf8_lossy(bytes.make_contiguous()).to_ascii_lowercase();
        let start = format!("{method} {target} http/").to_ascii_lowercase();
        text.match_indices(&start).any(|(at, _)| {
            let head = text[at..].lines().skip(1).take_while(|line| !line.is_empty());
            let names: Vec<&str> = head.filter_map(|line| line.split(':').next()).collect();
            names.contains(&"transfer-encoding") && names.contains(&"content-length")
        })
    }
}

/// A connection whose reading is watched.
pub(super) struct Watched {
    stream: TcpStream,
    recent: Recent,
}

impl Watched {
    pub(super) fn new(stream: TcpStream, recent: Recent) -> Self {
        Self { stream, recent }
    }
}

impl AsyncRead for Watched {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(context, buffer);
        self.recent.note(&buffer.filled()[before..]);
        polled
    }
}

impl AsyncWrite for Watched {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[std::io::IoSlice<'_>],
    ) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_framing_headers_are_found_in_any_order() {
        for head in [
            "Content-Length: 4\r\nTransfer-Encoding: chunked",
            "transfer-encoding: chunked\r\ncontent-length: 4",
        ] {
            let recent = Recent::new(4096);
            recent.note(format!("POST /a HTTP/1.1\r\nHost: x\r\n{head}\r\n\r\n").as_bytes());
            assert!(recent.frames_twice("POST", "/a"), "{head}");
            assert!(!recent.frames_twice("POST", "/b"));
        }
        let recent = Recent::new(4096);
        recent.note(b"POST /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\ncontent-length: 4\r\n");
        assert!(!recent.frames_twice("POST", "/a"));
    }

    #[test]
    fn only_the_newest_bytes_are_kept() {
        let recent = Recent::new(4);
        recent.note(b"abcdef");
        assert_eq!(recent.bytes.lock().unwrap().iter().copied().collect::<Vec<_>>(), b"cdef");
    }
}
