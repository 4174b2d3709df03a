//! Turns what a node observes into incidents: a condition must hold for a time before its incident
//! opens, and be over for a time before it resolves. A lease decides which node reports an
//! incident; without a database every node reports its own.

use std::collections::BTreeMap;

use domain::UnixMicros;

use crate::condition::{ConditionKey, ConditionKind, Observations, RaisedCondition};
use crate::notification::NotificationKind;
use crate::severity::Severity;

/// How often an incident without a lease is repeated to receivers that merge events by key, in
/// seconds: another node may have resolved it for itself.
const REPEAT_S: i64 = 300;

/// The answer of the database to this node's request for the lease of an incident.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeaseOutcome {
    Held,
    HeldByOther,
    /// The database failed.
    Unavailable,
}

/// Which node reports an incident.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reporter {
    /// Not decided yet.
    Undecided,
    ThisNode,
    OtherNode,
    /// This node, because the database failed; other nodes may report it as well.
    EachNode,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Incident {
    pub key: ConditionKey,
    pub severity: Severity,
    pub summary: String,
    /// When the condition began.
    pub since: UnixMicros,
    /// Since when the condition is over.
    over_since: Option<UnixMicros>,
    reporter: Reporter,
    reminded_at: UnixMicros,
    repeated_at: UnixMicros,
}

impl Incident {
    /// Whether this node wants to hold the incident's lease. A node whose condition is over leaves
    /// the incident to the node that reports it.
    fn wants_lease(&self) -> bool {
        match self.reporter {
            Reporter::ThisNode | Reporter::EachNode => true,
            Reporter::Undecided | Reporter::OtherNode => self.over_since.is_none(),
        }
    }

    fn is_reported_here(&self) -> bool {
        matches!(self.reporter, Reporter::ThisNode | Reporter::EachNode)
    }
}

/// The open incidents of a node.
#[derive(Debug)]
pub struct IncidentTracker {
    resolve_after_s: i64,
    /// 0: no reminders.
    reminder_s: i64,
    /// Conditions that hold, but not for long enough, and since when.
    pending: BTreeMap<ConditionKey, UnixMicros>,
    open: BTreeMap<ConditionKey, Incident>,
}

impl IncidentTracker {
    pub fn new(resolve_after_s: i64, reminder_s: i64) -> Self {
        let (pending, open) = (BTreeMap::new(), BTreeMap::new());
        Self { resolve_after_s, reminder_s, pending, open }
    }

    /// Records what the node observes at `now`. Returns the incidents that are resolved and were
    /// reported by this node.
    pub fn observe(&mut self, seen: &Observations, now: UnixMicros) -> Vec<Incident> {
        self.pending.retain(|key, _| seen.raised.contains_key(key) || seen.is_unknown(key));
        for (key, condition) in &seen.raised {
            self.observe_raised(key, condition, now);
        }
        let resolve_after_s = self.resolve_after_s;
        let mut resolved = Vec::new();
        self.open.retain(|key, incident| {
            if seen.raised.contains_key(key) || seen.is_unknown(key) {
                return true;
            }
            // A clock that was set back restarts the wait.
            let since = incident.over_since.map_or(now, |since| since.min(now));
            incident.over_since = Some(since);
            let is_open = now < since.plus_seconds(resolve_after_s);
            if !is_open && incident.is_reported_here() {
                resolved.push(incident.clone());
            }
            is_open
        });
        resolved
    }

    fn observe_raised(&mut self, key: &ConditionKey, condition: &RaisedCondition, now: UnixMicros) {
        if let Some(incident) = self.open.get_mut(key) {
            incident.over_since = None;
            (incident.severity, incident.summary) = (condition.severity, condition.summary.clone());
            return;
        }
        let since = self.pending.entry(key.clone()).or_insert(now);
        *since = now.min(*since);
        if now < since.plus_seconds(condition.after_s) {
            return;
        }
        let incident = Incident {
            key: key.clone(),
            severity: condition.severity,
            summary: condition.summary.clone(),
            since: *since,
            over_since: None,
            reporter: Reporter::Undecided,
            reminded_at: now,
            repeated_at: now,
        };
        self.pending.remove(key);
        self.open.insert(key.clone(), incident);
    }

    /// The incidents whose lease this node takes or renews.
    pub fn leases_wanted(&self) -> Vec<ConditionKey> {
        let wanted = self.open.values().filter(|incident| incident.wants_lease());
        wanted.map(|incident| incident.key.clone()).collect()
    }

    /// Records who reports an incident. Returns the notification that is due, and the incident.
    pub fn apply_lease(
        &mut self,
        key: &ConditionKey,
        outcome: LeaseOutcome,
        now: UnixMicros,
    ) -> Option<(NotificationKind, Incident)> {
        let reminder_s = self.reminder_s;
        let incident = self.open.get_mut(key)?;
        let was_reported_here = incident.is_reported_here();
        incident.reporter = match (incident.reporter, outcome) {
            (_, LeaseOutcome::Held) => Reporter::ThisNode,
            (_, LeaseOutcome::HeldByOther) => Reporter::OtherNode,
            (Reporter::Undecided, LeaseOutcome::Unavailable) => Reporter::EachNode,
            (before, LeaseOutcome::Unavailable) => before,
        };
        let is_past = |at: UnixMicros, seconds: i64| now >= at.plus_seconds(seconds);
        let kind = if !incident.is_reported_here() {
            return None;
        } else if !was_reported_here {
            NotificationKind::Opened
        } else if reminder_s > 0 && is_past(incident.reminded_at, reminder_s) {
            NotificationKind::Reminder
        } else if incident.reporter == Reporter::EachNode && is_past(incident.repeated_at, REPEAT_S)
        {
            NotificationKind::Repeated
        } else {
            return None;
        };
        if kind == NotificationKind::Repeated {
            incident.repeated_at = now;
        } else {
            (incident.reminded_at, incident.repeated_at) = (now, now);
        }
        Some((kind, incident.clone()))
    }

    /// Whether this node may adopt an incident that a stopped node reported and did not resolve. If
    /// its condition holds here, it is opened and reported again instead.
    pub fn is_adoptable(&self, key: &ConditionKey, seen: &Observations) -> bool {
        !self.open.contains_key(key) && !seen.raised.contains_key(key) && !seen.is_unknown(key)
    }

    /// Adopts an incident, whose lease this node holds by now: it is resolved in time.
    pub fn adopt(&mut self, key: &ConditionKey, now: UnixMicros) {
        let incident = Incident {
            key: key.clone(),
            severity: key.kind().map_or(Severity::Error, ConditionKind::severity),
            summary: format!("The condition {key} is over."),
            since: now,
            over_since: Some(now),
            reporter: Reporter::ThisNode,
            reminded_at: now,
            repeated_at: now,
        };
        self.open.insert(key.clone(), incident);
    }
}

#[cfg(test)]
mod tests;
