//! A test of the economy: strategies play 200 sessions through the API on every kind of market. It
//! fails if one of them beats holding the same stocks by more than 2 %, or earns XP without
//! investing. A run follows from its seed: `cargo xtask economy --seed N` repeats one.

#[path = "../common/mod.rs"]
#[expect(dead_code, reason = "the tests use more of it")]
mod common;
mod game;
mod markets;
mod report;
mod strategies;

use std::process::ExitCode;
use std::time::Duration;

use testkit::seconds;
use tokio::time::Instant;

use crate::game::Economy;
use crate::markets::Kind;
use crate::report::{Report, Totals, print};

/// How many seconds `cargo test` plays new seeds, unless `OPENBELL_TEST_SECONDS` is set.
const SECONDS: u64 = 30;
const SESSIONS: u32 = 200;
/// A market's year.
const YEAR_SESSIONS: u32 = 252;
/// In so many sessions the old economy pays a player who follows its ticks.
const PLANTED_SESSIONS: u32 = 90;

/// The arguments of the command line.
#[derive(Default)]
struct Options {
    seed: Option<u64>,
    sessions: Option<u32>,
    kind: Option<Kind>,
    list: bool,
}

fn main() -> ExitCode {
    let options = match parse(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(what) => {
            print(&what);
            return ExitCode::from(2);
        }
    };
    if options.list {
        return ExitCode::SUCCESS;
    }
    match play_all(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            print(&failure);
            ExitCode::FAILURE
        }
    }
}

/// Reads the arguments; those of cargo's own test programs are taken and mean nothing.
fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Options, String> {
    let mut options = Options::default();
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or(format!("{argument} needs a value"));
        match argument.as_str() {
            "--seed" => {
                let text = value()?;
                let seed = text.parse().map_err(|_| format!("{text:?} is not a number"))?;
                options.seed = Some(seed);
            }
            "--sessions" => {
                let text = value()?;
                let sessions = text.parse().map_err(|_| format!("{text:?} is not a number"))?;
                options.sessions = Some(sessions);
            }
            "--market" => {
                let name = value()?;
                let kind = Kind::ALL.into_iter().find(|kind| kind.as_str() == name);
                options.kind = Some(kind.ok_or(format!("{name:?} is no kind of market"))?);
            }
            "--list" => options.list = true,
            _ => {}
        }
    }
    Ok(options)
}

/// The self-test, the year of the XP farmers, and then every market, with new seeds as long as
/// another round fits into the time.
fn play_all(options: &Options) -> Result<(), String> {
    let (began, time) = (Instant::now(), Duration::from_secs(seconds(SECONDS)));
    let first_seed = options.seed.unwrap_or(1);
    let kinds = options.kind.map_or(Kind::ALL.to_vec(), |kind| vec![kind]);
    let sessions = options.sessions.unwrap_or(SESSIONS);
    let is_one = options.seed.is_some() || options.kind.is_some();
    if !is_one {
        find_planted(first_seed)?;
    }
    let mut totals = Totals::default();
    for seed in first_seed.. {
        let round = Instant::now();
        let play = |kind: Kind| move || play_one(|| Economy::open(kind, seed), sessions);
        let mut runs: Vec<_> = kinds.iter().map(|kind| std::thread::spawn(play(*kind))).collect();
        if !is_one && seed == first_seed {
            let farm = move || play_one(|| Economy::farming(seed), YEAR_SESSIONS);
            runs.push(std::thread::spawn(farm));
        }
        for run in runs {
            let report = run.join().map_err(|_| format!("a run of seed {seed} panicked"))?;
            report.print();
            report.check()?;
            totals.add(&report);
        }
        if is_one || began.elapsed() + round.elapsed() >= time {
            break;
        }
    }
    totals.check()
}

/// Plays one game on a runtime of its own.
fn play_one<O: Future<Output = Economy>>(open: impl FnOnce() -> O, sessions: u32) -> Report {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    let runtime = builder.worker_threads(1).enable_all().build().expect("threads");
    runtime.block_on(async { open().await.play(sessions).await })
}

/// Fails unless the test sees what was wrong before prices had fine steps, a bid and an ask.
fn find_planted(seed: u64) -> Result<(), String> {
    let report = play_one(|| Economy::planted(seed), PLANTED_SESSIONS);
    report.print();
    match report.check() {
        Err(failure) if failure.contains("tick chaser") => {
            print(&format!("planted and found: {failure}"));
            Ok(())
        }
        Err(failure) => Err(format!("the planted fault was not found, but: {failure}")),
        Ok(()) => Err("the planted fault, fills at coarse prices, was not found".to_owned()),
    }
}
