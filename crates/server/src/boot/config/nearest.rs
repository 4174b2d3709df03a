//! The message for an unknown key: the most similar known key, or the keys of the section.

use toml::de::{DeTable, DeValue};

/// The bonus of a key of the same section, and of a key of the same name in another section.
const SAME_SECTION: f64 = 0.1;
const SAME_NAME: f64 = 0.2;

/// Less similar keys are taken for different words, not for a typing error.
const LIKENESS_MIN: f64 = 0.8;

/// Keys of former versions, and what replaces them.
const REMOVED: [(&str, &str); 2] = [
    ("cache.deaf_ttl_s", "it is renamed to cache.disconnected_ttl_s"),
    (
        "cache.invalidate_interval_ms",
        "it is removed: each invalidation is published at once; delete the line",
    ),
];

/// The message for the unknown `key` in `section`.
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

#[expect(clippy::float_arithmetic, reason = "similarity of words, not money")]
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

/// A dotted key.
pub(super) fn join(prefix: &str, key: &str) -> String {
    if prefix.is_empty() { key.to_owned() } else { format!("{prefix}.{key}") }
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
    fn a_typing_error_is_recognized() {
        let text = "unknown key http.lisen; the nearest known key is http.listen";
        assert_eq!(nearest("http", "lisen"), text);
        assert!(nearest("", "datadir").ends_with(" data_dir"));
        assert!(nearest("", "htp").ends_with(" http"));
    }

    #[test]
    fn the_keys_of_the_section_are_listed_for_an_unlike_word() {
        let text = "unknown key http.bind; known keys of http: body_bytes_max, listen";
        assert_eq!(nearest("http", "bind"), text);
        assert_eq!(nearest("", "tls"), "unknown key tls; known keys: data_dir, http, limits");
    }

    #[test]
    fn a_key_of_a_former_version_is_rejected_with_its_replacement() {
        let text = "unknown key cache.deaf_ttl_s; it is renamed to cache.disconnected_ttl_s";
        assert_eq!(nearest("cache", "deaf_ttl_s"), text);
        assert!(nearest("cache", "invalidate_interval_ms").contains("it is removed"));
    }

    #[test]
    fn a_key_in_the_wrong_section_is_recognized() {
        assert!(nearest("", "listen").ends_with(" http.listen"));
        assert!(nearest("http", "enabled").ends_with(" limits.enabled"));
    }
}
