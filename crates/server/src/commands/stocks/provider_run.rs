//! What `openbell stocks seed`, `update-prices` and `import-history` share: a run over stocks that
//! requests each from the providers, and ends early when they allow no more.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use domain::{Clock, Rules, Symbol};
use indicatif::ProgressBar;
use market::{ProviderError, ProviderKind, Providers};
use store::{StockRow, Store};
use web::SecurityEvent;

use crate::boot::config::Config;
use crate::boot::database::database_error;
use crate::boot::game_rules::rules_in_force;
use crate::boot::live_market::open_providers;
use crate::clock::SystemClock;
use crate::commands::log_action;
use crate::error::CommandError;
use crate::term;

/// So many failures in a row end a run: the remaining stocks would fail, too.
const FAILURES_MAX: u32 = 3;
/// The longest time to wait for a provider whose rate limit is reached.
const WAIT_MAX: Duration = Duration::from_secs(70);
/// Providers count in whole seconds.
const WAIT_MARGIN: Duration = Duration::from_millis(50);
/// How many unknown stocks are named.
const NAMED_MAX: usize = 10;

/// A run over stocks: its progress bar and its outcome so far.
pub(super) struct ProviderRun {
    bar: ProgressBar,
    stocks: usize,
    started: usize,
    failures: u32,
    done: u64,
    skipped: u64,
    unknown: Vec<String>,
    /// Stocks that do not fit into the game.
    unsuitable: u64,
    left: u64,
}

impl ProviderRun {
    pub(super) fn new(template: &str, stocks: usize) -> Self {
        Self {
            bar: term::progress_bar(template, stocks as u64),
            stocks,
            started: 0,
            failures: 0,
            done: 0,
            skipped: 0,
            unknown: Vec::new(),
            unsuitable: 0,
            left: 0,
        }
    }

    /// Begins the next stock; false if the run ends here.
    pub(super) fn begin(&mut self) -> bool {
        if self.failures == FAILURES_MAX {
            self.left += (self.stocks - self.started) as u64;
            return false;
        }
        self.bar.set_position(self.started as u64);
        self.started += 1;
        true
    }

    pub(super) fn done(&mut self) {
        self.done += 1;
        self.failures = 0;
    }

    pub(super) fn skip(&mut self) {
        self.skipped += 1;
    }

    pub(super) fn unsuitable(&mut self) {
        self.unsuitable += 1;
        self.failures = 0;
    }

    pub(super) fn has_no_unknown(&self) -> bool {
        self.unknown.is_empty()
    }

    pub(super) fn fail(&mut self, symbol: &Symbol, error: &ProviderError) {
        if *error == ProviderError::NotFound {
            self.unknown.push(symbol.to_string());
            return;
        }
        self.failures += 1;
        self.left += 1;
        term::print_error(&format!("{symbol}: {error}"));
    }

    /// Logs the action if it changed a stock, and prints the outcome; the exit code is 1 if a stock
    /// is unsuitable or left.
    pub(super) fn finish(
        self,
        config: &Config,
        action: &'static str,
        what: &str,
    ) -> Result<ExitCode, CommandError> {
        self.bar.finish_and_clear();
        if self.done > 0 {
            let event = SecurityEvent::of_command(None, action);
            log_action(config, event.with_subject(format_args!("{} stocks", self.done)))?;
        }
        Ok(self.print(what))
    }

    fn print(self, what: &str) -> ExitCode {
        let Self { done, skipped, unknown, unsuitable, left, .. } = self;
        let mut text = format!("{done} {what}");
        if skipped > 0 {
            text.push_str(&format!(", {skipped} were there already"));
        }
        if !unknown.is_empty() {
            let first = unknown.iter().take(NAMED_MAX).map(String::as_str);
            let first: Vec<&str> = first.collect();
            text.push_str(&format!(", no provider has {} ({})", unknown.len(), first.join(", ")));
        }
        text.push('\n');
        term::print(&text);
        if left == 0 {
            return if unsuitable == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE };
        }
        term::print_error(&format!(
            "{left} are left: the providers allow no more now. Run the command again later; it \
             continues from here"
        ));
        ExitCode::FAILURE
    }
}

/// The configured providers, or one of them.
pub(super) async fn open(
    config: &Config,
    store: &Store,
    only: Option<ProviderKind>,
) -> Result<(Providers, Rules), CommandError> {
    let mut settings = config.market.live.providers.clone();
    if let Some(only) = only {
        settings.order = vec![only];
    }
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let rules = rules_in_force(config, store).await?;
    let providers = open_providers(config, &settings, store, rules.currency, &clock).await?;
    if providers.kinds().is_empty() {
        return Err(CommandError::NoProvider);
    }
    Ok((providers, rules))
}

/// Requests, and retries once after the `Retry-After` of a provider, if it is short.
pub(super) async fn with_retry<T>(
    request: impl AsyncFn() -> Result<T, ProviderError>,
) -> Result<T, ProviderError> {
    match request().await {
        Err(ProviderError::RateLimited { retry_after: Some(after), .. }) if after <= WAIT_MAX => {
            tokio::time::sleep(after + WAIT_MARGIN).await;
            request().await
        }
        outcome => outcome,
    }
}

/// The listed stocks, or those of them with these symbols.
pub(super) async fn selected_stocks(
    config: &Config,
    store: &Store,
    symbols: &[Symbol],
) -> Result<Vec<StockRow>, CommandError> {
    let all = store.all_stocks().await.map_err(database_error(&config.database))?;
    if all.is_empty() {
        return Err(CommandError::NoStocks);
    }
    if let Some(unknown) = symbols.iter().find(|one| all.iter().all(|row| row.symbol != **one)) {
        return Err(CommandError::UnknownStock(unknown.clone()));
    }
    Ok(all.into_iter().filter(|row| symbols.is_empty() || symbols.contains(&row.symbol)).collect())
}
