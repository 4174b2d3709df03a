//! The message for an unknown key: the known key that was probably meant, or the section's keys.

use toml::de::{DeTable, DeValue};

use super::layers::join;

/// How much a key of the same section, and a key of the same name elsewhere, is favoured.
const SAME_SECTION: f64 = 0.1;
const SAME_NAME: f64 = 0.2;

/// Keys that are less alike are two words, and not one with a typing error.
const LIKENESS_MIN: f64 = 0.8;

/// Keys of former versions, and what replaces them.
const REMOVED: [(&str, &str); 2] = [
    ("cache.deaf_ttl_s", "it is renamed to cache.disconnected_ttl_s"),
    (
        "cache.invalidate_interval_ms",
        "it is removed: each invalidation is published at once; delete the line",
    ),
];

/// The message that `key` is unknown in the section `section`.
pub(super) fn unknown_key(known: &DeTable<'_>, section: &str, key: &str) -> String {
    let dotted = join(section, key);
    if let Some((_, replacement)) = REMOVED.iter().find(|(removed, _)| *removed == dotted) {
        return format!("unknown key {dotted}; {replacement}");
    }
    let mut nearest: (f64, Option<String>) = (LIKENESS_MIN, None);
    let mut siblings = Vec::new();
    visit(known, "", &mut |candidate_section, name| {
        let likeness = likeness((section, key), (candidate_section, name));
        if likeness > nearest.0 {
            nearest = (likeness, Some(join(candidate_section, name)));
        }
        if candidate_section == section {
            siblings.push(name.to_owned());
        }
    });
    siblings.sort_unstable();
    match nearest.1 {
        Some(near) => format!("unknown key {dotted}; the nearest known key is {near}"),
        None if section.is_empty() => {
            format!("unknown key {dotted}; known keys: {}", siblings.join(", "))
        }
        None => format!("unknown key {dotted}; known keys of {section}: {}", siblings.join(", ")),
    }
}

#[expect(clippy::float_arithmetic, reason = "likeness of two words; money is nowhere near")]
fn likeness(wanted: (&str, &str), candidate: (&str, &str)) -> f64 {
    let mut likeness = strsim::jaro_winkler(wanted.1, candidate.1);
    if wanted.0 == candidate.0 {
        likeness += SAME_SECTION;
    }
    if wanted.1 == candidate.1 {
        likeness += SAME_NAME;
    }
    likeness
}

fn visit(table: &DeTable<'_>, section: &str, seen: &mut impl FnMut(&str, &str)) {
    for (name, value) in table {
        seen(section, name.get_ref());
        if let DeValue::Table(inner) = value.get_ref() {
            visit(inner, &join(section, name.get_ref()), &mut *seen);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nearest(section: &str, key: &str) -> String {
        let text =
            "data_dir = ''\n[http]\nlisten = ''\nbody_bytes_max = 1\n[limits]\nenabled = true";
        let known = DeTable::parse(text).expect("good");
        unknown_key(known.get_ref(), section, key)
    }

    #[test]
    fn a_slip_of_the_pen_is_recognised() {
        let text = "unknown key http.lisen; the nearest known key is http.listen";
        assert_eq!(nearest("http", "lisen"), text);
        assert!(nearest("", "datadir").ends_with(" data_dir"));
        assert!(nearest("", "htp").ends_with(" http"));
    }

    #[test]
    fn the_keys_of_the_section_are_listed_for_a_word_that_is_like_none() {
        let text = "unknown key http.bind; known keys of http: body_bytes_max, listen";
        assert_eq!(nearest("http", "bind"), text);
        assert_eq!(nearest("", "tls"), "unknown key tls; known keys: data_dir, http, limits");
    }

    #[test]
    fn a_key_of_a_former_version_is_refused_with_its_replacement() {
        let text = "unknown key cache.deaf_ttl_s; it is renamed to cache.disconnected_ttl_s";
        assert_eq!(nearest("cache", "deaf_ttl_s"), text);
        assert!(nearest("cache", "invalidate_interval_ms").contains("it is removed"));
    }

    #[test]
    fn a_key_in_the_wrong_section_is_recognised() {
        assert!(nearest("", "listen").ends_with(" http.listen"));
        assert!(nearest("http", "enabled").ends_with(" limits.enabled"));
    }
}
