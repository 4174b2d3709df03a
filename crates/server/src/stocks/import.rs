//! `openbell stocks import`: reads files whole before it writes anything, so that one bad line
//! changes nothing.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;
use std::process::ExitCode;

use domain::{Clock as _, Symbol};
use flate2::read::MultiGzDecoder;
use market::{DailyBar, ImportFile, ImportOptions, StockText, join_texts, read_import};
use store::{Bar, ImportCounts, MarketStock, NewMarket};

use super::{failed, open};
use crate::cli::StocksImportArgs;
use crate::clock::SystemClock;
use crate::commands::progress_bar;
use crate::config::Config;
use crate::failure::Failure;
use crate::term;

/// The longest name of a market.
const NAME_MAX: usize = 32;

/// Imports the files; 1 when a line was refused, and then nothing is changed.
pub(super) async fn run(config: &Config, args: &StocksImportArgs) -> Result<ExitCode, Failure> {
    if !is_name(&args.market) {
        return Err(Failure::BadName(args.market.clone()));
    }
    let now = SystemClock.now();
    let options = ImportOptions { currency: args.currency.clone(), today: now.day() };
    let (mut bars, mut texts, mut refused) = (Vec::new(), Vec::new(), 0);
    let (mut left_out, mut tiny) = (0, 0);
    for path in &args.files {
        let found = read(path, &options)?;
        for line in &found.refused {
            term::complain(&format!("{}:{}: {}", path.display(), line.line, line.reason));
        }
        let more = found.refused_total - found.refused.len() as u64;
        if more > 0 {
            term::complain(&format!("{}: {more} more lines are refused", path.display()));
        }
        refused += found.refused_total;
        left_out += found.left_out;
        tiny += found.tiny;
        bars.extend(found.bars);
        texts.extend(found.stocks);
    }
    if refused > 0 {
        term::complain(&format!("nothing was imported, because {refused} lines are refused"));
        return Ok(ExitCode::FAILURE);
    }
    let mut bars: Vec<(Symbol, Bar)> = bars.into_iter().map(kept).collect();
    // In the order of the table, which is written several times as fast so.
    bars.sort_by(|one, two| (&one.0, one.1.day).cmp(&(&two.0, two.1.day)));
    let twice = bars.windows(2).find(|two| (&two[0].0, two[0].1.day) == (&two[1].0, two[1].1.day));
    if let Some([(symbol, bar), _]) = twice {
        let day = bar.day;
        term::complain(&format!("nothing was imported: two files have {symbol} of {day}"));
        return Ok(ExitCode::FAILURE);
    }
    let stocks: Vec<MarketStock> = join_texts(texts).into_iter().map(described).collect();
    let (_lock, store) = open(config).await?;
    let market = NewMarket {
        name: args.market.clone(),
        exchange: args.exchange.clone(),
        currency: args.currency.clone().unwrap_or_else(|| "USD".to_owned()),
    };
    let bar = progress_bar("importing {wide_bar} {pos}/{len} bars", bars.len() as u64);
    let progress = |done: usize| bar.set_position(done as u64);
    let imported = store.import_market(&market, &stocks, &bars, args.dry_run, now, progress).await;
    let counts = imported.map_err(failed(config))?;
    bar.finish_and_clear();
    if !args.dry_run {
        store.checkpoint().await.map_err(failed(config))?;
    }
    store.close().await;
    term::say(&told(&args.market, &counts, (left_out, tiny), args.dry_run));
    Ok(ExitCode::SUCCESS)
}

fn read(path: &Path, options: &ImportOptions) -> Result<ImportFile, Failure> {
    let unreadable = |error| Failure::ReadFile(path.to_owned(), error);
    let file = BufReader::new(File::open(path).map_err(unreadable)?);
    let is_packed = path.extension().is_some_and(|extension| extension == "gz");
    let file: Box<dyn Read> = if is_packed {
        Box::new(BufReader::new(MultiGzDecoder::new(file)))
    } else {
        Box::new(file)
    };
    read_import(file, options).map_err(|error| Failure::Import(path.to_owned(), error))
}

fn is_name(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=NAME_MAX).contains(&text.len()) && text.bytes().all(plain)
}

fn kept((symbol, bar): (Symbol, DailyBar)) -> (Symbol, Bar) {
    let DailyBar { day, open, high, low, close, volume } = bar;
    (symbol, Bar { day, open, high, low, close, volume })
}

fn described(text: StockText) -> MarketStock {
    MarketStock {
        symbol: text.symbol,
        name: text.name,
        category: text.category,
        description: text.description,
        kid_friendly_description: text.kid_friendly_description,
        fun_fact: text.fun_fact,
    }
}

fn told(name: &str, counts: &ImportCounts, (left_out, tiny): (u64, u64), dry_run: bool) -> String {
    let ImportCounts { stocks, bars_new, bars_changed, bars_same } = counts;
    let all = bars_new + bars_changed + bars_same;
    let mut text = format!(
        "market {name}: {stocks} stocks; {all} bars read: {bars_new} new, {bars_changed} changed, \
         {bars_same} the same\n"
    );
    if left_out > 0 {
        text.push_str(&format!("{left_out} bars in other currencies were left out\n"));
    }
    if tiny > 0 {
        text.push_str(&format!("{tiny} bars have prices below 0.0001, kept as 0.0001\n"));
    }
    if dry_run {
        text.push_str("nothing was written: this was a dry run\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_market_is_named_in_small_letters_digits_and_hyphens() {
        for (text, good) in [("us-2013", true), ("", false), ("US", false), ("a b", false)] {
            assert_eq!(is_name(text), good, "{text}");
        }
        assert!(!is_name(&"a".repeat(33)));
    }
}
