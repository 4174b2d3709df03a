//! The curve of a player's portfolio value: written once by several nodes, thinned out with age.

use domain::*;
use store::*;

use crate::support::*;

on_both_engines! {
    a_close_is_written_for_all_traders_in_bounded_steps,
    a_session_is_written_once_by_any_number_of_nodes,
    a_restarted_market_overwrites_its_days,
    a_session_without_players_is_done_at_once,
    old_days_are_thinned_by_week_and_month_and_new_ones_kept,
    a_curve_is_bounded_and_ascending,
    a_stock_without_a_close_counts_at_its_last_one,
    a_player_who_traded_since_a_close_gets_no_row_for_it,
    the_newest_written_day_is_not_deleted,
}

const DAY: Day = Day(12_786);

/// Writes a session completely, `limit` players per step; returns the number of steps.
async fn write(store: &Store, day: Day, limit: i64) -> (u64, u64) {
    let (mut steps, mut written) = (0, 0);
    loop {
        let step =
            store.snapshot_equity(day, None, MinorUnit::Hundredth, limit).await.expect("writes");
        (steps, written) = (steps + 1, written + step.written);
        if step.is_done {
            return (steps, written);
        }
    }
}

async fn curve(store: &Store, player_id: i64) -> Vec<(i32, i64, i64)> {
    let points = store.equity_curve(player_id, Day(0), Day(100_000)).await.expect("curve");
    points.iter().map(|p| (p.day.0, p.value.0, p.cash.0)).collect()
}

async fn a_close_is_written_for_all_traders_in_bounded_steps(engine: &str) {
    let store = fresh(engine).await;
    let mut players = Vec::new();
    for name in ["Ada", "Eve", "Joy", "Kim", "Lee"] {
        players.push(player(&store, name).await.player_id);
    }
    let [ada, eve, joy, kim, _] = players[..] else { panic!("five") };
    // A share of stock n costs n dollars; sold-out stocks count as zero.
    for (who, side, stock) in [
        (ada, Side::Buy, 1),
        (ada, Side::Buy, 2),
        (eve, Side::Buy, 3),
        (joy, Side::Buy, 1),
        (joy, Side::Sell, 1),
    ] {
        assert!(commit_one(&store, who, &trade(side, stock, 10)).await);
    }
    let closes = [(1, DAY, Price(15_000)), (2, DAY, Price(19_999)), (1, Day(1), Price(1))];
    store.save_history(&closes).await.expect("saves");
    assert_eq!(write(&store, DAY, 2).await, (3, 3));
    assert_eq!(write(&store, DAY, 2).await, (1, 0), "once is enough");
    assert_eq!(curve(&store, ada).await, [(DAY.0, 997_000 + 1_500 + 1_999, 997_000)]);
    assert_eq!(curve(&store, eve).await, [(DAY.0, 997_000, 997_000)], "no close of it");
    assert_eq!(curve(&store, joy).await, [(DAY.0, 1_000_000, 1_000_000)]);
    assert_eq!(curve(&store, kim).await, [], "has never traded");
}

async fn a_session_is_written_once_by_any_number_of_nodes(engine: &str) {
    let store = fresh(engine).await;
    let mut players = Vec::new();
    for number in 0..12 {
        let player_id = player(&store, &format!("P{number}")).await.player_id;
        commit_one(&store, player_id, &trade(Side::Buy, 1, 1)).await;
        players.push(player_id);
    }
    let node = || {
        let store = store.store.clone();
        tokio::spawn(async move { write(&store, DAY, 1).await.1 })
    };
    let nodes = [node(), node(), node()];
    let mut written = 0;
    for node in nodes {
        written += node.await.expect("no panic");
    }
    assert_eq!(written, 12);
    for player_id in players {
        assert_eq!(curve(&store, player_id).await.len(), 1);
    }
}

async fn a_restarted_market_overwrites_its_days(engine: &str) {
    let store = fresh(engine).await;
    let ada = player(&store, "Ada").await.player_id;
    assert!(commit_one(&store, ada, &trade(Side::Buy, 1, 10)).await);
    write(&store, DAY, 10).await;
    assert!(commit_one(&store, ada, &trade(Side::Buy, 1, 10)).await);
    let kept = EquityRetention { newest: Day(100), daily_from: Day(90), weekly_from: Day(80) };
    let step = store.roll_up_equity(0, 10, kept).await.expect("rolls up");
    assert_eq!(step, RollUpStep { deleted: 0, next_after: None });
    assert_eq!(write(&store, DAY, 10).await, (1, 1));
    assert_eq!(curve(&store, ada).await, [(DAY.0, 998_000, 998_000)]);
}

async fn a_session_without_players_is_done_at_once(engine: &str) {
    let store = fresh(engine).await;
    let step = store.snapshot_equity(DAY, None, MinorUnit::Hundredth, 10).await.expect("writes");
    assert_eq!(step, EquityStep { written: 0, is_done: true });
}

async fn old_days_are_thinned_by_week_and_month_and_new_ones_kept(engine: &str) {
    let store = fresh(engine).await;
    let mut players = Vec::new();
    for name in ["Ada", "Eve", "Joy"] {
        let player_id = player(&store, name).await.player_id;
        commit_one(&store, player_id, &trade(Side::Buy, 1, 1)).await;
        players.push(player_id);
    }
    let monday = Day::parse("2005-01-03").expect("a day").0;
    for day in (0..140).filter(|day| day % 7 < 5) {
        write(&store, Day(monday + day), 10).await;
    }
    let day = |week: i32, weekday: i32| Day(monday + week * 7 + weekday);
    // Of 20 weeks the last two are kept whole, the four before by week.
    let kept =
        EquityRetention { newest: day(19, 4), daily_from: day(18, 0), weekly_from: day(14, 0) };
    let roll_up = async || {
        let (mut deleted, mut after, mut steps) = (0, 0, 0);
        loop {
            let step = store.roll_up_equity(after, 2, kept).await.expect("rolls up");
            (deleted, steps) = (deleted + step.deleted, steps + 1);
            match step.next_after {
                Some(next) => after = next,
                None => return (deleted, steps),
            }
        }
    };
    assert_eq!(roll_up().await, (3 * (100 - 10 - 4 - 3), 2));
    assert_eq!(roll_up().await, (0, 2), "a second time changes nothing");
    // The ends of three months of average length; the fourth continues into the weeks.
    let months = [28, 58, 88].map(|day| monday + day);
    let weeks = (14..18).map(|week| day(week, 4).0);
    let recent = (18..20).flat_map(|week| (0..5).map(move |weekday| day(week, weekday).0));
    let expected: Vec<i32> = months.into_iter().chain(weeks).chain(recent).collect();
    for player_id in players {
        let days: Vec<i32> = curve(&store, player_id).await.iter().map(|p| p.0).collect();
        assert_eq!(days, expected);
    }
}

async fn a_curve_is_bounded_and_ascending(engine: &str) {
    let store = fresh(engine).await;
    let ada = player(&store, "Ada").await.player_id;
    commit_one(&store, ada, &trade(Side::Buy, 1, 1)).await;
    for day in [5, 3, 9, 7] {
        write(&store, Day(day), 10).await;
    }
    let points = store.equity_curve(ada, Day(4), Day(8)).await.expect("curve");
    assert_eq!(points.iter().map(|p| p.day.0).collect::<Vec<_>>(), [5, 7]);
    assert_eq!(store.equity_curve(ada + 1, Day(0), Day(9)).await.expect("curve"), []);
}

async fn a_stock_without_a_close_counts_at_its_last_one(engine: &str) {
    let store = fresh(engine).await;
    let ada = player(&store, "Ada").await.player_id;
    for stock in [1, 2] {
        assert!(commit_one(&store, ada, &trade(Side::Buy, stock, 10)).await);
    }
    let later = Day(DAY.0 + 1);
    let closes = [(1, DAY, Price(15_000)), (2, DAY, Price(20_000)), (1, later, Price(16_000))];
    store.save_history(&closes).await.expect("saves");
    write(&store, DAY, 10).await;
    write(&store, later, 10).await;
    let expected = [(DAY.0, 997_000 + 3_500, 997_000), (later.0, 997_000 + 3_600, 997_000)];
    assert_eq!(curve(&store, ada).await, expected);
}

async fn a_player_who_traded_since_a_close_gets_no_row_for_it(engine: &str) {
    let store = fresh(engine).await;
    let (ada, eve) = (player(&store, "Ada").await.player_id, player(&store, "Eve").await.player_id);
    for player_id in [ada, eve] {
        assert!(commit_one(&store, player_id, &trade(Side::Buy, 1, 10)).await);
    }
    // Both traded at `now()`: their value at an earlier close is unknown.
    let before = Some(now().plus_seconds(-1));
    let step = store.snapshot_equity(DAY, before, MinorUnit::Hundredth, 10).await.expect("writes");
    assert_eq!(step, EquityStep { written: 0, is_done: true });
    let later = Day(DAY.0 + 1);
    let step =
        store.snapshot_equity(later, Some(now()), MinorUnit::Hundredth, 10).await.expect("writes");
    assert_eq!(step, EquityStep { written: 2, is_done: true });
    assert_eq!(curve(&store, eve).await, [(later.0, 999_000, 999_000)]);
    let written = async |newest, limit| store.written_equity(newest, limit).await.expect("days");
    assert_eq!(written(later, 9).await, [later, DAY]);
    assert_eq!(written(later, 1).await, [later]);
    assert_eq!(written(DAY, 9).await, [DAY]);
}

async fn the_newest_written_day_is_not_deleted(engine: &str) {
    let store = fresh(engine).await;
    for day in [10, 11, 12] {
        write(&store, Day(day), 10).await;
    }
    let kept = EquityRetention { newest: Day(90), daily_from: Day(50), weekly_from: Day(40) };
    store.roll_up_equity(0, 10, kept).await.expect("rolls up");
    assert_eq!(store.written_equity(Day(90), 9).await.expect("days"), [Day(12)]);
}
