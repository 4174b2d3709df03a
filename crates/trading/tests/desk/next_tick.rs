//! Orders with `fill = "next_tick"`, which fill at the first price published after acceptance.

use domain::{Action, EntryKind, Note, Rejection, Side, UnixMicros};
use trading::{DeskError, DeskRequest, OrderResponse};

use crate::fixture::{ENGINES, Fixture, order, poll_once};
use crate::{CHEAP, buy};

fn sell(player_id: i64, stock_id: i64) -> DeskRequest {
    let action = Action::Trade(order(stock_id, Side::Sell, 1), None);
    DeskRequest { action, ..buy(player_id, stock_id, None, 9) }
}

/// When the quote was made that an order filled at.
fn quoted_at(response: &Result<OrderResponse, DeskError>) -> Option<UnixMicros> {
    response.as_ref().expect("answered").outcome.as_ref().expect("filled").entry.quote_as_of
}

#[tokio::test]
async fn an_order_fills_at_the_first_price_after_it_was_accepted() {
    for engine in ENGINES {
        let fixture = Fixture::open(engine, CHEAP).await;
        let desk = fixture.waiting_desk().await;
        let mut waiting =
            Box::pin(desk.submit(buy(fixture.player_id, fixture.stock_id, Some(("once", 1)), 1)));
        assert!(poll_once(waiting.as_mut()).await.is_none());
        let next = fixture.publish_quote();
        let response = waiting.await;
        assert_eq!(quoted_at(&response), Some(next), "{engine}");
        // The same key again waits, too, and is answered as before.
        let again = desk.submit(buy(fixture.player_id, fixture.stock_id, Some(("once", 1)), 2));
        let mut again = Box::pin(again);
        assert!(poll_once(again.as_mut()).await.is_none());
        fixture.publish_quote();
        let again = again.await;
        assert_eq!(quoted_at(&again), Some(next), "{engine}");
        assert_eq!(again.unwrap().first_request_id.as_deref(), Some("r1"), "{engine}");
        assert_eq!(fixture.checked_chain().await.len(), 2, "{engine}");
    }
}

#[tokio::test]
async fn an_order_without_a_new_price_is_refused_after_two_seconds() {
    for engine in ENGINES {
        let fixture = Fixture::open(engine, CHEAP).await;
        let desk = fixture.waiting_desk().await;
        let submitted = tokio::time::Instant::now();
        let response =
            desk.submit(buy(fixture.player_id, fixture.stock_id, None, 1)).await.unwrap();
        assert_eq!(response.outcome, Err(Rejection::StaleQuote), "{engine}");
        assert!(submitted.elapsed().as_secs_f64() >= 2.0, "{engine}");
        assert_eq!(fixture.checked_chain().await.len(), 1, "{engine}");
    }
}

#[tokio::test]
async fn others_of_the_lane_go_on_while_an_order_waits() {
    for engine in ENGINES {
        let fixture = Fixture::open(engine, CHEAP).await.with_players(2).await;
        let desk = fixture.waiting_desk().await;
        let (one, two, stock) = (fixture.players[0], fixture.players[1], fixture.stock_id);
        let mut waiting = Box::pin(desk.submit(buy(one, stock, None, 1)));
        assert!(poll_once(waiting.as_mut()).await.is_none());
        // A stock without a price: nothing is waited for.
        let refused = desk.submit(buy(two, stock + 1, None, 2)).await.unwrap();
        assert_eq!(refused.outcome, Err(Rejection::NoQuote), "{engine}");
        assert!(poll_once(waiting.as_mut()).await.is_none(), "{engine}");
        let next = fixture.publish_quote();
        assert_eq!(quoted_at(&waiting.await), Some(next), "{engine}");
    }
}

#[tokio::test]
async fn orders_of_a_player_keep_their_order() {
    for engine in ENGINES {
        let fixture = Fixture::open(engine, CHEAP).await;
        let desk = fixture.waiting_desk().await;
        let (player, stock) = (fixture.player_id, fixture.stock_id);
        let note = Note::parse("Because.").unwrap();
        let action = Action::Annotate { about_version: 2, stock_id: fixture.stock_id, note };
        let note = DeskRequest { action, ..buy(player, stock, None, 3) };
        // What was sold is what was bought just before, and the note is about that purchase.
        let mut bought = Box::pin(desk.submit(buy(player, stock, None, 1)));
        let mut sold = Box::pin(desk.submit(sell(player, stock)));
        let mut noted = Box::pin(desk.submit(note));
        assert!(poll_once(bought.as_mut()).await.is_none());
        assert!(poll_once(sold.as_mut()).await.is_none());
        assert!(poll_once(noted.as_mut()).await.is_none());
        fixture.publish_quote();
        let responses = tokio::join!(bought, sold, noted);
        assert!(
            [responses.0, responses.1, responses.2].iter().all(|a| a
                .as_ref()
                .unwrap()
                .outcome
                .is_ok())
        );
        let kinds: Vec<EntryKind> =
            fixture.checked_chain().await.iter().map(|entry| entry.kind).collect();
        let expected = [EntryKind::Open, EntryKind::Buy, EntryKind::Sell, EntryKind::Note];
        assert_eq!(kinds, expected, "{engine}");
    }
}

#[tokio::test]
async fn closing_answers_every_order_that_waits() {
    for engine in ENGINES {
        for is_quoted in [true, false] {
            let fixture = Fixture::open(engine, CHEAP).await;
            let desk = fixture.waiting_desk().await;
            let submit = |n| desk.submit(buy(fixture.player_id, fixture.stock_id, None, n));
            let mut accepted: Vec<_> = (0..9).map(|n| Box::pin(submit(n))).collect();
            for waiting in &mut accepted {
                assert!(poll_once(waiting.as_mut()).await.is_none());
            }
            let mut closing = Box::pin(desk.close());
            assert!(poll_once(closing.as_mut()).await.is_none());
            if is_quoted {
                fixture.publish_quote();
            }
            closing.await;
            for waiting in accepted {
                let outcome = waiting.await.unwrap().outcome;
                assert_eq!(outcome.is_ok(), is_quoted, "{engine}");
            }
            assert!(matches!(submit(99).await, Err(DeskError::Closed)), "{engine}");
            let filled = if is_quoted { 9 } else { 0 };
            assert_eq!(fixture.checked_chain().await.len(), 1 + filled, "{engine}");
        }
    }
}
