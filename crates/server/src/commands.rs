//! The commands that do one thing and end: `migrate` and `audit verify`. Those of `load` stand in
//! `prepare` and `load`.

use std::process::ExitCode;

use archive::Report;
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

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

/// How far a command is; hidden when nobody watches.
pub(crate) fn progress_bar(template: &str, total: u64) -> ProgressBar {
    if !term::is_watched() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template(template);
    ProgressBar::new(total).with_style(style.unwrap_or(ProgressStyle::default_bar()))
}

pub(crate) fn as_json(report: &impl Serialize) -> String {
    // A report is numbers and texts, which always have a JSON text.
    serde_json::to_string_pretty(report).unwrap_or_default() + "\n"
}

fn as_text(report: &Report) -> String {
    format!("{report}\n")
}
