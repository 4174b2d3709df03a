//! `openbell health`: whether a server is ready, for the health checks of containers, which have no
//! other HTTP client.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use load::ProbeResponse;

use crate::boot::addresses;
use crate::boot::config::{self, DatabaseArgs, Flags};
use crate::error::CommandError;
use crate::term;

const PATH: &str = "/readyz";
/// Longer than the server waits for its database.
const TIMEOUT: Duration = Duration::from_secs(3);

#[derive(Clone, Debug, Default, Args)]
pub(crate) struct HealthArgs {
    /// The base URL of the server; by default that of http.listen in the configuration.
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    /// The configuration file; the built-in defaults without it.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// The exit code is 1 unless the server is ready.
pub(super) async fn run(args: HealthArgs) -> Result<ExitCode, CommandError> {
    let url = match args.url {
        Some(url) => url,
        None => configured_url(args.config)?,
    };
    let ProbeResponse { status, message, .. } = load::probe(&url, PATH, TIMEOUT).await?;
    if status == 200 {
        term::print("ready\n");
        return Ok(ExitCode::SUCCESS);
    }
    term::print_error(&format!("{url}{PATH} returned {status}: {message}"));
    Ok(ExitCode::FAILURE)
}

fn configured_url(file: Option<PathBuf>) -> Result<String, CommandError> {
    let args = DatabaseArgs { config: file, ..DatabaseArgs::default() };
    let listen = config::load(&Flags::from(args))?.config.http.listen;
    addresses::loopback_url(&listen).ok_or(CommandError::NoFixedPort(listen))
}
