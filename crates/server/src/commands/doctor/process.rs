//! Checks the limits of the process.

use super::finding::DoctorFinding;
use crate::boot::config::Config;
use crate::boot::descriptors::{self, DescriptorShortage};

const AREA: &str = "process";

pub(super) fn check(config: &Config) -> Vec<DoctorFinding> {
    let mut findings = Vec::new();
    if rustix::process::geteuid().is_root() {
        let what = "this command runs as root, which may use every file";
        let remedy = "repeat it as the user of the server to check permissions";
        findings.push(DoctorFinding::warning(AREA, what, remedy));
    }
    findings.push(match descriptors::shortage(config.http.connections_max) {
        None => {
            DoctorFinding::ok(AREA, "the limit on open files suffices for http.connections_max")
        }
        Some(DescriptorShortage { open_max, needed }) => DoctorFinding::warning(
            AREA,
            format!("{open_max} files may be open, and http.connections_max may need {needed}"),
            "raise the limit (ulimit -Hn, LimitNOFILE= in systemd) or lower http.connections_max",
        ),
    });
    findings
}
