//! The file of the report, which replaces an earlier one only when it is complete.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use crate::error::CommandError;

/// A report that is being written, to FILE.new.
pub(super) struct ReportFile {
    path: PathBuf,
    new_path: PathBuf,
    file: File,
}

impl ReportFile {
    /// Before the import, so that a path that cannot be written is an error before it.
    pub(super) fn create(path: &Path) -> Result<Self, CommandError> {
        let mut new_path = path.as_os_str().to_owned();
        new_path.push(".new");
        let new_path = PathBuf::from(new_path);
        let file = File::create(&new_path);
        let file = file.map_err(|error| CommandError::Report(new_path.clone(), error))?;
        Ok(Self { path: path.to_owned(), new_path, file })
    }

    /// Writes the text, and replaces an earlier report.
    pub(super) fn replace(mut self, text: &str) -> Result<(), CommandError> {
        let replaced = self.write(text);
        replaced.map_err(|error| CommandError::Report(self.path.clone(), error))
    }

    fn write(&mut self, text: &str) -> io::Result<()> {
        self.file.write_all(text.as_bytes())?;
        self.file.sync_all()?;
        fs::rename(&self.new_path, &self.path)
    }
}

impl Drop for ReportFile {
    fn drop(&mut self) {
        // It is not there after a success.
        let _ = fs::remove_file(&self.new_path);
    }
}
