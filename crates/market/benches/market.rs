//! What a market costs: opening one, and publishing a tick. It asserts nothing; the numbers are for
//! people to compare.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use domain::{Price, UnixMicros};
use market::{
    Calendar, Listing, LiveConfig, MarketConfig, MarketSource, PriceBoard, SimulatedConfig,
    SourceKind, StockQuote, simulated_stocks,
};

const START: UnixMicros = UnixMicros(1_795_000_000_000_000);

fn config(source: SourceKind) -> MarketConfig {
    let simulated = SimulatedConfig { symbols: 10_000, ..SimulatedConfig::default() };
    MarketConfig { source, simulated, ..MarketConfig::default() }
}

fn open(config: &MarketConfig) -> MarketSource {
    MarketSource::new(config, START).expect("the configuration is valid")
}

fn board(source: &MarketSource, now: UnixMicros) -> PriceBoard {
    let listing = |(stock_id, symbol)| Listing { stock_id, symbol };
    let listings = (1..).zip(source.stocks().into_iter().map(|stock| stock.symbol));
    PriceBoard::new(source, listings.map(listing).collect(), now).expect("the listings fit")
}

fn benches(criterion: &mut Criterion) {
    let (replay, simulated) = (config(SourceKind::Replay), config(SourceKind::Simulated));
    criterion.bench_function("open the replay", |b| b.iter(|| open(black_box(&replay))));
    for (name, config) in [("replay of 20", &replay), ("simulated 10,000", &simulated)] {
        let source = open(config);
        let now = START.plus_seconds(100 * 60 + 37);
        let board = board(&source, now);
        criterion.bench_function(&format!("publish a tick, {name}"), |b| {
            b.iter(|| board.publish(&source, black_box(now)));
        });
    }
    live(criterion);
    let mut slow = criterion.benchmark_group("simulated 10,000, opened");
    slow.sample_size(10);
    for (name, session) in [("at its start", 0), ("at its end, session 2,770", 2_520)] {
        slow.bench_function(name, |b| {
            b.iter(|| {
                let (source, mut quotes) = (open(&simulated), Vec::new());
                source.prices(START.plus_seconds(session * 60), &mut quotes);
                quotes
            });
        });
    }
    slow.finish();
}

/// A live market in which every price has changed: all are taken over and published.
fn live(criterion: &mut Criterion) {
    let calendar = Calendar::embedded("NYSE").expect("it is built in");
    let source = MarketSource::live(calendar, &LiveConfig::default(), simulated_stocks(10_000));
    let (board, feed) = (board(&source, START), source.feed().expect("it is live"));
    let mut at = 0;
    criterion.bench_function("feed and publish a tick, live 10,000", |b| {
        b.iter(|| {
            at += 1;
            let as_of = START.plus_seconds(at);
            let quote = |position: usize| {
                let price = Price(1_000_000 + at);
                (position, StockQuote { price, previous_close: Price(1_000_000), as_of })
            };
            let quotes: Vec<(usize, StockQuote)> = (0..10_000).map(quote).collect();
            feed.feed(black_box(&quotes));
            board.publish(&source, as_of);
        });
    });
}

criterion_group!(all, benches);
criterion_main!(all);
