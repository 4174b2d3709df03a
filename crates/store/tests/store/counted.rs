//! Which holdings and notes count for achievements, as loaded and stored; `domain` decides what
//! they unlock.

use std::collections::BTreeSet;

use domain::*;
use sqlx::{AssertSqlSafe, Connection as _, Executor as _};
use store::*;

use crate::support::*;

on_both_engines! {
    a_holding_counts_once_it_is_worth_enough_and_was_held_through_a_session,
    the_standing_equals_the_state_loaded_by_the_next_batch,
    a_counted_note_is_loaded_by_the_next_batch,
    a_note_that_was_too_short_counts_once_it_is_extended,
    notes_of_earlier_versions_count,
    note_texts_of_an_erased_user_are_deleted,
    what_limits_depend_on_is_loaded_by_the_next_batch_and_for_the_ticket,
    achievements_with_large_ids_are_stored_beside_what_earlier_versions_write,
}

/// The prices 1.00, 2.00 and 3.00 on a market day; a holding counts from 30.00.
fn on(day: i32) -> Valuation {
    Valuation {
        prices_json: PRICES.into(),
        market_day: Day(day),
        held_before: Day(day - 1),
        sellable_session: None,
        holding_value_min: Money(3_000),
        minor_unit: MinorUnit::Hundredth,
    }
}

async fn load(store: &Store, player_id: i64, day: i32) -> Player {
    let wanted = [LoadKey { player_id, stock_id: Some(1), about_version: None, text_key: None }];
    let mut state = store.load_batch(&wanted, &[], &on(day)).await.expect("loads");
    state.players.remove(&player_id).expect("loaded")
}

async fn a_holding_counts_once_it_is_worth_enough_and_was_held_through_a_session(engine: &str) {
    let store = fresh(engine).await;
    let ada = player(&store, "Ada").await.player_id;
    // Worth 30.00, 60.00 and 27.00, opened on day 12,786.
    for (stock, shares) in [(1, 30), (2, 30), (3, 9)] {
        assert!(commit_one(&store, ada, &trade(Side::Buy, stock, shares)).await);
    }
    let invested = async |day| load(&store, ada, day).await.invested;
    // The same day and the next: the session has not been held through yet.
    for day in [12_786, 12_787] {
        let expected = Invested { stocks: 0, categories: 0, since: Some(Day(12_786)) };
        assert_eq!(invested(day).await, expected, "{day}");
    }
    let later = invested(12_788).await;
    assert_eq!((later.stocks, later.since), (2, Some(Day(12_786))));
    assert_eq!(later.categories.count_ones(), 2, "a bit a category");
    assert_eq!(load(&store, ada, 12_788).await.market_day, Day(12_788));
    assert!(commit_one(&store, ada, &trade(Side::Sell, 1, 1)).await);
    assert_eq!(invested(12_788).await.stocks, 1, "29.00 is too little");
}

async fn the_standing_equals_the_state_loaded_by_the_next_batch(engine: &str) {
    let store = fresh(engine).await;
    let ada = player(&store, "Ada").await.player_id;
    for (stock, shares) in [(1, 30), (2, 30), (3, 30)] {
        assert!(commit_one(&store, ada, &trade(Side::Buy, stock, shares)).await);
    }
    for day in [12_786, 12_788] {
        let loaded = load(&store, ada, day).await;
        let standing = store.load_progress(ada, &on(day), &rules().levels).await.expect("loads");
        assert_eq!(standing.xp, loaded.xp_standing());
        assert_eq!(standing.counts.stocks, loaded.invested.stocks);
        let categories = i64::from(loaded.invested.categories.count_ones());
        assert_eq!(standing.counts.categories, categories);
    }
    let unknown = store.load_progress(ada + 1, &on(12_788), &rules().levels).await;
    unknown.expect_err("no such player");
}

fn buy_with(text: &str) -> Action {
    let Action::Trade(order, _) = trade(Side::Buy, 1, 10) else { unreachable!() };
    Action::Trade(order, Some(Note::parse(text).expect("a note")))
}

fn annotate(about_version: i64, text: &str) -> Action {
    let note = Note::parse(text).expect("a note");
    Action::Annotate { about_version, stock_id: 1, note }
}

/// Commits an action with its note; returns the number of notes counted so far.
async fn commit_note(store: &Store, player_id: i64, action: &Action) -> i64 {
    let mut change = settle_one(store, player_id, action).await;
    let note = match action {
        Action::Trade(_, Some(note)) => (change.fills[0].entry.version, note.clone()),
        Action::Annotate { about_version, note, .. } => (*about_version, note.clone()),
        Action::Trade(_, None) | Action::Award => unreachable!(),
    };
    change.notes.push(note);
    let notes = change.player.notes;
    store.commit_batch(&[change], mark(), now()).await.expect("commits");
    notes
}

async fn a_counted_note_is_loaded_by_the_next_batch(engine: &str) {
    let store = fresh(engine).await;
    let ada = player(&store, "Ada").await.player_id;
    assert_eq!(commit_note(&store, ada, &buy_with("It is cheap today")).await, 1);
    let again = settle_one(&store, ada, &buy_with("it is CHEAP  today")).await.player;
    assert_eq!((again.notes, again.known_texts.len(), again.new_texts.len()), (1, 1, 0));
    assert_eq!(again.holdings[&1].noted_on, Some(Day(12_786)));
    let other = settle_one(&store, ada, &buy_with("Another reason")).await.player;
    assert_eq!((other.notes, other.known_texts.len()), (1, 0), "one for a stock and session");
    let eve = player(&store, "Eve").await.player_id;
    assert_eq!(commit_note(&store, eve, &buy_with("It is cheap today")).await, 1);
}

async fn a_note_that_was_too_short_counts_once_it_is_extended(engine: &str) {
    let store = fresh(engine).await;
    let ada = player(&store, "Ada").await.player_id;
    assert_eq!(commit_note(&store, ada, &buy_with("cheap")).await, 0);
    assert_eq!(commit_note(&store, ada, &annotate(2, "It was cheap")).await, 1);
    let noted_on = load(&store, ada, 12_786).await.holdings[&1].noted_on;
    assert_eq!(noted_on, Some(Day(12_786)), "also by a note that came later");
    let change = settle_one(&store, ada, &annotate(2, "It was very cheap")).await;
    assert_eq!((change.player.noted, change.player.notes), (BTreeSet::from([2]), 1));
}

async fn notes_of_earlier_versions_count(engine: &str) {
    let store = fresh(engine).await;
    let ada = player(&store, "Ada").await.player_id;
    assert!(commit_one(&store, ada, &trade(Side::Buy, 1, 10)).await);
    // As an earlier version writes it, without the column.
    let sql = format!(
        "INSERT INTO trade_notes (player_id, version, text, written_at) VALUES ({ada}, 2, '.', 0)"
    );
    execute(engine, &store.url, &sql).await;
    assert_eq!(commit_note(&store, ada, &annotate(2, "It was very cheap")).await, 0);
}

async fn note_texts_of_an_erased_user_are_deleted(engine: &str) {
    let store = fresh(engine).await;
    let person = player(&store, "Ada").await;
    let ada = person.player_id;
    let text_key = Note::parse("It is cheap today").expect("a note").text_key();
    let is_known = async || {
        let wanted = [LoadKey {
            player_id: ada,
            stock_id: None,
            about_version: None,
            text_key: Some(text_key),
        }];
        let state = store.load_batch(&wanted, &[], &on(12_786)).await.expect("loads");
        state.players[&ada].known_texts.contains(&text_key)
    };
    assert_eq!(commit_note(&store, ada, &buy_with("It is cheap today")).await, 1);
    assert!(is_known().await);
    assert!(store.erase_user(person.user_id, now()).await.expect("erases"));
    assert!(!is_known().await);
}

async fn what_limits_depend_on_is_loaded_by_the_next_batch_and_for_the_ticket(engine: &str) {
    let store = fresh(engine).await;
    let ada = player(&store, "Ada").await.player_id;
    let before = load(&store, ada, 12_790).await;
    assert_eq!((before.session_day, before.session_trades), (Day(0), 0));
    for shares in [30, 2] {
        assert!(commit_one(&store, ada, &trade(Side::Buy, 1, shares)).await);
    }
    let valuation = Valuation { sellable_session: Some(Day(12_789)), ..on(12_790) };
    let progress = store.load_progress(ada, &valuation, &rules().levels).await.expect("loads");
    let expected = LimitStanding {
        portfolio_value: Money(1_000_000),
        session_day: Day(12_786),
        session_trades: 2,
        sellable_session: Some(Day(12_789)),
        ..LimitStanding::default()
    };
    assert_eq!(progress.limits, expected);
    let loaded = load(&store, ada, 12_790).await;
    assert_eq!((loaded.session_day, loaded.session_trades), (Day(12_786), 2));
    assert_eq!(loaded.holdings[&1].bought_on, Day(12_786));
    let position = store.load_position(ada, 1).await.expect("loads");
    assert_eq!(position.bought_on, Day(12_786));
    // As an earlier version leaves them.
    let holdings =
        format!("UPDATE holdings SET opened_on = 12700, bought_on = NULL WHERE player_id = {ada}");
    execute(engine, &store.url, &holdings).await;
    let players = format!(
        "UPDATE players SET session_day = NULL, session_trades = NULL WHERE player_id = {ada}"
    );
    execute(engine, &store.url, &players).await;
    let loaded = load(&store, ada, 12_790).await;
    assert_eq!((loaded.session_day, loaded.session_trades), (Day(0), 0));
    assert_eq!(loaded.holdings[&1].bought_on, Day(12_700));
    let position = store.load_position(ada, 1).await.expect("loads");
    assert_eq!(position.bought_on, Day(12_700));
}

async fn achievements_with_large_ids_are_stored_beside_what_earlier_versions_write(engine: &str) {
    let store = fresh(engine).await;
    let ada = player(&store, "Ada").await.player_id;
    let mut change = settle_one(&store, ada, &trade(Side::Buy, 1, 30)).await;
    for id in [62, 63, 5_000, AchievementSet::ID_MAX] {
        assert!(change.player.achievements.insert(id));
    }
    let unlocked = change.player.achievements.clone();
    store.commit_batch(&[change], mark(), now()).await.expect("commits");
    assert_eq!(load(&store, ada, 12_790).await.achievements, unlocked);
    let heads = store.chain_heads_page(ada - 1, 1).await.expect("loads");
    assert_eq!(heads[0].achievements, unlocked);
    // An earlier version writes the mask only.
    let sql =
        format!("UPDATE players SET achievements = achievements + 32 WHERE player_id = {ada}");
    execute(engine, &store.url, &sql).await;
    let mut both = unlocked;
    both.insert(5);
    assert_eq!(load(&store, ada, 12_790).await.achievements, both);
}

async fn execute(engine: &str, url: &str, sql: &str) {
    let sql = AssertSqlSafe(sql.to_owned());
    let done = match engine {
        "sqlite" => {
            let mut outside = sqlx::SqliteConnection::connect(url).await.expect("connects");
            outside.execute(sql).await.map(|done| done.rows_affected())
        }
        _ => {
            let mut outside = sqlx::PgConnection::connect(url).await.expect("connects");
            outside.execute(sql).await.map(|done| done.rows_affected())
        }
    };
    assert_eq!(done.expect("carried out"), 1);
}
