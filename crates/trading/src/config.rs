//! The `[trading]` section of the configuration.

use domain::limited;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TradingConfig {
    /// Lanes, 0 to 64; 0: one on SQLite, two on PostgreSQL.
    #[serde(deserialize_with = "limited::<_, _, 0, 64>")]
    pub lanes: u32,
    /// Requests of one batch, 1 to 4,096.
    #[serde(deserialize_with = "limited::<_, _, 1, 4_096>")]
    pub batch_max: u32,
    /// Requests waiting in one lane, 1 to 1,000,000; more are rejected.
    #[serde(deserialize_with = "limited::<_, _, 1, 1_000_000>")]
    pub queue_max: u32,
    /// Attempts at a request with version conflicts, 1 to 16.
    #[serde(deserialize_with = "limited::<_, _, 1, 16>")]
    pub attempts_max: u32,
    /// The backoff before the second attempt, in milliseconds, 0 to 1,000; it doubles with each
    /// one.
    #[serde(deserialize_with = "limited::<_, _, 0, 1_000>")]
    pub retry_base_ms: u64,
}

impl Default for TradingConfig {
    fn default() -> Self {
        Self { lanes: 0, batch_max: 512, queue_max: 4096, attempts_max: 4, retry_base_ms: 5 }
    }
}

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
