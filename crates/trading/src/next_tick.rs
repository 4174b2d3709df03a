//! Orders that wait for a price, in games with `fill = "next_tick"`: an order fills at the first
//! price that is published after it was accepted, so that its price is not known when it is sent.
//! Here is which jobs of a lane may go on; the lane processes them.

use std::collections::{HashSet, VecDeque};
use std::time::Duration;

use domain::{Quote, Rejection};
use tokio::time::Instant;

use crate::job::Job;

/// How long an order waits for a price before it is refused.
const WAIT_MAX: Duration = Duration::from_secs(2);

/// The jobs of a lane that were received and not yet processed, in the order of their arrival.
#[derive(Default)]
pub(crate) struct Waiting {
    jobs: VecDeque<Job>,
}

impl Waiting {
    pub(crate) fn extend(&mut self, jobs: impl IntoIterator<Item = Job>) {
        self.jobs.extend(jobs);
    }

    pub(crate) fn len(&self) -> usize {
        self.jobs.len()
    }

    /// When the oldest job has waited long enough.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.jobs.front().map(|job| job.queued_at + WAIT_MAX)
    }

    /// Takes the jobs that need not wait any longer, at most `most`: those that wait for no price,
    /// whose price was published, or whose time is up. A job never overtakes another one of its
    /// player.
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
