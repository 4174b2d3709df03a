//! Raises the limit on open files as far as the system allows, and compares it with what the
//! configuration may need.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Descriptors besides client connections: the database, Redis, providers, logs, timers.
const OTHERS: u64 = 256;

/// A limit on open files that is lower than the configuration may need.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DescriptorShortage {
    pub(crate) open_max: u64,
    pub(crate) needed: u64,
}

/// Raises the soft limit to the hard one, and logs a warning if `connections_max` connections may
/// still use it up.
pub(crate) fn raise_limit(connections_max: usize) {
    let limit = getrlimit(Resource::Nofile);
    let raised = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit });
    let open_max = if raised.is_ok() { limit.maximum } else { limit.current };
    if let Some(DescriptorShortage { open_max, needed }) = compare(open_max, connections_max) {
        tracing::warn!(
            open_max,
            needed,
            "the limit on open files is below what http.connections_max may need: connections \
             beyond it are refused; raise it (ulimit -n, LimitNOFILE=) or lower the setting"
        );
    }
}

/// Whether the limit to which a server of this user can raise its own is too low.
pub(crate) fn shortage(connections_max: usize) -> Option<DescriptorShortage> {
    compare(getrlimit(Resource::Nofile).maximum, connections_max)
}

fn compare(open_max: Option<u64>, connections_max: usize) -> Option<DescriptorShortage> {
    let needed = (connections_max as u64).saturating_add(OTHERS);
    let open_max = open_max.filter(|open_max| *open_max < needed)?;
    Some(DescriptorShortage { open_max, needed })
}
