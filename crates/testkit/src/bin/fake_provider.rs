//! `fake-provider`: a fake price provider, to try a live market without a key and a network. It
//! prints its URL and reads commands from its input, one a line: `price AAPL 190.25`, `down`
//! (requests hang), `up`, `calls`. It ends with its input.

use std::collections::HashMap;
use std::io::Write as _;
use std::time::Duration;

use domain::UnixMicros;
use testkit::{Dialect, FakeMode, FakeProvider};
use tokio::io::{AsyncBufReadExt as _, BufReader};

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let fake = FakeProvider::start(Dialect::Finnhub).await;
    print(&format!("Finnhub's dialect at {}", fake.url()));
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    let mut prices: HashMap<String, String> = HashMap::new();
    let mut trade = tokio::time::interval(Duration::from_secs(1));
    loop {
        let line = tokio::select! {
            line = lines.next_line() => line,
            // Each stock has a new trade at its price every second.
            _ = trade.tick() => {
                prices.iter().for_each(|(symbol, price)| fake.set_price(symbol, price, now()));
                continue;
            }
        };
        let Ok(Some(line)) = line else { return };
        match line.split_whitespace().collect::<Vec<_>>()[..] {
            ["price", symbol, price] => {
                fake.set_price(symbol, price, now());
                prices.insert(symbol.to_owned(), price.to_owned());
            }
            ["down"] => fake.set_mode(FakeMode::Hang),
            ["up"] => fake.set_mode(FakeMode::Healthy),
            ["calls"] => print(&format!("{} requests so far", fake.calls())),
            _ => print("expected: price SYMBOL PRICE, down, up or calls"),
        }
    }
}

fn print(text: &str) {
    let mut out = std::io::stdout().lock();
    // A closed output is no error.
    let _ = writeln!(out, "{text}").and_then(|()| out.flush());
}

/// A provider's prices have the present time.
fn now() -> UnixMicros {
    let since = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    UnixMicros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}
