//! One load, from the decision that there has to be one to what is left behind: first Redis, if it
//! may be believed, then the loader. It runs in a task of its own.

use std::future::Future;
use std::sync::Arc;

use domain::UnixMicros;
use tokio::time::Instant;

use super::flights::{Answer, Flight, Pilot};
use super::memory::{Kept, Key, Place};
use super::shared::{Looked, Stored, Versions};
use super::tags::{Snapshot, TagSet};
use super::{Cacheable, Inner, Served, Source, age};

/// A load under way; it is taken off the list however it ends.
struct Landing {
    cache: Arc<Inner>,
    pilot: Pilot,
}

impl Drop for Landing {
    fn drop(&mut self) {
        self.cache.flights.leave(&self.pilot);
    }
}

impl Inner {
    /// The load to wait for.
    pub(super) fn join_or_load<T, E, L>(
        self: &Arc<Self>,
        place: &Place,
        tags: TagSet,
        load: impl FnOnce() -> L + Send + 'static,
    ) -> Flight
    where
        T: Cacheable,
        E: Send + Sync + 'static,
        L: Future<Output = Result<T, E>> + Send + 'static,
    {
        let (flight, pilot) = self.flights.board(place, &tags, &self.tags);
        if let Some(pilot) = pilot {
            let landing = Landing { cache: Arc::clone(self), pilot };
            tokio::spawn(fly(landing, tags, load));
        }
        flight
    }
}

async fn fly<T, E, L>(mut landing: Landing, tags: TagSet, load: impl FnOnce() -> L)
where
    T: Cacheable,
    E: Send + Sync + 'static,
    L: Future<Output = Result<T, E>>,
{
    landing.pilot.take_off().await;
    let cache = Arc::clone(&landing.cache);
    let snapshot = cache.tags.snapshot(&tags);
    landing.pilot.begin(&snapshot);
    // After the snapshot: what is invalidated from here on makes it old.
    let (mut versions, mut is_answered) = (None, false);
    if let Some(looked) = landing.look::<T>(&tags).await {
        versions = Some(looked.versions);
        if let Some((value, stored)) = looked.value {
            let is_fresh = landing.hand_out(value, &stored, &snapshot);
            if is_fresh {
                return;
            }
            is_answered = true;
        }
    }
    let loaded_at = cache.clock.now();
    let began = Instant::now();
    let loaded = load().await;
    let name = landing.pilot.place().family.as_str();
    metrics::histogram!("openbell_cache_load_seconds", "family" => name)
        .record(began.elapsed().as_secs_f64());
    let value = match loaded {
        Ok(value) => value,
        Err(error) => {
            metrics::counter!("openbell_cache_load_failures_total", "family" => name).increment(1);
            cache.flights.leave(&landing.pilot);
            if !is_answered {
                landing.pilot.answer(&snapshot, Answer::Failed(Arc::new(error)));
            }
            return;
        }
    };
    let is_wanted = cache.shared.is_some() || !matches!(landing.pilot.place().key, Key::Rows(_));
    let json = is_wanted.then(|| serde_json::value::to_raw_value(&value).ok()).flatten();
    let json = json.filter(|json| json.get().len() <= cache.value_bytes_max());
    let value: Arc<T> = Arc::new(value);
    let served = Served { value, loaded_at, source: Source::Load };
    if let Some(json) = &json {
        landing.keep(&served, json.get().len(), &snapshot);
    }
    landing.pilot.answer(&snapshot, Answer::Value(served));
    if let (Some(shared), Some(versions), Some(value)) = (&cache.shared, versions, json)
        && cache.tags.is_current(&snapshot)
    {
        let ttl = cache.config.ttl(landing.pilot.place().family) * 2;
        let stored = Stored { at: loaded_at.0, versions, value };
        shared.write(landing.pilot.place(), &stored, ttl).await;
    }
}

/// What Redis knows: a value with what was stored of it, and the versions to load under.
struct Seen<T> {
    value: Option<(T, StoredMeta)>,
    versions: Versions,
}

/// What was stored of a value, besides itself.
struct StoredMeta {
    at: UnixMicros,
    bytes: usize,
}

impl Landing {
    async fn look<T: Cacheable>(&self, tags: &TagSet) -> Option<Seen<T>> {
        let shared = self.cache.shared.as_ref()?;
        let place = self.pilot.place();
        let Looked { stored, versions } = shared.read(place, tags).await?;
        let ttl = self.cache.config.ttl(place.family);
        let value = stored.and_then(|stored| {
            let at = UnixMicros(stored.at);
            let is_kept = age(at, self.cache.clock.now()) <= ttl * 2;
            // What does not read as this type is of another version of the program.
            let value = is_kept.then(|| serde_json::from_str(stored.value.get()).ok())??;
            Some((value, StoredMeta { at, bytes: stored.value.get().len() }))
        });
        Some(Seen { value, versions })
    }

    /// Answers with what was found in Redis; true when that is the end of it.
    fn hand_out<T: Cacheable>(&self, value: T, stored: &StoredMeta, snapshot: &Snapshot) -> bool {
        let ttl = self.cache.config.ttl(self.pilot.place().family);
        let is_fresh = age(stored.at, self.cache.clock.now()) <= ttl;
        let source = if is_fresh { Source::Redis } else { Source::Stale };
        let value: Arc<T> = Arc::new(value);
        let served = Served { value, loaded_at: stored.at, source };
        if is_fresh {
            self.keep(&served, stored.bytes, snapshot);
        }
        self.pilot.answer(snapshot, Answer::Value(served));
        is_fresh
    }

    fn keep(&self, served: &Served, json_bytes: usize, snapshot: &Snapshot) {
        if !self.cache.tags.is_current(snapshot) {
            return;
        }
        let kept = Kept {
            value: Arc::clone(&served.value),
            json_bytes,
            loaded_at: served.loaded_at,
            put_at: self.cache.clock.now(),
            snapshot: snapshot.clone(),
        };
        self.cache.memory.put(self.pilot.place(), kept);
    }
}

impl Inner {
    pub(super) fn value_bytes_max(&self) -> usize {
        usize::try_from(self.config.value_bytes_max).unwrap_or(usize::MAX)
    }
}
