//! Company look-ups run in the background, once, and return the cached result meanwhile.

use std::sync::Arc;

use domain::Clock as _;
use market::{CacheTtl, CompanyLookup, ProviderError, ProviderKind};
use testkit::ManualClock;

use crate::support::*;

#[tokio::test]
async fn lookups_return_at_once_and_share_one_call() {
    let (fresh, clock) = (fresh_database("sqlite").await, ManualClock::new());
    let hangs = ScriptedResponse::Hang(ProviderError::Transient);
    let provider = ScriptedProvider::new(ProviderKind::Finnhub, hangs);
    let node = node(&without_quota(), &[&provider], &fresh.store, &clock);
    let lookup = Arc::new(CompanyLookup::new(node, &CacheTtl::default()));
    for _ in 0..100 {
        assert_eq!(
            lookup.profile(&symbol("AAPL")),
            None,
            "an unknown company is looked up in the background"
        );
        assert_eq!(lookup.search("app"), None);
    }
    provider.until_called(2).await;
    assert_eq!(provider.calls(), 2, "one operation about the company, one for the search");
    provider.release(2);
}

#[tokio::test]
async fn a_cached_result_is_returned_without_another_call() {
    let (fresh, clock) = (fresh_database("sqlite").await, ManualClock::new());
    let provider =
        ScriptedProvider::new(ProviderKind::Finnhub, ScriptedResponse::Price(1, clock.now()));
    let node = node(&without_quota(), &[&provider], &fresh.store, &clock);
    let lookup = Arc::new(CompanyLookup::new(node, &CacheTtl::default()));
    eventually(async || lookup.profile(&symbol("AAPL")).is_some()).await;
    eventually(async || lookup.search("APP").is_some()).await;
    let profile = lookup.profile(&symbol("AAPL")).expect("it is known");
    assert_eq!(profile.symbol, symbol("AAPL"));
    assert_eq!(lookup.search("app").expect("it is known")[0].symbol, "app", "case is no matter");
    assert_eq!(provider.calls(), 2);
}

#[tokio::test]
async fn an_old_price_is_refreshed_early_once() {
    let (fresh, clock) = (fresh_database("sqlite").await, ManualClock::new());
    let node = node(&without_quota(), &[], &fresh.store, &clock);
    let lookup = CompanyLookup::new(node, &CacheTtl { quote_s: 300, ..CacheTtl::default() });
    let now = clock.now();
    assert!(!lookup.should_refresh(1, now.plus_seconds(-300), now), "it is not too old");
    assert!(lookup.should_refresh(1, now.plus_seconds(-301), now));
    assert!(!lookup.should_refresh(1, now.plus_seconds(-301), now), "it was hurried just now");
    assert!(lookup.should_refresh(2, now.plus_seconds(-301), now), "another stock");
}
