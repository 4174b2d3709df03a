//! `openbell stocks update-prices`: stores the present prices of listed stocks.

use std::process::ExitCode;

use clap::Args;
use domain::{Clock as _, Symbol};
use market::ProviderKind;
use store::Store;

use super::parsers;
use super::provider_run::{self, ProviderRun, selected_stocks, with_retry};
use crate::boot::config::{Config, DatabaseArgs};
use crate::boot::database::{configure_and_open, database_error};
use crate::boot::live_market::stored_quote;
use crate::clock::SystemClock;
use crate::error::CommandError;

#[derive(Clone, Debug, Args)]
pub(crate) struct UpdatePricesArgs {
    /// The symbols; by default all listed stocks.
    #[arg(value_name = "SYMBOL", value_parser = parsers::symbol)]
    symbols: Vec<Symbol>,
    /// Use this provider only.
    #[arg(long, value_name = "PROVIDER", value_parser = parsers::provider)]
    provider: Option<ProviderKind>,
    #[command(flatten)]
    database: DatabaseArgs,
}

pub(super) async fn run(args: UpdatePricesArgs) -> Result<ExitCode, CommandError> {
    let (config, store) = configure_and_open(args.database).await?;
    let updated = update(&config, &store, args.provider, &args.symbols).await;
    store.close().await;
    updated
}

async fn update(
    config: &Config,
    store: &Store,
    provider: Option<ProviderKind>,
    symbols: &[Symbol],
) -> Result<ExitCode, CommandError> {
    let failed = database_error(&config.database);
    let (providers, _) = provider_run::open(config, store, provider).await?;
    store.ensure_quotes().await.map_err(&failed)?;
    let stocks = selected_stocks(config, store, symbols).await?;
    let mut run = ProviderRun::new("updating {wide_bar} {pos}/{len} prices", stocks.len());
    for stock in &stocks {
        if !run.begin() {
            break;
        }
        let last = store.find_quote(stock.stock_id).await.map_err(&failed)?;
        let last = last.map(|last| (last.price, last.as_of));
        match with_retry(async || providers.quote(&stock.symbol, last).await).await {
            Ok((provider, quote)) => {
                let quote = stored_quote(stock.stock_id, provider, &quote);
                store.save_quote(&quote, SystemClock.now()).await.map_err(&failed)?;
                run.done();
            }
            Err(error) => run.fail(&stock.symbol, &error),
        }
    }
    run.finish(config, "stocks_update_prices", "prices are up to date")
}
