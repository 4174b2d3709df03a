//! Raises the limit on open files as far as the system allows, and compares it with what the
//! configuration may need.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Descriptors besides client connections: the database, Redis, providers, logs, timers.
const OTHERS: u64 = 256;

/// Raises the soft limit to the hard one, and logs a warning if `connections_max` connections may
/// still use it up.
pub(crate) fn raise_limit(connections_max: usize) {
    let limit = getrlimit(Resource::Nofile);
    let raised = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit });
    let open_max = if raised.is_ok() { limit.maximum } else { limit.current };
    let needed = (connections_max as u64).saturating_add(OTHERS);
    if let Some(open_max) = open_max.filter(|open_max| *open_max < needed) {
        tracing::warn!(
            open_max,
            needed,
            "the limit on open files is below what http.connections_max may need: connections \
             beyond it are refused; raise it (ulimit -n, LimitNOFILE=) or lower the setting"
        );
    }
}
