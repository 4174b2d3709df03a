//! `cargo xtask tidy`: the house rules that a program can check, applied to tracked and untracked
//! files. rustfmt checks the format; clippy checks what the compiler sees.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use crate::rules::sizes::Sizes;
use crate::rules::{dependencies, layout, literals, modules, sizes, text, types, words};
use crate::source::Source;
use crate::syntax::Syntax;
use crate::violation::RuleViolation;

/// Checks the working tree of the current directory.
pub(crate) fn run() -> ExitCode {
    let files = match Files::read() {
        Ok(files) => files,
        Err(error) => return fail(&error),
    };
    let mut violations = files.violations();
    violations.sort();
    for violation in &violations {
        print(&violation.to_string());
    }
    if violations.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// `cargo xtask sizes`: prints the lengths of functions and files.
pub(crate) fn run_sizes() -> ExitCode {
    let files = match Files::read() {
        Ok(files) => files,
        Err(error) => return fail(&error),
    };
    let mut sizes = Sizes::default();
    for (source, syntax) in &files.parse_rust() {
        sizes.add(source, syntax);
    }
    sizes.report().iter().for_each(|line| print(line));
    ExitCode::SUCCESS
}

/// Reports that the repository cannot be read.
pub(crate) fn fail(error: &str) -> ExitCode {
    print(&format!("listing files with git failed: {error}"));
    ExitCode::FAILURE
}

/// The text files of the working tree: each path, relative to the root, with its content.
struct Files {
    paths: Vec<String>,
    texts: BTreeMap<String, String>,
}

impl Files {
    fn read() -> Result<Self, String> {
        let root = root()?;
        let paths = committable_files(&root)?;
        let read = |path: &String| {
            std::fs::read_to_string(root.join(path)).ok().map(|text| (path.clone(), text))
        };
        let texts = paths.iter().filter_map(read).collect();
        Ok(Self { paths, texts })
    }

    fn parse_rust(&self) -> Vec<(Source<'_>, Syntax)> {
        let rust = self.texts.iter().filter(|(path, _)| path.ends_with(".rs"));
        rust.map(|(path, text)| (Source::parse(path, text), Syntax::parse(text))).collect()
    }

    fn violations(&self) -> Vec<RuleViolation> {
        let mut violations = layout::check(&self.paths);
        let document = self.texts.get(dependencies::DOCUMENT).map_or("", String::as_str);
        let arrows = dependencies::Arrows::parse(document);
        for (path, text) in &self.texts {
            violations.extend(text::check_any(path, text));
            violations.extend(words::check_document(path, text));
            if path.starts_with("crates/") && path.ends_with("Cargo.toml") {
                violations.extend(dependencies::check(path, text, &arrows));
            }
        }
        let rust = self.parse_rust();
        for (source, syntax) in &rust {
            violations.extend(text::check_rust(source));
            violations.extend(literals::check(source));
            violations.extend(words::check_rust(source, syntax));
            violations.extend(sizes::check(source, syntax));
        }
        let pairs = || rust.iter().map(|(source, syntax)| (source, syntax));
        violations.extend(types::check(pairs()));
        violations.extend(modules::crates(pairs()).iter().flat_map(modules::Crate::check));
        violations
    }
}

/// Writes a line to standard output. A closed pipe is not an error.
pub(crate) fn print(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// The root of the working tree. Read at run time, because worktrees may share this program through
/// a common target directory.
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
