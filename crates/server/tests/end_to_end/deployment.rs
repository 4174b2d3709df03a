//! What `deploy/` and the documents name exists: variables, their values and paths.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::server::openbell;

fn repository() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// The texts of the files below a directory, or of one file, by their paths.
fn texts(name: &str) -> BTreeMap<PathBuf, String> {
    let mut found = BTreeMap::new();
    let mut left = vec![repository().join(name)];
    while let Some(path) = left.pop() {
        if path.is_dir() {
            left.extend(path.read_dir().expect("a directory").flatten().map(|entry| entry.path()));
        } else if let Ok(text) = std::fs::read_to_string(&path) {
            found.insert(path, text);
        }
    }
    assert!(!found.is_empty(), "{name}");
    found
}

/// The words of a text that consist of letters, digits and these characters.
fn words<'t>(text: &'t str, others: &'static str) -> impl Iterator<Item = &'t str> {
    text.split(move |c: char| !c.is_ascii_alphanumeric() && !others.contains(c))
}

/// The error of `check-config` with these variables; empty if there is none.
fn refusal<'v>(variables: impl IntoIterator<Item = (&'v str, &'v str)>) -> String {
    let output = openbell(&["check-config"]).envs(variables).output().expect("it runs");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn is_unknown(error: &str) -> bool {
    ["unknown variable", "unknown key"].iter().any(|text| error.contains(text))
}

#[test]
fn every_variable_of_the_deployment_and_the_documents_is_known() {
    let placeholders = ["OPENBELL_", "OPENBELL__", "OPENBELL__SECTION__KEY"];
    let mut names = BTreeMap::new();
    for (path, text) in ["deploy", "docs", "README.md"].iter().flat_map(|name| texts(name)) {
        for name in words(&text, "_").filter(|word| word.starts_with("OPENBELL_")) {
            names.insert(name.to_owned(), path.clone());
        }
    }
    names.retain(|name, _| !placeholders.contains(&name.as_str()));
    assert!(names.len() > 25, "{names:?}");
    for (name, path) in &names {
        let error = refusal([(name.as_str(), "x")]);
        assert!(!is_unknown(&error), "{}: {error}", path.display());
    }
    for wrong in ["OPENBELL__HTTP__LISEN", "OPENBELL_DATABSE_URL"] {
        assert!(is_unknown(&refusal([(wrong, "x")])), "{wrong}");
    }
}

/// The variables of the program that a compose file or a Dockerfile sets, with secrets in place of
/// the ones that come from outside.
fn environment(text: &str) -> Vec<(String, String)> {
    let setting = |line: &str| {
        let line = line.trim().trim_start_matches("ENV ").trim_end_matches(" \\");
        let (name, value) = line.split_once(": ").or_else(|| line.split_once('='))?;
        let value = value.trim_matches(['"', '\'']);
        let value = value.replace("${POSTGRES_PASSWORD:?}", "s3cret");
        let value = value.replace("${S3_SECRET:?}", "s3cret");
        assert!(!value.contains('$'), "{line}");
        name.starts_with("OPENBELL_").then(|| (name.to_owned(), value))
    };
    text.lines().filter(|line| line.contains("OPENBELL_")).filter_map(setting).collect()
}

#[test]
fn the_containers_have_a_valid_configuration() {
    for name in ["Dockerfile", "compose/many-nodes.yaml"] {
        let texts = texts(&format!("deploy/{name}"));
        let settings = environment(texts.values().next().expect("a file"));
        assert!(settings.len() >= 2, "{settings:?}");
        let settings = settings.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        assert_eq!(refusal(settings), "", "{name}");
    }
}

#[test]
fn every_path_that_the_deployment_names_is_in_the_repository() {
    let mut names = BTreeSet::new();
    for (path, text) in texts("deploy") {
        let dir = path.parent().expect("a directory");
        for word in words(&text, "_-./@") {
            let word = word.trim_end_matches(['.', '/']);
            let of_repository = ["deploy/", "docs/", "config/", "crates/"];
            let named = if of_repository.iter().any(|start| word.starts_with(start)) {
                repository().join(word)
            } else if dir.ends_with("compose") && word.starts_with('.') && word.contains('/') {
                dir.join(word)
            } else {
                continue;
            };
            names.insert((named, path.clone()));
        }
    }
    assert!(names.len() > 30, "{names:?}");
    let missing: Vec<_> = names.iter().filter(|(name, _)| !exists(name)).collect();
    assert!(missing.is_empty(), "{missing:#?}");
}

/// Whether there is such a file, or one whose name begins so, as before `*` or `.{service,timer}`.
fn exists(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let entries = path.parent().and_then(|dir| dir.read_dir().ok()).into_iter().flatten().flatten();
    let mut names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    let begin = if name.ends_with('-') { name } else { format!("{name}.") };
    path.exists() || names.any(|found| found.starts_with(&begin))
}
