//! The drill: situations of the runbook on throwaway deployments. Each is caused, its alert fires
//! by the shipped rules, the commands of its page run, and its remedy resolves the alert. Some
//! situations run always, the others in the long run; `deploy/drill` writes the transcript of all.

mod busy;
mod defects;
mod exercise;
mod ledger;
mod nodes;
mod one_server;
mod transcript;

use std::path::PathBuf;

use self::exercise::Drill;
use crate::monitoring::{alerts, kebab, repository_file};

/// Names the directory for the parts of the transcript.
const TRANSCRIPT_VARIABLE: &str = "OPENBELL_TEST_DRILL";

/// Writes a part of the transcript, if one is wanted.
fn save(drill: &Drill, part: &str) {
    if let Some(directory) = std::env::var_os(TRANSCRIPT_VARIABLE) {
        let file = PathBuf::from(directory).join(format!("{part}.md"));
        std::fs::write(&file, drill.transcript()).expect("written");
    }
}

#[test]
fn the_transcript_has_every_alert_or_states_why_it_was_not_caused() {
    let transcript = repository_file("docs/runbook/drill.md");
    for alert in alerts() {
        let link = format!("[{alert}]({}.md)", kebab(&alert));
        assert!(transcript.contains(&link), "docs/runbook/drill.md lacks {alert}");
    }
    let index = repository_file("docs/runbook/README.md");
    assert!(index.contains("](drill.md)"), "README.md has no link to the transcript");
    for word in ["/tmp/", "/root/", "postgres@"] {
        assert!(!transcript.contains(word), "the transcript has {word:?} of a machine");
    }
}
