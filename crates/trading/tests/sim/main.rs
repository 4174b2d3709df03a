//! A seeded simulation of several nodes on one store: version races, new rules and awards, crashes
//! between any two phases, clocks that jump, a faulty market, clients that repeat themselves. The
//! same seed gives the same run (on SQLite); `cargo xtask sim --seed N --steps M` repeats one. With
//! `--engine failing` it runs on a PostgreSQL that crashes with COMMITs in flight; other faults of
//! a database are not simulated.

mod account;
mod canary;
mod client;
mod database;
mod ending;
mod game;
mod judge;
mod market;
mod node;
mod reasons;
mod rng;
mod simulation;
mod trace;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::time::Duration;

use testkit::seconds;
use tokio::time::Instant;

use crate::canary::Break;
use crate::simulation::Run;
use crate::trace::{Counts, Trace, print_line};

/// Seeds that once found something. They are run before all others.
const REGRESSIONS: [u64; 0] = [];
/// How long `cargo test` tries new seeds by default.
const SECONDS: u64 = 30;
const STEPS: u64 = 400;
const SQLITE: &str = "sqlite";
/// A PostgreSQL of the run's own that fails; and for how many steps `cargo test` runs on it.
pub(crate) const FAILING: &str = "failing";
const FAILING_STEPS: u64 = 300;

/// The options of the command line.
#[derive(Default)]
struct SimOptions {
    seed: Option<u64>,
    steps: Option<u64>,
    engine: Option<String>,
    planted: Option<Break>,
    trace: bool,
    list: bool,
}

fn main() -> ExitCode {
    let options = match read(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(what) => {
            print_line(&what);
            return ExitCode::from(2);
        }
    };
    if options.list {
        return ExitCode::SUCCESS;
    }
    let engine = options.engine.unwrap_or_else(|| SQLITE.to_owned());
    let (steps, planted) = (options.steps.unwrap_or(STEPS), options.planted);
    let one = options.seed.is_some() || options.steps.is_some() || planted.is_some();
    let result = if one {
        let seed = options.seed.unwrap_or(1);
        try_run(&Run { seed, steps, engine, planted }, options.trace).map(|(counts, _)| counts)
    } else {
        run_all(&engine, options.trace)
    };
    match result {
        Ok(counts) => {
            print_line(&format!("simulated {counts}"));
            ExitCode::SUCCESS
        }
        Err(failure) => {
            print_line(&failure);
            ExitCode::FAILURE
        }
    }
}

/// Reads the arguments; those of cargo's own test programs are taken and mean nothing.
fn read(mut arguments: impl Iterator<Item = String>) -> Result<SimOptions, String> {
    let mut options = SimOptions::default();
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or(format!("{argument} needs a value"));
        let number = |text: String| text.parse().map_err(|_| format!("{text:?} is not a number"));
        match argument.as_str() {
            "--seed" => options.seed = Some(number(value()?)?),
            "--steps" => options.steps = Some(number(value()?)?),
            "--trace" => options.trace = true,
            "--list" => options.list = true,
            "--engine" => match value()? {
                engine if [SQLITE, "postgres", FAILING].contains(&engine.as_str()) => {
                    options.engine = Some(engine);
                }
                other => return Err(format!("{other:?} is not sqlite, postgres or failing")),
            },
            "--break" => {
                let name = value()?;
                let found = Break::ALL.into_iter().find(|planted| planted.as_str() == name);
                options.planted = Some(found.ok_or(format!("{name:?} cannot be planted"))?);
            }
            _ => {}
        }
    }
    Ok(options)
}

/// What `cargo test` runs: that runs repeat, that the judge sees, and then seeds for a while.
fn run_all(engine: &str, trace: bool) -> Result<Counts, String> {
    let run = |seed| Run { seed, steps: STEPS, engine: engine.to_owned(), planted: None };
    let mut counts = Counts::default();
    if engine == SQLITE {
        let (_, one) = try_run(&run(1), trace)?;
        let (_, two) = try_run(&run(1), false)?;
        if one != two {
            return Err("seed 1 gave two different runs".to_owned());
        }
    }
    for planted in Break::ALL {
        find_planted(&Run { planted: Some(planted), ..run(1) }, planted)?;
    }
    for seed in REGRESSIONS {
        counts.add(&try_run(&run(seed), trace)?.0);
    }
    if engine == SQLITE {
        let failing = Run { steps: FAILING_STEPS, engine: FAILING.to_owned(), ..run(1) };
        counts.add(&try_run(&failing, trace)?.0);
    }
    let (began, time) = (Instant::now(), Duration::from_secs(seconds(SECONDS)));
    for seed in 1.. {
        counts.add(&try_run(&run(seed), trace)?.0);
        if began.elapsed() >= time {
            break;
        }
    }
    if counts.awards == 0 {
        return Err("no player was awarded anything".to_owned());
    }
    Ok(counts)
}

/// Fails unless the judge finds what is planted in this run.
fn find_planted(run: &Run, planted: Break) -> Result<(), String> {
    let name = planted.as_str();
    match try_run(run, false) {
        Err(failure) if failure.contains(planted.finding()) => {
            print_line(&format!("planted and found: {name}"));
            Ok(())
        }
        Err(failure) => Err(format!("{name} was planted, but this was found:\n{failure}")),
        Ok(_) => Err(format!("{name} was planted in seed {} and not found", run.seed)),
    }
}

/// One run: its counts and a digest of its trace, or the report of its failure.
fn try_run(run: &Run, print: bool) -> Result<(Counts, u64), String> {
    let trace = Trace::new(print);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| format!("no runtime: {error}"))?;
    let ended =
        catch_unwind(AssertUnwindSafe(|| runtime.block_on(Box::pin(simulation::run(run, &trace)))));
    let what = match ended {
        Ok(Ok(())) => return Ok((trace.counts(), trace.digest())),
        Ok(Err(what)) => what,
        Err(_) => "a panic; its message stands above".to_owned(),
    };
    let Run { seed, steps, engine, planted } = run;
    let planted = planted.map_or(String::new(), |p| format!(" --break {}", p.as_str()));
    let engine = if engine == SQLITE { String::new() } else { format!(" --engine {engine}") };
    Err(format!(
        "the last steps:\n{}\n\nFAILED with seed {seed} at step {}: {what}\n\
         again with: cargo xtask sim --seed {seed} --steps {steps}{engine}{planted}",
        trace.last_steps(),
        trace.counts().steps + 1,
    ))
}
