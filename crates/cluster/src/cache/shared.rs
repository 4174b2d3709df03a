//! The part of the cache that lies in Redis. An entry holds the versions of its tags from before it
//! was loaded, and is believed while Redis has the same: versions are random and never used twice,
//! so one that is lost, or set late, makes entries old and never an old one current again.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use domain::Entropy;
use futures_util::future::try_join_all;
use redis::{ExistenceCheck, RedisResult, SetExpiry, SetOptions};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tokio::task::JoinHandle;

use super::config::CacheConfig;
use super::due::Due;
use super::memory::Place;
use super::tags::{EVERYTHING, TagSet};
use crate::bus::{Bus, Message};
use crate::redis::{Connection, Redis, RedisFailure};

/// Versions by tag.
pub(super) type Versions = BTreeMap<String, String>;

/// Tags that are told at once.
const TAGS_AT_ONCE: usize = 100;

/// After Redis did not take an invalidation it is asked again, at the latest.
const RETRY: Duration = Duration::from_millis(250);

/// An entry, as it lies in Redis.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Stored {
    /// When loading it began, in microseconds.
    pub(super) at: i64,
    pub(super) versions: Versions,
    pub(super) value: Box<RawValue>,
}

/// What Redis has for a place.
pub(super) struct Looked {
    /// An entry whose versions are those of now.
    pub(super) stored: Option<Stored>,
    pub(super) versions: Versions,
}

/// The shared part, with the task that tells Redis and the others of invalidations.
pub(super) struct Shared {
    line: Arc<Line>,
    teller: JoinHandle<()>,
}

pub(super) struct Line {
    redis: Redis,
    pub(super) bus: Bus,
    chance: Arc<dyn Entropy>,
    pub(super) due: Due,
    /// The number of outages after which everything in Redis was invalidated.
    outages_settled: AtomicU64,
    tag_ttl: Duration,
}

impl std::ops::Deref for Shared {
    type Target = Line;
    fn deref(&self) -> &Line {
        &self.line
    }
}

impl Shared {
    pub(super) fn open(
        config: &CacheConfig,
        chance: Arc<dyn Entropy>,
        redis: Redis,
        bus: Bus,
    ) -> Self {
        let outages_settled = AtomicU64::new(redis.outages());
        let (due, tag_ttl) = (Due::new(config.invalidate_interval()), config.kept_max());
        let line = Arc::new(Line { redis, bus, chance, due, outages_settled, tag_ttl });
        let teller = tokio::spawn(Arc::clone(&line).tell());
        Self { line, teller }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.teller.abort();
    }
}

impl Line {
    /// What Redis has, if it may be asked: not while an invalidation by this node is due, nor
    /// before everything was invalidated after an outage.
    pub(super) async fn read(&self, place: &Place, tags: &TagSet) -> Option<Looked> {
        let looked = self.look(place, tags).await;
        if looked.is_none() {
            metrics::counter!("openbell_redis_fallbacks_total").increment(1);
        }
        looked
    }

    async fn look(&self, place: &Place, tags: &TagSet) -> Option<Looked> {
        let outages = self.redis.outages();
        if self.outages_settled.load(Ordering::SeqCst) != outages || self.due.is_any(tags) {
            return None;
        }
        let mut ask = redis::cmd("MGET");
        ask.arg(entry_key(place));
        tags.iter().for_each(|tag| {
            ask.arg(tag_key(tag));
        });
        let get = async |mut connection| ask.query_async(&mut connection).await;
        let found: Vec<Option<String>> = self.redis.ask("cache_read", get).await.ok()?;
        let (entry, found) = found.split_first()?;
        let is_known = |version: &Option<String>| version.is_some();
        let all_known = found.iter().all(is_known);
        let versions = self.complete(tags, found).await.ok()?;
        // A connection made after an outage may lead to a Redis that has forgotten invalidations.
        if self.redis.outages() != outages {
            return None;
        }
        let stored = entry.as_deref().filter(|_| all_known);
        let stored = stored.and_then(|entry| serde_json::from_str::<Stored>(entry).ok());
        let stored = stored.filter(|stored| stored.versions == versions);
        Some(Looked { stored, versions })
    }

    /// Gives versions to tags that have none, unless another node is first.
    async fn complete(
        &self,
        tags: &TagSet,
        found: &[Option<String>],
    ) -> Result<Versions, RedisFailure> {
        let mut versions = Versions::new();
        for (tag, version) in tags.iter().zip(found) {
            let version = match version {
                Some(version) => version.clone(),
                None => {
                    let make = |connection| self.make_version(connection, tag);
                    self.redis.ask("cache_tag", make).await?
                }
            };
            versions.insert(tag.to_string(), version);
        }
        Ok(versions)
    }

    async fn make_version(&self, mut connection: Connection, tag: &str) -> RedisResult<String> {
        let (key, version) = (tag_key(tag), self.draw());
        let set = self.set_version(&key, &version, Some(ExistenceCheck::NX));
        match set.query_async::<Option<String>>(&mut connection).await? {
            Some(_) => Ok(version),
            None => redis::cmd("GET").arg(&key).query_async(&mut connection).await,
        }
    }

    /// Keeps an entry; that it could not be kept does no harm.
    pub(super) async fn write(&self, place: &Place, stored: &Stored, ttl: Duration) {
        let Ok(text) = serde_json::to_string(stored) else { return };
        let mut set = redis::cmd("SET");
        set.arg(entry_key(place)).arg(text).arg("EX").arg(ttl.as_secs().max(1));
        let set = async |mut connection| set.exec_async(&mut connection).await;
        let _ = self.redis.ask("cache_write", set).await;
    }

    /// Returns when nothing is due.
    pub(super) async fn settled(&self) {
        let mut redis = self.redis.watch();
        loop {
            let changed = self.due.changed();
            let mut changed = std::pin::pin!(changed);
            changed.as_mut().enable();
            if self.due.is_empty() && self.is_settled() {
                return;
            }
            tokio::select! {
                () = changed => {}
                _ = redis.changed() => {}
            }
        }
    }

    fn is_settled(&self) -> bool {
        self.outages_settled.load(Ordering::SeqCst) == self.redis.outages()
    }

    /// The task that tells of invalidations, for as long as the cache is there.
    async fn tell(self: Arc<Self>) {
        let mut redis = self.redis.watch();
        loop {
            let next = self.tell_what_is_due().await;
            let wait = next.unwrap_or_else(tokio::time::Instant::now);
            tokio::select! {
                () = self.due.marked() => {}
                () = tokio::time::sleep_until(wait), if next.is_some() => {}
                changed = redis.changed() => if changed.is_err() { return },
            }
        }
    }

    /// When to look again, unless something happens before.
    async fn tell_what_is_due(&self) -> Option<tokio::time::Instant> {
        if !self.redis.is_up() {
            return None;
        }
        let retry = Some(tokio::time::Instant::now() + RETRY);
        let outages = self.redis.outages();
        if self.outages_settled.load(Ordering::SeqCst) != outages {
            if self.renew(&[Arc::from(EVERYTHING)]).await.is_err() {
                return retry;
            }
            self.outages_settled.store(outages, Ordering::SeqCst);
            self.due.note_change();
        }
        let (ready, next) = self.due.take_ready();
        for (number, marks) in ready.chunks(TAGS_AT_ONCE).enumerate() {
            let tags: Vec<Arc<str>> = marks.iter().map(|mark| Arc::clone(&mark.tag)).collect();
            if self.renew(&tags).await.is_err() {
                self.due.give_back(&ready[number * TAGS_AT_ONCE..]);
                return retry;
            }
            // The others look into Redis when they hear of it, so it comes second.
            self.bus.publish(Message::Tags(tags.iter().map(ToString::to_string).collect()));
            self.due.settle(marks);
        }
        next
    }

    /// Gives new versions to tags.
    async fn renew(&self, tags: &[Arc<str>]) -> Result<(), RedisFailure> {
        let sets = tags.iter().map(|tag| self.set_version(&tag_key(tag), &self.draw(), None));
        let sets: Vec<redis::Cmd> = sets.collect();
        let set_all = async |connection: Connection| {
            let each = sets.iter().map(|set| {
                let mut connection = connection.clone();
                async move { set.exec_async(&mut connection).await }
            });
            try_join_all(each).await
        };
        self.redis.ask("cache_invalidate", set_all).await.map(|_| ())
    }

    fn set_version(&self, key: &str, version: &str, only: Option<ExistenceCheck>) -> redis::Cmd {
        let mut options =
            SetOptions::default().with_expiration(SetExpiry::EX(self.tag_ttl.as_secs().max(1)));
        if let Some(only) = only {
            options = options.conditional_set(only);
        }
        let mut set = redis::cmd("SET");
        set.arg(key).arg(version).arg(options);
        set
    }

    fn draw(&self) -> String {
        let mut random = [0; 16];
        self.chance.fill(&mut random);
        format!("{:032x}", u128::from_le_bytes(random))
    }
}

fn entry_key(place: &Place) -> String {
    format!("openbell:cache:{}:{}", place.family.as_str(), place.key)
}

fn tag_key(tag: &str) -> String {
    format!("openbell:tag:{tag}")
}
