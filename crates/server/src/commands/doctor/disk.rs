//! Checks the directories that the server writes to: permissions, space and kind of file system.

use std::collections::BTreeSet;
use std::fs::Metadata;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{Access, access, statfs, statvfs};

use super::finding::DoctorFinding;
use crate::boot::config::Config;

const AREA: &str = "disk";
const MIB: u64 = 1024 * 1024;
/// Less free space than this is an error, and a warning.
const FREE_MIN: u64 = 256 * MIB;
const FREE_LOW: u64 = 2048 * MIB;
/// File systems (statfs(2)) whose locks or syncs SQLite cannot rely on.
const OF_NETWORKS: [(i128, &str); 4] =
    [(0x6969, "NFS"), (0xFF53_4D42, "CIFS"), (0xFE53_4D42, "SMB"), (0x0102_1997, "9p")];
/// File systems whose files are lost with the machine or the container.
const TEMPORARY: [(i128, &str); 2] = [(0x0102_1994, "tmpfs"), (0x794C_7630, "overlay")];

pub(super) fn check(config: &Config) -> Vec<DoctorFinding> {
    let mut findings = Vec::new();
    let parent = |file: PathBuf| match file.parent() {
        Some(dir) if !dir.as_os_str().is_empty() => dir.to_owned(),
        _ => PathBuf::from("."),
    };
    let data = config.sqlite_file().map(parent);
    if let Some(dir) = &data {
        findings.extend(check_directory(dir, true));
    }
    let apart = [
        config.kept_apart(&config.audit.seals_file, "seals.jsonl"),
        config.kept_apart(&config.audit.erasures_file, "erasures.jsonl"),
    ];
    let apart: BTreeSet<PathBuf> = apart.into_iter().flatten().map(parent).collect();
    for dir in apart.iter().filter(|dir| Some(*dir) != data.as_ref()) {
        findings.extend(check_directory(dir, false));
    }
    findings.extend(check_backups(&config.backup.dir));
    findings
}

/// Checks who may use the file of a secret.
pub(super) fn check_secret(file: &Path) -> Option<DoctorFinding> {
    let mode = file.metadata().ok()?.permissions().mode() & 0o777;
    let name = file.display();
    let remedy = format!("chmod 600 {name}");
    if mode & 0o022 != 0 {
        let what = format!("other users may replace the secret in {name} (mode {mode:03o})");
        return Some(DoctorFinding::error(AREA, what, remedy));
    }
    (mode & 0o004 != 0).then(|| {
        let what = format!("every user may read the secret in {name} (mode {mode:03o})");
        DoctorFinding::warning(AREA, what, remedy)
    })
}

/// Checks the directory of the backups, whose age the server watches.
fn check_backups(dir: &Path) -> Option<DoctorFinding> {
    if dir.as_os_str().is_empty() {
        return None;
    }
    let name = dir.display();
    if !dir.is_dir() {
        let what = format!("backup.dir is {name}, which is not a directory: no backup is found");
        let remedy = "create it, or name the directory that contains the backups";
        return Some(DoctorFinding::error(AREA, what, remedy));
    }
    if access(dir, Access::READ_OK | Access::EXEC_OK).is_err() {
        let what = format!("this user cannot read backup.dir, {name}: no backup is found");
        return Some(DoctorFinding::error(AREA, what, "let the user of the server read it"));
    }
    Some(DoctorFinding::ok(AREA, format!("the age of the backups in {name} is watched")))
}

/// Checks a directory; that of a database is for its owner only.
fn check_directory(dir: &Path, has_database: bool) -> Vec<DoctorFinding> {
    let name = dir.display();
    let metadata = match dir.metadata() {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return vec![missing(dir)],
        Err(error) => {
            let remedy = "let the user of the server enter the directory";
            return vec![DoctorFinding::error(
                AREA,
                format!("cannot read {name} ({error})"),
                remedy,
            )];
        }
    };
    if !metadata.is_dir() {
        let what = format!("{name} is not a directory");
        return vec![DoctorFinding::error(AREA, what, "name another one, or remove the file")];
    }
    if access(dir, Access::READ_OK | Access::WRITE_OK | Access::EXEC_OK).is_err() {
        let what = format!("this user cannot write into {name}");
        return vec![DoctorFinding::error(
            AREA,
            what,
            format!("chown the directory to it: {name}"),
        )];
    }
    let mut findings = vec![check_space(dir)];
    if has_database {
        findings.extend(check_mode(dir, &metadata));
        findings.extend(check_kind(dir));
    }
    findings
}

fn missing(dir: &Path) -> DoctorFinding {
    let parent = dir.parent().filter(|parent| !parent.as_os_str().is_empty());
    let parent = parent.unwrap_or(Path::new("."));
    let (name, above) = (dir.display(), parent.display());
    if parent.is_dir() && access(parent, Access::WRITE_OK | Access::EXEC_OK).is_ok() {
        return DoctorFinding::ok(
            AREA,
            format!("{name} does not exist yet; the server creates it"),
        );
    }
    let what = format!("{name} does not exist, and cannot be created in {above}");
    DoctorFinding::error(AREA, what, "create it for the user of the server")
}

fn check_space(dir: &Path) -> DoctorFinding {
    let name = dir.display();
    let Ok(space) = statvfs(dir) else {
        let what = format!("the free space of {name} cannot be read");
        return DoctorFinding::warning(AREA, what, "check it with df");
    };
    let free = space.f_bavail.saturating_mul(space.f_frsize);
    let remedy = "free space, or move the directory to a larger disk";
    if space.f_files > 0 && space.f_favail == 0 {
        return DoctorFinding::error(
            AREA,
            format!("no further file fits into {name} (inodes)"),
            remedy,
        );
    }
    let what = format!("{} MiB are free in {name}", free / MIB);
    match free {
        free if free < FREE_MIN => DoctorFinding::error(AREA, what, remedy),
        free if free < FREE_LOW => DoctorFinding::warning(AREA, what, remedy),
        _ => DoctorFinding::ok(AREA, what),
    }
}

fn check_mode(dir: &Path, metadata: &Metadata) -> Option<DoctorFinding> {
    let mode = metadata.permissions().mode() & 0o777;
    (mode & 0o077 != 0).then(|| {
        let name = dir.display();
        let what = format!("other users may enter {name} (mode {mode:03o})");
        DoctorFinding::warning(AREA, what, format!("chmod 700 {name}"))
    })
}

fn check_kind(dir: &Path) -> Option<DoctorFinding> {
    // The width and sign of this number differ between architectures; its lower half does not.
    let kind = i128::from(statfs(dir).ok()?.f_type) & 0xFFFF_FFFF;
    let named = |kinds: &[(i128, &'static str)]| {
        kinds.iter().find(|(number, _)| *number == kind).map(|(_, name)| *name)
    };
    let name = dir.display();
    if let Some(network) = named(&OF_NETWORKS) {
        let what = format!("{name} is on a network file system ({network}): SQLite may be damaged");
        return Some(DoctorFinding::error(AREA, what, "use a local disk, or PostgreSQL"));
    }
    let temporary = named(&TEMPORARY)?;
    let what = format!("{name} is on {temporary}, whose files do not outlive a restart");
    Some(DoctorFinding::warning(AREA, what, "use a disk or a volume for a game that lasts"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::doctor::finding::FindingLevel;

    fn levels(findings: &[DoctorFinding]) -> Vec<FindingLevel> {
        findings.iter().map(|finding| finding.level).collect()
    }

    #[test]
    fn a_directory_that_others_may_enter_is_a_warning() {
        let dir = tempfile::tempdir().expect("a directory");
        let set = |mode| {
            let mode = std::fs::Permissions::from_mode(mode);
            std::fs::set_permissions(dir.path(), mode).expect("set");
            check_mode(dir.path(), &dir.path().metadata().expect("exists"))
        };
        assert_eq!(set(0o700), None);
        let found = set(0o755).expect("a finding");
        assert!(found.what.ends_with("(mode 755)"), "{found}");
        assert_eq!(found.level, FindingLevel::Warning);
    }

    #[test]
    fn a_secret_that_others_may_read_or_replace_is_found() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        for (mode, level) in [
            (0o600, None),
            (0o640, None),
            (0o644, Some(FindingLevel::Warning)),
            (0o620, Some(FindingLevel::Error)),
            (0o602, Some(FindingLevel::Error)),
        ] {
            let set = std::fs::Permissions::from_mode(mode);
            std::fs::set_permissions(file.path(), set).expect("set");
            let found = check_secret(file.path()).map(|finding| finding.level);
            assert_eq!(found, level, "{mode:o}");
        }
    }

    #[test]
    fn a_missing_directory_is_an_error_only_without_its_parent() {
        let dir = tempfile::tempdir().expect("a directory");
        assert_eq!(levels(&check_directory(&dir.path().join("data"), true)), [FindingLevel::Ok]);
        let nowhere = dir.path().join("a/b");
        assert_eq!(levels(&check_directory(&nowhere, true)), [FindingLevel::Error]);
    }

    #[test]
    fn a_file_and_a_disk_without_space_are_errors() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        assert_eq!(levels(&check_directory(file.path(), true)), [FindingLevel::Error]);
        // It has neither blocks nor inodes.
        let found = check_space(Path::new("/proc"));
        assert_eq!(found.level, FindingLevel::Error, "{found}");
    }
}
