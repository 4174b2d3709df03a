//! Bearer tokens: `ob_`, 190 random bits and a checksum, in letters and digits. Only their SHA-256
//! is stored.

use domain::Entropy;
use sha2::{Digest, Sha256};

/// The prefix by which scanners for leaked secrets recognize a token.
pub(crate) const PREFIX: &str = "ob_";
/// Random characters, 5.95 bits each.
const SECRET_LENGTH: usize = 32;
/// Characters of the checksum.
const CHECK_LENGTH: usize = 6;
const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// Random bytes from here on are skipped, since they would make the first letters likelier.
const UNBIASED: u8 = 248;

/// Generates a token; returns it and its SHA-256.
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

/// The SHA-256 of a token; `None` for a malformed one, which needs no query.
pub(crate) fn hash(token: &str) -> Option<[u8; 32]> {
    let length = PREFIX.len() + SECRET_LENGTH + CHECK_LENGTH;
    let sound = token.len() == length
        && token.starts_with(PREFIX)
        && token[PREFIX.len()..].bytes().all(|byte| byte.is_ascii_alphanumeric());
    // ASCII, so that slicing is safe. The checksum is not a secret.
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
    fn the_hash_of_a_token_is_that_of_its_creation() {
        let entropy = SeededEntropy::new(1);
        let (one, one_hash) = new(&entropy);
        let (other, other_hash) = new(&entropy);
        assert_eq!(one.len(), 41);
        assert!(one.starts_with("ob_") && one != other && one_hash != other_hash);
        assert_eq!((hash(&one), hash(&other)), (Some(one_hash), Some(other_hash)));
    }

    #[test]
    fn a_miscopied_token_is_rejected() {
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
    fn all_letters_are_equally_likely() {
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
