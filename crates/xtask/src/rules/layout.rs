//! Rules about paths: the root has the listed files only, and both engines have the same
//! migrations.

use std::collections::{BTreeMap, BTreeSet};

use crate::violation::RuleViolation;

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

pub(crate) fn check(paths: &[String]) -> Vec<RuleViolation> {
    let mut violations = root(paths);
    violations.extend(migrations(paths));
    violations
}

fn root(paths: &[String]) -> Vec<RuleViolation> {
    let tops: BTreeSet<&str> = paths.iter().filter_map(|path| path.split('/').next()).collect();
    let strange = tops.into_iter().filter(|top| !ROOT.contains(top));
    strange
        .map(|top| RuleViolation::new(top, 1, "is not in the list of files of the root"))
        .collect()
}

fn migrations(paths: &[String]) -> Vec<RuleViolation> {
    let [sqlite, postgres] = MIGRATIONS.map(|directory| {
        paths.iter().filter_map(|path| path.strip_prefix(directory)).collect::<BTreeSet<&str>>()
    });
    let mut violations = Vec::new();
    for (directory, has, other) in
        [(MIGRATIONS[0], &sqlite, &postgres), (MIGRATIONS[1], &postgres, &sqlite)]
    {
        for name in other.difference(has) {
            let path = format!("{directory}{name}");
            violations.push(RuleViolation::new(&path, 1, "is missing; the other engine has it"));
        }
        let mut by_number: BTreeMap<&str, &str> = BTreeMap::new();
        for name in has {
            let number = name.split('_').next().unwrap_or(name);
            if let Some(first) = by_number.insert(number, name) {
                let path = format!("{directory}{name}");
                violations.push(RuleViolation::new(&path, 1, format!("has the number of {first}")));
            }
        }
    }
    violations
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(paths: &[&str]) -> Vec<String> {
        let paths: Vec<String> = paths.iter().map(ToString::to_string).collect();
        check(&paths).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn the_root_has_the_listed_files_only() {
        assert_eq!(found(&["README.md", "crates/web/src/lib.rs", "test"]), [""; 0]);
        assert_eq!(found(&["REPORT.md"]), ["REPORT.md:1: is not in the list of files of the root"]);
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
        let violations = check(&paths.collect::<Vec<_>>());
        assert_eq!(violations.len(), 2);
        assert!(violations[0].to_string().contains("0001_b.sql:1: has the number of 0001_a.sql"));
    }
}
