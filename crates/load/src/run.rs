//! A run from its beginning to its report: what is known before, the workers in a closed loop, an
//! open loop or in rounds, and the check at the end.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Barrier;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior};

use crate::client::Address;
use crate::contact::Contact;
use crate::error::LoadError;
use crate::market::Asker;
use crate::plan::Plan;
use crate::portfolio;
use crate::report::{Parts, Report};
use crate::schedule::Schedule;
use crate::tally::Tally;
use crate::verify::verify;
use crate::watch::{Watch, queue_wait};
use crate::worker::{Common, Worker};
use crate::{Options, Progress, Scenario, Stage};

/// How often progress in time is told.
const TOLD_EVERY: Duration = Duration::from_millis(200);

/// How the workers find out what to send when.
#[derive(Clone)]
enum Loop {
    Closed { end: Instant },
    Open(Arc<Schedule>),
    Rounds { count: u64, together: Arc<Barrier> },
}

/// Sends the requests, measures the answers, and checks what was acknowledged.
///
/// # Errors
/// When an option is of no use, or a request before the measured time fails. What fails later is
/// counted in the report instead.
pub async fn run(options: Options, progress: Progress) -> Result<Report, LoadError> {
    let addresses = options.urls.iter().map(|url| Address::parse(url));
    let addresses: Arc<[Address]> = addresses.collect::<Result<_, _>>()?;
    if addresses.is_empty() {
        return Err(LoadError::NoAddress);
    }
    let concurrency = options.concurrency.max(1);
    let mut workers = prepare(&options, &addresses, concurrency).await?;
    let mut watch = Watch::new(&addresses);
    let queued = watch.queue_waits().await;
    let start = Instant::now();
    let memory = matches!(options.scenario, Scenario::Soak)
        .then(|| tokio::spawn(Watch::new(&addresses).memory(start, options.duration)));
    workers = measure(&options, workers, start, &progress).await?;
    let rounds = matches!(options.scenario, Scenario::Popular { rounds: Some(_) });
    // A run that lost its server ends before its time.
    let elapsed = if rounds { start.elapsed() } else { start.elapsed().min(options.duration) };
    let queued_after = watch.queue_waits().await;
    let lost = workers.first().is_some_and(|worker| worker.common.contact.is_lost());
    let memory = match memory {
        Some(memory) if lost => {
            memory.abort();
            None
        }
        Some(memory) => memory.await?,
        None => None,
    };
    let (mut tally, mut acks) = (Tally::default(), Vec::new());
    for worker in &mut workers {
        tally.add(&std::mem::take(&mut worker.tally));
        acks.append(&mut worker.acks);
    }
    let sums = match (options.scenario, workers.first()) {
        (Scenario::Portfolio { .. }, Some(worker)) if tally.bad == 0 => {
            Some(portfolio::compare_sums(&mut Asker::new(&addresses), worker).await?)
        }
        _ => None,
    };
    let verified = verify(workers, acks, progress).await?;
    Ok(Report::new(Parts {
        scenario: options.scenario.name(),
        counts_trades: matches!(options.scenario, Scenario::Distinct | Scenario::Popular { .. }),
        tally,
        elapsed,
        concurrency,
        rate: options.rate.filter(|_| !rounds),
        queue_wait: queue_wait(queued.as_ref(), queued_after.as_ref()),
        verified,
        memory,
        sums,
    }))
}

/// Learns the market, and makes the workers.
async fn prepare(
    options: &Options,
    addresses: &Arc<[Address]>,
    concurrency: u32,
) -> Result<Vec<Worker>, LoadError> {
    let seats = options.players.seats().to_vec();
    let trades_alone =
        matches!(options.scenario, Scenario::Distinct | Scenario::Mixed | Scenario::Soak);
    if trades_alone && seats.len() < concurrency as usize {
        return Err(LoadError::TooFewPlayers { players: seats.len(), concurrency });
    }
    let market = Asker::new(addresses).market().await?;
    let common = Arc::new(Common {
        addresses: Arc::clone(addresses),
        seats,
        market,
        key_tag: options.keys.then(|| options.tag.clone()),
        seed: options.seed,
        contact: Contact::new(Instant::now()),
    });
    let mut workers: Vec<Worker> =
        (0..concurrency as usize).map(|number| Worker::new(&common, number)).collect();
    if let (Scenario::Portfolio { holdings }, Some(worker)) =
        (options.scenario, workers.first_mut())
    {
        portfolio::buy(worker, holdings).await;
        worker.forget_times();
    }
    for worker in &mut workers {
        worker.connect().await;
    }
    Ok(workers)
}

/// Lets the workers go, and gives them back when the last request is answered.
async fn measure(
    options: &Options,
    workers: Vec<Worker>,
    start: Instant,
    progress: &Progress,
) -> Result<Vec<Worker>, LoadError> {
    let end = start + options.duration;
    let (players, count) = (options.players.seats().len(), workers.len());
    let way = match (options.scenario, options.rate) {
        (Scenario::Popular { rounds: Some(rounds) }, _) => {
            Loop::Rounds { count: rounds, together: Arc::new(Barrier::new(count)) }
        }
        (_, Some(rate)) => Loop::Open(Arc::new(Schedule::new(start, end, rate))),
        (_, None) => Loop::Closed { end },
    };
    let is_timed = !matches!(way, Loop::Rounds { .. });
    let teller = is_timed.then(|| tokio::spawn(tell(start, options.duration, progress.clone())));
    let mut running = JoinSet::new();
    for mut worker in workers {
        let plan = Plan::new(options.scenario, worker.number, count, players);
        let (way, progress) = (way.clone(), progress.clone());
        worker.measure_until(is_timed.then_some(end));
        running.spawn(async move {
            work(&mut worker, plan, &way, &progress).await;
            worker
        });
    }
    let mut workers = Vec::new();
    while let Some(worker) = running.join_next().await {
        workers.push(worker?);
    }
    if let Some(teller) = teller {
        teller.abort();
    }
    Ok(workers)
}

async fn work(worker: &mut Worker, mut plan: Plan, way: &Loop, progress: &Progress) {
    match way {
        Loop::Closed { end } => loop {
            let now = Instant::now();
            if now >= *end || worker.common.contact.is_lost() {
                return;
            }
            plan.go(worker, now).await;
        },
        Loop::Open(schedule) => {
            while let Some(due) = schedule.take() {
                tokio::time::sleep_until(due).await;
                if worker.common.contact.is_lost() {
                    return;
                }
                worker.tally.send_delay.record(due.elapsed());
                plan.go(worker, due).await;
            }
        }
        Loop::Rounds { count, together } => {
            for round in 1..=*count {
                // Every worker takes part in every round; without contact a round sends nothing.
                together.wait().await;
                plan.go(worker, Instant::now()).await;
                progress(Stage::Measuring, round, *count);
            }
        }
    }
}

/// Tells how much of the measured time is over.
async fn tell(start: Instant, duration: Duration, progress: Progress) {
    let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    let mut ticks = tokio::time::interval(TOLD_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    while start.elapsed() < duration {
        ticks.tick().await;
        progress(Stage::Measuring, millis(start.elapsed().min(duration)), millis(duration));
    }
}
