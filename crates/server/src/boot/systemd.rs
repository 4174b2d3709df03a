//! Notifications to the service manager (`sd_notify`): readiness, the shutdown and the watchdog, as
//! datagrams to the socket that systemd names in `NOTIFY_SOCKET`. Without one, nothing is sent.

use std::ffi::OsString;
use std::io;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::MissedTickBehavior;

/// The service manager that started this process, if it wants notifications.
#[derive(Clone, Debug, Default)]
pub(super) struct ServiceManager {
    socket: Option<Arc<NotifySocket>>,
    /// After this time without a notification it ends the process.
    watchdog: Option<Duration>,
}

#[derive(Debug)]
struct NotifySocket {
    socket: UnixDatagram,
    address: SocketAddr,
}

impl ServiceManager {
    /// The service manager of this process. A socket that cannot be used is logged and ignored.
    pub(super) fn find() -> Self {
        // The protocol of systemd, not a part of the configuration.
        let find = |name| std::env::var_os(name).filter(|value| !value.is_empty());
        let pid = std::process::id();
        let watchdog = watchdog_interval(find("WATCHDOG_USEC"), find("WATCHDOG_PID"), pid);
        let Some(path) = find("NOTIFY_SOCKET") else { return Self::default() };
        match NotifySocket::open(&path) {
            Ok(socket) => Self { socket: Some(Arc::new(socket)), watchdog },
            Err(error) => {
                tracing::warn!(%error, socket = %path.display(), "cannot notify the service manager");
                Self::default()
            }
        }
    }

    /// The server accepts connections. From now on the watchdog is fed, as long as the runtime
    /// executes tasks.
    pub(super) fn notify_ready(&self) {
        self.send("READY=1\nSTATUS=serving");
        if let Some(watchdog) = self.watchdog {
            tokio::spawn(self.clone().feed_watchdog(watchdog / 2));
        }
    }

    pub(super) fn notify_stopping(&self) {
        self.send("STOPPING=1\nSTATUS=shutting down");
    }

    async fn feed_watchdog(self, interval: Duration) {
        let mut ticks = tokio::time::interval(interval);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            self.send("WATCHDOG=1");
        }
    }

    fn send(&self, state: &str) {
        let Some(socket) = &self.socket else { return };
        if let Err(error) = socket.send(state) {
            tracing::debug!(%error, state, "the service manager was not notified");
        }
    }
}

impl NotifySocket {
    /// `path` begins with `@` for a socket in the abstract namespace.
    fn open(path: &OsString) -> io::Result<Self> {
        let address = match path.as_bytes().strip_prefix(b"@") {
            Some(name) => SocketAddr::from_abstract_name(name)?,
            None => SocketAddr::from_pathname(path)?,
        };
        let socket = UnixDatagram::unbound()?;
        // A full queue must not delay the server.
        socket.set_nonblocking(true)?;
        Ok(Self { socket, address })
    }

    fn send(&self, state: &str) -> io::Result<()> {
        self.socket.send_to_addr(state.as_bytes(), &self.address).map(drop)
    }
}

/// The interval of the watchdog, unless it is meant for another process.
fn watchdog_interval(
    microseconds: Option<OsString>,
    for_process: Option<OsString>,
    own_id: u32,
) -> Option<Duration> {
    let number = |text: OsString| text.into_string().ok()?.parse::<u64>().ok();
    if for_process.is_some_and(|id| number(id) != Some(own_id.into())) {
        return None;
    }
    microseconds.and_then(number).filter(|time| *time > 0).map(Duration::from_micros)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_watchdog_of_another_process_is_ignored() {
        let interval = |time: Option<&str>, id: Option<&str>| {
            watchdog_interval(time.map(OsString::from), id.map(OsString::from), 7)
        };
        let half_a_minute = Some(Duration::from_secs(30));
        assert_eq!(interval(Some("30000000"), Some("7")), half_a_minute);
        assert_eq!(interval(Some("30000000"), None), half_a_minute);
        assert_eq!(interval(Some("30000000"), Some("8")), None);
        for time in [None, Some("0"), Some("soon"), Some("-1")] {
            assert_eq!(interval(time, None), None, "{time:?}");
        }
    }

    #[test]
    fn a_socket_in_the_abstract_namespace_is_notified() {
        let name = format!("openbell-test-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(&name).unwrap();
        let receiver = UnixDatagram::bind_addr(&address).unwrap();
        NotifySocket::open(&format!("@{name}").into()).unwrap().send("READY=1").unwrap();
        let mut message = [0; 64];
        let length = receiver.recv(&mut message).unwrap();
        assert_eq!(&message[..length], b"READY=1");
    }
}
