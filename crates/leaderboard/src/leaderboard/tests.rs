//! A leaderboard compared with a plain map, and its properties.

use super::*;
use proptest::prelude::*;
use std::collections::BTreeMap;

fn id() -> impl Strategy<Value = i64> {
    prop_oneof![20 => 1i64..40, 1 => any::<i64>()]
}

fn score() -> impl Strategy<Value = i64> {
    prop_oneof![20 => 0i64..15, 1 => any::<i64>()]
}

fn sorted(model: &BTreeMap<i64, i64>) -> Vec<(i64, i64)> {
    let mut players: Vec<(i64, i64)> = model.iter().map(|(id, score)| (*id, *score)).collect();
    players.sort_by_key(|&(id, score)| (std::cmp::Reverse(score), id));
    players
}

fn assert_equals(board: &Leaderboard, model: &BTreeMap<i64, i64>) {
    let sorted = sorted(model);
    assert_eq!(board.total(), sorted.len() as u64);
    assert_eq!(board.page(0, usize::MAX), sorted);
    for (at, &(id, score)) in sorted.iter().enumerate() {
        assert_eq!(board.rank(id), Some((at as u64 + 1, score)));
        assert_eq!(board.score(id), Some(score));
        let from = at.saturating_sub(5);
        let near = sorted[from..sorted.len().min(at + 6)].to_vec();
        assert_eq!(board.around(id, 5), Some((from as u64 + 1, near)));
    }
}

proptest! {
    #[test]
    fn after_any_operations_the_board_equals_the_sorted_model(
        start in prop::collection::vec((id(), score()), 0..60),
        ops in prop::collection::vec(
            (id(), prop::option::weighted(0.8, score())), 0..150),
    ) {
        let mut model = BTreeMap::new();
        for &(id, score) in &start {
            model.entry(id).and_modify(|known: &mut i64| *known = score.max(*known))
                .or_insert(score);
        }
        let board = Leaderboard::from_scores(start);
        assert_equals(&board, &model);
        for (id, score) in ops {
            match score {
                Some(score) => {
                    let known = model.get(&id).copied();
                    let larger = known.is_none_or(|known| known < score);
                    prop_assert_eq!(board.apply(id, score), larger);
                    model.insert(id, known.map_or(score, |known| known.max(score)));
                }
                None => prop_assert_eq!(board.remove(id), model.remove(&id).is_some()),
            }
        }
        assert_equals(&board, &model);
    }

    #[test]
    fn changes_in_any_order_and_number_give_the_same_board(
        changes in prop::collection::vec((id(), score()), 0..60),
        again in prop::collection::vec(any::<prop::sample::Index>(), 0..30),
    ) {
        let once = Leaderboard::from_scores(changes.iter().copied());
        let board = Leaderboard::default();
        for index in again {
            if !changes.is_empty() {
                let (id, score) = changes[index.index(changes.len())];
                board.apply(id, score);
            }
        }
        for &(id, score) in changes.iter().rev() {
            board.apply(id, score);
        }
        prop_assert_eq!(board.page(0, usize::MAX), once.page(0, usize::MAX));
    }
}

proptest! {
    #[test]
    fn scores_applied_while_players_are_read_are_merged_by_the_larger(
        read in prop::collection::vec((id(), score()), 0..60),
        moved in prop::collection::vec((id(), score()), 0..60),
    ) {
        let board = Leaderboard::default();
        prop_assert!(!board.is_ready());
        for &(id, score) in &moved {
            board.apply(id, score);
        }
        board.fill(Scores::of(read.iter().copied()));
        prop_assert!(board.is_ready());
        let all = Leaderboard::from_scores(read.iter().chain(&moved).copied());
        prop_assert_eq!(board.page(0, usize::MAX), all.page(0, usize::MAX));
        board.replace(read.clone());
        let read = Leaderboard::from_scores(read);
        prop_assert_eq!(board.page(0, usize::MAX), read.page(0, usize::MAX));
    }
}

#[test]
fn an_excluded_player_is_removed_and_a_late_score_is_ignored() {
    let board = Leaderboard::from_scores([(1, 100), (2, 90), (3, 80)]);
    assert!(board.exclude(2) && !board.exclude(2) && !board.exclude(9));
    assert_eq!(board.page(0, 9), [(1, 100), (3, 80)], "rows below move up");
    assert!(!board.apply(2, 500) && !board.apply(9, 500));
    board.replace(vec![(1, 1), (2, 2), (3, 3), (9, 9)]);
    assert_eq!(board.page(0, 9), [(3, 3), (1, 1)]);
    board.fill(Scores::of([(1, 1), (2, 2), (9, 9)]));
    assert_eq!((board.page(0, 9), board.total()), (vec![(3, 3), (1, 1)], 2));
    let building = Leaderboard::default();
    building.apply(1, 5);
    building.exclude(1);
    building.fill(Scores::of([(1, 5), (2, 4)]));
    assert_eq!(building.page(0, 9), [(2, 4)], "excluded while the board was built");
    assert!(!building.apply(1, 6));
}

#[test]
fn a_late_smaller_score_is_ignored() {
    let board = Leaderboard::from_scores([(1, 100), (2, 50)]);
    assert!(!board.apply(1, 40));
    assert!(!board.apply(1, 100));
    assert_eq!(board.rank(1), Some((1, 100)));
}

#[test]
fn an_unlisted_player_has_no_rank() {
    let board = Leaderboard::from_scores([(1, 100)]);
    assert_eq!((board.rank(2), board.score(2)), (None, None));
    assert_eq!(board.around(2, 5), None);
    assert!(!board.remove(2));
}

#[test]
fn the_first_and_the_last_have_neighbors_on_one_side() {
    let board = Leaderboard::from_scores((1..=20).map(|id| (id, 1000 - id)));
    let (first_rank, near) = board.around(1, 2).unwrap();
    assert_eq!((first_rank, near.len()), (1, 3));
    let (first_rank, near) = board.around(20, 2).unwrap();
    assert_eq!((first_rank, near), (18, vec![(18, 982), (19, 981), (20, 980)]));
}

#[test]
fn readers_and_writers_may_come_from_many_threads() {
    let board = Leaderboard::from_scores((0..500).map(|id| (id, 0)));
    std::thread::scope(|scope| {
        for thread in 0..4i64 {
            let board = &board;
            scope.spawn(move || {
                for step in 0..2_000 {
                    board.apply((step * 7 + thread) % 500, step * 4 + thread);
                    let (first_rank, near) = board.around(step % 500, 5).unwrap();
                    assert!(first_rank >= 1 && near.iter().any(|row| row.0 == step % 500));
                }
            });
        }
    });
    let all = board.page(0, usize::MAX);
    assert_eq!(all.len(), 500);
    assert!(all.is_sorted_by_key(|&(id, score)| (std::cmp::Reverse(score), id)));
}
