//! `openbell stocks import-history`: stores the daily bars of listed stocks.

use std::process::ExitCode;

use clap::Args;
use domain::{Clock as _, Day, Symbol};
use market::ProviderKind;
use store::Store;

use super::parsers;
use super::provider_run::{self, ProviderRun, selected_stocks, with_retry};
use crate::boot::config::{Config, DatabaseArgs};
use crate::boot::database::{configure_and_open, database_error};
use crate::clock::SystemClock;
use crate::error::CommandError;

/// The length of a history without `--from`.
const HISTORY_DAYS: i32 = 5 * 366;
/// Stored days that are requested again.
const OVERLAP_DAYS: i32 = 7;

#[derive(Clone, Debug, Args)]
pub(crate) struct ImportHistoryArgs {
    /// The symbols; by default all listed stocks.
    #[arg(value_name = "SYMBOL", value_parser = parsers::symbol)]
    symbols: Vec<Symbol>,
    /// The first day; by default the end of each stored history, or five years ago.
    #[arg(long, value_name = "DAY", value_parser = parsers::day)]
    from: Option<Day>,
    /// The last day; by default yesterday.
    #[arg(long, value_name = "DAY", value_parser = parsers::day)]
    to: Option<Day>,
    /// Use this provider only.
    #[arg(long, value_name = "PROVIDER", value_parser = parsers::provider)]
    provider: Option<ProviderKind>,
    #[command(flatten)]
    database: DatabaseArgs,
}

pub(super) async fn run(args: ImportHistoryArgs) -> Result<ExitCode, CommandError> {
    let (config, store) = configure_and_open(args.database.clone()).await?;
    let imported = import(&config, &store, &args).await;
    store.close().await;
    imported
}

async fn import(
    config: &Config,
    store: &Store,
    args: &ImportHistoryArgs,
) -> Result<ExitCode, CommandError> {
    let failed = database_error(&config.database);
    let (providers, _) = provider_run::open(config, store, args.provider).await?;
    let to = args.to.unwrap_or(Day(SystemClock.now().day().0 - 1));
    let stocks = selected_stocks(config, store, &args.symbols).await?;
    let mut run = ProviderRun::new("importing {wide_bar} {pos}/{len} histories", stocks.len());
    for stock in &stocks {
        if !run.begin() {
            break;
        }
        let stored = store.history_last_day(stock.stock_id).await.map_err(&failed)?;
        if args.from.is_none() && stored.is_some_and(|day| day >= to) {
            run.skip();
            continue;
        }
        let from = args.from.or(stored.map(|day| Day(day.0 - OVERLAP_DAYS)));
        let from = from.unwrap_or(Day(to.0 - HISTORY_DAYS));
        match with_retry(async || providers.history(&stock.symbol, from, to).await).await {
            Ok((_, bars)) => {
                store.save_bars(stock.stock_id, &bars).await.map_err(&failed)?;
                let rolled_up = store.roll_up_history(stock.stock_id, to, Some(from)).await;
                rolled_up.map_err(&failed)?;
                run.done();
            }
            Err(error) => run.fail(&stock.symbol, &error),
        }
    }
    run.finish(config, "stocks_import_history", "histories are up to date")
}
