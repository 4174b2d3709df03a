//! Measures archiving a month of the ledger (write, verify, drop), verifying the whole ledger, and
//! the latency of trades meanwhile. It settles and commits the trades first. It asserts no speed.
//!
//! `cargo bench -p archive --bench months -- [--rows N] [--engine sqlite|postgres]`. PostgreSQL is
//! a temporary cluster with its defaults.

use std::io::Write as _;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use archive::{ArchiveStore, Archiver, AuditConfig, S3Config, verify, verify_archived};
use domain::{
    Action, Clock as _, Day, Month, Order, Price, Quantity, Quote, QuoteSource, Rules, Side,
    StockInfo, Symbol, settle,
};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use store::{
    BatchMark, DatabaseConfig, LoadKey, NewPlayer, NewPlayerDefaults, PlayerUpdate, Store,
    Valuation,
};
use testkit::{ManualClock, Postgres, SeededEntropy};
use tokio::task::JoinHandle;
use tokio::time::Instant;

type BenchError = Box<dyn std::error::Error + Send + Sync>;

/// Players whose trades are settled together, and trades of each.
const PLAYERS: usize = 250;
const TRADES: usize = 20;
/// Players who trade while the month is archived, and the pause between their trades.
const TRADERS: usize = 50;
const PAUSE: Duration = Duration::from_millis(10);
/// How long they trade before the month is archived.
const BEFORE: Duration = Duration::from_secs(10);

#[tokio::main]
async fn main() -> ExitCode {
    if let Err(error) = run().await {
        print(&format!("error: {error}"));
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

fn print(text: &str) {
    let mut out = std::io::stdout().lock();
    // A reader that closed the pipe does not stop the bench.
    let _ = writeln!(out, "{text}").and_then(|()| out.flush());
}

fn print_rate(what: &str, entries: u64, began: Instant) {
    let seconds = began.elapsed().as_secs_f64();
    let rate = u128::from(entries) * 1000 / began.elapsed().as_millis().max(1);
    print(&format!("{what:<31} {entries} entries in {seconds:.1} s, {rate} a second"));
}

/// The number of rows and the engine.
fn arguments() -> Result<(usize, String), BenchError> {
    let (mut rows, mut engine) = (1_000_000, "postgres".to_owned());
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        match (word.as_str(), words.next()) {
            ("--rows", Some(value)) => rows = value.parse()?,
            ("--engine", Some(value)) => engine = value,
            ("--bench", _) => {}
            _ => return Err(format!("unknown argument {word}").into()),
        }
    }
    Ok((rows, engine))
}

async fn run() -> Result<(), BenchError> {
    let (rows, engine) = arguments()?;
    let directory = tempfile::tempdir()?;
    let cluster = (engine == "postgres").then(Postgres::start);
    let url = match &cluster {
        Some(cluster) => cluster.fresh_database(),
        None => format!("sqlite:{}", directory.path().join("bench.db").display()),
    };
    let config = DatabaseConfig { url: url.clone(), ..DatabaseConfig::default() };
    let game = Game::open(Store::open(&config).await?, rows).await?;
    let month = game.clock.now().month();
    let began = Instant::now();
    let entries = game.fill(rows).await?;
    print_rate("settled and committed", entries, began);
    game.clock.advance_seconds(40 * 86_400);
    game.store.ensure_ledger_months(game.clock.now()).await?;
    game.store.add_due_archives(game.clock.now().month(), game.clock.now()).await?;
    if cluster.is_some() {
        // A month that is over was vacuumed long ago.
        vacuum(&url).await?;
    }
    let began = Instant::now();
    check("verified by walking the chains", &verify(&game.store, |_, _| ()).await?, began)?;

    let calm = game.trade_for(BEFORE).await?;
    print(&format!("trades before             {calm}"));
    let archive = directory.path().join("archive").display().to_string();
    let archive_store = ArchiveStore::open(&archive, &S3Config::default())?;
    let (audit, clock) = (AuditConfig::default(), Arc::new(game.clock.clone()));
    let archiver =
        Archiver::new(game.store.clone(), archive_store, &audit, clock, "bench".to_owned());
    let postgres_url = cluster.is_some().then_some(url.as_str());
    write_month(&game, &archiver, month, postgres_url).await?;
    drop_month(&game, &archiver, month, postgres_url).await?;
    let archive_store = ArchiveStore::open(&archive, &S3Config::default())?;
    let began = Instant::now();
    let report = verify_archived(&game.store, &archive_store, |_, _| ()).await?;
    check("verified with the archive", &report, began)
}

fn check(what: &str, report: &archive::Report, began: Instant) -> Result<(), BenchError> {
    print_rate(what, report.entries, began);
    if report.holds() { Ok(()) } else { Err(report.to_string().into()) }
}

/// Writes the month while players trade.
async fn write_month(
    game: &Game,
    archiver: &Archiver,
    month: Month,
    postgres_url: Option<&str>,
) -> Result<(), BenchError> {
    let live = match postgres_url {
        Some(url) => Some((url, size(url, month).await?)),
        None => None,
    };
    reset_peak();
    let before = memory("VmRSS");
    let (trading, is_over) = game.start_trading();
    let began = Instant::now();
    let manifest = archiver.archive(month, |_| ()).await?;
    print_rate("written and verified", manifest.entries, began);
    is_over.store(true, Ordering::Relaxed);
    print(&format!("trades meanwhile          {}", trading.await??));
    print(&format!("memory                    {before} MB, at most {} MB", memory("VmHWM")));
    let (bytes, files) = (manifest.bytes(), manifest.parts.len());
    print(&format!("Parquet                   {} MB in {files} files", bytes / 1_000_000));
    if let Some((url, live)) = live {
        let (megabytes, times) = (live / 1_000_000, live / bytes.max(1));
        print(&format!("live, with its index      {megabytes} MB: {times} times as much"));
        let took = delete(url, month).await?;
        print(&format!("a copy of it, by DELETE   {:.1} s", took.as_secs_f64()));
    }
    Ok(())
}

/// Drops the month while players trade.
async fn drop_month(
    game: &Game,
    archiver: &Archiver,
    month: Month,
    postgres_url: Option<&str>,
) -> Result<(), BenchError> {
    let (trading, is_over) = game.start_trading();
    let probing = postgres_url.map(|url| {
        let (url, is_over) = (url.to_owned(), Arc::clone(&is_over));
        tokio::spawn(async move { probe(&url, &is_over).await })
    });
    let began = Instant::now();
    let dropped = archiver.drop_month(month, "a bench").await?;
    print_rate("dropped, heads saved", u64::try_from(dropped.entries)?, began);
    is_over.store(true, Ordering::Relaxed);
    print(&format!("trades meanwhile          {}", trading.await??));
    if let (Some(locked), Some(probing)) = (dropped.locked_micros, probing) {
        let (all, lock) = (locked / 1000, probing.await??.as_millis());
        print(&format!("of that, the transaction  {all} ms; a reader waits {lock} ms at most"));
    }
    Ok(())
}

/// Latencies of trades in microseconds.
struct Latencies(Vec<u128>);

impl std::fmt::Display for Latencies {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        let at = |per_mille: usize| {
            let place = sorted.len() * per_mille / 1000;
            sorted.get(place.min(sorted.len().saturating_sub(1))).copied().unwrap_or_default()
        };
        let count = sorted.len();
        let (half, most, nearly_all, all) = (at(500), at(990), at(999), at(1000));
        write!(f, "{count}, p50 {half} us, p99 {most} us, p99.9 {nearly_all} us, max {all} us")
    }
}

#[derive(Clone)]
struct Game {
    store: Store,
    clock: ManualClock,
    marks: Arc<SeededEntropy>,
    rules: Arc<Rules>,
    player_ids: Vec<i64>,
    stock_id: i64,
}

impl Game {
    async fn open(store: Store, rows: usize) -> Result<Self, BenchError> {
        let rules: Rules = toml::from_str(include_str!("../../../config/game.toml"))?;
        let clock = ManualClock::new();
        let now = clock.now();
        store.migrate().await?;
        store.ensure_game("fixed", now).await?;
        store.ensure_ledger_months(now).await?;
        store.save_achievements(&rules).await?;
        let text = || "A".to_owned();
        let stock = StockInfo {
            symbol: Symbol::parse("A")?,
            name: text(),
            category: text(),
            description: text(),
            kid_friendly_description: text(),
            fun_fact: None,
        };
        let stocks = store.save_stocks(&[stock]).await?;
        let common = NewPlayerDefaults {
            password_hash: "-",
            token_name: "bench",
            token_expires_at: now.plus_seconds(86_400),
            is_ranked: true,
        };
        // Some hundred entries a player.
        let count = (rows / 500).max(PLAYERS) + TRADERS;
        let new = |number: usize| {
            let mut token_hash = [0; 32];
            token_hash[..8].copy_from_slice(&(number as u64).to_be_bytes());
            let email = format!("{number}@example.org");
            NewPlayer { name: "Kim".to_owned(), email, token_hash }
        };
        let new: Vec<NewPlayer> = (0..count).map(new).collect();
        for some in new.chunks(1000) {
            store.register_many(some, &common, &rules, now).await?;
        }
        let heads = store.chain_heads_page(0, i64::MAX).await?;
        let player_ids = heads.iter().map(|head| head.player_id).collect();
        let stock_id = stocks[0].stock_id;
        let marks = Arc::new(SeededEntropy::new(1));
        Ok(Self { store, clock, marks, rules: Arc::new(rules), player_ids, stock_id })
    }

    /// Commits trades of all but the last players until there are so many. Returns how many.
    async fn fill(&self, rows: usize) -> Result<u64, BenchError> {
        let players = &self.player_ids[..self.player_ids.len() - TRADERS];
        let (mut entries, mut round) = (0, 0);
        while entries < rows as u64 {
            round += 1;
            self.clock.advance_seconds(60);
            for some in players.chunks(PLAYERS) {
                entries += self.commit(some, TRADES, round).await?;
            }
        }
        Ok(entries)
    }

    /// Settles purchases and sales of these players, and commits them together.
    async fn commit(&self, players: &[i64], trades: usize, round: i64) -> Result<u64, BenchError> {
        let now = self.clock.now();
        let key = |player_id: &i64| LoadKey {
            player_id: *player_id,
            stock_id: Some(self.stock_id),
            about_version: None,
            text_key: None,
        };
        let keys: Vec<LoadKey> = players.iter().map(key).collect();
        let mut state = self.store.load_batch(&keys, &[], &Valuation::at_prices("[]")).await?;
        let (mut changes, mut entries) = (Vec::new(), 0);
        for (place, player_id) in players.iter().enumerate() {
            let Some(mut player) = state.players.remove(player_id) else { continue };
            let (version_before, head_before) = (player.balance_version, player.head_hash);
            let mut fills = Vec::new();
            for trade in 0..trades {
                let step = i64::try_from(place + trade)? * 7 + round * 13;
                let side = if trade % 2 == 0 { Side::Buy } else { Side::Sell };
                let quantity = Quantity((1 + step % 3) * 1_000_000);
                let quantity = if side == Side::Buy { quantity } else { Quantity(1_000_000) };
                let order = Order { stock_id: self.stock_id, side, quantity };
                let quote = Quote {
                    price: Price(100_000 + step % 997 * 100),
                    tick: Price(100),
                    as_of: now,
                    market_day: Day(12_786),
                    source: QuoteSource::Fixed,
                };
                let order = Action::Trade(order, None);
                fills.extend(settle(&mut player, &order, Ok(quote), &*self.rules, now).ok());
            }
            entries += fills.len() as u64;
            let (notes, records) = (Vec::new(), Vec::new());
            changes.push(PlayerUpdate {
                player,
                version_before,
                head_before,
                fills,
                notes,
                records,
            });
        }
        self.store.commit_batch(&changes, BatchMark::draw(&*self.marks), now).await?;
        Ok(entries)
    }

    /// Trades in the background until the flag is set.
    fn start_trading(&self) -> (JoinHandle<Result<Latencies, BenchError>>, Arc<AtomicBool>) {
        let is_over = Arc::new(AtomicBool::new(false));
        let (game, ends) = (self.clone(), Arc::clone(&is_over));
        let trading =
            tokio::spawn(async move { game.trade_until(|| ends.load(Ordering::Relaxed)).await });
        (trading, is_over)
    }

    async fn trade_for(&self, time: Duration) -> Result<Latencies, BenchError> {
        let until = Instant::now() + time;
        self.trade_until(|| Instant::now() >= until).await
    }

    /// One trade after the other, with a pause between them.
    async fn trade_until(&self, is_over: impl Fn() -> bool) -> Result<Latencies, BenchError> {
        let traders = &self.player_ids[self.player_ids.len() - TRADERS..];
        let (mut latencies, mut pause) = (Vec::new(), tokio::time::interval(PAUSE));
        for (round, player_id) in (1..).zip(traders.iter().cycle()) {
            if is_over() {
                break;
            }
            pause.tick().await;
            let began = Instant::now();
            self.commit(std::slice::from_ref(player_id), 1, round).await?;
            latencies.push(began.elapsed().as_micros());
        }
        Ok(Latencies(latencies))
    }
}

/// What PostgreSQL does by itself after a while.
async fn vacuum(url: &str) -> Result<(), BenchError> {
    let mut db = PgConnection::connect(url).await?;
    sqlx::query("VACUUM (ANALYZE)").execute(&mut db).await?;
    sqlx::query("CHECKPOINT").execute(&mut db).await?;
    Ok(())
}

/// The bytes of a month's partition with its index.
async fn size(url: &str, month: Month) -> Result<u64, BenchError> {
    let mut db = PgConnection::connect(url).await?;
    let text = format!("SELECT pg_total_relation_size('portfolio_audit_{}')", month.0);
    let (bytes,): (i64,) = sqlx::query_as(AssertSqlSafe(text)).fetch_one(&mut db).await?;
    Ok(u64::try_from(bytes)?)
}

/// The longest that a query of the ledger waits for its lock.
async fn probe(url: &str, is_over: &AtomicBool) -> Result<Duration, BenchError> {
    let mut db = PgConnection::connect(url).await?;
    let mut longest = Duration::ZERO;
    while !is_over.load(Ordering::Relaxed) {
        let began = Instant::now();
        sqlx::query("SELECT 1 FROM portfolio_audit WHERE month = 0").execute(&mut db).await?;
        longest = longest.max(began.elapsed());
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    Ok(longest)
}

/// What deleting a month's rows costs, on a copy without triggers.
async fn delete(url: &str, month: Month) -> Result<Duration, BenchError> {
    let mut db = PgConnection::connect(url).await?;
    for text in [
        format!("CREATE TABLE copied (LIKE portfolio_audit_{} INCLUDING INDEXES)", month.0),
        format!("INSERT INTO copied SELECT * FROM portfolio_audit_{}", month.0),
        "CHECKPOINT".to_owned(),
    ] {
        sqlx::query(AssertSqlSafe(text)).execute(&mut db).await?;
    }
    let began = Instant::now();
    sqlx::query("DELETE FROM copied").execute(&mut db).await?;
    sqlx::query("VACUUM copied").execute(&mut db).await?;
    let took = began.elapsed();
    sqlx::query("DROP TABLE copied").execute(&mut db).await?;
    Ok(took)
}

/// Resets the peak of this process's memory (proc(5), clear_refs).
fn reset_peak() {
    if let Err(error) = std::fs::write("/proc/self/clear_refs", "5") {
        print(&format!("the peak of memory is that of the whole run: {error}"));
    }
}

/// A line of this process's status, in megabytes.
fn memory(name: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with(name));
    let kilobytes = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok());
    kilobytes.unwrap_or_default() / 1000
}
