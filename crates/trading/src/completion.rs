//! Completing the jobs of a batch after its commit: fills are published, responses are sent, stored
//! outcomes are replayed, and a COMMIT without a response is resolved by the batch's mark.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use domain::{EntryKind, Fill};
use store::{PlayerUpdate, StoreError, StoredOutcome, UnknownCommit};
use tokio::time::{sleep, timeout};

use crate::batch::{SettledBatch, Settlement};
use crate::group_commit::CommitResult;
use crate::job::Job;
use crate::lane::Lane;
use crate::{DeskError, OrderResponse};

/// Timeout for resolving a COMMIT without a response.
const RESOLVE_MAX: Duration = Duration::from_secs(5);
/// The first backoff between two attempts; it doubles with each one.
const RESOLVE_BACKOFF: Duration = Duration::from_millis(50);

impl Lane {
    /// Publishes fills and responds to committed jobs; returns the jobs to retry.
    pub(crate) async fn finish(
        &self,
        jobs: Vec<Job>,
        settled: SettledBatch,
        commit: &CommitResult,
    ) -> Vec<Job> {
        let kept = |change: &PlayerUpdate| !commit.unwritten.contains(&change.player.player_id);
        let committed = settled.changes.into_iter().filter(kept);
        self.publish(&committed.flat_map(|change| change.fills).collect::<Vec<_>>());
        let (mut again, mut replays) = (Vec::new(), Vec::new());
        for (mut job, settlement) in jobs.into_iter().zip(settled.settlements) {
            match settlement {
                Settlement::UnknownPlayer => job.respond(Err(DeskError::UnknownPlayer)),
                Settlement::Replay(stored) => replays.push((job, stored)),
                Settlement::Settled(response)
                    if !commit.unwritten.contains(&job.request.player_id) =>
                {
                    job.respond(Ok(response));
                }
                Settlement::Settled(_) => match &commit.error {
                    Some(error) if !commit.retry => job.fail(error),
                    error => {
                        job.last_error.clone_from(error);
                        again.push(job);
                    }
                },
            }
        }
        self.replay(replays).await;
        again
    }

    /// Responds with stored outcomes (idempotent replay).
    async fn replay(&self, replays: Vec<(Job, StoredOutcome)>) {
        let mut loaded: HashMap<(i64, i64), Fill> = HashMap::new();
        for (job, stored) in replays {
            let player_id = job.request.player_id;
            let outcome = match (stored.version, stored.rejection) {
                (Some((month, version)), _) => match loaded.get(&(player_id, version)) {
                    Some(fill) => Ok(Ok(fill.clone())),
                    None => match self.deps.store.load_fill(player_id, month, version).await {
                        Ok(Some(fill)) => {
                            loaded.insert((player_id, version), fill.clone());
                            Ok(Ok(fill))
                        }
                        Ok(None) => Err(no_such_entry(player_id, version)),
                        Err(error) => Err(error),
                    },
                },
                (None, Some(rejection)) => Ok(Err(rejection)),
                (None, None) => {
                    job.respond(Err(DeskError::KeyOfOrder));
                    continue;
                }
            };
            match outcome {
                Ok(outcome) => {
                    // After a COMMIT of rejections only without a response, the stored outcome may
                    // be that of this very request.
                    let is_own =
                        job.last_error.is_some() && stored.request_id == job.request.request_id;
                    let first_request_id = (!is_own).then_some(stored.request_id);
                    job.respond(Ok(OrderResponse { outcome, first_request_id }));
                }
                Err(error) => job.fail(&Arc::new(error)),
            }
        }
    }

    /// Whether the batch was committed; `None` if that is not resolved in time.
    pub(crate) async fn resolve_commit(&self, unknown: &UnknownCommit) -> Option<bool> {
        let resolve = async {
            let mut wait = RESOLVE_BACKOFF;
            loop {
                match self.deps.store.resolve_commit(unknown).await {
                    Ok(Some(committed)) => return Some(committed),
                    Err(StoreError::Unavailable(_) | StoreError::Conflict(_)) => {
                        sleep(wait).await;
                        wait *= 2;
                    }
                    Ok(None) => {
                        tracing::error!(
                            "cannot resolve a COMMIT: the batch's mark may have been deleted; \
                             check whether the node was suspended and its clock"
                        );
                        return None;
                    }
                    Err(error) => {
                        tracing::error!(%error, "cannot resolve a COMMIT by the batch's mark");
                        return None;
                    }
                }
            }
        };
        timeout(RESOLVE_MAX, resolve).await.ok().flatten()
    }

    fn publish(&self, fills: &[Fill]) {
        if fills.is_empty() {
            return;
        }
        for fill in fills {
            let side = match fill.entry.kind {
                EntryKind::Buy => "buy",
                EntryKind::Sell => "sell",
                EntryKind::Open | EntryKind::Note | EntryKind::TransferIn | EntryKind::Award => {
                    continue;
                }
            };
            metrics::counter!("openbell_trades_total", "side" => side).increment(1);
        }
        // The trades are committed; a panic of the callback must not prevent their responses.
        if catch_unwind(AssertUnwindSafe(|| (self.deps.on_commit)(fills))).is_err() {
            tracing::error!(
                "the on_commit callback panicked; leaderboards and streams may miss trades"
            );
        }
    }
}

fn no_such_entry(player_id: i64, version: i64) -> StoreError {
    StoreError::Corrupt(format!(
        "a stored outcome refers to entry {version} of player {player_id}, which does not exist"
    ))
}
