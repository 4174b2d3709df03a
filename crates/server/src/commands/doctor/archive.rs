//! Checks whether the archive of the ledger can be reached.

use std::path::Path;
use std::time::Duration;

use ::archive::{ArchiveStore, AuditConfig};
use rustix::fs::{Access, access};

use super::finding::DoctorFinding;
use crate::boot::config::without_password;
use crate::term;

const AREA: &str = "archive";
/// Requests to an object store are retried for longer.
const TIMEOUT: Duration = Duration::from_secs(10);

pub(super) async fn check(config: &AuditConfig) -> DoctorFinding {
    let url = config.archive_url.as_str();
    if url.is_empty() {
        return DoctorFinding::ok(
            AREA,
            "no archive is configured: all months stay in the database",
        );
    }
    if !url.starts_with("s3://") {
        let path = url.strip_prefix("file://").or(url.strip_prefix("file:")).unwrap_or(url);
        return check_directory(Path::new(path));
    }
    let shown = without_password(url);
    let opened = ArchiveStore::open(url, &config.s3);
    let store = match opened {
        Ok(store) => store,
        Err(error) => {
            let remedy = "correct audit.archive_url and audit.s3";
            return DoctorFinding::error(AREA, term::error_chain(&error), remedy);
        }
    };
    let what = match tokio::time::timeout(TIMEOUT, store.check()).await {
        Ok(Ok(())) => return DoctorFinding::ok(AREA, format!("{shown} responds")),
        Ok(Err(error)) => term::error_chain(&error),
        Err(_) => format!("{shown} does not respond within {} s", TIMEOUT.as_secs()),
    };
    let remedy = "check audit.archive_url, the keys in audit.s3, and that the store runs";
    DoctorFinding::error(AREA, what, remedy)
}

fn check_directory(dir: &Path) -> DoctorFinding {
    let name = dir.display();
    if !dir.exists() {
        return DoctorFinding::ok(
            AREA,
            format!("{name} does not exist yet; the server creates it"),
        );
    }
    if dir.is_dir() && access(dir, Access::READ_OK | Access::WRITE_OK | Access::EXEC_OK).is_ok() {
        return DoctorFinding::ok(AREA, format!("{name} can be written"));
    }
    let what = format!("{name} is not a directory that this user can write");
    DoctorFinding::error(AREA, what, "name another directory in audit.archive_url, or chown it")
}
