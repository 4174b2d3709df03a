//! Removes markup and control characters from texts of files and providers before they are stored,
//! and resolves character references, because clients may insert the texts into a page unescaped.

use std::borrow::Cow;

/// How often references are resolved and tags removed, for texts that were escaped twice.
const ROUNDS_MAX: usize = 5;
/// The longest character reference, without its ends.
const REFERENCE_MAX: usize = 10;
/// Elements whose content is not text.
const HIDDEN: [&str; 4] = ["script", "style", "template", "iframe"];
/// Inline elements, which do not separate words.
const INLINE: [&str; 16] = [
    "a", "abbr", "b", "code", "em", "font", "i", "mark", "q", "s", "small", "span", "strong",
    "sub", "sup", "u",
];
const REFERENCES: [(&str, &str); 18] = [
    ("amp", "&"),
    ("lt", "<"),
    ("gt", ">"),
    ("quot", "\""),
    ("apos", "'"),
    ("nbsp", " "),
    ("rsquo", "\u{2019}"),
    ("lsquo", "\u{2018}"),
    ("rdquo", "\u{201d}"),
    ("ldquo", "\u{201c}"),
    ("ndash", "\u{2013}"),
    ("mdash", "\u{2014}"),
    ("hellip", "\u{2026}"),
    ("reg", "\u{ae}"),
    ("trade", "\u{2122}"),
    ("copy", "\u{a9}"),
    ("eacute", "\u{e9}"),
    ("uuml", "\u{fc}"),
];

/// An external text as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CleanText<'t> {
    /// The plain text, without spaces at its ends.
    pub text: Cow<'t, str>,
    pub had_markup: bool,
    /// Whether it had control characters other than line breaks and tabs, or marks that change the
    /// direction of text.
    pub had_controls: bool,
}

/// Removes markup, control characters and bidirectional controls from a text. Line breaks and tabs
/// become spaces.
pub fn clean_text(text: &str) -> CleanText<'_> {
    let had_controls = text.chars().any(|c| is_control(c) && !is_space(c));
    let plain = without_controls(text);
    match strip_markup(&plain) {
        Some(text) => CleanText { text: Cow::Owned(text), had_markup: true, had_controls },
        None => {
            let text = match plain {
                Cow::Borrowed(text) => Cow::Borrowed(text.trim()),
                Cow::Owned(text) => Cow::Owned(text.trim().to_owned()),
            };
            CleanText { text, had_markup: false, had_controls }
        }
    }
}

/// The text with a space for each control character and without bidirectional controls.
pub(crate) fn without_controls(text: &str) -> Cow<'_, str> {
    if !text.contains(is_control) {
        return Cow::Borrowed(text);
    }
    let plain = text.chars().filter(|c| !is_bidirectional(*c));
    Cow::Owned(plain.map(|c| if is_control(c) { ' ' } else { c }).collect())
}

fn is_space(c: char) -> bool {
    matches!(c, '\n' | '\r' | '\t')
}

/// Control characters, separators of lines and paragraphs, and bidirectional controls.
fn is_control(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') || is_bidirectional(c)
}

/// Characters that change the direction of the text around them and are not visible themselves.
fn is_bidirectional(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2066}'..='\u{2069}')
}

/// The text without markup; `None` where it has none and stays as it is.
fn strip_markup(text: &str) -> Option<String> {
    if !text.contains(['<', '&']) {
        return None;
    }
    let mut plain = text.to_owned();
    for _ in 0..ROUNDS_MAX {
        let next = without_tags(&with_references(&plain));
        if next == plain {
            break;
        }
        plain = next;
    }
    // Markup that survives these rounds is an attack.
    if with_references(&plain) != plain || without_tags(&plain) != plain {
        plain = plain.replace(['<', '>', '&'], " ");
    }
    (plain != text).then(|| plain.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// Resolves the character references that end with a semicolon.
fn with_references(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        let (before, reference) = rest.split_at(at);
        plain.push_str(before);
        let name = reference[1..].split_once(';').map(|(name, _)| name);
        let name = name.filter(|name| name.len() <= REFERENCE_MAX);
        match name.and_then(|name| Some((name, resolve(name)?))) {
            Some((name, resolved)) => {
                plain.push_str(&resolved);
                rest = &reference[name.len() + 2..];
            }
            None => {
                plain.push('&');
                rest = &reference[1..];
            }
        }
    }
    plain.push_str(rest);
    plain
}

fn resolve(name: &str) -> Option<String> {
    let Some(number) = name.strip_prefix('#') else {
        let known = REFERENCES.iter().find(|(known, _)| *known == name);
        return known.map(|(_, text)| (*text).to_owned());
    };
    let code = match number.strip_prefix(['x', 'X']) {
        Some(digits) => u32::from_str_radix(digits, 16).ok()?,
        None => number.parse().ok()?,
    };
    let c = char::from_u32(code)?;
    if is_bidirectional(c) {
        return Some(String::new());
    }
    Some(if is_control(c) || c == '\u{a0}' { ' ' } else { c }.to_string())
}

/// Removes tags, comments and the content of scripts. A `<` that opens no tag stays.
fn without_tags(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('<') {
        let (before, tag) = rest.split_at(at);
        plain.push_str(before);
        let Some(length) = tag_length(tag) else {
            // It would open a tag that is never closed.
            plain.push_str(if opens_tag(tag) { " " } else { "<" });
            rest = &tag[1..];
            continue;
        };
        let name = tag_name(&tag[..length]);
        if !INLINE.contains(&name.as_str()) {
            plain.push(' ');
        }
        rest = &tag[length..];
        if HIDDEN.contains(&name.as_str()) && !tag.starts_with("</") {
            let end = rest.to_ascii_lowercase().find(&format!("</{name}"));
            rest = end.map_or("", |end| &rest[end..]);
        }
    }
    plain.push_str(rest);
    plain
}

/// Whether a browser would take this for the beginning of a tag, a comment or a declaration.
fn opens_tag(text: &str) -> bool {
    let next = text[1..].trim_start_matches('/').chars().next();
    next.is_some_and(|next| next.is_ascii_alphabetic() || matches!(next, '!' | '?'))
}

/// The bytes of the tag or comment at the beginning of a text; `None` when there is none or it has
/// no end.
fn tag_length(text: &str) -> Option<usize> {
    if !opens_tag(text) {
        return None;
    }
    if text.starts_with("<!--") {
        return text.find("-->").map(|end| end + 3);
    }
    let mut quote = None;
    for (at, byte) in text.bytes().enumerate() {
        match (quote, byte) {
            (None, b'>') => return Some(at + 1),
            (None, b'"' | b'\'') if text[..at].trim_end().ends_with('=') => quote = Some(byte),
            (Some(open), byte) if open == byte => quote = None,
            _ => {}
        }
    }
    // A quote that is never closed ends with the tag.
    text.find('>').map(|end| end + 1)
}

fn tag_name(tag: &str) -> String {
    let name = tag.trim_start_matches(['<', '/']);
    let name = name.split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default();
    name.to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn tags_are_removed_and_text_stays() {
        for (text, plain) in [
            ("<b>Apple</b> Inc", "Apple Inc"),
            ("Makes<br>phones", "Makes phones"),
            ("<p>Makes</p><p>phones</p>", "Makes phones"),
            ("A<script>alert('1 < 2')</script>B", "A B"),
            ("A<SCRIPT src=x>alert(1)", "A"),
            ("<img src=x onerror=\"a>b\">Apple", "Apple"),
            ("<a href='x'>Apple</a>", "Apple"),
            ("A<!-- <b> -->B", "A B"),
            ("AT&amp;T", "AT&T"),
            ("Procter &#38; Gamble&#x2019;s", "Procter & Gamble\u{2019}s"),
            ("&lt;b&gt;Apple&lt;/b&gt;", "Apple"),
            ("&amp;lt;script&amp;gt;x&amp;lt;/script&amp;gt;Apple", "Apple"),
            ("Apple <b", "Apple b"),
            ("<<b>script>alert(1)<</b>/script>", "<script>alert(1)</script>"),
        ] {
            let expected = if plain.contains("<script>") { "" } else { plain };
            assert_eq!(strip_markup(text).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn text_without_markup_stays_as_it_is() {
        for text in
            ["Apple", "a < b", "a<1", "AT&T", "M&M  s", "1 <> 2", "R&D; more", "x > y", "<3"]
        {
            assert_eq!(strip_markup(text), None, "{text}");
        }
    }

    #[test]
    fn control_characters_and_marks_of_direction_are_removed() {
        for (text, plain, had_controls) in [
            (" Apple ", "Apple", false),
            ("two\nlines\tand more", "two lines and more", false),
            ("A\0B", "A B", true),
            ("A\u{7}\u{9b}", "A", true),
            ("A\u{202e}elppA\u{202c}", "AelppA", true),
            ("\u{200e}A\u{2066}B\u{2069}\u{200f}\u{61c}", "AB", true),
            ("\u{5d0}\u{5d1}", "\u{5d0}\u{5d1}", false),
        ] {
            let found = clean_text(text);
            assert_eq!((&*found.text, found.had_controls), (plain, had_controls), "{text:?}");
            assert!(!found.had_markup, "{text:?}");
        }
        for (text, plain) in [
            ("A&#x202e;B", "AB"),
            ("A&#0;B", "A B"),
            ("<\u{200e}b>A</\u{200e}b>", "A"),
            ("<&#x200e;b>A", "A"),
        ] {
            let found = clean_text(text);
            assert_eq!((&*found.text, found.had_markup), (plain, true), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn clean_text_stays_as_it_is(text in "[<>/&;!#x0a-b\u{0}\u{202e}\u{200e}\n\"'= -]{0,40}") {
            let once = clean_text(&text).text.into_owned();
            prop_assert!(!once.contains(is_control), "{once:?}");
            prop_assert_eq!(&*clean_text(&once).text, &*once);
        }

        #[test]
        fn nothing_that_is_left_opens_a_tag(text in "[<>/&;!a-b\"'= #-]{0,60}") {
            let plain = strip_markup(&text).unwrap_or(text);
            for (at, _) in plain.match_indices('<') {
                prop_assert!(!opens_tag(&plain[at..]), "{plain:?}");
            }
            prop_assert_eq!(strip_markup(&plain), None);
        }

        #[test]
        fn any_text_is_read_without_a_panic(text in "\\PC{0,80}") {
            let _ = strip_markup(&text);
        }
    }
}
