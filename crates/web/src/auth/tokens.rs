//! The secrets that players carry: `ob_`, 190 random bits and a checksum, in letters and digits.
//! Only their SHA-256 is ever stored, and nothing here writes one to a log.

use domain::Entropy;
use sha2::{Digest, Sha256};

/// What every token begins with, so that scanners for leaked secrets know it.
pub(crate) const PREFIX: &str = "ob_";
/// Random characters, each worth 5.95 bits.
const SECRET_LENGTH: usize = 32;
/// Characters that say whether the rest was copied right.
const CHECK_LENGTH: usize = 6;
const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// Bytes from here on would make the first letters of the alphabet likelier, so they are skipped.
const UNBIASED: u8 = 248;

/// Draws a token; returns it and what to store of it.
pub fn new(entropy: &dyn Entropy) -> (String, [u8; 32]) {
    let mut token = PREFIX.to_owned();
    while token.len() < PREFIX.len() + SECRET_LENGTH {
        let mut bytes = [0; SECRET_LENGTH];
        entropy.fill(&mut bytes);
        let room = PREFIX.len() + SECRET_LENGTH - token.len();
        token.extend(bytes.iter().filter(|byte| **byte < UNBIASED).take(room).map(|b| letter(*b)));
    }
    token.push_str(&checksum(&token));
    let hash = Sha256::digest(token.as_bytes()).into();
    (token, hash)
}

/// What is stored of this token; `None` when it cannot be one of ours, which needs no look into
/// the database.
pub(crate) fn hash(token: &str) -> Option<[u8; 32]> {
    let length = PREFIX.len() + SECRET_LENGTH + CHECK_LENGTH;
    let sound = token.len() == length
        && token.starts_with(PREFIX)
        && token[PREFIX.len()..].bytes().all(|byte| byte.is_ascii_alphanumeric());
    // ASCII by now, so it can be cut anywhere. The checksum is no secret.
    if !sound || checksum(&token[..length - CHECK_LENGTH]) != token[length - CHECK_LENGTH..] {
        return None;
    }
    Some(Sha256::digest(token.as_bytes()).into())
}

fn checksum(text: &str) -> String {
    let digest = Sha256::digest(text.as_bytes());
    digest.iter().take(CHECK_LENGTH).map(|byte| letter(*byte)).collect()
}

fn letter(byte: u8) -> char {
    char::from(ALPHABET[usize::from(byte) % ALPHABET.len()])
}

#[cfg(test)]
mod tests {
    use super::*;
    use testkit::SeededEntropy;

    #[test]
    fn a_token_is_known_again_by_its_hash() {
        let entropy = SeededEntropy::new(1);
        let (one, one_hash) = new(&entropy);
        let (other, other_hash) = new(&entropy);
        assert_eq!(one.len(), 41);
        assert!(one.starts_with("ob_") && one != other && one_hash != other_hash);
        assert_eq!((hash(&one), hash(&other)), (Some(one_hash), Some(other_hash)));
    }

    #[test]
    fn what_was_not_copied_right_is_no_token() {
        let (token, _) = new(&SeededEntropy::new(2));
        let swapped: String = token
            .chars()
            .map(|c| if c.is_lowercase() { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() })
            .collect();
        let secret_swapped = format!("ob_{}", &swapped[3..]);
        let lengthened = format!("{token}0");
        let foreign = format!("ob_{}é", "a".repeat(36));
        for bad in
            ["", "ob_", &token[..40], &token[3..], &swapped, &secret_swapped, &lengthened, &foreign]
        {
            assert_eq!(hash(bad), None, "{bad}");
        }
    }

    #[test]
    fn every_letter_is_as_likely_as_any_other() {
        let entropy = SeededEntropy::new(3);
        let mut seen = std::collections::BTreeMap::new();
        for _ in 0..2_000 {
            for c in new(&entropy).0[3..35].chars() {
                *seen.entry(c).or_insert(0) += 1;
            }
        }
        assert_eq!(seen.len(), 62);
        // 64,000 draws: 1,032 each, with a standard deviation of 32.
        assert!(seen.values().all(|count| (860..1_205).contains(count)), "{seen:?}");
    }
}
