//! The signals of the server. The first SIGTERM or SIGINT starts an orderly shutdown, the second
//! ends the process. SIGHUP reloads the configuration; SIGUSR1 and SIGUSR2 are ignored.

use std::io::{self, IsTerminal as _};

use tokio::signal::unix::{Signal, SignalKind, signal};

#[derive(Debug)]
pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
    /// Whether the process was started in a terminal, whose end is a SIGHUP, too.
    has_terminal: bool,
    /// Whether a SIGHUP arrived while only signals to shut down were awaited.
    is_reload_due: bool,
}

/// What a signal requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SignalRequest {
    /// Shut down, because of the signal of this name.
    Stop(&'static str),
    Reload,
}

impl Signals {
    /// Handles the signals from now on; they no longer end the process by themselves.
    pub(crate) fn take() -> io::Result<Self> {
        // Handlers stay when these values are dropped, so that the signals do nothing.
        drop(signal(SignalKind::user_defined1())?);
        drop(signal(SignalKind::user_defined2())?);
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
            has_terminal: io::stdin().is_terminal(),
            is_reload_due: false,
        })
    }

    /// Waits for the next signal.
    pub(crate) async fn next(&mut self) -> SignalRequest {
        if std::mem::take(&mut self.is_reload_due) {
            return SignalRequest::Reload;
        }
        self.receive().await
    }

    /// Waits for the next signal to shut down, and returns its name. A SIGHUP meanwhile is left to
    /// [`Self::next`], even if this future is dropped.
    pub(crate) async fn next_stop(&mut self) -> &'static str {
        loop {
            match self.receive().await {
                SignalRequest::Stop(name) => return name,
                SignalRequest::Reload => self.is_reload_due = true,
            }
        }
    }

    async fn receive(&mut self) -> SignalRequest {
        tokio::select! {
            _ = self.terminate.recv() => SignalRequest::Stop("SIGTERM"),
            _ = self.interrupt.recv() => SignalRequest::Stop("SIGINT"),
            _ = self.hangup.recv() => {
                // A terminal that was closed is no longer one.
                let is_closed = self.has_terminal && !io::stdin().is_terminal();
                if is_closed { SignalRequest::Stop("SIGHUP") } else { SignalRequest::Reload }
            }
        }
    }

    /// Ends the process with 1 at the next signal to shut down.
    pub(crate) fn exit_at_next(mut self) {
        tokio::spawn(async move {
            let name = self.next_stop().await;
            tracing::warn!(signal = name, "a second signal: ending at once");
            std::process::exit(1);
        });
    }
}
