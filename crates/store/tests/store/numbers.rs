//! Values, profits and averages computed by the database equal those of `domain`, on both engines,
//! for random and extreme holdings.

use domain::StockInfo;
use domain::*;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use sqlx::{Connection, Executor};
use store::*;

use crate::support::*;

on_both_engines! {
    values_of_holdings_equal_those_of_domain,
    averages_of_closes_are_rounded_as_in_domain,
    profits_of_two_holdings_keep_their_digits,
}

/// The largest holding and cost of a player.
const QUANTITY_MAX: i64 = 100_000_000 * Quantity::SHARE;
const COST_MAX: i64 = 1_000_000_000_000_000;
const STOCKS: usize = 300;

/// Shares, their cost, and the present price.
#[derive(Clone, Copy, Debug)]
struct Sample {
    quantity: Quantity,
    cost: Money,
    price: Price,
}

fn samples() -> Vec<Sample> {
    let around = |max: i64| prop_oneof![1..=max, 1..=1_000i64.min(max), Just(1), Just(max)];
    let sample = (around(QUANTITY_MAX), around(COST_MAX), around(Price::MAX.0)).prop_map(
        |(quantity, cost, price)| Sample {
            quantity: Quantity(quantity),
            cost: Money(cost),
            price: Price(price),
        },
    );
    let all = prop::collection::vec(sample, STOCKS);
    let mut runner = TestRunner::deterministic();
    all.new_tree(&mut runner).expect("samples").current()
}

async fn execute(store: &Fresh, engine: &str, sql: String) {
    let sql = sqlx::AssertSqlSafe(sql);
    if engine == "sqlite" {
        let mut outside = sqlx::SqliteConnection::connect(&store.url).await.expect("connects");
        outside.execute(sql).await.expect("executes");
    } else {
        let mut outside = sqlx::PgConnection::connect(&store.url).await.expect("connects");
        outside.execute(sql).await.expect("executes");
    }
}

/// Gives a player these holdings of new stocks; returns the stock ids.
async fn hold(store: &Fresh, engine: &str, player_id: i64, held: &[Sample]) -> Vec<i64> {
    let stocks: Vec<StockInfo> = (0..held.len())
        .map(|n| StockInfo {
            category: format!("Kind {}", n % 9),
            ..new_stock(&format!("S{n:03}"))
        })
        .collect();
    let saved = store.save_stocks(&stocks).await.expect("stocks");
    let ids: Vec<i64> = saved.iter().map(|stock| stock.stock_id).collect();
    let rows: Vec<String> = ids
        .iter()
        .zip(held)
        .map(|(id, Sample { quantity, cost, .. })| {
            format!("({player_id}, {id}, {}, {}, 12000)", quantity.0, cost.0)
        })
        .collect();
    let columns = "player_id, stock_id, quantity, cost_basis, opened_on";
    let sql = format!("INSERT INTO holdings ({columns}) VALUES {}", rows.join(", "));
    execute(store, engine, sql).await;
    ids
}

fn worth(sample: &Sample, unit: MinorUnit) -> i64 {
    sample.price.value_rounded_down(sample.quantity, unit).expect("fits").0
}

async fn values_of_holdings_equal_those_of_domain(engine: &str) {
    let store = fresh(engine).await;
    let ada = player(&store, "Ada").await.player_id;
    assert!(commit_one(&store, ada, &trade(Side::Buy, 1, 1)).await);
    assert!(commit_one(&store, ada, &trade(Side::Sell, 1, 1)).await);
    let held = samples();
    let ids = hold(&store, engine, ada, &held).await;
    for unit in [MinorUnit::Whole, MinorUnit::Hundredth, MinorUnit::Thousandth] {
        // At the largest prices in thousandths, the sum of so many holdings is beyond 64 bits.
        let digits = if unit == MinorUnit::Thousandth { 10 } else { 1 };
        let held: Vec<Sample> = held
            .iter()
            .map(|sample| Sample { price: Price((sample.price.0 / digits).max(1)), ..*sample })
            .collect();
        check_values(&store, ada, (&ids, &held), unit).await;
    }
}

async fn check_values(store: &Store, ada: i64, (ids, held): (&[i64], &[Sample]), unit: MinorUnit) {
    let worth = |sample: &Sample| worth(sample, unit);
    let pairs = ids.iter().zip(held).map(|(id, sample)| format!("[{id},{}]", sample.price.0));
    let prices = format!("[{}]", pairs.collect::<Vec<_>>().join(","));
    for page in 1..=3 {
        let page = PageRequest::clamped(page, 100, 100);
        let (rows, total) = store.portfolio_page(ada, &prices, unit, page).await.expect("page");
        assert_eq!((rows.len(), total), (100, 300));
        for row in rows {
            let place = ids.iter().position(|id| *id == row.stock_id).expect("is held");
            let sample = &held[place];
            let profit = Money(worth(sample) - sample.cost.0);
            assert_eq!((row.total_value.0, row.profit_loss), (worth(sample), profit), "{sample:?}");
            assert_eq!(row.average_price, average_price(sample.cost, sample.quantity, unit));
            let percent = |ratio: Ratio| [1, 2, 6].map(|places| ratio.percent(places));
            assert_eq!(percent(row.profit_ratio()), percent(profit.part_of(sample.cost)));
        }
    }
    let (all, cash) = (held.iter().map(worth).sum::<i64>(), rules().starting_cash.0);
    let sums = store.portfolio_summary(ada, &prices, unit).await.expect("sums");
    assert_eq!((sums.cash.0, sums.total_value.0), (cash, all));
    let mix = store.portfolio_mix(ada, &prices, unit).await.expect("mix");
    assert_eq!(mix.categories.iter().map(|(_, value)| value.0).sum::<i64>(), all);
    let at_prices = Valuation { minor_unit: unit, ..Valuation::at_prices(&prices) };
    let standing = store.load_progress(ada, &at_prices, &rules().levels).await;
    assert_eq!(standing.expect("counts").counts.portfolio_value.0, cash + all);
    let values = store.player_values(&[ada], &prices, unit).await.expect("values");
    assert_eq!(values[0].2, cash + all);
    let page = store
        .player_values_page(0, 10, (&prices, unit), &RankingRules::default())
        .await
        .expect("values");
    assert_eq!(page, [(ada, cash + all)]);
    let wanted = [LoadKey { player_id: ada, stock_id: None, about_version: None, text_key: None }];
    let loaded = store.load_batch(&wanted, &[], &at_prices).await.expect("loads");
    assert_eq!(loaded.players[&ada].holdings_value.0, all);
    // A day is written once.
    let day = Day(12_786 + i32::try_from(unit.digits()).expect("few"));
    let closes: Vec<_> = ids.iter().zip(held).map(|(id, s)| (*id, day, s.price)).collect();
    store.save_history(&closes).await.expect("closes");
    store.snapshot_equity(day, None, unit, 10).await.expect("equity");
    let curve = store.equity_curve(ada, day, day).await.expect("curve");
    assert_eq!((curve[0].value.0, curve[0].cash.0), (cash + all, cash));
}

async fn averages_of_closes_are_rounded_as_in_domain(engine: &str) {
    let store = fresh(engine).await;
    let closes = prop::collection::vec(1..=Price::MAX.0, 1..=28);
    let months = prop::collection::vec(closes, 40);
    let mut months = months.new_tree(&mut TestRunner::deterministic()).expect("samples").current();
    months.extend([vec![1, 2], vec![1, 1, 2], vec![1, 2, 2], vec![Price::MAX.0; 28]]);
    let first = |n: usize| {
        let n = i32::try_from(n).expect("few");
        let month = u8::try_from(n % 12 + 1).expect("a month");
        Day::from_civil(2000 + n / 12, month, 1).expect("a day")
    };
    let bars: Vec<_> = months
        .iter()
        .enumerate()
        .flat_map(|(n, closes)| {
            (first(n).0..).zip(closes).map(|(day, close)| (1, Day(day), Price(*close)))
        })
        .collect();
    store.save_history(&bars).await.expect("closes");
    store.roll_up_history(1, first(months.len()), None).await.expect("rolls up");
    let bars = store.stock_months(1, first(0), first(months.len())).await.expect("months");
    let averages: Vec<i64> = bars.iter().map(|bar| bar.average.0).collect();
    let average = |closes: &Vec<i64>| {
        let sum: i128 = closes.iter().map(|close| i128::from(*close)).sum();
        divide_rounded(sum, closes.len() as i128)
    };
    assert_eq!(averages, months.iter().map(average).collect::<Vec<_>>());
}

async fn profits_of_two_holdings_keep_their_digits(engine: &str) {
    let store = fresh(engine).await;
    let ada = player(&store, "Ada").await.player_id;
    let (share, whole) = (Quantity(1_000_000), |cents: i64| Price(cents * 100));
    let held = [
        Sample { quantity: share, cost: Money(13_139), price: whole(21_000) },
        Sample { quantity: share, cost: Money(150_000), price: whole(101_000) },
    ];
    let ids = hold(&store, engine, ada, &held).await;
    let prices = format!("[[{},2100000],[{},10100000]]", ids[0], ids[1]);
    let page = PageRequest::clamped(1, 10, 10);
    let (rows, _) =
        store.portfolio_page(ada, &prices, MinorUnit::Hundredth, page).await.expect("page");
    let percent = |places| [0, 1].map(|row: usize| rows[row].profit_ratio().percent(places));
    assert_eq!(percent(6), [59_829_515, -32_666_667]);
    assert_eq!(percent(2), [5_983, -3_267]);
}
