//! Configuration of the providers: their order, keys, URLs and timeouts.

use domain::{Secret, limited};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

use super::ProviderKind;

/// The section `[market.live.providers]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ProvidersConfig {
    /// The order in which providers are called, each once. A provider without a key is skipped.
    #[serde(deserialize_with = "each_once")]
    pub order: Vec<ProviderKind>,
    /// The connect timeout, in milliseconds, 1 to 60,000.
    #[serde(deserialize_with = "limited::<_, _, 1, 60_000>")]
    pub connect_timeout_ms: u32,
    /// The read timeout, in milliseconds, 1 to 60,000.
    #[serde(deserialize_with = "limited::<_, _, 1, 60_000>")]
    pub read_timeout_ms: u32,
    /// The timeout of a whole request, in milliseconds, 1 to 60,000.
    #[serde(deserialize_with = "limited::<_, _, 1, 60_000>")]
    pub total_timeout_ms: u32,
    /// The largest response after decompression, in bytes, 1,024 to 16,777,216.
    #[serde(deserialize_with = "limited::<_, _, 1_024, 16_777_216>")]
    pub body_size_max: u32,
    /// Hosts that may have a private address and may be called without TLS.
    pub allow_private: Vec<String>,
    /// <https://www.alphavantage.co/documentation/>
    pub alpha_vantage: ProviderConfig,
    /// <https://site.financialmodelingprep.com/developer/docs/stable>
    pub financial_modeling_prep: ProviderConfig,
    /// <https://finnhub.io/docs/api>
    pub finnhub: ProviderConfig,
    /// <https://twelvedata.com/docs>
    pub twelve_data: ProviderConfig,
}

impl Default for ProvidersConfig {
    fn default() -> Self {
        let at = |url: &str| ProviderConfig { key: Secret::default(), url: url.to_owned() };
        Self {
            order: ProviderKind::ALL.to_vec(),
            connect_timeout_ms: 2_000,
            read_timeout_ms: 3_000,
            total_timeout_ms: 5_000,
            body_size_max: 1_048_576,
            allow_private: Vec::new(),
            alpha_vantage: at("https://www.alphavantage.co"),
            financial_modeling_prep: at("https://financialmodelingprep.com"),
            finnhub: at("https://finnhub.io"),
            twelve_data: at("https://api.twelvedata.com"),
        }
    }
}

impl ProvidersConfig {
    pub fn of(&self, kind: ProviderKind) -> &ProviderConfig {
        match kind {
            ProviderKind::AlphaVantage => &self.alpha_vantage,
            ProviderKind::FinancialModelingPrep => &self.financial_modeling_prep,
            ProviderKind::Finnhub => &self.finnhub,
            ProviderKind::TwelveData => &self.twelve_data,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProviderConfig {
    /// The API key; empty: the provider is skipped.
    #[serde(default)]
    pub key: Secret,
    /// The base URL, without a path.
    pub url: String,
}

fn each_once<'de, D: Deserializer<'de>>(reader: D) -> Result<Vec<ProviderKind>, D::Error> {
    let order = Vec::<ProviderKind>::deserialize(reader)?;
    for (at, kind) in order.iter().enumerate() {
        if order[..at].contains(kind) {
            return Err(D::Error::custom(format!("expected each provider once, got {kind} twice")));
        }
    }
    Ok(order)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_section_is_the_default_without_keys() {
        let config: ProvidersConfig = toml::from_str("").unwrap();
        assert_eq!(config, ProvidersConfig::default());
        assert!(ProviderKind::ALL.iter().all(|kind| config.of(*kind).key.is_empty()));
    }

    #[test]
    fn bad_settings_are_refused() {
        for (text, expected) in [
            ("order = [\"yahoo\"]", "unknown variant"),
            ("order = [\"finnhub\", \"finnhub\"]", "finnhub twice"),
            ("total_timeout_ms = 0", "from 1 to 60000"),
            ("[finnhub]\nurl = \"https://x\"\ntoken = \"\"", "unknown field"),
        ] {
            let error = toml::from_str::<ProvidersConfig>(text).unwrap_err().to_string();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }
}
