//! One cell of the table: a number of workers trade in one way for a while, and the cost is
//! measured.

use std::sync::Arc;
use std::time::Duration;

use domain::Side;
use tokio::sync::Barrier;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::database::{Database, Players};
use crate::meters::{Meters, Readings};
use crate::options::Options;
use crate::ways::{Trader, Way};

type BenchError = Box<dyn std::error::Error + Send + Sync>;

/// The players of the workers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Load {
    /// Each worker has its own players.
    Distinct,
    /// All workers trade for one player.
    Popular,
    /// The same in rounds: all send at once, after all responses of the round before.
    Rounds,
}

/// How many rounds there are.
pub(crate) const ROUNDS: usize = 20;

/// What is measured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cell {
    pub(crate) way: Way,
    pub(crate) load: Load,
    pub(crate) workers: usize,
}

/// The measurements. Whole numbers, so that medians are measured values.
#[derive(Clone, Debug, Default)]
pub(crate) struct Measured {
    pub(crate) trades_per_s: u64,
    /// Accepted trades of all sent, in tenths of a percent.
    pub(crate) accepted_permille: u64,
    pub(crate) p50_us: u64,
    pub(crate) p99_us: u64,
    pub(crate) wal_bytes: u64,
    /// Statements per hundred trades.
    pub(crate) statements_x100: u64,
    /// Openbell's metrics.
    pub(crate) readings: Option<Readings>,
}

/// The tally of a worker.
#[derive(Default)]
struct Tally {
    micros: Vec<u64>,
    attempted: u64,
    accepted: u64,
    accepted_in_time: u64,
    statements: u64,
    fault: Option<String>,
    /// The latencies of the counted trades.
    measured: Duration,
}

/// Measures a cell with new players, then checks that no money was lost.
pub(crate) async fn measure(
    database: &Database,
    meters: &Meters,
    cell: Cell,
    options: &Options,
) -> Result<Measured, BenchError> {
    let (players, window) = (options.players, options.window);
    let count = if cell.load == Load::Distinct { players.max(cell.workers) } else { 1 };
    let players = database.new_players(count).await?;
    database.rest().await?;
    let (wal_before, meters_before) = (database.wal_bytes().await?, meters.read());
    let trader = Arc::new(Trader::new(cell.way, database, options.lanes).await);
    let tally = run(&trader, cell, players, window).await?;
    trader.close().await;
    let readings = meters.read().since(&meters_before);
    let wal = database.wal_bytes().await? - wal_before;
    if let Some(fault) = &tally.fault {
        crate::say_aside(&format!("some trades failed, the first one with: {fault}"));
    }
    database.check(players, tally.accepted).await?;
    let accepted = tally.accepted.max(1);
    let statements = if cell.way == Way::Desk { readings.statements() } else { tally.statements };
    Ok(Measured {
        trades_per_s: tally.accepted_in_time * 1000
            / u64::try_from(tally.measured.as_millis())?.max(1),
        accepted_permille: tally.accepted * 1000 / tally.attempted.max(1),
        p50_us: quantile(&tally.micros, 50),
        p99_us: quantile(&tally.micros, 99),
        wal_bytes: u64::try_from(wal).unwrap_or(0) / accepted,
        statements_x100: statements * 100 / accepted,
        readings: (cell.way == Way::Desk).then_some(readings),
    })
}

/// All workers' tallies in one, latencies sorted.
async fn run(
    trader: &Arc<Trader>,
    cell: Cell,
    players: Players,
    window: Duration,
) -> Result<Tally, BenchError> {
    let barrier = Arc::new(Barrier::new(cell.workers));
    let mut workers = JoinSet::new();
    for number in 0..cell.workers {
        let all = players.first..=players.last;
        let own: Vec<i64> = match cell.load {
            Load::Distinct => all.skip(number).step_by(cell.workers).collect(),
            Load::Popular | Load::Rounds => all.collect(),
        };
        let (trader, barrier) = (Arc::clone(trader), Arc::clone(&barrier));
        workers.spawn(async move {
            match cell.load {
                Load::Rounds => work_in_rounds(&trader, own[0], &barrier).await,
                Load::Distinct | Load::Popular => work(&trader, &own, &barrier, window).await,
            }
        });
    }
    let mut sum = Tally::default();
    while let Some(tally) = workers.join_next().await {
        let tally = tally?;
        sum.micros.extend(tally.micros);
        sum.attempted += tally.attempted;
        sum.accepted += tally.accepted;
        sum.accepted_in_time += tally.accepted_in_time;
        sum.statements += tally.statements;
        sum.fault = sum.fault.or(tally.fault);
        sum.measured = sum.measured.max(tally.measured);
    }
    sum.micros.sort_unstable();
    Ok(sum)
}

/// Buys and sells alternately for one player after the other until the window closes.
async fn work(trader: &Trader, own: &[i64], barrier: &Barrier, window: Duration) -> Tally {
    let (mut tally, mut bought) = (Tally::default(), vec![false; own.len()]);
    tally.measured = window;
    // The first trade of each worker opens connections and prepares statements.
    tally.trade(trader, own[0], &mut bought[0]).await;
    barrier.wait().await;
    let until = Instant::now() + window;
    for at in (0..own.len()).cycle().skip(1) {
        let began = Instant::now();
        if began >= until {
            break;
        }
        let accepted = tally.trade(trader, own[at], &mut bought[at]).await;
        tally.count(began, accepted && Instant::now() <= until);
    }
    tally
}

/// Trades once per round; a round begins after all responses of the one before.
async fn work_in_rounds(trader: &Trader, player_id: i64, barrier: &Barrier) -> Tally {
    let (mut tally, mut bought) = (Tally::default(), false);
    tally.trade(trader, player_id, &mut bought).await;
    barrier.wait().await;
    let start = Instant::now();
    for _ in 0..ROUNDS {
        let began = Instant::now();
        let accepted = tally.trade(trader, player_id, &mut bought).await;
        tally.count(began, accepted);
        barrier.wait().await;
    }
    tally.measured = start.elapsed();
    tally
}

impl Tally {
    /// Buys, or sells what was bought; returns whether it was accepted.
    async fn trade(&mut self, trader: &Trader, player_id: i64, bought: &mut bool) -> bool {
        let side = if *bought { Side::Sell } else { Side::Buy };
        self.attempted += 1;
        match trader.trade(player_id, side).await {
            Ok(traded) => {
                self.statements += traded.statements;
                self.accepted += u64::from(traded.accepted);
                *bought ^= traded.accepted;
                traded.accepted
            }
            Err(fault) => {
                self.fault.get_or_insert(fault.to_string());
                false
            }
        }
    }

    fn count(&mut self, began: Instant, accepted_in_time: bool) {
        self.micros.push(u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX));
        self.accepted_in_time += u64::from(accepted_in_time);
    }
}

pub(crate) fn quantile(sorted: &[u64], percent: usize) -> u64 {
    let at = (sorted.len() * percent).div_ceil(100).max(1) - 1;
    sorted.get(at).copied().unwrap_or(0)
}
