//! Pending orders, on both engines: storing, claiming, outcomes.

use domain::*;
use store::*;

use crate::support::*;

on_both_engines! {
    an_order_is_stored_as_placed_and_listed_newest_first,
    a_key_belongs_to_one_order_and_to_no_trade,
    a_player_has_no_more_open_orders_than_allowed,
    either_a_claim_or_a_cancellation_succeeds,
    an_order_at_a_close_is_not_cancelled_once_the_close_is_public,
    one_outcome_is_recorded_from_the_expected_state,
    due_orders_come_in_pages_with_the_close_of_their_session,
    the_keys_of_an_open_order_outlive_all_others,
    ended_orders_are_deleted_in_bounded_steps_and_open_ones_stay,
    an_erasure_deletes_orders_and_prevents_new_ones,
}

const DAY: Day = Day(12_786);

fn at(seconds: i64) -> UnixMicros {
    now().plus_seconds(seconds)
}

pub(crate) fn new(player_id: i64, key: Option<&'static str>) -> NewPendingOrder<'static> {
    let quantity = Quantity::whole(3).expect("few");
    let order = Order { stock_id: 2, side: Side::Buy, quantity };
    NewPendingOrder {
        player_id,
        order,
        note: None,
        client_key: key,
        fingerprint: [7; 32],
        request_id: "r1",
        at: FillsAt::Close(DAY),
        fills_at: at(60),
        expires_at: at(960),
    }
}

async fn place(store: &Store, new: &NewPendingOrder<'_>) -> PendingOrder {
    match store.place_order(new, 20, now()).await.expect("stores") {
        OrderPlacement::Accepted(order) => order,
        other => panic!("{other:?}"),
    }
}

fn outcome(order: &PendingOrder, from: OrderState, state: OrderState) -> OrderOutcome {
    OrderOutcome { order_id: order.id.order_id, from, state, trade: None, rejection: None }
}

async fn state(store: &Store, order: &PendingOrder) -> OrderState {
    store.find_order(order.id).await.expect("reads").expect("there").state
}

async fn an_order_is_stored_as_placed_and_listed_newest_first(engine: &str) {
    let store = fresh(engine).await;
    let ada = player(&store, "Ada").await.player_id;
    let eve = player(&store, "Eve").await.player_id;
    let note = Note::parse("It is cheap.").expect("a note");
    let first = place(&store, &NewPendingOrder { note: Some(&note), ..new(ada, Some("k")) }).await;
    assert_eq!(first.id.player_id, ada);
    assert_eq!((first.symbol.as_str(), first.order), ("KO", new(ada, None).order));
    assert_eq!((first.note.as_deref(), first.fingerprint), (Some("It is cheap."), [7; 32]));
    assert_eq!(
        (first.at, first.fills_at, first.expires_at),
        (FillsAt::Close(DAY), at(60), at(960))
    );
    assert_eq!((first.state, first.accepted_at), (OrderState::Pending, now()));
    assert_eq!((first.ended_at, first.trade, first.rejection), (None, None, None));
    let after = FillsAt::QuoteAfter(at(-100));
    let second = place(&store, &NewPendingOrder { at: after, ..new(ada, None) }).await;
    assert_eq!(second.at, after);
    place(&store, &new(eve, None)).await;
    assert_eq!(store.find_order(first.id).await.expect("reads").as_ref(), Some(&first));
    let stranger = OrderId { player_id: eve, ..first.id };
    assert_eq!(store.find_order(stranger).await.expect("reads"), None);
    let found = store.find_order_by_key(ada, "k").await.expect("reads");
    assert_eq!(found.as_ref(), Some(&first));
    assert_eq!(store.find_order_by_key(eve, "k").await.expect("reads"), None);
    let page = async |below, state, limit| {
        let orders = store.orders_page(ada, below, state, limit).await.expect("reads");
        orders.iter().map(|order| order.id.order_id).collect::<Vec<_>>()
    };
    let (one, two) = (first.id.order_id, second.id.order_id);
    assert_eq!(page(None, None, 9).await, [two, one]);
    assert_eq!(page(None, None, 1).await, [two]);
    assert_eq!(page(Some(two), None, 9).await, [one]);
    assert!(store.cancel_order(first.id, now()).await.expect("cancels"));
    assert_eq!(page(None, Some(OrderState::Pending), 9).await, [two]);
    assert_eq!(page(None, Some(OrderState::Cancelled), 9).await, [one]);
    assert_eq!(page(None, Some(OrderState::Filled), 9).await, Vec::<i64>::new());
    assert_eq!(store.count_open_orders().await.expect("counts"), 2);
}

async fn a_key_belongs_to_one_order_and_to_no_trade(engine: &str) {
    let store = fresh(engine).await;
    let ada = player(&store, "Ada").await.player_id;
    let eve = player(&store, "Eve").await.player_id;
    let first = place(&store, &new(ada, Some("k"))).await;
    let again = store.place_order(&new(ada, Some("k")), 20, at(1)).await.expect("answers");
    assert_eq!(again, OrderPlacement::Known(first));
    place(&store, &new(eve, Some("k"))).await;
    // The desk finds a record with neither entry nor rejection.
    let keys = [(ada, "k".to_owned())];
    let loaded = store.load_batch(&[], &keys, &valuation()).await.expect("loads");
    let seen = &loaded.seen[&keys[0]];
    assert_eq!((seen.version, seen.rejection), (None, None));
    assert_eq!(seen.fingerprint, [7; 32]);
    let mut change = settle_one(&store, ada, &trade(Side::Buy, 2, 1)).await;
    let fill = change.fills[0].clone();
    change.records = vec![IdempotencyRecord {
        key: "traded".to_owned(),
        fingerprint: [7; 32],
        version: Some((fill.entry.month, fill.entry.version)),
        rejection: None,
        request_id: "r2".to_owned(),
    }];
    store.commit_batch(&[change], mark(), now()).await.expect("commits");
    let placed = store.place_order(&new(ada, Some("traded")), 20, now()).await.expect("answers");
    assert_eq!(placed, OrderPlacement::KeyOfTrade);
    assert_eq!(store.orders_page(ada, None, None, 9).await.expect("reads").len(), 1);
}

async fn a_player_has_no_more_open_orders_than_allowed(engine: &str) {
    let store = fresh(engine).await;
    let ada = player(&store, "Ada").await.player_id;
    let tasks = (0..8).map(|_| {
        let store = store.store.clone();
        tokio::spawn(async move {
            loop {
                match store.place_order(&new(ada, None), 3, now()).await {
                    Ok(placed) => return placed,
                    Err(error) => assert!(matches!(error, StoreError::Conflict(_)), "{error}"),
                }
            }
        })
    });
    let (mut accepted, mut refused) = (Vec::new(), 0);
    for task in tasks.collect::<Vec<_>>() {
        match task.await.expect("no panic") {
            OrderPlacement::Accepted(order) => accepted.push(order),
            OrderPlacement::TooMany => refused += 1,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((accepted.len(), refused), (3, 5));
    // A rejected order writes nothing: its key is free.
    let refused = store.place_order(&new(ada, Some("k")), 3, now()).await.expect("answers");
    assert_eq!(refused, OrderPlacement::TooMany);
    let keys = [(ada, "k".to_owned())];
    let loaded = store.load_batch(&[], &keys, &valuation()).await.expect("loads");
    assert!(loaded.seen.is_empty());
    store.cancel_order(accepted[0].id, now()).await.expect("cancels");
    let placed = store.place_order(&new(ada, Some("k")), 3, now()).await.expect("answers");
    assert!(matches!(placed, OrderPlacement::Accepted(_)), "{placed:?}");
}

async fn either_a_claim_or_a_cancellation_succeeds(engine: &str) {
    let store = fresh(engine).await;
    let ada = player(&store, "Ada").await.player_id;
    for _ in 0..10 {
        let order = place(&store, &new(ada, None)).await;
        let ids = [order.id.order_id];
        let (claimed, again, cancelled) = tokio::join!(
            store.claim_orders(&ids),
            store.claim_orders(&ids),
            store.cancel_order(order.id, now()),
        );
        let claims = claimed.expect("answers").len() + again.expect("answers").len();
        let is_cancelled = cancelled.expect("answers");
        assert_eq!(claims + usize::from(is_cancelled), 1);
        let expected = if is_cancelled { OrderState::Cancelled } else { OrderState::Executing };
        assert_eq!(state(&store, &order).await, expected);
    }
}

async fn an_order_at_a_close_is_not_cancelled_once_the_close_is_public(engine: &str) {
    let store = fresh(engine).await;
    let ada = player(&store, "Ada").await.player_id;
    let order = place(&store, &new(ada, None)).await;
    assert!(!store.cancel_order(order.id, at(60)).await.expect("answers"));
    assert!(store.cancel_order(order.id, at(59)).await.expect("answers"));
    assert!(!store.cancel_order(order.id, at(59)).await.expect("answers"), "it has ended");
    let other = OrderId { player_id: ada + 1, ..place(&store, &new(ada, None)).await.id };
    assert!(!store.cancel_order(other, now()).await.expect("answers"));
    let after = FillsAt::QuoteAfter(at(-100));
    let quoted = NewPendingOrder { at: after, fills_at: now(), ..new(ada, None) };
    let quoted = place(&store, &quoted).await;
    assert!(store.cancel_order(quoted.id, at(100)).await.expect("answers"));
}

async fn one_outcome_is_recorded_from_the_expected_state(engine: &str) {
    let store = fresh(engine).await;
    let ada = player(&store, "Ada").await.player_id;
    let order = place(&store, &new(ada, None)).await;
    let trade = Some(TradeId { player_id: ada, month: now().month(), version: 2 });
    let filled =
        OrderOutcome { trade, ..outcome(&order, OrderState::Executing, OrderState::Filled) };
    let end = async |outcome: &OrderOutcome| {
        let ended = store.end_orders(std::slice::from_ref(outcome), at(61)).await;
        ended.expect("answers").len()
    };
    assert_eq!(end(&filled).await, 0, "it is not executing");
    assert_eq!(store.claim_orders(&[order.id.order_id]).await.expect("claims").len(), 1);
    let expired = outcome(&order, OrderState::Pending, OrderState::Expired);
    assert_eq!(end(&expired).await, 0, "it is not pending");
    assert_eq!(end(&filled).await, 1);
    assert_eq!(end(&filled).await, 0, "it has ended");
    let found = store.find_order(order.id).await.expect("reads").expect("there");
    assert_eq!(
        (found.state, found.trade, found.ended_at),
        (OrderState::Filled, trade, Some(at(61)))
    );
    let refused = place(&store, &new(ada, None)).await;
    let rejection = Some(Rejection::InsufficientCash);
    let expired = outcome(&refused, OrderState::Pending, OrderState::Expired);
    assert_eq!(end(&OrderOutcome { rejection, ..expired }).await, 1);
    let found = store.find_order(refused.id).await.expect("reads").expect("there");
    assert_eq!((found.rejection, found.trade), (rejection, None));
}

async fn due_orders_come_in_pages_with_the_close_of_their_session(engine: &str) {
    let store = fresh(engine).await;
    let ada = player(&store, "Ada").await.player_id;
    let mut ids = Vec::new();
    for fills_at in [at(70), at(60), at(60), at(90)] {
        ids.push(place(&store, &NewPendingOrder { fills_at, ..new(ada, None) }).await.id.order_id);
    }
    let due = async |now, after, limit| {
        let orders = store.due_orders(now, after, limit).await.expect("reads");
        orders.into_iter().map(|order| (order.id.order_id, order.close)).collect::<Vec<_>>()
    };
    let first = (UnixMicros(i64::MIN), i64::MIN);
    assert_eq!(due(at(59), first, 9).await, []);
    assert!(!store.has_due_orders(at(59)).await.expect("reads"));
    assert!(store.has_due_orders(at(60)).await.expect("reads"));
    assert_eq!(due(at(60), first, 9).await, [(ids[1], None), (ids[2], None)]);
    store.save_history(&[(2, DAY, Price(21_234)), (1, DAY, Price(5))]).await.expect("saves");
    let close = Some(Price(21_234));
    assert_eq!(due(at(80), first, 2).await, [(ids[1], close), (ids[2], close)]);
    assert_eq!(due(at(80), (at(60), ids[2]), 2).await, [(ids[0], close)]);
    store.claim_orders(&[ids[1]]).await.expect("claims");
    assert_eq!(due(at(60), first, 1).await, [(ids[1], close)], "executing orders are open");
}

async fn the_keys_of_an_open_order_outlive_all_others(engine: &str) {
    let store = fresh(engine).await;
    let ada = player(&store, "Ada").await.player_id;
    let order = place(&store, &new(ada, Some("k"))).await;
    store.claim_orders(&[order.id.order_id]).await.expect("claims");
    let mut change = settle_one(&store, ada, &trade(Side::Buy, 2, 1)).await;
    let fill = change.fills[0].clone();
    let record = |key: String| IdempotencyRecord {
        key,
        fingerprint: [7; 32],
        version: Some((fill.entry.month, fill.entry.version)),
        rejection: None,
        request_id: "r2".to_owned(),
    };
    change.records = vec![record(order.id.execution_key()), record("other".to_owned())];
    store.commit_batch(&[change], mark(), now()).await.expect("commits");
    let delete = async || store.delete_idempotency_before(at(1), 9).await.expect("deletes");
    assert_eq!(delete().await, 1, "that of another request");
    let keys = [(ada, order.id.execution_key()), (ada, "k".to_owned())];
    let loaded = store.load_batch(&[], &keys, &valuation()).await.expect("loads");
    assert_eq!(loaded.seen.len(), 2);
    let filled = outcome(&order, OrderState::Executing, OrderState::Filled);
    store.end_orders(&[filled], at(61)).await.expect("records");
    assert_eq!(delete().await, 2);
}

async fn ended_orders_are_deleted_in_bounded_steps_and_open_ones_stay(engine: &str) {
    let store = fresh(engine).await;
    let ada = player(&store, "Ada").await.player_id;
    let mut orders = Vec::new();
    for _ in 0..4 {
        orders.push(place(&store, &new(ada, None)).await);
    }
    for (order, seconds) in orders.iter().zip([3, 1, 2]) {
        assert!(store.cancel_order(order.id, at(seconds)).await.expect("cancels"));
    }
    let delete = async |before, max| store.delete_ended_orders(before, max).await.expect("deletes");
    assert_eq!(delete(at(3), 1).await, 1);
    assert_eq!(store.find_order(orders[1].id).await.expect("reads"), None, "the oldest");
    assert_eq!(delete(at(3), 9).await, 1);
    assert_eq!(delete(at(100), 9).await, 1);
    assert_eq!(delete(UnixMicros(i64::MAX), 9).await, 0);
    assert_eq!(state(&store, &orders[3]).await, OrderState::Pending);
}

async fn an_erasure_deletes_orders_and_prevents_new_ones(engine: &str) {
    let store = fresh(engine).await;
    let ada = player(&store, "Ada").await;
    let eve = player(&store, "Eve").await;
    let order = place(&store, &new(ada.player_id, None)).await;
    let other = place(&store, &new(eve.player_id, None)).await;
    assert!(store.erase_user(ada.user_id, now()).await.expect("erases"));
    assert_eq!(store.find_order(order.id).await.expect("reads"), None);
    let late = store.place_order(&new(ada.player_id, None), 20, now()).await.expect("answers");
    assert_eq!(late, OrderPlacement::UnknownPlayer);
    assert_eq!(state(&store, &other).await, OrderState::Pending);
}
