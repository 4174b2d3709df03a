//! `openbell stocks`: markets from files, and stocks, prices and history from providers. Each
//! command may be stopped anywhere and run again.

mod describe;
mod import;
mod list;
mod providers;
mod report;

use std::process::ExitCode;

use store::{Store, StoreError};

use crate::boot::config;
use crate::boot::config::{Config, Flags, without_password};
use crate::boot::start;
use crate::cli::{ProvidersCommand, StocksCommand};
use crate::commands::connect_existing;
use crate::error::Failure;
use crate::term;

/// Runs one of them.
pub(crate) async fn run(command: StocksCommand) -> Result<ExitCode, Failure> {
    match command {
        StocksCommand::Import(args) => {
            let config = config::load(&Flags::from(args.database.clone()))?.config;
            import::run(&config, &args).await
        }
        StocksCommand::Describe(args) => {
            let config = config::load(&Flags::from(args.database.clone()))?.config;
            describe::run(&config, &args).await
        }
        StocksCommand::List(args) => {
            let config = config::load(&Flags::from(args.database.clone()))?.config;
            let store = connect_existing(&config).await?;
            let text = list::text(&store, args.market.as_deref(), args.json).await;
            store.close().await;
            match text.map_err(failed(&config))? {
                Some(text) => term::say(&text),
                None => return Err(Failure::NoMarket(args.market.unwrap_or_default())),
            }
            Ok(ExitCode::SUCCESS)
        }
        StocksCommand::Seed(args) => {
            let config = config::load(&Flags::from(args.database.clone()))?.config;
            let (_lock, store) = open(&config).await?;
            finish(&store, providers::seed(&config, &store, &args).await).await
        }
        StocksCommand::UpdatePrices(args) => {
            let config = config::load(&Flags::from(args.database.clone()))?.config;
            let store = connect_existing(&config).await?;
            finish(&store, providers::update_prices(&config, &store, &args).await).await
        }
        StocksCommand::ImportHistory(args) => {
            let config = config::load(&Flags::from(args.database.clone()))?.config;
            let store = connect_existing(&config).await?;
            finish(&store, providers::import_history(&config, &store, &args).await).await
        }
        StocksCommand::Providers(ProvidersCommand::Reset(args)) => {
            let config = config::load(&Flags::from(args.database.clone()))?.config;
            let store = connect_existing(&config).await?;
            finish(&store, providers::reset(&config, &store, args.provider).await).await
        }
    }
}

/// Opens a database that may not exist yet, and which no server may use meanwhile.
async fn open(
    config: &Config,
) -> Result<(Option<crate::boot::data_dir::DatabaseLock>, Store), Failure> {
    let lock = start::take_database(config)?;
    let store = start::open_store(&config.database).await?;
    Ok((lock, store))
}

async fn finish(store: &Store, done: Result<ExitCode, Failure>) -> Result<ExitCode, Failure> {
    store.close().await;
    done
}

fn failed(config: &Config) -> impl Fn(StoreError) -> Failure {
    let url = without_password(&config.database.url);
    move |error| Failure::Database(url.clone(), error)
}
