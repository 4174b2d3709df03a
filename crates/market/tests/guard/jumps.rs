//! Which prices are believed: old ones, and those that differ much from the last good one.

use domain::{Clock, Price};
use market::ProviderKind::{AlphaVantage, Finnhub, TwelveData};
use market::Refusal;
use testkit::ManualClock;

use crate::support::*;

#[tokio::test]
async fn a_price_within_the_share_needs_no_second_opinion() {
    let database = fresh("sqlite").await;
    let clock = ManualClock::new();
    let first = Scripted::new(Finnhub, Answer::Price(12_500, clock.now()));
    let second = Scripted::new(TwelveData, Answer::Price(10_000, clock.now()));
    let node = node(&without_quota(), &[&first, &second], &database.store, &clock);
    let last = Some((Price(10_000), clock.now()));
    for price in [12_500, 10_000, 7_500] {
        first.say(Answer::Price(price, clock.now()));
        assert_eq!(brief(node.quote(&symbol("AAPL"), last).await), Ok((Finnhub, price)));
    }
    first.say(Answer::Price(1, clock.now()));
    assert_eq!(brief(node.quote(&symbol("AAPL"), None).await), Ok((Finnhub, 1)), "the first ever");
    assert_eq!(second.asked(), 0);
}

#[tokio::test]
async fn a_jump_that_a_second_provider_confirms_is_believed() {
    let database = fresh("sqlite").await;
    let clock = ManualClock::new();
    let (old, new) = (clock.now(), clock.now().plus_seconds(9));
    let first = Scripted::new(Finnhub, Answer::Price(5_000, new));
    let second = Scripted::new(TwelveData, Answer::Price(5_100, old));
    let node = node(&without_quota(), &[&first, &second], &database.store, &clock);
    let last = Some((Price(10_000), old));
    let told = brief(node.quote(&symbol("AAPL"), last).await);
    assert_eq!(told, Ok((Finnhub, 5_000)), "the newer of both");
    second.say(Answer::Price(5_100, new));
    assert_eq!(brief(node.quote(&symbol("AAPL"), last).await), Ok((TwelveData, 5_100)));
}

#[tokio::test]
async fn a_jump_that_a_second_provider_denies_is_not_believed() {
    let database = fresh("sqlite").await;
    let clock = ManualClock::new();
    let first = Scripted::new(Finnhub, Answer::Price(100_000_000, clock.now()));
    let second = Scripted::new(TwelveData, Answer::Price(10_100, clock.now()));
    let node = node(&without_quota(), &[&first, &second], &database.store, &clock);
    let last = Some((Price(10_000), clock.now()));
    for _ in 0..3 {
        let told = brief(node.quote(&symbol("AAPL"), last).await);
        assert_eq!(told, Ok((TwelveData, 10_100)));
        clock.advance_seconds(60);
    }
    second.say(Answer::Price(200, clock.now()));
    for _ in 0..3 {
        assert!(matches!(node.quote(&symbol("AAPL"), last).await, Err(Refusal::InDoubt { .. })));
        clock.advance_seconds(60);
    }
    let third = Scripted::new(AlphaVantage, Answer::Price(201, clock.now()));
    let three = [&first, &second, &third];
    let node = self::node(&without_quota(), &three, &database.store, &clock);
    let told = brief(node.quote(&symbol("AAPL"), last).await);
    assert_eq!(told, Ok((AlphaVantage, 201)), "two of three");
}

#[tokio::test]
async fn a_lone_provider_confirms_its_jump_by_saying_it_again_a_minute_later() {
    let database = fresh("sqlite").await;
    let clock = ManualClock::new();
    let first = Scripted::new(Finnhub, Answer::Price(2_500, clock.now()));
    let second = Scripted::new(TwelveData, Answer::Refuse(Refusal::AuthFailed));
    let node = node(&without_quota(), &[&first, &second], &database.store, &clock);
    let last = Some((Price(10_000), clock.now()));
    let ask = async || brief(node.quote(&symbol("AAPL"), last).await);
    assert!(matches!(ask().await, Err(Refusal::InDoubt { .. })));
    clock.advance_seconds(59);
    assert!(matches!(ask().await, Err(Refusal::InDoubt { .. })));
    first.say_next(Answer::Price(90_000, clock.now()));
    clock.advance_seconds(1);
    assert!(matches!(ask().await, Err(Refusal::InDoubt { .. })), "another jump begins anew");
    clock.advance_seconds(60);
    assert!(matches!(ask().await, Err(Refusal::InDoubt { .. })), "so does the first one");
    clock.advance_seconds(60);
    assert_eq!(ask().await, Ok((Finnhub, 2_500)));
    assert!(matches!(ask().await, Err(Refusal::InDoubt { .. })), "a confirmation is used once");
}

#[tokio::test]
async fn a_price_that_comes_back_ends_the_doubt() {
    let database = fresh("sqlite").await;
    let clock = ManualClock::new();
    let provider = Scripted::new(Finnhub, Answer::Price(2_500, clock.now()));
    let node = node(&without_quota(), &[&provider], &database.store, &clock);
    let last = Some((Price(10_000), clock.now()));
    let ask = async || brief(node.quote(&symbol("AAPL"), last).await);
    assert!(matches!(ask().await, Err(Refusal::InDoubt { .. })));
    clock.advance_seconds(60);
    provider.say_next(Answer::Price(10_000, clock.now()));
    assert_eq!(ask().await, Ok((Finnhub, 10_000)));
    assert!(
        matches!(ask().await, Err(Refusal::InDoubt { .. })),
        "it was a glitch, and this is a new one"
    );
}

#[tokio::test]
async fn an_older_price_is_passed_over_while_somebody_has_a_newer_one() {
    let database = fresh("sqlite").await;
    let clock = ManualClock::new();
    let now = clock.now();
    let first = Scripted::new(AlphaVantage, Answer::Price(10_100, now.plus_seconds(-90)));
    let second = Scripted::new(Finnhub, Answer::Price(10_200, now));
    let node = node(&without_quota(), &[&first, &second], &database.store, &clock);
    let last = Some((Price(10_000), now.plus_seconds(-60)));
    let ask = async || brief(node.quote(&symbol("AAPL"), last).await);
    assert_eq!(ask().await, Ok((Finnhub, 10_200)));
    second.say(Answer::Price(10_300, now.plus_seconds(-80)));
    assert_eq!(ask().await, Ok((Finnhub, 10_300)), "the newest of those that are too old");
    second.say(Answer::Price(90_000, now.plus_seconds(-80)));
    assert_eq!(ask().await, Ok((AlphaVantage, 10_100)), "one that is far off does not count");
    first.say(Answer::Price(90_000, now.plus_seconds(-90)));
    assert_eq!(ask().await, Err(Refusal::Malformed));
    first.say(Answer::Price(10_100, now.plus_seconds(-90)));
    second.say(Answer::Price(90_000, now));
    assert!(
        matches!(ask().await, Err(Refusal::InDoubt { .. })),
        "a doubted one is no reason for an old one"
    );
}

#[tokio::test]
async fn a_price_that_was_made_before_a_doubted_one_does_not_end_the_doubt() {
    let database = fresh("sqlite").await;
    let clock = ManualClock::new();
    let (old, new) = (clock.now(), clock.now().plus_seconds(9));
    let first = Scripted::new(Finnhub, Answer::Price(1_000_000, new));
    let second = Scripted::new(TwelveData, Answer::Price(4_000_000, old));
    let node = node(&without_quota(), &[&first, &second], &database.store, &clock);
    let last = Some((Price(4_000_000), old));
    let ask = async || brief(node.quote(&symbol("AAPL"), last).await);
    assert_eq!(ask().await, Err(Refusal::InDoubt { as_of: new }), "a split, seen by one provider");
    second.say(Answer::Price(4_000_000, new));
    assert_eq!(ask().await, Ok((TwelveData, 4_000_000)), "the other denies it");
}
