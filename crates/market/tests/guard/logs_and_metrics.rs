//! Log lines for each change of a provider's state, and the metrics of every node.

use std::cell::RefCell;
use std::io;
use std::sync::{Arc, Mutex, Once, PoisonError};

use domain::Clock;
use market::ProviderKind::{AlphaVantage, Finnhub};
use market::{GuardConfig, ProviderError};
use metrics_exporter_prometheus::PrometheusBuilder;
use testkit::ManualClock;

use crate::support::*;

thread_local! {
    /// The log of the test that runs on this thread.
    static CURRENT: RefCell<Option<Log>> = const { RefCell::new(None) };
}

/// The log lines of one thread. One subscriber receives the lines of all threads: a subscriber for
/// each thread may miss lines, because tracing decides once for the process whether a log statement
/// is enabled.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    /// A log of the lines that this thread writes from now on.
    fn of_this_thread() -> Self {
        static INSTALLED: Once = Once::new();
        INSTALLED.call_once(|| {
            let subscriber = tracing_subscriber::fmt().with_ansi(false);
            let subscriber = subscriber.with_writer(|| ThreadWriter);
            let subscriber = subscriber.with_env_filter("market=trace").finish();
            tracing::subscriber::set_global_default(subscriber).expect("no other subscriber");
        });
        let log = Self::default();
        CURRENT.set(Some(log.clone()));
        log
    }

    fn lines(&self) -> Vec<String> {
        let text = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        String::from_utf8(text).expect("text").lines().map(str::to_owned).collect()
    }

    /// The number of lines that contain a text.
    fn count(&self, text: &str) -> usize {
        self.lines().iter().filter(|line| line.contains(text)).count()
    }
}

/// Appends to the log of the thread that writes, if it has one.
struct ThreadWriter;

impl io::Write for ThreadWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        CURRENT.with_borrow(|log| {
            if let Some(log) = log {
                log.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
            }
        });
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn each_change_of_a_breaker_is_logged_once_and_shown_by_every_node() {
    let log = Log::of_this_thread();
    let database = fresh_database("sqlite").await;
    let clock = ManualClock::new();
    let provider = ScriptedProvider::new(Finnhub, ScriptedResponse::Fail(ProviderError::Transient));
    let one = node(&without_quota(), &[&provider], &database.store, &clock);
    for _ in 0..9 {
        assert!(one.quote(&symbol("AAPL"), None).await.is_err());
    }
    assert_eq!(log.lines().len(), 1, "{:?}", log.lines());
    assert_eq!(log.count("breaker open"), 1);
    // Another node has changed nothing, and shows it all the same.
    let recorder = PrometheusBuilder::new().build_recorder();
    let shown = recorder.handle();
    let _recording = metrics::set_default_local_recorder(&recorder);
    let other = node(&without_quota(), &[&provider], &database.store, &clock);
    let breaker = "openbell_provider_breaker_state{provider=\"finnhub\"}";
    assert!(shown.render().contains(&format!("{breaker} 0")), "its series is there at once");
    other.statuses().await;
    assert!(shown.render().contains(&format!("{breaker} 2")), "without a call of this node");
    assert_eq!(other.quote(&symbol("AAPL"), None).await, Err(ProviderError::BreakerOpen));
    let since = clock.now().seconds();
    clock.advance_seconds(300);
    provider.respond_with(ScriptedResponse::Price(10_000, clock.now()));
    let changed = "openbell_provider_breaker_changed_timestamp_seconds{provider=\"finnhub\"}";
    let state = "openbell_provider_breaker_state{provider=\"finnhub\"}";
    let calls = |outcome| {
        let labels = "provider=\"finnhub\",operation=\"quote\"";
        format!("openbell_provider_calls_total{{{labels},outcome=\"{outcome}\"}} 1")
    };
    let text = shown.render();
    for line in [format!("{state} 2"), format!("{changed} {since}"), calls("held_back")] {
        assert!(text.contains(&line), "{line} is not in\n{text}");
    }
    assert!(other.quote(&symbol("AAPL"), None).await.is_ok());
    assert_eq!((log.count("breaker half-open"), log.count("breaker closed")), (1, 1));
    assert_eq!(log.lines().len(), 3, "{:?}", log.lines());
    let text = shown.render();
    let since = clock.now().seconds();
    for line in [format!("{state} 0"), format!("{changed} {since}"), calls("answered")] {
        assert!(text.contains(&line), "{line} is not in\n{text}");
    }
    assert!(text.contains("openbell_provider_seconds"), "{text}");
}

#[tokio::test]
async fn a_quota_is_shown_and_warned_of_at_its_share_and_at_its_end() {
    let log = Log::of_this_thread();
    let recorder = PrometheusBuilder::new().build_recorder();
    let shown = recorder.handle();
    let _recording = metrics::set_default_local_recorder(&recorder);
    let database = fresh_database("sqlite").await;
    let clock = ManualClock::new();
    let provider =
        ScriptedProvider::new(AlphaVantage, ScriptedResponse::Price(10_000, clock.now()));
    let mut logged = Vec::new();
    for _ in 0..30 {
        // A process of its own each time: what was logged is not logged again.
        let node = node(&GuardConfig::default(), &[&provider], &database.store, &clock);
        let is_told = node.quote(&symbol("AAPL"), None).await.is_ok();
        if log.lines().len() > logged.len() {
            logged.push((provider.calls(), is_told));
        }
        clock.advance_seconds(61);
    }
    assert_eq!(logged, [(20, true), (25, true)]);
    let text = shown.render();
    for (what, value) in [("used", 25), ("limit", 25)] {
        let line = format!(
            "openbell_provider_quota_{what}{{provider=\"alpha_vantage\",window=\"day\"}} {value}"
        );
        assert!(text.contains(&line), "{line} is not in\n{text}");
    }
}

#[tokio::test]
async fn a_document_that_cannot_be_read_and_a_clock_that_is_behind_are_logged_once() {
    let log = Log::of_this_thread();
    let database = fresh_database("sqlite").await;
    let (clock, ahead) = (ManualClock::new(), ManualClock::new());
    ahead.advance_seconds(3_600);
    let provider = ScriptedProvider::new(Finnhub, ScriptedResponse::Price(10_000, clock.now()));
    let config = GuardConfig::default();
    let from_ahead = node(&config, &[&provider], &database.store, &ahead);
    assert!(from_ahead.quote(&symbol("AAPL"), None).await.is_ok());
    let behind = node(&config, &[&provider], &database.store, &clock);
    for _ in 0..3 {
        assert!(behind.quote(&symbol("AAPL"), None).await.is_ok());
    }
    assert_eq!(log.count("is behind the clock"), 1);
    let version = database.store.find_provider_usage("finnhub").await.expect("answers");
    let version = version.expect("there is one").0;
    let saved = database.store.save_provider_usage("finnhub", version, "", clock.now()).await;
    assert!(saved.expect("answers"));
    for _ in 0..3 {
        assert_eq!(behind.quote(&symbol("AAPL"), None).await, Err(ProviderError::BreakerOpen));
    }
    assert_eq!(log.count("the provider is not called"), 1);
    assert_eq!(log.lines().len(), 2, "{:?}", log.lines());
}
