//! Rules about what a crate depends on: workspace crates as in the table of ARCHITECTURE.md, each
//! heavy library in one home, and versions and features in the workspace table only.

use std::collections::BTreeMap;

use toml::{Table, Value};

use crate::violation::RuleViolation;

/// The document whose table of crates lists the dependencies between them.
pub(crate) const DOCUMENT: &str = "ARCHITECTURE.md";

const TABLE_HEAD: &str = "| crate | depends on (workspace crates) |";

/// Libraries that only some crates use.
const HOMES: [(&str, &[&str]); 10] = [
    ("redis", &["cluster"]),
    ("sqlx", &["store"]),
    ("reqwest", &["market", "archive", "notify"]),
    ("lettre", &["notify"]),
    ("parquet", &["archive"]),
    ("object_store", &["archive"]),
    ("opentelemetry", &["server"]),
    ("opentelemetry_sdk", &["server"]),
    ("opentelemetry-otlp", &["server"]),
    ("tracing-opentelemetry", &["server"]),
];

/// Libraries that any crate may use in its tests.
const FREE_IN_TESTS: [&str; 2] = ["testkit", "reqwest"];

/// Libraries that single crates may use in their tests: `archive` changes a ledger to test its
/// verification, `server` locks a database to test its commands, the bench of `store` measures the
/// trade path, and the simulation of `trading` ends with a verification.
const IN_TESTS_OF: [(&str, &str); 4] =
    [("sqlx", "archive"), ("sqlx", "server"), ("trading", "store"), ("archive", "trading")];

/// The workspace crates, each with those that it depends on outside of tests.
pub(crate) struct Arrows(BTreeMap<String, Vec<String>>);

impl Arrows {
    /// Reads the table of ARCHITECTURE.md. `all above` stands for the crates of the rows above.
    pub(crate) fn parse(document: &str) -> Self {
        let rows = document.lines().skip_while(|line| !line.starts_with(TABLE_HEAD)).skip(2);
        let mut arrows: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for row in rows.take_while(|line| line.starts_with('|')) {
            let cells: Vec<&str> =
                row.split('|').map(|cell| cell.trim().trim_matches('`')).collect();
            let [_, name, uses, ..] = cells[..] else { continue };
            let uses = match uses {
                "none" => Vec::new(),
                "all above" => arrows.keys().cloned().collect(),
                names => names.split(", ").map(str::to_owned).collect(),
            };
            arrows.insert(name.to_owned(), uses);
        }
        Self(arrows)
    }
}

/// Checks the manifest of a workspace crate.
pub(crate) fn check(path: &str, content: &str, arrows: &Arrows) -> Vec<RuleViolation> {
    let found = |key: &str, what: String| RuleViolation::new(path, line_of(content, key), what);
    let Ok(manifest) = content.parse::<Table>() else {
        return vec![RuleViolation::new(path, 1, "is not TOML")];
    };
    let name = path.trim_start_matches("crates/").split('/').next().unwrap_or_default();
    let Some(allowed) = arrows.0.get(name) else {
        let what = format!("{DOCUMENT} has no row for the crate {name}: write an ADR");
        return vec![RuleViolation::new(path, 1, what)];
    };
    let mut violations = Vec::new();
    let mut unused = allowed.clone();
    for (kind, key, value) in dependencies(&manifest) {
        if value.get("workspace").and_then(Value::as_bool) != Some(true) {
            violations.push(found(key, format!("{key} does not come from `workspace = true`")));
        }
        if kind != "dev-dependencies" {
            unused.retain(|crate_name| crate_name != key);
        } else if FREE_IN_TESTS.contains(&key) || IN_TESTS_OF.contains(&(key, name)) {
            continue;
        }
        if arrows.0.contains_key(key) && !allowed.iter().any(|crate_name| crate_name == key) {
            let what = format!("{name} may not use {key}: a new arrow needs an ADR");
            violations.push(found(key, what));
        }
        if let Some((_, homes)) = HOMES.iter().find(|(library, _)| *library == key)
            && !homes.contains(&name)
        {
            violations.push(found(key, format!("{key} is used in {} only", homes.join(" and "))));
        }
    }
    let what = |key: String| format!("{name} does not use {key}, which {DOCUMENT} lists");
    violations.extend(unused.into_iter().map(|key| RuleViolation::new(path, 1, what(key))));
    violations
}

/// Kind, name and value of each dependency, including those of `[target]` tables.
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

/// The line of a key, or else the first line.
fn line_of(content: &str, key: &str) -> usize {
    let names = |line: &str| {
        line.trim_start().strip_prefix(key).is_some_and(|rest| rest.starts_with(['.', ' ', '=']))
    };
    content.lines().position(names).map_or(1, |index| index + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The row of `web` lists what each test's manifest uses.
    fn arrows(web: &str) -> Arrows {
        Arrows::parse(&format!(
            "text\n\n{TABLE_HEAD} contents |\n|---|---|---|\n| `domain` | none | x |\n\
             | `store` | none | x |\n| `web` | {web} | x |\n| `market` | none | x |\n\
             | `archive` | none | x |\n| `testkit` | none | x |\n\n| `util` | none | x |\n"
        ))
    }

    fn found(path: &str, content: &str, arrows: &Arrows) -> Vec<String> {
        check(path, content, arrows).iter().map(ToString::to_string).collect()
    }

    fn passes(path: &str, content: &str) {
        assert_eq!(found(path, content, &arrows("none")), [""; 0]);
    }

    fn fails(path: &str, content: &str, what: &str) {
        assert_eq!(found(path, content, &arrows("none")), [format!("{path}:{what}")]);
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
    fn dependencies_equal_the_row_of_their_crate() {
        let path = "crates/web/Cargo.toml";
        let content = "[dependencies]\ndomain.workspace = true\nstore.workspace = true";
        for row in ["domain, store", "all above"] {
            assert_eq!(found(path, content, &arrows(row)), [""; 0]);
        }
        let what = format!("{path}:3: web may not use store: a new arrow needs an ADR");
        assert_eq!(found(path, content, &arrows("domain")), [what]);
        let what = format!("{path}:1: web does not use store, which ARCHITECTURE.md lists");
        let tests_only = content.replace("\nstore", "\n[dev-dependencies]\nstore");
        assert_eq!(found(path, &tests_only, &arrows("domain, store")), [what]);
    }

    #[test]
    fn tests_have_no_arrows_of_their_own() {
        let what = "2: store may not use web: a new arrow needs an ADR";
        fails("crates/store/Cargo.toml", "[dev-dependencies]\nweb.workspace = true", what);
    }

    #[test]
    fn testkit_is_for_tests() {
        passes("crates/store/Cargo.toml", "[dev-dependencies]\ntestkit.workspace = true");
        let what = "2: store may not use testkit: a new arrow needs an ADR";
        fails("crates/store/Cargo.toml", "[dependencies]\ntestkit.workspace = true", what);
    }

    #[test]
    fn heavy_libraries_have_one_home() {
        passes("crates/market/Cargo.toml", "[dependencies]\nreqwest.workspace = true");
        passes("crates/web/Cargo.toml", "[dev-dependencies]\nreqwest.workspace = true");
        passes("crates/store/Cargo.toml", "[dependencies]\nsqlx.workspace = true");
        passes("crates/archive/Cargo.toml", "[dev-dependencies]\nsqlx.workspace = true");
        let what = "2: reqwest is used in market and archive and notify only";
        fails("crates/web/Cargo.toml", "[dependencies]\nreqwest.workspace = true", what);
        let what = "2: sqlx is used in store only";
        fails("crates/web/Cargo.toml", "[dev-dependencies]\nsqlx.workspace = true", what);
        let what = "2: redis is used in cluster only";
        fails("crates/web/Cargo.toml", "[dependencies]\nredis.workspace = true", what);
    }

    #[test]
    fn a_new_crate_needs_a_decision() {
        fails(
            "crates/util/Cargo.toml",
            "",
            "1: ARCHITECTURE.md has no row for the crate util: write an ADR",
        );
    }
}
