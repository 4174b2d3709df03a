//! The limits that apply to a provider, and the boundaries of its quota days.

use domain::{Day, UnixMicros};
use jiff::tz::TimeZone;

use super::{MICROS, MINUTE_S};
use crate::guard::config::{BreakerConfig, QuotaConfig};
use crate::provider::QuotaWindow;

#[derive(Clone, Debug)]
pub(crate) struct ProviderLimits<'a> {
    pub(crate) breaker: &'a BreakerConfig,
    pub(crate) quota: &'a QuotaConfig,
    pub(crate) warn_percent: u32,
    /// The longest `Retry-After` that is respected, in seconds.
    pub(crate) retry_after_max_s: u32,
    /// The time zone of the quota day.
    pub(crate) zone: &'a TimeZone,
}

impl ProviderLimits<'_> {
    /// The calendar day in the provider's zone.
    pub(super) fn day(&self, now: UnixMicros) -> Day {
        let date = timestamp(now).to_zoned(self.zone.clone()).date();
        let (month, day) = (date.month().unsigned_abs(), date.day().unsigned_abs());
        Day::from_civil(i32::from(date.year()), month, day).unwrap_or(now.day())
    }

    /// When the next quota day begins; a day has 23 to 25 hours where clocks change.
    pub(super) fn next_day(&self, now: UnixMicros) -> UnixMicros {
        let zoned = timestamp(now).to_zoned(self.zone.clone());
        let next = zoned.tomorrow().and_then(|tomorrow| tomorrow.start_of_day());
        let next = next.map(|next| UnixMicros(next.timestamp().as_microsecond()));
        next.unwrap_or(now.plus_seconds(86_400))
    }

    /// How long single calls are recorded, in microseconds.
    pub(super) fn longest_span(&self) -> i64 {
        match (self.quota.per_minute, self.quota.per_second) {
            (1.., _) => MINUTE_S * MICROS,
            (0, 1..) => MICROS,
            (0, 0) => 0,
        }
    }
}

impl BreakerConfig {
    pub(super) fn failures_most(&self) -> usize {
        usize::try_from(self.failures_max).unwrap_or(usize::MAX)
    }
}

impl QuotaConfig {
    pub(crate) fn limit(&self, window: QuotaWindow) -> u32 {
        match window {
            QuotaWindow::Second => self.per_second,
            QuotaWindow::Minute => self.per_minute,
            QuotaWindow::Day => self.per_day,
        }
    }
}

fn timestamp(at: UnixMicros) -> jiff::Timestamp {
    jiff::Timestamp::from_microsecond(at.0).unwrap_or(jiff::Timestamp::MAX)
}
