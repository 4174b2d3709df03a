//! `openbell doctor`: checks everything that a server depends on, and prints each finding with its
//! remedy. It changes nothing.

mod archive;
mod configuration;
mod database;
mod disk;
mod finding;
mod http;
mod mail;
mod process;
mod providers;
mod redis;

use std::process::ExitCode;

use clap::Args;

use self::finding::{DoctorFinding, FindingLevel};
use crate::boot::config::{self, Flags, ServeArgs, Settings};
use crate::error::CommandError;
use crate::term;

#[derive(Clone, Debug, Default, Args)]
pub(crate) struct DoctorArgs {
    /// Print the findings as JSON.
    #[arg(long)]
    json: bool,
    /// Send one request to each price provider that has a key; it counts against the quota.
    #[arg(long)]
    online: bool,
    #[command(flatten)]
    serve: ServeArgs,
}

/// The exit code is 1 if there is an error; warnings do not count.
pub(super) async fn run(args: DoctorArgs) -> Result<ExitCode, CommandError> {
    let findings = match config::load(&Flags::from(args.serve)) {
        Ok(settings) => examine(&settings, args.online).await,
        Err(error) => {
            let remedy = "correct it; config/openbell.toml of the source lists every key";
            vec![DoctorFinding::error("configuration", term::error_chain(&error), remedy)]
        }
    };
    let count = |level| findings.iter().filter(|finding| finding.level == level).count();
    let (errors, warnings) = (count(FindingLevel::Error), count(FindingLevel::Warning));
    if args.json {
        term::print_json(&findings);
    } else {
        let lines: String = findings.iter().map(|finding| format!("{finding}\n")).collect();
        term::print(&format!("{lines}errors: {errors}, warnings: {warnings}\n"));
    }
    Ok(if errors == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn examine(settings: &Settings, online: bool) -> Vec<DoctorFinding> {
    let config = &settings.config;
    let mut findings = configuration::check(config);
    findings.extend(settings.secret_files.iter().filter_map(|file| disk::check_secret(file)));
    findings.extend(process::check(config));
    findings.extend(disk::check(config));
    findings.extend(http::check(&config.http).await);
    let (store, found) = database::check(config).await;
    findings.extend(found);
    findings.push(redis::check(&config.redis).await);
    findings.push(archive::check(&config.audit).await);
    findings.extend(mail::check(&config.notify).await);
    findings.extend(providers::check(config, store.as_ref().filter(|_| online)).await);
    if online && store.is_none() {
        let what = "no request was sent, because the database could not be used";
        findings.push(DoctorFinding::warning("providers", what, "mend the database and repeat"));
    }
    if let Some(store) = store {
        store.close().await;
    }
    findings
}
