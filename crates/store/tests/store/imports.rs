//! Imported markets and monthly history, on both engines.

use domain::{DailyBar, Day, Month, Price, StockDescription, StockInfo, Symbol};
use sqlx::{Connection as _, Executor as _};
use store::{ImportCounts, MonthSpan, NewMarket, Store};

use crate::support::*;

on_both_engines! {
    an_import_is_complete_and_idempotent,
    a_dry_run_counts_and_changes_nothing,
    a_stock_keeps_its_texts_when_only_bars_come,
    a_market_keeps_its_currency_and_price_step,
    a_market_without_bars_is_not_imported,
    price_jumps_are_found_across_imports,
    stocks_of_a_market_are_described_all_or_none,
    descriptions_of_listed_stocks_are_permanent,
    units_of_prices_are_kept_by_symbol,
    a_month_is_aggregated_when_it_is_over,
    days_are_deleted_only_after_their_month_is_aggregated,
    a_public_day_is_completed_from_the_import,
}

fn symbol(text: &str) -> Symbol {
    Symbol::parse(text).expect("a symbol")
}

fn bar(day: &str, close: i64) -> DailyBar {
    DailyBar {
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
    let (exchange, currency) = (text("NYSE"), Some(text("USD")));
    NewMarket { name: text("us"), exchange, currency, tick: Price(10) }
}

async fn import(store: &Store, bars: &[(Symbol, DailyBar)], dry_run: bool) -> ImportCounts {
    let market = market();
    let counts = store.import_market(&market, &[], bars, dry_run, now(), |_| ());
    counts.await.expect("imports")
}

async fn an_import_is_complete_and_idempotent(engine: &str) {
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
        currency: "USD".to_owned(),
        tick: Price(10),
        jumps: Vec::new(),
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
    let market_id = market_id(&store).await;
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
    let texts = |name: Option<&str>, description: Option<&str>| {
        let owned = |text: Option<&str>| text.map(str::to_owned);
        let (name, description) = (owned(name), owned(description));
        StockDescription { name, category: owned(Some("Food")), description, ..no_texts("ZZ") }
    };
    let bars = [(symbol("ZZ"), bar("2013-02-08", 1_000))];
    let stock = async || {
        let closes = store.market_closes(market_id(&store).await).await.expect("answers");
        closes[0].stock.clone()
    };
    let import_texts = async |texts: StockDescription, bars: &[(Symbol, DailyBar)]| {
        let (market, texts) = (market(), [texts]);
        let counts = store.import_market(&market, &texts, bars, false, now(), |_| ()).await;
        counts.expect("imports");
    };
    import_texts(texts(Some("Zed"), Some("Bakes.")), &bars).await;
    import(&store, &bars, false).await;
    let described = StockInfo {
        symbol: symbol("ZZ"),
        name: "Zed".to_owned(),
        category: "Food".to_owned(),
        description: "Bakes.".to_owned(),
        kid_friendly_description: "Bakes.".to_owned(),
        fun_fact: None,
    };
    assert_eq!(stock().await, described);
    import_texts(texts(None, Some("Bakes bread.")), &[]).await;
    let text = || "Bakes bread.".to_owned();
    let further = StockInfo { description: text(), kid_friendly_description: text(), ..described };
    assert_eq!(stock().await, further, "what a file leaves open stays");
    let kid = Some("Makes bread.".to_owned());
    import_texts(StockDescription { kid_friendly_description: kid, ..no_texts("ZZ") }, &[]).await;
    import_texts(texts(None, Some("Bakes.")), &[]).await;
    assert_eq!(stock().await.kid_friendly_description, "Makes bread.");
}

fn no_texts(text: &str) -> StockDescription {
    StockDescription {
        symbol: symbol(text),
        name: None,
        category: None,
        description: None,
        kid_friendly_description: None,
        fun_fact: None,
    }
}

async fn market_id(store: &Store) -> i64 {
    store.find_market("us").await.expect("answers").expect("it is there").market_id
}

async fn a_market_keeps_its_currency_and_price_step(engine: &str) {
    let store = fresh(engine).await;
    let bars = [(symbol("ZZ"), bar("2013-02-08", 1_000))];
    let import = async |currency: Option<&str>, tick| {
        let (currency, tick) = (currency.map(str::to_owned), Price(tick));
        let market = NewMarket { currency, tick, exchange: "-".to_owned(), ..market() };
        let counts = store.import_market(&market, &[], &bars, false, now(), |_| ()).await;
        counts.map(|counts| (counts.currency, counts.tick.0))
    };
    let is = |tick| ("ZWG".to_owned(), tick);
    assert_eq!(import(Some("ZWG"), 100).await.expect("imports"), is(100));
    assert_eq!(import(None, 10).await.expect("imports"), is(10));
    assert_eq!(import(Some("ZWG"), 100).await.expect("imports"), is(10), "it never gets coarser");
    let error = import(Some("USD"), 100).await.expect_err("refused").to_string();
    assert!(error.starts_with("the market us has prices in ZWG"), "{error}");
    let found = store.find_market("us").await.expect("answers").expect("it is there");
    assert_eq!((found.currency.as_str(), found.tick), ("ZWG", Price(10)));
    // As imported before price steps were stored: the bars have steps of 0.001.
    forget_tick(&store).await;
    let found = store.find_market("us").await.expect("answers").expect("it is there");
    assert_eq!(found.tick, Price(10));
    assert_eq!(store.markets().await.expect("answers")[0].tick, None);
    assert_eq!(import(None, 100).await.expect("imports"), is(10));
    assert_eq!(store.markets().await.expect("answers")[0].tick, Some(10));
}

async fn forget_tick(store: &Fresh) {
    let text = "UPDATE markets SET tick = NULL";
    if store.url.starts_with("sqlite:") {
        let mut db = sqlx::SqliteConnection::connect(&store.url).await.expect("connects");
        db.execute(text).await.expect("updates");
    } else {
        let mut db = sqlx::PgConnection::connect(&store.url).await.expect("connects");
        db.execute(text).await.expect("updates");
    }
}

async fn a_market_without_bars_is_not_imported(engine: &str) {
    let store = fresh(engine).await;
    let texts = [no_texts("ZZ")];
    let imported = store.import_market(&market(), &texts, &[], false, now(), |_| ()).await;
    let error = imported.expect_err("refused").to_string();
    assert!(error.starts_with("the market us has no daily bars"), "{error}");
    assert_eq!(store.markets().await.expect("answers"), []);
}

async fn price_jumps_are_found_across_imports(engine: &str) {
    let store = fresh(engine).await;
    let days = ["2013-02-08", "2013-02-11", "2013-02-12", "2013-02-13"];
    let bars = |symbol_of: &str, closes: &[(usize, i64)]| -> Vec<(Symbol, DailyBar)> {
        closes.iter().map(|(at, close)| (symbol(symbol_of), bar(days[*at], *close))).collect()
    };
    let jumps = async |bars: &[(Symbol, DailyBar)]| -> Vec<(String, String, i64)> {
        let found = import(&store, bars, false).await.jumps;
        let jump = |jump: &store::PriceJump| {
            (jump.symbol.to_string(), jump.after.0.to_string(), jump.after.1.0)
        };
        found.iter().map(jump).collect()
    };
    let of = |symbol: &str, day: usize, close| (symbol.to_owned(), days[day].to_owned(), close);
    let first = [bars("AA", &[(0, 4_000)]), bars("ZZ", &[(0, 1_000), (2, 1_401)])].concat();
    assert_eq!(jumps(&first).await, [of("ZZ", 2, 1_401)]);
    assert_eq!(jumps(&bars("AA", &[(2, 2_400)])).await, [], "exactly 40 %");
    assert_eq!(jumps(&bars("AA", &[(3, 1_000)])).await, [of("AA", 3, 1_000)]);
    assert_eq!(jumps(&bars("ZZ", &[(1, 1_200)])).await, [], "a day between them");
}

async fn stocks_of_a_market_are_described_all_or_none(engine: &str) {
    let store = fresh(engine).await;
    import(&store, &[(symbol("ZZ"), bar("2013-02-08", 1_000))], false).await;
    let market_id = market_id(&store).await;
    let name =
        |of: &str, name: &str| StockDescription { name: Some(name.to_owned()), ..no_texts(of) };
    let texts = [name("ZZ", "Zed"), name("NONE", "x")];
    let unknown = store.describe_market(market_id, &texts).await.expect("answers");
    assert_eq!(unknown, [symbol("NONE")]);
    let named = async || {
        let page = store.market_stocks_page(market_id, "", 100).await.expect("answers");
        page[0].name.clone()
    };
    assert_eq!(named().await, "ZZ", "nothing is changed");
    assert_eq!(store.describe_market(market_id, &texts[..1]).await.expect("answers"), []);
    assert_eq!(named().await, "Zed");
}

async fn descriptions_of_listed_stocks_are_permanent(engine: &str) {
    let store = fresh(engine).await;
    let stocks = store.all_stocks().await.expect("answers");
    let (one, other) = (stocks[0].clone(), no_texts("NONE"));
    let kid = Some("Makes bread.".to_owned());
    let category = Some("Bakers".to_owned());
    let own = StockDescription {
        kid_friendly_description: kid.clone(),
        category: category.clone(),
        ..no_texts(one.symbol.as_str())
    };
    let unknown = store.describe_stocks(&[own.clone(), other]).await.expect("answers");
    assert_eq!(unknown, [symbol("NONE")]);
    assert_eq!(store.find_stock(&one.symbol).await.expect("answers"), Some(one.clone()));
    assert_eq!(store.stock_texts().await.expect("answers"), []);
    assert_eq!(store.describe_stocks(std::slice::from_ref(&own)).await.expect("answers"), []);
    let found = store.find_stock(&one.symbol).await.expect("answers").expect("it is there");
    assert_eq!(Some(&found.kid_friendly_description), kid.as_ref());
    assert_eq!((&found.name, &found.category), (&one.name, &"Bakers".to_owned()));
    assert_eq!(store.stock_texts().await.expect("answers"), std::slice::from_ref(&own));
    let fact =
        StockDescription { fun_fact: Some("Hot.".to_owned()), ..no_texts(one.symbol.as_str()) };
    store.describe_stocks(&[fact]).await.expect("answers");
    let all = store.stock_texts().await.expect("answers");
    assert_eq!(all, [StockDescription { fun_fact: Some("Hot.".to_owned()), ..own }]);
    let mut stock = StockInfo {
        symbol: one.symbol,
        name: one.name.clone(),
        category: one.category,
        description: one.description.clone(),
        kid_friendly_description: one.kid_friendly_description,
        fun_fact: None,
    };
    all[0].apply(&mut stock);
    assert_eq!((stock.name, stock.description), (one.name, one.description));
    assert_eq!((Some(stock.kid_friendly_description), Some(stock.category)), (kid, category));
    assert_eq!(stock.fun_fact.as_deref(), Some("Hot."));
}

async fn units_of_prices_are_kept_by_symbol(engine: &str) {
    let store = fresh(engine).await;
    for places in [3, 2] {
        store.save_price_unit(&symbol("VOD.L"), places).await.expect("kept");
    }
    assert_eq!(store.price_units().await.expect("answers"), [(symbol("VOD.L"), 2)]);
    assert!(store.save_price_unit(&symbol("VOD.L"), 0).await.is_err());
}

async fn a_month_is_aggregated_when_it_is_over(engine: &str) {
    let store = fresh(engine).await;
    let stock_id = stock_ids(&store).await[0];
    let days = ["2020-01-02", "2020-01-31", "2020-02-03", "2020-02-28", "2020-03-02"];
    let bars: Vec<DailyBar> = days.iter().zip(1..).map(|(day, n)| bar(day, n * 1_000)).collect();
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

async fn days_are_deleted_only_after_their_month_is_aggregated(engine: &str) {
    let store = fresh(engine).await;
    let stock_id = stock_ids(&store).await[0];
    let day = |text| Day::parse(text).expect("a day");
    let bars = [bar("2020-01-02", 1_000), bar("2020-01-31", 1_100), bar("2020-02-03", 1_200)];
    store.save_bars(stock_id, &bars).await.expect("kept");
    let forget =
        async || store.delete_history_before(stock_id, day("2021-01-01")).await.expect("works");
    assert_eq!(forget().await, 0, "nothing is rolled up");
    store.roll_up_history(stock_id, day("2020-02-10"), None).await.expect("rolls up");
    assert_eq!(forget().await, 2);
    let left = store.stock_history(stock_id, day("2000-01-01"), day("2030-01-01")).await;
    assert_eq!(left.expect("answers"), [(day("2020-02-03"), Price(1_200))]);
}

async fn a_public_day_is_completed_from_the_import(engine: &str) {
    let store = fresh(engine).await;
    let stocks = store.all_stocks().await.expect("answers");
    let (stock_id, listed) = (stocks[0].stock_id, stocks[0].symbol.clone());
    let bars = [(listed.clone(), bar("2020-01-02", 1_004)), (listed, bar("2020-01-03", 1_100))];
    import(&store, &bars, false).await;
    let market_id = market_id(&store).await;
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
