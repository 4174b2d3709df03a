//! One message to operators: an incident was opened or resolved, is still open, or a test.

use domain::UnixMicros;

use crate::condition::ConditionKey;
use crate::severity::Severity;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotificationKind {
    Opened,
    /// `Opened` once more, for receivers that merge events by key: another node may have resolved
    /// the incident.
    Repeated,
    /// The incident is still open.
    Reminder,
    Resolved,
    /// Resolves, without a message to people, an incident that an earlier process may have opened.
    Cleared,
    Test,
}

impl NotificationKind {
    /// Whether it only repeats what an earlier notification reported.
    pub(crate) fn is_repetition(self) -> bool {
        matches!(self, Self::Repeated | Self::Reminder | Self::Cleared)
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notification {
    /// Unique, and equal in all attempts to deliver it.
    pub id: String,
    pub kind: NotificationKind,
    pub condition: ConditionKey,
    pub severity: Severity,
    /// One sentence without secrets.
    pub summary: String,
    /// When the condition began.
    pub since: UnixMicros,
    /// When the notification was made.
    pub at: UnixMicros,
}
