//! Accounts: limits under concurrent requests, password changes, one-time links, recovery codes,
//! and the operator's list of users.

use std::sync::Arc;

use domain::StockInfo;
use domain::*;
use store::*;

use crate::support::*;

on_both_engines! {
    concurrent_requests_do_not_exceed_the_token_limit,
    concurrent_requests_do_not_exceed_the_watch_limit,
    a_session_begins_only_with_the_stored_password,
    a_stronger_hash_does_not_restore_an_old_password,
    a_one_time_link_sets_one_password_and_ends_all_sessions,
    a_link_expires_and_a_new_link_replaces_it,
    a_recovery_code_is_used_once_and_new_codes_end_the_old_ones,
    users_are_listed_newest_first_and_found_by_name_or_address,
}

fn token(number: u8, kind: TokenKind) -> NewToken<'static> {
    let later = now().plus_seconds(1_000);
    NewToken { hash: [number; 32], name: "t", kind, idle_expires_at: later, expires_at: later }
}

/// The kinds of a user's valid tokens, newest first.
async fn kinds(store: &Store, user_id: i64) -> Vec<TokenKind> {
    let page = PageRequest::clamped(1, 100, 100);
    let rows = store.tokens_page(user_id, None, now(), page).await.expect("page").0;
    rows.into_iter().map(|row| row.kind).collect()
}

async fn concurrent_requests_do_not_exceed_the_token_limit(engine: &str) {
    let store = Arc::new(fresh(engine).await);
    let ada = player(&store, "Ada").await;
    let create = |number: u8| {
        let store = Arc::clone(&store);
        tokio::spawn(async move {
            let new = token(number, TokenKind::Api);
            store.create_token(ada.user_id, &new, 20, now()).await.expect("answers").is_some()
        })
    };
    let created: Vec<_> = (1..=48).map(create).collect();
    let mut made = 0;
    for one in created {
        made += usize::from(one.await.expect("ends"));
    }
    assert_eq!((made, kinds(&store, ada.user_id).await.len()), (19, 20));
    let session = token(100, TokenKind::Web);
    let opened = store.open_session(ada.user_id, "x", &session, 20, now()).await.expect("answers");
    let left = kinds(&store, ada.user_id).await;
    assert_eq!((opened.is_some(), left.len(), left[0]), (true, 20, TokenKind::Web));
    let sign_in = |number: u8| {
        let store = Arc::clone(&store);
        tokio::spawn(async move {
            let new = token(number, TokenKind::Web);
            store.open_session(ada.user_id, "x", &new, 20, now()).await.expect("answers").is_some()
        })
    };
    let opened: Vec<_> = (101..=125).map(sign_in).collect();
    for one in opened {
        assert!(one.await.expect("ends"));
    }
    assert_eq!(kinds(&store, ada.user_id).await, [TokenKind::Web; 20]);
}

async fn concurrent_requests_do_not_exceed_the_watch_limit(engine: &str) {
    let store = Arc::new(fresh(engine).await);
    let ada = player(&store, "Ada").await.player_id;
    let new = |n| StockInfo { category: "One".to_owned(), ..new_stock(&format!("S{n}")) };
    let stocks: Vec<_> = (0..108).map(new).collect();
    let saved = store.save_stocks(&stocks).await.expect("stocks");
    for stock in &saved[..96] {
        assert!(store.watch(ada, stock.stock_id, now()).await.expect("answers"));
    }
    let watch = |stock: &SavedStock| {
        let (store, stock_id) = (Arc::clone(&store), stock.stock_id);
        tokio::spawn(async move { store.watch(ada, stock_id, now()).await.expect("answers") })
    };
    let watched: Vec<_> = saved[96..].iter().map(watch).collect();
    let mut more = 0;
    for one in watched {
        more += usize::from(one.await.expect("ends"));
    }
    assert_eq!(more, 4);
}

async fn a_session_begins_only_with_the_stored_password(engine: &str) {
    let store = fresh(engine).await;
    let (ada, eve) = (player(&store, "Ada").await, player(&store, "Eve").await);
    let open = async |number, hash: &str| {
        let new = token(number, TokenKind::Web);
        store.open_session(ada.user_id, hash, &new, 50, now()).await.expect("answers").is_some()
    };
    assert!(open(1, "x").await);
    let change = store.change_password(ada.user_id, ("x", "y"), ada.token_id, now()).await;
    assert!(change.expect("answers"));
    assert_eq!(kinds(&store, ada.user_id).await, [TokenKind::Api], "the kept one");
    assert!(!open(2, "x").await, "the old password was compared before it was changed");
    assert!(open(3, "y").await);
    assert!(store.set_password(ada.user_id, "z", now()).await.expect("answers"));
    assert_eq!(kinds(&store, ada.user_id).await, []);
    assert_eq!(kinds(&store, eve.user_id).await, [TokenKind::Api], "another user's");
    assert!(!store.set_password(999, "z", now()).await.expect("answers"));
    assert_eq!(store.revoke_all_tokens(eve.user_id).await.expect("ends"), 1);
}

async fn a_stronger_hash_does_not_restore_an_old_password(engine: &str) {
    let store = fresh(engine).await;
    let ada = player(&store, "Ada").await;
    let stored = async || {
        let known = store.find_credentials("Ada@example.com").await.expect("answers");
        known.expect("is there").password_hash
    };
    store.save_password_hash(ada.user_id, "x", "stronger x").await.expect("answers");
    assert_eq!(stored().await, "stronger x");
    assert!(store.set_password(ada.user_id, "y", now()).await.expect("answers"));
    store.save_password_hash(ada.user_id, "stronger x", "x once more").await.expect("answers");
    assert_eq!(stored().await, "y");
}

async fn a_one_time_link_sets_one_password_and_ends_all_sessions(engine: &str) {
    let store = Arc::new(fresh(engine).await);
    let ada = player(&store, "Ada").await;
    let codes = [(0, "code".to_owned())];
    let saved = store.save_recovery_codes(ada.user_id, "x", &codes, now()).await;
    assert!(saved.expect("answers"));
    let later = now().plus_seconds(9);
    assert!(store.create_password_link(ada.user_id, [5; 32], later, now()).await.expect("answers"));
    for _ in 0..2 {
        let found = store.find_password_link([5; 32], now()).await.expect("answers");
        let expected = PasswordLink { user_id: ada.user_id, name: "Ada".to_owned() };
        assert_eq!(found, Some(expected), "looking does not use it");
    }
    assert_eq!(store.find_password_link([6; 32], now()).await.expect("answers"), None);
    let use_it = |number: u32| {
        let store = Arc::clone(&store);
        tokio::spawn(async move {
            let hash = format!("new {number}");
            store.use_password_link(ada.user_id, [5; 32], &hash, now()).await.expect("answers")
        })
    };
    let used: Vec<_> = (0..8).map(use_it).collect();
    let mut count = 0;
    for one in used {
        count += usize::from(one.await.expect("ends"));
    }
    assert_eq!((count, kinds(&store, ada.user_id).await), (1, vec![]));
    assert_eq!(store.find_password_link([5; 32], now()).await.expect("answers"), None);
    let left = store.count_recovery_codes(ada.user_id).await.expect("answers");
    assert_eq!(left, CodesLeft::default());
}

async fn a_link_expires_and_a_new_link_replaces_it(engine: &str) {
    let store = fresh(engine).await;
    let ada = player(&store, "Ada").await;
    let at = |seconds| now().plus_seconds(seconds);
    let make = async |number: u8| {
        store.create_password_link(ada.user_id, [number; 32], at(9), now()).await.expect("answers")
    };
    let find = async |number: u8, when| {
        store.find_password_link([number; 32], when).await.expect("answers").is_some()
    };
    assert!(make(1).await && make(2).await);
    assert_eq!(
        (find(1, now()).await, find(2, at(8)).await, find(2, at(9)).await),
        (false, true, false)
    );
    let late = store.use_password_link(ada.user_id, [2; 32], "late", at(9)).await;
    assert!(!late.expect("answers"));
    assert_eq!(store.delete_expired_links(at(8), 9).await.expect("deletes"), 0);
    assert_eq!(store.delete_expired_links(at(9), 9).await.expect("deletes"), 1);
    assert!(!store.create_password_link(999, [3; 32], at(9), now()).await.expect("answers"));
    assert!(make(4).await);
    let change = store.change_password(ada.user_id, ("x", "y"), ada.token_id, now()).await;
    assert!(change.expect("answers") && !find(4, now()).await, "any new password ends it");
    assert!(make(5).await && store.erase_user(ada.user_id, now()).await.expect("erases"));
    assert!(!find(5, now()).await);
}

async fn a_recovery_code_is_used_once_and_new_codes_end_the_old_ones(engine: &str) {
    let store = fresh(engine).await;
    let ada = player(&store, "Ada").await;
    let codes = |word: &str| -> Vec<(i64, String)> {
        (0..10).map(|slot| (slot, format!("{word} {slot}"))).collect()
    };
    let save = async |password: &str, word: &str| {
        let saved = store.save_recovery_codes(ada.user_id, password, &codes(word), now()).await;
        saved.expect("answers")
    };
    let find =
        async |slot| store.find_recovery_code("Ada@example.com", slot).await.expect("answers");
    let left = async || store.count_recovery_codes(ada.user_id).await.expect("answers");
    assert!(!save("not it", "old").await && find(3).await.is_none());
    assert!(save("x", "old").await);
    let made_at = Some(now());
    assert_eq!(left().await, CodesLeft { count: 10, made_at });
    let old = find(3).await.expect("is there");
    assert_eq!((old.user_id, old.hash.as_str()), (ada.user_id, "old 3"));
    assert!(save("x", "new").await);
    let used = async |code: &RecoveryCode, slot| {
        store.use_recovery_code(code, slot, "p", now()).await.expect("answers")
    };
    assert!(!used(&old, 3).await, "codes that were made again end the old ones");
    let new = find(3).await.expect("is there");
    assert!(used(&new, 3).await && !used(&new, 3).await);
    assert_eq!((find(3).await.is_none(), left().await.count), (true, 9));
    assert_eq!(kinds(&store, ada.user_id).await, []);
    let change = store.change_password(ada.user_id, ("p", "q"), 1, now()).await;
    assert_eq!((change.expect("answers"), left().await.count), (true, 9), "they stay");
    assert!(store.find_recovery_code("no@example.com", 1).await.expect("answers").is_none());
}

async fn users_are_listed_newest_first_and_found_by_name_or_address(engine: &str) {
    let store = fresh(engine).await;
    let mut ids = Vec::new();
    for name in ["Ada", "ÉVA", "Joy", "Eva"] {
        ids.push(player(&store, name).await.user_id);
    }
    let page = async |search: &str, below, limit| {
        let page = store.users_page(search, below, limit).await.expect("page");
        (page.rows.into_iter().map(|row| row.name).collect::<Vec<_>>(), page.next)
    };
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    assert_eq!(page("", None, 3).await, (names(&["Eva", "Joy", "ÉVA"]), Some(ids[1])));
    assert_eq!(page("", Some(ids[1]), 3).await, (names(&["Ada"]), None));
    assert_eq!(page("éva", None, 9).await, (names(&["Eva", "ÉVA"]), None), "folded");
    assert_eq!(page("JOY@EXAMPLE", None, 9).await, (names(&["Joy"]), None));
    assert_eq!(page("example.com", None, 1).await, (names(&["Eva"]), Some(ids[3])));
    assert_eq!(page("%", None, 9).await, (vec![], None));
    assert_eq!(store.find_user_id("Joy@example.com").await.expect("answers"), Some(ids[2]));
    assert_eq!(store.find_user_id("no@example.com").await.expect("answers"), None);
    let found = store.find_user_details(ids[0], now()).await.expect("answers").expect("is there");
    assert_eq!((found.person.email.as_str(), found.person.role), ("Ada@example.com", Role::Player));
    assert_eq!((found.sessions, found.tokens, found.codes, found.trades), (0, 1, 0, 0));
    assert_eq!((found.cash, found.last_used_at), (rules().starting_cash, Some(now())));
    assert!(store.find_user_details(999, now()).await.expect("answers").is_none());
}
