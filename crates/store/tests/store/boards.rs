//! The data of leaderboards: values of players, rank snapshots, and the tags of changed data.

use domain::*;
use store::*;

use crate::support::*;

on_both_engines! {
    players_are_valued_at_the_given_prices,
    a_rank_snapshot_is_visible_once_finished_and_older_ones_are_deleted,
    a_rank_in_a_snapshot_is_returned_with_the_name,
    an_erased_player_leaves_the_scores_and_a_gap_in_the_rank_snapshot,
    a_change_of_public_data_writes_its_tag,
    old_changes_are_deleted_and_the_newest_stay,
}

const PRICES: &str = "[[1,15000],[2,19999]]";

async fn players_are_valued_at_the_given_prices(engine: &str) {
    let store = fresh(engine).await;
    let mut ids = Vec::new();
    for name in ["Ada", "Eve", "Joy", "Kim"] {
        ids.push(player(&store, name).await.player_id);
    }
    let [ada, eve, joy, kim] = ids[..] else { panic!("four") };
    // A share of stock n costs n dollars; sold-out stocks and stocks without a price count as zero.
    for (who, side, stock) in [
        (ada, Side::Buy, 1),
        (ada, Side::Buy, 2),
        (eve, Side::Buy, 3),
        (joy, Side::Buy, 1),
        (joy, Side::Sell, 1),
    ] {
        assert!(commit_one(&store, who, &trade(side, stock, 10)).await);
    }
    let expected =
        [(ada, 997_000 + 1_500 + 1_999), (eve, 997_000), (joy, 1_000_000), (kim, 1_000_000)];
    let all = store
        .player_values_page(i64::MIN, 10, (PRICES, MinorUnit::Hundredth), &RankingRules::default())
        .await
        .expect("values");
    assert_eq!(all, expected);
    let page = store
        .player_values_page(ada, 2, (PRICES, MinorUnit::Hundredth), &RankingRules::default())
        .await
        .expect("values");
    assert_eq!(page, expected[1..3]);
    let ranked = async |trades_min, notes_min| {
        let ranking = RankingRules { trades_min, notes_min };
        store
            .player_values_page(i64::MIN, 2, (PRICES, MinorUnit::Hundredth), &ranking)
            .await
            .expect("values")
    };
    // Ada and Joy have two trades that count; Eve, who is between them, has one.
    assert_eq!(ranked(2, 0).await, [expected[0], expected[2]]);
    assert_eq!(ranked(3, 0).await, []);
    assert_eq!(ranked(0, 1).await, []);
    let mut some =
        store.player_values(&[joy, ada, 999], PRICES, MinorUnit::Hundredth).await.expect("values");
    some.sort_unstable();
    let xp = store.load_account(1).await.expect("account").total_xp;
    assert_eq!((some[0], some[1].2), ((ada, xp, expected[0].1), 1_000_000));
    let cash_only = store
        .player_values_page(0, 1, ("[]", MinorUnit::Hundredth), &RankingRules::default())
        .await
        .expect("values");
    assert_eq!(cash_only, [(ada, 997_000)]);
}

async fn a_rank_snapshot_is_visible_once_finished_and_older_ones_are_deleted(engine: &str) {
    let store = fresh(engine).await;
    let find = async |kind| store.find_rank_snapshot(kind).await.expect("answers");
    let begin = async |kind, ranks: &[(i64, i64)]| {
        let players = i64::try_from(ranks.len()).expect("few");
        let snapshot = store.begin_rank_snapshot(kind, players, now()).await.expect("begins");
        store.save_ranks(snapshot.snapshot_id, ranks).await.expect("saves");
        snapshot
    };
    let first = begin(BoardKind::Xp, &[(1, 30), (2, 10), (3, 20)]).await;
    assert_eq!(find(BoardKind::Xp).await, None, "not yet");
    store.finish_rank_snapshot(first.snapshot_id).await.expect("finishes");
    assert_eq!(find(BoardKind::Xp).await, Some(first));
    assert_eq!(find(BoardKind::Return).await, None);
    let page = store.ranked_players_page(first.snapshot_id, 1, 2).await.expect("page");
    assert_eq!(page, [10, 20]);
    let rank = store.find_rank(first.snapshot_id, 20).await.expect("answers");
    assert_eq!(rank, Some(3));
    assert_eq!(store.find_rank(first.snapshot_id, 99).await.expect("answers"), None);
    // An unfinished snapshot, and another leaderboard's.
    begin(BoardKind::Xp, &[(1, 10)]).await;
    let other = begin(BoardKind::Return, &[(1, 10)]).await;
    let many: Vec<(i64, i64)> = (1..=4_500).map(|rank| (rank, 10_000 - rank)).collect();
    let third = begin(BoardKind::Xp, &many[..]).await;
    store.finish_rank_snapshot(third.snapshot_id).await.expect("finishes");
    store.finish_rank_snapshot(other.snapshot_id).await.expect("finishes");
    assert_eq!(find(BoardKind::Xp).await, Some(third));
    let mut steps = 0;
    while !store
        .delete_rank_snapshots_before(BoardKind::Xp, third.snapshot_id)
        .await
        .expect("deletes")
    {
        steps += 1;
    }
    assert_eq!(steps, 4, "the ranks and the row of each");
    assert!(store.ranked_players_page(first.snapshot_id, 0, 9).await.expect("page").is_empty());
    let page = store.ranked_players_page(third.snapshot_id, 0, 5_000).await.expect("page");
    assert_eq!(page.len(), 4_500);
    assert_eq!(store.ranked_players_page(other.snapshot_id, 0, 9).await.expect("page"), [10]);
    // Deletion is bounded: thousands of ranks take several steps.
    let mut steps = 0;
    while !store.delete_rank_snapshots_before(BoardKind::Xp, i64::MAX).await.expect("deletes") {
        steps += 1;
    }
    assert_eq!(steps, 4, "2,000, 2,000, 500, and the row");
    assert_eq!(find(BoardKind::Xp).await, None);
}

async fn a_rank_in_a_snapshot_is_returned_with_the_name(engine: &str) {
    let store = fresh(engine).await;
    let (ada, eve) = (player(&store, "Ada").await.player_id, player(&store, "Eve").await.player_id);
    let snapshot = store.begin_rank_snapshot(BoardKind::Xp, 1, now()).await.expect("begins");
    store.save_ranks(snapshot.snapshot_id, &[(17, ada)]).await.expect("saves");
    let shown = store.player_labels(&[ada, eve], snapshot.snapshot_id).await.expect("names");
    assert_eq!((shown[&ada].snapshot_rank, shown[&eve].snapshot_rank), (Some(17), None));
    let shown = store.player_labels(&[ada], 0).await.expect("names");
    assert_eq!(shown[&ada].snapshot_rank, None);
}

async fn an_erased_player_leaves_the_scores_and_a_gap_in_the_rank_snapshot(engine: &str) {
    let store = fresh(engine).await;
    let mut people = Vec::new();
    for name in ["Ada", "Eve", "Joy", "Kim"] {
        people.push(player(&store, name).await);
    }
    let ids: Vec<i64> = people.iter().map(|one| one.player_id).collect();
    let snapshot = store.begin_rank_snapshot(BoardKind::Xp, 4, now()).await.expect("begins");
    let ranks: Vec<(i64, i64)> = (1..).zip(ids.iter().copied()).collect();
    store.save_ranks(snapshot.snapshot_id, &ranks).await.expect("saves");
    let gaps = async || store.erased_ranks(snapshot.snapshot_id).await.expect("answers");
    assert!(gaps().await.is_empty());
    for erased in [&people[2], &people[1]] {
        assert!(store.erase_user(erased.user_id, now().plus_seconds(1)).await.expect("erases"));
    }
    assert_eq!(gaps().await, [2, 3]);
    let left = [ids[0], ids[3]];
    let scores = store.board_scores_page(i64::MIN, 9).await.expect("page");
    assert_eq!(scores.iter().map(|row| row.0).collect::<Vec<_>>(), left);
    let scores = store.board_scores_page(ids[0], 1).await.expect("page");
    assert_eq!(scores, [(ids[3], 0)], "a page is filled although players are left out");
    let values = store
        .player_values_page(i64::MIN, 9, (PRICES, MinorUnit::Hundredth), &RankingRules::default())
        .await
        .expect("page");
    assert_eq!(values.iter().map(|row| row.0).collect::<Vec<_>>(), left);
    let all = store.player_scores_page(i64::MIN, 9).await.expect("page");
    assert_eq!(all.len(), 4, "the ledger is verified for all");
}

async fn a_change_of_public_data_writes_its_tag(engine: &str) {
    let store = fresh(engine).await;
    let (ada, eve) = (player(&store, "Ada").await, player(&store, "Eve").await);
    let mut after = store.newest_tag_change().await.expect("answers");
    let mut noted = async || {
        let changes = store.tag_changes_after(after).await.expect("changes");
        after = changes.last().map_or(after, |change| change.0);
        let mut tags: Vec<String> = changes.into_iter().map(|change| change.1).collect();
        tags.dedup();
        tags
    };
    let tag = |who: &Registered| format!("player:{}", who.player_id);
    let nothing: [String; 0] = [];
    assert_eq!(noted().await, nothing);
    store.change_name(ada.user_id, "Ada L.", now()).await.expect("changes");
    assert_eq!(noted().await, [tag(&ada)]);
    store.change_name(ada.user_id, "Ada L.", now()).await.expect("changes");
    assert_eq!(noted().await, nothing, "the same name");
    for shows in [NameVisibility::Hidden, NameVisibility::Name] {
        let appearance = Appearance { shows, pseudonym: None };
        store.save_appearance(eve.player_id, &appearance).await.expect("saves");
        assert_eq!(noted().await, [tag(&eve)]);
    }
    commit_one(&store, ada.player_id, &trade(Side::Buy, 1, 1)).await;
    assert_eq!(noted().await, nothing, "a trade changes nothing of it");
    store.erase_user(eve.user_id, now()).await.expect("erases");
    let mut tags = noted().await;
    tags.sort_unstable();
    tags.dedup();
    assert_eq!(tags, [format!("erased:{}", eve.player_id), tag(&eve)]);
}

async fn old_changes_are_deleted_and_the_newest_stay(engine: &str) {
    let store = fresh(engine).await;
    let ada = player(&store, "Ada").await;
    for name in ["Bea", "Ada"] {
        store.change_name(ada.user_id, name, now()).await.expect("changes");
    }
    let newest = store.newest_tag_change().await.expect("answers");
    // The tags of the stocks and of the two names.
    assert_eq!(store.tag_changes_after(0).await.expect("changes").len(), 5);
    assert_eq!(store.delete_tag_changes(5, 100).await.expect("deletes"), 0);
    assert_eq!(store.delete_tag_changes(1, 3).await.expect("deletes"), 3);
    assert_eq!(store.delete_tag_changes(1, 3).await.expect("deletes"), 1);
    let left = store.tag_changes_after(0).await.expect("changes");
    assert_eq!(left.iter().map(|change| change.0).collect::<Vec<_>>(), [newest]);
    assert_eq!(store.delete_tag_changes(0, 100).await.expect("deletes"), 1);
    store.change_name(ada.user_id, "Cleo", now()).await.expect("changes");
    let after = store.newest_tag_change().await.expect("answers");
    assert!(after > newest, "no number comes twice");
}
