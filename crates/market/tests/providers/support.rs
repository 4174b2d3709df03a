//! An adapter and the fake provider that it calls.

use std::sync::Arc;

use domain::{Clock, Day, Secret, Symbol, UnixMicros};
use market::{ProviderConfig, ProviderKind, ProvidersConfig, QuoteProvider, connect};
use testkit::{Dialect, FakeBar, FakeProvider, ManualClock};

/// The API key, which no log and no result may contain.
pub(crate) const KEY: &str = "k3y-of-the-test";

/// 2026-11-16T17:00:00Z, a Monday at midday in New York.
pub(crate) const NOON: UnixMicros = UnixMicros(1_794_848_400_000_000);

/// An adapter and its fake provider.
pub(crate) struct Fixture {
    pub(crate) fake: FakeProvider,
    pub(crate) provider: Arc<dyn QuoteProvider>,
    pub(crate) clock: ManualClock,
}

impl Fixture {
    /// With short limits.
    pub(crate) async fn start(dialect: Dialect) -> Self {
        let fake = FakeProvider::start(dialect).await;
        let clock = ManualClock::at(NOON);
        let provider = adapter(dialect, &config(dialect, fake.url()), &clock);
        fake.set_price("DEMO", "102.4000", noon(&clock));
        let bar = |day: &str, prices| FakeBar { day: day_of(day), prices, volume: 1_234_567 };
        let bars = vec![
            bar("2026-11-12", ["100.0000", "101.4000", "99.8000", "101.0000"]),
            bar("2026-11-13", ["101.2000", "103.0500", "100.9000", "102.4000"]),
        ];
        fake.set_bars("DEMO", bars);
        Self { fake, provider, clock }
    }
}

/// An instant of the last minute.
pub(crate) fn noon(clock: &ManualClock) -> UnixMicros {
    UnixMicros(clock.now().seconds() * 1_000_000).plus_seconds(-30)
}

/// The adapter of a dialect.
pub(crate) fn adapter(
    dialect: Dialect,
    config: &ProvidersConfig,
    clock: &ManualClock,
) -> Arc<dyn QuoteProvider> {
    let clock: Arc<dyn Clock> = Arc::new(clock.clone());
    let mut providers = connect(config, &clock, || None).expect("a client");
    let provider = providers.pop().expect("there is a key");
    assert_eq!(provider.kind(), kind(dialect));
    provider
}

/// A configuration with this one provider and short limits.
pub(crate) fn config(dialect: Dialect, url: &str) -> ProvidersConfig {
    let mut config = ProvidersConfig {
        connect_timeout_ms: 500,
        read_timeout_ms: 250,
        total_timeout_ms: 750,
        allow_private: vec!["127.0.0.1".to_owned()],
        ..ProvidersConfig::default()
    };
    let provider = ProviderConfig { key: Secret::new(KEY), url: url.to_owned() };
    match dialect {
        Dialect::AlphaVantage => config.alpha_vantage = provider,
        Dialect::FinancialModelingPrep => config.financial_modeling_prep = provider,
        Dialect::Finnhub => config.finnhub = provider,
        Dialect::TwelveData => config.twelve_data = provider,
    }
    config
}

pub(crate) fn kind(dialect: Dialect) -> ProviderKind {
    match dialect {
        Dialect::AlphaVantage => ProviderKind::AlphaVantage,
        Dialect::FinancialModelingPrep => ProviderKind::FinancialModelingPrep,
        Dialect::Finnhub => ProviderKind::Finnhub,
        Dialect::TwelveData => ProviderKind::TwelveData,
    }
}

pub(crate) fn symbol(text: &str) -> Symbol {
    Symbol::parse(text).expect("a symbol")
}

pub(crate) fn day_of(text: &str) -> Day {
    Day::parse(text).expect("a day")
}
