//! The arguments of `openbell stocks`, and how their values are read.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use domain::{Day, Symbol};
use market::{DateOrder, DecimalMark, PriceUnit, ProviderKind};

use super::DatabaseArgs;

/// What can be done with the stored state of providers.
#[derive(Debug, Subcommand)]
pub(crate) enum ProvidersCommand {
    /// Close a provider's breaker and delete its waits, so that it is called again at once. Its
    /// used quota stays. A server may run meanwhile.
    Reset(ProvidersResetArgs),
}

/// Arguments of `stocks providers reset`.
#[derive(Clone, Debug, Args)]
pub(crate) struct ProvidersResetArgs {
    /// The provider, like finnhub.
    #[arg(value_name = "PROVIDER", value_parser = provider)]
    pub(crate) provider: ProviderKind,
    #[command(flatten)]
    pub(crate) database: DatabaseArgs,
}

/// Arguments of `stocks import`.
#[derive(Clone, Debug, Args)]
pub(crate) struct StocksImportArgs {
    /// The files, in any order.
    #[arg(value_name = "FILE", required = true)]
    pub(crate) files: Vec<PathBuf>,
    /// The market's name, by which market.replay.market names it.
    #[arg(long, value_name = "NAME")]
    pub(crate) market: String,
    /// The exchange, for the list.
    #[arg(long, value_name = "WORD", default_value = "-")]
    pub(crate) exchange: String,
    /// The currency (ISO 4217, or a smaller unit like GBX) where the files name none; of a file
    /// with several, only bars in this one.
    #[arg(long, value_name = "CODE", value_parser = price_unit)]
    pub(crate) currency: Option<PriceUnit>,
    /// What stands before decimals, where the files do not show it: point or comma.
    #[arg(long, value_name = "MARK", value_parser = decimal_mark)]
    pub(crate) decimal: Option<DecimalMark>,
    /// The order of dates like 02/08/2013: day-first or month-first. Without it they are refused.
    #[arg(long, value_name = "ORDER", value_parser = date_order)]
    pub(crate) dates: Option<DateOrder>,
    /// The stock of files without a column of symbols; without this, their name (AAPL.csv).
    #[arg(long, value_name = "SYMBOL", value_parser = symbol)]
    pub(crate) symbol: Option<Symbol>,
    /// Leave bad lines out and list them, instead of importing nothing.
    #[arg(long)]
    pub(crate) skip_bad: bool,
    /// Write every line that was refused or left out, and every warning, to this CSV file.
    #[arg(long, value_name = "FILE")]
    pub(crate) report: Option<PathBuf>,
    /// Check everything and say what would change, but change nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) database: DatabaseArgs,
}

/// Arguments of `stocks describe`.
#[derive(Clone, Debug, Args)]
pub(crate) struct StocksDescribeArgs {
    /// CSV with symbol and any of name, category, description, kid_description, fun_fact, or TOML
    /// with the same in [[stocks]].
    #[arg(value_name = "FILE", required = true)]
    pub(crate) files: Vec<PathBuf>,
    /// The imported market; without it, the stocks of the game, whatever its market.
    #[arg(long, value_name = "NAME")]
    pub(crate) market: Option<String>,
    #[command(flatten)]
    pub(crate) database: DatabaseArgs,
}

/// Arguments of `stocks list`.
#[derive(Clone, Debug, Args)]
pub(crate) struct StocksListArgs {
    /// The market whose stocks to list.
    #[arg(long, value_name = "NAME")]
    pub(crate) market: Option<String>,
    /// Print one JSON object a line.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) database: DatabaseArgs,
}

/// Arguments of `stocks seed`.
#[derive(Clone, Debug, Args)]
pub(crate) struct StocksSeedArgs {
    /// The symbols.
    #[arg(value_name = "SYMBOL", value_parser = symbol)]
    pub(crate) symbols: Vec<Symbol>,
    /// Ask this provider only.
    #[arg(long, value_name = "PROVIDER", value_parser = provider)]
    pub(crate) provider: Option<ProviderKind>,
    #[command(flatten)]
    pub(crate) database: DatabaseArgs,
}

/// Arguments of `stocks update-prices`.
#[derive(Clone, Debug, Args)]
pub(crate) struct StocksPricesArgs {
    /// The symbols; without any, all that are listed.
    #[arg(value_name = "SYMBOL", value_parser = symbol)]
    pub(crate) symbols: Vec<Symbol>,
    /// Ask this provider only.
    #[arg(long, value_name = "PROVIDER", value_parser = provider)]
    pub(crate) provider: Option<ProviderKind>,
    #[command(flatten)]
    pub(crate) database: DatabaseArgs,
}

/// Arguments of `stocks import-history`.
#[derive(Clone, Debug, Args)]
pub(crate) struct StocksHistoryArgs {
    /// The symbols; without any, all that are listed.
    #[arg(value_name = "SYMBOL", value_parser = symbol)]
    pub(crate) symbols: Vec<Symbol>,
    /// The first day; without it, where each history ends, or five years ago.
    #[arg(long, value_name = "DAY", value_parser = day)]
    pub(crate) from: Option<Day>,
    /// The last day; without it, yesterday.
    #[arg(long, value_name = "DAY", value_parser = day)]
    pub(crate) to: Option<Day>,
    /// Ask this provider only.
    #[arg(long, value_name = "PROVIDER", value_parser = provider)]
    pub(crate) provider: Option<ProviderKind>,
    #[command(flatten)]
    pub(crate) database: DatabaseArgs,
}

fn symbol(text: &str) -> Result<Symbol, String> {
    Symbol::parse(text).map_err(|error| error.to_string())
}

fn price_unit(text: &str) -> Result<PriceUnit, String> {
    PriceUnit::parse(text).ok_or_else(|| "expected a currency like USD or GBX".to_owned())
}

fn date_order(text: &str) -> Result<DateOrder, String> {
    let known = [DateOrder::DayFirst, DateOrder::MonthFirst];
    let found = known.into_iter().find(|order| order.as_str() == text);
    found.ok_or_else(|| "expected day-first or month-first".to_owned())
}

fn decimal_mark(text: &str) -> Result<DecimalMark, String> {
    let known = [DecimalMark::Point, DecimalMark::Comma];
    let found = known.into_iter().find(|mark| mark.as_str() == text);
    found.ok_or_else(|| "expected point or comma".to_owned())
}

fn day(text: &str) -> Result<Day, String> {
    Day::parse(text).ok_or_else(|| "expected a day like 2026-11-27".to_owned())
}

fn provider(text: &str) -> Result<ProviderKind, String> {
    let words = ProviderKind::ALL.map(ProviderKind::as_str).join(", ");
    ProviderKind::parse(text).ok_or_else(|| format!("expected one of {words}"))
}
