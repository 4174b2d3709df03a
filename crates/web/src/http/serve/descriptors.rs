//! What happens to connections when the process has no descriptor left: they are refused at once
//! instead of waiting in the backlog, and the log gets one line a minute.

use std::fs::File;
use std::io;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::time::Instant;

/// How often failures to accept are logged.
const LOG_EVERY: Duration = Duration::from_secs(60);
/// How long to wait for a connection to refuse.
const REFUSE_WITHIN: Duration = Duration::from_millis(100);
/// EMFILE and ENFILE (errno).
const OUT_OF_DESCRIPTORS: [i32; 2] = [24, 23];

/// A descriptor kept open for nothing: it is given up to accept a connection and close it.
pub(super) struct Reserve {
    spare: Option<File>,
    /// When a failure was last logged, and how many there were since.
    logged_at: Option<Instant>,
    failures: u64,
}

impl Reserve {
    pub(super) fn new() -> Self {
        Self { spare: open_spare(), logged_at: None, failures: 0 }
    }

    /// Handles an error of `accept` that does not concern one connection only.
    pub(super) async fn handle(&mut self, error: &io::Error, listener: &TcpListener) {
        self.log(error);
        let is_out = error.raw_os_error().is_some_and(|code| OUT_OF_DESCRIPTORS.contains(&code));
        if is_out && self.spare.take().is_some() {
            let accepted = tokio::time::timeout(REFUSE_WITHIN, listener.accept()).await;
            if matches!(accepted, Ok(Ok(_))) {
                metrics::counter!("openbell_http_connections_refused_total").increment(1);
            }
            drop(accepted);
        } else {
            tokio::time::sleep(REFUSE_WITHIN).await;
        }
        if self.spare.is_none() {
            self.spare = open_spare();
        }
    }

    fn log(&mut self, error: &io::Error) {
        self.failures += 1;
        if self.logged_at.is_some_and(|at| at.elapsed() < LOG_EVERY) {
            return;
        }
        let failures = std::mem::take(&mut self.failures);
        tracing::warn!(%error, failures, "cannot accept connections; they are refused until it works");
        self.logged_at = Some(Instant::now());
    }
}

fn open_spare() -> Option<File> {
    File::open("/dev/null").ok()
}
