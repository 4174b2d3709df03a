//! Rules of the catalog, checked against all templates and the code of pages.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use fluent_syntax::ast::{Entry, Expression, InlineExpression, Pattern, PatternElement};

use super::*;

mod calls;

/// The beginnings of keys that code composes. Each such key must occur in a test.
const COMPOSED: [&str; 0] = [];
const FILE_NAMES: [&str; FILES] = [
    "common",
    "errors",
    "auth",
    "market",
    "stock",
    "order",
    "home",
    "portfolio",
    "history",
    "achievements",
    "ranks",
    "settings",
    "ops",
    "about",
    "recover",
    "people",
];

/// Each key of a language with the variables that its message uses.
fn variables(lang: Lang) -> BTreeMap<String, BTreeSet<String>> {
    let mut found = BTreeMap::new();
    for (file, text) in FILE_NAMES.iter().zip(files(lang)) {
        let resource = FluentResource::try_new((*text).to_owned());
        let resource = resource.unwrap_or_else(|(_, errors)| panic!("{lang:?} {file}: {errors:?}"));
        for entry in resource.entries() {
            let Entry::Message(message) = entry else { continue };
            let key = message.id.name.to_owned();
            assert!(
                key.starts_with(&format!("{file}-")),
                "{lang:?}: {key} does not belong in {file}.ftl"
            );
            let pattern = message.value.as_ref().unwrap_or_else(|| panic!("{key} is empty"));
            let mut used = BTreeSet::new();
            collect(pattern, &mut used);
            assert!(found.insert(key.clone(), used).is_none(), "{lang:?}: {key} is repeated");
        }
    }
    found
}

fn collect(pattern: &Pattern<&str>, used: &mut BTreeSet<String>) {
    for element in &pattern.elements {
        let PatternElement::Placeable { expression } = element else { continue };
        match expression {
            Expression::Inline(inline) => collect_variable(inline, used),
            Expression::Select { selector, variants } => {
                collect_variable(selector, used);
                variants.iter().for_each(|variant| collect(&variant.value, used));
            }
        }
    }
}

fn collect_variable(inline: &InlineExpression<&str>, used: &mut BTreeSet<String>) {
    match inline {
        InlineExpression::VariableReference { id } => _ = used.insert(id.name.to_owned()),
        InlineExpression::StringLiteral { .. } | InlineExpression::NumberLiteral { .. } => {}
        other => panic!("{other:?} is more than messages need"),
    }
}

fn files_below(directory: &str, ending: &str) -> Vec<(PathBuf, String)> {
    let mut directories = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join(directory)];
    let mut found = Vec::new();
    while let Some(directory) = directories.pop() {
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() && !path.ends_with("tests") {
                directories.push(path);
            } else if path.to_string_lossy().ends_with(ending) && !path.ends_with("tests.rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                found.push((path, text));
            }
        }
    }
    found
}

/// Every quoted text in templates and code that looks like a key.
fn used_keys() -> BTreeSet<String> {
    let mut sources = files_below("templates", ".html");
    sources.extend(files_below("src/pages", ".rs"));
    let quoted = sources.iter().flat_map(|(_, text)| text.split('"'));
    quoted.filter(|text| is_key(text)).map(str::to_owned).collect()
}

fn is_key(text: &str) -> bool {
    let of_file = |file: &&str| text.strip_prefix(*file).is_some_and(|r| r.starts_with('-'));
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    FILE_NAMES.iter().any(of_file) && text.bytes().all(plain)
}

#[test]
fn all_languages_have_the_same_messages_with_the_same_variables() {
    let english = variables(Lang::En);
    for lang in [Lang::Sn, Lang::Nd] {
        let other = variables(lang);
        let missing: Vec<_> = english.keys().filter(|key| !other.contains_key(*key)).collect();
        assert!(missing.is_empty(), "{lang:?} lacks {missing:?}");
        for (key, used) in &other {
            let without_mode = |used: &BTreeSet<String>| {
                used.iter().filter(|name| *name != "mode").cloned().collect::<BTreeSet<_>>()
            };
            let expected = english.get(key).unwrap_or_else(|| panic!("{lang:?}: {key} is new"));
            assert_eq!(without_mode(used), without_mode(expected), "{lang:?}: {key}");
        }
    }
}

#[test]
fn every_key_is_used_and_every_used_key_exists() {
    let (known, used) = (variables(Lang::En), used_keys());
    let unknown: Vec<_> = used.iter().filter(|key| !known.contains_key(*key)).collect();
    assert!(unknown.is_empty(), "no message for {unknown:?}");
    let composed = |key: &String| COMPOSED.iter().any(|start| key.starts_with(start));
    let unused: Vec<_> =
        known.keys().filter(|key| !used.contains(*key) && !composed(key)).collect();
    assert!(unused.is_empty(), "no page uses {unused:?}");
}

#[test]
fn templates_hold_no_text_of_their_own() {
    for (path, template) in files_below("templates", ".html") {
        // The one block that contains the name of a class.
        let bare = template.replace(" narrow{% endblock %}", "");
        let bare = without(&without(&without(&bare, "{#", "#}"), "{%", "%}"), "{{", "}}");
        for attribute in ["aria-label", "placeholder", "title", "alt", "aria-description"] {
            for value in bare.split(&format!(" {attribute}=\"")).skip(1) {
                let value = value.split('"').next().unwrap_or_default();
                assert!(!has_words(value), "{}: {attribute}={value:?}", path.display());
            }
        }
        let text = without(&bare, "<", ">").replace("Openbell", "");
        for line in text.lines() {
            let line = without(line, "&", ";");
            assert!(!has_words(&line), "{}: {:?}", path.display(), line.trim());
        }
        let addresses = template.split("view.asset(\"").skip(1);
        for name in addresses.filter_map(|rest| rest.split('"').next()) {
            assert_ne!(crate::pages::assets::path(name), "", "{}: {name}", path.display());
        }
        for forbidden in [" style=", "<style", "javascript:", " onclick", " onload", "|safe"] {
            assert!(!template.contains(forbidden), "{}: {forbidden}", path.display());
        }
    }
}

#[test]
fn code_of_pages_holds_no_sentences() {
    for (path, code) in files_below("src/pages", ".rs") {
        let code = code.split("#[cfg(test)]").next().unwrap_or_default();
        for line in code.lines().map(str::trim).filter(|line| !line.starts_with("//")) {
            let exempt = ["tracing::", "reason =", "expect(", "debug_assert", "invariant"];
            if exempt.iter().any(|word| line.contains(word)) {
                continue;
            }
            for literal in line.split('"').skip(1).step_by(2) {
                let is_word = |word: &&str| {
                    word.len() > 1
                        && word.chars().all(char::is_alphabetic)
                        && word.chars().any(char::is_lowercase)
                };
                let words = literal.split(' ').filter(is_word);
                let is_header = literal.contains("default-src") || literal.contains("-src ");
                assert!(words.count() < 3 || is_header, "{}: {literal:?}", path.display());
            }
        }
    }
}

fn has_words(text: &str) -> bool {
    text.chars().any(char::is_alphabetic)
}

/// The text without the parts between these marks.
fn without(text: &str, open: &str, close: &str) -> String {
    let mut parts = text.split(open);
    let mut rest = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        match part.split_once(close) {
            Some((_, after)) => rest.push_str(after),
            None => rest.push_str(part),
        }
    }
    rest
}

#[test]
fn a_missing_message_falls_back_to_english_or_its_key() {
    let home = message(Lang::En, Mode::Kid, "common-home", &[]);
    assert_eq!(home, "Home");
    assert_ne!(message(Lang::Sn, Mode::Kid, "common-home", &[]), home);
    assert_eq!(message(Lang::Sn, Mode::Kid, "common-nothing", &[]), "common-nothing");
}

#[test]
fn numbers_in_messages_are_grouped_and_counted() {
    let retry =
        |count: i64| message(Lang::En, Mode::Standard, "errors-retry", &[("seconds", &count)]);
    assert_eq!(retry(1), "Please try again in one second.");
    assert_eq!(retry(1_234), "Please try again in 1,234 seconds.");
}
