//! `openbell stocks import`: reads files whole before it writes anything, so that one malformed
//! line changes nothing. Rejected and omitted lines are counted, printed up to a limit, and written
//! to a report on request.

use std::collections::HashSet;
use std::fs::File;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use domain::{Clock as _, Currency, DailyBar, StockDescription, Symbol, UnixMicros};
use market::{
    AtEnd, DateOrder, DecimalMark, GameMarket, ImportOptions, ImportSummary, ImportedData,
    Importer, PriceUnit,
};
use store::{ImportCounts, NewMarket, Store, StoreError};
use web::SecurityEvent;

use super::list::all_stocks;
use super::parsers;
use super::report::ImportReport;
use crate::boot::config::{self, Config, DatabaseArgs, Flags};
use crate::boot::database::{database_error, lock_database, open_and_migrate, open_existing};
use crate::boot::game_clock;
use crate::boot::start::open_source;
use crate::clock::SystemClock;
use crate::commands::log_action;
use crate::error::CommandError;
use crate::term;

const NAME_BYTES_MAX: usize = 32;
/// The most games of one market that are checked before it is extended.
const GAMES_MAX: i64 = 10_000;
/// Values of `market.source` that never play an imported market.
const RESERVED_NAMES: [&str; 3] = ["live", "simulated", "fixed"];

#[derive(Clone, Debug, Args)]
pub(crate) struct ImportStocksArgs {
    /// The files, in any order.
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// The market's name, which market.replay.market refers to.
    #[arg(long, value_name = "NAME")]
    market: String,
    /// The exchange, for the list.
    #[arg(long, value_name = "WORD", default_value = "-")]
    exchange: String,
    /// The currency (ISO 4217, or a smaller unit like GBX) of files without one; of a file with
    /// several, only bars in this one are imported.
    #[arg(long, value_name = "CODE", value_parser = parsers::price_unit)]
    currency: Option<PriceUnit>,
    /// The decimal mark, where the files are ambiguous: point or comma.
    #[arg(long, value_name = "MARK", value_parser = parsers::decimal_mark)]
    decimal: Option<DecimalMark>,
    /// The order of dates like 02/08/2013: day-first or month-first. Without it they are rejected.
    #[arg(long, value_name = "ORDER", value_parser = parsers::date_order)]
    dates: Option<DateOrder>,
    /// The stock of files without a column of symbols; by default their name (AAPL.csv).
    #[arg(long, value_name = "SYMBOL", value_parser = parsers::symbol)]
    symbol: Option<Symbol>,
    /// Omit and list malformed lines, instead of importing nothing.
    #[arg(long)]
    skip_bad: bool,
    /// Write every rejected or omitted line, and every warning, to this CSV file.
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Check everything and print what would change, but change nothing.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    database: DatabaseArgs,
}

/// The exit code is 1 if a line was rejected; nothing is changed then.
pub(super) async fn run(args: &ImportStocksArgs) -> Result<ExitCode, CommandError> {
    let config = config::load(&Flags::from(args.database.clone()))?.config;
    if !is_name(&args.market) {
        return Err(CommandError::BadName(args.market.clone()));
    }
    if RESERVED_NAMES.contains(&args.market.as_str()) {
        return Err(CommandError::ReservedName(args.market.clone()));
    }
    let now = SystemClock.now();
    let mut report = ImportReport::open(args.report.as_deref())?;
    let Some(import) = read_files(args, now, &mut report)? else { return Ok(ExitCode::FAILURE) };
    let ImportedData { stocks, texts, currency, tick, summary } = import;
    let has_currency = currency.is_some();
    let market =
        NewMarket { name: args.market.clone(), exchange: args.exchange.clone(), currency, tick };
    if stocks.is_empty() {
        check_bars(&config, &market.name).await?;
    }
    let mut without_bars: HashSet<Symbol> = texts.iter().map(|text| text.symbol.clone()).collect();
    for (symbol, _) in &stocks {
        without_bars.remove(symbol);
    }
    let bars: Vec<(Symbol, DailyBar)> = stocks
        .into_iter()
        .flat_map(|(symbol, bars)| bars.into_iter().map(move |bar| (symbol.clone(), bar)))
        .collect();
    let _lock = lock_database(&config)?;
    let store = open_and_migrate(&config.database).await?;
    let written = async {
        let without_bars = count_without_bars(&store, &market.name, without_bars).await;
        let without_bars = without_bars.map_err(database_error(&config.database))?;
        if !bars.is_empty() {
            check_games(&config, &store, &market.name, now).await?;
        }
        let counts = write(&config, &store, &market, (&texts, &bars), args.dry_run, now).await?;
        Ok((counts, without_bars))
    };
    let written: Result<(ImportCounts, usize), CommandError> = written.await;
    store.close().await;
    let (counts, without_bars) = written?;
    report.jumps(&counts.jumps)?;
    report.finish()?;
    let mut text = counted(&market.name, &counts, &bars, has_currency);
    text.push_str(&details(&summary));
    if without_bars > 0 {
        text.push_str(&format!(
            "{without_bars} stocks have texts and no bars, and are not part of the market\n"
        ));
    }
    if args.dry_run {
        text.push_str("nothing was written: this was a dry run\n");
    } else {
        let event = SecurityEvent::of_command(None, "stocks_import");
        log_action(&config, event.with_subject(&market.name))?;
    }
    term::print(&text);
    Ok(ExitCode::SUCCESS)
}

/// How many of these stocks have no bars in the market either.
async fn count_without_bars(
    store: &Store,
    market: &str,
    mut symbols: HashSet<Symbol>,
) -> Result<usize, StoreError> {
    if symbols.is_empty() {
        return Ok(0);
    }
    let Some(market) = store.find_market(market).await? else { return Ok(symbols.len()) };
    for stock in all_stocks(store, market.market_id).await? {
        if stock.bars > 0 {
            symbols.retain(|symbol| symbol.as_str() != stock.symbol);
        }
    }
    Ok(symbols.len())
}

/// `None` if a line was rejected.
fn read_files(
    args: &ImportStocksArgs,
    now: UnixMicros,
    report: &mut ImportReport,
) -> Result<Option<ImportedData>, CommandError> {
    if let Some(path) = named_twice(&args.files) {
        return Err(CommandError::FileTwice(path.clone()));
    }
    let mut importer = Importer::new(ImportOptions {
        currency: args.currency.clone(),
        decimal: args.decimal,
        dates: args.dates,
        symbol: args.symbol.clone(),
        today: now.day(),
        skip_bad: args.skip_bad,
    });
    for path in &args.files {
        read(&mut importer, path, report)?;
    }
    let refused = importer.summary().refused;
    report.print_unlisted();
    if refused > 0 {
        report.finish()?;
        term::print_error(&format!(
            "nothing was imported, because {refused} lines are refused (--skip-bad leaves them out)"
        ));
        return Ok(None);
    }
    Ok(Some(importer.finish()))
}

/// Reads a CSV or TOML file.
pub(super) fn read(
    importer: &mut Importer,
    path: &Path,
    report: &mut ImportReport,
) -> Result<(), CommandError> {
    let unreadable = |error| CommandError::ReadFile(path.to_owned(), error);
    let name = path.display().to_string();
    let mut note = |note| report.note(&name, &note);
    let read = if path.extension().is_some_and(|extension| extension == "toml") {
        let text = std::fs::read_to_string(path).map_err(unreadable)?;
        importer.read_toml(&name, &text, &mut note)
    } else {
        importer.read(&name, File::open(path).map_err(unreadable)?, &mut note)
    };
    read.map_err(|error| CommandError::Import(path.to_owned(), error))
}

/// A file that is named twice, by any path or link.
fn named_twice(files: &[PathBuf]) -> Option<&PathBuf> {
    let mut seen = HashSet::new();
    files.iter().find(|path| {
        let found = std::fs::metadata(path).ok();
        found.is_some_and(|found| !seen.insert((found.dev(), found.ino())))
    })
}

/// A new market needs daily bars, not only texts.
async fn check_bars(config: &Config, name: &str) -> Result<(), CommandError> {
    let no_bars = || CommandError::NoBars(name.to_owned());
    let Ok(store) = open_existing(config).await else { return Err(no_bars()) };
    let found = store.find_market(name).await;
    store.close().await;
    match found {
        Ok(Some(_)) => Ok(()),
        // The schema may be older than markets.
        Ok(None) | Err(_) => Err(no_bars()),
    }
}

/// A market that games play is extended only while none of them starts over or has ended.
async fn check_games(
    config: &Config,
    store: &Store,
    name: &str,
    now: UnixMicros,
) -> Result<(), CommandError> {
    let failed = database_error(&config.database);
    let Some(market) = store.find_market(name).await.map_err(&failed)? else { return Ok(()) };
    let games = store.games_of_market(market.market_id, GAMES_MAX).await.map_err(&failed)?;
    for game in games {
        let settings = GameMarket::parse(game.market_settings.as_deref().unwrap_or_default())?;
        let played = settings.replace(config.market.clone());
        let code = game.code.clone();
        if played.replay.at_end == AtEnd::Loop {
            return Err(CommandError::MarketStartsOver { name: name.to_owned(), code });
        }
        let clock = game_clock::read(store, &game, config, now).await.map_err(&failed)?;
        if open_source(store, &game, &played, config, clock).await?.0.present(now).ended {
            return Err(CommandError::MarketEnded { name: name.to_owned(), code });
        }
    }
    Ok(())
}

async fn write(
    config: &Config,
    store: &Store,
    market: &NewMarket,
    (texts, bars): (&[StockDescription], &[(Symbol, DailyBar)]),
    dry_run: bool,
    now: UnixMicros,
) -> Result<ImportCounts, CommandError> {
    let found = store.find_market(&market.name).await.map_err(database_error(&config.database))?;
    if let (Some(found), Some(currency)) = (&found, &market.currency)
        && found.currency != *currency
    {
        let (name, currency) = (market.name.clone(), currency.clone());
        let stored = found.currency.clone();
        return Err(CommandError::ImportCurrency { name, stored, currency });
    }
    if let (None, Some(code)) = (&found, &market.currency) {
        Currency::parse_active(code).map_err(CommandError::MarketOfCurrency)?;
    }
    let bar = term::progress_bar("importing {wide_bar} {pos}/{len} bars", bars.len() as u64);
    let progress = |done: usize| bar.set_position(done as u64);
    let imported = store.import_market(market, texts, bars, dry_run, now, progress).await;
    let counts = imported.map_err(database_error(&config.database))?;
    bar.finish_and_clear();
    if !dry_run {
        store.checkpoint().await.map_err(database_error(&config.database))?;
    }
    Ok(counts)
}

fn is_name(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=NAME_BYTES_MAX).contains(&text.len()) && text.bytes().all(plain)
}

fn counted(
    name: &str,
    counts: &ImportCounts,
    bars: &[(Symbol, DailyBar)],
    has_currency: bool,
) -> String {
    let ImportCounts { stocks, bars_new, bars_changed, bars_same, currency, tick, .. } = counts;
    let all = bars_new + bars_changed + bars_same;
    let mut text = format!(
        "market {name}: {stocks} stocks; {all} bars read: {bars_new} new, {bars_changed} changed, \
         {bars_same} the same\n"
    );
    let days = bars.iter().map(|(_, bar)| bar.day);
    if let Some((first, last)) = days.clone().min().zip(days.max()) {
        text.push_str(&format!("days: {first} to {last}\n"));
    }
    let is_assumed = !has_currency && *bars_new > 0;
    let assumed = if is_assumed { " (no file names one)" } else { "" };
    text.push_str(&format!("currency: {currency}{assumed}; tick: {tick}\n"));
    text
}

/// What was omitted and what was changed, a line each.
fn details(summary: &ImportSummary) -> String {
    let left_out = [
        (summary.other_currencies, "in other currencies"),
        (summary.other_series, "of other series than EQ"),
        (summary.without_price, "without a price"),
        (summary.notes, "totals, notes and repeated headers"),
        (summary.bad, "bad"),
    ];
    let left_out: Vec<String> = left_out
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!("{count} {what}"))
        .collect();
    let mut text = format!("rows: {} read", summary.rows);
    if !left_out.is_empty() {
        text.push_str(&format!("; left out: {}", left_out.join(", ")));
    }
    text.push('\n');
    for (count, what) in [
        (summary.rounded, "bars have prices finer than 0.0001, which were rounded to it"),
        (summary.moved, "of these have a price that rounding moves by more than 0.5 %"),
        (
            summary.widened,
            "bars had open or close a step outside of high and low, which were widened",
        ),
        (summary.zeros, "bars have an open, high or low of 0, which counts as missing"),
    ] {
        if count > 0 {
            text.push_str(&format!("{count} {what}\n"));
        }
    }
    text.push_str(&cleaned(summary));
    text
}

/// What was removed from texts, a line each.
pub(super) fn cleaned(summary: &ImportSummary) -> String {
    let removed = [
        (summary.markup, "texts had HTML, which was removed"),
        (summary.controls, "texts had control characters, which were removed"),
    ];
    let lines = removed.iter().filter(|(count, _)| *count > 0);
    lines.map(|(count, what)| format!("{count} {what}\n")).collect()
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

    #[test]
    fn what_was_left_out_is_counted_by_reason() {
        let summary = ImportSummary { rows: 12, bad: 2, without_price: 1, ..Default::default() };
        assert_eq!(details(&summary), "rows: 12 read; left out: 1 without a price, 2 bad\n");
        let summary = ImportSummary { rows: 3, moved: 1, rounded: 2, ..Default::default() };
        let text = details(&summary);
        assert!(text.starts_with("rows: 3 read\n2 bars have prices finer than 0.0001"), "{text}");
        assert!(text.ends_with("more than 0.5 %\n"), "{text}");
    }
}
