//! The rule about what stands in string literals: SQL is written in `store` alone.

use crate::source::Source;
use crate::tidy::Finding;

/// Where SQL may stand: its own crate, this one, which has to name the keywords, and the fixture
/// that kills the sessions of a cluster.
const SQL_PLACES: [&str; 3] = ["crates/store/", "crates/xtask/", "crates/testkit/src/postgres.rs"];

/// Words of a statement, in order; a trailing space keeps prose and names apart from SQL.
const STATEMENTS: [&[&str]; 4] =
    [&["SELECT "], &["INSERT INTO "], &["UPDATE ", "SET "], &["DELETE FROM "]];

/// Checks a Rust file.
pub(crate) fn check(source: &Source<'_>) -> Vec<Finding> {
    if SQL_PLACES.iter().any(|place| source.path.starts_with(place)) {
        return Vec::new();
    }
    let in_product = source.literals.iter().filter(|(line, _)| !source.lines[line - 1].is_test);
    in_product
        .filter(|(_, content)| STATEMENTS.iter().any(|words| in_order(content, words)))
        .map(|(line, _)| Finding::new(source.path, *line, "SQL outside of the crate `store`"))
        .collect()
}

fn in_order(content: &str, words: &[&str]) -> bool {
    // Statements are written over several lines; a line's end is a space to SQL.
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
    fn prose_comments_and_tests_are_not_sql() {
        let prose = "// SELECT 1\nf(\"Select a stock, then UPDATE it\");";
        assert_eq!(found("crates/web/src/a.rs", prose), [""; 0]);
        let test = "#[cfg(test)]\nmod tests {\n    const A: &str = \"SELECT 1\";\n}";
        assert_eq!(found("crates/web/src/a.rs", test), [""; 0]);
    }
}
