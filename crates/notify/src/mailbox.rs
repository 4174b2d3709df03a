//! The bounded queue of a channel. It holds one notification for each condition: the newest state
//! replaces one that is not delivered yet. Each has its own time of the next attempt, so that one
//! which its receiver refuses delays no other.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

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

/// A notification in a queue.
#[derive(Clone, Debug)]
pub(crate) struct Queued {
    /// A newer state of the condition has another number.
    pub(crate) number: u64,
    pub(crate) notification: Notification,
    /// Attempts so far.
    pub(crate) attempts: u32,
    due: Instant,
}

#[derive(Debug, Default)]
pub(crate) struct Mailbox {
    state: Mutex<MailboxState>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct MailboxState {
    queue: Vec<Queued>,
    next_number: u64,
    /// No attempt is made before this time.
    paused_until: Option<Instant>,
}

impl Mailbox {
    pub(crate) fn push(&self, notification: &Notification) -> Enqueued {
        let enqueued = self.lock().push(notification);
        self.changed.notify_one();
        enqueued
    }

    /// Waits for a notification whose next attempt is due, which stays in the queue: the one with
    /// the fewest attempts, so that a new incident does not wait for the retries of others.
    pub(crate) async fn next(&self) -> Queued {
        loop {
            let now = Instant::now();
            let (next, wakeup) = self.lock().next(now);
            match (next, wakeup) {
                (Some(next), _) => return next,
                (None, Some(wakeup)) => {
                    // Either outcome leads to another look.
                    let _ = tokio::time::timeout_at(wakeup, self.changed.notified()).await;
                }
                (None, None) => self.changed.notified().await,
            }
        }
    }

    /// Sets when the next attempt is made, unless a newer notification has replaced this one.
    pub(crate) fn postpone(&self, number: u64, wait: Duration) {
        let due = Instant::now() + wait;
        let mut state = self.lock();
        if let Some(queued) = state.queue.iter_mut().find(|queued| queued.number == number) {
            (queued.attempts, queued.due) = (queued.attempts + 1, due);
        }
    }

    /// Makes no attempt for a while.
    pub(crate) fn pause(&self, wait: Duration) {
        self.lock().paused_until = Some(Instant::now() + wait);
    }

    /// Ends all waits.
    pub(crate) fn retry_now(&self) {
        let mut state = self.lock();
        state.paused_until = None;
        let now = Instant::now();
        state.queue.iter_mut().for_each(|queued| queued.due = now);
        drop(state);
        self.changed.notify_one();
    }

    /// Removes a notification, unless a newer one has replaced it.
    pub(crate) fn remove(&self, number: u64) {
        self.lock().queue.retain(|queued| queued.number != number);
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
        let (notification, due) = (notification.clone(), Instant::now());
        let condition = &notification.condition;
        let same = self.queue.iter_mut().find(|queued| queued.notification.condition == *condition);
        if let Some(waiting) = same {
            if !notification.kind.is_repetition() {
                *waiting = Queued { number, notification, attempts: 0, due };
            }
            return Enqueued::Merged;
        }
        if self.queue.len() >= LENGTH_MAX {
            return Enqueued::Dropped;
        }
        self.queue.push(Queued { number, notification, attempts: 0, due });
        Enqueued::Added
    }

    /// The notification to deliver now; without one, when to look again.
    fn next(&self, now: Instant) -> (Option<Queued>, Option<Instant>) {
        if let Some(until) = self.paused_until.filter(|until| *until > now) {
            return (None, Some(until));
        }
        let due = self.queue.iter().filter(|queued| queued.due <= now);
        let next = due.min_by_key(|queued| (queued.attempts, queued.number)).cloned();
        (next, self.queue.iter().map(|queued| queued.due).min())
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

    /// The number of the next notification, its condition and its kind.
    async fn first(mailbox: &Mailbox) -> (u64, (String, NotificationKind)) {
        let Queued { number, notification, .. } = mailbox.next().await;
        (number, (notification.condition.to_string(), notification.kind))
    }

    #[tokio::test(start_paused = true)]
    async fn a_postponed_notification_delays_no_other_and_a_pause_delays_all() {
        let mailbox = Mailbox::default();
        let (minute, start) = (Duration::from_secs(60), Instant::now());
        mailbox.push(&notification("refused", NotificationKind::Opened));
        mailbox.postpone(first(&mailbox).await.0, minute);
        mailbox.push(&notification("new", NotificationKind::Opened));
        let (number, (condition, _)) = first(&mailbox).await;
        assert_eq!((condition.as_str(), start.elapsed()), ("new", Duration::ZERO));
        mailbox.pause(minute * 2);
        let (paused, (condition, _)) = first(&mailbox).await;
        assert_eq!((paused, condition.as_str()), (number, "new"), "it has fewer attempts");
        assert_eq!(start.elapsed(), minute * 2);
        mailbox.remove(number);
        assert_eq!(first(&mailbox).await.1.0, "refused");
        mailbox.pause(minute);
        mailbox.retry_now();
        first(&mailbox).await;
        assert!(start.elapsed() < minute * 3);
    }

    #[tokio::test]
    async fn the_newest_state_replaces_one_that_is_not_delivered() {
        let mailbox = Mailbox::default();
        let push = |condition, kind| mailbox.push(&notification(condition, kind));
        assert_eq!(push("a", NotificationKind::Opened), Enqueued::Added);
        assert_eq!(push("b", NotificationKind::Opened), Enqueued::Added);
        let opened = first(&mailbox).await;
        assert_eq!(opened.1, ("a".to_owned(), NotificationKind::Opened));
        assert_eq!(push("a", NotificationKind::Resolved), Enqueued::Merged);
        // The attempt that was in progress meanwhile has succeeded.
        mailbox.remove(opened.0);
        for expected in [("b", NotificationKind::Opened), ("a", NotificationKind::Resolved)] {
            let (number, (condition, kind)) = first(&mailbox).await;
            assert_eq!((condition.as_str(), kind), expected);
            mailbox.remove(number);
        }
        assert!(mailbox.is_empty());
    }

    #[tokio::test]
    async fn a_reminder_does_not_replace_what_it_repeats() {
        let mailbox = Mailbox::default();
        mailbox.push(&notification("a", NotificationKind::Opened));
        mailbox.push(&notification("a", NotificationKind::Reminder));
        assert_eq!(first(&mailbox).await.1.1, NotificationKind::Opened);
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
