//! Rules about which files there are: the root holds what is listed here, and both engines have
//! the same migrations.

use std::collections::{BTreeMap, BTreeSet};

use crate::tidy::Finding;

/// Files and directories of the root.
const ROOT: [&str; 26] = [
    ".cargo",
    ".ci",
    ".dockerignore",
    ".editorconfig",
    ".gitattributes",
    ".github",
    ".gitignore",
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "Cargo.lock",
    "Cargo.toml",
    "Dockerfile",
    "LICENSE",
    "NOTICE",
    "README.md",
    "clippy.toml",
    "compose.yaml",
    "config",
    "crates",
    "deny.toml",
    "deploy",
    "docs",
    "rust-toolchain.toml",
    "rustfmt.toml",
    "test",
];

const MIGRATIONS: [&str; 2] =
    ["crates/store/migrations/sqlite/", "crates/store/migrations/postgres/"];

/// Checks the paths of all files.
pub(crate) fn check(paths: &[String]) -> Vec<Finding> {
    let mut findings = root(paths);
    findings.extend(migrations(paths));
    findings
}

fn root(paths: &[String]) -> Vec<Finding> {
    let tops: BTreeSet<&str> = paths.iter().filter_map(|path| path.split('/').next()).collect();
    let strange = tops.into_iter().filter(|top| !ROOT.contains(top));
    strange.map(|top| Finding::new(top, 1, "does not belong into the root")).collect()
}

fn migrations(paths: &[String]) -> Vec<Finding> {
    let [sqlite, postgres] = MIGRATIONS.map(|directory| {
        paths.iter().filter_map(|path| path.strip_prefix(directory)).collect::<BTreeSet<&str>>()
    });
    let mut findings = Vec::new();
    for (directory, has, other) in
        [(MIGRATIONS[0], &sqlite, &postgres), (MIGRATIONS[1], &postgres, &sqlite)]
    {
        for name in other.difference(has) {
            let path = format!("{directory}{name}");
            findings.push(Finding::new(&path, 1, "is missing; the other engine has it"));
        }
        let mut by_number: BTreeMap<&str, &str> = BTreeMap::new();
        for name in has {
            let number = name.split('_').next().unwrap_or(name);
            if let Some(first) = by_number.insert(number, name) {
                let path = format!("{directory}{name}");
                findings.push(Finding::new(&path, 1, format!("has the number of {first}")));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(paths: &[&str]) -> Vec<String> {
        let paths: Vec<String> = paths.iter().map(ToString::to_string).collect();
        check(&paths).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn the_root_holds_only_what_is_listed() {
        assert_eq!(found(&["README.md", "crates/web/src/lib.rs", "test"]), [""; 0]);
        assert_eq!(found(&["REPORT.md"]), ["REPORT.md:1: does not belong into the root"]);
        assert_eq!(found(&["notes/a.md", "notes/b.md"]).len(), 1);
    }

    #[test]
    fn engines_have_the_same_migrations() {
        let sqlite = "crates/store/migrations/sqlite/0001_start.sql";
        let postgres = "crates/store/migrations/postgres/0001_start.sql";
        assert_eq!(found(&[sqlite, postgres]), [""; 0]);
        assert_eq!(
            found(&[sqlite]),
            [format!("{postgres}:1: is missing; the other engine has it")]
        );
    }

    #[test]
    fn a_migration_number_is_used_once() {
        let paths = ["sqlite/0001_a.sql", "sqlite/0001_b.sql"]
            .into_iter()
            .chain(["postgres/0001_a.sql", "postgres/0001_b.sql"])
            .map(|name| format!("crates/store/migrations/{name}"));
        let findings = check(&paths.collect::<Vec<_>>());
        assert_eq!(findings.len(), 2);
        assert!(findings[0].to_string().contains("0001_b.sql:1: has the number of 0001_a.sql"));
    }
}
