//! The leaderboard with chunks of their real length compared with a plain sorted set, over enough
//! players and changes that chunks halve, drain and merge. The unit tests do the same with tiny
//! chunks and every kind of number.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use leaderboard::Leaderboard;

const PLAYERS: u64 = 20_000;

/// A splitmix64 sequence: the same on every run.
struct Sequence(u64);

impl Sequence {
    fn below(&mut self, bound: u64) -> i64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((mixed ^ (mixed >> 31)) % bound).cast_signed()
    }
}

fn assert_equals(board: &Leaderboard, model: &BTreeMap<i64, i64>) {
    let sorted: BTreeSet<(Reverse<i64>, i64)> =
        model.iter().map(|(id, score)| (Reverse(*score), *id)).collect();
    let sorted: Vec<(i64, i64)> = sorted.into_iter().map(|(Reverse(s), id)| (id, s)).collect();
    assert_eq!(board.total(), sorted.len() as u64);
    let mut paged = Vec::new();
    while paged.len() < sorted.len() {
        let page = board.page(paged.len() as u64, 100);
        assert!(!page.is_empty());
        paged.extend(page);
    }
    assert_eq!(paged, sorted);
    for (at, (id, score)) in sorted.iter().enumerate() {
        assert_eq!(board.rank(*id), Some((at as u64 + 1, *score)));
    }
}

#[test]
fn players_who_climb_leave_and_join_rank_as_in_a_sorted_set() {
    let mut sequence = Sequence(1);
    let mut model: BTreeMap<i64, i64> =
        (1..=PLAYERS.cast_signed()).map(|id| (id, sequence.below(500))).collect();
    let board = Leaderboard::from_scores(model.clone());
    assert_equals(&board, &model);
    for _ in 0..60_000 {
        let id = sequence.below(PLAYERS * 2);
        let score = model.get(&id).copied().unwrap_or(0) + sequence.below(300) + 1;
        assert!(board.apply(id, score));
        model.insert(id, score);
    }
    assert_equals(&board, &model);
    for _ in 0..60_000 {
        let id = sequence.below(PLAYERS * 2);
        assert_eq!(board.remove(id), model.remove(&id).is_some());
    }
    assert_equals(&board, &model);
}

#[test]
fn memory_is_given_back_when_players_leave_and_stays_small_when_they_climb() {
    let count = 100_000i64;
    let board = Leaderboard::from_scores((1..=count).map(|id| (id, id % 977)));
    let bytes_max = 32 * 100_000;
    assert!(board.memory_bytes() < bytes_max);
    let mut sequence = Sequence(2);
    for step in 0..200_000 {
        board.apply(sequence.below(100_000) + 1, 1_000 + step / 3);
    }
    assert!(board.memory_bytes() < bytes_max, "{} bytes", board.memory_bytes());
    for id in 1..=count {
        assert!(board.remove(id));
    }
    assert_eq!(board.total(), 0);
    assert!(board.memory_bytes() < bytes_max / 50, "{} bytes", board.memory_bytes());
}
