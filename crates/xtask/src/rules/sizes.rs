//! Limits on the length of functions and files, and the lengths that `cargo xtask sizes` prints.

use std::collections::BTreeMap;

use crate::source::Source;
use crate::syntax::{Function, Syntax};
use crate::violation::RuleViolation;

const FUNCTION_LINES_MAX: usize = 60;
/// In files below `src`.
const FILE_LINES_MAX: usize = 500;
/// In files of tests and benches.
const TEST_FILE_LINES_MAX: usize = 600;

/// Checks a Rust file.
pub(crate) fn check(source: &Source<'_>, syntax: &Syntax) -> Vec<RuleViolation> {
    let (path, lines) = (source.path, source.lines.len());
    let in_tests = path.contains("/tests/") || path.contains("/benches/");
    let max = if in_tests { TEST_FILE_LINES_MAX } else { FILE_LINES_MAX };
    let mut violations = Vec::new();
    if lines > max {
        violations.push(RuleViolation::new(
            path,
            lines,
            format!("{lines} lines, at most {max}: split it"),
        ));
    }
    for function in &syntax.functions {
        let Function { name, lines } = function;
        if *lines > FUNCTION_LINES_MAX {
            let what = format!("`{}` has {lines} lines, at most {FUNCTION_LINES_MAX}", name.name);
            violations.push(RuleViolation::new(path, name.line, what));
        }
    }
    violations
}

/// The lengths of the code below `crates/*/src` without tests.
#[derive(Default)]
pub(crate) struct Sizes {
    /// Lines that are not blank, by crate.
    lines: BTreeMap<String, usize>,
    functions: Vec<usize>,
    files: Vec<usize>,
}

impl Sizes {
    pub(crate) fn add(&mut self, source: &Source<'_>, syntax: &Syntax) {
        let Some((name, _)) = source.path.split_once("/src/") else { return };
        let is_product = |line: usize| !source.lines[line - 1].is_test;
        let product = (1..=source.lines.len()).filter(|line| is_product(*line));
        let filled = product.filter(|line| !source.lines[line - 1].text.trim().is_empty()).count();
        if filled == 0 {
            return;
        }
        *self.lines.entry(name.trim_start_matches("crates/").to_owned()).or_default() += filled;
        self.files.push(source.lines.len());
        let functions = syntax.functions.iter().filter(|function| is_product(function.name.line));
        self.functions.extend(functions.map(|function| function.lines));
    }

    /// A table of the crates and a line each for functions and files.
    pub(crate) fn report(mut self) -> Vec<String> {
        let mut report = vec!["production lines, without tests and blank lines:".to_owned()];
        report.extend(self.lines.iter().map(|(name, lines)| format!("{lines:>8} {name}")));
        report.push(format!("{:>8} in all", self.lines.values().sum::<usize>()));
        for (what, lengths) in [("functions", &mut self.functions), ("files", &mut self.files)] {
            lengths.sort_unstable();
            let at = |percent: usize| lengths.get(lengths.len() * percent / 100);
            let [p50, p95] = [50, 95].map(|percent| at(percent).copied().unwrap_or_default());
            let (count, max) = (lengths.len(), lengths.last().copied().unwrap_or_default());
            report.push(format!("{what}: {count}, lines p50 {p50}, p95 {p95}, max {max}"));
        }
        report
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, content: &str) -> Vec<String> {
        let violations = check(&Source::parse(path, content), &Syntax::parse(content));
        violations.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn functions_have_sixty_lines() {
        let function = |lines: usize| format!("fn a() {{{}}}", "\n".repeat(lines - 1));
        assert_eq!(found("crates/a/tests/b.rs", &function(60)), [""; 0]);
        let what = "crates/a/tests/b.rs:1: `a` has 61 lines, at most 60";
        assert_eq!(found("crates/a/tests/b.rs", &function(61)), [what]);
    }

    #[test]
    fn files_of_the_product_are_shorter_than_those_of_tests() {
        for (path, max) in [("crates/a/src/b.rs", 500), ("crates/a/tests/b.rs", 600)] {
            assert_eq!(found(path, &"\n".repeat(max)), [""; 0]);
            let what = format!("{path}:{0}: {0} lines, at most {max}: split it", max + 1);
            assert_eq!(found(path, &"\n".repeat(max + 1)), [what]);
        }
    }

    #[test]
    fn sizes_count_what_is_not_blank_and_no_test() {
        let content = "//! x.\n\nfn a() {\n}\n#[cfg(test)]\nmod tests {\n    fn b() {}\n}\n";
        let mut sizes = Sizes::default();
        for path in ["crates/a/src/b.rs", "crates/a/src/tests.rs", "crates/a/tests/c.rs"] {
            sizes.add(&Source::parse(path, content), &Syntax::parse(content));
        }
        let expected = [
            "production lines, without tests and blank lines:",
            "       3 a",
            "       3 in all",
            "functions: 1, lines p50 2, p95 2, max 2",
            "files: 1, lines p50 8, p95 8, max 8",
        ];
        assert_eq!(sizes.report(), expected);
    }
}
