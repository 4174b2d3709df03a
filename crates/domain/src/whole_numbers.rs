//! Whole numbers of the rules within their limits, checked while TOML is parsed.

use serde::Deserialize;

macro_rules! whole_number_between {
    ($name:ident, $min:expr, $max:expr) => {
        pub(crate) fn $name<'de, D: serde::Deserializer<'de>>(from: D) -> Result<i64, D::Error> {
            let n = i64::deserialize(from)?;
            if ($min..=$max).contains(&n) {
                return Ok(n);
            }
            let (min, max): (i64, i64) = ($min, $max);
            let text = format!("expected a whole number from {min} to {max}, got {n}");
            Err(serde::de::Error::custom(text))
        }
    };
}

whole_number_between!(xp, 0, 100_000);
whole_number_between!(not_negative, 0, 1_000_000_000);
whole_number_between!(positive, 1, 1_000_000_000);
whole_number_between!(utc_offset, -720, 840);
whole_number_between!(rate_bps, 0, 10_000);
whole_number_between!(spread_bps, 0, 1_000);
whole_number_between!(pending_orders, 1, 1_000);
whole_number_between!(shares, 1, 100_000_000);
whole_number_between!(note_characters, 1, 280);
