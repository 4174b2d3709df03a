//! Older prices and price jumps.

use domain::{Clock, Price};
use market::ProviderError;
use market::ProviderKind::{AlphaVantage, Finnhub, TwelveData};
use testkit::ManualClock;

use crate::support::*;

#[tokio::test]
async fn a_price_within_the_limit_needs_no_confirmation() {
    let database = fresh_database("sqlite").await;
    let clock = ManualClock::new();
    let first = ScriptedProvider::new(Finnhub, ScriptedResponse::Price(12_500, clock.now()));
    let second = ScriptedProvider::new(TwelveData, ScriptedResponse::Price(10_000, clock.now()));
    let node = node(&without_quota(), &[&first, &second], &database.store, &clock);
    let last = Some((Price(10_000), clock.now()));
    for price in [12_500, 10_000, 7_500] {
        first.respond_with(ScriptedResponse::Price(price, clock.now()));
        assert_eq!(brief(node.quote(&symbol("AAPL"), last).await), Ok((Finnhub, price)));
    }
    first.respond_with(ScriptedResponse::Price(1, clock.now()));
    assert_eq!(brief(node.quote(&symbol("AAPL"), None).await), Ok((Finnhub, 1)), "the first ever");
    assert_eq!(second.calls(), 0);
}

#[tokio::test]
async fn a_jump_that_a_second_provider_confirms_is_accepted() {
    let database = fresh_database("sqlite").await;
    let clock = ManualClock::new();
    let (old, new) = (clock.now(), clock.now().plus_seconds(9));
    let first = ScriptedProvider::new(Finnhub, ScriptedResponse::Price(5_000, new));
    let second = ScriptedProvider::new(TwelveData, ScriptedResponse::Price(5_100, old));
    let node = node(&without_quota(), &[&first, &second], &database.store, &clock);
    let last = Some((Price(10_000), old));
    let result = brief(node.quote(&symbol("AAPL"), last).await);
    assert_eq!(result, Ok((Finnhub, 5_000)), "the newer of both");
    second.respond_with(ScriptedResponse::Price(5_100, new));
    assert_eq!(brief(node.quote(&symbol("AAPL"), last).await), Ok((TwelveData, 5_100)));
}

#[tokio::test]
async fn a_jump_that_a_second_provider_contradicts_is_rejected() {
    let database = fresh_database("sqlite").await;
    let clock = ManualClock::new();
    let first = ScriptedProvider::new(Finnhub, ScriptedResponse::Price(100_000_000, clock.now()));
    let second = ScriptedProvider::new(TwelveData, ScriptedResponse::Price(10_100, clock.now()));
    let node = node(&without_quota(), &[&first, &second], &database.store, &clock);
    let last = Some((Price(10_000), clock.now()));
    for _ in 0..3 {
        let result = brief(node.quote(&symbol("AAPL"), last).await);
        assert_eq!(result, Ok((TwelveData, 10_100)));
        clock.advance_seconds(60);
    }
    second.respond_with(ScriptedResponse::Price(200, clock.now()));
    for _ in 0..3 {
        assert!(matches!(
            node.quote(&symbol("AAPL"), last).await,
            Err(ProviderError::Unconfirmed { .. })
        ));
        clock.advance_seconds(60);
    }
    let third = ScriptedProvider::new(AlphaVantage, ScriptedResponse::Price(201, clock.now()));
    let three = [&first, &second, &third];
    let node = self::node(&without_quota(), &three, &database.store, &clock);
    let result = brief(node.quote(&symbol("AAPL"), last).await);
    assert_eq!(result, Ok((AlphaVantage, 201)), "two of three");
}

#[tokio::test]
async fn a_single_provider_confirms_its_jump_a_minute_later() {
    let database = fresh_database("sqlite").await;
    let clock = ManualClock::new();
    let first = ScriptedProvider::new(Finnhub, ScriptedResponse::Price(2_500, clock.now()));
    let second =
        ScriptedProvider::new(TwelveData, ScriptedResponse::Fail(ProviderError::AuthFailed));
    let node = node(&without_quota(), &[&first, &second], &database.store, &clock);
    let last = Some((Price(10_000), clock.now()));
    let ask = async || brief(node.quote(&symbol("AAPL"), last).await);
    assert!(matches!(ask().await, Err(ProviderError::Unconfirmed { .. })));
    clock.advance_seconds(59);
    assert!(matches!(ask().await, Err(ProviderError::Unconfirmed { .. })));
    first.respond_once(ScriptedResponse::Price(90_000, clock.now()));
    clock.advance_seconds(1);
    assert!(
        matches!(ask().await, Err(ProviderError::Unconfirmed { .. })),
        "another jump begins anew"
    );
    clock.advance_seconds(60);
    assert!(matches!(ask().await, Err(ProviderError::Unconfirmed { .. })), "so does the first one");
    clock.advance_seconds(60);
    assert_eq!(ask().await, Ok((Finnhub, 2_500)));
    assert!(
        matches!(ask().await, Err(ProviderError::Unconfirmed { .. })),
        "a confirmation is used once"
    );
}

#[tokio::test]
async fn a_price_that_returns_to_normal_clears_the_jump() {
    let database = fresh_database("sqlite").await;
    let clock = ManualClock::new();
    let provider = ScriptedProvider::new(Finnhub, ScriptedResponse::Price(2_500, clock.now()));
    let node = node(&without_quota(), &[&provider], &database.store, &clock);
    let last = Some((Price(10_000), clock.now()));
    let ask = async || brief(node.quote(&symbol("AAPL"), last).await);
    assert!(matches!(ask().await, Err(ProviderError::Unconfirmed { .. })));
    clock.advance_seconds(60);
    provider.respond_once(ScriptedResponse::Price(10_000, clock.now()));
    assert_eq!(ask().await, Ok((Finnhub, 10_000)));
    assert!(
        matches!(ask().await, Err(ProviderError::Unconfirmed { .. })),
        "it was a glitch, and this is a new one"
    );
}

#[tokio::test]
async fn an_older_price_is_skipped_if_another_provider_has_a_newer_one() {
    let database = fresh_database("sqlite").await;
    let clock = ManualClock::new();
    let now = clock.now();
    let first =
        ScriptedProvider::new(AlphaVantage, ScriptedResponse::Price(10_100, now.plus_seconds(-90)));
    let second = ScriptedProvider::new(Finnhub, ScriptedResponse::Price(10_200, now));
    let node = node(&without_quota(), &[&first, &second], &database.store, &clock);
    let last = Some((Price(10_000), now.plus_seconds(-60)));
    let ask = async || brief(node.quote(&symbol("AAPL"), last).await);
    assert_eq!(ask().await, Ok((Finnhub, 10_200)));
    second.respond_with(ScriptedResponse::Price(10_300, now.plus_seconds(-80)));
    assert_eq!(ask().await, Ok((Finnhub, 10_300)), "the newest of those that are too old");
    second.respond_with(ScriptedResponse::Price(90_000, now.plus_seconds(-80)));
    assert_eq!(ask().await, Ok((AlphaVantage, 10_100)), "one that is far off does not count");
    first.respond_with(ScriptedResponse::Price(90_000, now.plus_seconds(-90)));
    assert_eq!(ask().await, Err(ProviderError::Malformed));
    first.respond_with(ScriptedResponse::Price(10_100, now.plus_seconds(-90)));
    second.respond_with(ScriptedResponse::Price(90_000, now));
    assert!(
        matches!(ask().await, Err(ProviderError::Unconfirmed { .. })),
        "a doubted one is no reason for an old one"
    );
}

#[tokio::test]
async fn a_price_older_than_a_jump_does_not_clear_it() {
    let database = fresh_database("sqlite").await;
    let clock = ManualClock::new();
    let (old, new) = (clock.now(), clock.now().plus_seconds(9));
    let first = ScriptedProvider::new(Finnhub, ScriptedResponse::Price(1_000_000, new));
    let second = ScriptedProvider::new(TwelveData, ScriptedResponse::Price(4_000_000, old));
    let node = node(&without_quota(), &[&first, &second], &database.store, &clock);
    let last = Some((Price(4_000_000), old));
    let ask = async || brief(node.quote(&symbol("AAPL"), last).await);
    assert_eq!(
        ask().await,
        Err(ProviderError::Unconfirmed { as_of: new }),
        "a split, seen by one provider"
    );
    second.respond_with(ScriptedResponse::Price(4_000_000, new));
    assert_eq!(ask().await, Ok((TwelveData, 4_000_000)), "the other denies it");
}
