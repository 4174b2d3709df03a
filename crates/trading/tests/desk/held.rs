//! Players whose rows are locked by another transaction, such as a node that was suspended during a
//! batch: their orders wait in order, and all other orders of the lane are carried out.

use std::time::Duration;

use domain::{Action, Rejection, Side};
use testkit::{FaultProxy, Postgres};
use trading::{OrderResponse, TradingConfig};

use crate::fixture::{Fixture, order, poll_once};
use crate::{buy, filled, submit_all};

const PRICE: i64 = 100_000;
/// Longer than a held order waits.
const PATIENCE: Duration = Duration::from_secs(60);

fn one_lane() -> TradingConfig {
    TradingConfig { lanes: 1, ..TradingConfig::default() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn orders_of_a_held_player_wait_in_order_while_all_others_are_carried_out() {
    let fixture = Fixture::open("postgres", PRICE).await.with_players(5).await;
    let desk = fixture.desk(&one_lane());
    let held = fixture.hold(fixture.player_id).await;
    let submit = |key, n| desk.submit(buy(fixture.player_id, fixture.stock_id, Some((key, 1)), n));
    let mut waiting = Vec::new();
    for (n, key) in (0..).zip(["a", "b", "a", "c"]) {
        waiting.push(Box::pin(submit(key, n)));
        assert!(poll_once(waiting.last_mut().expect("pushed").as_mut()).await.is_none());
    }
    for round in 0..3 {
        let others = fixture.players[1..].iter();
        let requests = others.map(|player| buy(*player, fixture.stock_id, None, 100 + round));
        let responses = submit_all(&[&desk], requests.collect()).await;
        assert_eq!(filled(&responses), 4, "round {round}");
        // A later order of the held player stays behind the others.
        waiting.push(Box::pin(submit(["d", "e", "b"][round as usize], 10 + round)));
        for order in &mut waiting {
            assert!(poll_once(order.as_mut()).await.is_none(), "its player is held");
        }
    }
    drop(held);
    let mut responses = Vec::new();
    for order in waiting {
        responses.push(order.await.expect("answered"));
    }
    let version =
        |response: &OrderResponse| response.outcome.as_ref().expect("filled").entry.version;
    assert_eq!(responses.iter().map(version).collect::<Vec<_>>(), [2, 3, 2, 4, 5, 6, 3]);
    let firsts = responses.iter().map(|response| response.first_request_id.as_deref());
    let firsts: Vec<_> = firsts.collect();
    assert_eq!(firsts, [None, None, Some("r0"), None, None, None, Some("r1")]);
    assert_eq!(fixture.checked_chain().await.len(), 6);
    desk.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_whose_player_stays_held_is_contended_and_its_key_free() {
    let fixture = Fixture::open("postgres", PRICE).await;
    let desk = fixture.desk(&one_lane());
    let held = fixture.hold(fixture.player_id).await;
    let submit = |n| desk.submit(buy(fixture.player_id, fixture.stock_id, Some(("k", 1)), n));
    let response = tokio::time::timeout(PATIENCE, submit(1)).await.expect("in time");
    let contended = OrderResponse { outcome: Err(Rejection::Contended), first_request_id: None };
    assert_eq!(response.expect("answered"), contended);
    drop(held);
    let response = submit(2).await.expect("answered");
    assert!(response.outcome.is_ok() && response.first_request_id.is_none());
    assert_eq!(fixture.checked_chain().await.len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn closing_waits_for_held_orders() {
    let fixture = Fixture::open("postgres", PRICE).await;
    let desk = fixture.desk(&one_lane());
    let held = fixture.hold(fixture.player_id).await;
    let mut waiting = Box::pin(desk.submit(buy(fixture.player_id, fixture.stock_id, None, 1)));
    assert!(poll_once(waiting.as_mut()).await.is_none());
    let mut closing = Box::pin(desk.close());
    assert!(poll_once(closing.as_mut()).await.is_none());
    drop(held);
    closing.await;
    assert!(waiting.await.expect("answered").outcome.is_ok());
}

/// A node that only rejects holds the key of the request, but not its player. On a runtime of one
/// thread all orders are in the queue before the lane takes the first batch.
#[tokio::test]
async fn a_key_that_another_node_holds_delays_no_other_player_of_its_batch() {
    let postgres = Postgres::start();
    let url = postgres.fresh_database();
    let proxy = FaultProxy::start(([127, 0, 0, 1], postgres.port()).into());
    let fixture = Fixture::open_at(&url, PRICE).await.with_players(9).await;
    let stopped = fixture.open_again_at(&proxy.url_through(&url)).await.desk(&one_lane());
    let desk = fixture.desk(&one_lane());
    let sell = |n| {
        let mut request = buy(fixture.player_id, fixture.stock_id, Some(("k", 1)), n);
        request.action = Action::Trade(order(fixture.stock_id, Side::Sell, 1), None);
        request
    };
    proxy.withhold_commits(1);
    let mut lost = Box::pin(stopped.submit(sell(1)));
    assert!(poll_once(lost.as_mut()).await.is_none());
    proxy.withheld(1).await;
    let mut again = Box::pin(desk.submit(sell(2)));
    assert!(poll_once(again.as_mut()).await.is_none());
    let mut others = Vec::new();
    for player in &fixture.players[1..] {
        let request = buy(*player, fixture.stock_id, Some(("k", 1)), 3);
        others.push(Box::pin(desk.submit(request)));
        assert!(poll_once(others.last_mut().expect("pushed").as_mut()).await.is_none());
    }
    for order in others {
        assert!(order.await.expect("answered").outcome.is_ok());
    }
    assert!(poll_once(again.as_mut()).await.is_none(), "its key is held");
    proxy.reset_all();
    for order in [lost, again] {
        let outcome = order.await.expect("answered").outcome;
        assert_eq!(outcome, Err(Rejection::InsufficientQuantity));
    }
}
