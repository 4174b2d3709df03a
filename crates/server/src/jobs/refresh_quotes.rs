//! The job that asks for the prices of a live market. Of all nodes the one with the lease asks: the
//! stock first that has waited the longest, within what the providers allow. What it is told is in
//! the database at once, where every node finds it.

use std::sync::Arc;
use std::time::Duration;

use cluster::{Bus, BusMessage};
use domain::{Clock, UnixMicros};
use market::{Calendar, ProviderError, ProviderKind, ProviderQuote, Providers};
use store::{DueQuote, DueQuoteFilter, Store, StoreError, StoredQuote};

use crate::jobs::supervisor::{Fault, Progress, Reconciler};

/// The lease's name, in the database.
const LEASE: &str = "refresh_quotes";
/// How long the lease is taken for, in seconds; longer than all providers together may take.
const LEASE_S: i64 = 30;
/// Stocks a run.
const STOCKS: i64 = 8;
/// After so many refusals in a row the others would be refused, too.
const REFUSALS_MAX: u32 = 3;
/// When a stock is asked for again that could not be asked for, in seconds.
const AGAIN_S: i64 = 5;

/// Asks for prices that are due.
pub(crate) struct RefreshQuotes {
    pub(crate) store: Store,
    pub(crate) providers: Arc<Providers>,
    pub(crate) calendar: Calendar,
    pub(crate) interval_s: i64,
    pub(crate) clock: Arc<dyn Clock>,
    /// This node, in the lease.
    pub(crate) node: String,
    /// On which the others hear that there are prices.
    pub(crate) bus: Bus,
}

impl Reconciler for RefreshQuotes {
    const NAME: &'static str = "refresh_quotes";
    const EVERY: Duration = Duration::from_secs(1);

    async fn run(&mut self) -> Result<Progress, Fault> {
        if !self.has_lease().await? {
            return Ok(Progress::done(0));
        }
        let due = self.store.due_quotes(self.due_before(), STOCKS).await?;
        let (mut told, mut refused) = (0, 0);
        for stock in &due {
            if self.refresh(stock).await? {
                (told, refused) = (told + 1, 0);
            } else {
                refused += 1;
            }
            // A run may take as long as a lease: others must not begin meanwhile.
            if refused == REFUSALS_MAX || !self.has_lease().await? {
                return Ok(Progress::done(told));
            }
        }
        let is_all = due.len() < usize::try_from(STOCKS).unwrap_or(0);
        Ok(Progress { changed: told, done: is_all || told == 0 })
    }

    async fn leave(&mut self) {
        // Another node, or the next process, goes on at once; without this when the lease is over.
        if let Err(error) = self.store.release_lease(LEASE, &self.node).await {
            tracing::warn!(%error, "the lease for asking for prices was not given back");
        }
    }
}

impl RefreshQuotes {
    async fn has_lease(&self) -> Result<bool, StoreError> {
        let now = self.clock.now();
        let until = now.plus_seconds(LEASE_S);
        Ok(self.store.take_lease(LEASE, &self.node, now, until).await?.is_some())
    }

    /// While the exchange trades every stock is due again after the interval; while it is closed,
    /// only stocks of which nobody has told the last price.
    fn due_before(&self) -> DueQuoteFilter {
        let now = self.clock.now();
        let tried = now.plus_seconds(-self.interval_s);
        let settled_by = now.plus_seconds(-market::CLOSE_GRACE_S);
        let last = self.calendar.closed_by(settled_by).checked_sub(1);
        let next = self.calendar.sessions().get(last.map_or(0, |last| last + 1));
        let is_lived = next.is_some_and(|next| next.opens_at <= now);
        let last = last.map(|last| self.calendar.sessions()[last].closes_at);
        let confirmed = match last {
            Some(closed_at) if !is_lived => closed_at.plus_seconds(market::CLOSE_GRACE_S),
            _ => now,
        };
        DueQuoteFilter { tried, confirmed }
    }

    /// Asks for one stock. Whether somebody told its price.
    async fn refresh(&self, stock: &DueQuote) -> Result<bool, StoreError> {
        match self.providers.quote(&stock.symbol, stock.last).await {
            Ok((provider, quote)) => {
                self.keep(stock, provider, quote).await?;
                Ok(true)
            }
            Err(ProviderError::InDoubt { as_of }) => {
                let (now, again) =
                    (self.clock.now(), self.again_at(&ProviderError::InDoubt { as_of }));
                let tried_at = again.plus_seconds(-self.interval_s);
                self.store.mark_quote_doubted(stock.stock_id, as_of, now, tried_at).await?;
                self.bus.publish(BusMessage::Prices);
                tracing::warn!(symbol = %stock.symbol, "trading of the stock is halted: its new price is in doubt");
                Ok(false)
            }
            Err(refusal) => {
                let again = self.again_at(&refusal);
                // Due again once the interval has passed since this instant.
                let tried_at = again.plus_seconds(-self.interval_s);
                self.store.mark_quote_tried(stock.stock_id, tried_at).await?;
                tracing::debug!(symbol = %stock.symbol, %refusal, "no provider returned a price");
                Ok(false)
            }
        }
    }

    async fn keep(
        &self,
        stock: &DueQuote,
        provider: ProviderKind,
        quote: ProviderQuote,
    ) -> Result<(), StoreError> {
        let now = self.clock.now();
        let kept = StoredQuote {
            stock_id: stock.stock_id,
            price: quote.price,
            previous_close: quote.previous_close,
            as_of: quote.as_of,
            market_day: quote.market_day,
            volume: quote.volume,
            provider: provider.as_str().to_owned(),
            is_in_doubt: false,
        };
        self.store.save_quote(&kept, now).await?;
        self.bus.publish(BusMessage::Prices);
        // The last price of a session that is over is its close.
        let session = self.calendar.session_on(quote.market_day);
        if session.is_some_and(|session| session.closes_at <= now) {
            self.store.correct_close(stock.stock_id, quote.market_day, quote.price).await?;
        }
        Ok(())
    }

    fn again_at(&self, refusal: &ProviderError) -> UnixMicros {
        let now = self.clock.now();
        let seconds = match refusal {
            ProviderError::RateLimited { retry_after: Some(after), .. } => {
                i64::try_from(after.as_secs()).unwrap_or(i64::MAX) + 1
            }
            ProviderError::RateLimited { .. } | ProviderError::BreakerOpen => AGAIN_S,
            ProviderError::InDoubt { .. } => market::CONFIRM_S,
            _ => self.interval_s,
        };
        now.plus_seconds(seconds.min(self.interval_s))
    }
}

/// Says so when the providers allow fewer questions a day than the prices of the stocks need.
pub(crate) fn warn_of_quota(providers: &Providers, stocks: usize, config: &market::LiveConfig) {
    let kinds = providers.kinds();
    if kinds.is_empty() {
        tracing::warn!("no provider of prices has a key: prices stay as they are");
        return;
    }
    let limits = kinds.iter().map(|kind| config.guard.quota.of(*kind).per_day);
    if limits.clone().any(|limit| limit == 0) {
        return;
    }
    let allowed: u64 = limits.map(u64::from).sum();
    let session_s = 23_400;
    let needed = stocks as u64 * session_s / u64::from(config.refresh_interval_s.max(1));
    if needed > allowed {
        tracing::warn!(
            needed,
            allowed,
            "a session needs more questions than the providers allow a day: prices will be older \
             than refresh_interval_s"
        );
    }
}
