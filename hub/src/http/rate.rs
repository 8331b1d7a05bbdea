//! How often one caller may ask: a bucket per caller, so that one that floods the node leaves
//! room for the others.

use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};

/// The bucket of one caller.
pub(crate) struct Bucket {
    limiter: DefaultDirectRateLimiter,
    clock: DefaultClock,
}

impl Bucket {
    /// A full bucket.
    pub(crate) fn new(quota: Quota) -> Self {
        Self {
            limiter: RateLimiter::direct(quota),
            clock: DefaultClock::default(),
        }
    }

    /// Takes one out of the bucket.
    ///
    /// # Errors
    /// Seconds, rounded up, until there is one again.
    pub(crate) fn take(&self) -> Result<(), u32> {
        self.limiter.check().map_err(|until| {
            let wait = until.wait_time_from(self.clock.now());
            u32::try_from(wait.as_secs())
                .unwrap_or(u32::MAX)
                .saturating_add(1)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Limits;

    #[test]
    fn an_empty_bucket_says_when_to_come_back() {
        let limits = Limits {
            caller_requests_per_s: 1,
            caller_burst: 3,
            ..Limits::default()
        };
        let bucket = Bucket::new(limits.caller_quota());
        for _ in 0..3 {
            bucket.take().expect("the burst");
        }
        let wait = bucket.take().expect_err("empty");
        assert!((1..=2).contains(&wait), "{wait}");
    }
}
