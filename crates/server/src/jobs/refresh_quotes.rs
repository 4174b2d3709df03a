//! Requests the prices of a live market. The node with the lease requests the stock that has waited
//! longest first, within the quotas of the providers, and stores each quote for all nodes.

use std::sync::Arc;
use std::time::Duration;

use cluster::BusMessage;
use domain::UnixMicros;
use market::{Calendar, LiveConfig, ProviderError, ProviderKind, ProviderQuote, Providers};
use store::{DueQuote, DueQuoteFilter, StoreError};

use crate::boot::live_market::stored_quote;
use crate::jobs::context::{JobContext, JobLease};
use crate::jobs::supervisor::{JobError, JobProgress, Reconciler};

/// Longer than all providers together may take.
const LEASE_S: i64 = 30;
/// Stocks a run.
const STOCKS: i64 = 8;
/// After so many failures in a row the remaining stocks would fail, too.
const FAILURES_MAX: u32 = 3;
/// When a stock is retried that could not be requested.
const RETRY_S: i64 = 5;
/// The usual duration of a trading session.
const SESSION_S: u64 = 23_400;

pub(crate) struct RefreshQuotes {
    context: Arc<JobContext>,
    providers: Arc<Providers>,
    calendar: Calendar,
    interval_s: i64,
    lease: JobLease,
}

impl RefreshQuotes {
    /// `None` unless the market is live.
    pub(crate) fn new(context: Arc<JobContext>) -> Option<Self> {
        let (feed, providers) = (context.source.feed()?, Arc::clone(context.providers.as_ref()?));
        let live = &context.config.market.live;
        warn_of_quota(&providers, context.prices.listings().len(), live);
        let interval_s = i64::from(live.refresh_interval_s);
        let lease = context.lease(Self::NAME, LEASE_S);
        Some(Self { providers, calendar: feed.calendar().clone(), interval_s, lease, context })
    }

    /// While the exchange trades, every stock is due again after the interval; while it is closed,
    /// only stocks without a confirmed last price.
    fn due_before(&self) -> DueQuoteFilter {
        let now = self.context.clock.now();
        let tried = now.plus_seconds(-self.interval_s);
        let settled_by = now.plus_seconds(-market::CLOSE_GRACE_S);
        let last = self.calendar.closed_by(settled_by).checked_sub(1);
        let next = self.calendar.sessions().get(last.map_or(0, |last| last + 1));
        let is_open = next.is_some_and(|next| next.opens_at <= now);
        let last = last.map(|last| self.calendar.sessions()[last].closes_at);
        let confirmed = match last {
            Some(closed_at) if !is_open => closed_at.plus_seconds(market::CLOSE_GRACE_S),
            _ => now,
        };
        DueQuoteFilter { tried, confirmed }
    }

    /// Requests one stock; true if a provider returned its price.
    async fn refresh(&self, stock: &DueQuote) -> Result<bool, StoreError> {
        let error = match self.providers.quote(&stock.symbol, stock.last).await {
            Ok((provider, quote)) => {
                self.save(stock, provider, &quote).await?;
                return Ok(true);
            }
            Err(error) => error,
        };
        // The stock is due again once the interval has passed since this instant.
        let tried_at = self.retry_at(&error).plus_seconds(-self.interval_s);
        if let ProviderError::Unconfirmed { as_of } = error {
            let now = self.context.clock.now();
            self.context.store.mark_quote_doubted(stock.stock_id, as_of, now, tried_at).await?;
            self.context.cluster.bus.publish(BusMessage::Prices);
            tracing::warn!(symbol = %stock.symbol, "trading of the stock is halted: its new price is in doubt");
        } else {
            self.context.store.mark_quote_tried(stock.stock_id, tried_at).await?;
            tracing::debug!(symbol = %stock.symbol, refusal = %error, "no provider returned a price");
        }
        Ok(false)
    }

    async fn save(
        &self,
        stock: &DueQuote,
        provider: ProviderKind,
        quote: &ProviderQuote,
    ) -> Result<(), StoreError> {
        let now = self.context.clock.now();
        self.context.store.save_quote(&stored_quote(stock.stock_id, provider, quote), now).await?;
        self.context.cluster.bus.publish(BusMessage::Prices);
        // The last price of a session that is over is its close.
        let session = self.calendar.session_on(quote.market_day);
        if session.is_some_and(|session| session.closes_at <= now) {
            self.context.store.correct_close(stock.stock_id, quote.market_day, quote.price).await?;
        }
        Ok(())
    }

    fn retry_at(&self, error: &ProviderError) -> UnixMicros {
        let seconds = match error {
            ProviderError::RateLimited { retry_after: Some(after), .. } => {
                i64::try_from(after.as_secs()).unwrap_or(i64::MAX) + 1
            }
            ProviderError::RateLimited { .. } | ProviderError::BreakerOpen => RETRY_S,
            ProviderError::Unconfirmed { .. } => market::CONFIRM_S,
            _ => self.interval_s,
        };
        self.context.clock.now().plus_seconds(seconds.min(self.interval_s))
    }
}

impl Reconciler for RefreshQuotes {
    const NAME: &'static str = "refresh_quotes";
    const INTERVAL: Duration = Duration::from_secs(1);

    async fn run(&mut self) -> Result<JobProgress, JobError> {
        if !self.lease.take(self.context.clock.now()).await? {
            return Ok(JobProgress::done(0));
        }
        let due = self.context.store.due_quotes(self.due_before(), STOCKS).await?;
        let (mut refreshed, mut failures) = (0, 0);
        for stock in &due {
            if self.refresh(stock).await? {
                (refreshed, failures) = (refreshed + 1, 0);
            } else {
                failures += 1;
            }
            // A run may take as long as the lease: no other node may begin meanwhile.
            if failures == FAILURES_MAX || !self.lease.take(self.context.clock.now()).await? {
                return Ok(JobProgress::done(refreshed));
            }
        }
        let is_all = due.len() < usize::try_from(STOCKS).unwrap_or(0);
        Ok(JobProgress { changed: refreshed, done: is_all || refreshed == 0 })
    }

    async fn release(&mut self) {
        if let Err(error) = self.lease.release().await {
            tracing::warn!(%error, "the lease for refreshing quotes was not released; it expires");
        }
    }
}

/// Logs a warning if the providers allow fewer requests a day than the prices of the stocks need.
fn warn_of_quota(providers: &Providers, stocks: usize, config: &LiveConfig) {
    let kinds = providers.kinds();
    if kinds.is_empty() {
        tracing::warn!("no price provider has a key: prices stay as they are");
        return;
    }
    let limits = kinds.iter().map(|kind| config.guard.quota.of(*kind).per_day);
    if limits.clone().any(|limit| limit == 0) {
        return;
    }
    let allowed: u64 = limits.map(u64::from).sum();
    let needed = stocks as u64 * SESSION_S / u64::from(config.refresh_interval_s.max(1));
    if needed > allowed {
        tracing::warn!(
            needed,
            allowed,
            "a session needs more requests than the quotas of the providers allow a day: prices \
             will be older than refresh_interval_s"
        );
    }
}
