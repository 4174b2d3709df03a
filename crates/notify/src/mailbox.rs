//! The bounded queue of a channel. It holds one notification for each condition: the newest state
//! replaces one that is not delivered yet.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::notification::Notification;

/// The most notifications that wait for a receiver.
const LENGTH_MAX: usize = 64;

/// What happened to a notification that was put into a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Enqueued {
    Added,
    /// It replaced an older one, or is contained in it.
    Merged,
    /// The queue is full.
    Dropped,
}

#[derive(Debug, Default)]
pub(crate) struct Mailbox {
    state: Mutex<MailboxState>,
    added: Notify,
}

#[derive(Debug, Default)]
struct MailboxState {
    queue: VecDeque<(u64, Notification)>,
    next_number: u64,
}

impl Mailbox {
    pub(crate) fn push(&self, notification: &Notification) -> Enqueued {
        let enqueued = self.lock().push(notification);
        self.added.notify_one();
        enqueued
    }

    /// Waits for the first notification, which stays in the queue, and returns its number.
    pub(crate) async fn first(&self) -> (u64, Notification) {
        loop {
            let first = self.lock().queue.front().cloned();
            match first {
                Some(first) => return first,
                None => self.added.notified().await,
            }
        }
    }

    /// Removes the first notification, unless a newer one has replaced it.
    pub(crate) fn remove(&self, number: u64) {
        self.lock().queue.retain(|(found, _)| *found != number);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.lock().queue.is_empty()
    }

    fn lock(&self) -> MutexGuard<'_, MailboxState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl MailboxState {
    fn push(&mut self, notification: &Notification) -> Enqueued {
        let number = self.next_number;
        self.next_number += 1;
        let same =
            |(_, waiting): &&mut (u64, Notification)| waiting.condition == notification.condition;
        if let Some(waiting) = self.queue.iter_mut().find(same) {
            if !notification.kind.is_repetition() {
                *waiting = (number, notification.clone());
            }
            return Enqueued::Merged;
        }
        if self.queue.len() >= LENGTH_MAX {
            return Enqueued::Dropped;
        }
        self.queue.push_back((number, notification.clone()));
        Enqueued::Added
    }
}

#[cfg(test)]
mod tests {
    use domain::UnixMicros;

    use super::*;
    use crate::condition::ConditionKey;
    use crate::notification::NotificationKind;
    use crate::severity::Severity;

    fn notification(condition: &str, kind: NotificationKind) -> Notification {
        Notification {
            id: String::new(),
            kind,
            condition: ConditionKey::parse(condition).unwrap(),
            severity: Severity::Error,
            summary: String::new(),
            since: UnixMicros(0),
            at: UnixMicros(0),
        }
    }

    #[tokio::test]
    async fn the_newest_state_replaces_one_that_is_not_delivered() {
        let mailbox = Mailbox::default();
        let push = |condition, kind| mailbox.push(&notification(condition, kind));
        assert_eq!(push("a", NotificationKind::Opened), Enqueued::Added);
        assert_eq!(push("b", NotificationKind::Opened), Enqueued::Added);
        let (opened, first) = mailbox.first().await;
        assert_eq!((first.condition.as_str(), first.kind), ("a", NotificationKind::Opened));
        assert_eq!(push("a", NotificationKind::Resolved), Enqueued::Merged);
        // The attempt that was in progress meanwhile has succeeded.
        mailbox.remove(opened);
        let (resolved, first) = mailbox.first().await;
        assert_eq!((first.condition.as_str(), first.kind), ("a", NotificationKind::Resolved));
        mailbox.remove(resolved);
        let (number, first) = mailbox.first().await;
        assert_eq!(first.condition.as_str(), "b");
        mailbox.remove(number);
        assert!(mailbox.is_empty());
    }

    #[tokio::test]
    async fn a_reminder_does_not_replace_what_it_repeats() {
        let mailbox = Mailbox::default();
        mailbox.push(&notification("a", NotificationKind::Opened));
        mailbox.push(&notification("a", NotificationKind::Reminder));
        assert_eq!(mailbox.first().await.1.kind, NotificationKind::Opened);
    }

    #[test]
    fn a_full_queue_drops_new_conditions_and_still_updates_the_waiting_ones() {
        let mailbox = Mailbox::default();
        for number in 0..LENGTH_MAX {
            let enqueued =
                mailbox.push(&notification(&format!("c{number}"), NotificationKind::Opened));
            assert_eq!(enqueued, Enqueued::Added);
        }
        let push = |condition, kind| mailbox.push(&notification(condition, kind));
        assert_eq!(push("new", NotificationKind::Opened), Enqueued::Dropped);
        assert_eq!(push("c7", NotificationKind::Resolved), Enqueued::Merged);
    }
}
