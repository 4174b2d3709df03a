//! Configuration of circuit breaker, quota and confirmation of price jumps.

use domain::limited;
use serde::{Deserialize, Serialize};

use crate::limits::DAY_SECONDS;
use crate::provider::ProviderKind;

/// The section `[market.live.guard]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GuardConfig {
    pub breaker: BreakerConfig,
    /// The used share of a quota at which a warning is logged, in percent, 1 to 100.
    #[serde(deserialize_with = "limited::<_, _, 1, 100>")]
    pub warn_percent: u32,
    /// The price jump that needs no confirmation, in percent, 1 to 1,000.
    #[serde(deserialize_with = "limited::<_, _, 1, 1_000>")]
    pub jump_percent_max: u32,
    /// How long a negative result of a provider is cached, in seconds, 1 to
    /// 31,536,000.
    #[serde(deserialize_with = "limited::<_, _, 1, { 365 * DAY_SECONDS as i64 }>")]
    pub not_found_ttl_s: u32,
    /// The longest `Retry-After` of a provider that is respected, in seconds, 1 to
    /// 2,678,400 (31 days).
    #[serde(deserialize_with = "limited::<_, _, 1, { 31 * DAY_SECONDS as i64 }>")]
    pub retry_after_max_s: u32,
    pub quota: QuotasConfig,
}

impl Default for GuardConfig {
    fn default() -> Self {
        Self {
            breaker: BreakerConfig::default(),
            warn_percent: 80,
            jump_percent_max: 25,
            not_found_ttl_s: DAY_SECONDS,
            retry_after_max_s: 3_600,
            quota: QuotasConfig::default(),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BreakerConfig {
    /// The failures within the window that open the breaker, 1 to 100. Calls in flight count as
    /// failures, so this also bounds the concurrent calls of all nodes.
    #[serde(deserialize_with = "limited::<_, _, 1, 100>")]
    pub failures_max: u32,
    /// The window, in seconds, 1 to 86,400.
    #[serde(deserialize_with = "limited::<_, _, 1, { DAY_SECONDS as i64 }>")]
    pub window_s: u32,
    /// How long the breaker stays open the first time, in seconds, 1 to 86,400; doubled each time
    /// it opens again before it has closed.
    #[serde(deserialize_with = "limited::<_, _, 1, { DAY_SECONDS as i64 }>")]
    pub open_s: u32,
    /// The longest time that the breaker stays open, in seconds, 1 to 86,400.
    #[serde(deserialize_with = "limited::<_, _, 1, { DAY_SECONDS as i64 }>")]
    pub open_s_max: u32,
    /// A call that takes longer counts as a failure, in milliseconds, 1 to 60,000.
    #[serde(deserialize_with = "limited::<_, _, 1, 60_000>")]
    pub slow_ms: u32,
}

impl Default for BreakerConfig {
    fn default() -> Self {
        Self { failures_max: 5, window_s: 60, open_s: 300, open_s_max: 3_600, slow_ms: 3_000 }
    }
}

/// The quotas of the providers; the defaults are the free plans of November 2026.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct QuotasConfig {
    /// <https://www.alphavantage.co/premium/>
    pub alpha_vantage: QuotaConfig,
    /// <https://site.financialmodelingprep.com/pricing-plans>
    pub financial_modeling_prep: QuotaConfig,
    /// <https://finnhub.io/docs/api/rate-limit>
    pub finnhub: QuotaConfig,
    /// <https://twelvedata.com/pricing>
    pub twelve_data: QuotaConfig,
}

impl QuotasConfig {
    pub fn of(&self, kind: ProviderKind) -> &QuotaConfig {
        match kind {
            ProviderKind::AlphaVantage => &self.alpha_vantage,
            ProviderKind::FinancialModelingPrep => &self.financial_modeling_prep,
            ProviderKind::Finnhub => &self.finnhub,
            ProviderKind::TwelveData => &self.twelve_data,
        }
    }
}

impl Default for QuotasConfig {
    fn default() -> Self {
        let quota = |per_second, per_minute, per_day, day_zone: &str| QuotaConfig {
            per_second,
            per_minute,
            per_day,
            day_zone: day_zone.to_owned(),
        };
        Self {
            alpha_vantage: quota(1, 5, 25, "America/New_York"),
            financial_modeling_prep: quota(0, 0, 250, "America/New_York"),
            finnhub: quota(30, 60, 0, "UTC"),
            twelve_data: quota(0, 8, 800, "UTC"),
        }
    }
}

/// The quota of a provider; 0: no limit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QuotaConfig {
    /// Calls in any second, 0 to 1,000.
    #[serde(deserialize_with = "limited::<_, _, 0, 1_000>")]
    pub per_second: u32,
    /// Calls in any minute, 0 to 1,000.
    #[serde(deserialize_with = "limited::<_, _, 0, 1_000>")]
    pub per_minute: u32,
    /// Calls a calendar day.
    pub per_day: u32,
    /// The time zone of the quota day, like `America/New_York`.
    #[serde(deserialize_with = "zone")]
    pub day_zone: String,
}

fn zone<'de, D: serde::Deserializer<'de>>(reader: D) -> Result<String, D::Error> {
    let name = String::deserialize(reader)?;
    if jiff::tz::TimeZone::get(&name).is_ok() {
        return Ok(name);
    }
    let expected = format!("expected a time zone like \"America/New_York\", got {name:?}");
    Err(serde::de::Error::custom(expected))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_section_is_the_default_and_survives_its_text() {
        assert_eq!(toml::from_str(""), Ok(GuardConfig::default()));
        let text = toml::to_string(&GuardConfig::default()).unwrap();
        assert_eq!(toml::from_str(&text), Ok(GuardConfig::default()));
    }

    #[test]
    fn bad_settings_are_refused() {
        for (text, expected) in [
            ("[breaker]\nfailures_max = 0", "from 1 to 100"),
            ("warn_percent = 101", "from 1 to 100"),
            ("[breaker]\nopen_for = 3", "unknown field"),
            (
                "[quota.finnhub]\nper_second=1\nper_minute=1\nper_day=1\nday_zone=\"Mars\"",
                "time zone like",
            ),
        ] {
            let error = toml::from_str::<GuardConfig>(text).unwrap_err().to_string();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }
}
