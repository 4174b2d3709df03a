//! Reloads the configuration of a running server: applies the keys that can change while players
//! trade, and logs the others, which need a restart.

use std::sync::Arc;

use domain::Clock;
use market::{ProviderKind, Providers};
use store::Store;

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
    pub(super) store: Store,
    pub(super) clock: Arc<dyn Clock>,
}

/// A part of the configuration that is applied at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reloadable {
    LogLevel,
    Limits,
    ProviderKey(ProviderKind),
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
            if self.apply(&key, &newer.config).await {
                self.running.adopt(&newer.tree, &key);
                applied.push(key);
            } else {
                refused.push(key);
            }
        }
        tracing::info!(keys = applied.join(", "), "the configuration was reloaded");
        if !refused.is_empty() {
            let keys = refused.join(", ");
            tracing::warn!(keys, "these keys changed and keep their values until a restart");
        }
    }

    /// Applies a changed key; false if it needs a restart.
    async fn apply(&self, key: &str, newer: &Config) -> bool {
        match reloadable(key) {
            Some(Reloadable::LogLevel) => self.level.set(&newer.log.level).is_ok(),
            Some(Reloadable::Limits) => {
                self.app.set_limits(newer.limits.clone());
                true
            }
            Some(Reloadable::ProviderKey(kind)) => self.set_provider_key(kind, newer).await,
            None => false,
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

fn reloadable(key: &str) -> Option<Reloadable> {
    if key == "log.level" {
        return Some(Reloadable::LogLevel);
    }
    if key.starts_with("limits.") {
        return Some(Reloadable::Limits);
    }
    let provider = key.strip_prefix("market.live.providers.")?.strip_suffix(".key")?;
    ProviderKind::parse(provider).map(Reloadable::ProviderKey)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_levels_limits_and_provider_keys_are_applied_at_once() {
        assert_eq!(reloadable("log.level"), Some(Reloadable::LogLevel));
        assert_eq!(reloadable("limits.read.burst"), Some(Reloadable::Limits));
        let finnhub = Some(Reloadable::ProviderKey(ProviderKind::Finnhub));
        assert_eq!(reloadable("market.live.providers.finnhub.key"), finnhub);
        for key in ["log.format", "http.listen", "market.live.providers.finnhub.url"] {
            assert_eq!(reloadable(key), None, "{key}");
        }
    }
}
