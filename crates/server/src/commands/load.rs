//! `openbell load`: runs the load generator against a running server, shows its progress, and
//! writes and compares its reports. The requests and their verification are in the crate `load`.

mod prepare;

use std::fs::OpenOptions;
use std::io;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, Subcommand, value_parser};
use domain::{Clock as _, UnixMicros};
use load::{LoadReport, Options, Players, RunPhase, Scenario};
use serde_json::Value;

use self::prepare::{LoadPrepareArgs, unique_tag};
use crate::boot::data_dir::with_suffix;
use crate::clock::SystemClock;
use crate::error::CommandError;
use crate::term;

#[derive(Debug, Subcommand)]
pub(crate) enum LoadCommand {
    /// Create players and tokens in the database. No server may be running on an SQLite file.
    Prepare(LoadPrepareArgs),
    /// Trade for many players; each worker has players of its own.
    Distinct(LoadArgs),
    /// Trade for the first player, from all workers at once.
    Popular(LoadPopularArgs),
    /// The market opens: reads, trades, leaderboards and sign-ins.
    Mixed(LoadArgs),
    /// Read the leaderboards: pages at any depth, the ranks around a player, both boards. Every
    /// response is verified (fields, ranks, order, the player's rank, adjacent pages); exit code 1
    /// if one is wrong. The server must have built its leaderboards.
    Board(LoadBoardArgs),
    /// As mixed without sign-ins, and measure the server's memory.
    Soak(LoadArgs),
    /// Read the portfolio of the first player.
    Portfolio(LoadPortfolioArgs),
}

/// Flags of every load run. The exit code is 1 if an expectation fails.
#[derive(Clone, Debug, Args)]
pub(crate) struct LoadArgs {
    /// The server, like http://127.0.0.1:8080 or https://staging.example.org; repeated for several
    /// servers.
    #[arg(long = "url", value_name = "URL", required = true)]
    urls: Vec<String>,
    /// A PEM file of the authorities to trust for HTTPS; by default the public ones.
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
    /// The file of tokens that `load prepare` wrote.
    #[arg(long, value_name = "FILE")]
    tokens: PathBuf,
    /// How many workers send, each on a connection of its own.
    #[arg(long, value_name = "COUNT", default_value_t = 50)]
    #[arg(value_parser = value_parser!(u32).range(1..=10_000))]
    concurrency: u32,
    /// How long to measure, like 500ms, 15s, 10m or 1h.
    #[arg(long, value_name = "TIME", default_value = "15s", value_parser = load::parse_duration)]
    duration: Duration,
    /// Requests due a second, whether earlier ones are answered or not; by default, a worker sends
    /// when its last request is answered.
    #[arg(long, value_name = "COUNT", value_parser = value_parser!(u64).range(1..=1_000_000))]
    rate: Option<u64>,
    /// The seed of all random choices.
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    seed: u64,
    /// Send trades without an Idempotency-Key.
    #[arg(long)]
    no_keys: bool,
    /// Write the report to this file, too, as JSON.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Keep the report in this directory, and compare it with the last one there: exit code 1 if
    /// throughput fell below 80 %, or p99 rose by half.
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
}

/// Flags of `load popular`.
#[derive(Clone, Debug, Args)]
pub(crate) struct LoadPopularArgs {
    #[command(flatten)]
    run: LoadArgs,
    /// Send this many times from all workers at the same instant, instead of for a time.
    #[arg(long, value_name = "COUNT", conflicts_with = "rate")]
    #[arg(value_parser = value_parser!(u64).range(1..=1_000_000))]
    rounds: Option<u64>,
}

/// Flags of `load board`.
#[derive(Clone, Debug, Args)]
pub(crate) struct LoadBoardArgs {
    #[command(flatten)]
    run: LoadArgs,
    /// Rows a page. The ranks around a player are always 11.
    #[arg(long, value_name = "COUNT", default_value_t = 50)]
    #[arg(value_parser = value_parser!(u32).range(1..=i64::from(load::ROWS_MAX)))]
    rows: u32,
}

/// Flags of `load portfolio`.
#[derive(Clone, Debug, Args)]
pub(crate) struct LoadPortfolioArgs {
    #[command(flatten)]
    run: LoadArgs,
    /// Of how many stocks to buy a share, if that many are listed.
    #[arg(long, value_name = "COUNT", default_value_t = 20)]
    #[arg(value_parser = value_parser!(u32).range(0..=i64::from(load::HOLDINGS_MAX)))]
    holdings: u32,
}

/// Why a run has no report, or cannot write it.
#[derive(Debug, thiserror::Error)]
enum LoadReportError {
    #[error("cannot measure the server")]
    Run(#[from] load::LoadError),
    #[error("cannot read {}", .0.display())]
    Read(PathBuf, #[source] io::Error),
    #[error("cannot write {}", .0.display())]
    Write(PathBuf, #[source] io::Error),
}

impl LoadCommand {
    pub(super) async fn run(self) -> Result<ExitCode, CommandError> {
        let (scenario, args) = match self {
            Self::Prepare(args) => return prepare::run(args).await,
            Self::Distinct(args) => (Scenario::Distinct, args),
            Self::Popular(args) => (Scenario::Popular { rounds: args.rounds }, args.run),
            Self::Mixed(args) => (Scenario::Mixed, args),
            Self::Board(args) => (Scenario::Board { rows: args.rows }, args.run),
            Self::Soak(args) => (Scenario::Soak, args),
            Self::Portfolio(args) => (Scenario::Portfolio { holdings: args.holdings }, args.run),
        };
        match measure(scenario, &args).await {
            Ok(true) => Ok(ExitCode::SUCCESS),
            Ok(false) => Ok(ExitCode::FAILURE),
            Err(error) => {
                term::print_error(&term::error_chain(&error));
                Ok(ExitCode::FAILURE)
            }
        }
    }
}

/// Measures, and writes the report; false if an expectation failed.
async fn measure(scenario: Scenario, args: &LoadArgs) -> Result<bool, LoadReportError> {
    let began = SystemClock.now();
    let options = options(scenario, args, began)?;
    let (measuring, verifying) = (
        term::progress_bar("measuring {wide_bar} {percent} %", 0),
        term::progress_bar("verifying {wide_bar} {pos}/{len} players", 0),
    );
    let bars = (measuring.clone(), verifying.clone());
    let progress = Arc::new(move |phase, done, total| {
        let bar = if phase == RunPhase::Measuring { &bars.0 } else { &bars.1 };
        bar.set_length(total);
        bar.set_position(done);
    });
    let report = load::run(options, progress).await;
    measuring.finish_and_clear();
    verifying.finish_and_clear();
    let report = report?;
    term::print(&format!("{report}\n"));
    if let Some(file) = &args.out {
        write_atomically(file, &term::to_json(&report))?;
    }
    let has_regressed = match &args.keep {
        Some(dir) => keep_and_compare(dir, &report, began)?,
        None => false,
    };
    Ok(report.good && !has_regressed)
}

fn options(
    scenario: Scenario,
    args: &LoadArgs,
    began: UnixMicros,
) -> Result<Options, LoadReportError> {
    let tokens = std::fs::read_to_string(&args.tokens);
    let tokens = tokens.map_err(|error| LoadReportError::Read(args.tokens.clone(), error))?;
    Ok(Options {
        scenario,
        urls: args.urls.clone(),
        ca_file: args.ca_file.clone(),
        players: Players::parse(&tokens)?,
        concurrency: args.concurrency,
        duration: args.duration,
        rate: args.rate,
        seed: args.seed,
        keys: !args.no_keys,
        tag: unique_tag(began),
    })
}

/// Keeps a report, and compares it with the newest earlier one; true if it is worse.
fn keep_and_compare(
    dir: &Path,
    report: &LoadReport,
    began: UnixMicros,
) -> Result<bool, LoadReportError> {
    let earlier = newest_kept(dir, report.scenario)?;
    let name = format!("{}-{}.json", report.scenario, compact(began));
    write_atomically(&dir.join(name), &term::to_json(report))?;
    let Some((path, earlier)) = earlier else { return Ok(false) };
    let Some(regression) = load::regression(&earlier, report) else { return Ok(false) };
    term::print(&format!("a regression against {}: {regression}\n", path.display()));
    Ok(true)
}

/// The newest kept report of a scenario. Names contain the time, so the last name is the newest.
fn newest_kept(dir: &Path, scenario: &str) -> Result<Option<(PathBuf, Value)>, LoadReportError> {
    let failed = |error| LoadReportError::Read(dir.to_owned(), error);
    std::fs::create_dir_all(dir).map_err(|error| LoadReportError::Write(dir.to_owned(), error))?;
    let prefix = format!("{scenario}-");
    let mut names = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name().to_string_lossy().into_owned();
        if name.starts_with(&prefix) && name.ends_with("Z.json") {
            names.push(name);
        }
    }
    let Some(name) = names.into_iter().max() else { return Ok(None) };
    let path = dir.join(name);
    let failed = |error| LoadReportError::Read(path.clone(), error);
    let text = std::fs::read_to_string(&path).map_err(failed)?;
    let report = serde_json::from_str(&text).map_err(|error| failed(error.into()))?;
    Ok(Some((path, report)))
}

/// An instant as `YYYYMMDDTHHMMSSZ`.
fn compact(at: UnixMicros) -> String {
    let text = at.to_string();
    let seconds = text.split('.').next().unwrap_or_default();
    format!("{}Z", seconds.replace(['-', ':'], ""))
}

/// Writes, syncs and renames a file, so that readers never see a part of it.
fn write_atomically(path: &Path, text: &str) -> Result<(), LoadReportError> {
    let partial = with_suffix(path, ".partial");
    let file = OpenOptions::new().write(true).create(true).truncate(true).open(&partial);
    let written = file.and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        std::fs::rename(&partial, path)
    });
    written.map_err(|error| LoadReportError::Write(path.to_owned(), error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_of_kept_reports_are_in_the_order_of_time() {
        assert_eq!(compact(UnixMicros(1_795_394_741_000_000)), "20261123T004541Z");
        let dir = tempfile::tempdir().expect("a directory");
        for (name, throughput) in [
            ("popular-20261123T004541Z.json", 1),
            ("popular-20261124T004541Z.json", 2),
            ("popular-20261125T004541Z.json.partial", 3),
            ("distinct-20261126T004541Z.json", 4),
        ] {
            let text = format!("{{\"throughput\":{throughput}}}");
            write_atomically(&dir.path().join(name), &text).expect("written");
        }
        let (_, report) = newest_kept(dir.path(), "popular").expect("read").expect("exists");
        assert_eq!(report["throughput"], 2);
        assert!(newest_kept(dir.path(), "soak").expect("read").is_none());
    }
}
