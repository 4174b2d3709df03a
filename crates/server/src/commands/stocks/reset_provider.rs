//! `openbell stocks providers reset`.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use domain::Clock as _;
use market::ProviderKind;
use web::SecurityEvent;

use super::parsers;
use crate::boot::config::DatabaseArgs;
use crate::boot::database::{configure_and_open, database_error};
use crate::clock::SystemClock;
use crate::commands::log_action;
use crate::error::CommandError;
use crate::term;

#[derive(Debug, Subcommand)]
pub(crate) enum ProvidersCommand {
    /// Close a provider's circuit breaker and delete its waits, so that it is called again at once.
    /// Its used quota stays. A server may be running.
    Reset(ResetProviderArgs),
}

#[derive(Clone, Debug, Args)]
pub(crate) struct ResetProviderArgs {
    /// The provider, like finnhub.
    #[arg(value_name = "PROVIDER", value_parser = parsers::provider)]
    provider: ProviderKind,
    #[command(flatten)]
    database: DatabaseArgs,
}

impl ProvidersCommand {
    /// The exit code is 1 if nothing is stored of the provider.
    pub(super) async fn run(self) -> Result<ExitCode, CommandError> {
        let Self::Reset(ResetProviderArgs { provider, database }) = self;
        let (config, store) = configure_and_open(database).await?;
        let reset = market::reset_provider(&store, provider, SystemClock.now()).await;
        store.close().await;
        if reset.map_err(database_error(&config.database))? {
            let event = SecurityEvent::of_command(None, "stocks_providers_reset");
            log_action(&config, event.with_subject(provider))?;
            term::print(&format!("{} is reset and called again\n", provider.as_str()));
            return Ok(ExitCode::SUCCESS);
        }
        term::print_error(&format!("nothing is stored of {}", provider.as_str()));
        Ok(ExitCode::FAILURE)
    }
}
