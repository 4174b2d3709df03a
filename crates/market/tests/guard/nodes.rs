//! Quota and breaker shared by nodes on one database, on both engines.

use std::sync::Arc;

use domain::{Clock, UnixMicros};
use market::ProviderKind::{AlphaVantage, Finnhub};
use market::{CircuitState, GuardConfig, ProviderError, Providers, QuotaWindow};
use testkit::{FaultProxy, ManualClock};

use crate::support::*;

/// Makes two tests of an async function: one on each engine.
macro_rules! on_both_engines {
    ($($name:ident),* $(,)?) => {
        mod sqlite {
            $(#[tokio::test] async fn $name() { super::$name("sqlite").await }
            )*
        }
        mod postgres {
            $(#[tokio::test] async fn $name() { super::$name("postgres").await }
            )*
        }
    };
}

on_both_engines! {
    restarted_nodes_do_not_exceed_the_daily_quota,
    all_nodes_together_call_a_hanging_provider_five_times,
    one_node_probes_for_all,
    state_of_another_version_is_not_overwritten,
    a_node_that_stops_during_a_call_has_used_its_quota,
}

/// Requests quotes of so many stocks concurrently, from the nodes in turn.
async fn quote_all(nodes: &[Arc<Providers>], stocks: usize) -> Vec<Result<i64, ProviderError>> {
    let calls = spawn_all(nodes, "S", stocks);
    let mut outcomes = Vec::new();
    for one in calls {
        outcomes.push(one.await.expect("it ran"));
    }
    outcomes
}

fn spawn_all(
    nodes: &[Arc<Providers>],
    prefix: &'static str,
    stocks: usize,
) -> Vec<tokio::task::JoinHandle<Result<i64, ProviderError>>> {
    let calls = (0..stocks).map(|stock| {
        let node = Arc::clone(&nodes[stock % nodes.len()]);
        tokio::spawn(async move {
            let result = node.quote(&symbol(&format!("{prefix}{stock}")), None).await;
            brief(result).map(|(_, price)| price)
        })
    });
    calls.collect()
}

async fn restarted_nodes_do_not_exceed_the_daily_quota(engine: &str) {
    let database = fresh_database(engine).await;
    let clock = ManualClock::new();
    let provider =
        ScriptedProvider::new(AlphaVantage, ScriptedResponse::Price(10_000, clock.now()));
    let (mut result, mut errors) = (0, Vec::new());
    for _ in 0..20 {
        let other = open(&database.url).await;
        let config = GuardConfig::default();
        let nodes =
            [&database.store, &other].map(|store| node(&config, &[&provider], store, &clock));
        for outcome in quote_all(&nodes, 4).await {
            match outcome {
                Ok(_) => result += 1,
                Err(error) => errors.push(error),
            }
        }
        // Past the limits of a second and of a minute: the day's alone is left.
        clock.advance_seconds(61);
    }
    assert_eq!(result, 20, "one a second is the limit");
    for _ in 0..20 {
        let node = node(&GuardConfig::default(), &[&provider], &database.store, &clock);
        result += usize::from(node.quote(&symbol("AAPL"), None).await.is_ok());
        clock.advance_seconds(61);
    }
    assert_eq!((result, provider.calls()), (25, 25));
    let node = node(&GuardConfig::default(), &[&provider], &database.store, &clock);
    let refused = node.quote(&symbol("AAPL"), None).await;
    let Err(ProviderError::RateLimited { window: QuotaWindow::Day, retry_after: Some(after) }) =
        refused
    else {
        panic!("expected the day's limit, got {refused:?}");
    };
    // Midnight in New York.
    let reset = UnixMicros(1_767_675_600_000_000);
    assert_eq!(clock.now().plus_seconds(i64::try_from(after.as_secs()).expect("a day")), reset);
    assert_eq!(node.statuses().await[0].quota.last(), Some(&(QuotaWindow::Day, 25, 25)));
    clock.set(reset);
    assert!(node.quote(&symbol("AAPL"), None).await.is_ok(), "another day");
}

async fn all_nodes_together_call_a_hanging_provider_five_times(engine: &str) {
    let database = fresh_database(engine).await;
    let other = open(&database.url).await;
    let clock = ManualClock::new();
    let provider = ScriptedProvider::new(Finnhub, ScriptedResponse::Hang(ProviderError::Transient));
    let config = without_quota();
    let nodes: Vec<_> = (0..6)
        .map(|at| if at % 2 == 0 { &database.store } else { &other })
        .map(|store| node(&config, &[&provider], store, &clock))
        .collect();
    let calls = spawn_all(&nodes, "H", 30);
    provider.until_called(5).await;
    // The rest is refused while the five are under way.
    let extra = quote_all(&nodes, 6).await;
    provider.release(5);
    let mut outcomes = extra;
    for one in calls {
        outcomes.push(one.await.expect("it ran"));
    }
    assert_eq!(provider.calls(), 5);
    let open = outcomes.iter().filter(|one| **one == Err(ProviderError::BreakerOpen)).count();
    let failed = outcomes.iter().filter(|one| **one == Err(ProviderError::Transient)).count();
    assert_eq!(open + failed, 36, "{outcomes:?}");
    for node in &nodes {
        let status = node.statuses().await.remove(0);
        assert_eq!((status.breaker, status.failures), (CircuitState::Open, 5));
        assert_eq!(status.open_until, Some(clock.now().plus_seconds(300)));
        assert_eq!(status.last_refusal.as_deref(), Some("transient"));
    }
}

async fn one_node_probes_for_all(engine: &str) {
    let database = fresh_database(engine).await;
    let clock = ManualClock::new();
    let provider = ScriptedProvider::new(Finnhub, ScriptedResponse::Fail(ProviderError::Transient));
    let config = without_quota();
    let nodes = [(); 3].map(|()| node(&config, &[&provider], &database.store, &clock));
    quote_all(&nodes, 9).await;
    assert_eq!(provider.calls(), 5);
    clock.advance_seconds(299);
    quote_all(&nodes, 9).await;
    assert_eq!(provider.calls(), 5);
    clock.advance_seconds(1);
    quote_all(&nodes, 9).await;
    assert_eq!(provider.calls(), 6, "one tries");
    let status = nodes[2].statuses().await.remove(0);
    assert_eq!(status.open_until, Some(clock.now().plus_seconds(600)), "twice as long");
    clock.advance_seconds(600);
    provider.respond_with(ScriptedResponse::Price(10_000, clock.now()));
    assert_eq!(nodes[1].quote(&symbol("AAPL"), None).await.map(|(kind, _)| kind), Ok(Finnhub));
    let status = nodes[2].statuses().await.remove(0);
    assert_eq!((status.breaker, status.since), (CircuitState::Closed, clock.now()));
    assert_eq!(status.last_success, Some(clock.now()));
    assert!(
        quote_all(&nodes, 5).await.iter().all(Result::is_ok),
        "so many may be under way at once"
    );
}

async fn state_of_another_version_is_not_overwritten(engine: &str) {
    let database = fresh_database(engine).await;
    let clock = ManualClock::new();
    let provider = ScriptedProvider::new(Finnhub, ScriptedResponse::Price(10_000, clock.now()));
    let newer = "{\"form\":2,\"mood\":\"good\"}";
    let store = &database.store;
    assert!(store.save_provider_usage("finnhub", 0, newer, clock.now()).await.expect("answers"));
    let node = node(&without_quota(), &[&provider], store, &clock);
    for _ in 0..3 {
        assert_eq!(node.quote(&symbol("AAPL"), None).await, Err(ProviderError::BreakerOpen));
    }
    assert_eq!(provider.calls(), 0);
    let status = node.statuses().await.remove(0);
    assert_eq!((status.is_known, status.breaker), (false, CircuitState::Open));
    let found = store.find_provider_usage("finnhub").await.expect("answers");
    assert_eq!(found, Some((1, newer.to_owned())));
}

async fn a_node_that_stops_during_a_call_has_used_its_quota(engine: &str) {
    let database = fresh_database(engine).await;
    let clock = ManualClock::new();
    let provider =
        ScriptedProvider::new(AlphaVantage, ScriptedResponse::Hang(ProviderError::Transient));
    let url = database.url.clone();
    let (dying, of_dying) = (Arc::clone(&provider), clock.clone());
    // A runtime of its own, which ends with the call in flight.
    let thread = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime").block_on(async {
            let store = open(&url).await;
            let node = node(&GuardConfig::default(), &[&dying], &store, &of_dying);
            tokio::spawn(async move { node.quote(&symbol("AAPL"), None).await });
            dying.until_called(1).await;
        });
    });
    tokio::task::spawn_blocking(|| thread.join()).await.expect("it ran").expect("it ended");
    let node = node(&GuardConfig::default(), &[&provider], &database.store, &clock);
    let day = async || node.statuses().await[0].quota.last().copied();
    assert_eq!(day().await, Some((QuotaWindow::Day, 1, 25)));
    provider.respond_with(ScriptedResponse::Price(10_000, clock.now()));
    clock.advance_seconds(2);
    assert!(node.quote(&symbol("AAPL"), None).await.is_ok());
    assert_eq!(day().await, Some((QuotaWindow::Day, 2, 25)));
}

#[tokio::test]
async fn without_the_database_no_provider_is_called() {
    let url = testkit::postgres_database();
    let (_, rest) = url.split_once('@').expect("a user in the URL");
    let upstream = rest.split('/').next().expect("an address");
    let proxy = FaultProxy::start(upstream.parse().expect("an address with a port"));
    let store = open(&proxy.url_through(&url)).await;
    store.migrate().await.expect("migrates");
    let clock = ManualClock::new();
    let provider = ScriptedProvider::new(Finnhub, ScriptedResponse::Price(10_000, clock.now()));
    let node = node(&without_quota(), &[&provider], &store, &clock);
    assert!(node.quote(&symbol("AAPL"), None).await.is_ok());
    proxy.refuse();
    proxy.reset_all();
    for _ in 0..6 {
        assert_eq!(node.quote(&symbol("AAPL"), None).await, Err(ProviderError::Transient));
    }
    assert!(!node.statuses().await[0].is_known);
    assert_eq!(provider.calls(), 1);
    let direct = open(&url).await;
    let found = direct.find_provider_usage("finnhub").await.expect("answers");
    assert_eq!(found.map(|(version, _)| version), Some(2), "one operation, admitted and answered");
}
