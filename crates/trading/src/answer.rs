//! What becomes of the jobs of a batch after its commit: fills are published, everybody is
//! answered, and where an answer to a COMMIT was lost, the ledger is asked what happened. It
//! settles and writes nothing.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use domain::{EntryKind, Fill, Hash};
use store::{Change, LockedBatch, StoreError};
use tokio::time::{sleep, timeout};

use crate::attempt::Commit;
use crate::batch::{Kept, Settled, Verdict};
use crate::job::Job;
use crate::lane::Lane;
use crate::{Answer, DeskError};

/// How long to ask whether a COMMIT whose answer was lost has happened.
const LOOK_UP_MAX: Duration = Duration::from_secs(5);
/// The first wait between such questions; it doubles with each one.
const LOOK_UP_WAIT: Duration = Duration::from_millis(50);

impl Lane {
    /// Answers jobs for which no attempt is left.
    pub async fn give_up(&self, jobs: Vec<Job>) {
        for job in self.answer_committed(jobs, None).await {
            job.give_up();
        }
    }

    /// Publishes and answers what is committed; gives back the jobs to be settled again.
    pub(crate) async fn finish(
        &self,
        jobs: Vec<Job>,
        settled: Settled,
        commit: &Commit,
    ) -> Vec<Job> {
        let kept = |change: &Change| !commit.lost.contains(&change.player.player_id);
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
                Verdict::Settled(answer) => match &commit.fault {
                    Some(fault) if !commit.retry => job.fail(fault),
                    fault => {
                        if let Some(fault) = fault {
                            job.fault = Some(Arc::clone(fault));
                            job.doubts.extend(answer.outcome.is_ok().then_some(answer));
                        }
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
                (None, None) => Err(no_such_entry(player_id, 0)),
            };
            match outcome {
                Ok(outcome) => {
                    // After a lost answer, what was kept may be this very request's.
                    let own = job.fault.is_some() && kept.request_id == job.request.request_id;
                    let first_request_id = (!own).then_some(kept.request_id);
                    job.give(Ok(Answer { outcome, first_request_id }));
                }
                Err(error) => job.fail(&Arc::new(error)),
            }
        }
    }

    /// Answers the jobs of which an earlier attempt turns out to be committed; gives back the rest.
    pub(crate) async fn answer_committed(
        &self,
        jobs: Vec<Job>,
        locked: Option<&mut LockedBatch>,
    ) -> Vec<Job> {
        let doubts = jobs.iter().flat_map(|job| &job.doubts);
        let doubts: Vec<&Fill> = doubts.filter_map(|answer| answer.outcome.as_ref().ok()).collect();
        if doubts.is_empty() {
            return jobs;
        }
        let hashes = self.look_up(&doubts, locked).await;
        let (mut rest, mut answered, mut fills) = (Vec::new(), Vec::new(), Vec::new());
        for mut job in jobs {
            let is_found = |answer: &Answer| match (&answer.outcome, &hashes) {
                (Ok(fill), Some(hashes)) => is_ours(fill, hashes),
                _ => false,
            };
            if let Some(at) = job.doubts.iter().position(is_found) {
                let answer = job.doubts.swap_remove(at);
                if answer.first_request_id.is_none() {
                    fills.extend(answer.outcome.clone());
                }
                answered.push((job, answer));
                continue;
            }
            match job.fault.clone() {
                Some(fault) if hashes.is_none() && !job.doubts.is_empty() => job.fail(&fault),
                _ => rest.push(job),
            }
        }
        self.publish(&fills);
        answered.into_iter().for_each(|(job, answer)| job.give(Ok(answer)));
        rest
    }

    /// The hashes of the ledger entries in the places of these fills; `None` if the database does
    /// not tell in time.
    pub(crate) async fn look_up(
        &self,
        fills: &[&Fill],
        locked: Option<&mut LockedBatch>,
    ) -> Option<HashMap<(i64, i64), Hash>> {
        let places: Vec<(i64, i64)> = fills.iter().map(|fill| place_of(fill)).collect();
        if places.is_empty() {
            return Some(HashMap::new());
        }
        if let Some(locked) = locked {
            return locked.find_entry_hashes(&places).await.ok();
        }
        let ask = async {
            let mut wait = LOOK_UP_WAIT;
            loop {
                match self.parts.store.find_entry_hashes(&places).await {
                    Ok(hashes) => return Some(hashes),
                    Err(StoreError::Unavailable(_) | StoreError::Conflict(_)) => {
                        sleep(wait).await;
                        wait *= 2;
                    }
                    Err(_) => return None,
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

fn place_of(fill: &Fill) -> (i64, i64) {
    (fill.entry.player_id, fill.entry.version)
}

fn is_ours(fill: &Fill, hashes: &HashMap<(i64, i64), Hash>) -> bool {
    hashes.get(&place_of(fill)) == Some(&fill.hash)
}

pub(crate) fn found_fills<'f>(
    fills: &'f [&'f Fill],
    hashes: &'f HashMap<(i64, i64), Hash>,
) -> impl Iterator<Item = &'f Fill> {
    fills.iter().copied().filter(|fill| is_ours(fill, hashes))
}

fn no_such_entry(player_id: i64, version: i64) -> StoreError {
    StoreError::Corrupt(format!(
        "a kept answer names entry {version} of player {player_id}, which is not there"
    ))
}
