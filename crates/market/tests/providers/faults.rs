//! Faulty responses: missing, too large, malformed, redirected. All are rejected in bounded time.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use domain::{Clock, Secret};
use market::{ProviderError, ProviderKind, connect};
use testkit::{Dialect, FakeMode, ManualClock};
use tracing_subscriber::fmt::MakeWriter;

use crate::support::*;

/// Every fault, and what it is taken for.
fn faults() -> Vec<(FakeMode, ProviderError)> {
    let (ill, unbelievable) = (ProviderError::Transient, ProviderError::Malformed);
    vec![
        (FakeMode::Status(500), ill.clone()),
        (FakeMode::Status(503), ill.clone()),
        (FakeMode::Hang, ill.clone()),
        (FakeMode::Drip, ill.clone()),
        (FakeMode::Close, ill.clone()),
        (FakeMode::Redirect("http://169.254.169.254/latest/meta-data/"), ill.clone()),
        (FakeMode::Redirect("/query"), ill.clone()),
        // HTML comes from a proxy in between.
        (FakeMode::Html, ill),
        (FakeMode::Garbage, unbelievable.clone()),
        (FakeMode::Truncated, unbelievable.clone()),
        (FakeMode::Price("-102.4"), unbelievable.clone()),
        (FakeMode::Price("NaN"), unbelievable.clone()),
        (FakeMode::Price("Infinity"), unbelievable.clone()),
        (FakeMode::Price("1e308"), unbelievable.clone()),
        (FakeMode::Shifted(86_400 * 2), unbelievable.clone()),
        (FakeMode::Huge(2_000_000), unbelievable.clone()),
        (FakeMode::GzipBomb(64 * 1024 * 1024), unbelievable),
    ]
}

#[tokio::test]
async fn faulty_responses_are_rejected() {
    for dialect in Dialect::ALL {
        let fixture = Fixture::start(dialect).await;
        for (mode, expected) in faults() {
            let before = fixture.fake.calls();
            fixture.fake.set_mode(mode.clone());
            let error = fixture.provider.quote(&symbol("DEMO")).await.expect_err("refused");
            assert_eq!(error, expected, "{dialect:?} {mode:?}");
            assert_eq!(fixture.fake.calls(), before + 1, "{dialect:?} {mode:?}: one call");
        }
        fixture.fake.set_mode(FakeMode::Healthy);
        assert!(fixture.provider.quote(&symbol("DEMO")).await.is_ok(), "{dialect:?}");
    }
}

#[tokio::test]
async fn a_price_of_zero_or_none_is_no_price() {
    for dialect in Dialect::ALL {
        let fixture = Fixture::start(dialect).await;
        for text in ["0", "0.0000", "null"] {
            fixture.fake.set_mode(FakeMode::Price(text));
            let error = fixture.provider.quote(&symbol("DEMO")).await.expect_err("refused");
            // Finnhub returns this for unknown stocks.
            let expected = match dialect {
                Dialect::Finnhub => ProviderError::NotFound,
                _ => ProviderError::Malformed,
            };
            assert_eq!(error, expected, "{dialect:?} {text}");
        }
    }
}

#[tokio::test]
async fn the_price_of_another_stock_is_refused() {
    for dialect in [Dialect::AlphaVantage, Dialect::FinancialModelingPrep, Dialect::TwelveData] {
        let fixture = Fixture::start(dialect).await;
        fixture.fake.set_mode(FakeMode::WrongSymbol);
        let error = fixture.provider.quote(&symbol("DEMO")).await;
        assert_eq!(error, Err(ProviderError::Malformed), "{dialect:?}");
        if dialect == Dialect::AlphaVantage {
            continue;
        }
        let demo = symbol("DEMO");
        let history = fixture.provider.history(&demo, day_of("2026-11-01"), day_of("2026-11-13"));
        assert_eq!(history.await, Err(ProviderError::Malformed), "{dialect:?}");
    }
}

#[tokio::test]
async fn an_old_price_has_its_own_time() {
    for dialect in [Dialect::FinancialModelingPrep, Dialect::Finnhub, Dialect::TwelveData] {
        let fixture = Fixture::start(dialect).await;
        fixture.fake.set_mode(FakeMode::Shifted(-86_400));
        let quote = fixture.provider.quote(&symbol("DEMO")).await.expect("an old one");
        assert_eq!(quote.as_of, noon(&fixture.clock).plus_seconds(-86_400), "{dialect:?}");
    }
}

#[tokio::test]
async fn a_host_that_does_not_respond_times_out() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", closed.local_addr().expect("an address"));
    drop(closed);
    let provider = adapter(Dialect::Finnhub, &config(Dialect::Finnhub, &url), &ManualClock::new());
    assert_eq!(provider.quote(&symbol("DEMO")).await, Err(ProviderError::Transient));
}

#[tokio::test]
async fn a_name_that_leads_inside_leads_nowhere() {
    let fake = testkit::FakeProvider::start(Dialect::Finnhub).await;
    let port = fake.url().rsplit(':').next().expect("a port").to_owned();
    let mut config = config(Dialect::Finnhub, &format!("https://localhost:{port}"));
    let provider = adapter(Dialect::Finnhub, &config, &ManualClock::new());
    assert_eq!(provider.quote(&symbol("DEMO")).await, Err(ProviderError::Transient));
    assert_eq!(fake.calls(), 0, "no request was sent");
    // A listed host is called, even without TLS.
    config.allow_private.push("localhost".to_owned());
    config.finnhub.url = format!("http://localhost:{port}");
    let provider = adapter(Dialect::Finnhub, &config, &ManualClock::new());
    assert_eq!(provider.quote(&symbol("DEMO")).await, Err(ProviderError::NotFound));
    assert_eq!(fake.calls(), 1);
}

#[test]
fn providers_come_in_their_order_and_only_with_a_key() {
    let mut config = config(Dialect::TwelveData, "https://api.twelvedata.com");
    config.finnhub.key = Secret::new(KEY);
    config.order =
        vec![ProviderKind::TwelveData, ProviderKind::AlphaVantage, ProviderKind::Finnhub];
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::new());
    let providers = connect(&config, &clock, || None).expect("a client");
    let kinds: Vec<ProviderKind> = providers.iter().map(|provider| provider.kind()).collect();
    assert_eq!(kinds, [ProviderKind::TwelveData, ProviderKind::Finnhub]);
    assert!(!format!("{config:?} {providers:?}").contains(KEY));
}

/// What is logged, for reading.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn a_key_is_in_no_log_and_in_no_refusal() {
    let log = Log::default();
    // Of the libraries, too: an address may hold a key.
    let all = "trace";
    let subscriber = tracing_subscriber::fmt().with_writer(log.clone()).with_env_filter(all);
    // For all tests of this program: what they log must not hold a key either.
    tracing::subscriber::set_global_default(subscriber.finish()).expect("the first");
    let mut modes: Vec<FakeMode> = faults().into_iter().map(|(mode, _)| mode).collect();
    modes.extend([FakeMode::KeyRefused, FakeMode::QuotaDay, FakeMode::PlanRestricted]);
    for dialect in Dialect::ALL {
        let fixture = Fixture::start(dialect).await;
        for mode in &modes {
            fixture.fake.set_mode(mode.clone());
            let error = fixture.provider.quote(&symbol("DEMO")).await.expect_err("refused");
            assert!(!format!("{error:?} {error}").contains(KEY), "{dialect:?} {mode:?}");
        }
        let requests = fixture.fake.requests().join(" ");
        let in_address = dialect == Dialect::AlphaVantage;
        assert_eq!(
            requests.contains(KEY),
            in_address,
            "{dialect:?}: only where there is no header"
        );
    }
    let text = log.0.lock().expect("no panic").clone();
    let text = String::from_utf8(text).expect("text");
    assert!(text.contains("provider request failed"), "something is logged: {text}");
    assert!(!text.contains(KEY), "{text}");
}
