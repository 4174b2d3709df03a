//! Accepting while the process has no file descriptors left: connections are closed at once instead
//! of waiting in the backlog, and one line a minute is logged.

use std::fs::File;
use std::io;
use std::time::Duration;

use tokio::net::TcpListener;

use crate::http::log_limit::LogLimit;

const REFUSE_WITHIN: Duration = Duration::from_millis(100);
/// EMFILE and ENFILE (errno).
const OUT_OF_DESCRIPTORS: [i32; 2] = [24, 23];

/// A spare descriptor, which is released to accept a connection and close it.
pub(super) struct Reserve {
    spare: Option<File>,
    log_limit: LogLimit,
}

impl Reserve {
    pub(super) fn new() -> Self {
        Self { spare: open_spare(), log_limit: LogLimit::new() }
    }

    /// Handles an error of `accept` that is not an error of one connection.
    pub(super) async fn handle(&mut self, error: &io::Error, listener: &TcpListener) {
        if let Some(failures) = self.log_limit.count() {
            tracing::warn!(
                %error,
                failures,
                "accepting connections failed; check the limit on open files"
            );
        }
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
}

fn open_spare() -> Option<File> {
    File::open("/dev/null").ok()
}
