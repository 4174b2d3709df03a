//! `openbell load` against a running server: reads the tokens, shows how far the run is, and writes
//! and keeps its report. What is sent and how it is judged is the crate `load`'s.

pub(crate) mod prepare;

use std::fs::OpenOptions;
use std::io;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use domain::{Clock as _, UnixMicros};
use load::{Options, Players, Report, RunPhase, Scenario};
use serde_json::Value;

use crate::cli::{LoadArgs, LoadCommand};
use crate::clock::SystemClock;
use crate::commands::load::prepare::unique_tag;
use crate::commands::{as_json, progress_bar};
use crate::term;

/// Why a run has nothing to tell, or cannot write it down.
#[derive(Debug, thiserror::Error)]
enum LoadFailure {
    #[error("cannot measure the server")]
    Run(#[from] load::LoadError),
    #[error("cannot read {}", .0.display())]
    Read(PathBuf, #[source] io::Error),
    #[error("cannot write {}", .0.display())]
    Write(PathBuf, #[source] io::Error),
}

/// Measures a running server; 1 unless all is as it should be.
pub(crate) async fn run(command: LoadCommand) -> ExitCode {
    match measure(command).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(failure) => {
            term::complain(&term::error_chain(&failure));
            ExitCode::FAILURE
        }
    }
}

async fn measure(command: LoadCommand) -> Result<bool, LoadFailure> {
    let (scenario, args) = match command {
        // Needs no server; see `prepare`.
        LoadCommand::Prepare(_) => return Ok(true),
        LoadCommand::Distinct(args) => (Scenario::Distinct, args),
        LoadCommand::Popular(args) => (Scenario::Popular { rounds: args.rounds }, args.run),
        LoadCommand::Mixed(args) => (Scenario::Mixed, args),
        LoadCommand::Board(args) => (Scenario::Board { rows: args.rows }, args.run),
        LoadCommand::Soak(args) => (Scenario::Soak, args),
        LoadCommand::Portfolio(args) => (Scenario::Portfolio { holdings: args.holdings }, args.run),
    };
    let began = SystemClock.now();
    let options = options(scenario, &args, began)?;
    let (measuring, verifying) = (
        progress_bar("measuring {wide_bar} {percent} %", 0),
        progress_bar("verifying {wide_bar} {pos}/{len} players", 0),
    );
    let bars = (measuring.clone(), verifying.clone());
    let progress = Arc::new(move |stage, done, total| {
        let bar = if stage == RunPhase::Measuring { &bars.0 } else { &bars.1 };
        bar.set_length(total);
        bar.set_position(done);
    });
    let report = load::run(options, progress).await;
    measuring.finish_and_clear();
    verifying.finish_and_clear();
    let report = report?;
    term::say(&format!("{report}\n"));
    if let Some(file) = &args.out {
        write_whole(file, &as_json(&report))?;
    }
    let has_regressed = match &args.keep {
        Some(dir) => keep(dir, &report, began)?,
        None => false,
    };
    Ok(report.good && !has_regressed)
}

fn options(scenario: Scenario, args: &LoadArgs, began: UnixMicros) -> Result<Options, LoadFailure> {
    let tokens = std::fs::read_to_string(&args.tokens);
    let tokens = tokens.map_err(|error| LoadFailure::Read(args.tokens.clone(), error))?;
    Ok(Options {
        scenario,
        urls: args.urls.clone(),
        players: Players::parse(&tokens)?,
        concurrency: args.concurrency,
        duration: args.duration,
        rate: args.rate,
        seed: args.seed,
        keys: !args.no_keys,
        tag: unique_tag(began),
    })
}

/// Keeps a report, and compares it with the newest one kept before; whether it is worse.
fn keep(dir: &Path, report: &Report, began: UnixMicros) -> Result<bool, LoadFailure> {
    let earlier = newest_kept(dir, report.scenario)?;
    let name = format!("{}-{}.json", report.scenario, compact(began));
    write_whole(&dir.join(name), &as_json(report))?;
    let Some((path, earlier)) = earlier else { return Ok(false) };
    let Some(words) = load::regression(&earlier, report) else { return Ok(false) };
    term::say(&format!("a regression against {}: {words}\n", path.display()));
    Ok(true)
}

/// The newest kept report of a scenario. Its name holds its time, so the last name is the newest.
fn newest_kept(dir: &Path, scenario: &str) -> Result<Option<(PathBuf, Value)>, LoadFailure> {
    let failed = |error| LoadFailure::Read(dir.to_owned(), error);
    std::fs::create_dir_all(dir).map_err(|error| LoadFailure::Write(dir.to_owned(), error))?;
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
    let failed = |error| LoadFailure::Read(path.clone(), error);
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

/// Writes a file so that nobody ever reads half of it.
fn write_whole(path: &Path, text: &str) -> Result<(), LoadFailure> {
    let mut partial = path.as_os_str().to_owned();
    partial.push(".partial");
    let partial = PathBuf::from(partial);
    let file = OpenOptions::new().write(true).create(true).truncate(true).open(&partial);
    let written = file.and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        std::fs::rename(&partial, path)
    });
    written.map_err(|error| LoadFailure::Write(path.to_owned(), error))
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
            write_whole(&dir.path().join(name), &text).expect("written");
        }
        let (_, report) = newest_kept(dir.path(), "popular").expect("read").expect("there");
        assert_eq!(report["throughput"], 2);
        assert!(newest_kept(dir.path(), "soak").expect("read").is_none());
    }
}
