//! Users registered in bulk equal those registered one by one.

use domain::*;
use store::*;

use crate::support::*;

on_both_engines! {
    users_registered_in_bulk_have_players_chains_and_tokens,
    a_taken_address_rolls_back_the_whole_set,
    unranked_players_are_listed_and_every_node_is_informed,
}

fn people(count: u8) -> Vec<NewPlayer> {
    let person = |number: u8| NewPlayer {
        name: format!("Load {number}"),
        email: format!("load-{number}@example.org"),
        token_hash: [number; 32],
    };
    (1..=count).map(person).collect()
}

fn common() -> NewPlayerDefaults<'static> {
    let token_expires_at = now().plus_seconds(100);
    NewPlayerDefaults {
        password_hash: "$hash",
        token_name: "load",
        token_expires_at,
        is_ranked: true,
    }
}

async fn users_registered_in_bulk_have_players_chains_and_tokens(engine: &str) {
    let store = fresh(engine).await;
    let ada = player(&store, "Ada").await;
    store.register_many(&people(30), &common(), rules(), now()).await.expect("registers");
    store.register_many(&[], &common(), rules(), now()).await.expect("an empty list is valid");
    store.analyze().await.expect("counts");
    assert_eq!(store.player_scores_page(0, 100).await.expect("page").len(), 31);
    for number in 1..=30u8 {
        let hash = [number; 32];
        let found = store.find_sessions(&[hash], now()).await.expect("answers");
        let session = found[&hash];
        let account = store.load_account(session.user_id).await.expect("account");
        assert_eq!(account.player_id, session.player_id);
        assert_eq!(account.email, format!("load-{number}@example.org"));
        assert_eq!(account.name, format!("Load {number}"));
        assert_eq!((account.cash, account.balance_version), (rules().starting_cash, 1));
        let rows = store.transactions_page(session.player_id, None, 50).await.expect("page");
        assert_eq!(rows.len(), 1);
        assert_eq!(rows[0].hash, rows[0].entry.hash(genesis_hash(session.player_id)));
        let later = store.find_sessions(&[hash], now().plus_seconds(100)).await.expect("answers");
        assert!(later.is_empty(), "the token has died");
    }
    let known = store.find_credentials("load-7@example.org").await.expect("answers");
    assert_eq!(known.expect("known").password_hash, "$hash");
    let heads = store.chain_heads_page(ada.player_id, 100).await.expect("heads");
    assert_eq!(heads.len(), 30);
    let session = store.find_sessions(&[[3; 32]], now()).await.expect("answers")[&[3; 32]];
    assert!(commit_one(&store, session.player_id, &trade(Side::Buy, 2, 100)).await);
}

async fn a_taken_address_rolls_back_the_whole_set(engine: &str) {
    let store = fresh(engine).await;
    store.register_many(&people(3), &common(), rules(), now()).await.expect("registers");
    let mut again = people(5);
    again[3].email = "load-1@example.org".to_owned();
    again.drain(..3);
    store.register_many(&again, &common(), rules(), now()).await.expect_err("taken");
    assert_eq!(store.player_scores_page(0, 100).await.expect("page").len(), 3);
}

async fn unranked_players_are_listed_and_every_node_is_informed(engine: &str) {
    let store = fresh(engine).await;
    player(&store, "Ada").await;
    let mut people = people(5);
    let unranked = people.split_off(2);
    store.register_many(&people, &common(), rules(), now()).await.expect("registers");
    assert_eq!(store.unranked_players().await.expect("answers"), Vec::<i64>::new());
    let last = store.newest_tag_change().await.expect("answers");
    let common = NewPlayerDefaults { is_ranked: false, ..common() };
    store.register_many(&unranked, &common, rules(), now()).await.expect("registers");
    let tags = store.tag_changes_after(last).await.expect("answers");
    let tags: Vec<&str> = tags.iter().map(|(_, tag)| tag.as_str()).collect();
    assert_eq!(tags, [UNRANKED_TAG]);
    let players = store.unranked_players().await.expect("answers");
    let mut expected = Vec::new();
    for person in &unranked {
        let found = store.find_sessions(&[person.token_hash], now()).await.expect("answers");
        expected.push(found[&person.token_hash].player_id);
    }
    expected.sort_unstable();
    assert_eq!(players, expected);
    // They trade as others do, and no leaderboard reads them.
    assert!(commit_one(&store, players[0], &trade(Side::Buy, 2, 100)).await);
    let is_unranked = |player_id: i64| players.contains(&player_id);
    let scores = store.board_scores_page(i64::MIN, 100).await.expect("page");
    assert_eq!((scores.len(), scores.iter().any(|row| is_unranked(row.0))), (3, false));
    let all = domain::RankingRules::default();
    let values = store
        .player_values_page(i64::MIN, 100, ("[]", MinorUnit::Hundredth), &all)
        .await
        .expect("page");
    assert_eq!((values.len(), values.iter().any(|row| is_unranked(row.0))), (3, false));
    let changed = store.scores_changed_after(ScoreCursor::default(), 100).await.expect("page");
    assert_eq!(changed.len(), 7, "six openings and a trade");
    assert!(changed.iter().all(|(player_id, xp, _)| xp.is_none() == is_unranked(*player_id)));
}
