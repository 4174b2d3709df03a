//! The desk on real stores: concurrent orders, idempotency keys, and the responses of a desk that
//! is full, closed or one of several. `fixture` opens the games.

mod awards;
mod fixture;
mod held;
mod lost_commit;
mod next_tick;
mod pending;
mod pressure;
mod rules;

use std::collections::BTreeSet;

use domain::{Action, EntryKind, Money, Note, Outcome, Quantity, Rejection, Side};
use fixture::{ENGINES, Fixture, order, poll_once};
use testkit::ManualClock;
use tokio::task::JoinSet;
use trading::{Desk, DeskError, DeskRequest, Idempotency, OrderResponse, TradingConfig};

/// Of the starting cash, 10,000.00, 60 shares can be bought at this price.
const DEAR: i64 = 1_666_600;
const CHEAP: i64 = 100_000;

fn buy(player_id: i64, stock_id: i64, key: Option<(&str, u8)>, number: u32) -> DeskRequest {
    let idempotency = key.map(|(key, fingerprint)| Idempotency {
        key: key.to_owned(),
        fingerprint: [fingerprint; 32],
    });
    let action = Action::Trade(order(stock_id, Side::Buy, 1), None);
    DeskRequest { player_id, action, idempotency, request_id: format!("r{number}") }
}

/// Submits all at once; returns the responses in the order of the requests.
async fn submit_all(desks: &[&Desk], requests: Vec<DeskRequest>) -> Vec<OrderResponse> {
    let mut tasks = JoinSet::new();
    for (number, request) in requests.into_iter().enumerate() {
        let desk = desks[number % desks.len()].clone();
        tasks.spawn(async move { (number, desk.submit(request).await.expect("answered")) });
    }
    let mut responses = tasks.join_all().await;
    responses.sort_by_key(|(number, _)| *number);
    responses.into_iter().map(|(_, response)| response).collect()
}

fn filled(responses: &[OrderResponse]) -> usize {
    responses.iter().filter(|response| response.outcome.is_ok()).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_100_purchases_at_once_exactly_the_60_with_cash_are_filled() {
    for engine in ENGINES {
        let fixture = Fixture::open(engine, DEAR).await;
        let desk = fixture.desk(&TradingConfig { batch_max: 16, ..TradingConfig::default() });
        let requests =
            (0..100).map(|n| buy(fixture.player_id, fixture.stock_id, None, n)).collect();
        let responses = submit_all(&[&desk], requests).await;
        assert_eq!(filled(&responses), 60, "{engine}");
        let refused: Vec<&Outcome> =
            responses.iter().map(|response| &response.outcome).filter(|o| o.is_err()).collect();
        assert_eq!(refused, [&Err(Rejection::InsufficientCash); 40], "{engine}");
        desk.close().await;
        let entries = fixture.checked_chain().await;
        assert_eq!(entries.len(), 61, "{engine}");
        assert_eq!(entries[60].cash_after, Money(1_000_000 - 60 * DEAR / 100), "{engine}");
        assert_eq!(entries[60].quantity_after, Quantity::whole(60).unwrap(), "{engine}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_sent_16_times_at_once_trades_once() {
    for engine in ENGINES {
        // In one batch, and in many.
        for batch_max in [512, 3] {
            let fixture = Fixture::open(engine, CHEAP).await;
            let desk = fixture.desk(&TradingConfig { batch_max, ..TradingConfig::default() });
            let request = |n| buy(fixture.player_id, fixture.stock_id, Some(("once", 7)), n);
            let responses = submit_all(&[&desk], (0..16).map(request).collect()).await;
            let first = &responses.iter().find(|a| a.first_request_id.is_none()).unwrap().outcome;
            assert!(first.is_ok() && responses.iter().all(|a| a.outcome == *first), "{engine}");
            let firsts: Vec<&OrderResponse> =
                responses.iter().filter(|a| a.first_request_id.is_none()).collect();
            assert_eq!(firsts.len(), 1, "{engine}");
            let named: BTreeSet<&String> =
                responses.iter().filter_map(|a| a.first_request_id.as_ref()).collect();
            assert_eq!(named.len(), 1, "{engine}");
            assert_eq!(fixture.checked_chain().await.len(), 2, "{engine}");
        }
    }
}

#[tokio::test]
async fn a_key_with_another_body_is_reused_and_does_nothing() {
    for engine in ENGINES {
        let fixture = Fixture::open(engine, CHEAP).await;
        let desk = fixture.desk(&TradingConfig::default());
        let request = |key, body, n| buy(fixture.player_id, fixture.stock_id, Some((key, body)), n);
        let reused = Err(Rejection::IdempotencyKeyReused);
        desk.submit(request("k", 1, 1)).await.unwrap().outcome.expect("filled");
        assert_eq!(desk.submit(request("k", 2, 2)).await.unwrap().outcome, reused, "{engine}");
        // The same within one batch.
        let both = vec![request("l", 1, 3), request("l", 2, 4)];
        let responses = submit_all(&[&desk], both).await;
        assert_eq!(filled(&responses), 1, "{engine}");
        assert!(responses.iter().any(|response| response.outcome == reused), "{engine}");
        // It was not kept: the first body still has its response.
        let again = desk.submit(request("k", 1, 5)).await.unwrap();
        assert!(again.outcome.is_ok(), "{engine}");
        assert_eq!(again.first_request_id.as_deref(), Some("r1"), "{engine}");
        assert_eq!(fixture.checked_chain().await.len(), 3, "{engine}");
    }
}

#[tokio::test]
async fn a_refusal_is_replayed_even_when_it_would_be_filled_now() {
    for engine in ENGINES {
        let fixture = Fixture::open(engine, CHEAP).await;
        let desk = fixture.desk(&TradingConfig::default());
        let mut request = buy(fixture.player_id, fixture.stock_id, Some(("sell", 1)), 1);
        request.action = Action::Trade(order(fixture.stock_id, Side::Sell, 1), None);
        let refused = Err(Rejection::InsufficientQuantity);
        let first = desk.submit(request.clone()).await.unwrap();
        assert_eq!(first, OrderResponse { outcome: refused.clone(), first_request_id: None });
        let bought = desk.submit(buy(fixture.player_id, fixture.stock_id, None, 2)).await.unwrap();
        assert!(bought.outcome.is_ok(), "{engine}");
        let again =
            desk.submit(DeskRequest { request_id: "r3".to_owned(), ..request }).await.unwrap();
        let expected = OrderResponse { outcome: refused, first_request_id: Some("r1".to_owned()) };
        assert_eq!(again, expected, "{engine}");
    }
}

#[tokio::test]
async fn a_refusal_that_may_pass_is_not_kept_and_the_same_request_is_filled_later() {
    for engine in ENGINES {
        let fixture = Fixture::open(engine, CHEAP).await;
        let desk = fixture.desk(&TradingConfig::default());
        for rejection in Rejection::ALL.into_iter().filter(|rejection| !rejection.is_final()) {
            let key = rejection.code();
            let request = |n| buy(fixture.player_id, fixture.stock_id, Some((key, 1)), n);
            fixture.refuse(Some(rejection));
            let refused = OrderResponse { outcome: Err(rejection), first_request_id: None };
            assert_eq!(desk.submit(request(1)).await.unwrap(), refused, "{engine}: {key}");
            // Also of two at once, which are settled in one batch.
            let both = submit_all(&[&desk], vec![request(2), request(3)]).await;
            assert_eq!(both, [refused.clone(), refused], "{engine}: {key}");
            fixture.refuse(None);
            let filled = desk.submit(request(4)).await.unwrap();
            assert!(filled.outcome.is_ok() && filled.first_request_id.is_none(), "{engine}: {key}");
            fixture.refuse(Some(rejection));
            let again = desk.submit(request(5)).await.unwrap();
            assert_eq!(again.outcome, filled.outcome, "{engine}: {key}: the fill is kept");
            assert_eq!(again.first_request_id.as_deref(), Some("r4"), "{engine}: {key}");
            fixture.refuse(None);
        }
        let filled = Rejection::ALL.into_iter().filter(|rejection| !rejection.is_final()).count();
        assert_eq!(fixture.checked_chain().await.len(), 1 + filled, "{engine}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_desks_on_one_player_leave_one_gapless_chain() {
    let fixture = Fixture::open("postgres", CHEAP).await;
    let other = fixture.open_again().await;
    let config = TradingConfig { batch_max: 8, attempts_max: 16, ..TradingConfig::default() };
    let (one, two) = (fixture.desk(&config), other.desk(&config));
    let requests = (0..400).map(|n| buy(fixture.player_id, fixture.stock_id, None, n)).collect();
    let responses = submit_all(&[&one, &two], requests).await;
    let others = responses.iter().filter_map(|response| response.outcome.as_ref().err());
    assert!(others.into_iter().all(|rejection| *rejection == Rejection::Contended));
    let entries = fixture.checked_chain().await;
    let filled = filled(&responses);
    assert_eq!(entries.len(), 1 + filled);
    let shares = i64::try_from(filled).unwrap();
    let last = &entries[filled];
    assert_eq!(last.quantity_after, Quantity::whole(shares).unwrap());
    assert_eq!(last.cash_after, Money(1_000_000 - shares * CHEAP / 100));
    let versions: BTreeSet<i64> =
        responses.iter().filter_map(|a| Some(a.outcome.as_ref().ok()?.entry.version)).collect();
    assert_eq!(versions.len(), filled, "every response names a trade of its own");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_sent_to_two_desks_at_once_trades_once() {
    let fixture = Fixture::open("postgres", CHEAP).await;
    let other = fixture.open_again().await;
    let config = TradingConfig { attempts_max: 16, ..TradingConfig::default() };
    let (one, two) = (fixture.desk(&config), other.desk(&config));
    let request = |n| buy(fixture.player_id, fixture.stock_id, Some(("once", 7)), n);
    let responses = submit_all(&[&one, &two], (0..16).map(request).collect()).await;
    assert_eq!(filled(&responses), 16);
    assert_eq!(responses.iter().filter(|a| a.first_request_id.is_none()).count(), 1);
    assert_eq!(fixture.checked_chain().await.len(), 2);
}

// On a runtime of one thread a lane does not run before the test waits, so it is known what is in
// its queue.
#[tokio::test]
async fn a_full_lane_turns_orders_away() {
    let fixture = Fixture::open("sqlite", CHEAP).await;
    let desk = fixture.desk(&TradingConfig { queue_max: 2, ..TradingConfig::default() });
    let submit = |n| desk.submit(buy(fixture.player_id, fixture.stock_id, None, n));
    let (one, two, three) = tokio::join!(submit(1), submit(2), submit(3));
    assert!(one.unwrap().outcome.is_ok() && two.unwrap().outcome.is_ok());
    assert!(matches!(three, Err(DeskError::Full { retry_after_s: 1 })));
    assert!(submit(4).await.unwrap().outcome.is_ok(), "there is room again");
}

#[tokio::test]
async fn closing_answers_everything_accepted_and_accepts_nothing_more() {
    for engine in ENGINES {
        let fixture = Fixture::open(engine, CHEAP).await;
        let desk = fixture.desk(&TradingConfig { batch_max: 4, ..TradingConfig::default() });
        let submit = |n| desk.submit(buy(fixture.player_id, fixture.stock_id, None, n));
        let mut accepted: Vec<_> = (0..20).map(|n| Box::pin(submit(n))).collect();
        for waiting in &mut accepted {
            assert!(poll_once(waiting.as_mut()).await.is_none());
        }
        assert!(desk.is_open());
        desk.close().await;
        assert!(!desk.is_open());
        for waiting in accepted {
            assert!(waiting.await.unwrap().outcome.is_ok(), "{engine}");
        }
        assert!(matches!(submit(99).await, Err(DeskError::Closed)));
        desk.close().await;
        assert_eq!(fixture.checked_chain().await.len(), 21, "{engine}");
    }
}

#[tokio::test]
async fn an_order_whose_client_left_is_traded_all_the_same() {
    for engine in ENGINES {
        let fixture = Fixture::open(engine, CHEAP).await;
        let desk = fixture.desk(&TradingConfig::default());
        let mut left = Box::pin(desk.submit(buy(fixture.player_id, fixture.stock_id, None, 1)));
        assert!(poll_once(left.as_mut()).await.is_none());
        drop(left);
        desk.close().await;
        assert_eq!(fixture.checked_chain().await.len(), 2, "{engine}");
        assert_eq!(fixture.published(), [2], "{engine}");
    }
}

#[tokio::test]
async fn a_note_comes_with_its_trade_and_can_be_replaced() {
    for engine in ENGINES {
        let fixture = Fixture::open(engine, CHEAP).await;
        let desk = fixture.desk(&TradingConfig::default());
        let note = |text: &str| Note::parse(text).unwrap();
        let mut request = buy(fixture.player_id, fixture.stock_id, None, 1);
        let why = Some(note("It is cheap."));
        request.action = Action::Trade(order(fixture.stock_id, Side::Buy, 1), why);
        let fill = desk.submit(request.clone()).await.unwrap().outcome.expect("filled");
        let id = fill.entry.trade_id();
        assert_eq!(fixture.note_of(id).await.as_deref(), Some("It is cheap."), "{engine}");
        // Two about one trade in one batch: the last one stands, and neither is a first note.
        let annotate = |n, text: &str| {
            let (about_version, stock_id) = (fill.entry.version, fixture.stock_id);
            let action = Action::Annotate { about_version, stock_id, note: note(text) };
            let request_id = format!("r{n}");
            desk.submit(DeskRequest { action, request_id, ..request.clone() })
        };
        let (one, two) = tokio::join!(annotate(2, "It was cheap."), annotate(3, "I guessed."));
        for (response, version) in [(one, 3), (two, 4)] {
            let entry = response.unwrap().outcome.expect("kept").entry;
            assert_eq!((entry.kind, entry.version), (EntryKind::Note, version), "{engine}");
            assert_eq!(entry.about_version, Some(id.version), "{engine}");
        }
        assert_eq!(fixture.note_of(id).await.as_deref(), Some("I guessed."), "{engine}");
        fixture.checked_chain().await;
    }
}

#[tokio::test]
async fn a_trade_is_explained_once_however_many_notes_it_gets() {
    for engine in ENGINES {
        let fixture = Fixture::open(engine, CHEAP).await;
        let desk = fixture.desk(&TradingConfig::default());
        let request = buy(fixture.player_id, fixture.stock_id, None, 1);
        let trade = desk.submit(request.clone()).await.unwrap().outcome.expect("filled").entry;
        let annotate = || {
            let note = Note::parse("Because of this.").unwrap();
            let (about_version, stock_id) = (trade.version, fixture.stock_id);
            let action = Action::Annotate { about_version, stock_id, note };
            desk.submit(DeskRequest { action, ..request.clone() })
        };
        let (one, two) = tokio::join!(annotate(), annotate());
        assert!(one.unwrap().outcome.is_ok() && two.unwrap().outcome.is_ok(), "{engine}");
        // And a third one in a later batch, by a client independent of the others.
        assert!(annotate().await.unwrap().outcome.is_ok(), "{engine}");
        assert_eq!(fixture.notes().await, 1, "{engine}");
    }
}

#[tokio::test]
async fn an_unknown_player_is_no_rejection() {
    for engine in ENGINES {
        let fixture = Fixture::open(engine, CHEAP).await;
        let desk = fixture.desk(&TradingConfig::default());
        let unknown = desk.submit(buy(fixture.player_id + 1, fixture.stock_id, None, 1)).await;
        assert!(matches!(unknown, Err(DeskError::UnknownPlayer)), "{engine}");
    }
}

#[tokio::test]
async fn a_panic_costs_its_batch_and_not_the_lane() {
    let fixture = Fixture::open("sqlite", CHEAP).await;
    let desk = fixture.desk(&TradingConfig::default());
    fixture.panic_at_next_quote();
    let request = |n| buy(fixture.player_id, fixture.stock_id, None, n);
    assert!(matches!(desk.submit(request(1)).await, Err(DeskError::Lost)));
    assert!(desk.submit(request(2)).await.unwrap().outcome.is_ok());
    assert_eq!(fixture.checked_chain().await.len(), 2);
}

#[tokio::test]
async fn orders_are_filled_after_the_clock_stepped_back_and_break_no_seal() {
    for engine in ENGINES {
        let fixture = Fixture::open(engine, CHEAP).await;
        let desk = fixture.desk(&TradingConfig::default());
        let fill = async |number| {
            let request = buy(fixture.player_id, fixture.stock_id, None, number);
            desk.submit(request).await.expect("answered").outcome.expect("filled").entry
        };
        assert_eq!(fill(1).await.created_at, fixture.now(), "{engine}");
        fixture.advance_seconds(3_600);
        let clock = ManualClock::at(fixture.now());
        let made = archive::seal(fixture.store(), None, &clock).await.expect("seals");
        let cut_at = made.expect("the first one").cut_at;
        fixture.advance_seconds(-7_200);
        assert_eq!(fill(2).await.created_at.0, cut_at + 1, "{engine}");
        let report = archive::verify_seals(fixture.store(), None, 1).await.expect("readable");
        assert!(report.holds() && report.recomputed == 1, "{engine}: {report}");
        fixture.advance_seconds(7_200);
        assert_eq!(fill(3).await.created_at, fixture.now(), "{engine}");
        assert_eq!(fixture.checked_chain().await.len(), 4, "{engine}");
    }
}
