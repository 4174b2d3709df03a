//! What nodes that share a database owe a provider together, on both engines.

use std::sync::Arc;

use domain::{Clock, UnixMicros};
use market::ProviderKind::{AlphaVantage, Finnhub};
use market::{BreakerWord, GuardConfig, Providers, Refusal, Window};
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
    two_nodes_started_twenty_times_ask_no_more_than_a_day_allows,
    many_nodes_ask_a_provider_that_hangs_five_times_in_all,
    one_node_probes_for_all,
    what_another_version_has_written_is_left_alone,
    a_node_that_dies_half_way_has_used_the_quota,
}

/// Asks for so many different stocks at once, from one node after the other.
async fn ask_all(nodes: &[Arc<Providers>], stocks: usize) -> Vec<Result<i64, Refusal>> {
    let asking = spawn_all(nodes, "S", stocks);
    let mut outcomes = Vec::new();
    for one in asking {
        outcomes.push(one.await.expect("it ran"));
    }
    outcomes
}

fn spawn_all(
    nodes: &[Arc<Providers>],
    prefix: &'static str,
    stocks: usize,
) -> Vec<tokio::task::JoinHandle<Result<i64, Refusal>>> {
    let asking = (0..stocks).map(|stock| {
        let node = Arc::clone(&nodes[stock % nodes.len()]);
        tokio::spawn(async move {
            let told = node.quote(&symbol(&format!("{prefix}{stock}")), None).await;
            brief(told).map(|(_, price)| price)
        })
    });
    asking.collect()
}

async fn two_nodes_started_twenty_times_ask_no_more_than_a_day_allows(engine: &str) {
    let database = fresh(engine).await;
    let clock = ManualClock::new();
    let provider = Scripted::new(AlphaVantage, Answer::Price(10_000, clock.now()));
    let (mut told, mut refusals) = (0, Vec::new());
    for _ in 0..20 {
        let other = open(&database.url).await;
        let config = GuardConfig::default();
        let nodes =
            [&database.store, &other].map(|store| node(&config, &[&provider], store, &clock));
        for outcome in ask_all(&nodes, 4).await {
            match outcome {
                Ok(_) => told += 1,
                Err(refusal) => refusals.push(refusal),
            }
        }
        // Past the limits of a second and of a minute: the day's alone is left.
        clock.advance_seconds(61);
    }
    assert_eq!(told, 20, "one a second is the limit");
    for _ in 0..20 {
        let node = node(&GuardConfig::default(), &[&provider], &database.store, &clock);
        told += usize::from(node.quote(&symbol("AAPL"), None).await.is_ok());
        clock.advance_seconds(61);
    }
    assert_eq!((told, provider.asked()), (25, 25));
    let node = node(&GuardConfig::default(), &[&provider], &database.store, &clock);
    let refused = node.quote(&symbol("AAPL"), None).await;
    let Err(Refusal::RateLimited { window: Window::Day, retry_after: Some(after) }) = refused
    else {
        panic!("expected the day's limit, got {refused:?}");
    };
    // Midnight in New York.
    let reset = UnixMicros(1_767_675_600_000_000);
    assert_eq!(clock.now().plus_seconds(i64::try_from(after.as_secs()).expect("a day")), reset);
    assert_eq!(node.statuses().await[0].quota.last(), Some(&(Window::Day, 25, 25)));
    clock.set(reset);
    assert!(node.quote(&symbol("AAPL"), None).await.is_ok(), "another day");
}

async fn many_nodes_ask_a_provider_that_hangs_five_times_in_all(engine: &str) {
    let database = fresh(engine).await;
    let other = open(&database.url).await;
    let clock = ManualClock::new();
    let provider = Scripted::new(Finnhub, Answer::Hang(Refusal::Transient));
    let config = without_quota();
    let nodes: Vec<_> = (0..6)
        .map(|at| if at % 2 == 0 { &database.store } else { &other })
        .map(|store| node(&config, &[&provider], store, &clock))
        .collect();
    let asking = spawn_all(&nodes, "H", 30);
    provider.until_asked(5).await;
    // The rest is refused while the five are under way.
    let extra = ask_all(&nodes, 6).await;
    provider.release(5);
    let mut outcomes = extra;
    for one in asking {
        outcomes.push(one.await.expect("it ran"));
    }
    assert_eq!(provider.asked(), 5);
    let open = outcomes.iter().filter(|one| **one == Err(Refusal::BreakerOpen)).count();
    let failed = outcomes.iter().filter(|one| **one == Err(Refusal::Transient)).count();
    assert_eq!(open + failed, 36, "{outcomes:?}");
    for node in &nodes {
        let status = node.statuses().await.remove(0);
        assert_eq!((status.breaker, status.failures), (BreakerWord::Open, 5));
        assert_eq!(status.open_until, Some(clock.now().plus_seconds(300)));
        assert_eq!(status.last_refusal.as_deref(), Some("transient"));
    }
}

async fn one_node_probes_for_all(engine: &str) {
    let database = fresh(engine).await;
    let clock = ManualClock::new();
    let provider = Scripted::new(Finnhub, Answer::Refuse(Refusal::Transient));
    let config = without_quota();
    let nodes = [(); 3].map(|()| node(&config, &[&provider], &database.store, &clock));
    ask_all(&nodes, 9).await;
    assert_eq!(provider.asked(), 5);
    clock.advance_seconds(299);
    ask_all(&nodes, 9).await;
    assert_eq!(provider.asked(), 5);
    clock.advance_seconds(1);
    ask_all(&nodes, 9).await;
    assert_eq!(provider.asked(), 6, "one tries");
    let status = nodes[2].statuses().await.remove(0);
    assert_eq!(status.open_until, Some(clock.now().plus_seconds(600)), "twice as long");
    clock.advance_seconds(600);
    provider.say(Answer::Price(10_000, clock.now()));
    assert_eq!(nodes[1].quote(&symbol("AAPL"), None).await.map(|(kind, _)| kind), Ok(Finnhub));
    let status = nodes[2].statuses().await.remove(0);
    assert_eq!((status.breaker, status.since), (BreakerWord::Closed, clock.now()));
    assert_eq!(status.last_success, Some(clock.now()));
    assert!(ask_all(&nodes, 5).await.iter().all(Result::is_ok), "so many may be under way at once");
}

async fn what_another_version_has_written_is_left_alone(engine: &str) {
    let database = fresh(engine).await;
    let clock = ManualClock::new();
    let provider = Scripted::new(Finnhub, Answer::Price(10_000, clock.now()));
    let newer = "{\"form\":2,\"mood\":\"good\"}";
    let store = &database.store;
    assert!(store.save_provider_usage("finnhub", 0, newer, clock.now()).await.expect("answers"));
    let node = node(&without_quota(), &[&provider], store, &clock);
    for _ in 0..3 {
        assert_eq!(node.quote(&symbol("AAPL"), None).await, Err(Refusal::BreakerOpen));
    }
    assert_eq!(provider.asked(), 0);
    let status = node.statuses().await.remove(0);
    assert_eq!((status.is_known, status.breaker), (false, BreakerWord::Open));
    let found = store.find_provider_usage("finnhub").await.expect("answers");
    assert_eq!(found, Some((1, newer.to_owned())));
}

async fn a_node_that_dies_half_way_has_used_the_quota(engine: &str) {
    let database = fresh(engine).await;
    let clock = ManualClock::new();
    let provider = Scripted::new(AlphaVantage, Answer::Hang(Refusal::Transient));
    let url = database.url.clone();
    let (dying, of_dying) = (Arc::clone(&provider), clock.clone());
    // A runtime of its own, which ends with the question under way.
    let thread = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime").block_on(async {
            let store = open(&url).await;
            let node = node(&GuardConfig::default(), &[&dying], &store, &of_dying);
            tokio::spawn(async move { node.quote(&symbol("AAPL"), None).await });
            dying.until_asked(1).await;
        });
    });
    tokio::task::spawn_blocking(|| thread.join()).await.expect("it ran").expect("it ended");
    let node = node(&GuardConfig::default(), &[&provider], &database.store, &clock);
    let day = async || node.statuses().await[0].quota.last().copied();
    assert_eq!(day().await, Some((Window::Day, 1, 25)));
    provider.say(Answer::Price(10_000, clock.now()));
    clock.advance_seconds(2);
    assert!(node.quote(&symbol("AAPL"), None).await.is_ok());
    assert_eq!(day().await, Some((Window::Day, 2, 25)));
}

#[tokio::test]
async fn without_the_database_nobody_is_asked_and_nothing_is_counted() {
    let url = testkit::postgres_database();
    let (_, rest) = url.split_once('@').expect("a user in the URL");
    let upstream = rest.split('/').next().expect("an address");
    let proxy = FaultProxy::start(upstream.parse().expect("an address with a port"));
    let store = open(&proxy.url_through(&url)).await;
    store.migrate().await.expect("migrates");
    let clock = ManualClock::new();
    let provider = Scripted::new(Finnhub, Answer::Price(10_000, clock.now()));
    let node = node(&without_quota(), &[&provider], &store, &clock);
    assert!(node.quote(&symbol("AAPL"), None).await.is_ok());
    proxy.refuse();
    proxy.reset_all();
    for _ in 0..6 {
        assert_eq!(node.quote(&symbol("AAPL"), None).await, Err(Refusal::Transient));
    }
    assert!(!node.statuses().await[0].is_known);
    assert_eq!(provider.asked(), 1);
    let direct = open(&url).await;
    let found = direct.find_provider_usage("finnhub").await.expect("answers");
    assert_eq!(found.map(|(version, _)| version), Some(2), "one question, admitted and answered");
}
