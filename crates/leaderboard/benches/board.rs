//! What a board of one and of ten million players costs: building, pages, ranks, updates and
//! bytes a player. It measures the structure alone, with no database, no HTTP and no contention;
//! `openbell load board` measures the whole.

use std::hint::black_box;
use std::time::Duration;

use criterion::{BatchSize, BenchmarkId, Criterion};
use leaderboard::Board;

/// A splitmix64 sequence: the same players on every run.
struct Sequence(u64);

impl Sequence {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % bound
    }

    fn player(&mut self, players: u64) -> i64 {
        self.below(players).cast_signed() + 1
    }
}

/// Players by id, as the database gives them, with scores of a long-running game: many low, few
/// high, many equal.
fn scores(players: u64) -> Vec<(i64, i64)> {
    let mut sequence = Sequence(7);
    (1..=players.cast_signed())
        .map(|id| {
            let reach = sequence.below(1_000_000) + 1;
            (id, sequence.below(reach).cast_signed())
        })
        .collect()
}

#[expect(clippy::print_stdout, reason = "the figure is part of the bench's report")]
fn report_memory(board: &Board, players: u64, when: &str) {
    let tenths = board.memory_bytes() as u64 * 10 / players;
    println!("board/memory/{players} {when}: {}.{} bytes a player", tenths / 10, tenths % 10);
}

fn measure(criterion: &mut Criterion, players: u64) {
    let mut group = criterion.benchmark_group("board");
    group.sample_size(10).warm_up_time(Duration::from_millis(500));
    let size = |name: &str| BenchmarkId::new(name, players);
    let input = scores(players);

    group.bench_function(size("build"), |bencher| {
        bencher.iter_batched(|| input.clone(), Board::from_scores, BatchSize::PerIteration);
    });

    // Kept beside the board, so that an update's new score costs one look and not a rank.
    let mut known: Vec<i64> = input.iter().map(|(_, score)| *score).collect();
    let board = Board::from_scores(input);
    report_memory(&board, players, "as built");
    let mut sequence = Sequence(8);
    group.sample_size(50).measurement_time(Duration::from_secs(3));
    group.bench_function(size("rank"), |bencher| {
        bencher.iter(|| black_box(board.rank(sequence.player(players))));
    });
    group.bench_function(size("page_of_50"), |bencher| {
        bencher.iter(|| black_box(board.page(sequence.below(players), 50)));
    });
    group.bench_function(size("around_5"), |bencher| {
        bencher.iter(|| black_box(board.around(sequence.player(players), 5)));
    });
    group.bench_function(size("update"), |bencher| {
        bencher.iter(|| {
            let player = sequence.player(players);
            let score = &mut known[usize::try_from(player - 1).unwrap_or(0)];
            *score += sequence.below(200).cast_signed() + 1;
            black_box(board.apply(player, *score))
        });
    });
    group.bench_function(size("update_known"), |bencher| {
        bencher.iter(|| black_box(board.apply(sequence.player(players), 0)));
    });
    report_memory(&board, players, "after the updates");
    group.finish();
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    for players in [1_000_000, 10_000_000] {
        measure(&mut criterion, players);
    }
    criterion.final_summary();
}
