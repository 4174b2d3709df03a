//! `openbell stocks describe`: names, categories and texts of stocks, from CSV or TOML, for the
//! game or for an imported market. All of a file or nothing.

use std::process::ExitCode;

use domain::{Clock as _, Symbol};
use market::{ImportOptions, Importer};

use super::failed;
use super::import::{cleaned, read};
use super::report::Report;
use crate::boot::config::Config;
use crate::cli::StocksDescribeArgs;
use crate::clock::SystemClock;
use crate::commands::connect_existing;
use crate::error::Failure;
use crate::term;

/// How many unknown symbols are named.
const NAMED_MAX: usize = 10;

/// Describes the stocks of the files; 1 when a line was refused, and then nothing is changed.
pub(super) async fn run(config: &Config, args: &StocksDescribeArgs) -> Result<ExitCode, Failure> {
    let mut importer = Importer::new(ImportOptions {
        currency: None,
        decimal: None,
        dates: None,
        symbol: None,
        today: SystemClock.now().day(),
        skip_bad: false,
    });
    let mut report = Report::open(None)?;
    for path in &args.files {
        read(&mut importer, path, &mut report)?;
    }
    report.unlisted();
    let refused = importer.summary().refused;
    if refused > 0 {
        return Ok(nothing(&format!("because {refused} lines are refused")));
    }
    let found = importer.finish();
    if !found.stocks.is_empty() {
        return Ok(nothing("because a file has daily bars: `openbell stocks import` takes them"));
    }
    let texts = found.texts;
    if texts.is_empty() {
        return Ok(nothing("because no file describes a stock"));
    }
    let store = connect_existing(config).await?;
    let unknown = match &args.market {
        None => store.describe_stocks(&texts).await.map_err(failed(config)),
        Some(name) => match store.find_market(name).await.map_err(failed(config))? {
            None => Err(Failure::NoMarket(name.clone())),
            Some(found) => {
                store.describe_market(found.market_id, &texts).await.map_err(failed(config))
            }
        },
    };
    store.close().await;
    let unknown = unknown?;
    if !unknown.is_empty() {
        let place = match &args.market {
            None => "the game does not list".to_owned(),
            Some(name) => format!("the market {name} does not have"),
        };
        let first: Vec<&str> = unknown.iter().take(NAMED_MAX).map(Symbol::as_str).collect();
        let more = if unknown.len() > NAMED_MAX { ", …" } else { "" };
        let (count, first) = (unknown.len(), first.join(", "));
        return Ok(nothing(&format!("because {place} {count} of the stocks: {first}{more}")));
    }
    let mut text = format!("{} stocks were described\n", texts.len());
    text.push_str(&cleaned(&found.summary));
    term::say(&text);
    Ok(ExitCode::SUCCESS)
}

fn nothing(why: &str) -> ExitCode {
    term::complain(&format!("nothing was described, {why}"));
    ExitCode::FAILURE
}
