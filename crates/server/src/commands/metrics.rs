//! `openbell metrics`: prints docs/metrics.md.

use std::process::ExitCode;

use crate::boot::metric_families;
use crate::term;

pub(super) fn run() -> ExitCode {
    term::print(&metric_families::document());
    ExitCode::SUCCESS
}
