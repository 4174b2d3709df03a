//! The `[trading]` section of the configuration.

use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TradingConfig {
    /// Lanes, 0 to 64; 0: one on SQLite, two on PostgreSQL.
    #[serde(deserialize_with = "lanes")]
    pub lanes: u32,
    /// Requests of one batch, 1 to 4,096.
    #[serde(deserialize_with = "batch_max")]
    pub batch_max: u32,
    /// Requests waiting in one lane, 1 to 1,000,000; more are rejected.
    #[serde(deserialize_with = "queue_max")]
    pub queue_max: u32,
    /// Attempts at a request with version conflicts, 1 to 16.
    #[serde(deserialize_with = "attempts_max")]
    pub attempts_max: u32,
    /// The backoff before the second attempt, in milliseconds, 0 to 1,000; it doubles with each
    /// one.
    #[serde(deserialize_with = "retry_base_ms")]
    pub retry_base_ms: u64,
}

impl Default for TradingConfig {
    fn default() -> Self {
        Self { lanes: 0, batch_max: 512, queue_max: 4096, attempts_max: 4, retry_base_ms: 5 }
    }
}

macro_rules! whole_number_between {
    ($name:ident, $type:ty, $min:expr, $max:expr) => {
        fn $name<'de, D: serde::Deserializer<'de>>(from: D) -> Result<$type, D::Error> {
            let n = i64::deserialize(from)?;
            match <$type>::try_from(n) {
                Ok(fitting) if ($min..=$max).contains(&n) => Ok(fitting),
                _ => {
                    let (min, max): (i64, i64) = ($min, $max);
                    let text = format!("expected a whole number from {min} to {max}, got {n}");
                    Err(serde::de::Error::custom(text))
                }
            }
        }
    };
}

whole_number_between!(lanes, u32, 0, 64);
whole_number_between!(batch_max, u32, 1, 4096);
whole_number_between!(queue_max, u32, 1, 1_000_000);
whole_number_between!(attempts_max, u32, 1, 16);
whole_number_between!(retry_base_ms, u64, 0, 1000);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_keys_have_defaults_and_values_out_of_range_are_rejected() {
        let read = |text: &str| serde_json::from_str::<TradingConfig>(text);
        assert_eq!(read("{}").unwrap(), TradingConfig::default());
        assert_eq!(read(r#"{"batch_max": 1}"#).unwrap().batch_max, 1);
        for text in [
            r#"{"batch_max": 0}"#,
            r#"{"lanes": -1}"#,
            r#"{"queue_max": 1000001}"#,
            r#"{"attempts_max": 0}"#,
            r#"{"retry_base_ms": 1001}"#,
            r#"{"lane": 1}"#,
        ] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
