//! Texts as they are compared: [`search_fold`] for what a person would call the same word, and
//! [`name_keys`] for names that could be taken for one another.

use sha2::{Digest, Sha256};
use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::canonical_combining_class;
use unicode_security::skeleton;

use super::joiners::{ZWJ, ZWNJ};

/// The longest key that is kept as it is, in bytes; longer ones are kept as their hash, since an
/// index has no room for any length.
const KEY_LENGTH_MAX: usize = 200;

/// A text without case, width, ligatures and accents: equal for texts that a search treats alike.
pub fn search_fold(text: &str) -> String {
    let folded = fold_case(text.nfkc()).nfkd().filter(|c| !is_accent(*c)).collect::<String>();
    let plain: String = folded.nfc().flat_map(plain_letters).collect();
    plain.nfkc().collect()
}

/// An e-mail address as the key of an account.
pub fn email_key(address: &str) -> String {
    address.trim().nfc().collect::<String>().to_lowercase()
}

/// The keys that no two names of a game may share: how the name reads without case and width, and
/// how it looks (the skeleton of UTS #39, without case, with `l`, `1` and `I` as one). Each key has
/// at most some 200 bytes.
pub fn name_keys(name: &str) -> Vec<String> {
    let visible: String = name.nfkc().filter(|c| !is_invisible(*c)).collect();
    let reads: String = fold_case(visible.chars()).nfkc().collect();
    let shape = fold_case(skeleton(&visible)).collect::<String>();
    let shape = fold_case(skeleton(&shape)).map(|c| if c == 'l' { 'i' } else { c });
    let mut keys = vec![bounded(reads), bounded(shape.collect())];
    keys.dedup();
    keys
}

/// Full case folding, but for the special cases of single languages: upper case first, since `ß`
/// and `ς` have their partners there.
fn fold_case(text: impl Iterator<Item = char>) -> impl Iterator<Item = char> {
    text.flat_map(char::to_uppercase).flat_map(char::to_lowercase)
}

/// Joiners and selectors of a style, which two names must not differ by.
fn is_invisible(c: char) -> bool {
    matches!(c, ZWJ | ZWNJ | '\u{fe00}'..='\u{fe0f}')
}

/// Accents above and below, and the points of Hebrew and Arabic; not the vowel signs of Indic
/// scripts and the voicing marks of kana, which make another word.
fn is_accent(c: char) -> bool {
    matches!(canonical_combining_class(c), 1 | 10..=35 | 200..=240)
}

/// Letters that have no decomposition, as they are written on a plain keyboard.
fn plain_letters(c: char) -> impl Iterator<Item = char> {
    let plain = match c {
        'ł' => "l",
        'ø' => "o",
        'đ' | 'ð' => "d",
        'ħ' => "h",
        'ı' => "i",
        'ŧ' => "t",
        'æ' => "ae",
        'œ' => "oe",
        'þ' => "th",
        '’' | '‘' | 'ʼ' => "'",
        _ => "",
    };
    let kept = plain.is_empty().then_some(c);
    kept.into_iter().chain(plain.chars())
}

fn bounded(key: String) -> String {
    if key.len() <= KEY_LENGTH_MAX {
        return key;
    }
    format!("#{}", hex::encode(Sha256::digest(key.as_bytes())))
}
