//! The hub: which streams receive an event, and that closed streams leave no state.

use domain::{EntryKind, Hash, LedgerEntry, MinorUnit, Money, Month, Quantity, UnixMicros};
use market::{Listing, MarketConfig, MarketSource};
use tokio::sync::broadcast::error::TryRecvError;

use super::*;

const START: UnixMicros = UnixMicros(1_795_000_000_000_000);

fn market() -> (MarketSource, Arc<PriceBoard>) {
    let source = MarketSource::new(&MarketConfig::default(), START).unwrap();
    let listing = |(stock_id, symbol)| Listing { stock_id, symbol };
    let symbols = source.stocks().into_iter().map(|stock| stock.symbol);
    let listings = (1..).zip(symbols).map(listing).collect();
    let board = PriceBoard::new(&source, listings, START).unwrap();
    (source, Arc::new(board))
}

fn hub(config: &HttpConfig) -> Arc<Hub> {
    Hub::start(config, &market().1, CancellationToken::new())
}

fn fill(player_id: i64, version: i64) -> Fill {
    let entry = LedgerEntry {
        month: Month(202_611),
        player_id,
        version,
        kind: EntryKind::Buy,
        stock_id: Some(1),
        quantity: Quantity(1_000_000),
        price: None,
        amount: Money(-1),
        fee: Money(0),
        xp_trade: 0,
        xp_achievements: 0,
        cash_after: Money(1),
        quantity_after: Quantity(1_000_000),
        cost_basis_after: Money(1),
        total_xp_after: 0,
        quote_as_of: None,
        quote_day: None,
        quote_source: None,
        about_version: None,
        created_at: START,
        rules_version: None,
    };
    Fill { entry, hash: Hash([0; 32]), unlocked: Vec::new() }
}

fn version_of(event: StreamEvent) -> i64 {
    match event {
        StreamEvent::Fill(fill) => fill.entry.version,
        StreamEvent::Version(version) => version,
    }
}

#[tokio::test]
async fn every_stream_of_the_player_receives_a_fill_and_no_other_does() {
    let hub = hub(&HttpConfig::default());
    let (_one, mut first) = hub.open(1).unwrap();
    let (_two, mut second) = hub.open(1).unwrap();
    let (_other, mut other) = hub.open(2).unwrap();
    hub.publish_fills(&[fill(1, 2), fill(3, 9), fill(1, 3)]);
    for events in [&mut first, &mut second] {
        assert_eq!([events.try_recv(), events.try_recv()].map(|t| version_of(t.unwrap())), [2, 3]);
    }
    assert_eq!(other.try_recv().unwrap_err(), TryRecvError::Empty);
}

#[tokio::test]
async fn an_entry_that_arrives_twice_is_published_once() {
    let hub = hub(&HttpConfig::default());
    let (_slot, mut events) = hub.open(1).unwrap();
    hub.publish_fills(&[fill(1, 4)]);
    hub.publish_entries([(1, 3), (1, 4), (2, 9), (1, 6), (1, 5), (1, 6)]);
    assert_eq!([events.try_recv(), events.try_recv()].map(|t| version_of(t.unwrap())), [4, 6]);
    assert_eq!(events.try_recv().unwrap_err(), TryRecvError::Empty);
}

#[tokio::test]
async fn a_player_without_a_stream_uses_no_memory() {
    let hub = hub(&HttpConfig::default());
    let (one, _events) = hub.open(1).unwrap();
    let (two, _events) = hub.open(1).unwrap();
    drop(one);
    assert_eq!(hub.subscribers.read().unwrap().by_player[&1].streams.len(), 1);
    drop(two);
    let subscribers = hub.subscribers.read().unwrap();
    assert!(subscribers.by_player.is_empty());
    assert_eq!(subscribers.open, 0);
}

#[tokio::test]
async fn a_full_queue_drops_the_oldest_events_and_reports_how_many() {
    let hub = hub(&HttpConfig::default());
    let (_slot, mut events) = hub.open(1).unwrap();
    for version in 1..=100 {
        hub.publish_fills(&[fill(1, version)]);
    }
    assert_eq!(events.try_recv().unwrap_err(), TryRecvError::Lagged(68));
    assert_eq!(version_of(events.try_recv().unwrap()), 69);
}

#[tokio::test]
async fn prices_of_one_interval_are_published_as_one_set() {
    tokio::time::pause();
    let (source, board) = market();
    let hub = Hub::start(&HttpConfig::default(), &board, CancellationToken::new());
    let mut prices = hub.prices();
    board.publish(&source, START.plus_seconds(1));
    prices.changed().await.unwrap();
    let first = Arc::clone(&prices.borrow_and_update());
    let published_at = tokio::time::Instant::now();
    for second in 2..=4 {
        board.publish(&source, START.plus_seconds(second));
    }
    prices.changed().await.unwrap();
    let second = Arc::clone(&prices.borrow_and_update());
    assert_eq!(published_at.elapsed().as_secs(), 5);
    assert_eq!((first.number, second.number), (START.seconds() + 1, START.seconds() + 4));
    assert_eq!(second.snapshot.as_of, START.plus_seconds(4));
    let missed_both =
        second.json_since(START.seconds(), board.listings(), (5, MinorUnit::Hundredth)).unwrap();
    assert_eq!(missed_both.matches("symbol").count(), 20);
    assert_eq!(second.json_since(second.number, board.listings(), (5, MinorUnit::Hundredth)), None);
    let (one, again) = (first.number, board.listings());
    assert!(Arc::ptr_eq(
        &second.json_since(one, again, (5, MinorUnit::Hundredth)).unwrap(),
        &second.json_since(one, again, (5, MinorUnit::Hundredth)).unwrap()
    ));
}
