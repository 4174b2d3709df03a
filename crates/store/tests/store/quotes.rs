//! Quotes of a live market, on both engines.

use domain::{Day, Price, StockInfo, Symbol, UnixMicros};
use store::{DueQuoteFilter, Store, StoredQuote};

use crate::support::*;

on_both_engines! {
    the_least_recently_requested_stock_is_due_first,
    the_newest_price_is_kept_in_any_order_of_arrival,
    changed_prices_are_listed_by_time_of_change,
    an_expedited_stock_is_due_first_once,
    a_doubt_ends_with_a_price_no_older,
}

async fn stocks(store: &Store) -> Vec<i64> {
    let stock = |symbol: &str| StockInfo {
        symbol: Symbol::parse(symbol).expect("a symbol"),
        name: symbol.to_owned(),
        category: "Tech".to_owned(),
        description: String::new(),
        kid_friendly_description: String::new(),
        fun_fact: None,
    };
    let saved = store.save_stocks(&[stock("QA"), stock("QB"), stock("QC")]).await.expect("saved");
    store.ensure_quotes().await.expect("room");
    store.ensure_quotes().await.expect("no harm in doing it twice");
    saved.iter().map(|stock| stock.stock_id).collect()
}

fn quote(stock_id: i64, price: i64, as_of: i64) -> StoredQuote {
    StoredQuote {
        stock_id,
        price: Price(price),
        previous_close: Some(Price(price - 1)),
        as_of: now().plus_seconds(as_of),
        market_day: Day(20_000),
        volume: Some(7),
        provider: "finnhub".to_owned(),
        is_in_doubt: false,
    }
}

async fn due(store: &Store, tried: i64, confirmed: i64) -> Vec<i64> {
    let before = DueQuoteFilter {
        tried: now().plus_seconds(tried),
        confirmed: now().plus_seconds(confirmed),
    };
    let due = store.due_quotes(before, 50).await.expect("answers");
    // The store has other stocks too, which were never requested.
    let ours = due.iter().filter(|due| due.symbol.as_str().starts_with('Q'));
    ours.map(|due| due.stock_id).collect()
}

async fn the_least_recently_requested_stock_is_due_first(engine: &str) {
    let store = fresh(engine).await;
    let ids = stocks(&store).await;
    assert_eq!(due(&store, 0, 0).await, ids);
    store.mark_quote_tried(ids[0], now().plus_seconds(10)).await.expect("noted");
    store.save_quote(&quote(ids[1], 500, 5), now().plus_seconds(5)).await.expect("kept");
    assert_eq!(due(&store, 20, 20).await, [ids[2], ids[1], ids[0]]);
    assert_eq!(due(&store, 20, 5).await, [ids[2], ids[0]], "one is confirmed");
    assert_eq!(due(&store, 10, 20).await, [ids[2], ids[1]], "one was just tried");
    let before =
        DueQuoteFilter { tried: now().plus_seconds(20), confirmed: now().plus_seconds(20) };
    let all = store.due_quotes(before, 50).await.expect("answers");
    let known = all.iter().find(|due| due.stock_id == ids[1]).expect("it is due");
    assert_eq!(known.last, Some((Price(500), now().plus_seconds(5))));
    assert_eq!((all[0].last, store.due_quotes(before, 2).await.expect("few").len()), (None, 2));
}

async fn the_newest_price_is_kept_in_any_order_of_arrival(engine: &str) {
    let store = fresh(engine).await;
    let id = stocks(&store).await[0];
    assert_eq!(store.find_quote(id).await.expect("answers"), None, "no quote is stored yet");
    store.save_quote(&quote(id, 500, 5), now().plus_seconds(6)).await.expect("kept");
    store.save_quote(&quote(id, 400, 4), now().plus_seconds(7)).await.expect("late");
    let kept = store.find_quote(id).await.expect("answers");
    assert_eq!(kept, Some(quote(id, 500, 5)));
    let unknown = StoredQuote { previous_close: None, volume: None, ..quote(id, 600, 9) };
    store.save_quote(&unknown, now().plus_seconds(10)).await.expect("kept");
    let kept = store.find_quote(id).await.expect("answers").expect("a quote");
    assert_eq!((kept.price, kept.volume), (Price(600), None));
    assert_eq!(kept.previous_close, Some(Price(499)), "a missing value keeps the stored one");
}

async fn changed_prices_are_listed_by_time_of_change(engine: &str) {
    let store = fresh(engine).await;
    let ids = stocks(&store).await;
    let changed = async |since: i64| -> Vec<(i64, UnixMicros)> {
        let found = store.quotes_changed_since(now().plus_seconds(since)).await.expect("answers");
        found.iter().map(|(quote, at)| (quote.stock_id, *at)).collect()
    };
    assert_eq!(changed(-1_000_000_000).await, [], "stocks without a price are no news");
    store.save_quote(&quote(ids[1], 500, 5), now().plus_seconds(6)).await.expect("kept");
    store.save_quote(&quote(ids[0], 700, 5), now().plus_seconds(8)).await.expect("kept");
    assert_eq!(
        changed(6).await,
        [(ids[1], now().plus_seconds(6)), (ids[0], now().plus_seconds(8))]
    );
    store.save_quote(&quote(ids[1], 500, 5), now().plus_seconds(60)).await.expect("the same");
    store.save_quote(&quote(ids[0], 900, 4), now().plus_seconds(60)).await.expect("an older one");
    assert_eq!(changed(9).await, []);
    store.save_quote(&quote(ids[1], 500, 61), now().plus_seconds(62)).await.expect("a newer one");
    assert_eq!(changed(9).await, [(ids[1], now().plus_seconds(62))]);
}

async fn an_expedited_stock_is_due_first_once(engine: &str) {
    let store = fresh(engine).await;
    let ids = stocks(&store).await;
    for (at, id) in ids.iter().enumerate() {
        let at = now().plus_seconds(i64::try_from(at).expect("few"));
        store.mark_quote_tried(*id, at).await.expect("noted");
    }
    let hurry = async |since: i64| {
        store.expedite_quote(ids[2], now().plus_seconds(since)).await.expect("answers")
    };
    assert!(!hurry(2).await, "it was requested since");
    assert!(hurry(3).await);
    assert!(!hurry(3).await, "one hurry is enough");
    assert_eq!(due(&store, 100, 100).await, [ids[2], ids[0], ids[1]]);
}

async fn a_doubt_ends_with_a_price_no_older(engine: &str) {
    let store = fresh(engine).await;
    let id = stocks(&store).await[0];
    let at = |seconds| now().plus_seconds(seconds);
    let save = async |price, as_of, seconds| {
        store.save_quote(&quote(id, price, as_of), at(seconds)).await.expect("saved");
    };
    let doubt = async |as_of, seconds| {
        let (as_of, seconds) = (at(as_of), at(seconds));
        store.mark_quote_doubted(id, as_of, seconds, seconds).await.expect("marked");
    };
    let known = async || {
        let changed = store.quotes_changed_since(at(-1_000_000)).await.expect("answers");
        (changed[0].0.price.0, changed[0].0.is_in_doubt, changed[0].1)
    };
    save(400, 5, 6).await;
    assert_eq!(known().await, (400, false, at(6)));
    doubt(10, 11).await;
    assert_eq!(known().await, (400, true, at(11)), "other nodes find it among the changes");
    doubt(10, 12).await;
    assert_eq!(known().await, (400, true, at(11)), "nothing new");
    save(400, 5, 13).await;
    assert_eq!(known().await, (400, true, at(11)), "an old price does not confirm a later one");
    save(401, 8, 14).await;
    assert_eq!(known().await, (401, true, at(14)));
    save(100, 10, 20).await;
    assert_eq!(known().await, (100, false, at(20)), "it is confirmed");
    doubt(30, 31).await;
    save(101, 30, 40).await;
    assert_eq!(known().await, (101, false, at(40)), "it is withdrawn");
    doubt(50, 51).await;
    save(101, 50, 60).await;
    assert_eq!(known().await, (101, false, at(60)), "the same price made later");
}
