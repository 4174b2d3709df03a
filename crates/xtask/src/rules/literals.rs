//! Rules about SQL: it is written in `store` only, and all rows of a statement with RETURNING are
//! fetched.

use crate::source::Source;
use crate::violation::RuleViolation;

/// Files with SQL: `store`, this crate, which names the keywords, and the fixture that terminates
/// PostgreSQL sessions.
const SQL_PLACES: [&str; 3] = ["crates/store/", "crates/xtask/", "crates/testkit/src/postgres.rs"];

/// The words of a statement in order. The trailing space excludes names.
const STATEMENTS: [&[&str]; 4] =
    [&["SELECT "], &["INSERT INTO "], &["UPDATE ", "SET "], &["DELETE FROM "]];

/// Methods that end a statement after its first row. SQLite commits at that moment, and sqlx
/// ignores an error of that COMMIT.
const FIRST_ROW_METHODS: [&str; 4] =
    [".fetch_one(", ".fetch_optional(", ".fetch_scalar(", ".fetch_optional_scalar("];

pub(crate) fn check(source: &Source<'_>) -> Vec<RuleViolation> {
    check_place(source).into_iter().chain(check_returning(source)).collect()
}

/// Finds statements with RETURNING of this file whose rows are fetched by a method that ends them
/// early: `static NAME` up to its `RETURNING`, and `&NAME` behind the method.
fn check_returning(source: &Source<'_>) -> Vec<RuleViolation> {
    let (mut name, mut returning) = ("", Vec::new());
    let mut violations = Vec::new();
    if !source.path.starts_with("crates/store/") {
        return violations;
    }
    for (index, line) in source.lines.iter().enumerate() {
        if let Some((_, rest)) = line.text.split_once("static ") {
            name = rest.split(':').next().unwrap_or_default();
        }
        if line.text.contains("RETURNING") {
            returning.push(name);
        }
        let called = FIRST_ROW_METHODS.iter().find_map(|method| line.text.split_once(method));
        let Some((_, arguments)) = called else { continue };
        // Long arguments begin on the next line.
        let next = source.lines.get(index + 1).map_or("", |next| next.text.trim_start());
        let arguments = if arguments.is_empty() { next } else { arguments };
        let run = arguments.trim_start_matches('&').split(',').next().unwrap_or_default();
        if returning.contains(&run) {
            let what = format!("`{run}` has RETURNING: use fetch_all");
            violations.push(RuleViolation::new(source.path, index + 1, what));
        }
    }
    violations
}

fn check_place(source: &Source<'_>) -> Vec<RuleViolation> {
    if SQL_PLACES.iter().any(|place| source.path.starts_with(place)) {
        return Vec::new();
    }
    let in_product = source.literals.iter().filter(|(line, _)| !source.lines[line - 1].is_test);
    in_product
        .filter(|(_, content)| STATEMENTS.iter().any(|words| in_order(content, words)))
        .map(|(line, _)| RuleViolation::new(source.path, *line, "SQL outside of the crate `store`"))
        .collect()
}

fn in_order(content: &str, words: &[&str]) -> bool {
    // A line end is a space in SQL.
    let content = content.replace('\n', " ");
    let mut rest = content.as_str();
    words.iter().all(|word| match rest.split_once(word) {
        Some((_, after)) => {
            rest = after;
            true
        }
        None => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, content: &str) -> Vec<String> {
        check(&Source::parse(path, content)).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn sql_is_found_outside_of_store() {
        let what = "SQL outside of the crate `store`";
        for sql in [
            "SELECT 1",
            "INSERT INTO players VALUES (1)",
            "UPDATE players\nSET cash = 1",
            "DELETE FROM\nplayers",
        ] {
            let content = format!("//! x.\nf(r#\"{sql}\"#);");
            assert_eq!(
                found("crates/web/src/a.rs", &content),
                [format!("crates/web/src/a.rs:2: {what}")]
            );
            assert_eq!(found("crates/store/src/a.rs", &content), [""; 0]);
        }
    }

    #[test]
    fn all_rows_of_a_statement_with_returning_are_fetched() {
        let file = |method: &str| {
            format!(
                "//! x.\nstatic READ: Lazy = f(\"SELECT 1\");\nstatic ADD: Lazy = f(\"INSERT\n\
                 RETURNING id\");\nself.reader().fetch_one(&READ, (1,));\nself.writer()\n\
                 .{method}(\n&ADD, (1,));"
            )
        };
        let path = "crates/store/src/a.rs";
        assert_eq!(found(path, &file("fetch_all")), [""; 0]);
        for method in FIRST_ROW_METHODS.map(|method| method.trim_matches(['.', '('])) {
            let what = "`ADD` has RETURNING: use fetch_all";
            assert_eq!(found(path, &file(method)), [format!("{path}:7: {what}")]);
            let one_line = file(method).replace("(\n&ADD", "(&ADD").replace("()\n.", "().");
            assert_eq!(found(path, &one_line), [format!("{path}:6: {what}")]);
        }
    }

    #[test]
    fn prose_comments_and_tests_are_not_sql() {
        let prose = "// SELECT 1\nf(\"Select a stock, then UPDATE it\");";
        assert_eq!(found("crates/web/src/a.rs", prose), [""; 0]);
        let test = "#[cfg(test)]\nmod tests {\n    const A: &str = \"SELECT 1\";\n}";
        assert_eq!(found("crates/web/src/a.rs", test), [""; 0]);
    }
}
