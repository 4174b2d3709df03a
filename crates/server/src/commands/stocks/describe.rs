//! `openbell stocks describe`: sets names, categories and texts of stocks, from CSV or TOML, in the
//! game or in an imported market. One malformed line rejects all.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use domain::{Clock as _, StockDescription, Symbol};
use market::{ImportOptions, Importer};
use web::SecurityEvent;

use super::import::{cleaned, read};
use super::report::ImportReport;
use crate::boot::config::{self, Config, DatabaseArgs, Flags};
use crate::boot::database::{database_error, open_existing};
use crate::clock::SystemClock;
use crate::commands::log_action;
use crate::error::CommandError;
use crate::term;

/// How many unknown symbols are named.
const NAMED_MAX: usize = 10;

#[derive(Clone, Debug, Args)]
pub(crate) struct DescribeStocksArgs {
    /// CSV with symbol and any of name, category, description, kid_description, fun_fact, or TOML
    /// with the same in [[stocks]].
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// The imported market; by default the stocks of the game, whatever its market.
    #[arg(long, value_name = "NAME")]
    market: Option<String>,
    #[command(flatten)]
    database: DatabaseArgs,
}

/// The exit code is 1 if nothing was changed.
pub(super) async fn run(args: &DescribeStocksArgs) -> Result<ExitCode, CommandError> {
    let config = config::load(&Flags::from(args.database.clone()))?.config;
    let mut importer = Importer::new(ImportOptions {
        currency: None,
        decimal: None,
        dates: None,
        symbol: None,
        today: SystemClock.now().day(),
        skip_bad: false,
    });
    let mut report = ImportReport::open(None)?;
    for path in &args.files {
        read(&mut importer, path, &mut report)?;
    }
    report.print_unlisted();
    let refused = importer.summary().refused;
    if refused > 0 {
        return Ok(reject(&format!("because {refused} lines are refused")));
    }
    let found = importer.finish();
    if !found.stocks.is_empty() {
        return Ok(reject("because a file has daily bars: `openbell stocks import` takes them"));
    }
    if found.texts.is_empty() {
        return Ok(reject("because no file describes a stock"));
    }
    let unknown = save(&config, args.market.as_deref(), &found.texts).await?;
    if !unknown.is_empty() {
        let subject = match &args.market {
            None => "the game does not list".to_owned(),
            Some(name) => format!("the market {name} does not have"),
        };
        let first: Vec<&str> = unknown.iter().take(NAMED_MAX).map(Symbol::as_str).collect();
        let more = if unknown.len() > NAMED_MAX { ", …" } else { "" };
        let (count, first) = (unknown.len(), first.join(", "));
        return Ok(reject(&format!("because {subject} {count} of the stocks: {first}{more}")));
    }
    let event = SecurityEvent::of_command(None, "stocks_describe");
    log_action(&config, event.with_subject(args.market.as_deref().unwrap_or("the game")))?;
    let mut text = format!("{} stocks were described\n", found.texts.len());
    text.push_str(&cleaned(&found.summary));
    term::print(&text);
    Ok(ExitCode::SUCCESS)
}

/// The unknown symbols; nothing is saved if there are any.
async fn save(
    config: &Config,
    market: Option<&str>,
    texts: &[StockDescription],
) -> Result<Vec<Symbol>, CommandError> {
    let failed = database_error(&config.database);
    let store = open_existing(config).await?;
    let unknown = match market {
        None => store.describe_stocks(texts).await.map_err(&failed),
        Some(name) => match store.find_market(name).await.map_err(&failed)? {
            None => Err(CommandError::NoMarket(name.to_owned())),
            Some(found) => store.describe_market(found.market_id, texts).await.map_err(&failed),
        },
    };
    store.close().await;
    unknown
}

fn reject(reason: &str) -> ExitCode {
    term::print_error(&format!("nothing was described, {reason}"));
    ExitCode::FAILURE
}
