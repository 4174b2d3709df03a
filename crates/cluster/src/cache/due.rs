//! Invalidations that Redis and the other nodes have to be told of: at once the first time, and
//! then once an interval at most for each tag. What could not be told stays due.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::sync::futures::Notified;
use tokio::time::Instant;

use super::tags::{EVERYTHING, TagSet};

/// With more tags than this everything is invalidated instead.
const TAGS_MAX: usize = 10_000;

#[derive(Debug)]
pub(super) struct Due {
    interval: Duration,
    marks: Mutex<Marks>,
    marked: Notify,
    changed: Notify,
}

#[derive(Debug, Default)]
struct Marks {
    tags: HashMap<Arc<str>, Mark>,
    last: u64,
}

#[derive(Debug, Default)]
struct Mark {
    /// The number of the last invalidation, until the others have been told of it.
    due: Option<u64>,
    told_at: Option<Instant>,
}

/// An invalidation that is to be told now.
#[derive(Debug)]
pub(super) struct Ready {
    pub(super) tag: Arc<str>,
    number: u64,
}

impl Due {
    pub(super) fn new(interval: Duration) -> Self {
        let (marked, changed) = (Notify::new(), Notify::new());
        Self { interval, marks: Mutex::default(), marked, changed }
    }

    pub(super) fn mark(&self, tag: &str) {
        let mut marks = self.lock();
        marks.last += 1;
        let number = marks.last;
        if !marks.tags.contains_key(tag) && marks.tags.len() >= TAGS_MAX {
            let everything = marks.tags.remove(EVERYTHING).unwrap_or_default();
            marks.tags.clear();
            marks.tags.insert(Arc::from(EVERYTHING), Mark { due: Some(number), ..everything });
        } else {
            marks.tags.entry(Arc::from(tag)).or_default().due = Some(number);
        }
        drop(marks);
        self.marked.notify_one();
    }

    /// Whether one of these tags is due.
    pub(super) fn is_any(&self, tags: &TagSet) -> bool {
        let marks = self.lock();
        tags.iter().any(|tag| marks.tags.get(tag).is_some_and(|mark| mark.due.is_some()))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.lock().tags.values().all(|mark| mark.due.is_none())
    }

    /// What is to be told now, and when there will be more of what is due.
    pub(super) fn take_ready(&self) -> (Vec<Ready>, Option<Instant>) {
        let now = Instant::now();
        let (mut ready, mut next) = (Vec::new(), None);
        let mut marks = self.lock();
        marks.tags.retain(|tag, mark| {
            let from = mark.told_at.map_or(now, |told_at| told_at + self.interval);
            match mark.due {
                Some(number) if from <= now => {
                    mark.told_at = Some(now);
                    ready.push(Ready { tag: Arc::clone(tag), number });
                }
                Some(_) => next = Some(next.map_or(from, |next: Instant| next.min(from))),
                None => return from > now,
            }
            true
        });
        (ready, next)
    }

    /// The others have been told; what was invalidated again meanwhile stays due.
    pub(super) fn settle(&self, told: &[Ready]) {
        let mut marks = self.lock();
        for Ready { tag, number } in told {
            if let Some(mark) = marks.tags.get_mut(tag)
                && mark.due == Some(*number)
            {
                mark.due = None;
            }
        }
        drop(marks);
        self.note_change();
    }

    /// The others could not be told: these need not wait for the end of their interval.
    pub(super) fn give_back(&self, untold: &[Ready]) {
        let mut marks = self.lock();
        for Ready { tag, .. } in untold {
            if let Some(mark) = marks.tags.get_mut(tag) {
                mark.told_at = None;
            }
        }
    }

    /// Wakes those who wait for nothing to be due.
    pub(super) fn note_change(&self) {
        self.changed.notify_waiters();
    }

    /// Returns when a tag was marked since the last time.
    pub(super) async fn marked(&self) {
        self.marked.notified().await;
    }

    /// Returns when something was settled from now on.
    pub(super) fn changed(&self) -> Notified<'_> {
        self.changed.notified()
    }

    fn lock(&self) -> MutexGuard<'_, Marks> {
        self.marks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(ready: &[Ready]) -> Vec<&str> {
        let mut names: Vec<&str> = ready.iter().map(|ready| &*ready.tag).collect();
        names.sort_unstable();
        names
    }

    #[tokio::test]
    async fn a_tag_is_told_at_once_and_then_once_an_interval() {
        let due = Due::new(Duration::from_secs(3_600));
        due.mark("a");
        due.mark("a");
        let (first, next) = due.take_ready();
        assert_eq!((names(&first), next), (vec!["a"], None));
        due.settle(&first);
        assert!(due.is_empty());
        due.mark("a");
        due.mark("b");
        let (second, next) = due.take_ready();
        assert_eq!(names(&second), ["b"]);
        assert!(next.is_some_and(|next| next > Instant::now()));
        assert!(due.is_any(&TagSet::of(&["a"])) && !due.is_any(&TagSet::of(&["c"])));
    }

    #[tokio::test]
    async fn what_is_invalidated_while_it_is_told_stays_due() {
        let due = Due::new(Duration::ZERO);
        due.mark("a");
        let (told, _) = due.take_ready();
        due.mark("a");
        due.settle(&told);
        assert!(!due.is_empty());
        let (told, _) = due.take_ready();
        due.settle(&told);
        assert!(due.is_empty());
    }

    #[tokio::test]
    async fn what_could_not_be_told_is_ready_again() {
        let due = Due::new(Duration::from_secs(3_600));
        due.mark("a");
        let (untold, _) = due.take_ready();
        due.give_back(&untold);
        assert_eq!(names(&due.take_ready().0), ["a"]);
    }

    #[tokio::test]
    async fn too_many_tags_are_everything() {
        let due = Due::new(Duration::ZERO);
        for number in 0..=TAGS_MAX {
            due.mark(&number.to_string());
        }
        assert!(due.is_any(&TagSet::of(&["any"])));
        assert_eq!(names(&due.take_ready().0), [EVERYTHING]);
    }
}
