//! Where the invisible joiners U+200C and U+200D may stand in a name: where a script is written
//! with them (RFC 5892, CONTEXTJ, with the stricter right side of UAX #31), and inside of emoji
//! sequences that are recommended for interchange (RGI). Elsewhere they only make two names differ
//! that look the same.

use icu_properties::CodePointMapData;
use icu_properties::props::JoiningType;
use unicode_normalization::char::canonical_combining_class;
use unicode_properties::{GeneralCategoryGroup, UnicodeGeneralCategory as _};
use unicode_segmentation::UnicodeSegmentation as _;

use super::{TextError, Unfit};

pub(super) const ZWNJ: char = '\u{200c}';
pub(super) const ZWJ: char = '\u{200d}';
/// The combining class of the signs that take a consonant's vowel away.
const VIRAMA: u8 = 9;

/// A character of a name, and whether it is part of an emoji sequence.
pub(super) struct NameCharacter {
    pub(super) character: char,
    pub(super) in_emoji: bool,
}

/// The characters without selectors of a style, which change no meaning; emoji sequences as they
/// are recommended.
///
/// # Errors
/// The first joiner that joins nothing.
pub(super) fn checked(text: &str) -> Result<Vec<NameCharacter>, TextError> {
    let mut characters = Vec::with_capacity(text.len());
    for cluster in text.graphemes(true) {
        let sequence = cluster.contains(is_of_sequence).then(|| emojis::get(cluster)).flatten();
        match sequence {
            Some(emoji) => characters.extend(
                emoji.as_str().chars().map(|character| NameCharacter { character, in_emoji: true }),
            ),
            None => characters.extend(
                cluster
                    .chars()
                    .filter(|c| !matches!(c, '\u{fe0e}' | '\u{fe0f}'))
                    .map(|character| NameCharacter { character, in_emoji: false }),
            ),
        }
    }
    for at in 0..characters.len() {
        let fits = match characters[at] {
            NameCharacter { in_emoji: true, .. } => true,
            NameCharacter { character: ZWNJ, .. } => non_joiner_fits(&characters, at),
            NameCharacter { character: ZWJ, .. } => joiner_fits(&characters, at),
            NameCharacter { .. } => true,
        };
        if !fits {
            return Err(TextError::new(characters[at].character, Unfit::Joiner));
        }
    }
    Ok(characters)
}

/// What only a sequence of emoji has: the joiner, and the tags of flags.
fn is_of_sequence(c: char) -> bool {
    c == ZWJ || matches!(c, '\u{e0020}'..='\u{e007f}')
}

/// After a virama and before a letter, or between two letters that would join without it.
fn non_joiner_fits(text: &[NameCharacter], at: usize) -> bool {
    if follows_virama(text, at) {
        let mut after = text[at + 1..].iter().skip_while(|c| is_mark(c.character));
        return after.next().is_some_and(|c| is_letter(c.character));
    }
    let joining = |c: &NameCharacter| CodePointMapData::<JoiningType>::new().get(c.character);
    let is_seen = |kind: &JoiningType| *kind != JoiningType::Transparent;
    let before = text[..at].iter().rev().map(joining).find(is_seen);
    let after = text[at + 1..].iter().map(joining).find(is_seen);
    matches!(before, Some(JoiningType::LeftJoining | JoiningType::DualJoining))
        && matches!(after, Some(JoiningType::RightJoining | JoiningType::DualJoining))
}

/// After a virama; a vowel sign does not follow.
fn joiner_fits(text: &[NameCharacter], at: usize) -> bool {
    let follows = text.get(at + 1).is_none_or(|c| !is_mark(c.character));
    follows && follows_virama(text, at)
}

fn follows_virama(text: &[NameCharacter], at: usize) -> bool {
    at > 0 && canonical_combining_class(text[at - 1].character) == VIRAMA
}

fn is_letter(c: char) -> bool {
    c.general_category_group() == GeneralCategoryGroup::Letter
}

fn is_mark(c: char) -> bool {
    c.general_category_group() == GeneralCategoryGroup::Mark
}
