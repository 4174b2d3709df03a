//! Measures the leaderboards of a game of any size: building from a real database, reads and score
//! changes, alone and during writes, a whole valuation, and bytes a player. The same queries run in
//! SQL, with and without an index, and on Redis's sorted set; the results must agree. It asserts no
//! speed and measures no HTTP, which `openbell load board` does.
//!
//! `cargo bench -p leaderboard --bench boards -- [--players N] [--engine sqlite|postgres]
//! [--reads N] [--rounds N]`. PostgreSQL and Redis are temporary servers with their defaults;
//! SQLite
//! is queried by the program `sqlite3`.

mod game;
mod redis;
mod times;

use std::io::Write as _;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use domain::Clock as _;
use game::{Game, PRICES_JSON, TimedRows};
use leaderboard::{Leaderboard, LeaderboardBuilder, ReturnValuation};
use redis::BenchRedis;
use testkit::ManualClock;
use times::{Sequence, Times, memory, rate, reset_peak, tenths};
use tokio::time::Instant;

type BenchError = Box<dyn std::error::Error + Send + Sync>;

/// Rows of a page, and rows on either side of one's own.
const PAGE_ROWS: u64 = 50;
const EACH_SIDE: u32 = 5;
/// Queries in SQL without an index and with one: a page takes seconds.
const SLOW_ASKS: usize = 5;
const INDEXED_ASKS: usize = 20;
/// The pause between reads during a round of valuation.
const PAUSE: Duration = Duration::from_millis(1);

struct Options {
    players: u64,
    engine: String,
    reads: usize,
    /// Rounds of valuation; the second one runs during reads.
    rounds: usize,
}

#[tokio::main]
async fn main() -> ExitCode {
    let done = match options() {
        Ok(options) => run(&options).await,
        Err(error) => Err(error),
    };
    if let Err(error) = done {
        print_line(&format!("error: {error}"));
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

fn options() -> Result<Options, BenchError> {
    let mut options =
        Options { players: 1_000_000, engine: "postgres".to_owned(), reads: 200_000, rounds: 2 };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        if word == "--bench" {
            continue;
        }
        let value = words.next().ok_or_else(|| format!("{word} has no value"))?;
        match word.as_str() {
            "--players" => options.players = value.parse()?,
            "--engine" => options.engine = value,
            "--reads" => options.reads = value.parse()?,
            "--rounds" => options.rounds = value.parse()?,
            _ => return Err(format!("unknown argument {word}").into()),
        }
    }
    Ok(options)
}

fn print_line(text: &str) {
    let mut out = std::io::stdout().lock();
    // A closed pipe is ignored.
    let _ = writeln!(out, "{text}").and_then(|()| out.flush());
}

async fn run(options: &Options) -> Result<(), BenchError> {
    let directory = tempfile::tempdir()?;
    let (engine, began) = (&options.engine, Instant::now());
    let game = Game::make(engine, options.players, directory.path()).await?;
    let took = began.elapsed();
    print_line(&format!("{engine}, {} players, made in {took:.1?}\n", options.players));
    print_line("| what | found |\n|---|---|");
    let board = build(&game, options.players).await?;
    let known = board.page(0, usize::MAX);
    value(&game, options).await?;
    print_line("\n| question | way | p50, p99, max |\n|---|---|---|");
    compare_sql(&game, &board, &known)?;
    compare_redis(options, &board, &known)?;
    measure_board(options, &board, &known);
    Ok(())
}

/// Builds the board of experience.
async fn build(game: &Game, players: u64) -> Result<Arc<Leaderboard>, BenchError> {
    reset_peak()?;
    let (before, began) = (memory("VmRSS"), Instant::now());
    let board = Arc::new(Leaderboard::default());
    let mut builder = LeaderboardBuilder::new(ManualClock::new().now());
    while !builder.step(&game.store).await? {}
    let read = began.elapsed();
    builder.finish(&board).await?;
    let took = began.elapsed();
    let (held, most) = (memory("VmRSS") - before, memory("VmHWM") - before);
    if board.total() != players {
        return Err(format!("{} players were built", board.total()).into());
    }
    let sorted = took - read;
    let rate = rate(players, took);
    print_line(&format!("| built | {took:.1?}, {rate} players/s, of it sorting {sorted:.1?} |"));
    let a_player = |bytes: u64| tenths(bytes * 10 / players);
    print_line(&format!(
        "| memory of the board | {} bytes a player by its own count; resident {}, {} at most \
         while it was built |",
        a_player(board.memory_bytes() as u64),
        a_player(held),
        a_player(most)
    ));
    Ok(board)
}

/// Values all players; the second time during reads.
async fn value(game: &Game, options: &Options) -> Result<(), BenchError> {
    let (board, players) = (Arc::new(Leaderboard::default()), options.players);
    for is_read in [false, true].into_iter().take(options.rounds) {
        let is_over = Arc::new(AtomicBool::new(false));
        let reading = is_read.then(|| {
            let (board, is_over) = (Arc::clone(&board), Arc::clone(&is_over));
            tokio::spawn(async move { read_until(&board, &is_over).await })
        });
        let began = Instant::now();
        let (unit, ranking) = (domain::MinorUnit::default(), domain::RankingRules::default());
        let mut round = ReturnValuation::new(PRICES_JSON.into(), unit, ranking);
        while !round.step(&game.store).await? {}
        let read = began.elapsed();
        round.finish(&board).await?;
        let took = began.elapsed();
        is_over.store(true, Ordering::Relaxed);
        let (sorted, rate) = (took - read, rate(players, took));
        let round = format!("{took:.1?}, {rate} players/s, of it sorting {sorted:.1?}");
        match reading {
            None => print_line(&format!("| a round of valuation | {round} |")),
            Some(reading) => {
                let times = reading.await?;
                print_line(&format!("| the same, with a page read every ms | {round} |"));
                print_line(&format!("| pages meanwhile: p50, p99, max | {times} |"));
            }
        }
    }
    if options.rounds > 0 {
        let bytes = tenths(board.memory_bytes() as u64 * 10 / players);
        print_line(&format!("| memory of the board by return | {bytes} bytes a player |"));
    }
    Ok(())
}

async fn read_until(board: &Leaderboard, is_over: &AtomicBool) -> Times {
    let (mut times, mut sequence) = (Vec::new(), Sequence(3));
    while !is_over.load(Ordering::Relaxed) {
        let began = Instant::now();
        board.page(sequence.below(board.total()), 50);
        times.push(began.elapsed());
        tokio::time::sleep(PAUSE).await;
    }
    Times::new(times)
}

fn print_times(question: &str, way: &str, times: &Times) {
    print_line(&format!("| {question} | {way} | {times} |"));
}

/// A random offset.
fn random_offset(sequence: &mut Sequence, known: &[(i64, i64)]) -> u64 {
    sequence.below(known.len() as u64)
}

fn at(known: &[(i64, i64)], place: u64) -> (i64, i64) {
    usize::try_from(place).ok().and_then(|place| known.get(place)).copied().unwrap_or_default()
}

/// Reads pages and ranks by SQL, and compares them with the board's.
fn compare_sql(game: &Game, board: &Leaderboard, known: &[(i64, i64)]) -> Result<(), BenchError> {
    let mut sequence = Sequence(5);
    for (count, with) in [(SLOW_ASKS, "no index"), (INDEXED_ASKS, "an index")] {
        if count == INDEXED_ASKS {
            let began = Instant::now();
            game.make_index()?;
            let took = began.elapsed();
            print_line(&format!(
                "| | SQL, making an index on experience and player | {took:.1?} |"
            ));
        }
        let offsets: Vec<u64> = (0..count).map(|_| random_offset(&mut sequence, known)).collect();
        let pages = game.pages(&offsets)?;
        for (offset, page) in offsets.iter().zip(&pages) {
            let ours = board.page(*offset, 50);
            let ours: Vec<String> = ours.iter().map(|(id, xp)| format!("{id}|{xp}")).collect();
            must_agree("page", *offset, &ours, &page.rows)?;
        }
        print_times("page of 50", &format!("SQL, OFFSET, {with}"), &times(&pages));
        let places: Vec<u64> = (0..count).map(|_| random_offset(&mut sequence, known)).collect();
        let players: Vec<(i64, i64)> = places.iter().map(|place| at(known, *place)).collect();
        let ranks = game.ranks(&players)?;
        for ((place, player), rank) in places.iter().zip(&players).zip(&ranks) {
            let ours = board.rank(player.0).map(|(rank, _)| (rank - 1).to_string());
            must_agree("rank", *place, ours.as_slice(), &rank.rows)?;
        }
        print_times("rank", &format!("SQL, count(*), {with}"), &times(&ranks));
    }
    Ok(())
}

fn times(results: &[TimedRows]) -> Times {
    Times::new(results.iter().map(|result| result.took).collect())
}

fn must_agree(what: &str, at: u64, ours: &[String], theirs: &[String]) -> Result<(), BenchError> {
    if ours == theirs {
        return Ok(());
    }
    Err(format!("the {what} at {at} is {ours:?} and not {theirs:?}").into())
}

/// Queries a sorted set of the same players, and compares the scores of its pages with the board's:
/// it orders equal scores by name.
fn compare_redis(
    options: &Options,
    board: &Leaderboard,
    known: &[(i64, i64)],
) -> Result<(), BenchError> {
    let (mut redis, mut sequence) = (BenchRedis::open()?, Sequence(6));
    let (before, began) = (redis.memory()?, Instant::now());
    redis.load(known)?;
    let took = began.elapsed();
    let bytes = tenths((redis.memory()? - before) * 10 / options.players);
    print_line(&format!("| | Redis, loading | {took:.1?}, {bytes} bytes a player |"));
    for _ in 0..100 {
        let offset = random_offset(&mut sequence, known);
        let theirs = redis.page(offset, PAGE_ROWS)?;
        let theirs: Vec<String> = theirs.chunks(2).map(|row| row[1].clone()).collect();
        let ours = board.page(offset, 50);
        let ours: Vec<String> = ours.iter().map(|(_, xp)| xp.to_string()).collect();
        must_agree("scores", offset, &ours, &theirs)?;
    }
    let count = options.reads / 4;
    let pages =
        Times::of_fallible(count, || redis.page(random_offset(&mut sequence, known), PAGE_ROWS))?;
    print_times("page of 50", "Redis, ZREVRANGE", &pages);
    let ranks =
        Times::of_fallible(count, || redis.rank(at(known, random_offset(&mut sequence, known)).0))?;
    print_times("rank", "Redis, ZREVRANK", &ranks);
    let updates = Times::of_fallible(count, || {
        let (id, xp) = at(known, random_offset(&mut sequence, known));
        redis.update(id, xp + sequence.below(200).cast_signed() + 1)
    })?;
    print_times("update", "Redis, ZADD", &updates);
    Ok(())
}

/// Reads the board, alone and while another thread moves players without a pause.
fn measure_board(options: &Options, board: &Leaderboard, known: &[(i64, i64)]) {
    let mut sequence = Sequence(7);
    let measure = |way: &str, sequence: &mut Sequence| {
        let random_offset = |sequence: &mut Sequence| at(known, random_offset(sequence, known)).0;
        let total = board.total();
        let pages = Times::of(options.reads, || board.page(sequence.below(total), 50));
        print_times("page of 50", way, &pages);
        print_times("rank", way, &Times::of(options.reads, || board.rank(random_offset(sequence))));
        let around = Times::of(options.reads, || board.around(random_offset(sequence), EACH_SIDE));
        print_times("around 5", way, &around);
    };
    measure("the board", &mut sequence);
    let mut movers = Movers { known: known.to_owned(), sequence: Sequence(8) };
    print_times("update", "the board", &Times::of(options.reads, || movers.step(board)));
    let is_over = AtomicBool::new(false);
    let (moves, took) = std::thread::scope(|scope| {
        let writing = scope.spawn(|| {
            let (mut moves, began) = (Vec::new(), Instant::now());
            while !is_over.load(Ordering::Relaxed) {
                let began = Instant::now();
                movers.step(board);
                moves.push(began.elapsed());
            }
            (moves, began.elapsed())
        });
        measure("the board, while one moves players", &mut sequence);
        is_over.store(true, Ordering::Relaxed);
        writing.join().unwrap_or_default()
    });
    let rate = rate(moves.len() as u64, took);
    print_times(
        "update",
        &format!("the board, beside one reader ({rate} a second)"),
        &Times::new(moves),
    );
    let bytes = tenths(board.memory_bytes() as u64 * 10 / options.players);
    print_line(&format!("| | the board, after all moves | {bytes} bytes a player |"));
}

/// Players who gain experience. Their scores are kept here, so that a move costs no question.
struct Movers {
    known: Vec<(i64, i64)>,
    sequence: Sequence,
}

impl Movers {
    fn step(&mut self, board: &Leaderboard) -> bool {
        let place = usize::try_from(self.sequence.below(self.known.len() as u64)).unwrap_or(0);
        let (id, xp) = &mut self.known[place];
        *xp += self.sequence.below(200).cast_signed() + 1;
        board.apply(*id, *xp)
    }
}
