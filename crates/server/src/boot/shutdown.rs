//! What the signals of a shutdown do: the first announces it, and closes the server after the lame
//! duck; a further one during the lame duck closes it at once; the next one ends the process.

use std::time::Duration;

use super::signals::Signals;
use super::systemd::ServiceManager;

pub(super) async fn close_at_signal(
    mut signals: Signals,
    shutdown: web::Shutdown,
    lame_duck: Duration,
    service_manager: ServiceManager,
) {
    let signal = signals.next().await;
    service_manager.notify_stopping();
    shutdown.announce();
    if !lame_duck.is_zero() {
        let seconds = lame_duck.as_secs();
        tracing::info!(signal, seconds, "shutting down: not ready, requests are still served");
        tokio::select! {
            () = tokio::time::sleep(lame_duck) => {}
            signal = signals.next() => tracing::info!(signal, "the lame duck ends early"),
        }
    }
    tracing::info!(signal, "shutting down: accepted orders are settled first");
    shutdown.close();
    signals.exit_at_next();
}
