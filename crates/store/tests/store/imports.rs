//! What both engines do alike with imported markets and with the months of a history.

use domain::{Day, Month, Price, Symbol};
use store::{Bar, ImportCounts, MarketStock, MonthSpan, NewMarket, Store};

use crate::support::*;

on_both_engines! {
    an_import_is_whole_and_does_no_harm_twice,
    a_dry_run_counts_and_changes_nothing,
    a_stock_keeps_its_texts_when_only_bars_come,
    a_month_is_rolled_up_when_it_is_over,
    days_are_forgotten_only_when_their_month_is_kept,
    a_public_day_is_completed_by_what_was_imported,
}

fn symbol(text: &str) -> Symbol {
    Symbol::parse(text).expect("a symbol")
}

fn bar(day: &str, close: i64) -> Bar {
    Bar {
        day: Day::parse(day).expect("a day"),
        open: Some(Price(close - 10)),
        high: Some(Price(close + 20)),
        low: Some(Price(close - 30)),
        close: Price(close),
        volume: Some(7),
    }
}

fn market() -> NewMarket {
    let text = |text: &str| text.to_owned();
    NewMarket { name: text("us"), exchange: text("NYSE"), currency: text("USD") }
}

async fn import(store: &Store, bars: &[(Symbol, Bar)], dry_run: bool) -> ImportCounts {
    let market = market();
    let counts = store.import_market(&market, &[], bars, dry_run, now(), |_| ());
    counts.await.expect("imports")
}

async fn an_import_is_whole_and_does_no_harm_twice(engine: &str) {
    let store = fresh(engine).await;
    let mut bars = vec![
        (symbol("ZZ"), bar("2013-02-08", 1_000)),
        (symbol("ZZ"), bar("2013-02-11", 1_100)),
        (symbol("AA"), bar("2013-02-11", 2_000)),
    ];
    let counts = |bars_new, bars_changed, bars_same| ImportCounts {
        stocks: 2,
        bars_new,
        bars_changed,
        bars_same,
    };
    assert_eq!(import(&store, &bars, false).await, counts(3, 0, 0));
    assert_eq!(import(&store, &bars, false).await, counts(0, 0, 3));
    bars[0].1.volume = None;
    bars.push((symbol("AA"), bar("2013-02-12", 2_100)));
    assert_eq!(import(&store, &bars, false).await, counts(1, 1, 2));
    let listed = store.markets().await.expect("answers");
    assert_eq!((listed.len(), listed[0].stocks, listed[0].bars), (1, 2, 4));
    let day = |text| Day::parse(text).map(|day| i64::from(day.0));
    let span = (listed[0].first_day, listed[0].last_day);
    assert_eq!(span, (day("2013-02-08"), day("2013-02-12")));
    let market_id = store.find_market("us").await.expect("answers").expect("it is there");
    let closes = store.market_closes(market_id).await.expect("answers");
    let found: Vec<_> = closes.iter().map(|one| (one.stock.symbol.as_str(), &one.closes)).collect();
    let at = |text: &str, close| (Day::parse(text).expect("a day"), Price(close));
    assert_eq!(found[0], ("AA", &vec![at("2013-02-11", 2_000), at("2013-02-12", 2_100)]));
    assert_eq!(found[1], ("ZZ", &vec![at("2013-02-08", 1_000), at("2013-02-11", 1_100)]));
    let page = store.market_stocks_page(market_id, "AA", 100).await.expect("answers");
    assert_eq!((page.len(), page[0].symbol.as_str(), page[0].bars), (1, "ZZ", 2));
    assert_eq!(store.find_market("zse").await.expect("answers"), None);
}

async fn a_dry_run_counts_and_changes_nothing(engine: &str) {
    let store = fresh(engine).await;
    let bars = [(symbol("ZZ"), bar("2013-02-08", 1_000))];
    assert_eq!(import(&store, &bars, true).await.bars_new, 1);
    assert_eq!(store.markets().await.expect("answers"), []);
}

async fn a_stock_keeps_its_texts_when_only_bars_come(engine: &str) {
    let store = fresh(engine).await;
    let described = MarketStock {
        symbol: symbol("ZZ"),
        name: "Zed".to_owned(),
        category: "Food".to_owned(),
        description: "Bakes.".to_owned(),
        kid_friendly_description: "Makes bread.".to_owned(),
        fun_fact: None,
    };
    let (market, one) = (market(), [described.clone()]);
    store.import_market(&market, &one, &[], false, now(), |_| ()).await.expect("imports");
    import(&store, &[(symbol("ZZ"), bar("2013-02-08", 1_000))], false).await;
    let market_id = store.find_market("us").await.expect("answers").expect("it is there");
    let closes = store.market_closes(market_id).await.expect("answers");
    assert_eq!(closes[0].stock, described);
}

async fn a_month_is_rolled_up_when_it_is_over(engine: &str) {
    let store = fresh(engine).await;
    let stock_id = stock_ids(&store).await[0];
    let days = ["2020-01-02", "2020-01-31", "2020-02-03", "2020-02-28", "2020-03-02"];
    let bars: Vec<Bar> = days.iter().zip(1..).map(|(day, n)| bar(day, n * 1_000)).collect();
    store.save_bars(stock_id, &bars).await.expect("kept");
    let day = |text| Day::parse(text).expect("a day");
    let rolled = async |until, again| {
        store.roll_up_history(stock_id, day(until), again).await.expect("rolls up")
    };
    assert_eq!(rolled("2020-02-29", None).await, 1, "February is not over");
    assert_eq!(rolled("2020-03-01", None).await, 1);
    assert_eq!(rolled("2020-03-01", None).await, 0);
    let months = async || {
        let (from, to) = (day("2000-01-01"), day("2030-01-01"));
        store.stock_months(stock_id, from, to).await.expect("answers")
    };
    let found = months().await;
    assert_eq!(found.len(), 2);
    let first = found[0];
    assert_eq!((first.month, first.last_day), (Month(202_001), day("2020-01-31")));
    let prices = [first.open, first.high, first.low, first.close, first.average];
    assert_eq!(prices.map(|price| price.0), [990, 2_020, 970, 2_000, 1_500]);
    assert_eq!(first.sessions, 2);
    store.save_bars(stock_id, &[bar("2020-01-02", 3_000)]).await.expect("kept");
    assert_eq!(rolled("2020-03-01", Some(day("2020-01-02"))).await, 2, "from there on again");
    assert_eq!(months().await[0].average, Price(2_500));
    let none = store.stock_months(stock_id, day("2020-02-01"), day("2020-02-27")).await;
    assert_eq!(none.expect("answers"), [], "not before the last day is public");
    let spans = [MonthSpan::of(day("2020-12-31")), MonthSpan::of(day("2021-02-01"))];
    assert_eq!(spans.map(|span| span.until), [day("2021-01-01"), day("2021-03-01")]);
}

async fn days_are_forgotten_only_when_their_month_is_kept(engine: &str) {
    let store = fresh(engine).await;
    let stock_id = stock_ids(&store).await[0];
    let day = |text| Day::parse(text).expect("a day");
    let bars = [bar("2020-01-02", 1_000), bar("2020-01-31", 1_100), bar("2020-02-03", 1_200)];
    store.save_bars(stock_id, &bars).await.expect("kept");
    let forget = async || store.forget_history(stock_id, day("2021-01-01")).await.expect("works");
    assert_eq!(forget().await, 0, "nothing is rolled up");
    store.roll_up_history(stock_id, day("2020-02-10"), None).await.expect("rolls up");
    assert_eq!(forget().await, 2);
    let left = store.stock_history(stock_id, day("2000-01-01"), day("2030-01-01")).await;
    assert_eq!(left.expect("answers"), [(day("2020-02-03"), Price(1_200))]);
}

async fn a_public_day_is_completed_by_what_was_imported(engine: &str) {
    let store = fresh(engine).await;
    let stocks = store.all_stocks().await.expect("answers");
    let (stock_id, listed) = (stocks[0].stock_id, stocks[0].symbol.clone());
    let bars = [(listed.clone(), bar("2020-01-02", 1_004)), (listed, bar("2020-01-03", 1_100))];
    import(&store, &bars, false).await;
    let market_id = store.find_market("us").await.expect("answers").expect("it is there");
    let day = |text| Day::parse(text).expect("a day");
    let closes = [(stock_id, day("2020-01-02"), Price(1_000))];
    let span = (day("2020-01-01"), day("2020-01-31"));
    for _ in 0..2 {
        store.save_imported_history(market_id, &closes).await.expect("kept");
    }
    let kept = store.stock_history(stock_id, span.0, span.1).await.expect("answers");
    assert_eq!(kept, [(day("2020-01-02"), Price(1_000))], "no day becomes public by it");
    store.roll_up_history(stock_id, day("2020-02-01"), None).await.expect("rolls up");
    let months = store.stock_months(stock_id, span.0, span.1).await.expect("answers");
    assert_eq!((months[0].open, months[0].close), (Price(994), Price(1_000)));
}

async fn stock_ids(store: &Store) -> Vec<i64> {
    let stocks = store.all_stocks().await.expect("answers");
    stocks.iter().map(|stock| stock.stock_id).collect()
}
