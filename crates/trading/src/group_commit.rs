//! One attempt at a batch (group commit) in three phases: load, settle, commit. They are separate
//! functions so that the simulation can interleave nodes between them.

use std::collections::BTreeSet;
use std::sync::Arc;

use domain::UnixMicros;
use store::{BatchMark, BatchState, LockedBatch, Locking, PlayerUpdate, StoreError};
use tokio::time::Instant;

use crate::DeskRequest;
use crate::batch::{SettledBatch, load_keys, settle_batch};
use crate::job::Job;
use crate::lane::Lane;

/// Jobs with the state loaded for them.
pub struct LoadedBatch {
    jobs: Vec<Job>,
    state: BatchState,
    /// The transaction with the row locks, if the players were locked.
    locked: Option<LockedBatch>,
    held: Vec<Job>,
}

impl LoadedBatch {
    /// The jobs whose players are locked by another transaction.
    pub fn take_held(&mut self) -> Vec<Job> {
        std::mem::take(&mut self.held)
    }
}

/// Settled jobs, ready to commit.
pub struct PreparedBatch {
    jobs: Vec<Job>,
    settled: SettledBatch,
    locked: Option<LockedBatch>,
    now: UnixMicros,
}

pub(crate) struct CommitResult {
    /// Players whose changes are not known to be written.
    pub(crate) unwritten: BTreeSet<i64>,
    /// Whether their jobs may be retried.
    pub(crate) retry: bool,
    /// The error, except for version conflicts.
    pub(crate) error: Option<Arc<StoreError>>,
}

impl Lane {
    /// Loads the state of the jobs; with `locking`, the player rows are locked until the batch is
    /// committed or dropped. `Err` has the jobs to retry, none if all got a response.
    pub async fn load(
        &self,
        jobs: Vec<Job>,
        locking: Option<Locking>,
    ) -> Result<LoadedBatch, Vec<Job>> {
        let requests: Vec<&DeskRequest> = jobs.iter().map(|job| &job.request).collect();
        let (players, keys) = load_keys(&requests);
        let valuation = (self.deps.valuation)();
        let store = &self.deps.store;
        let loaded = match locking {
            Some(locking) => {
                let loaded = store.lock_batch(&players, &keys, &valuation, locking).await;
                loaded.map(|(locked, state)| (Some(locked), state))
            }
            None => store.load_batch(&players, &keys, &valuation).await.map(|state| (None, state)),
        };
        let loaded = match loaded {
            // Before the batch is settled, and without a statement unless there is a new version.
            Ok((locked, state)) => {
                let refreshed = self.deps.rules.refresh_to(state.newest_rules).await;
                refreshed.map(|()| (locked, state))
            }
            Err(error) => Err(error),
        };
        match loaded {
            Ok((locked, state)) => {
                let held = locked.as_ref().map(LockedBatch::held);
                let is_held =
                    |job: &Job| held.is_some_and(|held| held.contains(&job.request.player_id));
                let (held, jobs) = jobs.into_iter().partition(is_held);
                Ok(LoadedBatch { jobs, state, locked, held })
            }
            Err(StoreError::Conflict(_)) => Err(jobs),
            Err(error) => {
                let error = Arc::new(error);
                jobs.into_iter().for_each(|job| job.fail(&error));
                Err(Vec::new())
            }
        }
    }

    /// Settles the jobs in order at the present prices, by the rules in force.
    pub fn settle(&self, loaded: LoadedBatch) -> PreparedBatch {
        let LoadedBatch { jobs, state, locked, held: _ } = loaded;
        let requests: Vec<&DeskRequest> = jobs.iter().map(|job| &job.request).collect();
        let now = self.deps.clock.now();
        let quote = |place: usize| jobs[place].quote(&*self.deps.quotes);
        let rules = self.deps.rules.at(now);
        let settled = settle_batch(&requests, state, &quote, &rules, now);
        PreparedBatch { jobs, settled, locked, now }
    }

    /// Commits, publishes and responds; returns the jobs to retry.
    pub async fn commit(&self, prepared: PreparedBatch) -> Vec<Job> {
        let PreparedBatch { jobs, settled, locked, now } = prepared;
        let commit = self.write(&settled.changes, locked, now).await;
        self.finish(jobs, settled, &commit).await
    }

    async fn write(
        &self,
        changes: &[PlayerUpdate],
        locked: Option<LockedBatch>,
        now: UnixMicros,
    ) -> CommitResult {
        if changes.is_empty() {
            return CommitResult { unwritten: BTreeSet::new(), retry: false, error: None };
        }
        let started = Instant::now();
        let mark = BatchMark::draw(&*self.deps.entropy);
        let committed = match locked {
            Some(locked) => locked.commit(changes, mark, now).await,
            None => self.deps.store.commit_batch(changes, mark, now).await,
        };
        let seconds = started.elapsed().as_secs_f64();
        metrics::histogram!("openbell_batch_commit_seconds").record(seconds);
        let mut unwritten: BTreeSet<i64> = changes.iter().map(|c| c.player.player_id).collect();
        let conflicts = metrics::counter!("openbell_version_conflicts_total");
        match committed {
            Ok(committed) => {
                conflicts.increment(committed.conflicted.len() as u64);
                CommitResult { unwritten: committed.conflicted, retry: true, error: None }
            }
            Err(StoreError::Conflict(_)) => {
                conflicts.increment(unwritten.len() as u64);
                CommitResult { unwritten, retry: true, error: None }
            }
            Err(StoreError::CommitUnknown(unknown, error)) => {
                tracing::warn!(%error, "a COMMIT has no response; resolving it by the batch's mark");
                let committed = self.resolve_commit(&unknown).await;
                if committed == Some(true) {
                    unwritten.clone_from(&unknown.conflicted);
                }
                // After a decision this is the error of the jobs that are retried in vain.
                let error = match committed {
                    Some(_) => StoreError::Unavailable(error),
                    None => StoreError::CommitUnknown(unknown, error),
                };
                CommitResult { unwritten, retry: committed.is_some(), error: Some(Arc::new(error)) }
            }
            Err(error @ StoreError::Unavailable(_)) => {
                CommitResult { unwritten, retry: true, error: Some(Arc::new(error)) }
            }
            Err(error) => CommitResult { unwritten, retry: false, error: Some(Arc::new(error)) },
        }
    }
}
