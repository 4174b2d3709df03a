//! `cargo xtask tidy`: the house rules a program can check, over every file that is or would be
//! committed. Formatting is rustfmt's, and what the compiler can see is clippy's.

use std::fmt;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use crate::rules::{dependencies, layout, literals, text};
use crate::source::Source;

/// A breach of a rule.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Finding {
    path: String,
    line: usize,
    what: String,
}

impl Finding {
    pub(crate) fn new(path: &str, line: usize, what: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line, what: what.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path, self.line, self.what)
    }
}

/// Checks the working tree that the current directory lies in.
pub(crate) fn run() -> ExitCode {
    let found = root().and_then(|root| committable_files(&root).map(|paths| (root, paths)));
    let (root, paths) = match found {
        Ok(found) => found,
        Err(error) => {
            say(&format!("listing files with git failed: {error}"));
            return ExitCode::FAILURE;
        }
    };
    let mut findings = layout::check(&paths);
    for path in &paths {
        // What is not text has no lines to check.
        let Ok(content) = std::fs::read_to_string(root.join(path)) else { continue };
        findings.extend(check_file(path, &content));
        if let Some(note) = text::length_note(path, &content) {
            say(&note);
        }
    }
    findings.sort();
    for finding in &findings {
        say(&finding.to_string());
    }
    if findings.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Writes a line to standard output; a reader who went away is no reason to fail.
pub(crate) fn say(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

fn check_file(path: &str, content: &str) -> Vec<Finding> {
    let mut findings = text::check_any(path, content);
    if path.ends_with(".rs") {
        let source = Source::parse(path, content);
        findings.extend(text::check_rust(&source));
        findings.extend(literals::check(&source));
    }
    if path.ends_with("Cargo.toml") && path.starts_with("crates/") {
        findings.extend(dependencies::check(path, content));
    }
    findings
}

/// Asked at run time: worktrees may share one target directory, and so this program.
pub(crate) fn root() -> Result<PathBuf, String> {
    let top = git(Path::new("."), &["rev-parse", "--show-toplevel"])?;
    Ok(PathBuf::from(top.trim_end()))
}

/// Tracked and untracked files, without ignored and deleted ones, relative to the root.
fn committable_files(root: &Path) -> Result<Vec<String>, String> {
    let listing = git(root, &["ls-files", "-z", "--cached", "--others", "--exclude-standard"])?;
    let present = |path: &&str| !path.is_empty() && root.join(path).exists();
    Ok(listing.split('\0').filter(present).map(str::to_owned).collect())
}

fn git(directory: &Path, arguments: &[&str]) -> Result<String, String> {
    let output = Command::new("git").args(arguments).current_dir(directory).output();
    let output = output.map_err(|error| error.to_string())?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
}
