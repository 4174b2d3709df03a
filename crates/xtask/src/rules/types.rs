//! The rule that the name of a public type stands for one thing in the whole workspace.

use std::collections::BTreeMap;

use crate::source::Source;
use crate::syntax::Syntax;
use crate::violation::RuleViolation;

/// Names that several crates may declare, and why they mean the same.
const SHARED: [(&str, &str); 0] = [];

/// Checks the types of all files but those of tests.
pub(crate) fn check<'a>(
    files: impl Iterator<Item = (&'a Source<'a>, &'a Syntax)>,
) -> Vec<RuleViolation> {
    let mut first_places: BTreeMap<&str, String> = BTreeMap::new();
    let mut violations = Vec::new();
    for (source, syntax) in files {
        let path = source.path;
        let public = syntax.types.iter().filter(|item| item.is_public).map(|item| &item.name);
        for name in public.filter(|name| !source.lines[name.line - 1].is_test) {
            if SHARED.iter().any(|(shared, _)| *shared == name.name) {
                continue;
            }
            let place = format!("{path}:{}", name.line);
            if let Some(first) = first_places.get(name.name.as_str()) {
                let what = format!("the type name `{}` is taken by {first}", name.name);
                violations.push(RuleViolation::new(path, name.line, what));
            } else {
                first_places.insert(&name.name, place);
            }
        }
    }
    violations
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(files: &[(&str, &str)]) -> Vec<String> {
        let parse = |(path, content)| (Source::parse(path, content), Syntax::parse(content));
        let parsed: Vec<_> = files.iter().copied().map(parse).collect();
        let violations = check(parsed.iter().map(|(source, syntax)| (source, syntax)));
        violations.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_public_name_is_declared_once() {
        let a = ("crates/a/src/lib.rs", "pub struct Quote;");
        let what = "crates/b/src/c.rs:2: the type name `Quote` is taken by crates/a/src/lib.rs:1";
        assert_eq!(found(&[a, ("crates/b/src/c.rs", "\npub(crate) enum Quote {}")]), [what]);
        assert_eq!(found(&[a, ("crates/b/src/c.rs", "struct Quote;")]), [""; 0]);
    }

    #[test]
    fn names_of_tests_are_free() {
        let files = [
            ("crates/a/src/lib.rs", "pub struct Quote;"),
            ("crates/a/tests/b.rs", "pub struct Quote;"),
            ("crates/a/src/c.rs", "#[cfg(test)]\nmod tests {\n    pub struct Quote;\n}"),
        ];
        assert_eq!(found(&files), [""; 0]);
    }
}
