//! Notifies operators of the conditions of this node (`docs/notify.md`). The open incidents of a
//! game have leases: the node that holds one reports the incident, and an expired lease that was
//! not released is an incident that a stopped node has not resolved.

mod conditions;

use std::sync::Arc;
use std::time::Duration;

use domain::UnixMicros;
use notify::{
    ConditionKey, ConditionKind, Incident, IncidentTracker, LeaseOutcome, NotificationKind,
    Notifier, Observations,
};
use store::StoreError;

use self::conditions::Conditions;
use crate::jobs::context::JobContext;
use crate::jobs::supervisor::{JobError, JobProgress, Reconciler};

const LEASE_PREFIX: &str = "incident:";
/// An open incident's lease is renewed in each run.
const LEASE_S: i64 = 20;
/// The longest wait for the database, which may not respond.
const DATABASE_TIMEOUT: Duration = Duration::from_secs(3);

pub(crate) struct WatchConditions {
    context: Arc<JobContext>,
    conditions: Conditions,
    incidents: IncidentTracker,
    notifier: Arc<Notifier>,
}

impl WatchConditions {
    /// `None` without a channel.
    pub(crate) fn new(context: Arc<JobContext>) -> Option<Self> {
        let (config, notifier) = (&context.config.notify, context.notifier.clone()?);
        let incidents = IncidentTracker::new(config.resolve_after_s, config.reminder_s);
        let conditions = Conditions::new(Arc::clone(&context));
        Some(Self { context, conditions, incidents, notifier })
    }

    pub(crate) fn notifier(&self) -> Arc<Notifier> {
        Arc::clone(&self.notifier)
    }

    /// A process that starts has a database. The incident of an outage, which has no lease, may
    /// have been opened by an earlier process.
    pub(crate) fn clear_outage(&self) {
        if self.context.config.sqlite_file().is_some() {
            return;
        }
        let key = ConditionKey::of(ConditionKind::DatabaseAway);
        let severity = ConditionKind::DatabaseAway.severity();
        let (kind, summary) = (NotificationKind::Cleared, "The database responds.".to_owned());
        self.notifier.publish(&self.notifier.notification(kind, key, severity, summary));
    }

    fn publish(&self, kind: NotificationKind, incident: &Incident) {
        let Incident { key, severity, summary, since, .. } = incident;
        let made = self.notifier.notification(kind, key.clone(), *severity, summary.clone());
        self.notifier.publish(&notify::Notification { since: *since, ..made });
    }

    async fn resolve(&self, incident: &Incident) {
        self.publish(NotificationKind::Resolved, incident);
        let (store, name) = (&self.context.store, lease_name(&incident.key));
        let released = in_time(store.release_lease(&name, &self.context.node)).await;
        if released.is_none() {
            // It expires; the next node that finds it resolves the incident once more.
            tracing::debug!(lease = name, "the lease of a resolved incident was not released");
        }
    }

    async fn take_lease(&self, key: &ConditionKey, now: UnixMicros) -> LeaseOutcome {
        let (store, name) = (&self.context.store, lease_name(key));
        let taken = store.take_lease(&name, &self.context.node, now, now.plus_seconds(LEASE_S));
        match in_time(taken).await {
            Some(Some(_)) => LeaseOutcome::Held,
            Some(None) => LeaseOutcome::HeldByOther,
            None => LeaseOutcome::Unavailable,
        }
    }

    /// Adopts incidents that stopped nodes have not resolved.
    async fn adopt(&mut self, seen: &Observations, now: UnixMicros) {
        let expired = in_time(self.context.store.expired_leases(LEASE_PREFIX, now)).await;
        for name in expired.unwrap_or_default() {
            let key = name.strip_prefix(LEASE_PREFIX).map(ConditionKey::parse);
            let Some(Ok(key)) = key else { continue };
            if self.incidents.is_adoptable(&key, seen)
                && self.take_lease(&key, now).await == LeaseOutcome::Held
            {
                self.incidents.adopt(&key, now);
            }
        }
    }
}

impl Reconciler for WatchConditions {
    const NAME: &'static str = "watch_conditions";
    const INTERVAL: Duration = Duration::from_secs(2);

    async fn run(&mut self) -> Result<JobProgress, JobError> {
        let seen = self.conditions.observe().await;
        let now = self.context.clock.now();
        let mut changed = 0;
        for incident in self.incidents.observe(&seen, now) {
            let (condition, summary) = (&incident.key, &incident.summary);
            tracing::info!(%condition, was = summary, "incident resolved");
            self.resolve(&incident).await;
            changed += 1;
        }
        for key in self.incidents.leases_wanted() {
            let outcome = self.take_lease(&key, now).await;
            if let Some((kind, incident)) = self.incidents.apply_lease(&key, outcome, now) {
                if kind == NotificationKind::Opened {
                    tracing::warn!(condition = %key, summary = incident.summary, "incident opened");
                }
                self.publish(kind, &incident);
                changed += 1;
            }
        }
        self.adopt(&seen, now).await;
        Ok(JobProgress::done(changed))
    }
}

fn lease_name(key: &ConditionKey) -> String {
    format!("{LEASE_PREFIX}{key}")
}

/// `None` if the database fails or does not respond in time.
async fn in_time<T>(statement: impl Future<Output = Result<T, StoreError>>) -> Option<T> {
    tokio::time::timeout(DATABASE_TIMEOUT, statement).await.ok()?.ok()
}

/// The name of this machine in notifications.
pub(crate) fn host_name() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let name = name.trim();
    if name.is_empty() { "unknown".to_owned() } else { name.to_owned() }
}
