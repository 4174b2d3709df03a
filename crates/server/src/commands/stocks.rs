//! `openbell stocks`: markets from files, and stocks, prices and history from providers. Each
//! command may be stopped anywhere and run again.

mod describe;
mod import;
mod import_history;
mod list;
mod parsers;
mod provider_run;
mod report;
mod reset_provider;
mod seed;
mod update_prices;

use std::process::ExitCode;

use clap::Subcommand;

use self::describe::DescribeStocksArgs;
use self::import::ImportStocksArgs;
use self::import_history::ImportHistoryArgs;
use self::list::ListStocksArgs;
use self::reset_provider::ProvidersCommand;
use self::seed::SeedStocksArgs;
use self::update_prices::UpdatePricesArgs;
use crate::error::CommandError;

#[derive(Debug, Subcommand)]
pub(crate) enum StocksCommand {
    /// Import a market from CSV files, plain or gzip: daily bars, and texts about its stocks. One
    /// malformed line rejects all; exit code 1 then. No server may be running on an SQLite file.
    Import(ImportStocksArgs),
    /// Set names, categories and texts of the stocks of the game, or of an imported market, from
    /// CSV or TOML. One malformed line rejects all. The server may be running; it shows new
    /// categories after its next start.
    Describe(DescribeStocksArgs),
    /// List the imported markets, or the stocks of one.
    List(ListStocksArgs),
    /// List stocks in a live game, as providers describe them; by default the built-in ones. No
    /// server may be running on an SQLite file.
    Seed(SeedStocksArgs),
    /// Request the present prices of the listed stocks from the providers.
    UpdatePrices(UpdatePricesArgs),
    /// Request the daily bars of the listed stocks from the providers.
    ImportHistory(ImportHistoryArgs),
    /// Manage the stored state of the price providers.
    #[command(subcommand)]
    Providers(ProvidersCommand),
}

impl StocksCommand {
    pub(super) async fn run(self) -> Result<ExitCode, CommandError> {
        match self {
            Self::Import(args) => import::run(&args).await,
            Self::Describe(args) => describe::run(&args).await,
            Self::List(args) => list::run(args).await,
            Self::Seed(args) => seed::run(args).await,
            Self::UpdatePrices(args) => update_prices::run(args).await,
            Self::ImportHistory(args) => import_history::run(args).await,
            Self::Providers(command) => command.run().await,
        }
    }
}
