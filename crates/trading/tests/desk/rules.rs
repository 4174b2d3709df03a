//! The rules change while orders are settled: every entry names the version that was in force.

use std::sync::Arc;

use domain::{Fee, FillMode, Money};
use trading::{Job, Lane, RulesChange, RulesError, TradingConfig};

use crate::fixture::{ENGINES, Fixture};
use crate::{CHEAP, buy};

/// The versions and fees of the player's trades.
async fn trades(fixture: &Fixture) -> Vec<(Option<i64>, i64)> {
    let chain = fixture.checked_chain().await;
    chain[1..].iter().map(|entry| (entry.rules_version, entry.fee.0)).collect()
}

fn fee(cents: i64) -> Fee {
    Fee { flat: Money(cents), rate_bps: 0 }
}

#[tokio::test]
async fn the_next_order_is_settled_by_the_new_rules() {
    for engine in ENGINES {
        let fixture = Fixture::open(engine, CHEAP).await;
        // Another node, which reads new versions only when orders show that there are any.
        let other = fixture.open_again().await;
        let desks = [&fixture, &other].map(|node| node.desk(&TradingConfig::default()));
        let order = |number| buy(fixture.player_id, fixture.stock_id, None, number);
        for (number, desk) in (1..).zip(&desks) {
            desk.submit(order(number)).await.expect("answered").outcome.expect("filled");
        }
        fixture.change_rules(|rules| rules.fee = fee(7)).await;
        assert_eq!(other.rules.newest().version, 1, "{engine}: it has not read it");
        for (number, desk) in (3..).zip(&desks) {
            desk.submit(order(number)).await.expect("answered").outcome.expect("filled");
        }
        let expected = [(Some(1), 0), (Some(1), 0), (Some(2), 7), (Some(2), 7)];
        assert_eq!(trades(&fixture).await, expected, "{engine}");
        assert_eq!(fixture.verify().await.difference, None, "{engine}");
    }
}

#[tokio::test]
async fn a_batch_that_was_loaded_before_a_change_is_settled_again() {
    for engine in ENGINES {
        let fixture = Fixture::open(engine, CHEAP).await;
        let other = fixture.open_again().await;
        let lane = Lane::new(&TradingConfig::default(), Arc::new(other.desk_deps()), 0);
        let (job, response) = Job::new(buy(fixture.player_id, fixture.stock_id, None, 1));
        let Ok(loaded) = lane.load(vec![job], None).await else { panic!("{engine}: loads") };
        fixture.change_rules(|rules| rules.fee = fee(7)).await;
        let again = lane.commit(lane.settle(loaded)).await;
        assert_eq!(again.len(), 1, "{engine}: nothing was written");
        let Ok(loaded) = lane.load(again, None).await else { panic!("{engine}: loads again") };
        assert!(lane.commit(lane.settle(loaded)).await.is_empty(), "{engine}");
        response.await.expect("answered").expect("an outcome").outcome.expect("filled");
        assert_eq!(trades(&fixture).await, [(Some(2), 7)], "{engine}");
    }
}

#[tokio::test]
async fn the_fill_mode_changes_without_a_restart() {
    for engine in ENGINES {
        let fixture = Fixture::open(engine, CHEAP).await;
        let desk = fixture.desk(&TradingConfig::default());
        let order = |number| buy(fixture.player_id, fixture.stock_id, None, number);
        desk.submit(order(1)).await.expect("answered").outcome.expect("filled");
        fixture.change_rules(|rules| rules.fill = FillMode::NextTick).await;
        let mut waiting = Box::pin(desk.submit(order(2)));
        assert!(crate::poll_once(waiting.as_mut()).await.is_none(), "{engine}");
        let next = fixture.publish_quote();
        let fill = waiting.await.expect("answered").outcome.expect("filled");
        assert_eq!(fill.entry.quote_as_of, Some(next), "{engine}");
        fixture.change_rules(|rules| rules.fill = FillMode::Now).await;
        desk.submit(order(3)).await.expect("answered").outcome.expect("filled");
    }
}

#[tokio::test]
async fn of_two_operators_at_once_one_is_refused_and_changes_nothing() {
    for engine in ENGINES {
        let fixture = Fixture::open(engine, CHEAP).await;
        let other = fixture.open_again().await;
        let newest = fixture.rules.newest();
        let with_fee = |cents| {
            let mut rules = newest.rules.clone();
            rules.fee = fee(cents);
            rules
        };
        let (one, two) = (with_fee(1), with_fee(2));
        let change = |rules| RulesChange {
            rules,
            expected: 1,
            author: "a test",
            reason: "a test",
            effective_from: None,
        };
        let (one, two) =
            tokio::join!(fixture.rules.apply(change(&one)), other.rules.apply(change(&two)));
        let refused = match (one, two) {
            (Ok(_), Err(refused)) | (Err(refused), Ok(_)) => refused,
            both => panic!("{engine}: {both:?}"),
        };
        let is_moved = matches!(refused, RulesError::Moved { expected: 1, newest: 2 });
        assert!(is_moved, "{engine}: {refused}");
        fixture.rules.refresh().await.expect("reads");
        assert_eq!(fixture.rules.newest().version, 2, "{engine}");

        let mut euros = newest.rules.clone();
        euros.currency = domain::Currency::parse("EUR").expect("a currency");
        euros.starting_cash = Money(1);
        let change = RulesChange { expected: 2, ..change(&euros) };
        let refused = fixture.rules.apply(change).await.expect_err("refused").to_string();
        let expected = "currency and starting_cash cannot change in a game that has begun";
        assert_eq!(refused, expected, "{engine}");
    }
}
