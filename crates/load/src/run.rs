//! A run from the preparation to the report: the workers send in a closed loop, an open loop or in
//! rounds, then the acknowledged trades are verified.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Barrier;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior};

use crate::client::ServerAddress;
use crate::counters::RequestCounters;
use crate::error::LoadError;
use crate::metrics_poller::{MetricsPoller, queue_wait};
use crate::pending_trades;
use crate::plan::RequestPlan;
use crate::portfolio;
use crate::report::{LoadReport, ReportInput};
use crate::schedule::Schedule;
use crate::server_contact::ServerContact;
use crate::setup_client::SetupClient;
use crate::tls;
use crate::verify::verify;
use crate::worker::{RunContext, Worker};
use crate::{Options, ProgressCallback, RunPhase, Scenario};

/// The interval between progress callbacks.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(200);

/// When workers send.
#[derive(Clone)]
enum Pacing {
    Closed { end: Instant },
    Open(Arc<Schedule>),
    Rounds { count: u64, together: Arc<Barrier> },
}

/// Sends the requests, measures the responses, and checks what was acknowledged.
///
/// # Errors
/// An invalid option, or a request before the measured time that fails. Later errors are counted in
/// the report.
pub async fn run(options: Options, progress: ProgressCallback) -> Result<LoadReport, LoadError> {
    let tls = tls::connector(options.ca_file.as_deref())?;
    let addresses = options.urls.iter().map(|url| ServerAddress::parse(url, &tls));
    let addresses: Arc<[ServerAddress]> = addresses.collect::<Result<_, _>>()?;
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
    let (mut counters, mut acks) = (RequestCounters::default(), Vec::new());
    for worker in &mut workers {
        counters.add(&std::mem::take(&mut worker.counters));
        acks.append(&mut worker.acks);
    }
    let mut errors = Vec::new();
    let sums = match (options.scenario, workers.first()) {
        (Scenario::Portfolio { .. }, Some(worker)) if counters.bad == 0 => {
            let sums = portfolio::compare_sums(&mut SetupClient::new(&addresses), worker).await;
            sums.map_err(|error| errors.push(error.to_string())).ok()
        }
        _ => None,
    };
    let (workers, resolved) = pending_trades::resolve(workers, pending_trades::WAIT_MAX).await?;
    resolved.add_to(&mut counters);
    acks.extend(resolved.acks);
    errors.extend(resolved.error);
    let verified = verify(workers, acks, progress).await?;
    Ok(LoadReport::new(ReportInput {
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
        errors,
    }))
}

/// Reads the stocks and creates the workers.
async fn prepare(
    options: &Options,
    addresses: &Arc<[ServerAddress]>,
    concurrency: u32,
) -> Result<Vec<Worker>, LoadError> {
    let logins = options.players.logins().to_vec();
    let trades_alone =
        matches!(options.scenario, Scenario::Distinct | Scenario::Mixed | Scenario::Soak);
    if trades_alone && logins.len() < concurrency as usize {
        return Err(LoadError::TooFewPlayers { players: logins.len(), concurrency });
    }
    let stocks = SetupClient::new(addresses).stocks().await?;
    let common = Arc::new(RunContext {
        addresses: Arc::clone(addresses),
        logins,
        stocks,
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

/// Runs the workers until the last request has ended.
async fn measure(
    options: &Options,
    workers: Vec<Worker>,
    start: Instant,
    progress: &ProgressCallback,
) -> Result<Vec<Worker>, LoadError> {
    let end = start + options.duration;
    let (players, count) = (options.players.logins().len(), workers.len());
    let pacing = match (options.scenario, options.rate) {
        (Scenario::Popular { rounds: Some(rounds) }, _) => {
            Pacing::Rounds { count: rounds, together: Arc::new(Barrier::new(count)) }
        }
        (_, Some(rate)) => Pacing::Open(Arc::new(Schedule::new(start, end, rate))),
        (_, None) => Pacing::Closed { end },
    };
    let is_timed = !matches!(pacing, Pacing::Rounds { .. });
    let reporter =
        is_timed.then(|| tokio::spawn(report_progress(start, options.duration, progress.clone())));
    let mut running = JoinSet::new();
    for mut worker in workers {
        let plan = RequestPlan::new(options.scenario, worker.number, count, players);
        let (pacing, progress) = (pacing.clone(), progress.clone());
        worker.measure_until(is_timed.then_some(end));
        running.spawn(async move {
            work(&mut worker, plan, &pacing, &progress).await;
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

async fn work(
    worker: &mut Worker,
    mut plan: RequestPlan,
    pacing: &Pacing,
    progress: &ProgressCallback,
) {
    match pacing {
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

/// Reports how much of the measured time is over.
async fn report_progress(start: Instant, duration: Duration, progress: ProgressCallback) {
    let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    let mut ticks = tokio::time::interval(PROGRESS_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    while start.elapsed() < duration {
        ticks.tick().await;
        progress(RunPhase::Measuring, millis(start.elapsed().min(duration)), millis(duration));
    }
}
