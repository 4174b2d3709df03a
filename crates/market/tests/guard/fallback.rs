//! Fallback order, negative results, single-flight and combined errors.

use std::sync::Arc;
use std::time::Duration;

use domain::{Clock, Day};
use market::ProviderKind::{AlphaVantage, Finnhub, TwelveData};
use market::{CircuitState, GuardConfig, ProviderError, QuotaConfig, QuotaWindow};
use testkit::ManualClock;

use crate::support::*;

#[tokio::test]
async fn the_next_provider_is_called_when_one_fails() {
    let database = fresh_database("sqlite").await;
    let clock = ManualClock::new();
    let first = ScriptedProvider::new(Finnhub, ScriptedResponse::Price(10_000, clock.now()));
    let second = ScriptedProvider::new(TwelveData, ScriptedResponse::Price(20_000, clock.now()));
    let node = node(&without_quota(), &[&first, &second], &database.store, &clock);
    assert_eq!(node.kinds(), [Finnhub, TwelveData]);
    let aapl = symbol("AAPL");
    assert_eq!(brief(node.quote(&aapl, None).await), Ok((Finnhub, 10_000)));
    assert_eq!(second.calls(), 0);
    for error in [ProviderError::Transient, ProviderError::Malformed, ProviderError::AuthFailed] {
        first.respond_once(ScriptedResponse::Fail(error));
        assert_eq!(brief(node.quote(&aapl, None).await), Ok((TwelveData, 20_000)));
    }
    assert_eq!(first.calls(), 4);
    assert_eq!(brief(node.quote(&aapl, None).await), Ok((TwelveData, 20_000)));
    assert_eq!(first.calls(), 4, "it does not accept our key: it is left alone");
    assert_eq!(node.statuses().await[0].breaker, CircuitState::Closed);
}

#[tokio::test]
async fn all_operations_fall_back_in_order() {
    let database = fresh_database("sqlite").await;
    let clock = ManualClock::new();
    let first = ScriptedProvider::new(Finnhub, ScriptedResponse::Fail(ProviderError::NotFound));
    let second = ScriptedProvider::new(TwelveData, ScriptedResponse::Price(20_000, clock.now()));
    let node = node(&without_quota(), &[&first, &second], &database.store, &clock);
    let aapl = symbol("AAPL");
    let bars = node.history(&aapl, Day(20_000), Day(20_010)).await.expect("a result");
    assert_eq!((bars.0, bars.1[0].day), (TwelveData, Day(20_000)));
    let hits = node.search("apple").await.expect("a result");
    assert_eq!((hits.0, hits.1[0].name.as_str()), (TwelveData, "apple"));
    let profile = node.profile(&aapl).await.expect("a result");
    assert_eq!((profile.0, &profile.1.symbol), (TwelveData, &aapl));
    assert_eq!((first.calls(), second.calls()), (3, 3));
}

#[tokio::test]
async fn not_found_is_cached_for_a_day() {
    let database = fresh_database("sqlite").await;
    let clock = ManualClock::new();
    let provider = ScriptedProvider::new(Finnhub, ScriptedResponse::Fail(ProviderError::NotFound));
    let node = node(&without_quota(), &[&provider], &database.store, &clock);
    for _ in 0..3 {
        assert_eq!(node.quote(&symbol("NOPE"), None).await, Err(ProviderError::NotFound));
    }
    assert_eq!(provider.calls(), 1);
    assert_eq!(node.quote(&symbol("AAPL"), None).await, Err(ProviderError::NotFound));
    assert_eq!(provider.calls(), 2, "another stock is another matter");
    let nope = symbol("NOPE");
    assert!(node.history(&nope, Day(10_000), Day(10_001)).await.is_err());
    provider.respond_with(ScriptedResponse::Price(10_000, clock.now()));
    assert!(node.history(&nope, Day(20_000), Day(20_001)).await.is_ok(), "so are other days");
    clock.advance_seconds(86_399);
    assert_eq!(node.quote(&nope, None).await, Err(ProviderError::NotFound));
    clock.advance_seconds(1);
    assert!(node.quote(&nope, None).await.is_ok());
}

#[tokio::test]
async fn an_unsupported_operation_uses_quota_once() {
    let database = fresh_database("sqlite").await;
    let clock = ManualClock::new();
    let first = ScriptedProvider::new(Finnhub, ScriptedResponse::Fail(ProviderError::Unsupported));
    let second = ScriptedProvider::new(TwelveData, ScriptedResponse::Fail(ProviderError::NotFound));
    let config = without_quota();
    let both = node(&config, &[&first, &second], &database.store, &clock);
    for text in ["a", "b", "c"] {
        assert_eq!(both.search(text).await, Err(ProviderError::NotFound));
    }
    assert_eq!((first.calls(), second.calls()), (1, 3));
    let alone = node(&config, &[&first], &database.store, &clock);
    assert_eq!(alone.search("a").await, Err(ProviderError::Unsupported));
}

#[tokio::test]
async fn a_plan_restriction_of_one_stock_is_cached() {
    let database = fresh_database("sqlite").await;
    let clock = ManualClock::new();
    let error = ProviderError::PlanRestricted { symbol_only: true };
    let provider = ScriptedProvider::new(Finnhub, ScriptedResponse::Fail(error.clone()));
    let node = node(&without_quota(), &[&provider], &database.store, &clock);
    for _ in 0..2 {
        assert_eq!(node.quote(&symbol("AAPL"), None).await, Err(error.clone()));
    }
    assert_eq!(provider.calls(), 1);
    provider.respond_with(ScriptedResponse::Price(10_000, clock.now()));
    assert!(node.quote(&symbol("KO"), None).await.is_ok());
}

#[tokio::test]
async fn concurrent_callers_share_one_call() {
    let database = fresh_database("sqlite").await;
    let clock = ManualClock::new();
    let provider = ScriptedProvider::new(Finnhub, ScriptedResponse::Hang(ProviderError::NotFound));
    let node = node(&without_quota(), &[&provider], &database.store, &clock);
    let ask = || {
        let node = Arc::clone(&node);
        tokio::spawn(async move { node.quote(&symbol("AAPL"), None).await })
    };
    let first = ask();
    provider.until_called(1).await;
    let others: Vec<_> = (0..20).map(|_| ask()).collect();
    // They have joined once they have run: nothing else is to be done on this one thread.
    tokio::task::yield_now().await;
    first.abort();
    assert!(first.await.is_err_and(|error| error.is_cancelled()));
    provider.release(1);
    for other in others {
        assert_eq!(other.await.expect("it ran"), Err(ProviderError::NotFound));
    }
    assert_eq!(provider.calls(), 1);
}

#[tokio::test]
async fn a_call_continues_when_its_only_caller_is_dropped() {
    let database = fresh_database("sqlite").await;
    let clock = ManualClock::new();
    let provider = ScriptedProvider::new(Finnhub, ScriptedResponse::Hang(ProviderError::Transient));
    let node = node(&without_quota(), &[&provider], &database.store, &clock);
    let asker = tokio::spawn({
        let node = Arc::clone(&node);
        async move { node.quote(&symbol("AAPL"), None).await }
    });
    provider.until_called(1).await;
    asker.abort();
    assert!(asker.await.is_err());
    provider.release(1);
    eventually(async || node.statuses().await[0].failures == 1).await;
}

#[tokio::test]
async fn a_provider_that_is_always_slow_opens_its_breaker() {
    let database = fresh_database("sqlite").await;
    let clock = ManualClock::new();
    let late = ScriptedResponse::Late(Duration::from_millis(5), 10_000, clock.now());
    let provider = ScriptedProvider::new(Finnhub, late);
    let mut config = without_quota();
    config.breaker.slow_ms = 1;
    let node = node(&config, &[&provider], &database.store, &clock);
    for _ in 0..5 {
        assert!(node.quote(&symbol("AAPL"), None).await.is_ok(), "a late answer is one");
    }
    assert_eq!(node.quote(&symbol("AAPL"), None).await, Err(ProviderError::BreakerOpen));
    assert_eq!(provider.calls(), 5);
}

#[tokio::test]
async fn when_all_fail_the_rate_limit_that_ends_first_is_returned() {
    let database = fresh_database("sqlite").await;
    let clock = ManualClock::new();
    let limited = |seconds| ProviderError::RateLimited {
        window: QuotaWindow::Minute,
        retry_after: Some(Duration::from_secs(seconds)),
    };
    let first = ScriptedProvider::new(AlphaVantage, ScriptedResponse::Fail(limited(40)));
    let second = ScriptedProvider::new(Finnhub, ScriptedResponse::Fail(limited(20)));
    let third = ScriptedProvider::new(TwelveData, ScriptedResponse::Fail(ProviderError::NotFound));
    let providers = [&first, &second, &third];
    let node = node(&without_quota(), &providers, &database.store, &clock);
    assert_eq!(node.quote(&symbol("AAPL"), None).await, Err(limited(20)));
    clock.advance_seconds(5);
    assert_eq!(node.quote(&symbol("AAPL"), None).await, Err(limited(15)), "known without calls");
    assert_eq!([first.calls(), second.calls(), third.calls()], [1, 1, 1]);
    clock.advance_seconds(15);
    second.respond_with(ScriptedResponse::Price(10_000, clock.now()));
    assert_eq!(brief(node.quote(&symbol("AAPL"), None).await), Ok((Finnhub, 10_000)));
}

#[tokio::test]
async fn a_configured_limit_applies_before_the_provider_reports_it() {
    let database = fresh_database("sqlite").await;
    let clock = ManualClock::new();
    let provider = ScriptedProvider::new(TwelveData, ScriptedResponse::Price(10_000, clock.now()));
    let mut config: GuardConfig = without_quota();
    let day_zone = "UTC".to_owned();
    config.quota.twelve_data = QuotaConfig { per_second: 0, per_minute: 8, per_day: 0, day_zone };
    let node = node(&config, &[&provider], &database.store, &clock);
    let mut result = 0;
    for _ in 0..180 {
        result += usize::from(node.quote(&symbol("AAPL"), None).await.is_ok());
        clock.advance_seconds(1);
    }
    assert_eq!((result, provider.calls()), (24, 24), "eight a minute for three minutes");
}

#[tokio::test]
async fn without_providers_every_operation_is_unsupported() {
    let database = fresh_database("sqlite").await;
    let node = node(&without_quota(), &[], &database.store, &ManualClock::new());
    assert_eq!(node.quote(&symbol("AAPL"), None).await, Err(ProviderError::Unsupported));
    assert_eq!(node.statuses().await, []);
}
