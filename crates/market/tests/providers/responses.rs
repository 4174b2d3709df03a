//! Successful responses and the error responses of each provider.

use std::time::Duration;

use domain::{Clock as _, DailyBar, Price};
use market::{PriceUnit, ProviderError, QuotaWindow};
use testkit::{Dialect, FakeMode};

use crate::support::*;

#[tokio::test]
async fn a_price_is_read_exactly_in_every_dialect() {
    for dialect in Dialect::ALL {
        let fixture = Fixture::start(dialect).await;
        let quote = fixture.provider.quote(&symbol("DEMO")).await.expect("a quote");
        assert_eq!((quote.symbol, quote.price), (symbol("DEMO"), Price(1_024_000)), "{dialect:?}");
        assert_eq!(quote.previous_close, Some(Price(1_010_000)), "{dialect:?}");
        let volume = (dialect != Dialect::Finnhub).then_some(1_234_567);
        assert_eq!(quote.volume, volume, "{dialect:?}");
        assert!(quote.as_of <= fixture.clock.now(), "{dialect:?}");
        let dollars = (dialect == Dialect::TwelveData).then(|| PriceUnit::parse("USD").unwrap());
        assert_eq!(quote.unit, dollars, "{dialect:?}: only Twelve Data states it");
        assert_eq!(fixture.fake.calls(), 1);
    }
}

#[tokio::test]
async fn a_price_with_a_time_keeps_it_and_one_with_a_day_ends_with_its_session() {
    for dialect in Dialect::ALL {
        let fixture = Fixture::start(dialect).await;
        fixture.fake.set_price("DEMO", "102.4", noon(&fixture.clock));
        let quote = fixture.provider.quote(&symbol("DEMO")).await.expect("a quote");
        if dialect == Dialect::AlphaVantage {
            let late = quote.as_of.plus_seconds(16 * 3_600);
            assert!(quote.as_of <= fixture.clock.now() && late >= fixture.clock.now());
        } else {
            assert_eq!(quote.as_of, noon(&fixture.clock), "{dialect:?}");
        }
    }
}

#[tokio::test]
async fn a_stock_that_a_provider_does_not_know_is_not_found() {
    for dialect in Dialect::ALL {
        let fixture = Fixture::start(dialect).await;
        let nope = symbol("NOPE");
        assert_eq!(
            fixture.provider.quote(&nope).await,
            Err(ProviderError::NotFound),
            "{dialect:?}"
        );
        let profile = fixture.provider.profile(&nope).await.expect_err("none");
        let history = fixture.provider.history(&nope, day_of("2026-11-01"), day_of("2026-11-13"));
        let history = history.await.expect_err("none");
        for error in [profile, history] {
            assert!(
                matches!(error, ProviderError::NotFound | ProviderError::Unsupported),
                "{dialect:?}"
            );
        }
    }
}

#[tokio::test]
async fn days_ascend_within_the_requested_range() {
    for dialect in [Dialect::AlphaVantage, Dialect::FinancialModelingPrep, Dialect::TwelveData] {
        let fixture = Fixture::start(dialect).await;
        let history = |from, to| {
            let (provider, demo) = (fixture.provider.clone(), symbol("DEMO"));
            async move { provider.history(&demo, day_of(from), day_of(to)).await }
        };
        let bars = history("2026-11-01", "2026-11-13").await.expect("bars");
        let days: Vec<String> = bars.bars.iter().map(|bar| bar.day.to_string()).collect();
        assert_eq!(days, ["2026-11-12", "2026-11-13"], "{dialect:?}");
        let dollars = (dialect == Dialect::TwelveData).then(|| PriceUnit::parse("USD").unwrap());
        assert_eq!(bars.unit, dollars, "{dialect:?}: only Twelve Data states it");
        let expected = DailyBar {
            day: day_of("2026-11-13"),
            open: Some(Price(1_012_000)),
            high: Some(Price(1_030_500)),
            low: Some(Price(1_009_000)),
            close: Price(1_024_000),
            volume: Some(1_234_567),
        };
        assert_eq!(bars.bars[1], expected, "{dialect:?}");
        assert_eq!(history("2026-11-13", "2026-11-13").await.expect("one").bars.len(), 1);
        assert_eq!(history("2026-11-14", "2026-11-20").await, Err(ProviderError::NotFound));
    }
    let finnhub = Fixture::start(Dialect::Finnhub).await;
    let demo = symbol("DEMO");
    let history = finnhub.provider.history(&demo, day_of("2026-11-01"), day_of("2026-11-13"));
    assert_eq!(history.await, Err(ProviderError::Unsupported));
    assert_eq!(finnhub.fake.calls(), 0, "it is not called for what it does not have");
}

#[tokio::test]
async fn a_search_finds_stocks_or_none() {
    for dialect in Dialect::ALL {
        let fixture = Fixture::start(dialect).await;
        let hits = fixture.provider.search("dem").await.expect("an answer");
        assert_eq!((hits.len(), hits[0].symbol.as_str()), (1, "DEMO"), "{dialect:?}");
        assert_eq!(hits[0].name, "DEMO Company Inc");
        assert_eq!(fixture.provider.search("zzz").await, Ok(vec![]), "{dialect:?}");
    }
}

#[tokio::test]
async fn what_is_searched_for_is_escaped() {
    let fixture = Fixture::start(Dialect::Finnhub).await;
    let _ = fixture.provider.search("a&token=x#/../é").await;
    assert_eq!(fixture.fake.requests(), ["/api/v1/search?q=a%26token%3Dx%23%2F..%2F%C3%A9"]);
}

#[tokio::test]
async fn a_company_is_described_where_the_plan_has_it() {
    for dialect in [Dialect::AlphaVantage, Dialect::FinancialModelingPrep, Dialect::Finnhub] {
        let fixture = Fixture::start(dialect).await;
        let profile = fixture.provider.profile(&symbol("DEMO")).await.expect("a profile");
        assert_eq!(profile.name, "DEMO Company Inc", "{dialect:?}");
        assert_eq!(profile.currency.as_deref(), Some("USD"), "{dialect:?}");
        let has_text = profile.description.is_some();
        assert_eq!(has_text, dialect != Dialect::Finnhub, "{dialect:?}");
        fixture.fake.set_mode(FakeMode::WrongSymbol);
        let other = fixture.provider.profile(&symbol("DEMO")).await;
        assert_eq!(other, Err(ProviderError::Malformed), "{dialect:?}");
    }
}

#[tokio::test]
async fn error_responses_of_each_provider_map_to_errors() {
    use Dialect::{AlphaVantage, FinancialModelingPrep, Finnhub, TwelveData};
    let limited = |window| ProviderError::RateLimited { window, retry_after: None };
    let plan = ProviderError::PlanRestricted { symbol_only: false };
    for (dialect, mode, expected) in [
        (AlphaVantage, FakeMode::QuotaSecond, limited(QuotaWindow::Second)),
        (AlphaVantage, FakeMode::QuotaMinute, limited(QuotaWindow::Minute)),
        (AlphaVantage, FakeMode::QuotaDay, limited(QuotaWindow::Day)),
        (AlphaVantage, FakeMode::KeyRefused, ProviderError::AuthFailed),
        (AlphaVantage, FakeMode::PlanRestricted, plan.clone()),
        (FinancialModelingPrep, FakeMode::QuotaDay, limited(QuotaWindow::Day)),
        (FinancialModelingPrep, FakeMode::KeyRefused, ProviderError::AuthFailed),
        (FinancialModelingPrep, FakeMode::PlanRestricted, plan.clone()),
        (Finnhub, FakeMode::QuotaMinute, limited(QuotaWindow::Minute)),
        (Finnhub, FakeMode::KeyRefused, ProviderError::AuthFailed),
        (Finnhub, FakeMode::PlanRestricted, plan.clone()),
        (TwelveData, FakeMode::QuotaMinute, limited(QuotaWindow::Minute)),
        (TwelveData, FakeMode::QuotaDay, limited(QuotaWindow::Day)),
        (TwelveData, FakeMode::KeyRefused, ProviderError::AuthFailed),
        (TwelveData, FakeMode::PlanRestricted, plan),
    ] {
        let fixture = Fixture::start(dialect).await;
        fixture.fake.set_mode(mode.clone());
        let error = fixture.provider.quote(&symbol("DEMO")).await;
        assert_eq!(error, Err(expected), "{dialect:?} {mode:?}");
    }
}

#[tokio::test]
async fn retry_after_is_returned() {
    for dialect in Dialect::ALL {
        let fixture = Fixture::start(dialect).await;
        let limited = |retry_after| {
            Err(ProviderError::RateLimited { window: QuotaWindow::Minute, retry_after })
        };
        fixture.fake.script([FakeMode::TooMany(Some(17)), FakeMode::TooMany(None)]);
        let quote = || async { fixture.provider.quote(&symbol("DEMO")).await };
        assert_eq!(quote().await, limited(Some(Duration::from_secs(17))), "{dialect:?}");
        assert_eq!(quote().await, limited(None), "{dialect:?}");
        assert!(quote().await.is_ok(), "{dialect:?}");
    }
}
