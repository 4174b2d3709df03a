//! The transcript of a drill, in Markdown: what was caused, which alert fired, the commands of the
//! runbook with their output. It has no path, address or time of the machine.

use std::fmt::Write as _;

use domain::UnixMicros;

use crate::live::now;

/// The longest output of a command, in lines and in characters a line.
const OUTPUT_LINES: usize = 12;
const LINE_CHARS: usize = 150;
/// Instants this many seconds before or after the start are shown relative to it.
const NEAR_S: i64 = 40 * 86_400;

pub(super) struct Transcript {
    text: String,
    started_at: UnixMicros,
    /// Texts of this machine, and what stands for each.
    names: Vec<(String, String)>,
}

impl Transcript {
    pub(super) fn new() -> Self {
        Self { text: String::new(), started_at: now(), names: Vec::new() }
    }

    /// Replaces a text of this machine from now on.
    pub(super) fn name(&mut self, text: &str, name: &str) {
        self.names.push((text.to_owned(), name.to_owned()));
        // The URL of a database contains its address.
        self.names.sort_by_key(|(text, _)| std::cmp::Reverse(text.len()));
    }

    pub(super) fn heading(&mut self, text: &str) {
        let _ = write!(self.text, "\n## {text}\n");
    }

    pub(super) fn paragraph(&mut self, text: &str) {
        let text = self.anonymous(text);
        let _ = write!(self.text, "\n{text}\n");
    }

    /// A command with its output, as a block of code.
    pub(super) fn command(&mut self, command: &str, output: &str) {
        let _ = write!(self.text, "\n    $ {}\n", command.replace('\n', "\n    "));
        let output = self.anonymous(output);
        let lines: Vec<&str> = output.lines().filter(|line| !line.trim().is_empty()).collect();
        for line in lines.iter().take(OUTPUT_LINES) {
            let short: String = line.chars().take(LINE_CHARS).collect();
            let dots = if short.len() < line.len() { "…" } else { "" };
            let _ = writeln!(self.text, "    {}{dots}", short.trim_end());
        }
        if lines.len() > OUTPUT_LINES {
            let _ = writeln!(self.text, "    … {} more lines", lines.len() - OUTPUT_LINES);
        }
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Without what differs from machine to machine.
    fn anonymous(&self, text: &str) -> String {
        let replace = |text: String, (from, to): &(String, String)| text.replace(from, to);
        let text = self.names.iter().fold(without_colors(text), replace);
        let text = without_dates(&self.relative_instants(&text));
        without_numbers(&without_numbers(&text, "127.0.0.1:"), "port ")
    }

    /// Unix times near the start of the drill as `T+seconds`.
    fn relative_instants(&self, text: &str) -> String {
        let start = self.started_at.0 / 1_000_000;
        let mut relative = String::with_capacity(text.len());
        for word in text.split_inclusive(|c: char| !c.is_ascii_digit()) {
            let digits = word.trim_end_matches(|c: char| !c.is_ascii_digit());
            let seconds = if digits.len() == 10 { digits.parse::<i64>().ok() } else { None };
            match seconds.map(|seconds| seconds - start).filter(|near| near.abs() < NEAR_S) {
                Some(near) => {
                    let _ = write!(relative, "T{near:+}{}", &word[digits.len()..]);
                }
                None => relative.push_str(word),
            }
        }
        relative
    }
}

/// Without the escape sequences of colors.
fn without_colors(text: &str) -> String {
    let mut parts = text.split('\u{1b}');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |plain, part| plain + part.split_once('m').map_or("", |(_, rest)| rest))
}

/// The number after each occurrence of a text as an ellipsis.
fn without_numbers(text: &str, before: &str) -> String {
    let mut parts = text.split(before);
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |short, part| {
        let rest = part.trim_start_matches(|c: char| c.is_ascii_digit());
        let dots = if rest.len() < part.len() { "…" } else { "" };
        short + before + dots + rest
    })
}

/// Dates with a time of day, such as those of log lines, as an ellipsis.
fn without_dates(text: &str) -> String {
    let mut short = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, length)) = find_date(rest) {
        short.push_str(&rest[..before]);
        short.push('…');
        rest = &rest[before + length..];
    }
    short + rest
}

/// The position and the length of the first date with a time.
fn find_date(text: &str) -> Option<(usize, usize)> {
    const SHAPE: &[u8] = b"0000-00-00T00:00:00";
    let is_shaped = |window: &[u8]| {
        window.iter().zip(SHAPE).all(|(byte, shape)| match shape {
            b'0' => byte.is_ascii_digit(),
            b'T' => b"T ".contains(byte),
            _ => byte == shape,
        })
    };
    let start = text.as_bytes().windows(SHAPE.len()).position(is_shaped)?;
    let end = &text[start + SHAPE.len()..];
    let more = end.find(|c: char| !(c.is_ascii_digit() || ".Z+".contains(c))).unwrap_or(end.len());
    Some((start, SHAPE.len() + more))
}

#[test]
fn a_transcript_has_nothing_of_the_machine() {
    let mut transcript = Transcript::new();
    transcript.name("127.0.0.1:4711", "node-a");
    transcript.name("postgres://postgres@127.0.0.1:4711/db", "$DATABASE");
    let second = transcript.started_at.0 / 1_000_000;
    let output = format!(
        "\u{1b}[33m2026-11-30T16:09:58.123456Z WARN\u{1b}[0m at http://127.0.0.1:4711/\n\
         made_at {}\nno answer of 127.0.0.1:5432 and port 4711\nfrom postgres://postgres@127.0.0.1:4711/db since 2026-11-30 16:09:58.1+00 on",
        second - 60
    );
    transcript.command("psql -c 'SELECT 1'", &output);
    let expected = "\n    $ psql -c 'SELECT 1'\n    … WARN at http://node-a/\n    made_at T-60\n    \
                    no answer of 127.0.0.1:… and port …\n    from $DATABASE since … on\n";
    assert_eq!(transcript.text(), expected);
}
