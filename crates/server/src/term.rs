//! What the program says to the person who started it: answers on stdout, one-line complaints on
//! stderr. It is not logging: events of a running server go through `tracing`.

use std::io::{IsTerminal, Write};

/// Writes text to stdout as it is. A reader that has gone away (`openbell … | head`) is no error.
pub(crate) fn say(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// Writes one line to stderr that says why the program ends. Line breaks within it are folded.
pub(crate) fn complain(text: &str) {
    let mut err = std::io::stderr().lock();
    let _ = writeln!(err, "openbell: {}", one_line(text));
}

/// Whether a person watches stderr, so that a progress bar makes sense.
pub(crate) fn is_watched() -> bool {
    std::io::stderr().is_terminal()
}

/// The text with every run of white space folded into one space.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// An error and what caused it, in one line. Our errors do not repeat their source; errors of some
/// libraries do, so a cause that is already said is left out.
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
