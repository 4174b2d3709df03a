//! `fake-provider`: a provider of prices to try a live market with, without a key and without a
//! network. It says where it is, and takes orders from its input, a line each: `price AAPL 190.25`,
//! `down` (it hangs from now on), `up`, `calls`. It ends with its input.

use std::collections::HashMap;
use std::io::Write as _;
use std::time::Duration;

use domain::UnixMicros;
use testkit::{Dialect, FakeMode, FakeProvider};
use tokio::io::{AsyncBufReadExt as _, BufReader};

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let fake = FakeProvider::start(Dialect::Finnhub).await;
    say(&format!("Finnhub's dialect at {}", fake.url()));
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    let mut prices: HashMap<String, String> = HashMap::new();
    let mut trade = tokio::time::interval(Duration::from_secs(1));
    loop {
        let line = tokio::select! {
            line = lines.next_line() => line,
            // Somebody trades each stock once a second, at its price.
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
            ["calls"] => say(&format!("{} questions so far", fake.calls())),
            _ => say("expected: price SYMBOL PRICE, down, up or calls"),
        }
    }
}

fn say(text: &str) {
    let mut out = std::io::stdout().lock();
    // Whoever does not listen any more has gone.
    let _ = writeln!(out, "{text}").and_then(|()| out.flush());
}

/// It stands for a provider, whose prices are of now.
fn now() -> UnixMicros {
    let since = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    UnixMicros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}
