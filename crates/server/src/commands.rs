//! The commands that do one thing and end: `migrate`, `audit verify` and `load portfolio`.

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use archive::Report;
use domain::Clock;
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use crate::cli::LoadPortfolioArgs;
use crate::config::{Config, without_password};
use crate::data_dir::DataDirError;
use crate::failure::Failure;
use crate::{start, term};

/// Brings the database to this version's schema.
pub(crate) async fn migrate(config: &Config) -> Result<(), Failure> {
    let _lock = start::take_database(config)?;
    let store = start::open_store(&config.database).await?;
    store.close().await;
    term::say(&format!("the database {} is up to date\n", without_password(&config.database.url)));
    Ok(())
}

/// Checks the whole ledger; 1 when something in it does not hold. A server may go on writing
/// meanwhile, so no lock is taken; but no database is made either.
pub(crate) async fn verify(config: &Config, json: bool) -> Result<ExitCode, Failure> {
    if let Some(file) = config.sqlite_file().filter(|file| !file.is_file()) {
        return Err(DataDirError::NoDatabase(file).into());
    }
    let store = start::connect_store(&config.database).await?;
    let bar = progress_bar("verifying {wide_bar} {pos}/{len} players", 0);
    let report = archive::verify(&store, |done, total| {
        bar.set_length(total);
        bar.set_position(done);
    });
    let report = report.await?;
    bar.finish_and_clear();
    store.close().await;
    term::say(&if json { as_json(&report) } else { as_text(&report) });
    Ok(if report.holds() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Why a run of the load generator has nothing to tell, or cannot write it down.
#[derive(Debug, thiserror::Error)]
enum LoadFailure {
    #[error("cannot measure the server")]
    Run(#[from] load::LoadError),
    #[error("cannot write {}", .0.display())]
    Write(PathBuf, #[source] io::Error),
}

/// Measures a running server; 1 when an answer was not 200 or the sums were wrong.
pub(crate) async fn load_portfolio(args: &LoadPortfolioArgs, clock: &impl Clock) -> ExitCode {
    match measure_portfolio(args, clock).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(failure) => {
            term::complain(&term::error_chain(&failure));
            ExitCode::FAILURE
        }
    }
}

async fn measure_portfolio(
    args: &LoadPortfolioArgs,
    clock: &impl Clock,
) -> Result<bool, LoadFailure> {
    let options = load::Options {
        url: args.url.clone(),
        holdings: args.holdings,
        requests: args.requests,
        concurrency: args.concurrency,
        tag: format!("{}-{}", std::process::id(), clock.now().0),
    };
    let bar = progress_bar("measuring {wide_bar} {pos}/{len} requests", args.requests);
    let told = bar.clone();
    let report = load::portfolio(&options, move |done| told.set_position(done)).await;
    bar.finish_and_clear();
    let report = report?;
    term::say(&format!("{report}\n"));
    if let Some(file) = &args.out {
        let written = std::fs::write(file, as_json(&report));
        written.map_err(|error| LoadFailure::Write(file.clone(), error))?;
    }
    Ok(report.is_good())
}

/// How far a command is; hidden when nobody watches.
fn progress_bar(template: &str, total: u64) -> ProgressBar {
    if !term::is_watched() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template(template);
    ProgressBar::new(total).with_style(style.unwrap_or(ProgressStyle::default_bar()))
}

fn as_json(report: &impl Serialize) -> String {
    // A report is numbers and texts, which always have a JSON text.
    serde_json::to_string_pretty(report).unwrap_or_default() + "\n"
}

fn as_text(report: &Report) -> String {
    format!("{report}\n")
}
