//! `openbell stocks list`: lists the imported markets, or the stocks of one.

use std::process::ExitCode;

use clap::Args;
use domain::{Day, Price};
use serde_json::{Value, json};
use store::{MarketInfo, MarketStockInfo, Store, StoreError};

use crate::boot::config::DatabaseArgs;
use crate::boot::database::{configure_and_open, database_error};
use crate::error::CommandError;
use crate::term;

#[derive(Clone, Debug, Args)]
pub(crate) struct ListStocksArgs {
    /// The market whose stocks to list.
    #[arg(long, value_name = "NAME")]
    market: Option<String>,
    /// Print one JSON object a line.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    database: DatabaseArgs,
}

pub(super) async fn run(args: ListStocksArgs) -> Result<ExitCode, CommandError> {
    let (config, store) = configure_and_open(args.database).await?;
    let text = text(&store, args.market.as_deref(), args.json).await;
    store.close().await;
    let text = text.map_err(database_error(&config.database))?;
    let Some(text) = text else {
        return Err(CommandError::NoMarket(args.market.unwrap_or_default()));
    };
    term::print(&text);
    Ok(ExitCode::SUCCESS)
}

/// `None` if the market does not exist.
async fn text(
    store: &Store,
    market: Option<&str>,
    as_json: bool,
) -> Result<Option<String>, StoreError> {
    let Some(name) = market else {
        let markets = store.markets().await?;
        return Ok(Some(if as_json { lines(&markets, market_json) } else { table(&markets) }));
    };
    let Some(market) = store.find_market(name).await? else { return Ok(None) };
    let stocks = all_stocks(store, market.market_id).await?;
    Ok(Some(if as_json { lines(&stocks, stock_json) } else { stock_table(&stocks) }))
}

pub(super) async fn all_stocks(
    store: &Store,
    market_id: i64,
) -> Result<Vec<MarketStockInfo>, StoreError> {
    let mut stocks: Vec<MarketStockInfo> = Vec::new();
    loop {
        let after = stocks.last().map(|stock| stock.symbol.clone()).unwrap_or_default();
        let page = store.market_stocks_page(market_id, &after, 100).await?;
        if page.is_empty() {
            return Ok(stocks);
        }
        stocks.extend(page);
    }
}

fn day(day: Option<i64>) -> String {
    let day = day.and_then(|day| i32::try_from(day).ok()).map(Day);
    day.map_or("-".to_owned(), |day| day.to_string())
}

fn tick(market: &MarketInfo) -> Option<String> {
    market.tick.map(|tick| Price(tick).to_string())
}

fn table(markets: &[MarketInfo]) -> String {
    if markets.is_empty() {
        return "no market was imported\n".to_owned();
    }
    let mut text = format!(
        "{:<20} {:<8} {:<8} {:>6} {:>7} {:>10} {:>12} {:>12}\n",
        "market", "exchange", "currency", "tick", "stocks", "bars", "first day", "last day"
    );
    for one in markets {
        text.push_str(&format!(
            "{:<20} {:<8} {:<8} {:>6} {:>7} {:>10} {:>12} {:>12}\n",
            one.name,
            one.exchange,
            one.currency,
            tick(one).unwrap_or_else(|| "-".to_owned()),
            one.stocks,
            one.bars,
            day(one.first_day),
            day(one.last_day)
        ));
    }
    text
}

fn stock_table(stocks: &[MarketStockInfo]) -> String {
    let mut text =
        format!("{:<12} {:>7} {:>12} {:>12}  name\n", "symbol", "bars", "first day", "last day");
    for one in stocks {
        let (first, last) = (day(one.first_day), day(one.last_day));
        text.push_str(&format!(
            "{:<12} {:>7} {first:>12} {last:>12}  {}\n",
            one.symbol, one.bars, one.name
        ));
    }
    text
}

/// One JSON object a line.
fn lines<T>(rows: &[T], json: impl Fn(&T) -> Value) -> String {
    rows.iter().map(|row| format!("{}\n", json(row))).collect()
}

fn market_json(one: &MarketInfo) -> Value {
    json!({
        "market": one.name, "exchange": one.exchange, "currency": one.currency,
        "tick": tick(one), "stocks": one.stocks, "bars": one.bars,
        "first_day": day(one.first_day), "last_day": day(one.last_day),
    })
}

fn stock_json(one: &MarketStockInfo) -> Value {
    json!({
        "symbol": one.symbol, "name": one.name, "category": one.category, "bars": one.bars,
        "first_day": day(one.first_day), "last_day": day(one.last_day),
    })
}
