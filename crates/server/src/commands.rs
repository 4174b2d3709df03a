//! The commands that do one thing and end: `migrate` and `audit verify`.

use std::process::ExitCode;

use archive::Report;
use indicatif::{ProgressBar, ProgressStyle};

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
    let bar = players_bar();
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

/// How far a check of all players is; hidden when nobody watches.
fn players_bar() -> ProgressBar {
    if !term::is_watched() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("verifying {wide_bar} {pos}/{len} players");
    ProgressBar::new(0).with_style(style.unwrap_or(ProgressStyle::default_bar()))
}

fn as_json(report: &Report) -> String {
    // A report is numbers and texts, which always have a JSON text.
    serde_json::to_string_pretty(report).unwrap_or_default() + "\n"
}

fn as_text(report: &Report) -> String {
    format!("{report}\n")
}
