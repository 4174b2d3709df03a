//! The arithmetic of a quota: the generic cell rate algorithm (GCRA), a token bucket stored as one
//! instant.

use domain::UnixMicros;

const MICROS_PER_SECOND: i64 = 1_000_000;

/// A rate limit: `burst` permits, refilled evenly in `per_s` seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    /// 0 allows nothing.
    pub burst: u32,
    /// Seconds in which `burst` permits are refilled; 0 counts as 1.
    pub per_s: u32,
}

/// The decision on one request, with the values of the rate-limit headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision {
    /// A rejected request takes no permit.
    pub allowed: bool,
    /// The quota's `burst`.
    pub limit: u32,
    /// Permits left after this request.
    pub remaining: u32,
    /// Seconds until all permits are refilled.
    pub reset_s: u64,
    /// Seconds until one permit is refilled, at least 1; 0 if the request was allowed.
    pub retry_after_s: u64,
}

impl Quota {
    /// Microseconds in which one permit is refilled.
    pub(crate) fn interval(self) -> i64 {
        let window = i64::from(self.per_s.max(1)) * MICROS_PER_SECOND;
        (window / i64::from(self.burst.max(1))).max(1)
    }

    /// Microseconds in which all permits are refilled.
    pub(crate) fn capacity(self) -> i64 {
        self.interval() * i64::from(self.burst)
    }

    /// The instant at which all permits are refilled: `Ok` if this request is granted, `Err` if
    /// not. `full_at` is the stored instant; one that is too far ahead (a clock was set back)
    /// counts as an empty bucket, which bounds the delay.
    pub(crate) fn spend(self, full_at: i64, now: UnixMicros) -> Result<i64, i64> {
        let empty = now.0.saturating_add(self.capacity());
        let full_at = full_at.clamp(now.0, empty);
        let after = full_at.saturating_add(self.interval());
        if after <= empty { Ok(after) } else { Err(full_at) }
    }

    /// The decision, from the result of [`Quota::spend`].
    pub(crate) fn decide(self, spent: Result<i64, i64>, now: UnixMicros) -> Decision {
        let (allowed, full_at) = match spent {
            Ok(full_at) => (true, full_at),
            Err(full_at) => (false, full_at),
        };
        let debt = full_at.saturating_sub(now.0).clamp(0, self.capacity());
        let left = (self.capacity() - debt) / self.interval();
        let wait = debt + self.interval() - self.capacity();
        Decision {
            allowed,
            limit: self.burst,
            remaining: u32::try_from(left).unwrap_or(0),
            reset_s: whole_seconds(debt),
            retry_after_s: if allowed { 0 } else { whole_seconds(wait).max(1) },
        }
    }
}

/// Rounded up, so that a client that retries then is not too early.
fn whole_seconds(micros: i64) -> u64 {
    let micros = u64::try_from(micros).unwrap_or(0);
    micros.div_ceil(MICROS_PER_SECOND.unsigned_abs())
}
