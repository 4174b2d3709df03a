//! Measures the cost of a durable trade in four ways: a row lock per trade, the original's
//! optimistic versions, one guarded statement, and Openbell's desk; for many players and for one;
//! on both engines; with PostgreSQL's `pgbench` for comparison. Each trade writes player, holding
//! and ledger. After each cell the bench fails unless the ledger has every accepted trade and
//! explains all cash. It asserts no speed.
//!
//! `cargo bench -p store --bench trade -- [--engine sqlite|postgres|both] [--seconds S] [--players
//! N] [--concurrency C] [--runs R] [--lanes L] [--only NAME] [--postgres URL]`. `--only` selects
//! cells by a part of their name. The URL is of an empty database of a superuser; without it, a
//! temporary cluster is started.

#[macro_use]
mod rows;
#[macro_use]
mod database;
mod cell;
mod game;
mod meters;
mod options;
mod pgbench;
mod sql;
mod table;
mod ways;

use std::io::Write as _;
use std::process::ExitCode;

use cell::{Cell, Load, Measured};
use database::Database;
use meters::Meters;
use options::Options;
use ways::Way;

type BenchError = Box<dyn std::error::Error + Send + Sync>;

/// Workers of one player, and workers that show batching under more load.
const POPULAR_WORKERS: usize = 100;
const MANY_WORKERS: usize = 1000;
const PGBENCH: &str = "pgbench TPC-B";

#[tokio::main]
async fn main() -> ExitCode {
    let done = match Options::read(std::env::args().skip(1)) {
        Ok(options) => run(&options).await,
        Err(error) => Err(error.into()),
    };
    if let Err(error) = done {
        say_aside(&format!("error: {error}"));
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

async fn run(options: &Options) -> Result<(), BenchError> {
    let meters = Meters::install()?;
    if options.postgres {
        run_on(&Database::postgres(options.url.clone()).await?, &meters, options).await?;
    }
    if options.sqlite {
        run_on(&Database::sqlite().await?, &meters, options).await?;
    }
    Ok(())
}

/// A line of the table.
struct ReportLine {
    name: String,
    cell: Option<Cell>,
    runs: Vec<Measured>,
}

/// Measures all cells of an engine and prints the medians.
async fn run_on(database: &Database, meters: &Meters, options: &Options) -> Result<(), BenchError> {
    let mut lines: Vec<ReportLine> = cells(options.concurrency)
        .into_iter()
        .map(|cell| ReportLine { name: table::name_of(cell), cell: Some(cell), runs: Vec::new() })
        .filter(|line| line.name.contains(&options.only))
        .collect();
    let is_postgres = matches!(database.raw, database::Raw::Postgres(_));
    let wanted = is_postgres && PGBENCH.contains(&options.only);
    let pgbench = pgbench::find().filter(|_| wanted);
    if let Some(program) = &pgbench {
        pgbench::prepare(program, database)?;
        lines.push(ReportLine { name: PGBENCH.to_owned(), cell: None, runs: Vec::new() });
    }
    for run in 1..=options.runs {
        for line in &mut lines {
            say_aside(&format!("{} run {run}: {}", database.store.engine(), line.name));
            let measured = match (line.cell, &pgbench) {
                (Some(cell), _) => {
                    let measuring = cell::measure(database, meters, cell, options);
                    Box::pin(measuring).await?
                }
                (None, Some(program)) => {
                    pgbench::measure(program, database, options.window.as_secs().max(1)).await?
                }
                (None, None) => continue,
            };
            line.runs.push(measured);
        }
    }
    let text = table::table(&database.engine().await?, &lines, options);
    std::io::stdout().write_all(text.as_bytes())?;
    Ok(())
}

fn cells(concurrency: usize) -> Vec<Cell> {
    let mut cells = Vec::new();
    for (load, workers) in [
        (Load::Distinct, concurrency),
        (Load::Popular, POPULAR_WORKERS),
        (Load::Rounds, POPULAR_WORKERS),
    ] {
        for way in [Way::Locked, Way::Optimistic, Way::Guarded, Way::Desk] {
            cells.push(Cell { way, load, workers });
        }
        if load != Load::Rounds {
            cells.push(Cell { way: Way::Desk, load, workers: MANY_WORKERS });
        }
    }
    cells
}

/// Prints the progress.
pub(crate) fn say_aside(line: &str) {
    // A closed pipe does not stop the bench.
    let _ = writeln!(std::io::stderr(), "{line}");
}
