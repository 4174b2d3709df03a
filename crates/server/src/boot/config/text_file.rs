//! Reads the files that the configuration consists of. Pipes and devices are refused: they may have
//! no writer or no end, and have no second content for a reload.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use rustix::fs::OFlags;

/// The largest file, in bytes, of a configuration, of rules and of certificates.
pub(crate) const SIZE_MAX: u64 = 4 * 1024 * 1024;

/// The text of a regular file with at most `bytes_max` bytes.
pub(crate) fn read_text(path: &Path, bytes_max: u64) -> io::Result<String> {
    let mut text = String::new();
    open_regular(path)?.take(bytes_max + 1).read_to_string(&mut text)?;
    if text.len() as u64 > bytes_max {
        return Err(io::Error::other(format!("it has more than {bytes_max} bytes")));
    }
    Ok(text)
}

/// Opens a regular file. Never waits for the writer of a pipe.
pub(crate) fn open_regular(path: &Path) -> io::Result<File> {
    let flags = i32::try_from(OFlags::NONBLOCK.bits()).map_err(io::Error::other)?;
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    if file.metadata()?.is_file() {
        return Ok(file);
    }
    Err(io::Error::other("it is not a regular file"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_regular_files_up_to_a_size_are_read() {
        let dir = tempfile::tempdir().expect("a directory");
        let (file, pipe) = (dir.path().join("file"), dir.path().join("pipe"));
        std::fs::write(&file, "12345").expect("written");
        assert_eq!(read_text(&file, 5).expect("read"), "12345");
        let error = read_text(&file, 4).expect_err("too long").to_string();
        assert_eq!(error, "it has more than 4 bytes");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status().expect("it runs");
        assert!(made.success());
        for path in [pipe.as_path(), Path::new("/dev/zero"), dir.path()] {
            let error = read_text(path, 5).expect_err("not a file").to_string();
            assert_eq!(error, "it is not a regular file", "{}", path.display());
        }
    }
}
