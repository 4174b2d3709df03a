//! Invalidates cached values that any node or command has changed, and removes erased and unranked
//! players from this node's leaderboards.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use cluster::TagCache;
use leaderboard::Leaderboards;
use store::{Store, StoreError, UNRANKED_TAG};
use tokio::sync::Notify;

use crate::jobs::context::JobContext;
use crate::jobs::supervisor::{JobError, JobProgress, Reconciler};

/// The prefix of the tag of an erased player; the player id follows.
const ERASED: &str = "erased:";
/// Ids below the newest one that may still appear, because open transactions hold them.
const WINDOW: i64 = 1_000;

pub(crate) struct FollowChanges {
    store: Store,
    cache: TagCache,
    boards: Arc<Leaderboards>,
    wakeup: Arc<Notify>,
    /// The newest changes that were applied; `None` before the first run.
    applied: Option<BTreeSet<i64>>,
    /// The timeline of the database that the ids belong to.
    timeline: Option<String>,
}

impl FollowChanges {
    pub(crate) fn new(context: &JobContext) -> Self {
        Self {
            store: context.store.clone(),
            cache: context.cluster.cache.clone(),
            boards: Arc::clone(&context.boards),
            wakeup: Arc::clone(&context.cluster.wakeups.changes),
            applied: None,
            timeline: None,
        }
    }

    /// Clears the cache when a standby was promoted, which assigns ids again.
    async fn check_timeline(&mut self) -> Result<(), JobError> {
        let Some(timeline) = self.store.find_timeline().await? else { return Ok(()) };
        if self.timeline.as_ref().is_some_and(|known| *known != timeline) {
            tracing::warn!(timeline, "the database has another timeline; the cache is cleared");
            self.cache.clear();
            self.applied = None;
        }
        self.timeline = Some(timeline);
        Ok(())
    }
}

/// Removes the players that no leaderboard lists, those of load runs.
pub(crate) async fn exclude_unranked(
    store: &Store,
    boards: &Leaderboards,
) -> Result<(), StoreError> {
    for player_id in store.unranked_players().await? {
        boards.exclude(player_id);
    }
    Ok(())
}

impl Reconciler for FollowChanges {
    const NAME: &'static str = "follow_changes";
    const INTERVAL: Duration = Duration::from_millis(500);

    fn wakeup(&self) -> Option<Arc<Notify>> {
        Some(Arc::clone(&self.wakeup))
    }

    async fn run(&mut self) -> Result<JobProgress, JobError> {
        // Before the changes are read: the next run notices a promotion in between.
        self.check_timeline().await?;
        let newest = match &self.applied {
            Some(applied) => applied.last().copied().unwrap_or(0),
            // The cache of a node that has just started is empty.
            None => self.store.newest_tag_change().await?,
        };
        let after = newest.saturating_sub(WINDOW).max(0);
        let changes = self.store.tag_changes_after(after).await?;
        let applied = self.applied.get_or_insert_default();
        let new: Vec<(i64, String)> =
            changes.into_iter().filter(|(id, _)| !applied.contains(id)).collect();
        let tags: BTreeSet<&str> = new.iter().map(|(_, tag)| tag.as_str()).collect();
        for tag in &tags {
            match tag.strip_prefix(ERASED).map(str::parse) {
                Some(Ok(player_id)) => self.boards.exclude(player_id),
                None if *tag == UNRANKED_TAG => exclude_unranked(&self.store, &self.boards).await?,
                // Every node reads this table, so the tag is not published.
                _ => self.cache.invalidate_local(tag),
            }
        }
        applied.extend(new.iter().map(|(id, _)| *id));
        // The newest id stays: the next run continues from it.
        while applied.len() > 1 && applied.first().is_some_and(|first| *first <= after) {
            applied.pop_first();
        }
        // More than one page may be new.
        Ok(JobProgress { changed: new.len() as u64, done: new.is_empty() })
    }
}

#[cfg(test)]
mod tests {
    use cluster::{Bus, CacheConfig};
    use store::DatabaseConfig;
    use testkit::{FaultProxy, ManualClock, Postgres, eventually};

    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn changes_on_a_promoted_standby_are_applied_although_their_ids_were_seen_before() {
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
        eventually("the standby stops receiving", || standby.run_sql(&copy, receivers) == "0");

        let cache =
            TagCache::new(CacheConfig::default(), Arc::new(ManualClock::new()), Bus::alone());
        let (boards, wakeup) = (Arc::default(), Arc::default());
        let mut job = FollowChanges { store, cache, boards, wakeup, applied: None, timeline: None };
        let change = "INSERT INTO tag_changes (change_id, tag) VALUES (1, 'player:1');";
        primary.run_sql(&url, change);
        assert_eq!(job.run().await.expect("runs").changed, 1);
        assert_eq!(job.run().await.expect("runs").changed, 0);
        standby.run_sql(&copy, "SELECT pg_promote();");
        proxy.redirect(([127, 0, 0, 1], standby.port()).into());
        proxy.reset_all();
        standby.run_sql(&copy, change);
        // Each failed run finds and replaces a broken connection to the old primary.
        let changed = loop {
            if let Ok(progress) = job.run().await {
                break progress.changed;
            }
        };
        assert_eq!(changed, 1, "the id belongs to another change now");
    }
}
