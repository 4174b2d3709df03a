//! What signals do. SIGHUP reloads the configuration. The first signal of a shutdown announces it,
//! and closes the server after the lame duck; a further one during the lame duck closes it at once;
//! the next one ends the process.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::JoinHandle;

use super::reload::Reloader;
use super::signals::{SignalRequest, Signals};
use super::systemd::ServiceManager;

pub(super) struct ShutdownAtSignal {
    pub(super) shutdown: web::Shutdown,
    pub(super) lame_duck: Duration,
    pub(super) service_manager: ServiceManager,
}

impl ShutdownAtSignal {
    /// Reloads at every SIGHUP until the first signal to stop, and then shuts down.
    pub(super) async fn run(self, mut signals: Signals, reloader: Reloader) {
        let requested = Arc::new(Notify::new());
        let reloads = spawn_reloads(reloader, Arc::clone(&requested));
        let signal = loop {
            match signals.next().await {
                SignalRequest::Reload => requested.notify_one(),
                SignalRequest::Stop(signal) => break signal,
            }
        };
        reloads.abort();
        self.service_manager.notify_stopping();
        self.shutdown.announce();
        if !self.lame_duck.is_zero() {
            let seconds = self.lame_duck.as_secs();
            tracing::info!(signal, seconds, "shutting down: not ready, requests are still served");
            tokio::select! {
                () = tokio::time::sleep(self.lame_duck) => {}
                signal = signals.next_stop() => tracing::info!(signal, "the lame duck ends early"),
            }
        }
        tracing::info!(signal, "shutting down: accepted orders are settled first");
        self.shutdown.close();
        signals.exit_at_next();
    }
}

/// Reloads in a task of its own, because a reload may wait for the database.
fn spawn_reloads(mut reloader: Reloader, requested: Arc<Notify>) -> JoinHandle<()> {
    tokio::spawn(async move {
        loop {
            requested.notified().await;
            reloader.reload().await;
        }
    })
}
