//! The product's binary as a temporary server on an embedded database of its own, for tests that
//! only need a running one. `crates/server/tests/end_to_end` tests its start and shutdown.

use std::fs;
use std::path::{Path, PathBuf};

use crate::process::{Recipe, ServerProcess};

pub struct Openbell {
    process: ServerProcess,
}

impl Openbell {
    /// Starts `binary` with these configuration variables, without rate limits. It stops when the
    /// value is dropped or the process ends.
    ///
    /// # Panics
    /// When it does not start.
    pub fn start(binary: &str, variables: &[(&str, &str)]) -> Self {
        let recipe = Recipe {
            user: None,
            stop_signal: "TERM",
            prepare: &|_| (),
            command: &|dir, port| command_line(binary, variables, dir, port),
            is_ready: &has_printed_its_url,
        };
        Self { process: ServerProcess::start(&recipe) }
    }

    /// `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.process.port())
    }

    /// The data directory, for commands on the same database.
    pub fn data_dir(&self) -> PathBuf {
        data_dir(self.process.directory())
    }

    /// Its log and banner so far.
    pub fn log(&self) -> String {
        fs::read_to_string(self.process.directory().join("log")).unwrap_or_default()
    }
}

fn data_dir(dir: &Path) -> PathBuf {
    dir.join("data")
}

fn command_line(binary: &str, variables: &[(&str, &str)], dir: &Path, port: u16) -> Vec<String> {
    let mut words = vec!["env".to_owned()];
    let inherited = std::env::vars_os().map(|(name, _)| name.to_string_lossy().into_owned());
    for name in inherited.filter(|name| name.starts_with("OPENBELL")) {
        words.extend(["-u".to_owned(), name]);
    }
    words.push("OPENBELL__LIMITS__ENABLED=false".to_owned());
    words.extend(variables.iter().map(|(name, value)| format!("{name}={value}")));
    words.extend([binary, "serve", "--listen"].map(str::to_owned));
    words.extend([format!("127.0.0.1:{port}"), "--data-dir".to_owned()]);
    words.push(data_dir(dir).display().to_string());
    words
}

/// Unlike the port, the log cannot belong to another process.
fn has_printed_its_url(dir: &Path, port: u16) -> bool {
    let log = fs::read_to_string(dir.join("log")).unwrap_or_default();
    log.contains(&format!("http://127.0.0.1:{port}"))
}
