//! Rules about what a crate depends on: arrows point one way, each heavy library has one home, and
//! versions and features stand in the workspace table only.

use toml::{Table, Value};

use crate::tidy::Finding;

/// Which of our crates a crate may use. A new arrow needs an ADR; `testkit` serves tests only.
const ARROWS: [(&str, &[&str]); 12] = [
    ("domain", &[]),
    ("store", &["domain"]),
    ("cluster", &["domain"]),
    ("trading", &["domain", "store", "cluster"]),
    ("market", &["domain", "store", "cluster"]),
    ("leaderboard", &["domain", "store", "cluster"]),
    ("archive", &["domain", "store", "cluster"]),
    ("web", &["domain", "store", "cluster", "trading", "market", "leaderboard", "archive"]),
    (
        "server",
        &[
            "domain",
            "store",
            "cluster",
            "trading",
            "market",
            "leaderboard",
            "archive",
            "web",
            "load",
        ],
    ),
    ("load", &[]),
    ("testkit", &["domain"]),
    ("xtask", &[]),
];

/// Libraries that a few crates wall off from the rest.
const HOMES: [(&str, &[&str]); 5] = [
    ("redis", &["cluster"]),
    ("sqlx", &["store"]),
    ("reqwest", &["market", "archive"]),
    ("parquet", &["archive"]),
    ("object_store", &["archive"]),
];

/// Libraries that any crate may use in its tests.
const FREE_IN_TESTS: [&str; 2] = ["testkit", "reqwest"];

/// Libraries that single crates may use in their tests: `archive` tampers with a ledger from
/// outside to see whether its verification finds it, `server` locks a database that a command then
/// waits for, the bench of `store` drives the trade path, and the simulation of `trading` is
/// verified at its end.
const IN_TESTS_OF: [(&str, &str); 4] =
    [("sqlx", "archive"), ("sqlx", "server"), ("trading", "store"), ("archive", "trading")];

/// Checks the manifest of one of our crates.
pub(crate) fn check(path: &str, content: &str) -> Vec<Finding> {
    let found = |key: &str, what: String| Finding::new(path, line_of(content, key), what);
    let Ok(manifest) = content.parse::<Table>() else {
        return vec![Finding::new(path, 1, "is not TOML")];
    };
    let name = path.trim_start_matches("crates/").split('/').next().unwrap_or_default();
    let Some((_, arrows)) = ARROWS.iter().find(|(ours, _)| *ours == name) else {
        return vec![Finding::new(path, 1, format!("the crate {name} is new: write an ADR"))];
    };
    let mut findings = Vec::new();
    for (kind, key, value) in dependencies(&manifest) {
        if value.get("workspace").and_then(Value::as_bool) != Some(true) {
            findings.push(found(key, format!("{key} does not come from `workspace = true`")));
        }
        let free = FREE_IN_TESTS.contains(&key) || IN_TESTS_OF.contains(&(key, name));
        if kind == "dev-dependencies" && free {
            continue;
        }
        if ARROWS.iter().any(|(ours, _)| *ours == key) && !arrows.contains(&key) {
            findings
                .push(found(key, format!("{name} may not use {key}: a new arrow needs an ADR")));
        }
        if let Some((_, homes)) = HOMES.iter().find(|(library, _)| *library == key)
            && !homes.contains(&name)
        {
            findings.push(found(key, format!("{key} is used in {} only", homes.join(" and "))));
        }
    }
    findings
}

/// Kind, name and value of each dependency, those of single targets included.
fn dependencies(manifest: &Table) -> Vec<(&'static str, &str, &Value)> {
    let targets = manifest.get("target").and_then(Value::as_table).into_iter();
    let targets = targets.flat_map(Table::values).filter_map(Value::as_table);
    let mut all = Vec::new();
    for table in targets.chain([manifest]) {
        for kind in ["dependencies", "dev-dependencies", "build-dependencies"] {
            let entries = table.get(kind).and_then(Value::as_table).into_iter().flatten();
            all.extend(entries.map(|(key, value)| (kind, key.as_str(), value)));
        }
    }
    all
}

/// The line that names a key, or else the first one.
fn line_of(content: &str, key: &str) -> usize {
    let names = |line: &str| {
        line.trim_start().strip_prefix(key).is_some_and(|rest| rest.starts_with(['.', ' ', '=']))
    };
    content.lines().position(names).map_or(1, |index| index + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passes(path: &str, content: &str) {
        assert_eq!(check(path, content), []);
    }

    fn fails(path: &str, content: &str, what: &str) {
        let found: Vec<String> = check(path, content).iter().map(ToString::to_string).collect();
        assert_eq!(found, [format!("{path}:{what}")]);
    }

    #[test]
    fn versions_stand_in_the_workspace_table() {
        passes("crates/web/Cargo.toml", "[dependencies]\naxum.workspace = true");
        passes("crates/web/Cargo.toml", "[dependencies]\naxum = { workspace = true }");
        let what = "2: axum does not come from `workspace = true`";
        fails("crates/web/Cargo.toml", "[dependencies]\naxum = \"0.8\"", what);
        fails("crates/web/Cargo.toml", "[build-dependencies]\naxum = { path = \"x\" }", what);
        let target = "[target.'cfg(unix)'.dependencies]\naxum = \"0.8\"";
        fails("crates/web/Cargo.toml", target, what);
    }

    #[test]
    fn arrows_point_one_way() {
        passes("crates/web/Cargo.toml", "[dependencies]\nstore.workspace = true");
        let what = "2: store may not use web: a new arrow needs an ADR";
        fails("crates/store/Cargo.toml", "[dependencies]\nweb.workspace = true", what);
        fails("crates/store/Cargo.toml", "[dev-dependencies]\nweb.workspace = true", what);
    }

    #[test]
    fn testkit_is_for_tests() {
        passes("crates/store/Cargo.toml", "[dev-dependencies]\ntestkit.workspace = true");
        let what = "2: store may not use testkit: a new arrow needs an ADR";
        fails("crates/store/Cargo.toml", "[dependencies]\ntestkit.workspace = true", what);
    }

    #[test]
    fn heavy_libraries_stay_at_home() {
        passes("crates/market/Cargo.toml", "[dependencies]\nreqwest.workspace = true");
        passes("crates/web/Cargo.toml", "[dev-dependencies]\nreqwest.workspace = true");
        passes("crates/store/Cargo.toml", "[dependencies]\nsqlx.workspace = true");
        passes("crates/archive/Cargo.toml", "[dev-dependencies]\nsqlx.workspace = true");
        let what = "2: reqwest is used in market and archive only";
        fails("crates/web/Cargo.toml", "[dependencies]\nreqwest.workspace = true", what);
        let what = "2: sqlx is used in store only";
        fails("crates/web/Cargo.toml", "[dev-dependencies]\nsqlx.workspace = true", what);
        let what = "2: redis is used in cluster only";
        fails("crates/web/Cargo.toml", "[dependencies]\nredis.workspace = true", what);
    }

    #[test]
    fn a_new_crate_needs_a_decision() {
        fails("crates/util/Cargo.toml", "", "1: the crate util is new: write an ADR");
    }
}
