//! Whole numbers of the rules and the configuration, checked against their limits while they are
//! parsed.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

/// Reads a whole number from `LEAST` to `MOST`; for `deserialize_with`.
pub fn limited<'de, D, N, const LEAST: i64, const MOST: i64>(reader: D) -> Result<N, D::Error>
where
    D: Deserializer<'de>,
    N: TryFrom<i64>,
{
    let got = i64::deserialize(reader)?;
    let number = N::try_from(got).ok().filter(|_| (LEAST..=MOST).contains(&got));
    number.ok_or_else(|| {
        let text = format!("expected a whole number from {LEAST} to {MOST}, got {got}");
        D::Error::custom(text)
    })
}
