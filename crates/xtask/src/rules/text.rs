//! Rules about lines: the header, the number of columns, unfinished code and comments.

use crate::source::{Source, SourceLine, is_word};
use crate::violation::RuleViolation;

const COLUMNS_MAX: usize = 100;

/// What no code contains, and what to do instead.
const BANNED: [(&str, &str); 6] = [
    ("#[allow(", "use #[expect(lint, reason = …)]"),
    ("#![allow(", "use #[expect(lint, reason = …)]"),
    ("#[ignore", "a test runs or is deleted"),
    ("todo!", "finish it"),
    ("unimplemented!", "finish it"),
    ("dbg!", "remove it"),
];

const UNFINISHED: [&str; 3] = ["TODO", "FIXME", "XXX"];

/// Files besides Rust whose comments are checked.
const COMMENTED: [&str; 8] = [".toml", ".sql", ".sh", ".css", ".js", ".html", ".yml", "/run"];

/// Checks a file that is not Rust.
pub(crate) fn check_any(path: &str, content: &str) -> Vec<RuleViolation> {
    if path != "test" && !COMMENTED.iter().any(|ending| path.ends_with(ending)) {
        return Vec::new();
    }
    let lines = content.lines().enumerate();
    lines.filter_map(|(index, line)| unfinished(path, index + 1, line)).collect()
}

pub(crate) fn check_rust(source: &Source<'_>) -> Vec<RuleViolation> {
    let path = source.path;
    let mut violations = Vec::new();
    if !source.lines.first().is_some_and(|line| line.text.starts_with("//!")) {
        violations.push(RuleViolation::new(
            path,
            1,
            "the file does not begin with `//!`: write what it is for",
        ));
    }
    for (index, line) in source.lines.iter().enumerate() {
        let mut found = |what: String| violations.push(RuleViolation::new(path, index + 1, what));
        for (banned, instead) in BANNED {
            if contains_word(&line.code, banned) {
                found(format!("`{banned}`: {instead}"));
            }
        }
        if !line.is_test && line.code.contains(".unwrap()") {
            found("`.unwrap()` outside of tests: return an error or name the invariant".to_owned());
        }
        // A bench may measure something that waits.
        let waits_for_events = line.is_test && !path.contains("/benches/");
        if waits_for_events && contains_word(&line.code, "sleep") {
            found("a sleep in a test: wait for the event".to_owned());
        }
        if is_too_long(line) {
            found(format!("{} columns, at most {COLUMNS_MAX}", line.text.chars().count()));
        }
        violations.extend(unfinished(path, index + 1, &line.comment));
    }
    violations
}

/// URLs cannot be broken, and the text of a string may be longer than code.
fn is_too_long(line: &SourceLine<'_>) -> bool {
    line.text.chars().count().saturating_sub(line.literal_chars) > COLUMNS_MAX
        && !line.text.contains("://")
}

fn unfinished(path: &str, line: usize, text: &str) -> Option<RuleViolation> {
    let word = UNFINISHED.into_iter().find(|word| contains_word(text, word))?;
    Some(RuleViolation::new(path, line, format!("{word}: finish it, or open an issue")))
}

/// Whether the text contains `word`, and not as a part of a longer identifier.
pub(crate) fn contains_word(text: &str, word: &str) -> bool {
    let ends_open = |c: Option<char>, edge: Option<char>| {
        !(c.is_some_and(is_word) && edge.is_some_and(is_word))
    };
    text.match_indices(word).any(|(at, _)| {
        ends_open(text[..at].chars().next_back(), word.chars().next())
            && ends_open(text[at + word.len()..].chars().next(), word.chars().next_back())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The violations of a file with a header line before `content`.
    fn violations(path: &str, content: &str) -> Vec<String> {
        let content = format!("//! x.\n{content}");
        let found = check_rust(&Source::parse(path, &content));
        found.into_iter().map(|violation| violation.to_string()).collect()
    }

    fn passes(path: &str, content: &str) {
        assert_eq!(violations(path, content), [""; 0]);
    }

    fn fails(path: &str, content: &str, part: &str) {
        let found = violations(path, content);
        assert!(found.len() == 1 && found[0].contains(part), "{found:?} is not about {part}");
    }

    #[test]
    fn a_file_begins_with_its_purpose() {
        assert_eq!(check_rust(&Source::parse("a.rs", "//! For this.\n")).len(), 0);
        assert_eq!(check_rust(&Source::parse("a.rs", "use std::fmt;\n")).len(), 1);
        assert_eq!(check_rust(&Source::parse("a.rs", "")).len(), 1);
    }

    #[test]
    fn lines_have_a_hundred_columns() {
        passes("a.rs", &"x".repeat(100));
        passes("a.rs", &format!("// https://example.org/{}", "x".repeat(100)));
        passes("a.rs", &format!("f(\"{}\")", "x".repeat(100)));
        fails("a.rs", &"x".repeat(101), "a.rs:2: 101 columns");
        fails("a.rs", &format!("// {}", "é".repeat(98)), "101 columns");
    }

    #[test]
    fn banned_words_are_banned_in_code_only() {
        passes("a.rs", "/// Not `todo!()` and no #[allow(x)].\nf(\"dbg!\"); my_todo!();");
        passes("a.rs", "#[expect(x, reason = \"y\")]");
        fails("a.rs", "#[allow(dead_code)]", "#[expect(");
        fails("a.rs", "#![allow(dead_code)]", "#[expect(");
        fails("a.rs", "#[ignore = \"slow\"]", "deleted");
        fails("a.rs", "todo!()", "finish");
        fails("a.rs", "unimplemented!()", "finish");
        fails("a.rs", "dbg!(x)", "remove");
    }

    #[test]
    fn unwrap_is_for_tests() {
        passes("a.rs", "#[cfg(test)]\nmod tests {\n    x.unwrap();\n}");
        passes("crates/a/tests/b.rs", "x.unwrap();");
        passes("a.rs", "x.unwrap_or(1);");
        fails("a.rs", "x.unwrap();", "invariant");
    }

    #[test]
    fn tests_do_not_sleep() {
        passes("a.rs", "tokio::time::sleep(x).await;");
        passes("crates/a/tests/b.rs", "no_sleep();");
        passes("crates/a/benches/b.rs", "tokio::time::sleep(x).await;");
        fails("a.rs", "#[cfg(test)]\nmod tests {\n    thread::sleep(x);\n}", "a.rs:4: a sleep");
        fails("crates/a/tests/b.rs", "tokio::time::sleep(x).await;", "event");
    }

    #[test]
    fn comments_have_no_unfinished_work() {
        passes("a.rs", "let TODO = \"TODO\"; // TODOs are elsewhere.");
        fails("a.rs", "x(); // TODO later", "TODO");
        assert_eq!(check_any("a.sql", "-- FIXME").len(), 1);
        assert_eq!(check_any("a.sql", "-- fine").len(), 0);
        assert_eq!(check_any("a.md", "No TODO here").len(), 0);
    }
}
