//! Single flight: one load of a value at a time, and all who ask meanwhile wait for it, unless it
//! began before an invalidation that they know of. For those there is one more, which begins when
//! the first has ended.

use std::any::Any;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use super::Served;
use super::memory::Place;
use super::tags::{LocalTags, Snapshot, TagSet};

/// What a load came to.
#[derive(Clone)]
pub(super) enum Answer {
    Value(Served),
    Failed(Arc<dyn Any + Send + Sync>),
}

/// How far a load is.
#[derive(Clone)]
enum Phase {
    /// It waits for the one before it.
    Waits,
    Began(Snapshot),
    /// It may still be busy with what comes after the answer.
    Answered(Snapshot, Answer),
}

/// One who waits for a load.
pub(super) struct Flight {
    tags: TagSet,
    phase: watch::Receiver<Phase>,
}

/// Loads under way.
#[derive(Default)]
pub(super) struct Flights(Mutex<HashMap<Place, Flight>>);

/// The end of a load that flies it. It lands when it is dropped.
pub(super) struct Pilot {
    place: Place,
    phase: watch::Sender<Phase>,
    before: Option<Flight>,
}

impl Flights {
    /// A load to wait for, and its other end if it is new and has to be flown.
    pub(super) fn board(
        &self,
        place: &Place,
        tags: &TagSet,
        local: &LocalTags,
    ) -> (Flight, Option<Pilot>) {
        let mut flights = self.lock();
        if let Some(flight) = flights.get(place)
            && flight.takes(tags, local)
        {
            return (flight.clone(), None);
        }
        let sender = watch::Sender::new(Phase::Waits);
        let flight = Flight { tags: tags.clone(), phase: sender.subscribe() };
        let before = flights.insert(place.clone(), flight.clone());
        (flight, Some(Pilot { place: place.clone(), phase: sender, before }))
    }

    /// Takes a load off the list that is over; another one may have taken its place.
    pub(super) fn leave(&self, pilot: &Pilot) {
        let mut flights = self.lock();
        let is_listed = |flight: &Flight| flight.phase.same_channel(&pilot.phase.subscribe());
        if flights.get(&pilot.place).is_some_and(is_listed) {
            flights.remove(&pilot.place);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Place, Flight>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Flight {
    /// What the load comes to; nothing when it panics.
    pub(super) async fn answer(mut self) -> Option<Answer> {
        let answered = |phase: &Phase| matches!(phase, Phase::Answered(..));
        match &*self.phase.wait_for(answered).await.ok()? {
            Phase::Answered(_, answer) => Some(answer.clone()),
            Phase::Waits | Phase::Began(_) => None,
        }
    }

    /// Whether somebody who asks now may wait for this one.
    fn takes(&self, tags: &TagSet, local: &LocalTags) -> bool {
        let has_ended = self.phase.has_changed().is_err();
        self.tags == *tags
            && match &*self.phase.borrow() {
                Phase::Waits => !has_ended,
                Phase::Began(snapshot) => !has_ended && local.is_current(snapshot),
                Phase::Answered(snapshot, Answer::Value(_)) => local.is_current(snapshot),
                Phase::Answered(_, Answer::Failed(_)) => false,
            }
    }

    async fn landed(mut self) {
        while self.phase.changed().await.is_ok() {}
    }
}

impl Clone for Flight {
    fn clone(&self) -> Self {
        Self { tags: self.tags.clone(), phase: self.phase.clone() }
    }
}

impl Pilot {
    pub(super) fn place(&self) -> &Place {
        &self.place
    }

    /// Waits for the load before this one.
    pub(super) async fn take_off(&mut self) {
        if let Some(before) = self.before.take() {
            before.landed().await;
        }
    }

    /// What is loaded from now on is as new as this.
    pub(super) fn begin(&self, snapshot: &Snapshot) {
        self.phase.send_replace(Phase::Began(snapshot.clone()));
    }

    pub(super) fn answer(&self, snapshot: &Snapshot, answer: Answer) {
        self.phase.send_replace(Phase::Answered(snapshot.clone(), answer));
    }
}
