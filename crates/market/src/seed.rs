//! The secret seed of a market and the keyed draws derived from it. The seed appears in no log,
//! `Debug` output or configuration; the market source decides when it is published.

use std::fmt;

use chacha20::ChaCha20;
use chacha20::cipher::{KeyIvInit as _, StreamCipher as _, StreamCipherSeek as _};
use domain::{Entropy, Secret};
use sha2::{Digest as _, Sha256};
use store::GameSeed;

/// What separates the key of the draws from every other use of a seed.
const KEY_LABEL: &str = "openbell-chance-1";
/// The first line of the text that the commitment is the hash of.
const COMMITMENT_LABEL: &str = "openbell-seed-1";
/// A block of ChaCha20, in bytes.
const BLOCK: u64 = 64;

/// Draws a new seed: 128 bits, a salt of the same length, and the commitment to both.
pub fn draw_seed(entropy: &dyn Entropy) -> GameSeed {
    let text = || {
        let mut bytes = [0; 16];
        entropy.fill(&mut bytes);
        format!("{:032x}", u128::from_be_bytes(bytes))
    };
    let (seed, salt) = (text(), text());
    let commitment = seed_commitment(&salt, &seed);
    let (seed, salt) = (Secret::new(seed), Secret::new(salt));
    GameSeed { seed, salt, commitment, first_pass: 0, first_session: 0 }
}

/// The commitment to a seed: SHA-256 of a label, the salt and the seed, each on its line.
pub fn seed_commitment(salt: &str, seed: &str) -> String {
    hex::encode(Sha256::digest(format!("{COMMITMENT_LABEL}\n{salt}\n{seed}")))
}

/// What a draw is for: two purposes never share a draw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StreamPurpose {
    /// The path between two closes.
    Path = 0,
    /// The shocks that stocks share.
    Shared = 1,
    /// The shock of each stock.
    Own = 2,
    /// The jump of each stock.
    Jumps = 3,
    /// How each stock follows the market and how far it moves by itself.
    Traits = 4,
    /// The first close of each stock.
    FirstCloses = 5,
}

/// Which stream of draws: a nonce of ChaCha20.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StreamId {
    pub(crate) purpose: StreamPurpose,
    /// How often the market has started over; 0 for what is the same in every pass.
    pub(crate) pass: u32,
    pub(crate) session: usize,
}

/// The key of a market's draws. Each draw is eight bytes of the ChaCha20 stream (RFC 8439), so no
/// draw follows from others without the key.
pub(crate) struct RngKey([u8; 32]);

impl RngKey {
    pub(crate) fn new(seed: &str) -> Self {
        Self(Sha256::digest(format!("{KEY_LABEL}\n{seed}")).into())
    }

    fn stream(&self, id: StreamId) -> ChaCha20 {
        let session = u32::try_from(id.session).unwrap_or(u32::MAX);
        let mut nonce = [0; 12];
        nonce[..4].copy_from_slice(&(id.purpose as u32).to_le_bytes());
        nonce[4..8].copy_from_slice(&id.pass.to_le_bytes());
        nonce[8..].copy_from_slice(&session.to_le_bytes());
        ChaCha20::new(&self.0.into(), &nonce.into())
    }

    /// The draw with this number: the first eight bytes of the block with that number.
    pub(crate) fn draw(&self, id: StreamId, number: u32) -> u64 {
        let (mut stream, mut bytes) = (self.stream(id), [0; 8]);
        stream.seek(u64::from(number) * BLOCK);
        stream.apply_keystream(&mut bytes);
        u64::from_le_bytes(bytes)
    }

    /// Replaces `draws` by the first draws of the stream, eight bytes each.
    pub(crate) fn fill(&self, id: StreamId, draws: &mut [u64]) {
        let (mut stream, mut bytes) = (self.stream(id), [0; 4096]);
        for part in draws.chunks_mut(bytes.len() / 8) {
            let bytes = &mut bytes[..part.len() * 8];
            bytes.fill(0);
            stream.apply_keystream(bytes);
            let (words, _) = bytes.as_chunks::<8>();
            part.iter_mut().zip(words).for_each(|(draw, word)| *draw = u64::from_le_bytes(*word));
        }
    }
}

impl fmt::Debug for RngKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RngKey(***)")
    }
}

/// The chance of a market: from the configuration's number or the game's secret seed, and from
/// which session on. Before that session a market of the version without secret seeds goes on.
#[derive(Debug)]
pub(crate) struct MarketRng {
    /// The configuration's seed; 0 where the game's own counts.
    number: u64,
    pub(crate) key: RngKey,
    /// The first pass and session with keyed draws.
    first: (u32, usize),
    sealed: Option<GameSeed>,
}

impl MarketRng {
    /// The chance of a configured number. 0 leaves room for [`Self::adopt`].
    pub(crate) fn of_number(number: u64) -> Self {
        let key = RngKey::new(&format!("{number:032x}"));
        Self { number, key, first: (0, 0), sealed: None }
    }

    /// Takes over the game's seed, unless a number is configured, and the session from which on
    /// draws are keyed in any case.
    pub(crate) fn adopt(&mut self, seed: GameSeed) {
        let session = usize::try_from(seed.first_session).unwrap_or(usize::MAX);
        self.first = (u32::try_from(seed.first_pass).unwrap_or(u32::MAX), session);
        if self.number == 0 {
            self.key = RngKey::new(seed.seed.reveal());
            self.sealed = Some(seed);
        }
    }

    /// The game's seed, where it decides the prices.
    pub(crate) fn sealed(&self) -> Option<&GameSeed> {
        self.sealed.as_ref()
    }

    /// The public seed of the version without secret ones, whose default was 1.
    pub(crate) fn public_seed(&self) -> u64 {
        self.number.max(1)
    }

    /// Whether the path of a session is the one of the version without secret seeds.
    pub(crate) fn is_public_path(&self, pass: u32, session: usize) -> bool {
        (pass, session) < self.first
    }

    /// Whether the closes of a session are. In a market that has started over before, all of them
    /// have been seen.
    pub(crate) fn are_public_closes(&self, session: usize) -> bool {
        let (pass, first) = self.first;
        pass > 0 || session < first
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: StreamId = StreamId { purpose: StreamPurpose::Path, pass: 0, session: 7 };

    struct Counting(std::sync::atomic::AtomicU8);

    impl Entropy for Counting {
        fn fill(&self, buffer: &mut [u8]) {
            buffer.fill(self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed));
        }
    }

    fn drawn() -> GameSeed {
        draw_seed(&Counting(0xA0.into()))
    }

    #[test]
    fn the_stream_is_chacha20_of_rfc_8439() {
        // The keystream of section 2.4.2, whose first block has the number 1.
        let key = RngKey(std::array::from_fn(|at| u8::try_from(at).unwrap()));
        let mut nonce = [0; 12];
        nonce[7] = 0x4A;
        let mut stream = ChaCha20::new(&key.0.into(), &nonce.into());
        stream.seek(BLOCK);
        let mut bytes = [0; 8];
        stream.apply_keystream(&mut bytes);
        assert_eq!(bytes, [0x22, 0x4F, 0x51, 0xF3, 0x40, 0x1B, 0xD9, 0xE1]);
    }

    #[test]
    fn draws_differ_by_number_purpose_pass_session_and_seed() {
        let key = RngKey::new("a");
        let one = key.draw(ID, 0);
        assert_eq!(one, key.draw(ID, 0));
        for other in [
            key.draw(ID, 1),
            key.draw(StreamId { purpose: StreamPurpose::Own, ..ID }, 0),
            key.draw(StreamId { pass: 1, ..ID }, 0),
            key.draw(StreamId { session: 8, ..ID }, 0),
            RngKey::new("b").draw(ID, 0),
        ] {
            assert_ne!(one, other);
        }
    }

    #[test]
    fn many_draws_are_the_stream_from_its_beginning() {
        let key = RngKey::new("a");
        let (mut few, mut many) = ([0; 9], vec![0; 1_300]);
        key.fill(ID, &mut few);
        key.fill(ID, &mut many);
        assert_eq!(few, many[..9]);
        // A block has eight draws.
        assert_eq!((many[0], many[8], many[1_296]), {
            (key.draw(ID, 0), key.draw(ID, 1), key.draw(ID, 162))
        });
    }

    #[test]
    fn a_commitment_is_the_hash_of_three_lines() {
        let seed = drawn();
        assert_eq!(seed.seed.reveal(), "a0".repeat(16));
        assert_eq!(seed.salt.reveal(), "a1".repeat(16));
        // printf 'openbell-seed-1\n%s\n%s' SALT SEED | sha256sum
        assert_eq!(
            seed.commitment,
            "cacefb8a7ebead656369e4bd6375dc1b94cacc3247302a95704f8e2000387b2a"
        );
    }

    #[test]
    fn a_seed_is_never_shown() {
        let mut chance = MarketRng::of_number(0);
        chance.adopt(drawn());
        let shown = format!("{chance:?} {:?}", drawn());
        assert!(!shown.contains("a0a0") && !shown.contains("a1a1"), "{shown}");
        assert!(shown.contains("RngKey(***)"), "{shown}");
    }

    #[test]
    fn a_configured_number_is_not_replaced() {
        let mut chance = MarketRng::of_number(7);
        let before = chance.key.draw(ID, 0);
        chance.adopt(GameSeed { first_session: 9, ..drawn() });
        assert_eq!(chance.key.draw(ID, 0), before);
        assert!(chance.sealed().is_none());
        assert_eq!((chance.is_public_path(0, 8), chance.is_public_path(0, 9)), (true, false));
    }
}
