//! One attempt at a batch, in its three phases: load, settle, commit. They are apart so that a
//! simulator can let other nodes in between; a lane runs them one after the other. Telling the
//! players is in `answer`, what an order does in `batch`.

use std::collections::BTreeSet;
use std::sync::Arc;

use domain::UnixMicros;
use store::{BatchMark, BatchState, LockedBatch, Locking, PlayerUpdate, StoreError};
use tokio::time::Instant;

use crate::Request;
use crate::batch::{Settled, settle_batch, wanted};
use crate::job::Job;
use crate::lane::Lane;

/// Jobs with what was loaded for them.
pub struct Loaded {
    jobs: Vec<Job>,
    state: BatchState,
    /// The transaction that keeps the players from everybody else, if they were locked.
    locked: Option<LockedBatch>,
    held: Vec<Job>,
}

impl Loaded {
    /// The jobs that were left out, because another transaction holds their players.
    pub fn take_held(&mut self) -> Vec<Job> {
        std::mem::take(&mut self.held)
    }
}

/// Jobs with what will be answered once it is committed.
pub struct Prepared {
    jobs: Vec<Job>,
    settled: Settled,
    locked: Option<LockedBatch>,
    now: UnixMicros,
}

/// How a commit went.
pub(crate) struct Commit {
    /// Players of whom nothing is known to be written.
    pub(crate) lost: BTreeSet<i64>,
    /// Whether they may be settled again.
    pub(crate) retry: bool,
    /// What went wrong, unless it was only that others won.
    pub(crate) fault: Option<Arc<StoreError>>,
}

impl Lane {
    /// Loads what the jobs need; with `locking`, nobody else can change their players until they
    /// are committed or dropped. `Err`: the jobs to be attempted again (none, when all were
    /// answered).
    pub async fn load(&self, jobs: Vec<Job>, locking: Option<Locking>) -> Result<Loaded, Vec<Job>> {
        let requests: Vec<&Request> = jobs.iter().map(|job| &job.request).collect();
        let (players, keys) = wanted(&requests);
        let valuation = (self.parts.valuation)();
        let store = &self.parts.store;
        let loaded = match locking {
            Some(locking) => {
                let loaded = store.lock_batch(&players, &keys, &valuation, locking).await;
                loaded.map(|(locked, state)| (Some(locked), state))
            }
            None => store.load_batch(&players, &keys, &valuation).await.map(|state| (None, state)),
        };
        match loaded {
            Ok((locked, state)) => {
                let held = locked.as_ref().map(LockedBatch::held);
                let is_held =
                    |job: &Job| held.is_some_and(|held| held.contains(&job.request.player_id));
                let (held, jobs) = jobs.into_iter().partition(is_held);
                Ok(Loaded { jobs, state, locked, held })
            }
            Err(StoreError::Conflict(_)) => Err(jobs),
            Err(error) => {
                let error = Arc::new(error);
                jobs.into_iter().for_each(|job| job.fail(&error));
                Err(Vec::new())
            }
        }
    }

    /// Settles the jobs in their order, at the present prices.
    pub fn settle(&self, loaded: Loaded) -> Prepared {
        let Loaded { jobs, state, locked, held: _ } = loaded;
        let requests: Vec<&Request> = jobs.iter().map(|job| &job.request).collect();
        let now = self.parts.clock.now();
        let quote = |place: usize| jobs[place].quote(&*self.parts.quotes);
        let settled = settle_batch(&requests, state, &quote, &self.parts.rules, now);
        Prepared { jobs, settled, locked, now }
    }

    /// Commits, publishes and answers; gives back the jobs to be attempted again.
    pub async fn commit(&self, prepared: Prepared) -> Vec<Job> {
        let Prepared { jobs, settled, locked, now } = prepared;
        let commit = self.write(&settled.changes, locked, now).await;
        self.finish(jobs, settled, &commit).await
    }

    async fn write(
        &self,
        changes: &[PlayerUpdate],
        locked: Option<LockedBatch>,
        now: UnixMicros,
    ) -> Commit {
        if changes.is_empty() {
            return Commit { lost: BTreeSet::new(), retry: false, fault: None };
        }
        let started = Instant::now();
        let mark = BatchMark::draw(&*self.parts.entropy);
        let committed = match locked {
            Some(locked) => locked.commit(changes, mark, now).await,
            None => self.parts.store.commit_batch(changes, mark, now).await,
        };
        let seconds = started.elapsed().as_secs_f64();
        metrics::histogram!("openbell_batch_commit_seconds").record(seconds);
        let mut lost: BTreeSet<i64> = changes.iter().map(|c| c.player.player_id).collect();
        let conflicts = metrics::counter!("openbell_version_conflicts_total");
        match committed {
            Ok(committed) => {
                conflicts.increment(committed.conflicted.len() as u64);
                Commit { lost: committed.conflicted, retry: true, fault: None }
            }
            Err(StoreError::Conflict(_)) => {
                conflicts.increment(lost.len() as u64);
                Commit { lost, retry: true, fault: None }
            }
            Err(StoreError::CommitUnknown(doubt, error)) => {
                tracing::warn!(%error, "a COMMIT has no answer; looking for the batch's mark");
                let committed = self.resolve_commit(&doubt).await;
                if committed == Some(true) {
                    lost.clone_from(&doubt.conflicted);
                }
                let fault = match committed {
                    Some(_) => StoreError::Unavailable(error),
                    None => StoreError::CommitUnknown(doubt, error),
                };
                Commit { lost, retry: committed.is_some(), fault: Some(Arc::new(fault)) }
            }
            Err(error @ StoreError::Unavailable(_)) => {
                Commit { lost, retry: true, fault: Some(Arc::new(error)) }
            }
            Err(error) => Commit { lost, retry: false, fault: Some(Arc::new(error)) },
        }
    }
}
