//! What this node shares with others: rate-limit counters, the message bus and the cache with its
//! invalidations. All of it works without Redis; changes that the bus does not deliver are read
//! from the database half a second later.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use cluster::{Bus, BusEvent, BusMessage, Counters, Redis, TagCache};
use domain::Clock;
use leaderboard::Leaderboards;
use store::Store;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::boot::config::{Config, without_password};
use crate::clock::SystemEntropy;
use crate::error::Failure;
use crate::jobs::supervisor::{Fault, Progress, Reconciler};

/// This node's ends of what nodes share. Clones share them.
#[derive(Clone)]
pub(crate) struct Nodes {
    pub(crate) counters: Counters,
    pub(crate) bus: Bus,
    pub(crate) cache: TagCache,
    pub(crate) nudges: Nudges,
}

/// What jobs are woken by, before their turn.
#[derive(Clone, Default)]
pub(crate) struct Nudges {
    /// The ledger has entries of other nodes.
    pub(crate) ledger: Arc<Notify>,
    /// Another node was told prices.
    pub(crate) prices: Arc<Notify>,
    /// What is cached has changed.
    pub(crate) changes: Arc<Notify>,
}

impl Nodes {
    /// Connects to Redis, if there is one. That it does not answer yet is only logged.
    pub(crate) async fn open(
        config: &Config,
        node: &str,
        clock: &Arc<dyn Clock>,
    ) -> Result<Self, Failure> {
        let (cache, clock) = (config.cache.clone(), Arc::clone(clock));
        if config.redis.url.is_empty() {
            return Ok(Self {
                counters: Counters::in_memory(),
                bus: Bus::alone(),
                cache: TagCache::new(cache, clock, Bus::alone()),
                nudges: Nudges::default(),
            });
        }
        let url = &config.redis.url;
        let ca_file = config.redis.ca_file.as_os_str();
        let ca_file = (!ca_file.is_empty()).then_some(config.redis.ca_file.as_path());
        let redis = Redis::open(url, ca_file)
            .map_err(|error| Failure::Redis(without_password(url), error))?;
        redis.first_attempt().await;
        let bus = Bus::over(&redis, node, &SystemEntropy);
        let cache = TagCache::new(cache, clock, bus.clone());
        let counters = Counters::over(redis);
        Ok(Self { counters, bus, cache, nudges: Nudges::default() })
    }

    /// Applies the events of the bus until `stop` is cancelled.
    pub(crate) async fn listen(self, stop: CancellationToken) {
        let mut subscription = self.bus.subscribe();
        let receive = async {
            while let Some(event) = subscription.next().await {
                self.cache.on_event(&event);
                let Nudges { ledger, prices, changes } = &self.nudges;
                let woken: &[&Notify] = match event {
                    BusEvent::Message(BusMessage::Ledger) => &[ledger],
                    BusEvent::Message(BusMessage::Prices) => &[prices],
                    BusEvent::Message(BusMessage::Tags(_)) => &[],
                    BusEvent::Gap => &[ledger, prices, changes],
                };
                woken.iter().for_each(|nudge| nudge.notify_one());
            }
        };
        tokio::select! {
            () = stop.cancelled() => {}
            () = receive => {}
        }
    }
}

/// What the tag of an erased player begins with; the player's number follows.
const ERASED: &str = "erased:";

/// Makes old what is cached and was changed, by whatever node or command, and takes erased players
/// off this node's boards.
pub(crate) struct FollowChanges {
    store: Store,
    cache: TagCache,
    boards: Arc<Leaderboards>,
    nudge: Arc<Notify>,
    /// The changes that were seen, the newest some; `None` before the first look.
    seen: Option<BTreeSet<i64>>,
    /// The timeline that their numbers are of.
    timeline: Option<String>,
}

impl FollowChanges {
    /// Numbers below the newest one that may still appear, because they were given out to
    /// transactions that are under way.
    const WINDOW: i64 = 1_000;

    pub(crate) fn new(store: Store, nodes: &Nodes, boards: Arc<Leaderboards>) -> Self {
        let nudge = Arc::clone(&nodes.nudges.changes);
        Self { store, cache: nodes.cache.clone(), boards, nudge, seen: None, timeline: None }
    }
}

impl Reconciler for FollowChanges {
    const NAME: &'static str = "follow_changes";
    const EVERY: Duration = Duration::from_millis(500);

    fn nudge(&self) -> Option<Arc<Notify>> {
        Some(Arc::clone(&self.nudge))
    }

    async fn run(&mut self) -> Result<Progress, Fault> {
        // Before the changes: a promotion in between is noticed the next time.
        if let Some(timeline) = self.store.find_timeline().await? {
            if self.timeline.as_ref().is_some_and(|known| *known != timeline) {
                tracing::warn!(timeline, "the database has another timeline; the cache is dropped");
                self.cache.clear();
                self.seen = None;
            }
            self.timeline = Some(timeline);
        }
        let newest = match &self.seen {
            Some(seen) => seen.last().copied().unwrap_or(0),
            // The cache of a node that has just started is empty.
            None => self.store.newest_tag_change().await?,
        };
        let after = newest.saturating_sub(Self::WINDOW).max(0);
        let changes = self.store.tag_changes_after(after).await?;
        let seen = self.seen.get_or_insert_default();
        let new: Vec<(i64, String)> =
            changes.into_iter().filter(|(number, _)| !seen.contains(number)).collect();
        let tags: BTreeSet<&str> = new.iter().map(|(_, tag)| tag.as_str()).collect();
        for tag in &tags {
            match tag.strip_prefix(ERASED).map(str::parse) {
                Some(Ok(player_id)) => self.boards.erase(player_id),
                // Every node reads this table, so the tag is not published.
                _ => self.cache.invalidate_local(tag),
            }
        }
        seen.extend(new.iter().map(|(number, _)| *number));
        // The newest stays, as the place to go on from.
        while seen.len() > 1 && seen.first().is_some_and(|first| *first <= after) {
            seen.pop_first();
        }
        // There may be more than a page of them.
        Ok(Progress { changed: new.len() as u64, done: new.is_empty() })
    }
}

#[cfg(test)]
mod tests {
    use cluster::{Bus, CacheConfig};
    use store::DatabaseConfig;
    use testkit::{FaultProxy, ManualClock, Postgres};

    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn changes_on_a_promoted_standby_are_noticed_although_their_numbers_were_seen_before() {
        let primary = Postgres::start();
        let url = primary.fresh_database();
        let proxy = FaultProxy::start(([127, 0, 0, 1], primary.port()).into());
        let config = DatabaseConfig { url: proxy.url_through(&url), ..Default::default() };
        let store = Store::open(&config).await.expect("opens");
        store.migrate().await.expect("migrates");
        let standby = Postgres::start_standby_of(&primary.url());
        let copy = standby.same_database(&url);
        // From now on the standby receives nothing.
        let alone = "ALTER SYSTEM SET primary_conninfo = '';\nSELECT pg_reload_conf();";
        standby.run_sql(&copy, alone);
        let receivers = "SELECT count(*) FROM pg_stat_wal_receiver;";
        while standby.run_sql(&copy, receivers) != "0" {}

        let cache =
            TagCache::new(CacheConfig::default(), Arc::new(ManualClock::new()), Bus::alone());
        let (boards, nudge) = (Arc::default(), Arc::default());
        let mut job = FollowChanges { store, cache, boards, nudge, seen: None, timeline: None };
        let change = "INSERT INTO tag_changes (change_id, tag) VALUES (1, 'player:1');";
        primary.run_sql(&url, change);
        assert_eq!(job.run().await.expect("looks").changed, 1);
        assert_eq!(job.run().await.expect("looks").changed, 0);
        standby.run_sql(&copy, "SELECT pg_promote();");
        proxy.redirect(([127, 0, 0, 1], standby.port()).into());
        proxy.reset_all();
        standby.run_sql(&copy, change);
        // Connections to the old primary are replaced as they are found.
        let noticed = loop {
            if let Ok(progress) = job.run().await {
                break progress.changed;
            }
        };
        assert_eq!(noticed, 1, "the number is another change's now");
    }
}
