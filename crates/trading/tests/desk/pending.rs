//! The execution of pending orders: prices, outcomes, and that an order becomes exactly one trade
//! even if its executor stops between any two steps or runs twice.

use domain::{Day, Money, OrderState, Price, Quantity, Rejection, Side, UnixMicros};
use store::{FillsAt, NewPendingOrder, OrderPlacement, PendingOrder};
use trading::{DeskError, ExecutionRun, Idempotency, TradingConfig};

use crate::fixture::{ENGINES, Fixture, order};
use crate::{CHEAP, buy};

const DAY: Day = Day(12_790);
/// The close, which is not the price of the desk's quotes.
const CLOSE: Price = Price(123_456);

/// Stores an order that fills at the close in a minute.
async fn place(fixture: &Fixture, side: Side, shares: i64) -> PendingOrder {
    let now = fixture.now();
    place_at(fixture, (side, shares), FillsAt::Close(DAY), now.plus_seconds(60)).await
}

async fn place_at(
    fixture: &Fixture,
    (side, shares): (Side, i64),
    at: FillsAt,
    fills_at: UnixMicros,
) -> PendingOrder {
    let new = NewPendingOrder {
        player_id: fixture.player_id,
        order: order(fixture.stock_id, side, shares),
        note: None,
        client_key: None,
        fingerprint: [3; 32],
        request_id: "r1",
        at,
        fills_at,
        expires_at: fills_at.plus_seconds(900),
    };
    match fixture.store().place_order(&new, 2_000, fixture.now()).await.expect("stores") {
        OrderPlacement::Accepted(order) => order,
        other => panic!("{other:?}"),
    }
}

/// Ends the session: its close is public and saved.
async fn close(fixture: &Fixture) {
    fixture.advance_seconds(60);
    let closes = [(fixture.stock_id, DAY, CLOSE)];
    fixture.store().save_history(&closes).await.expect("saves");
}

async fn find(fixture: &Fixture, order: &PendingOrder) -> PendingOrder {
    fixture.store().find_order(order.id).await.expect("reads").expect("there")
}

fn done(ended: u64) -> ExecutionRun {
    ExecutionRun { ended, is_last: true }
}

#[tokio::test]
async fn orders_of_a_session_fill_at_its_close_in_their_order() {
    for engine in ENGINES {
        let fixture = Fixture::open(engine, CHEAP).await;
        let desk = fixture.desk(&TradingConfig::default());
        let mut executor = fixture.executor(&desk);
        let bought = place(&fixture, Side::Buy, 5).await;
        let sold = place(&fixture, Side::Sell, 5).await;
        fixture.advance_seconds(59);
        assert_eq!(executor.run().await.expect("runs"), done(0), "{engine}: not yet");
        fixture.advance_seconds(-59);
        close(&fixture).await;
        let closed_at = fixture.now();
        fixture.advance_seconds(7);
        assert_eq!(executor.run().await.expect("runs"), done(2), "{engine}");
        let entries = fixture.checked_chain().await;
        assert_eq!(entries.len(), 3, "{engine}");
        for (entry, order) in entries[1..].iter().zip([&bought, &sold]) {
            assert_eq!((entry.price, entry.quote_day), (Some(CLOSE), Some(DAY)), "{engine}");
            assert_eq!(entry.quote_as_of, Some(closed_at), "{engine}");
            let order = find(&fixture, order).await;
            assert_eq!(order.state, OrderState::Filled, "{engine}");
            assert_eq!(order.trade, Some(entry.trade_id()), "{engine}");
        }
        assert_eq!(entries[2].cash_after, Money(999_999), "{engine}: 61.728 up, then down");
        assert_eq!(executor.run().await.expect("runs"), done(0), "{engine}: nothing is left");
        assert_eq!(fixture.verify().await.difference, None, "{engine}");
    }
}

#[tokio::test]
async fn what_cannot_be_paid_at_the_close_is_rejected_with_the_reason() {
    for engine in ENGINES {
        let fixture = Fixture::open(engine, CHEAP).await;
        let desk = fixture.desk(&TradingConfig::default());
        // 800 shares cost 8,000.00 at the price of the acceptance and 9,876.48 at the close.
        let (first, second) =
            (place(&fixture, Side::Buy, 800).await, place(&fixture, Side::Buy, 11).await);
        close(&fixture).await;
        assert_eq!(fixture.executor(&desk).run().await.expect("runs"), done(2), "{engine}");
        assert_eq!(find(&fixture, &first).await.state, OrderState::Filled, "{engine}");
        let second = find(&fixture, &second).await;
        assert_eq!(second.state, OrderState::Rejected, "{engine}");
        assert_eq!(second.rejection, Some(Rejection::InsufficientCash), "{engine}");
        assert_eq!(fixture.checked_chain().await.len(), 2, "{engine}");
    }
}

#[tokio::test]
async fn an_order_waits_for_its_price_until_it_expires() {
    for engine in ENGINES {
        let fixture = Fixture::open(engine, CHEAP).await;
        let desk = fixture.desk(&TradingConfig::default());
        let mut executor = fixture.executor(&desk);
        let order = place(&fixture, Side::Buy, 1).await;
        let claimed = place(&fixture, Side::Buy, 1).await;
        fixture.advance_seconds(60 + 900);
        let ids = [claimed.id.order_id];
        assert_eq!(fixture.store().claim_orders(&ids).await.expect("claims").len(), 1);
        assert_eq!(executor.run().await.expect("runs"), done(0), "{engine}");
        assert_eq!(find(&fixture, &order).await.state, OrderState::Pending, "{engine}");
        assert_eq!(find(&fixture, &claimed).await.state, OrderState::Executing, "{engine}");
        fixture.advance_seconds(1);
        assert_eq!(executor.run().await.expect("runs"), done(2), "{engine}");
        for order in [&order, &claimed] {
            let order = find(&fixture, order).await;
            assert_eq!(order.state, OrderState::Expired, "{engine}");
            assert_eq!(order.rejection, Some(Rejection::NoQuote), "{engine}");
        }
        // A close that comes too late is too old to trade at.
        let late = place(&fixture, Side::Buy, 1).await;
        close(&fixture).await;
        fixture.advance_seconds(901);
        assert_eq!(executor.run().await.expect("runs"), done(1), "{engine}");
        let late = find(&fixture, &late).await;
        assert_eq!(late.state, OrderState::Expired, "{engine}");
        assert_eq!(late.rejection, Some(Rejection::StaleQuote), "{engine}");
        assert_eq!(fixture.checked_chain().await.len(), 1, "{engine}");
    }
}

#[tokio::test]
async fn an_order_fills_at_the_first_quote_after_the_one_at_its_acceptance() {
    for engine in ENGINES {
        let fixture = Fixture::open(engine, CHEAP).await;
        let desk = fixture.desk(&TradingConfig::default());
        let mut executor = fixture.executor(&desk);
        let now = fixture.now();
        let order = place_at(&fixture, (Side::Buy, 1), FillsAt::QuoteAfter(now), now).await;
        assert_eq!(executor.run().await.expect("runs"), done(0), "{engine}");
        let next = fixture.publish_quote();
        assert_eq!(executor.run().await.expect("runs"), done(1), "{engine}");
        let entries = fixture.checked_chain().await;
        assert_eq!(entries[1].quote_as_of, Some(next), "{engine}");
        assert_eq!(find(&fixture, &order).await.trade, Some(entries[1].trade_id()), "{engine}");
    }
}

#[tokio::test]
async fn an_order_that_was_claimed_and_not_submitted_is_filled_once() {
    for engine in ENGINES {
        let fixture = Fixture::open(engine, CHEAP).await;
        let desk = fixture.desk(&TradingConfig::default());
        let order = place(&fixture, Side::Buy, 1).await;
        close(&fixture).await;
        let ids = [order.id.order_id];
        assert_eq!(fixture.store().claim_orders(&ids).await.expect("claims").len(), 1);
        assert_eq!(fixture.executor(&desk).run().await.expect("runs"), done(1), "{engine}");
        assert_eq!(find(&fixture, &order).await.state, OrderState::Filled, "{engine}");
        assert_eq!(fixture.checked_chain().await.len(), 2, "{engine}");
    }
}

#[tokio::test]
async fn an_order_that_was_filled_and_not_recorded_is_recorded_even_after_it_would_expire() {
    for engine in ENGINES {
        let fixture = Fixture::open(engine, CHEAP).await;
        let desk = fixture.desk(&TradingConfig::default());
        let order = place(&fixture, Side::Buy, 1).await;
        close(&fixture).await;
        let ids = [order.id.order_id];
        fixture.store().claim_orders(&ids).await.expect("claims");
        // What the executor submits, before it stops.
        let mut request = buy(fixture.player_id, fixture.stock_id, None, 1);
        let key = order.id.execution_key();
        request.idempotency = Some(Idempotency { key, fingerprint: [3; 32] });
        let filled = desk.submit(request).await.expect("responds").outcome.expect("filled");
        // A week later even other keys are forgotten.
        fixture.advance_seconds(7 * 86_400);
        let forgotten = fixture.store().delete_idempotency_before(fixture.now(), 9).await;
        assert_eq!(forgotten.expect("deletes"), 0, "{engine}");
        assert_eq!(fixture.executor(&desk).run().await.expect("runs"), done(1), "{engine}");
        let order = find(&fixture, &order).await;
        assert_eq!(order.state, OrderState::Filled, "{engine}");
        assert_eq!(order.trade, Some(filled.entry.trade_id()), "{engine}");
        assert_eq!(fixture.checked_chain().await.len(), 2, "{engine}");
    }
}

#[tokio::test]
async fn an_order_stays_open_while_the_desk_is_closed() {
    for engine in ENGINES {
        let fixture = Fixture::open(engine, CHEAP).await;
        let desk = fixture.desk(&TradingConfig::default());
        let order = place(&fixture, Side::Buy, 1).await;
        close(&fixture).await;
        desk.close().await;
        assert_eq!(fixture.executor(&desk).run().await.expect("runs"), done(0), "{engine}");
        assert_eq!(find(&fixture, &order).await.state, OrderState::Executing, "{engine}");
        let desk = fixture.desk(&TradingConfig::default());
        assert_eq!(fixture.executor(&desk).run().await.expect("runs"), done(1), "{engine}");
        assert_eq!(fixture.checked_chain().await.len(), 2, "{engine}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_nodes_that_execute_the_same_orders_fill_each_once() {
    for engine in ENGINES {
        let fixture = Fixture::open(engine, CHEAP).await;
        let other = fixture.open_again().await;
        let desks =
            [fixture.desk(&TradingConfig::default()), other.desk(&TradingConfig::default())];
        let mut orders = Vec::new();
        for _ in 0..20 {
            orders.push(place(&fixture, Side::Buy, 1).await);
        }
        close(&fixture).await;
        // Half of them were claimed before a node stopped.
        let ids: Vec<i64> = orders.iter().step_by(2).map(|order| order.id.order_id).collect();
        fixture.store().claim_orders(&ids).await.expect("claims");
        let (mut one, mut two) = (fixture.executor(&desks[0]), other.executor(&desks[1]));
        let mut ended = 0;
        // A run may lose against the other node and leave orders for the next one.
        while ended < 20 {
            let (a, b) = tokio::join!(one.run(), two.run());
            ended += a.map_or(0, |run| run.ended) + b.map_or(0, |run| run.ended);
        }
        assert_eq!(ended, 20, "{engine}: each outcome is recorded once");
        let entries = fixture.checked_chain().await;
        assert_eq!(entries.len(), 21, "{engine}");
        let shares = Quantity::whole(20).expect("few");
        assert_eq!(entries[20].quantity_after, shares, "{engine}");
        for order in &orders {
            assert_eq!(find(&fixture, order).await.state, OrderState::Filled, "{engine}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_cancellations_and_executions_at_once_each_order_gets_one() {
    for engine in ENGINES {
        let fixture = Fixture::open(engine, CHEAP).await;
        let desk = fixture.desk(&TradingConfig::default());
        let (after, now) = (FillsAt::QuoteAfter(fixture.now()), fixture.now());
        let mut orders = Vec::new();
        for _ in 0..20 {
            orders.push(place_at(&fixture, (Side::Buy, 1), after, now).await);
        }
        fixture.publish_quote();
        let cancel = async {
            let mut cancelled = 0;
            for order in orders.iter().rev() {
                let is_cancelled = fixture.store().cancel_order(order.id, fixture.now()).await;
                cancelled += usize::from(is_cancelled.expect("responds"));
            }
            cancelled
        };
        let mut executor = fixture.executor(&desk);
        let (run, cancelled) = tokio::join!(executor.run(), cancel);
        let filled = usize::try_from(run.expect("runs").ended).expect("few");
        assert_eq!(filled + cancelled, 20, "{engine}");
        assert_eq!(fixture.checked_chain().await.len(), 1 + filled, "{engine}");
    }
}

#[tokio::test]
async fn a_key_of_a_pending_order_trades_nothing_and_a_quote_in_error_only_replays() {
    for engine in ENGINES {
        let fixture = Fixture::open(engine, CHEAP).await;
        let desk = fixture.desk(&TradingConfig::default());
        let (player_id, stock_id) = (fixture.player_id, fixture.stock_id);
        let placed = NewPendingOrder {
            player_id,
            order: order(stock_id, Side::Buy, 1),
            note: None,
            client_key: Some("k"),
            fingerprint: [1; 32],
            request_id: "r1",
            at: FillsAt::Close(DAY),
            fills_at: fixture.now().plus_seconds(60),
            expires_at: fixture.now().plus_seconds(960),
        };
        fixture.store().place_order(&placed, 20, fixture.now()).await.expect("stores");
        let request = |key, body, n| buy(player_id, stock_id, Some((key, body)), n);
        let response = desk.submit(request("k", 1, 2)).await;
        assert!(matches!(response, Err(DeskError::KeyOfOrder)), "{engine}: {response:?}");
        let reused = desk.submit(request("k", 2, 3)).await.expect("responds").outcome;
        assert_eq!(reused, Err(Rejection::IdempotencyKeyReused), "{engine}");
        let refused = || Err(Rejection::Contended);
        let responses = desk.submit_at(vec![(request("new", 1, 4), refused())]).await;
        assert_eq!(responses[0].as_ref().expect("responds").outcome, Err(Rejection::Contended));
        let filled = desk.submit(request("new", 1, 5)).await.expect("responds").outcome;
        let responses = desk.submit_at(vec![(request("new", 1, 6), refused())]).await;
        assert_eq!(responses[0].as_ref().expect("responds").outcome, filled, "{engine}");
        assert_eq!(fixture.checked_chain().await.len(), 2, "{engine}");
        let preview = desk.preview(&buy(player_id, stock_id, None, 7)).await.expect("responds");
        assert_eq!(preview, None, "{engine}");
        fixture.refuse(Some(Rejection::PriceInDoubt));
        let preview = desk.preview(&buy(player_id, stock_id, None, 8)).await.expect("responds");
        assert_eq!(preview, Some(Rejection::PriceInDoubt), "{engine}");
        assert_eq!(fixture.checked_chain().await.len(), 2, "{engine}: a preview writes nothing");
    }
}
