//! The two phases of a shutdown: a server first announces it, so that load balancers send requests
//! to other nodes, and then closes.

use tokio_util::sync::CancellationToken;

/// The phase of the shutdown, shared by all parts of a server.
#[derive(Clone, Debug, Default)]
pub struct Shutdown {
    announced: CancellationToken,
    closing: CancellationToken,
}

impl Shutdown {
    /// From now on `/readyz` returns 503, and every response closes its connection. Requests are
    /// served as before.
    pub fn announce(&self) {
        self.announced.cancel();
    }

    /// Accepts no further connection or request, and ends event streams.
    pub fn close(&self) {
        self.announced.cancel();
        self.closing.cancel();
    }

    /// Cancelled by [`Shutdown::close`].
    #[must_use]
    pub fn closing(&self) -> CancellationToken {
        self.closing.clone()
    }

    pub(crate) fn is_announced(&self) -> bool {
        self.announced.is_cancelled()
    }
}
