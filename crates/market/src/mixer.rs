//! Deterministic integer mixing (splitmix64) and a bell-shaped draw. Not for secrets.

/// The golden ratio in 64 bits, which spreads consecutive keys.
const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;

/// One standard deviation of [`bell`]: 65,536 × √(4 / 12).
pub(crate) const BELL_DEVIATION: i64 = 37_837;

/// The finalizer of splitmix64: every bit of the key affects every bit of the result.
pub(crate) fn mix(key: u64) -> u64 {
    let z = key.wrapping_add(GOLDEN);
    let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

pub(crate) fn mix_two(a: u64, b: u64) -> u64 {
    mix(mix(a) ^ b.wrapping_mul(GOLDEN))
}

pub(crate) fn mix_text(text: &str) -> u64 {
    text.bytes().fold(0, |key, byte| mix(key ^ u64::from(byte)))
}

/// A draw from a bell around 0 with the deviation [`BELL_DEVIATION`]: the sum of four even draws,
/// never further out than ±131,070 (3.5 deviations).
pub(crate) fn bell(random: u64) -> i64 {
    let part = |shift: u32| (random >> shift & 0xFFFF) as i64;
    part(0) + part(16) + part(32) + part(48) - 131_070
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mixer_is_splitmix64() {
        // The first two values of the published generator seeded with 1234567.
        assert_eq!(mix(1_234_567), 6_457_827_717_110_365_317);
        assert_eq!(mix(1_234_567u64.wrapping_add(GOLDEN)), 3_203_168_211_198_807_973);
    }

    #[test]
    fn the_bell_has_mean_zero_and_the_stated_deviation() {
        let draws: Vec<i64> = (0..100_000).map(|key| bell(mix(key))).collect();
        let mean = draws.iter().sum::<i64>() / 100_000;
        let variance = draws.iter().map(|d| d * d).sum::<i64>() / 100_000;
        assert!(mean.abs() < 500, "{mean}");
        assert!((variance.isqrt() - BELL_DEVIATION).abs() < 400, "{}", variance.isqrt());
    }
}
