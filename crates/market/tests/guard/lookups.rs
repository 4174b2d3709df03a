//! What is asked about companies: in the background, once, and given out while nothing newer comes.

use std::sync::Arc;

use domain::Clock as _;
use market::{CacheTtl, Lookups, ProviderKind, Refusal};
use testkit::ManualClock;

use crate::support::*;

#[tokio::test]
async fn nobody_waits_for_a_company_and_many_who_ask_make_one_question() {
    let (fresh, clock) = (fresh("sqlite").await, ManualClock::new());
    let hangs = Answer::Hang(Refusal::Transient);
    let provider = Scripted::new(ProviderKind::Finnhub, hangs);
    let node = node(&without_quota(), &[&provider], &fresh.store, &clock);
    let lookups = Arc::new(Lookups::new(node, &CacheTtl::default()));
    for _ in 0..100 {
        assert_eq!(lookups.profile(&symbol("AAPL")), None, "it is not known, and nobody waits");
        assert_eq!(lookups.search("app"), None);
    }
    provider.until_asked(2).await;
    assert_eq!(provider.asked(), 2, "one question about the company, one for the search");
    provider.release(2);
}

#[tokio::test]
async fn what_was_told_is_given_out_and_not_asked_for_again() {
    let (fresh, clock) = (fresh("sqlite").await, ManualClock::new());
    let provider = Scripted::new(ProviderKind::Finnhub, Answer::Price(1, clock.now()));
    let node = node(&without_quota(), &[&provider], &fresh.store, &clock);
    let lookups = Arc::new(Lookups::new(node, &CacheTtl::default()));
    eventually(async || lookups.profile(&symbol("AAPL")).is_some()).await;
    eventually(async || lookups.search("APP").is_some()).await;
    let profile = lookups.profile(&symbol("AAPL")).expect("it is known");
    assert_eq!(profile.symbol, symbol("AAPL"));
    assert_eq!(lookups.search("app").expect("it is known")[0].symbol, "app", "case is no matter");
    assert_eq!(provider.asked(), 2);
}

#[tokio::test]
async fn a_price_is_hurried_when_it_is_old_and_only_once() {
    let (fresh, clock) = (fresh("sqlite").await, ManualClock::new());
    let node = node(&without_quota(), &[], &fresh.store, &clock);
    let lookups = Lookups::new(node, &CacheTtl { quote_s: 300, ..CacheTtl::default() });
    let now = clock.now();
    assert!(!lookups.is_hurried(1, now.plus_seconds(-300), now), "it is not too old");
    assert!(lookups.is_hurried(1, now.plus_seconds(-301), now));
    assert!(!lookups.is_hurried(1, now.plus_seconds(-301), now), "it was hurried just now");
    assert!(lookups.is_hurried(2, now.plus_seconds(-301), now), "another stock");
}
