//! Writes the heartbeat of the servers, ends a downtime, and plans the next changes of the game's
//! schedule. Every node runs it; of several, one writes.

use std::sync::Arc;
use std::time::Duration;

use domain::{ClockCause, UnixMicros};
use market::ClockSchedule;
use store::{ClockChange, NewGameEvent};

use crate::boot::game_clock::{downtime_min_s, end_downtime, plan_schedule};
use crate::jobs::context::JobContext;
use crate::jobs::supervisor::{JobError, JobProgress, Reconciler};

/// A heartbeat that is newer than this is not written again, by another node.
const BEAT_AGE_S: i64 = 3;

pub(crate) struct KeepClock {
    context: Arc<JobContext>,
    /// The schedule and its text, as they were read last.
    schedule: Option<(String, ClockSchedule)>,
}

impl KeepClock {
    pub(crate) fn new(context: Arc<JobContext>) -> Self {
        Self { context, schedule: None }
    }

    async fn beat(&self, now: UnixMicros) -> Result<u64, JobError> {
        let JobContext { store, game_id, config, .. } = &*self.context;
        let downtime_min_s = downtime_min_s(config);
        let not_before =
            downtime_min_s.map_or(UnixMicros(i64::MIN), |seconds| now.plus_seconds(-seconds));
        let after = now.plus_seconds(-BEAT_AGE_S);
        if store.record_heartbeat(*game_id, now, not_before, after).await? {
            return Ok(1);
        }
        let Some(seconds) = downtime_min_s else { return Ok(0) };
        Ok(u64::from(end_downtime(store, *game_id, seconds, now).await?))
    }

    async fn read_schedule(&mut self) -> Result<(), JobError> {
        let text = self.context.store.find_schedule(self.context.game_id).await?;
        if self.schedule.as_ref().map(|(text, _)| text) == text.as_ref() {
            return Ok(());
        }
        self.schedule = match text {
            Some(text) => {
                let schedule = ClockSchedule::parse(&text)?;
                Some((text, schedule))
            }
            None => None,
        };
        Ok(())
    }

    async fn plan(&self, now: UnixMicros) -> Result<u64, JobError> {
        let JobContext { store, game_id, source, clock, .. } = &*self.context;
        let Some((text, schedule)) = &self.schedule else { return Ok(0) };
        if plan_schedule(&source.clock().load(), schedule, now).is_empty() {
            return Ok(0);
        }
        // This node may not have read yet what another one planned.
        let (present, _) = store.load_clock(*game_id).await?;
        // After the clock: with a later change of the schedule the commit fails.
        if store.find_schedule(*game_id).await?.as_ref() != Some(text) {
            return Ok(0);
        }
        let segments = plan_schedule(&present, schedule, now);
        let Some(first) = segments.first() else { return Ok(0) };
        let event = NewGameEvent {
            actor: "schedule",
            action: ClockCause::Schedule.as_str(),
            target: &first.begins_at.to_string(),
            reason: "planned",
            at: now,
        };
        let change = ClockChange { segments: &segments, event, schedule: None, beat_at: None };
        let is_planned = store.commit_clock(*game_id, &change, &**clock).await?;
        Ok(if is_planned { segments.len() as u64 } else { 0 })
    }
}

impl Reconciler for KeepClock {
    const NAME: &'static str = "keep_clock";
    // Far below the time for which nodes trust a heartbeat.
    const INTERVAL: Duration = Duration::from_secs(5);

    async fn run(&mut self) -> Result<JobProgress, JobError> {
        let now = self.context.clock.now();
        let mut changed = self.beat(now).await?;
        self.read_schedule().await?;
        changed += self.plan(now).await?;
        Ok(JobProgress::done(changed))
    }
}
