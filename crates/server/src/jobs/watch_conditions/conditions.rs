//! Evaluates the conditions that operators are notified of, from the state of this process.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use domain::UnixMicros;
use market::{CircuitState, PriceSnapshot, ProviderStatus};
use notify::{ConditionKey, ConditionKind, NotifyConfig, Observations};
use tokio::time::Instant;

use super::DATABASE_TIMEOUT;
use crate::jobs::context::JobContext;
use crate::jobs::newest_backup::newest_backup;

/// The price board is published each second.
const BOARD_AGE_MAX_S: i64 = 30;
/// Seals are late after this many of their intervals.
const SEAL_INTERVALS_MAX: i64 = 3;
/// Between two searches for the newest backup.
const BACKUP_INTERVAL: Duration = Duration::from_secs(60);

pub(super) struct Conditions {
    context: Arc<JobContext>,
    /// Since when seals are expected.
    started_at: UnixMicros,
    /// The summary of a missing or old backup, and when it was searched for.
    backup: Option<(Instant, Option<String>)>,
}

impl Conditions {
    pub(super) fn new(context: Arc<JobContext>) -> Self {
        let started_at = context.clock.now();
        Self { context, started_at, backup: None }
    }

    pub(super) async fn observe(&mut self) -> Observations {
        let mut seen = Observations::default();
        self.observe_database(&mut seen);
        self.observe_circuits(&mut seen).await;
        self.observe_prices(&mut seen);
        self.observe_disk(&mut seen);
        self.observe_invariants(&mut seen);
        self.observe_seals(&mut seen);
        self.observe_backup(&mut seen).await;
        seen
    }

    fn config(&self) -> &NotifyConfig {
        &self.context.config.notify
    }

    fn observe_database(&self, seen: &mut Observations) {
        if self.context.store.is_unreachable() {
            let summary = "The database does not respond: orders and sign-ins are refused.";
            let after_s = self.config().database_away_after_s;
            seen.raise(ConditionKey::of(ConditionKind::DatabaseAway), after_s, summary.to_owned());
        }
    }

    /// The state of the circuits is in the database.
    async fn observe_circuits(&self, seen: &mut Observations) {
        let Some(providers) = &self.context.providers else { return };
        let statuses = tokio::time::timeout(DATABASE_TIMEOUT, providers.statuses()).await;
        let statuses = statuses.unwrap_or_default();
        if statuses.is_empty() && !providers.kinds().is_empty()
            || statuses.iter().any(|status| !status.is_known)
        {
            seen.unknown.insert(ConditionKind::CircuitOpen);
        }
        let is_open =
            |status: &&ProviderStatus| status.is_known && status.breaker != CircuitState::Closed;
        for status in statuses.iter().filter(is_open) {
            let key = ConditionKey::of_part(ConditionKind::CircuitOpen, status.provider.as_str());
            let cause = status.last_refusal.as_deref().unwrap_or("unknown");
            let summary = format!(
                "The circuit of the price provider {} is {} (last error: {cause}).",
                status.provider,
                status.breaker.as_str(),
            );
            seen.raise(key, self.config().circuit_open_after_s, summary);
        }
    }

    fn observe_prices(&self, seen: &mut Observations) {
        let now = self.context.clock.now();
        let prices = self.context.prices.snapshot();
        let is_late = now > prices.as_of.plus_seconds(BOARD_AGE_MAX_S);
        let summary = if is_late {
            Some(format!("No prices have been published since {}.", prices.as_of))
        } else if self.context.source.is_live() {
            let is_stale = |as_of| self.context.source.is_stale(as_of, now, 0);
            stale_prices(&prices, is_stale)
        } else {
            None
        };
        if let Some(summary) = summary {
            let key = ConditionKey::of(ConditionKind::PricesStale);
            seen.raise(key, self.config().prices_stale_after_s, summary);
        }
    }

    fn observe_disk(&self, seen: &mut Observations) {
        let Some(file) = self.context.config.sqlite_file() else { return };
        if store::is_disk_full() {
            let summary = "The disk of the database is full: orders are refused.".to_owned();
            seen.raise(ConditionKey::of(ConditionKind::DiskFull), 0, summary);
        }
        let free_min = self.config().disk_free_min;
        let dir = file.parent().filter(|dir| !dir.as_os_str().is_empty());
        match rustix::fs::statvfs(dir.unwrap_or(Path::new("."))) {
            Ok(disk) => {
                let free = disk.f_bavail.saturating_mul(disk.f_frsize);
                if free < free_min {
                    let (free, min) = (mebibytes(free), mebibytes(free_min));
                    let summary = format!(
                        "The disk of the database has {free} MiB free, less than {min} MiB."
                    );
                    seen.raise(ConditionKey::of(ConditionKind::DiskLow), 0, summary);
                }
            }
            Err(_) => drop(seen.unknown.insert(ConditionKind::DiskLow)),
        }
    }

    /// What cannot be over by itself: it stays until the process restarts.
    fn observe_invariants(&self, seen: &mut Observations) {
        let health = &self.context.health;
        let breaches = domain::invariant_breaches();
        let differences = health.board_differences();
        let summary = if health.seals().failure() == Some(true) {
            "The ledger differs from its last seal: run `openbell audit verify --seals`.".to_owned()
        } else if breaches > 0 {
            format!("{breaches} internal checks failed: run `openbell audit verify`.")
        } else if differences > 0 {
            format!("The leaderboard differed from the database for {differences} players.")
        } else {
            return;
        };
        seen.raise(ConditionKey::of(ConditionKind::InvariantBroken), 0, summary);
    }

    fn observe_seals(&self, seen: &mut Observations) {
        let interval_s = i64::from(self.context.config.audit.seal_every_s);
        if interval_s == 0 {
            return;
        }
        let seals = self.context.health.seals();
        let newest_at = seals.newest_at.unwrap_or(self.started_at).max(self.started_at);
        let late_at = newest_at.plus_seconds(SEAL_INTERVALS_MAX * interval_s);
        let summary = if seals.failure() == Some(false) {
            "The chain heads of the ledger were not sealed: the log has the error."
        } else if self.context.clock.now() > late_at {
            "No seal of the ledger has been made for three intervals."
        } else {
            return;
        };
        seen.raise(ConditionKey::of(ConditionKind::SealFailed), 0, summary.to_owned());
    }

    async fn observe_backup(&mut self, seen: &mut Observations) {
        let config = &self.context.config;
        if config.backup.dir.as_os_str().is_empty() {
            return;
        }
        let is_due = self.backup.as_ref().is_none_or(|(at, _)| at.elapsed() >= BACKUP_INTERVAL);
        if is_due {
            let (dir, age_max_s) = (config.backup.dir.clone(), config.notify.backup_age_max_s);
            let now = self.context.clock.now();
            let newest = tokio::task::spawn_blocking(move || newest_backup(&dir, now)).await;
            let newest = newest.ok().and_then(Result::ok).flatten();
            let summary = describe_backup(newest, now, age_max_s);
            self.backup = Some((Instant::now(), summary));
        }
        if let Some((_, Some(summary))) = &self.backup {
            seen.raise(ConditionKey::of(ConditionKind::BackupOld), 0, summary.clone());
        }
    }
}

/// A sentence if most prices are stale, or no stock has a price.
fn stale_prices(prices: &PriceSnapshot, is_stale: impl Fn(UnixMicros) -> bool) -> Option<String> {
    let known: Vec<_> = (0..prices.quotes.len()).filter_map(|at| prices.quote(at)).collect();
    let stale = known.iter().filter(|quote| is_stale(quote.as_of)).count();
    let (stocks, priced) = (prices.quotes.len(), known.len());
    if priced == 0 && stocks > 0 {
        return Some(format!("No stock of {stocks} has a price."));
    }
    (2 * stale > priced).then(|| format!("{stale} of {priced} prices are stale."))
}

fn describe_backup(newest: Option<UnixMicros>, now: UnixMicros, age_max_s: i64) -> Option<String> {
    match newest {
        None => Some("There is no complete backup in backup.dir.".to_owned()),
        Some(at) if now > at.plus_seconds(age_max_s) => {
            Some(format!("The newest backup was completed at {at}."))
        }
        Some(_) => None,
    }
}

fn mebibytes(bytes: u64) -> u64 {
    bytes / (1024 * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_or_old_backup_is_described() {
        let at = |seconds| UnixMicros(0).plus_seconds(seconds);
        assert_eq!(describe_backup(Some(at(300)), at(360), 60), None);
        let text = describe_backup(Some(at(300)), at(361), 60).expect("too old");
        assert_eq!(text, "The newest backup was completed at 1970-01-01T00:05:00.000000Z.");
        assert!(describe_backup(None, at(0), 60).is_some_and(|text| text.contains("no complete")));
    }
}
