//! The age of the newest backup in a directory, for metrics and notifications.

use std::io;
use std::path::Path;
use std::time::UNIX_EPOCH;

use domain::UnixMicros;

/// The files that complete a backup: of `openbell backup` and of `pg_basebackup`.
const MANIFESTS: [&str; 2] = ["backup.json", "backup_manifest"];

/// A backup that is dated further in the future has a wrong date and does not count.
const SKEW_MAX_S: i64 = 300;

/// When the newest complete backup in a directory, or in a directory within it, was finished.
pub(super) fn newest_backup(dir: &Path, now: UnixMicros) -> io::Result<Option<UnixMicros>> {
    let mut newest = None;
    let entries = std::fs::read_dir(dir)?.map(|entry| entry.map(|entry| entry.path()));
    for backup in entries.chain([Ok(dir.to_owned())]) {
        let backup = backup?;
        // A backup that is being made has another name.
        if backup.extension().is_some_and(|end| end == "partial") {
            continue;
        }
        for manifest in MANIFESTS {
            // The manifest is written last: a directory without it is no complete backup.
            let Ok(file) = backup.join(manifest).metadata() else { continue };
            let since_1970 = file.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
            let finished_at = i64::try_from(since_1970.as_micros()).map_err(io::Error::other)?;
            let finished_at = UnixMicros(finished_at);
            if finished_at <= now.plus_seconds(SKEW_MAX_S) {
                newest = newest.max(Some(finished_at));
            }
        }
    }
    Ok(newest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_backup_is_as_old_as_the_newest_file_that_completes_one() {
        let dir = tempfile::tempdir().expect("a directory");
        let now = UnixMicros(1_000_000_000);
        newest_backup(&dir.path().join("missing"), now).expect_err("no directory");
        let newest = || newest_backup(dir.path(), now).expect("reads");
        assert_eq!(newest(), None);
        let write = |path: &str, seconds| {
            let path = dir.path().join(path);
            std::fs::create_dir_all(path.parent().expect("a parent")).expect("made");
            let file = std::fs::File::create(path).expect("made");
            file.set_modified(UNIX_EPOCH + Duration::from_secs(seconds)).expect("set");
        };
        write("2026-11-27/openbell.db", 900);
        assert_eq!(newest(), None, "it is not complete");
        write("2026-11-27/backup.json", 100);
        write("2026-11-28.partial/backup_manifest", 300);
        assert_eq!(newest(), Some(UnixMicros(100_000_000)));
        write("2026-11-28/backup_manifest", 300);
        assert_eq!(newest(), Some(UnixMicros(300_000_000)));
        write("2026-11-29/backup.json", 1_301);
        assert_eq!(newest(), Some(UnixMicros(300_000_000)), "it is dated in the future");
    }
}
