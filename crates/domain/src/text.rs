//! What a text input may contain, decided once for every field of the API, the pages and the
//! commands: [`tidy`] normalizes a text (NFC) and refuses characters that its [`TextKind`] does not
//! allow, whatever the database would do with them. Lengths are the caller's. How texts are
//! compared is in `fold`, where joiners may stand is in `joiners`.

mod fold;
mod joiners;

use std::error::Error;
use std::fmt;

use unicode_normalization::UnicodeNormalization as _;
use unicode_properties::{GeneralCategory as Category, UnicodeGeneralCategory as _};

pub use self::fold::{email_key, name_keys, search_fold};

/// Which kind of input a text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextKind {
    /// A name that other players see: nothing invisible, joiners only where a script or an emoji
    /// needs them.
    Name,
    /// One line for the user's own eyes, such as the name of a token.
    Line,
    /// Several lines of free text.
    Note,
    /// A text to search for.
    Search,
    /// A password that is being set. Nothing in it is changed.
    Secret,
}

impl TextKind {
    /// What such a text consists of, for error messages.
    pub fn expected(self) -> &'static str {
        match self {
            Self::Name => "letters, digits, spaces, punctuation and emoji",
            Self::Line => "one line of visible text",
            Self::Note => "text and line breaks",
            Self::Search => "text",
            Self::Secret => "characters that can be typed",
        }
    }
}

/// Why a character cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unfit {
    /// A control character.
    Control,
    /// The end of a line or a paragraph.
    LineBreak,
    /// It changes the direction of the text around it.
    Direction,
    /// It is drawn as nothing.
    Invisible,
    /// A zero-width joiner or non-joiner where it joins nothing.
    Joiner,
    /// Its meaning is private.
    PrivateUse,
    /// It is reserved and never stands for anything.
    Noncharacter,
    /// It has no meaning yet.
    Unassigned,
    /// It stands for bytes that were not UTF-8.
    Replacement,
    /// Half of a UTF-16 pair.
    Surrogate,
}

impl Unfit {
    fn as_str(self) -> &'static str {
        match self {
            Self::Control => "a control character",
            Self::LineBreak => "a line break",
            Self::Direction => "a control of the writing direction",
            Self::Invisible => "an invisible character",
            Self::Joiner => "an invisible joiner without letters to join",
            Self::PrivateUse => "a private character",
            Self::Noncharacter => "not a character",
            Self::Unassigned => "an unassigned character",
            Self::Replacement => "a sign for text that was not UTF-8",
            Self::Surrogate => "half of a surrogate pair",
        }
    }
}

/// A character that cannot be used in a text of its kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TextError {
    /// The code point, which need not be a `char`.
    pub character: u32,
    /// Why it cannot be used.
    pub reason: Unfit,
}

impl TextError {
    fn new(c: char, reason: Unfit) -> Self {
        Self { character: u32::from(c), reason }
    }

    /// A lone half of a surrogate pair.
    pub fn surrogate(half: u16) -> Self {
        Self { character: u32::from(half), reason: Unfit::Surrogate }
    }

    /// The character as `U+XXXX`.
    pub fn code_point(&self) -> impl fmt::Display + use<> {
        let character = self.character;
        fmt::from_fn(move |f| write!(f, "U+{character:04X}"))
    }
}

impl fmt::Display for TextError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.code_point(), self.reason.as_str())
    }
}

impl Error for TextError {}

/// Normalizes a text of this kind (NFC; blanks at its ends go, except from a secret) and checks
/// every character of it.
///
/// # Errors
/// The first character that cannot be used.
pub fn tidy(text: &str, kind: TextKind) -> Result<String, TextError> {
    match kind {
        TextKind::Name => tidy_name(text),
        TextKind::Line => tidy_line(text),
        TextKind::Note => tidy_note(text),
        TextKind::Search => tidy_search(text),
        TextKind::Secret => check(text.chars(), secret_fault).map(|()| text.to_owned()),
    }
}

fn check(
    mut characters: impl Iterator<Item = char>,
    fault: impl Fn(char) -> Option<Unfit>,
) -> Result<(), TextError> {
    let found = characters.find_map(|c| fault(c).map(|reason| TextError::new(c, reason)));
    found.map_or(Ok(()), Err)
}

/// One space between words, emoji sequences in full, no selectors of a style elsewhere.
fn tidy_name(text: &str) -> Result<String, TextError> {
    let composed: String = text.trim().nfc().collect();
    let characters = joiners::checked(&composed)?;
    check(characters.iter().filter(|c| !c.in_emoji).map(|c| c.character), name_fault)?;
    let joined: String = characters.iter().map(|c| c.character).collect();
    let is_space = |c: char| c.general_category() == Category::SpaceSeparator;
    let words: Vec<&str> = joined.split(is_space).filter(|word| !word.is_empty()).collect();
    Ok(words.join(" "))
}

fn tidy_line(text: &str) -> Result<String, TextError> {
    let text: String = text.trim().nfc().collect();
    check(text.chars(), |c| {
        line_break(c).or_else(|| direction(c)).or_else(|| common_fault(c)).or_else(|| undefined(c))
    })?;
    Ok(text)
}

/// The ends of lines as one character; tabs as spaces.
fn tidy_note(text: &str) -> Result<String, TextError> {
    let text = text.trim().replace("\r\n", "\n").replace('\t', " ");
    let text: String = text.nfc().collect();
    check(text.chars().filter(|c| *c != '\n'), |c| {
        // Marks of a direction are part of Hebrew and Arabic texts; overrides are not.
        direction(c).filter(|_| !is_direction_mark(c)).or_else(|| common_fault(c))
    })?;
    Ok(text)
}

/// Blanks of all kinds as one space; what cannot be seen is not searched for.
fn tidy_search(text: &str) -> Result<String, TextError> {
    let text: String = text.nfc().collect();
    let blank = |c: char| c.is_whitespace() && !matches!(c, '\u{85}' | '\u{b}' | '\u{c}');
    check(text.chars().filter(|c| !blank(*c)), |c| match common_fault(c) {
        // Nothing has such a name, so nothing is found.
        Some(Unfit::PrivateUse | Unfit::Replacement) | None => None,
        fault => fault,
    })?;
    let seen: String = text.chars().filter(|c| c.general_category() != Category::Format).collect();
    Ok(seen.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// RFC 8265 (`OpaqueString`) without its mapping of spaces, so that stored hashes stay valid.
fn secret_fault(c: char) -> Option<Unfit> {
    common_fault(c).or_else(|| undefined(c))
}

/// What no text contains.
fn common_fault(c: char) -> Option<Unfit> {
    match c.general_category() {
        Category::Control => Some(Unfit::Control),
        Category::PrivateUse => Some(Unfit::PrivateUse),
        Category::Surrogate => Some(Unfit::Surrogate),
        _ if c == '\u{fffd}' => Some(Unfit::Replacement),
        _ => is_noncharacter(c).then_some(Unfit::Noncharacter),
    }
}

fn undefined(c: char) -> Option<Unfit> {
    (c.general_category() == Category::Unassigned).then_some(Unfit::Unassigned)
}

fn line_break(c: char) -> Option<Unfit> {
    let is_break =
        matches!(c, '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}');
    is_break.then_some(Unfit::LineBreak)
}

fn direction(c: char) -> Option<Unfit> {
    let is_control = matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
        || matches!(c, '\u{206a}'..='\u{206f}');
    (is_control || is_direction_mark(c)).then_some(Unfit::Direction)
}

fn is_direction_mark(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{61c}')
}

fn is_noncharacter(c: char) -> bool {
    matches!(c, '\u{fdd0}'..='\u{fdef}') || u32::from(c) & 0xfffe == 0xfffe
}

/// Beside what no line contains, all that is drawn as nothing.
fn name_fault(c: char) -> Option<Unfit> {
    line_break(c)
        .or_else(|| direction(c))
        .or_else(|| common_fault(c))
        .or_else(|| undefined(c))
        .or_else(|| is_invisible(c).then_some(Unfit::Invisible))
}

/// Format characters, and letters and selectors without a shape. Joiners are checked before.
fn is_invisible(c: char) -> bool {
    let is_joiner = matches!(c, joiners::ZWNJ | joiners::ZWJ);
    (c.general_category() == Category::Format && !is_joiner)
        || matches!(c, '\u{34f}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}')
        || matches!(c, '\u{180b}'..='\u{180f}' | '\u{2800}' | '\u{3164}' | '\u{ffa0}')
        || matches!(c, '\u{fe00}'..='\u{fe0f}' | '\u{fffc}' | '\u{e0100}'..='\u{e01ef}')
}

#[cfg(test)]
mod tests;
