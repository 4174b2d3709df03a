//! Orders that wait for a price, in games with `fill = "next_tick"`: an order fills at the first
//! price published after its acceptance, so that its price is not known when it is sent.

use std::collections::{HashSet, VecDeque};
use std::time::Duration;

use domain::{Quote, Rejection};
use tokio::time::Instant;

use crate::job::Job;

/// How long an order waits for a price before it is rejected.
const WAIT_MAX: Duration = Duration::from_secs(2);

/// The received, unprocessed jobs of a lane, in order of arrival.
#[derive(Default)]
pub(crate) struct NextTickQueue {
    jobs: VecDeque<Job>,
}

impl NextTickQueue {
    pub(crate) fn extend(&mut self, jobs: impl IntoIterator<Item = Job>) {
        self.jobs.extend(jobs);
    }

    pub(crate) fn len(&self) -> usize {
        self.jobs.len()
    }

    /// When the wait of the oldest job ends.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.jobs.front().map(|job| job.queued_at + WAIT_MAX)
    }

    /// Takes at most `most` jobs that need not wait, whose price was published, or whose wait is
    /// over. A job never overtakes another one of its player.
    pub(crate) fn take_ready(
        &mut self,
        quotes: &dyn Fn(i64) -> Result<Quote, Rejection>,
        most: usize,
    ) -> Vec<Job> {
        let now = Instant::now();
        let (mut ready, mut blocked) = (Vec::new(), HashSet::new());
        let mut kept = VecDeque::with_capacity(self.jobs.len());
        for job in self.jobs.drain(..) {
            let player_id = job.request.player_id;
            let may_go = ready.len() < most
                && !blocked.contains(&player_id)
                && (now >= job.queued_at + WAIT_MAX || !job.waits(quotes));
            if may_go {
                ready.push(job);
            } else {
                blocked.insert(player_id);
                kept.push_back(job);
            }
        }
        self.jobs = kept;
        ready
    }
}
