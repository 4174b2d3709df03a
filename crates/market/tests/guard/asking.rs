//! Who is asked, in which order, how often, and what all refusals together mean.

use std::sync::Arc;
use std::time::Duration;

use domain::{Clock, Day};
use market::ProviderKind::{AlphaVantage, Finnhub, TwelveData};
use market::{BreakerWord, GuardConfig, QuotaConfig, Refusal, Window};
use testkit::ManualClock;

use crate::support::*;

#[tokio::test]
async fn the_next_one_is_asked_when_one_refuses() {
    let database = fresh("sqlite").await;
    let clock = ManualClock::new();
    let first = Scripted::new(Finnhub, Answer::Price(10_000, clock.now()));
    let second = Scripted::new(TwelveData, Answer::Price(20_000, clock.now()));
    let node = node(&without_quota(), &[&first, &second], &database.store, &clock);
    assert_eq!(node.kinds(), [Finnhub, TwelveData]);
    let aapl = symbol("AAPL");
    assert_eq!(brief(node.quote(&aapl, None).await), Ok((Finnhub, 10_000)));
    assert_eq!(second.asked(), 0);
    for refusal in [Refusal::Transient, Refusal::Malformed, Refusal::AuthFailed] {
        first.say_next(Answer::Refuse(refusal));
        assert_eq!(brief(node.quote(&aapl, None).await), Ok((TwelveData, 20_000)));
    }
    assert_eq!(first.asked(), 4);
    assert_eq!(brief(node.quote(&aapl, None).await), Ok((TwelveData, 20_000)));
    assert_eq!(first.asked(), 4, "it does not accept our key: it is left alone");
    assert_eq!(node.statuses().await[0].breaker, BreakerWord::Closed);
}

#[tokio::test]
async fn all_four_questions_fall_through_in_order() {
    let database = fresh("sqlite").await;
    let clock = ManualClock::new();
    let first = Scripted::new(Finnhub, Answer::Refuse(Refusal::NotFound));
    let second = Scripted::new(TwelveData, Answer::Price(20_000, clock.now()));
    let node = node(&without_quota(), &[&first, &second], &database.store, &clock);
    let aapl = symbol("AAPL");
    let bars = node.history(&aapl, Day(20_000), Day(20_010)).await.expect("told");
    assert_eq!((bars.0, bars.1[0].day), (TwelveData, Day(20_000)));
    let hits = node.search("apple").await.expect("told");
    assert_eq!((hits.0, hits.1[0].name.as_str()), (TwelveData, "apple"));
    let profile = node.profile(&aapl).await.expect("told");
    assert_eq!((profile.0, &profile.1.symbol), (TwelveData, &aapl));
    assert_eq!((first.asked(), second.asked()), (3, 3));
}

#[tokio::test]
async fn what_is_not_known_is_remembered_for_a_day() {
    let database = fresh("sqlite").await;
    let clock = ManualClock::new();
    let provider = Scripted::new(Finnhub, Answer::Refuse(Refusal::NotFound));
    let node = node(&without_quota(), &[&provider], &database.store, &clock);
    for _ in 0..3 {
        assert_eq!(node.quote(&symbol("NOPE"), None).await, Err(Refusal::NotFound));
    }
    assert_eq!(provider.asked(), 1);
    assert_eq!(node.quote(&symbol("AAPL"), None).await, Err(Refusal::NotFound));
    assert_eq!(provider.asked(), 2, "another stock is another matter");
    let nope = symbol("NOPE");
    assert!(node.history(&nope, Day(10_000), Day(10_001)).await.is_err());
    provider.say(Answer::Price(10_000, clock.now()));
    assert!(node.history(&nope, Day(20_000), Day(20_001)).await.is_ok(), "so are other days");
    clock.advance_seconds(86_399);
    assert_eq!(node.quote(&nope, None).await, Err(Refusal::NotFound));
    clock.advance_seconds(1);
    assert!(node.quote(&nope, None).await.is_ok());
}

#[tokio::test]
async fn what_is_not_offered_costs_its_quota_once() {
    let database = fresh("sqlite").await;
    let clock = ManualClock::new();
    let first = Scripted::new(Finnhub, Answer::Refuse(Refusal::Unsupported));
    let second = Scripted::new(TwelveData, Answer::Refuse(Refusal::NotFound));
    let config = without_quota();
    let both = node(&config, &[&first, &second], &database.store, &clock);
    for text in ["a", "b", "c"] {
        assert_eq!(both.search(text).await, Err(Refusal::NotFound));
    }
    assert_eq!((first.asked(), second.asked()), (1, 3));
    let alone = node(&config, &[&first], &database.store, &clock);
    assert_eq!(alone.search("a").await, Err(Refusal::Unsupported));
}

#[tokio::test]
async fn a_plan_without_one_stock_is_said_so_again_without_asking() {
    let database = fresh("sqlite").await;
    let clock = ManualClock::new();
    let refusal = Refusal::PlanRestricted { symbol_only: true };
    let provider = Scripted::new(Finnhub, Answer::Refuse(refusal.clone()));
    let node = node(&without_quota(), &[&provider], &database.store, &clock);
    for _ in 0..2 {
        assert_eq!(node.quote(&symbol("AAPL"), None).await, Err(refusal.clone()));
    }
    assert_eq!(provider.asked(), 1);
    provider.say(Answer::Price(10_000, clock.now()));
    assert!(node.quote(&symbol("KO"), None).await.is_ok());
}

#[tokio::test]
async fn those_who_ask_for_the_same_at_once_make_one_question() {
    let database = fresh("sqlite").await;
    let clock = ManualClock::new();
    let provider = Scripted::new(Finnhub, Answer::Hang(Refusal::NotFound));
    let node = node(&without_quota(), &[&provider], &database.store, &clock);
    let ask = || {
        let node = Arc::clone(&node);
        tokio::spawn(async move { node.quote(&symbol("AAPL"), None).await })
    };
    let first = ask();
    provider.until_asked(1).await;
    let others: Vec<_> = (0..20).map(|_| ask()).collect();
    // They have joined once they have run: nothing else is to be done on this one thread.
    tokio::task::yield_now().await;
    first.abort();
    assert!(first.await.is_err_and(|error| error.is_cancelled()));
    provider.release(1);
    for other in others {
        assert_eq!(other.await.expect("it ran"), Err(Refusal::NotFound));
    }
    assert_eq!(provider.asked(), 1);
}

#[tokio::test]
async fn a_question_goes_on_when_its_only_asker_leaves() {
    let database = fresh("sqlite").await;
    let clock = ManualClock::new();
    let provider = Scripted::new(Finnhub, Answer::Hang(Refusal::Transient));
    let node = node(&without_quota(), &[&provider], &database.store, &clock);
    let asker = tokio::spawn({
        let node = Arc::clone(&node);
        async move { node.quote(&symbol("AAPL"), None).await }
    });
    provider.until_asked(1).await;
    asker.abort();
    assert!(asker.await.is_err());
    provider.release(1);
    eventually(async || node.statuses().await[0].failures == 1).await;
}

#[tokio::test]
async fn a_provider_that_is_always_slow_is_left_alone_although_it_answers() {
    let database = fresh("sqlite").await;
    let clock = ManualClock::new();
    let late = Answer::Late(Duration::from_millis(5), 10_000, clock.now());
    let provider = Scripted::new(Finnhub, late);
    let mut config = without_quota();
    config.breaker.slow_ms = 1;
    let node = node(&config, &[&provider], &database.store, &clock);
    for _ in 0..5 {
        assert!(node.quote(&symbol("AAPL"), None).await.is_ok(), "a late answer is one");
    }
    assert_eq!(node.quote(&symbol("AAPL"), None).await, Err(Refusal::BreakerOpen));
    assert_eq!(provider.asked(), 5);
}

#[tokio::test]
async fn when_all_refuse_the_wait_that_ends_first_is_told() {
    let database = fresh("sqlite").await;
    let clock = ManualClock::new();
    let limited = |seconds| Refusal::RateLimited {
        window: Window::Minute,
        retry_after: Some(Duration::from_secs(seconds)),
    };
    let first = Scripted::new(AlphaVantage, Answer::Refuse(limited(40)));
    let second = Scripted::new(Finnhub, Answer::Refuse(limited(20)));
    let third = Scripted::new(TwelveData, Answer::Refuse(Refusal::NotFound));
    let providers = [&first, &second, &third];
    let node = node(&without_quota(), &providers, &database.store, &clock);
    assert_eq!(node.quote(&symbol("AAPL"), None).await, Err(limited(20)));
    clock.advance_seconds(5);
    assert_eq!(node.quote(&symbol("AAPL"), None).await, Err(limited(15)), "known without asking");
    assert_eq!([first.asked(), second.asked(), third.asked()], [1, 1, 1]);
    clock.advance_seconds(15);
    second.say(Answer::Price(10_000, clock.now()));
    assert_eq!(brief(node.quote(&symbol("AAPL"), None).await), Ok((Finnhub, 10_000)));
}

#[tokio::test]
async fn a_limit_of_ours_is_kept_before_the_provider_has_to_say_so() {
    let database = fresh("sqlite").await;
    let clock = ManualClock::new();
    let provider = Scripted::new(TwelveData, Answer::Price(10_000, clock.now()));
    let mut config: GuardConfig = without_quota();
    let day_zone = "UTC".to_owned();
    config.quota.twelve_data = QuotaConfig { per_second: 0, per_minute: 8, per_day: 0, day_zone };
    let node = node(&config, &[&provider], &database.store, &clock);
    let mut told = 0;
    for _ in 0..180 {
        told += usize::from(node.quote(&symbol("AAPL"), None).await.is_ok());
        clock.advance_seconds(1);
    }
    assert_eq!((told, provider.asked()), (24, 24), "eight a minute for three minutes");
}

#[tokio::test]
async fn without_providers_nothing_is_offered() {
    let database = fresh("sqlite").await;
    let node = node(&without_quota(), &[], &database.store, &ManualClock::new());
    assert_eq!(node.quote(&symbol("AAPL"), None).await, Err(Refusal::Unsupported));
    assert_eq!(node.statuses().await, []);
}
