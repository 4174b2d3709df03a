//! The corpus of responses and mutations of it: no adapter panics, and accepted results are
//! plausible.

use std::sync::{Arc, Mutex, PoisonError};

use domain::{Clock as _, Day, Price};
use market::QuoteProvider;
use testkit::{Dialect, Fuzzer, ManualClock};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::support::*;

/// Successful, error and empty responses of every provider, one per file.
const CORPUS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/providers/corpus");
/// Values and punctuation of responses.
const TOKENS: &[&str] = &[
    "null",
    "true",
    "[]",
    "{}",
    "\"\"",
    "\"None\"",
    "\"é\\u0000\"",
    "0",
    "-1",
    "1e308",
    "1e-400",
    "1e99999999999",
    "0.00005",
    "170141183460469231731687303715884105727",
    "9223372036854775808",
    "\"2026-02-30\"",
    "{",
    "}",
    "\",",
    ":",
];
/// How much later than now a quote may be, in seconds.
const CLOCK_DIFFERENCE_S: i64 = 600;

/// A server that sends the same body to every request.
struct BodyServer {
    url: String,
    body: Arc<Mutex<Vec<u8>>>,
}

impl BodyServer {
    async fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let body = Arc::new(Mutex::new(Vec::new()));
        let shared = Arc::clone(&body);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let body = shared.lock().unwrap_or_else(PoisonError::into_inner).clone();
                tokio::spawn(respond(stream, body));
            }
        });
        Self { url, body }
    }

    fn set_body(&self, body: Vec<u8>) {
        *self.body.lock().unwrap_or_else(PoisonError::into_inner) = body;
    }
}

async fn respond(mut stream: TcpStream, body: Vec<u8>) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let Ok(byte) = stream.read_u8().await else { return };
        head.push(byte);
    }
    let head =
        format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
    // The client may close the connection first.
    let _ = stream.write_all(&[head.as_bytes(), &body].concat()).await;
}

/// The operations in the order of [`assert_plausible`], as the files of the corpus name them.
const OPERATIONS: [&str; 4] = ["quote", "history", "profile", "search"];

/// Calls every operation; what is accepted has to be plausible. Returns which of them accept it.
async fn assert_plausible(provider: &dyn QuoteProvider, clock: &ManualClock) -> [bool; 4] {
    let mut accepted = [false; 4];
    let demo = symbol("DEMO");
    let is_price = |price: Price| price.0 > 0 && price <= Price::MAX;
    if let Ok(quote) = provider.quote(&demo).await {
        accepted[0] = true;
        assert_eq!(quote.symbol, demo);
        assert!(is_price(quote.price), "{quote:?}");
        assert!(quote.previous_close.is_none_or(is_price), "{quote:?}");
        assert!(quote.volume.is_none_or(|volume| volume >= 0), "{quote:?}");
        assert!(quote.as_of <= clock.now().plus_seconds(CLOCK_DIFFERENCE_S), "{quote:?}");
    }
    let (from, to): (Day, Day) = (day_of("2026-11-01"), day_of("2026-11-13"));
    if let Ok(history) = provider.history(&demo, from, to).await {
        accepted[1] = true;
        assert!(history.bars.is_sorted_by(|one, next| one.day < next.day), "{history:?}");
        for bar in &history.bars {
            assert!((from..=to).contains(&bar.day), "{bar:?}");
            let prices = [Some(bar.close), bar.open, bar.high, bar.low];
            assert!(prices.into_iter().flatten().all(is_price), "{bar:?}");
            assert!(bar.volume.is_none_or(|volume| volume >= 0), "{bar:?}");
        }
    }
    if let Ok(profile) = provider.profile(&demo).await {
        accepted[2] = true;
        assert_eq!(profile.symbol, demo);
        let is_web = |url: &String| url.starts_with("https://") || url.starts_with("http://");
        assert!(profile.website.as_ref().is_none_or(is_web), "{profile:?}");
    }
    accepted[3] = provider.search("demo").await.is_ok_and(|hits| !hits.is_empty());
    accepted
}

/// Runs `check` with every adapter of the same server.
fn with_adapters(check: impl Fn(&tokio::runtime::Runtime, &BodyServer, &[Adapter])) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime");
    let server = runtime.block_on(BodyServer::start());
    let clock = ManualClock::at(NOON);
    let adapters =
        Dialect::ALL.map(|dialect| adapter(dialect, &config(dialect, &server.url), &clock));
    check(&runtime, &server, &adapters.map(|provider| (provider, clock.clone())));
}

type Adapter = (Arc<dyn QuoteProvider>, ManualClock);

/// Sends the body to all adapters; returns the operations of each that accept it.
async fn check_body(server: &BodyServer, adapters: &[Adapter], body: Vec<u8>) -> Vec<[bool; 4]> {
    server.set_body(body);
    let mut accepted = Vec::new();
    for (provider, clock) in adapters {
        accepted.push(assert_plausible(&**provider, clock).await);
    }
    accepted
}

#[test]
fn every_response_of_the_corpus_and_its_mutations_is_accepted_or_rejected() {
    with_adapters(|runtime, server, adapters| {
        Fuzzer::new(CORPUS, TOKENS).run(192, |body| {
            runtime.block_on(check_body(server, adapters, body.to_vec()));
        });
    });
}

#[test]
fn every_provider_accepts_its_own_responses_of_the_corpus() {
    with_adapters(|runtime, server, adapters| {
        let mut checked = 0;
        for entry in std::fs::read_dir(CORPUS).expect("the corpus") {
            let path = entry.expect("a file").path();
            let name = path.file_stem().and_then(|name| name.to_str()).expect("a name");
            let (provider, kind) = name.rsplit_once('_').expect("a provider and a kind");
            let Some(operation) = OPERATIONS.iter().position(|of| *of == kind) else { continue };
            let is_of = |(adapter, _): &Adapter| adapter.kind().as_str() == provider;
            let index = adapters.iter().position(is_of).expect("a provider");
            let body = std::fs::read(&path).expect("a response");
            let accepted = runtime.block_on(check_body(server, adapters, body));
            assert!(accepted[index][operation], "{name}: {accepted:?}");
            checked += 1;
        }
        assert_eq!(checked, 14, "the operations that the providers offer");
    });
}
