//! Reloads the configuration of a running server: applies the keys that can change while players
//! trade, and logs the others, which need a restart.

use std::sync::Arc;

use domain::Clock;
use market::{ProviderKind, Providers};
use notify::Notifier;
use store::Store;
use web::SecurityEvent;

use super::config::{self, Config, ConfigTree, Flags};
use super::telemetry::LogLevel;
use crate::term::error_chain;

/// What a reload reads and changes.
pub(super) struct Reloader {
    pub(super) flags: Flags,
    /// The values in effect.
    pub(super) running: ConfigTree,
    pub(super) level: LogLevel,
    pub(super) app: web::AppState,
    /// `None` unless the market is live.
    pub(super) providers: Option<Arc<Providers>>,
    /// `None` without a channel.
    pub(super) notifier: Option<Arc<Notifier>>,
    pub(super) store: Store,
    pub(super) clock: Arc<dyn Clock>,
}

/// What a reload does with a changed key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum KeyOutcome {
    Applied,
    NeedsRestart,
    /// The key cannot be applied; the reason is logged.
    Failed,
}

impl KeyOutcome {
    fn applied_if(is_applied: bool) -> Self {
        if is_applied { Self::Applied } else { Self::NeedsRestart }
    }
}

/// A part of the configuration that is applied at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reloadable<'k> {
    LogLevel,
    Limits,
    AccessLog,
    SlowStatements,
    ProviderKey(ProviderKind),
    /// The channel of operators with this name: its address and its secrets.
    NotifyChannel(&'k str),
}

impl Reloader {
    /// Reads the configuration again. If it is invalid, nothing changes.
    pub(super) async fn reload(&mut self) {
        let newer = match tokio::task::block_in_place(|| config::load(&self.flags)) {
            Ok(newer) => newer,
            Err(error) => {
                let error = error_chain(&error);
                tracing::error!(
                    error,
                    "the configuration was not reloaded and nothing changed: correct it and send \
                     SIGHUP again (`openbell check-config` prints the same error)"
                );
                return;
            }
        };
        let (mut applied, mut refused) = (Vec::new(), Vec::new());
        for key in self.running.changed_keys(&newer.tree) {
            match self.apply(&key, &newer.config).await {
                KeyOutcome::Applied => {
                    self.running.adopt(&newer.tree, &key);
                    applied.push(key);
                }
                KeyOutcome::NeedsRestart => refused.push(key),
                KeyOutcome::Failed => {}
            }
        }
        SecurityEvent::of_reload(&applied).log();
        if !refused.is_empty() {
            let keys = refused.join(", ");
            tracing::warn!(keys, "these keys changed and keep their values until a restart");
        }
    }

    async fn apply(&self, key: &str, newer: &Config) -> KeyOutcome {
        let Some(part) = reloadable(key) else { return KeyOutcome::NeedsRestart };
        match part {
            Reloadable::LogLevel => {
                return KeyOutcome::applied_if(self.level.set(&newer.log.level).is_ok());
            }
            Reloadable::Limits => self.app.set_limits(newer.limits.clone()),
            Reloadable::AccessLog => self.app.set_access_log(newer.http.access_log),
            Reloadable::SlowStatements => {
                store::log_slow_statements(newer.database.slow_statement_ms);
            }
            Reloadable::ProviderKey(kind) => {
                return KeyOutcome::applied_if(self.set_provider_key(kind, newer).await);
            }
            // Keys of one section are applied together, once for each.
            Reloadable::NotifyChannel(name) => return self.replace_channel(name, newer),
        }
        KeyOutcome::Applied
    }

    fn replace_channel(&self, name: &str, newer: &Config) -> KeyOutcome {
        let Some(notifier) = &self.notifier else { return KeyOutcome::NeedsRestart };
        match notifier.replace_channel(name, &newer.notify) {
            Ok(is_open) => KeyOutcome::applied_if(is_open),
            Err(error) => {
                let error = error_chain(&error);
                tracing::warn!(
                    channel = name,
                    error,
                    "the channel keeps its settings: correct the new ones and send SIGHUP again"
                );
                KeyOutcome::Failed
            }
        }
    }

    /// Replaces the key of a provider that is in use, and ends a wait that the former key caused.
    async fn set_provider_key(&self, kind: ProviderKind, newer: &Config) -> bool {
        let key = &newer.market.live.providers.of(kind).key;
        let Some(providers) = &self.providers else { return false };
        if key.is_empty() || !providers.set_key(kind, key.clone()) {
            return false;
        }
        if let Err(error) = market::reset_provider(&self.store, kind, self.clock.now()).await {
            tracing::warn!(
                provider = %kind, %error,
                "the new key is used after the provider's present wait; to end it at once run \
                 `openbell stocks providers reset`"
            );
        }
        true
    }
}

fn reloadable(key: &str) -> Option<Reloadable<'_>> {
    match key {
        "log.level" => return Some(Reloadable::LogLevel),
        "http.access_log" => return Some(Reloadable::AccessLog),
        "database.slow_statement_ms" => return Some(Reloadable::SlowStatements),
        _ => {}
    }
    if key.starts_with("limits.") {
        return Some(Reloadable::Limits);
    }
    if let Some((channel, _)) = key.strip_prefix("notify.").and_then(|key| key.split_once('.')) {
        return Some(Reloadable::NotifyChannel(channel));
    }
    let provider = key.strip_prefix("market.live.providers.")?.strip_suffix(".key")?;
    ProviderKind::parse(provider).map(Reloadable::ProviderKey)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_logs_limits_provider_keys_and_channels_are_applied_at_once() {
        assert_eq!(reloadable("log.level"), Some(Reloadable::LogLevel));
        assert_eq!(reloadable("limits.read.burst"), Some(Reloadable::Limits));
        let finnhub = Some(Reloadable::ProviderKey(ProviderKind::Finnhub));
        assert_eq!(reloadable("market.live.providers.finnhub.key"), finnhub);
        assert_eq!(reloadable("http.access_log"), Some(Reloadable::AccessLog));
        assert_eq!(reloadable("database.slow_statement_ms"), Some(Reloadable::SlowStatements));
        assert_eq!(reloadable("notify.smtp.to"), Some(Reloadable::NotifyChannel("smtp")));
        for key in [
            "log.format",
            "http.listen",
            "market.live.providers.finnhub.url",
            "notify.channels",
            "notify.game",
        ] {
            assert_eq!(reloadable(key), None, "{key}");
        }
    }
}
