//! A run from its beginning to its report: what is known before, the workers in a closed loop, an
//! open loop or in rounds, and the check at the end.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Barrier;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior};

use crate::client::Address;
use crate::counters::Counters;
use crate::error::LoadError;
use crate::market::SetupClient;
use crate::metrics_poller::{MetricsPoller, queue_wait};
use crate::plan::RequestPlan;
use crate::portfolio;
use crate::report::{Report, ReportInput};
use crate::schedule::Schedule;
use crate::server_contact::ServerContact;
use crate::verify::verify;
use crate::worker::{RunContext, Worker};
use crate::{Options, Progress, RunPhase, Scenario};

/// How often progress in time is told.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(200);

/// How the workers find out what to send when.
#[derive(Clone)]
enum Pacing {
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
    let mut watch = MetricsPoller::new(&addresses);
    let queued = watch.queue_waits().await;
    let start = Instant::now();
    let memory = matches!(options.scenario, Scenario::Soak)
        .then(|| tokio::spawn(MetricsPoller::new(&addresses).memory(start, options.duration)));
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
    let (mut counters, mut acks) = (Counters::default(), Vec::new());
    for worker in &mut workers {
        counters.add(&std::mem::take(&mut worker.counters));
        acks.append(&mut worker.acks);
    }
    let sums = match (options.scenario, workers.first()) {
        (Scenario::Portfolio { .. }, Some(worker)) if counters.bad == 0 => {
            Some(portfolio::compare_sums(&mut SetupClient::new(&addresses), worker).await?)
        }
        _ => None,
    };
    let verified = verify(workers, acks, progress).await?;
    Ok(Report::new(ReportInput {
        scenario: options.scenario.name(),
        counts_trades: matches!(options.scenario, Scenario::Distinct | Scenario::Popular { .. }),
        counters,
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
    let logins = options.players.logins().to_vec();
    let trades_alone =
        matches!(options.scenario, Scenario::Distinct | Scenario::Mixed | Scenario::Soak);
    if trades_alone && logins.len() < concurrency as usize {
        return Err(LoadError::TooFewPlayers { players: logins.len(), concurrency });
    }
    let market = SetupClient::new(addresses).market().await?;
    let common = Arc::new(RunContext {
        addresses: Arc::clone(addresses),
        logins,
        market,
        key_tag: options.keys.then(|| options.tag.clone()),
        seed: options.seed,
        contact: ServerContact::new(Instant::now()),
    });
    let mut workers: Vec<Worker> =
        (0..concurrency as usize).map(|number| Worker::new(&common, number)).collect();
    if let (Scenario::Portfolio { holdings }, Some(worker)) =
        (options.scenario, workers.first_mut())
    {
        portfolio::buy(worker, holdings).await;
        worker.reset_timings();
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
    let (players, count) = (options.players.logins().len(), workers.len());
    let way = match (options.scenario, options.rate) {
        (Scenario::Popular { rounds: Some(rounds) }, _) => {
            Pacing::Rounds { count: rounds, together: Arc::new(Barrier::new(count)) }
        }
        (_, Some(rate)) => Pacing::Open(Arc::new(Schedule::new(start, end, rate))),
        (_, None) => Pacing::Closed { end },
    };
    let is_timed = !matches!(way, Pacing::Rounds { .. });
    let reporter =
        is_timed.then(|| tokio::spawn(report_progress(start, options.duration, progress.clone())));
    let mut running = JoinSet::new();
    for mut worker in workers {
        let plan = RequestPlan::new(options.scenario, worker.number, count, players);
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
    if let Some(reporter) = reporter {
        reporter.abort();
    }
    Ok(workers)
}

async fn work(worker: &mut Worker, mut plan: RequestPlan, way: &Pacing, progress: &Progress) {
    match way {
        Pacing::Closed { end } => loop {
            let now = Instant::now();
            if now >= *end || worker.common.contact.is_lost() {
                return;
            }
            plan.go(worker, now).await;
        },
        Pacing::Open(schedule) => {
            while let Some(due) = schedule.take() {
                tokio::time::sleep_until(due).await;
                if worker.common.contact.is_lost() {
                    return;
                }
                worker.counters.send_delay.record(due.elapsed());
                plan.go(worker, due).await;
            }
        }
        Pacing::Rounds { count, together } => {
            for round in 1..=*count {
                // Every worker takes part in every round; without contact a round sends nothing.
                together.wait().await;
                plan.go(worker, Instant::now()).await;
                progress(RunPhase::Measuring, round, *count);
            }
        }
    }
}

/// Tells how much of the measured time is over.
async fn report_progress(start: Instant, duration: Duration, progress: Progress) {
    let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    let mut ticks = tokio::time::interval(PROGRESS_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    while start.elapsed() < duration {
        ticks.tick().await;
        progress(RunPhase::Measuring, millis(start.elapsed().min(duration)), millis(duration));
    }
}
