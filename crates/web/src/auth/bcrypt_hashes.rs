//! Password hashes of imported users: bcrypt, as PHP writes it. The first successful login replaces
//! one by argon2id. From the import on, a failed login does the same work for every address, so
//! that its time does not reveal which addresses have such a hash.

use std::hint::black_box;
use std::ops::{Range, RangeInclusive};

/// The costs of hashes that are imported and verified. A cost of 14 takes about a second.
const COSTS: RangeInclusive<u32> = 4..=14;
const LENGTH: usize = 60;

/// The cost of a bcrypt hash that can be verified; `None` for any other text.
pub fn bcrypt_cost(hash: &str) -> Option<u32> {
    let is_known = ["$2y$", "$2a$", "$2b$"].iter().any(|prefix| hash.starts_with(prefix));
    let is_hash = hash.len() == LENGTH && hash.is_ascii() && hash.as_bytes()[6] == b'$';
    let digits = hash.get(4..6).filter(|_| is_known && is_hash)?;
    let cost = digits.parse().ok().filter(|_| digits.bytes().all(|byte| byte.is_ascii_digit()))?;
    COSTS.contains(&cost).then_some(cost)
}

/// Whether the hash is of this password. PHP hashes its first 72 bytes only.
pub(super) fn matches(password: &[u8], hash: &str) -> bool {
    bcrypt::verify(password, hash).is_ok_and(|is_match| is_match)
}

/// Does the work of one hash of cost `max`, less that of one hash of cost `spent`.
pub(super) fn spend(password: &[u8], spent: Option<u32>, max: u32) {
    for cost in costs(spent, max) {
        black_box(bcrypt::hash_with_salt(password, cost, [0; 16]).is_ok());
    }
}

/// The costs of hashes whose work adds up to that of one hash of cost `max`, less that of one of
/// cost `spent`: each cost takes twice as long as the one before.
fn costs(spent: Option<u32>, max: u32) -> Range<u32> {
    match spent {
        Some(spent) => spent..max,
        None => max..max + 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash() -> String {
        let parts = bcrypt::hash_with_salt("secret", 4, *b"0123456789abcdef").expect("a hash");
        parts.format_for_version(bcrypt::Version::TwoY)
    }

    #[test]
    fn a_hash_matches_its_password_only() {
        assert!(matches(b"secret", &hash()));
        assert!(!matches(b"Secret", &hash()));
        assert!(!matches(b"secret", "$2y$04$"));
        // A test vector of crypt_blowfish, the implementation in PHP.
        let vector = "$2y$05$/OK.fbVrR/bpIqNJ5ianF.CE5elHaaO4EbggVDjb8P19RukzXSM3e";
        assert!(matches(&[0xff, 0xff, 0xa3], vector) && bcrypt_cost(vector) == Some(5));
    }

    #[test]
    fn a_password_is_cut_after_72_bytes_as_in_php() {
        let password = "x".repeat(72);
        let parts = bcrypt::hash_with_salt(&password, 4, [7; 16]).expect("a hash");
        let hash = parts.format_for_version(bcrypt::Version::TwoY);
        assert!(matches(format!("{password}and more").as_bytes(), &hash));
        assert!(!matches(&password.as_bytes()[1..], &hash));
    }

    #[test]
    fn every_failed_login_does_the_work_of_one_hash_of_the_highest_cost() {
        for max in [4, 10, 14] {
            for spent in [None, Some(4), Some(max - 1), Some(max)] {
                if spent.is_some_and(|spent| spent < 4) {
                    continue;
                }
                let more: u64 = costs(spent, max).map(|cost| 1_u64 << cost).sum();
                let all = spent.map_or(0, |cost| 1_u64 << cost) + more;
                assert_eq!(all, 1_u64 << max, "{spent:?} {max}");
            }
        }
    }

    #[test]
    fn the_cost_of_other_texts_is_unknown() {
        assert_eq!(bcrypt_cost(&hash()), Some(4));
        for text in
            ["", "!", "$2y$", "$argon2id$v=19$m=1,t=1,p=1$YWJj$YWJj", "é".repeat(30).as_str()]
        {
            assert_eq!(bcrypt_cost(text), None, "{text}");
        }
        for cost in ["03", "15", "31", "+5", "ab"] {
            assert_eq!(bcrypt_cost(&hash().replace("$04$", &format!("${cost}$"))), None, "{cost}");
        }
        assert_eq!(bcrypt_cost(&hash().replace("$2y$", "$2x$")), None);
    }
}
