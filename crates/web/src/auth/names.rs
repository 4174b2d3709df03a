//! Validation of player names and e-mail addresses. Names are shown to other players, many of them
//! children: names with invisible or reordering characters, names of staff and rude names are
//! rejected, names of real people are not.

use domain::text::{TextError, TextKind, email_key, tidy};
use thiserror::Error;
use unicode_normalization::UnicodeNormalization as _;
use unicode_properties::{GeneralCategory as Category, UnicodeGeneralCategory as _};
use unicode_security::skeleton;
use unicode_segmentation::UnicodeSegmentation as _;

use crate::auth::profanity;
use crate::config::NamesConfig;
use crate::http::input::unfit;

/// The longest name, in bytes: forty families of emoji.
const BYTES_MAX: usize = 1_024;
const MARKS_IN_A_ROW_MAX: usize = 4;
const EMAIL_BYTES_MAX: usize = 254;
const EMAIL_LOCAL_BYTES_MAX: usize = 64;

/// Names that could pass for staff, or for a leaderboard's label of a player without a name.
const STAFF: &str = include_str!("../../data/staff_names.txt");

/// Why a name is rejected; the texts are those of the API.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub(crate) enum NameError {
    #[error("The name field is required.")]
    Missing,
    #[error("{}", unfit("name", *.0, TextKind::Name))]
    Unfit(TextError),
    #[error("The name field must not contain more than 4 accents on one letter.")]
    Marks,
    #[error("The name field must not contain an @.")]
    AtSign,
    #[error("The name field must not look like a name of the staff.")]
    Staff,
    #[error("The name field must not contain a rude word.")]
    Rude,
    #[error("The name field must not be greater than {0} characters.")]
    TooLong(usize),
    #[error("The name field must not be greater than {BYTES_MAX} bytes.")]
    TooManyBytes,
}

/// Why an address is rejected; the texts are those of the API.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub(crate) enum EmailError {
    #[error("The email field is required.")]
    Missing,
    #[error("The email field must be a valid email address.")]
    Invalid,
}

/// An e-mail address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Email {
    /// As it was entered.
    pub(crate) shown: String,
    /// The unique key of accounts: the address in lower case.
    pub(crate) key: String,
}

/// Normalizes a name (NFC, one space between words) and validates it.
pub(crate) fn check_name(text: &str, config: &NamesConfig) -> Result<String, NameError> {
    let name = tidy(text, TextKind::Name).map_err(NameError::Unfit)?;
    if name.is_empty() {
        return Err(NameError::Missing);
    }
    check_characters(&name)?;
    if name.graphemes(true).count() > config.length_max {
        return Err(NameError::TooLong(config.length_max));
    }
    if name.len() > BYTES_MAX {
        return Err(NameError::TooManyBytes);
    }
    if is_of_staff(&name) {
        return Err(NameError::Staff);
    }
    if profanity::is_rude(&name, config) {
        return Err(NameError::Rude);
    }
    Ok(name)
}

/// Normalizes and validates a name.
///
/// # Errors
/// The reason, in English, for which the name is rejected.
pub fn tidy_name(text: &str, config: &NamesConfig) -> Result<String, String> {
    check_name(text, config).map_err(|error| error.to_string())
}

/// Validates the syntax of an address.
pub(crate) fn check_email(text: &str) -> Result<Email, EmailError> {
    let shown: String = text.trim().nfc().collect();
    if shown.is_empty() {
        return Err(EmailError::Missing);
    }
    let parts = shown.rsplit_once('@');
    let valid = shown.len() <= EMAIL_BYTES_MAX
        && parts.is_some_and(|(local, host)| is_local_part(local) && is_host(host));
    if !valid {
        return Err(EmailError::Invalid);
    }
    let key = email_key(&shown);
    Ok(Email { shown, key })
}

/// Validates an address and returns it as it was entered and as the unique key of accounts.
///
/// # Errors
/// The reason, in English, for which the address is rejected.
pub fn tidy_email(text: &str) -> Result<(String, String), String> {
    let Email { shown, key } = check_email(text).map_err(|error| error.to_string())?;
    Ok((shown, key))
}

fn check_characters(name: &str) -> Result<(), NameError> {
    let mut marks = 0;
    for (i, c) in name.chars().enumerate() {
        marks = if is_mark(c) { marks + 1 } else { 0 };
        // A mark at the start would combine with the text before the name.
        if marks > MARKS_IN_A_ROW_MAX || (i == 0 && marks > 0) {
            return Err(NameError::Marks);
        }
    }
    if name.nfkc().any(|c| c == '@') {
        return Err(NameError::AtSign);
    }
    Ok(())
}

fn is_mark(c: char) -> bool {
    use Category::{EnclosingMark, NonspacingMark, SpacingMark};
    matches!(c.general_category(), EnclosingMark | NonspacingMark | SpacingMark)
}

/// Compares the whole name: `Anne Teacher` and `System Of A Down` are accepted.
fn is_of_staff(name: &str) -> bool {
    let whole = looks(name);
    STAFF.lines().any(|word| looks(word) == whole)
}

/// The UTS #39 skeleton of a text without case, accents and punctuation, with `l`, `1` and `I` as
/// one.
fn looks(text: &str) -> String {
    let plain: String = text.nfkc().flat_map(char::to_lowercase).collect();
    let seen: String = skeleton(&plain).flat_map(char::to_lowercase).collect();
    let seen = seen.nfd().filter(|c| c.is_alphanumeric());
    seen.map(|c| if c == 'l' { 'i' } else { c }).collect()
}

fn is_local_part(local: &str) -> bool {
    (1..=EMAIL_LOCAL_BYTES_MAX).contains(&local.len())
        && local.split('.').all(|atom| !atom.is_empty())
        && local.chars().all(|c| c.is_alphanumeric() || ".!#$%&'*+-/=?^_`{|}~".contains(c))
}

fn is_host(host: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.chars().all(|c| c.is_alphanumeric() || c == '-')
    };
    host.split('.').all(is_label)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str) -> Result<String, NameError> {
        check_name(name, &NamesConfig::default())
    }

    #[test]
    fn names_of_people_are_accepted() {
        for name in [
            "Contract User",
            "José",
            "李小龙",
            "O'Brien",
            "Jean-Luc",
            "Ada",
            "Łukasz",
            "Åsa",
            "محمد",
            "אברהם",
            "प्रिया",
            "ไก่",
            "Nguyễn Thị",
            "Teacher's Pet",
            "=1+1",
            "<b>Bo</b>",
            "X Æ A-12",
            "🦊🦊",
            "Stafford",
            "Supporter",
            "System Of A Down",
            "Anne Teacher",
            "Admin Bob",
            "A",
            "李",
            "O’Brien",
            "Nkosinathi Mhlanga Ndlovu",
            "علی\u{200c}رضا",
            "ශ්\u{200d}රීමාලි",
            "👨\u{200d}👩\u{200d}👧\u{200d}👦",
            &"👨\u{200d}👩\u{200d}👧\u{200d}👦".repeat(40),
        ] {
            assert_eq!(check(name).as_deref(), Ok(name));
        }
    }

    #[test]
    fn spaces_and_accents_are_normalized() {
        assert_eq!(check("  Ada \u{a0}\u{3000} Lovelace\t").as_deref(), Ok("Ada Lovelace"));
        assert_eq!(check("Jose\u{301}").as_deref(), Ok("José"));
        assert_eq!(check("I ❤\u{fe0f} U").as_deref(), Ok("I ❤ U"));
    }

    #[test]
    fn names_that_hide_reorder_or_overflow_text_are_rejected() {
        for (name, error) in [
            ("", NameError::Missing),
            (" \u{a0} ", NameError::Missing),
            (&"x".repeat(41), NameError::TooLong(40)),
            (&"👩🏽\u{200d}❤\u{fe0f}\u{200d}👩🏽".repeat(40), NameError::TooManyBytes),
            ("Z\u{335}\u{336}\u{337}\u{338}\u{334}a", NameError::Marks),
            ("\u{301}da", NameError::Marks),
            ("ada@example.com", NameError::AtSign),
            ("ada\u{ff20}example", NameError::AtSign),
            ("MrFuck123", NameError::Rude),
        ] {
            assert_eq!(check(name), Err(error), "{name:?}");
        }
        for (name, named) in [
            ("Ada\nBob", "U+000A"),
            ("Ada\0", "U+0000"),
            ("Ada\u{202e}adA", "U+202E"),
            ("Ada\u{2066}x", "U+2066"),
            ("A\u{200b}da", "U+200B"),
            ("A\u{200d}da", "U+200D"),
            ("\u{feff}Ada", "U+FEFF"),
            ("Ada\u{2028}x", "U+2028"),
            ("Ada\u{e000}", "U+E000"),
            ("Ada\u{378}", "U+0378"),
            ("\u{3164}\u{3164}", "U+3164"),
        ] {
            let error = check(name).unwrap_err().to_string();
            assert!(error.contains(named), "{name:?}: {error}");
        }
    }

    #[test]
    fn names_that_look_like_staff_are_rejected() {
        for name in [
            "admin",
            "ADMIN",
            "Аdmіn",
            "Adm1n",
            "AdmIn",
            "A d m i n",
            "a.d.m.i.n",
            "Ädmin",
            "ａｄｍｉｎ",
            "𝐀𝐝𝐦𝐢𝐧",
            "Support",
            "r00t",
            "System",
            "Teacher",
            "M0derator",
            "Hidden  Player",
        ] {
            assert_eq!(check(name), Err(NameError::Staff), "{name}");
        }
    }

    #[test]
    fn only_email_addresses_are_accepted() {
        let email = check_email(" Ada.L+x@Example.COM ").unwrap();
        assert_eq!((&*email.shown, &*email.key), ("Ada.L+x@Example.COM", "ada.l+x@example.com"));
        assert!(check_email("ada@localhost").is_ok());
        assert!(check_email("josé@exämple.de").is_ok());
        assert_eq!(check_email("  "), Err(EmailError::Missing));
        let long = format!("{}@{}.com", "a".repeat(64), "b".repeat(63).repeat(4));
        for bad in [
            "x",
            "@",
            "a@",
            "@b",
            "a b@c",
            "a@b c",
            "a@@b",
            "a..b@c.d",
            ".a@c.d",
            "a@-b.c",
            "a@b..c",
            "a@b.c\nBcc: x@y.z",
            "a\u{200b}@b.c",
            "<a@b.c>",
            &long,
        ] {
            assert_eq!(check_email(bad), Err(EmailError::Invalid), "{bad}");
        }
    }
}
