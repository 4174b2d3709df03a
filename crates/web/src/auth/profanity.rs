//! Detects rude names: by the word list of `rustrict` (mostly English, in many spellings), some
//! added words, and the words that the operator configures. Real names are accepted, also if they
//! contain such a word.

use std::collections::HashSet;
use std::sync::LazyLock;

use domain::text::search_fold;
use rustrict::{Censor, Type};
use unicode_normalization::UnicodeNormalization as _;
use unicode_security::skeleton;

use crate::config::NamesConfig;

/// A refused word of at least this length that is not in the list also matches inside other words.
const INSIDE_LENGTH_MIN: usize = 6;
/// Shorter matches of the list count as whole words only: many names contain `ass`.
const MATCH_LENGTH_MIN: usize = 4;
/// Words that the list lacks.
const ADDED: &str = include_str!("../../data/rude_words.txt");
/// Words that also match inside other words: no name contains them.
const NEVER_HARMLESS: [&str; 2] = ["fuck", "nigger"];
/// Replaces the matches of the list; no folded text contains it.
const MASK: char = '\u{1}';

static REAL_NAMES: LazyLock<HashSet<&str>> = LazyLock::new(|| {
    let lines = include_str!("../../data/real_names.txt").lines();
    lines.filter(|line| !line.starts_with('#')).collect()
});

pub(crate) fn is_rude(name: &str, config: &NamesConfig) -> bool {
    let checked = without_real_names(name, config);
    let is_built_in =
        || is_listed(&checked) || ADDED.lines().any(|word| is_refused(&checked, word, config));
    if config.profanity && is_built_in() {
        return true;
    }
    // The operator's words may be of any script, and numbers.
    let checked = without(name, |word| is_allowed(word, config) || is_real_name(word));
    let refused = config.refused.iter().filter(|word| !shape(word).is_empty());
    refused.into_iter().any(|word| is_refused(&checked, word, config))
}

/// The name without real names, and without words that the list misjudges: numbers, whose digits it
/// reads as letters, and words of other scripts, which it compares by shape.
fn without_real_names(name: &str, config: &NamesConfig) -> String {
    without(name, |word| {
        let letters = word.chars().filter(|c| c.is_alphabetic()).count();
        let digits = word.chars().filter(|c| c.is_numeric()).count();
        (letters == 0 && digits > 1)
            || (letters > 0 && !word.chars().any(is_judged))
            || is_real_name(word)
            || is_allowed(word, config)
    })
}

fn without(name: &str, is_left_out: impl Fn(&str) -> bool) -> String {
    let words = name.split_inclusive(|c: char| !c.is_alphanumeric());
    let is_kept = |word: &&str| !is_left_out(word.trim_end_matches(|c: char| !c.is_alphanumeric()));
    words.filter(is_kept).collect()
}

fn is_real_name(word: &str) -> bool {
    REAL_NAMES.contains(search_fold(word).as_str())
}

fn is_allowed(word: &str, config: &NamesConfig) -> bool {
    let word = search_fold(word);
    config.allowed.iter().any(|allowed| search_fold(allowed) == word)
}

/// Whether a letter is of a script of the list: Latin, Greek, Cyrillic, Han, styled Latin.
fn is_judged(c: char) -> bool {
    c.is_alphabetic()
        && matches!(c, '\0'..='\u{52f}' | '\u{1d00}'..='\u{1fff}' | '\u{2100}'..='\u{24ff}'
            | '\u{2c60}'..='\u{2c7f}' | '\u{3400}'..='\u{9fff}' | '\u{a720}'..='\u{a7ff}'
            | '\u{ff00}'..='\u{ffef}' | '\u{1d400}'..='\u{1d7ff}' | '\u{1f100}'..='\u{1f1ff}')
}

/// Whether the list matches a sufficiently long part of the text, or a whole word.
fn is_listed(text: &str) -> bool {
    let grave = (Type::PROFANE | Type::OFFENSIVE | Type::SEXUAL) & Type::MODERATE_OR_HIGHER;
    let text = search_fold(text);
    let (masked, found) = Censor::from_str(&text)
        .with_ignore_self_censoring(true)
        .with_censor_threshold(grave)
        .with_censor_first_character_threshold(grave)
        .with_censor_replacement(MASK)
        .censor_and_analyze();
    if found.isnt(grave) {
        return false;
    }
    let (text, masked): (Vec<char>, Vec<char>) = (text.chars().collect(), masked.chars().collect());
    // Equally long, unless the text contains invisible characters.
    text.len() != masked.len() || has_match(&text, &masked)
}

/// Whether a match counts. One that begins and ends inside of a word does not, since many names
/// contain a rude word (Matsushita), nor one that joins parts of two words (Shi Ting).
fn has_match(text: &[char], masked: &[char]) -> bool {
    let is_edge =
        |at: Option<usize>| at.and_then(|at| text.get(at)).is_none_or(|c| !c.is_alphabetic());
    let mut at = 0;
    while at < masked.len() {
        let length = masked[at..].iter().take_while(|c| **c == MASK).count();
        let (begins, ends) = (is_edge(at.checked_sub(1)), is_edge(Some(at + length)));
        let found = &text[at..at + length];
        let is_word = begins && ends;
        let counts = match length {
            0 => false,
            _ if found.contains(&' ') => is_word && is_phrase(found),
            MATCH_LENGTH_MIN.. => begins || ends || is_never_harmless(found),
            _ => length == MATCH_LENGTH_MIN - 1 && is_word,
        };
        if counts {
            return true;
        }
        at += length.max(1);
    }
    false
}

/// Whether a match of several words is one by intent: single letters (`f u c k`), words that are
/// all long or rude by themselves, or one that is a match by itself (`fuck you`).
fn is_phrase(found: &[char]) -> bool {
    let words = || found.split(|c| *c == ' ').map(|word| word.iter().collect::<String>());
    let is_long = |word: &str| word.chars().count() >= MATCH_LENGTH_MIN;
    words().all(|word| word.chars().count() <= 1 || is_known(&word))
        || words().all(|word| is_long(&word))
        || words().any(|word| is_long(&word) && is_listed(&word))
}

fn is_never_harmless(found: &[char]) -> bool {
    let shape = shape(&found.iter().collect::<String>());
    NEVER_HARMLESS.into_iter().any(|word| shape.contains(&self::shape(word)))
}

/// Whether a name contains a refused word: as the whole name, as a word of it, or inside a longer
/// word if the refused word is long or the list also matches, which has exceptions for harmless
/// words.
fn is_refused(name: &str, word: &str, config: &NamesConfig) -> bool {
    let look = shape(word);
    let whole = shape(name);
    let by_signs = name.split(|c: char| !c.is_alphanumeric()).map(shape);
    if whole == look || by_signs.chain(pieces(name)).any(|piece| piece == look) {
        return true;
    }
    let is_known = || config.profanity && is_known(word) && is_known(name);
    whole.contains(&look) && (look.chars().count() >= INSIDE_LENGTH_MIN || is_known())
}

/// Whether the list matches a text.
fn is_known(text: &str) -> bool {
    let found = Censor::from_str(&search_fold(text)).with_ignore_self_censoring(true).analyze();
    found.is(Type::PROFANE | Type::OFFENSIVE | Type::SEXUAL | Type::MEAN)
}

/// The words of `MrFuck123`: new ones begin at a capital letter and between letters and digits.
fn pieces(name: &str) -> Vec<String> {
    let mut pieces = vec![String::new()];
    let mut before = ' ';
    for c in name.chars() {
        let is_new = (c.is_uppercase() && before.is_lowercase())
            || (c.is_numeric() != before.is_numeric())
            || !c.is_alphanumeric();
        if is_new {
            pieces.push(String::new());
        }
        if let Some(last) = pieces.last_mut() {
            last.push(c);
        }
        before = c;
    }
    pieces.iter().map(|piece| shape(piece)).collect()
}

/// What a word looks like at a glance: without case, accents and signs, with digits and signs as
/// the letters they stand for, and each letter once however often it is repeated.
fn shape(text: &str) -> String {
    let plain: String = text.nfkc().flat_map(char::to_lowercase).map(letter_of).collect();
    let seen: String = skeleton(&plain).flat_map(char::to_lowercase).collect();
    let mut shape: Vec<char> = seen.nfd().filter(|c| c.is_alphanumeric()).map(letter_of).collect();
    shape.dedup();
    shape.into_iter().collect()
}

/// The letter that a digit or a sign is written for.
fn letter_of(c: char) -> char {
    match c {
        '0' => 'o',
        '1' | '!' | 'l' => 'i',
        '3' => 'e',
        '4' => 'a',
        '5' | '$' => 's',
        '7' => 't',
        '8' => 'b',
        _ => c,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rude(name: &str, refused: &[&str]) -> bool {
        let refused = refused.iter().map(|&word| word.to_owned()).collect();
        is_rude(name, &NamesConfig { refused, ..NamesConfig::default() })
    }

    #[test]
    fn disguised_words_of_the_list_are_found() {
        for name in [
            "Fuckface",
            "MrFuck123",
            "fuuuck",
            "F u c k",
            "f.u.c.k",
            "sh1t",
            "$hit",
            "B1tch",
            "Cunt",
            "Ｆｕｃｋ",
            "FÜCK",
            "сука",
            "xXfuckXx",
            "kaffir",
            "la puta",
            "Merdeface",
            "fuck you",
            "shit head",
            "Heil Hitler",
            "kill yourself",
            "rape you",
            "хуй",
            "Arschloch",
        ] {
            assert!(rude(name, &[]), "{name}");
        }
    }

    #[test]
    fn names_of_people_and_harmless_words_are_left_alone() {
        for name in [
            "Scunthorpe",
            "Dickens",
            "Cassandra",
            "Dick Hancock",
            "Hoffman",
            "Kumar",
            "Anushka",
            "Phuc",
            "Essex",
            "Assange",
            "Nkosinathi Mhlanga Ndlovu",
            "ქართული",
            "+263 77 123 4567",
            "Matsushita",
            "Takeshita",
            "Nishit",
            "Shi Ting",
            "Bich Ngoc",
            "Kunte",
            "Salopek",
            "Nudelman",
            "Raper",
            "Hooker",
            "Analise",
            "Lightwater",
            "Bitcoin",
            "Dick Van Dyke",
            "Tinashe",
            "Chipo",
            "Sexton",
            "Anne Teacher",
            "System Of A Down",
            "Ho",
            "Jean-Luc",
            "O’Brien",
            "李",
            "علی‌رضا",
        ] {
            assert!(!rude(name, &[]), "{name}");
        }
        let names = include_str!("../../data/real_names.txt").lines().skip(1);
        assert!(names.clone().is_sorted(), "the list is sorted");
        for name in names {
            assert_eq!(search_fold(name), name);
        }
    }

    #[test]
    fn refused_words_are_found_in_other_spellings_and_not_in_other_words() {
        for (name, word) in [
            ("so rude", "Rude"),
            ("MrRude123", "rude"),
            ("Ruuude", "rude"),
            ("r.u.d.e", "rude"),
            ("Rud3", "rude"),
            ("Scoundrelly", "scoundrel"),
        ] {
            assert!(!rude(name, &[]), "{name}");
            assert!(rude(name, &[word]), "{name}");
        }
        for (name, word) in [
            ("Prudence", "rude"),
            ("Scunthorpe", "cunt"),
            ("Dickens", "dick"),
            ("Cassandra", "ass"),
        ] {
            assert!(!rude(name, &[word]), "{name}");
        }
        assert!(!rude("Ada", &["", "!"]));
        assert!(rude("Ada 1488", &["1488"]) && rude("مرحبا", &["مرحبا"]));
    }

    #[test]
    fn the_operator_can_allow_a_word_and_leave_the_list_out() {
        let allowed = vec!["Fück".to_owned()];
        assert!(!is_rude("Fück", &NamesConfig { allowed, ..NamesConfig::default() }));
        let without = NamesConfig { profanity: false, ..NamesConfig::default() };
        assert!(!is_rude("Fuckface", &without));
        let refused = vec!["fuck".to_owned()];
        let own = NamesConfig { refused, ..without };
        assert!(is_rude("MrFuck123", &own) && is_rude("fuuuck", &own));
    }
}
