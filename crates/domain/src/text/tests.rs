//! What texts of each kind may contain, with inputs of real scripts and of attackers.

use proptest::prelude::*;

use super::*;

fn reason(text: &str, kind: TextKind) -> Option<Unfit> {
    tidy(text, kind).err().map(|error| error.reason)
}

#[test]
fn names_of_every_script_are_accepted_as_they_are_written() {
    for name in [
        "علی\u{200c}رضا",
        "ශ්\u{200d}රීමාලි",
        "क्\u{200d}ष",
        "അനില്\u{200d}",
        "李",
        "O’Brien",
        "Nkosinathi Mhlanga Ndlovu",
        "👨\u{200d}👩\u{200d}👧\u{200d}👦",
        "🏴\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f}",
        "🏳\u{fe0f}\u{200d}🌈",
        "👩🏽\u{200d}🚀",
        "ไก่",
    ] {
        assert_eq!(tidy(name, TextKind::Name).as_deref(), Ok(name), "{name:?}");
    }
    assert_eq!(tidy("Zoe\u{308}", TextKind::Name).as_deref(), Ok("Zoë"));
    assert_eq!(tidy(" I  ❤\u{fe0f}\u{3000}U ", TextKind::Name).as_deref(), Ok("I ❤ U"));
}

#[test]
fn joiners_that_join_nothing_are_refused_in_names() {
    for name in [
        "A\u{200d}da",
        "A\u{200c}da",
        "\u{200c}علی",
        "علی\u{200c}",
        "د\u{200c}ر",
        "क\u{200d}ष",
        "क्\u{200c}",
        "👨\u{200d}👨\u{200d}👨",
        "🦊\u{200d}",
    ] {
        assert_eq!(reason(name, TextKind::Name), Some(Unfit::Joiner), "{name:?}");
    }
}

#[test]
fn a_refused_character_is_named() {
    let error = tidy("Ada\0", TextKind::Name).unwrap_err();
    assert_eq!(error.to_string(), "U+0000 (a control character)");
    let error = tidy("Ada\u{10ffff}", TextKind::Line).unwrap_err();
    assert_eq!(error.to_string(), "U+10FFFF (not a character)");
    assert_eq!(TextError::surrogate(0xd800).to_string(), "U+D800 (half of a surrogate pair)");
}

#[test]
fn each_kind_refuses_what_it_cannot_hold() {
    use TextKind::{Line, Name, Note, Search, Secret};
    use Unfit as U;
    let none = None;
    for (text, name, line, note, search, secret) in [
        (
            "a\0b",
            U::Control,
            Some(U::Control),
            Some(U::Control),
            Some(U::Control),
            Some(U::Control),
        ),
        (
            "a\u{7f}b",
            U::Control,
            Some(U::Control),
            Some(U::Control),
            Some(U::Control),
            Some(U::Control),
        ),
        ("a\nb", U::LineBreak, Some(U::LineBreak), none, none, Some(U::Control)),
        ("a\u{202e}b", U::Direction, Some(U::Direction), Some(U::Direction), none, none),
        ("a\u{200f}b", U::Direction, Some(U::Direction), none, none, none),
        ("a\u{200b}b", U::Invisible, none, none, none, none),
        (
            "a\u{e000}b",
            U::PrivateUse,
            Some(U::PrivateUse),
            Some(U::PrivateUse),
            none,
            Some(U::PrivateUse),
        ),
        ("a\u{378}b", U::Unassigned, Some(U::Unassigned), none, none, Some(U::Unassigned)),
        (
            "a\u{fdd0}b",
            U::Noncharacter,
            Some(U::Noncharacter),
            Some(U::Noncharacter),
            Some(U::Noncharacter),
            Some(U::Noncharacter),
        ),
        (
            "a\u{fffd}b",
            U::Replacement,
            Some(U::Replacement),
            Some(U::Replacement),
            none,
            Some(U::Replacement),
        ),
    ] {
        assert_eq!(reason(text, Name), Some(name), "name {text:?}");
        assert_eq!(reason(text, Line), line, "line {text:?}");
        assert_eq!(reason(text, Note), note, "note {text:?}");
        assert_eq!(reason(text, Search), search, "search {text:?}");
        assert_eq!(reason(text, Secret), secret, "secret {text:?}");
    }
}

#[test]
fn a_secret_is_left_as_it_is_and_a_note_keeps_its_lines() {
    let secret = " pass\u{a0}word e\u{301} ";
    assert_eq!(tidy(secret, TextKind::Secret).as_deref(), Ok(secret));
    assert_eq!(tidy(" a\r\nb\tc ", TextKind::Note).as_deref(), Ok("a\nb c"));
    assert_eq!(tidy("\u{feff}a \u{3000}\tb", TextKind::Search).as_deref(), Ok("a b"));
}

#[test]
fn a_search_treats_spellings_of_one_word_alike() {
    for (one, other) in [
        ("zoë", "ZOE"),
        ("Ｔｅｓｌａ", "tesla"),
        ("ﬁnance", "FINANCE"),
        ("Straße", "STRASSE"),
        ("Łukasz", "lukasz"),
        ("İstanbul", "istanbul"),
        ("ΟΔΟΣ", "οδός"),
        ("O’Reilly", "o'reilly"),
        ("ﾃｽﾄ", "テスト"),
    ] {
        assert_eq!(search_fold(one), search_fold(other), "{one} {other}");
    }
    assert_ne!(search_fold("か"), search_fold("が"));
    assert_ne!(search_fold("कि"), search_fold("कु"));
}

fn look_alike(one: &str, other: &str) -> bool {
    let keys = name_keys(one);
    name_keys(other).iter().any(|key| keys.contains(key))
}

#[test]
fn names_that_could_be_taken_for_one_another_share_a_key() {
    for (one, other) in [
        ("Tariro", "TARIRO"),
        ("Tariro", "\u{422}\u{430}rir\u{43e}"),
        ("Zoë", "Zoe\u{308}"),
        ("Иван", "ИВАН"),
        ("Νίνα", "ΝΊΝΑ"),
        ("Al", "AI"),
        ("Bob", "B0b"),
        ("Tariro", "Ｔａｒｉｒｏ"),
        ("علی\u{200c}رضا", "علیرضا"),
        ("Mary", "rnary"),
    ] {
        assert!(
            look_alike(one, other),
            "{one} {other}: {:?} {:?}",
            name_keys(one),
            name_keys(other)
        );
    }
    for (one, other) in
        [("Ben", "Bev"), ("Zoe", "Zoë"), ("Ada", "Adam"), ("P1", "P2"), ("Anne", "Anna")]
    {
        assert!(!look_alike(one, other), "{one} {other}");
    }
}

#[test]
fn keys_have_a_bounded_length() {
    for name in ["\u{fdfa}".repeat(40), "👨\u{200d}👩\u{200d}👧\u{200d}👦".repeat(40)] {
        assert!(name_keys(&name).iter().all(|key| (1..=200).contains(&key.len())));
    }
}

proptest! {
    #[test]
    fn what_is_tidy_stays_as_it_is(text in "\\PC{0,20}|.{0,20}") {
        for kind in [TextKind::Name, TextKind::Line, TextKind::Note, TextKind::Search] {
            if let Ok(tidied) = tidy(&text, kind) {
                prop_assert_eq!(tidy(&tidied, kind), Ok(tidied.clone()));
                prop_assert!(!tidied.contains('\0'));
            }
        }
    }

    #[test]
    fn case_and_composition_do_not_change_a_key(text in "\\PC{1,20}") {
        let keys = name_keys(&text);
        let decomposed: String = text.nfd().collect();
        prop_assert!(look_alike(&text, &decomposed));
        prop_assert!(!keys.is_empty());
    }
}
