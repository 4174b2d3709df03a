//! Rules about words: names and prose use the standard term of the field. The tables below are the
//! only list of rejected words, each with what to write instead.

use crate::rules::text::contains_word;
use crate::source::Source;
use crate::syntax::Syntax;
use crate::violation::RuleViolation;

/// Names that no type and no enum variant has.
const TYPE_NAMES: [(&str, &str); 35] = [
    ("Asked", "OrderRequest, RangeQuery, …"),
    ("Beside", "JoinedColumns"),
    ("Chance", "Rng, SeededRng"),
    ("Checked", "the result of the check"),
    ("Closing", "RankSnapshotWriter, SessionClose, …"),
    ("Depot", "ArchiveStore"),
    ("Door", "SessionLookup"),
    ("Doubt", "UnknownCommit, UnconfirmedPrice, …"),
    ("Due", "InvalidationQueue, or what is due"),
    ("Facts", "RequestInfo, MarketInfo, …"),
    ("Failure", "an error type: JobError, CommandError, …"),
    ("Fault", "an error type: ProviderError, LayerError, …"),
    ("Flight", "SingleFlight"),
    ("Flights", "SingleFlight"),
    ("Heard", "BusEvent"),
    ("InDoubt", "CommitUnknown"),
    ("Kept", "StoredOutcome, StoredQuote, CacheEntry, …"),
    ("Landing", "Leader"),
    ("Listener", "Subscriber"),
    ("Looked", "CacheLookup"),
    ("Lookups", "CompanyLookup"),
    ("Mark", "PendingTag, or what is marked"),
    ("Own", "MyPosition, …"),
    ("Pilot", "Leader"),
    ("Question", "ProviderRequest, …"),
    ("Refusal", "ProviderError; Rejection for an expected outcome of an order"),
    ("Seat", "FencedMonth, …"),
    ("Shown", "the thing that is shown"),
    ("Speaker", "Publisher"),
    ("Stake", "Position"),
    ("Told", "StreamEvent, UpstreamQuote, …"),
    ("Verdict", "the outcome that is decided"),
    ("Wanted", "LoadKey"),
    ("Worth", "PortfolioValue"),
    ("World", "Services; Fixture in tests"),
];

/// Names that are too general for a type. Variants may have them: their enum gives the context.
const BARE_NAMES: [(&str, &str); 6] = [
    ("Answer", "name what is answered: OrderResponse, …"),
    ("Line", "name what the line is of"),
    ("Page", "name what the page lists: StockPage, …"),
    ("Parts", "Deps of the crate, or the fields' own name"),
    ("Place", "CacheKey, ConnectionPermit, HistoryCursor, Rank, …"),
    ("Row", "name what the row holds: StockRow, …"),
];

/// Variants that are states or fields of the database and of the API.
const VARIANTS_ALLOWED: [&str; 1] = ["Due"];

const FUNCTION_NAMES: [(&str, &str); 10] = [
    ("carry", "serve_connection, forward, …"),
    ("complain", "print_error"),
    ("fly", "run"),
    ("hear", "on_event, receive, …"),
    ("note_route", "record_route"),
    ("say", "print, publish, log, …"),
    ("surround", "request_context"),
    ("take_off", "join, start, …"),
    ("tell", "publish, send, report, …"),
    ("welcome", "add_player, …"),
];

/// Words and phrases that no comment, string or document contains, in lower case.
const PROSE: [(&str, &str); 10] = [
    ("anybody", "the client, the caller, the player, the operator"),
    ("hears", "receives"),
    ("nobody", "no client, no player, no operator"),
    ("somebody", "a client, a player, an operator"),
    ("someone", "a client, a player, an operator"),
    ("that is none", "what it is: \"a malformed key\""),
    ("tells", "reports, returns, logs, publishes"),
    ("whoever", "the client, the caller, the player, the operator"),
    ("whom", "the client, the caller, the player, the operator"),
    ("whomever", "the client, the caller, the player, the operator"),
];

/// This file, which has to name the words.
const TABLE: &str = "crates/xtask/src/rules/words.rs";

/// Checks a Rust file.
pub(crate) fn check_rust(source: &Source<'_>, syntax: &Syntax) -> Vec<RuleViolation> {
    let path = source.path;
    if path == TABLE {
        return Vec::new();
    }
    let mut violations = Vec::new();
    let mut found =
        |line: usize, what: String| violations.push(RuleViolation::new(path, line, what));
    let named = |name: &str, tables: &[&[(&str, &str)]]| {
        let entry = tables.iter().copied().flatten().find(|(word, _)| *word == name)?;
        Some(format!("the name `{name}` is rejected: write {}", entry.1))
    };
    for item in &syntax.types {
        if let Some(what) = named(&item.name.name, &[&TYPE_NAMES, &BARE_NAMES]) {
            found(item.name.line, what);
        }
    }
    for variant in &syntax.variants {
        if let Some(what) = named(&variant.name, &[&TYPE_NAMES])
            && !VARIANTS_ALLOWED.contains(&variant.name.as_str())
        {
            found(variant.line, what);
        }
    }
    for function in &syntax.functions {
        if let Some(what) = named(&function.name.name, &[&FUNCTION_NAMES]) {
            found(function.name.line, what);
        }
    }
    let comments = source.lines.iter().enumerate();
    let comments = comments.map(|(index, line)| (index + 1, line.comment.as_str()));
    let literals = source.literals.iter().map(|(line, text)| (*line, text.as_str()));
    for (line, text) in comments.chain(literals) {
        prose(text).for_each(|(offset, what)| found(line + offset, what));
    }
    violations
}

/// The files of prose: documents, configuration with its comments, and the texts of the pages.
const PROSE_FILES: [&str; 3] = [".md", ".toml", ".ftl"];

/// Checks a document.
pub(crate) fn check_document(path: &str, content: &str) -> Vec<RuleViolation> {
    if !PROSE_FILES.iter().any(|end| path.ends_with(end)) {
        return Vec::new();
    }
    prose(content).map(|(offset, what)| RuleViolation::new(path, offset + 1, what)).collect()
}

/// The rejected words of a text, with the number of line ends before them.
fn prose(text: &str) -> impl Iterator<Item = (usize, String)> {
    text.lines().enumerate().flat_map(|(offset, line)| {
        let line = line.to_lowercase();
        let rejected = PROSE.iter().filter(move |(word, _)| contains_word(&line, word));
        rejected.map(move |(word, instead)| {
            (offset, format!("\"{word}\" is rejected: write {instead}"))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(content: &str) -> Vec<String> {
        let path = "crates/web/src/a.rs";
        let violations = check_rust(&Source::parse(path, content), &Syntax::parse(content));
        violations
            .iter()
            .map(|found| found.to_string().replacen("crates/web/src/", "", 1))
            .collect()
    }

    #[test]
    fn rejected_type_names_are_found_where_they_are_declared() {
        let what = "the name `Door` is rejected: write SessionLookup";
        for content in ["pub struct Door;", "type Door = u8;", "enum A { Door }", "trait Door {}"] {
            assert_eq!(found(content), [format!("a.rs:1: {what}")]);
        }
        assert_eq!(found("use a::Door;\nstruct Doors(Door);"), [""; 0]);
    }

    #[test]
    fn general_names_are_rejected_for_types_only() {
        assert_eq!(found("struct Page;").len(), 1);
        assert_eq!(found("enum Target { Page, Due }\nstruct StockPage;"), [""; 0]);
    }

    #[test]
    fn rejected_function_names_are_found_where_they_are_declared() {
        let what = "a.rs:2: the name `say` is rejected: write print, publish, log, …";
        assert_eq!(found("\nfn say() {}"), [what]);
        assert_eq!(found("fn f() { say(); }\nfn essay() {}"), [""; 0]);
    }

    #[test]
    fn rejected_words_are_found_in_comments_and_strings() {
        let what = "\"nobody\" is rejected: write no client, no player, no operator";
        for content in
            ["\n// Nobody.", "\nf(\"nobody\");", "\n/// x\n/// nobody", "f(\"\nnobody\")"]
        {
            let line = content.lines().position(|line| line.to_lowercase().contains("nobody"));
            assert_eq!(found(content), [format!("a.rs:{}: {what}", line.unwrap() + 1)]);
        }
        assert_eq!(found("fn nobody() { tells(); } // nobody_else"), [""; 0]);
    }

    #[test]
    fn rejected_words_are_found_in_documents() {
        for path in ["docs/a.md", "config/a.toml", "words/en/a.ftl"] {
            assert_eq!(check_document(path, "one\ntwo: whoever asks").len(), 1, "{path}");
        }
        assert_eq!(check_document("static/a.css", "whoever"), []);
    }
}
