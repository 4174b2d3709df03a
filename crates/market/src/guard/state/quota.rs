//! The quotas of a provider: the configured ones and the rate limits that it reported.

use std::time::Duration;

use domain::UnixMicros;

use super::{MICROS, MINUTE_S, ProviderEvent, ProviderLimits, ProviderState};
use crate::provider::{ProviderError, QuotaWindow};

/// The wait after a rate limit per second without `Retry-After`, in microseconds.
const SECOND_RETRY: i64 = 1_200_000;

impl ProviderState {
    /// Returns the rate limit that lasts longest, if a quota window is used up.
    pub(super) fn check_quota(
        &self,
        now: UnixMicros,
        limits: &ProviderLimits<'_>,
    ) -> Result<(), ProviderError> {
        let reported = self.reported_limits.iter().copied();
        let full = QuotaWindow::ALL.into_iter().filter(|window| {
            let limit = limits.quota.limit(*window);
            limit > 0 && self.used_of(*window, now) >= limit
        });
        let full = full.map(|window| (window, self.free_again(window, now, limits)));
        let Some((window, until)) = reported.chain(full).max_by_key(|(_, until)| *until) else {
            return Ok(());
        };
        let micros = u64::try_from(until.0 - now.0).unwrap_or(0);
        Err(ProviderError::RateLimited { window, retry_after: Some(Duration::from_micros(micros)) })
    }

    pub(super) fn take_quota(
        &mut self,
        now: UnixMicros,
        limits: &ProviderLimits<'_>,
        events: &mut Vec<ProviderEvent>,
    ) {
        if limits.longest_span() > 0 {
            self.calls.push(now);
        }
        self.calls_today = self.calls_today.saturating_add(1);
        // Of the day only: a series of refreshes uses up the quota of a minute regularly.
        let (window, used, limit) = (QuotaWindow::Day, self.calls_today, limits.quota.per_day);
        let warned = u64::from(limit) * u64::from(limits.warn_percent);
        let first = u64::from(used) * 100 >= warned && u64::from(used - 1) * 100 < warned;
        if limit > 0 && (first || used == limit) {
            events.push(ProviderEvent::QuotaUsed { window, used, limit });
        }
    }

    pub(super) fn used_of(&self, window: QuotaWindow, now: UnixMicros) -> u32 {
        let since = |micros| {
            let recent = self.calls.iter().filter(|at| at.0 > now.0 - micros);
            u32::try_from(recent.count()).unwrap_or(u32::MAX)
        };
        match window {
            QuotaWindow::Second => since(MICROS),
            QuotaWindow::Minute => since(MINUTE_S * MICROS),
            QuotaWindow::Day => self.calls_today,
        }
    }

    /// When a full window admits the next call.
    fn free_again(
        &self,
        window: QuotaWindow,
        now: UnixMicros,
        limits: &ProviderLimits<'_>,
    ) -> UnixMicros {
        let span = match window {
            QuotaWindow::Second => MICROS,
            QuotaWindow::Minute => MINUTE_S * MICROS,
            QuotaWindow::Day => return limits.next_day(now),
        };
        // The oldest of the newest `limit` calls has to leave the window.
        let limit = limits.quota.limit(window) as usize;
        let leaves = self.calls.len().checked_sub(limit).and_then(|at| self.calls.get(at));
        leaves.map_or(now, |at| UnixMicros(at.0 + span))
    }

    /// Stores a rate limit that the provider reported.
    pub(super) fn learn_limit(
        &mut self,
        window: QuotaWindow,
        retry_after: Option<Duration>,
        now: UnixMicros,
        limits: &ProviderLimits<'_>,
        events: &mut Vec<ProviderEvent>,
    ) {
        let max = Duration::from_secs(limits.retry_after_max_s.into());
        let reported = retry_after.map(|after| {
            let after = after.min(max);
            let micros = i64::try_from(after.as_micros()).unwrap_or(i64::MAX);
            UnixMicros(now.0.saturating_add(micros))
        });
        let until = reported.unwrap_or_else(|| match window {
            QuotaWindow::Second => UnixMicros(now.0 + SECOND_RETRY),
            QuotaWindow::Minute => now.plus_seconds(MINUTE_S),
            QuotaWindow::Day => limits.next_day(now),
        });
        // A reported limit never outlasts its quota day.
        let until = until.min(limits.next_day(now).max(now.plus_seconds(MINUTE_S)));
        match self.reported_limits.iter_mut().find(|(known, _)| *known == window) {
            Some((_, known_until)) => *known_until = until.max(*known_until),
            None => {
                self.reported_limits.push((window, until));
                events.push(ProviderEvent::QuotaLearned(window));
            }
        }
    }
}
