//! `openbell import-laravel`: imports the players of the earlier application. Its database is read
//! in one snapshot, page by page; the players are written in one transaction, which is committed
//! only if all sums are equal. docs/moving-in.md is the guide.

mod amounts;
mod catalogue;
mod comparison;
mod issues;
mod planner;
mod report;
mod report_file;
mod tally;

use std::io::BufRead as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use domain::{Clock as _, Day, MinorUnit, VersionedRules};
use store::{LaravelDatabase, MAIN, PlayerImport, Store, StoreError};
use web::SecurityEvent;

use self::catalogue::EarlierCatalogue;
use self::issues::{IssueKind, IssueList};
use self::planner::{ImportPlanner, PlannedPage};
use self::report::LaravelReport;
use self::report_file::ReportFile;
use super::log_action;
use crate::boot::config::{
    self, Config, DatabaseArgs, Flags, load_rules_of_game, without_password,
};
use crate::boot::data_dir::{DataDirError, DatabaseLock};
use crate::boot::database::{database_error, lock_database, open_existing};
use crate::boot::game_clock;
use crate::boot::game_rules::open_rules;
use crate::boot::start::{market_of_game, open_source};
use crate::clock::SystemClock;
use crate::error::CommandError;
use crate::term;

/// Users of one page, which is planned and written at once.
const PAGE_ROWS: i64 = 1_000;
/// What the earlier application counted amounts in.
const MINOR_UNIT: MinorUnit = MinorUnit::Hundredth;

#[derive(Clone, Debug, Args)]
pub(crate) struct ImportLaravelArgs {
    /// The earlier database: mysql://USER:PASSWORD@HOST/NAME, postgres://… or the path of an SQLite
    /// file; - reads it from the first line of the standard input.
    #[arg(value_name = "URL")]
    url: String,
    /// Check and compare everything, then undo it.
    #[arg(long)]
    dry_run: bool,
    /// Write the whole report to this file as JSON.
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Sell holdings in stocks that the game does not have, at the last price of the earlier
    /// application, instead of importing nothing.
    #[arg(long)]
    convert_unknown_to_cash: bool,
    /// Leave out users who cannot be imported, such as those without a valid address, instead of
    /// importing nothing.
    #[arg(long)]
    skip_damaged: bool,
    #[command(flatten)]
    database: DatabaseArgs,
}

/// What of the damage is accepted.
#[derive(Clone, Copy, Debug, Default)]
struct ImportOptions {
    convert_unknown: bool,
    skip_damaged: bool,
}

/// The game that the players are imported into.
struct TargetGame {
    config: Config,
    rules: Arc<VersionedRules>,
    store: Store,
    catalogue: EarlierCatalogue,
    market_day: Day,
    _lock: Option<DatabaseLock>,
}

pub(super) async fn run(args: ImportLaravelArgs) -> Result<ExitCode, CommandError> {
    let url = read_url(&args.url)?;
    let shown = without_password(&url);
    let unreadable = |error| CommandError::EarlierDatabase(shown.clone(), error);
    let config = config::load(&Flags::from(args.database.clone()))?.config;
    if let Some(file) = config.sqlite_file().filter(|file| !file.is_file()) {
        return Err(DataDirError::NoDatabase(file).into());
    }
    let lock = lock_database(&config)?;
    let mut source = LaravelDatabase::open(&url).await.map_err(unreadable)?;
    let report_file = args.report.as_deref().map(ReportFile::create).transpose()?;
    let options = ImportOptions {
        convert_unknown: args.convert_unknown_to_cash,
        skip_damaged: args.skip_damaged,
    };
    let target = open_target(config, lock, &mut source, &shown).await?;
    let mut report = LaravelReport::new(shown.clone(), args.dry_run);
    let mut issues = IssueList::new(options);
    report.not_compared = comparison::compare_trades(&mut source, &target.catalogue, &mut issues)
        .await
        .map_err(unreadable)?;
    import(&mut source, &target, options, issues, &mut report).await?;
    source.close().await;
    target.store.close().await;
    // The outcome first: what follows may fail.
    term::print(&report.to_text());
    if report.is_imported() {
        let event = SecurityEvent::of_command(None, "import_laravel");
        log_action(&target.config, event.with_subject(report.imported_users()))?;
    }
    if let Some(file) = report_file {
        file.replace(&term::to_json(&report))?;
    }
    Ok(if report.is_refused() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn read_url(argument: &str) -> Result<String, CommandError> {
    if argument != "-" {
        return Ok(argument.to_owned());
    }
    let mut line = String::new();
    let read = std::io::stdin().lock().read_line(&mut line);
    read.map_err(|error| CommandError::Process("no address on the standard input", error))?;
    Ok(line.trim().to_owned())
}

/// Opens a game that a server has prepared, and matches its stocks and achievements.
async fn open_target(
    config: Config,
    lock: Option<DatabaseLock>,
    source: &mut LaravelDatabase,
    shown: &str,
) -> Result<TargetGame, CommandError> {
    let configured = load_rules_of_game(&config.game.rules)?;
    let store = open_existing(&config).await?;
    let failed = database_error(&config.database);
    if store.schema_version().await.map_err(&failed)? < store.newest_schema() {
        return Err(CommandError::OlderSchema);
    }
    let game = store.find_game(MAIN).await.map_err(&failed)?.ok_or(CommandError::NoGame)?;
    let rules = open_rules(&config, &store, &game, &configured).await?.current();
    if rules.minor_unit != MINOR_UNIT {
        let currency = rules.currency.code().to_owned();
        let digits = rules.minor_unit.digits();
        return Err(CommandError::LaravelMinorUnit { currency, digits });
    }
    let market = market_of_game(&store, &game, &config, &rules).await?;
    let now = SystemClock.now();
    let clock = game_clock::read(&store, &game, &config, now).await.map_err(&failed)?;
    let (market, _) = open_source(&store, &game, &market, &config, clock).await?;
    store.ensure_ledger_month(now.month()).await.map_err(&failed)?;
    let listed = store.all_stocks().await.map_err(&failed)?;
    let catalogue = EarlierCatalogue::load(source, &market, &listed, &rules).await;
    let unreadable = |error| CommandError::EarlierDatabase(shown.to_owned(), error);
    let (catalogue, market_day) = (catalogue.map_err(unreadable)?, market.market_day(now));
    Ok(TargetGame { config, rules, store, catalogue, market_day, _lock: lock })
}

/// Plans, writes and compares all players; commits unless the report is refused or a dry run.
async fn import(
    source: &mut LaravelDatabase,
    target: &TargetGame,
    options: ImportOptions,
    issues: IssueList,
    report: &mut LaravelReport,
) -> Result<(), CommandError> {
    let unreadable = |error| CommandError::EarlierDatabase(report.source.clone(), error);
    let failed = database_error(&target.config.database);
    let totals = source.totals().await.map_err(unreadable)?;
    let shares = source.shares().await.map_err(unreadable)?;
    let now = SystemClock.now();
    let names = &target.config.names;
    let mut planner =
        ImportPlanner::new(&target.catalogue, &target.rules, names, options, now, issues);
    let mut writer = target.store.begin_player_import(now).await.map_err(&failed)?;
    let bar = term::progress_bar("importing {wide_bar} {pos}/{len} users", progress(totals.users));
    let mut after = i64::MIN;
    while let Some((page, last)) =
        planner.plan_page(source, after, PAGE_ROWS).await.map_err(unreadable)?
    {
        bar.inc(progress(page.users));
        write_page(&mut writer, &mut planner, page, target).await.map_err(&failed)?;
        after = last;
    }
    bar.finish_and_clear();
    let mut differences =
        tally::compare_with_source(&target.catalogue, &planner.read, &totals, &shares);
    if planner.issues.refusals() == 0 {
        differences.extend(
            tally::compare_with_target(&planner.imported, &mut writer).await.map_err(&failed)?,
        );
    }
    let cost = planner.bcrypt_cost_max;
    report.complete(planner, differences);
    if report.is_refused() || report.dry_run {
        writer.rollback().await.map_err(failed)
    } else {
        writer.commit(cost).await.map_err(failed)
    }
}

/// Writes a page, unless the import is refused already.
async fn write_page(
    writer: &mut PlayerImport,
    planner: &mut ImportPlanner<'_>,
    page: PlannedPage,
    target: &TargetGame,
) -> Result<(), StoreError> {
    let PlannedPage { players, source_ids, .. } = page;
    if players.is_empty() {
        return Ok(());
    }
    let keys: Vec<String> = players.iter().map(|player| player.email_key.clone()).collect();
    for key in writer.taken_emails(&keys).await? {
        planner.issues.add_for(source_ids.get(&key), IssueKind::TakenEmail, String::new());
    }
    if planner.issues.refusals() > 0 {
        return Ok(());
    }
    for key in writer.add(&players, target.market_day, &*target.rules).await? {
        planner.issues.add_for(source_ids.get(&key), IssueKind::SharedName, String::new());
    }
    Ok(())
}

fn progress(count: i64) -> u64 {
    u64::try_from(count).unwrap_or_default()
}
