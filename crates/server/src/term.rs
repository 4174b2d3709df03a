//! The terminal of the person who runs a command: results on stdout, errors and progress on stderr.
//! Events of a running server are logged through `tracing` instead.

use std::io::{IsTerminal, Write};

use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

/// Writes text to stdout as it is. A closed pipe (`openbell … | head`) is no error.
pub(crate) fn print(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

pub(crate) fn print_json(value: &impl Serialize) {
    print(&to_json(value));
}

/// Indented JSON with a line break at its end.
pub(crate) fn to_json(value: &impl Serialize) -> String {
    // Our reports have numbers, texts and string keys, which always have a JSON text.
    serde_json::to_string_pretty(value).unwrap_or_default() + "\n"
}

/// Writes an error to stderr as one line.
pub(crate) fn print_error(text: &str) {
    let mut err = std::io::stderr().lock();
    let _ = writeln!(err, "openbell: {}", one_line(text));
}

/// A progress bar on stderr; hidden unless stderr is a terminal.
pub(crate) fn progress_bar(template: &str, total: u64) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template(template);
    ProgressBar::new(total).with_style(style.unwrap_or(ProgressStyle::default_bar()))
}

/// The text with every run of white space folded into one space.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// An error and its causes as one line. Our errors do not repeat their source; those of some
/// libraries do, so a cause that the text contains already is left out.
pub(crate) fn error_chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = one_line(&error.to_string());
    let mut cause = error.source();
    while let Some(next) = cause {
        let words = one_line(&next.to_string());
        if !text.contains(&words) {
            text.push_str(": ");
            text.push_str(&words);
        }
        cause = next.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("cannot do it")]
    struct Outer(#[source] std::io::Error);

    #[test]
    fn an_error_and_its_causes_are_one_line() {
        let error = Outer(std::io::Error::other("disk\n  full"));
        assert_eq!(error_chain(&error), "cannot do it: disk full");
    }
}
