//! What becomes of the jobs of a batch after its commit: fills are published, everybody is
//! answered, and where an answer to a COMMIT was lost, the database is asked what happened. It
//! settles and writes nothing.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use domain::{EntryKind, Fill};
use store::{PlayerUpdate, StoreError, UnknownCommit};
use tokio::time::{sleep, timeout};

use crate::attempt::Commit;
use crate::batch::{Kept, Settled, Verdict};
use crate::job::Job;
use crate::lane::Lane;
use crate::{Answer, DeskError};

/// How long to look for the mark of a batch whose COMMIT has no answer.
const LOOK_UP_MAX: Duration = Duration::from_secs(5);
/// The first wait between two looks; it doubles with each one.
const LOOK_UP_WAIT: Duration = Duration::from_millis(50);

impl Lane {
    /// Publishes and answers what is committed; gives back the jobs to be settled again.
    pub(crate) async fn finish(
        &self,
        jobs: Vec<Job>,
        settled: Settled,
        commit: &Commit,
    ) -> Vec<Job> {
        let kept = |change: &PlayerUpdate| !commit.lost.contains(&change.player.player_id);
        let committed = settled.changes.into_iter().filter(kept);
        self.publish(&committed.flat_map(|change| change.fills).collect::<Vec<_>>());
        let (mut again, mut replays) = (Vec::new(), Vec::new());
        for (mut job, verdict) in jobs.into_iter().zip(settled.verdicts) {
            match verdict {
                Verdict::UnknownPlayer => job.give(Err(DeskError::UnknownPlayer)),
                Verdict::Replay(kept) => replays.push((job, kept)),
                Verdict::Settled(answer) if !commit.lost.contains(&job.request.player_id) => {
                    job.give(Ok(answer));
                }
                Verdict::Settled(_) => match &commit.fault {
                    Some(fault) if !commit.retry => job.fail(fault),
                    fault => {
                        job.fault.clone_from(fault);
                        again.push(job);
                    }
                },
            }
        }
        self.replay(replays).await;
        again
    }

    /// Gives kept answers again.
    async fn replay(&self, replays: Vec<(Job, Kept)>) {
        let mut loaded: HashMap<(i64, i64), Fill> = HashMap::new();
        for (job, kept) in replays {
            let player_id = job.request.player_id;
            let outcome = match (kept.version, kept.rejection) {
                (Some((month, version)), _) => match loaded.get(&(player_id, version)) {
                    Some(fill) => Ok(Ok(fill.clone())),
                    None => match self.parts.store.load_fill(player_id, month, version).await {
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
                    job.give(Err(DeskError::KeyOfOrder));
                    continue;
                }
            };
            match outcome {
                Ok(outcome) => {
                    // Of a lost answer to refusals only, what was kept may be this very request's.
                    let own = job.fault.is_some() && kept.request_id == job.request.request_id;
                    let first_request_id = (!own).then_some(kept.request_id);
                    job.give(Ok(Answer { outcome, first_request_id }));
                }
                Err(error) => job.fail(&Arc::new(error)),
            }
        }
    }

    /// Whether a batch was committed whose COMMIT has no answer; `None` if the database cannot tell
    /// in time.
    pub(crate) async fn resolve_commit(&self, doubt: &UnknownCommit) -> Option<bool> {
        let ask = async {
            let mut wait = LOOK_UP_WAIT;
            loop {
                match self.parts.store.resolve_commit(doubt).await {
                    Ok(Some(committed)) => return Some(committed),
                    Err(StoreError::Unavailable(_) | StoreError::Conflict(_)) => {
                        sleep(wait).await;
                        wait *= 2;
                    }
                    Ok(None) => {
                        tracing::error!(
                            "the mark of a batch may have been deleted; was the node \
                             stopped, or is its clock late?"
                        );
                        return None;
                    }
                    Err(error) => {
                        tracing::error!(%error, "the mark of a batch cannot be looked for");
                        return None;
                    }
                }
            }
        };
        timeout(LOOK_UP_MAX, ask).await.ok().flatten()
    }

    /// Tells of committed fills.
    fn publish(&self, fills: &[Fill]) {
        if fills.is_empty() {
            return;
        }
        for fill in fills {
            let side = match fill.entry.kind {
                EntryKind::Buy => "buy",
                EntryKind::Sell => "sell",
                EntryKind::Open | EntryKind::Note => continue,
            };
            metrics::counter!("openbell_trades_total", "side" => side).increment(1);
        }
        // The trades stand; whoever is told of them must not cost their answers.
        if catch_unwind(AssertUnwindSafe(|| (self.parts.on_commit)(fills))).is_err() {
            tracing::error!("telling of committed trades panicked");
        }
    }
}

fn no_such_entry(player_id: i64, version: i64) -> StoreError {
    StoreError::Corrupt(format!(
        "a kept answer names entry {version} of player {player_id}, which is not there"
    ))
}
