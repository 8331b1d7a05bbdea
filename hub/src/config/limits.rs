//! Limits under load.

use std::num::NonZeroU32;

use governor::Quota;
use serde::Deserialize;

/// Highest rate that is told apart from none at all, per second: one each microsecond.
const RATE_MAX: u32 = 1_000_000;

/// Limits under load; each number's reason stands in `deploy/hub.toml`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Open connections; more wait until one is closed.
    pub connections: usize,
    /// Requests in progress; more are answered 503.
    pub requests_concurrent: usize,
    /// Longest time for one request, in seconds.
    pub request_timeout_s: u64,
    /// Files being verified at the same time.
    pub verifications_concurrent: usize,
    /// Single verifications of one caller that may wait for their turn; more are answered 503.
    pub verifications_waiting: usize,
    /// Files that callers bring are spooled to disk above this size, in bytes.
    pub spool_above_bytes: usize,
    /// Batches in progress; more are answered 503.
    pub batches_concurrent: usize,
    /// Batches of one caller in progress; more are answered 429.
    pub batches_per_caller: usize,
    /// Longest time for one batch, in seconds.
    pub batch_timeout_s: u64,
    /// Requests per second of one caller in the long run; more are answered 429.
    pub caller_requests_per_s: u32,
    /// Requests that one caller may have saved up for a rush.
    pub caller_burst: u32,
    /// Questions per second of one other node in the long run; more are answered as busy.
    pub peer_questions_per_s: u32,
    /// Questions that one other node may have saved up for a rush.
    pub peer_burst: u32,
    /// Longest time for requests in progress when the node stops, in seconds.
    pub drain_s: u64,
}

impl Limits {
    /// Whether some limit is 0 and would refuse everything.
    #[must_use]
    pub fn refuse_everything(&self) -> bool {
        let counts = [
            self.connections,
            self.requests_concurrent,
            self.verifications_concurrent,
            self.batches_concurrent,
            self.batches_per_caller,
        ];
        let rates = [
            self.caller_requests_per_s,
            self.caller_burst,
            self.peer_questions_per_s,
            self.peer_burst,
        ];
        counts.contains(&0) || rates.contains(&0)
    }
}

impl Limits {
    /// How often one caller may ask.
    #[must_use]
    pub fn caller_quota(&self) -> Quota {
        quota(self.caller_requests_per_s, self.caller_burst)
    }

    /// How often one other node may ask.
    #[must_use]
    pub fn peer_quota(&self) -> Quota {
        quota(self.peer_questions_per_s, self.peer_burst)
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 768,
            requests_concurrent: 512,
            request_timeout_s: 30,
            verifications_concurrent: 2,
            verifications_waiting: 64,
            spool_above_bytes: 1024 * 1024,
            batches_concurrent: 16,
            batches_per_caller: 4,
            batch_timeout_s: 3_600,
            caller_requests_per_s: 1_000,
            caller_burst: 2_000,
            peer_questions_per_s: 500,
            peer_burst: 1_000,
            drain_s: 20,
        }
    }
}

/// A bucket that fills with `per_second` and holds `burst`; a configuration has no 0 in them.
fn quota(per_second: u32, burst: u32) -> Quota {
    let number = |number: u32| NonZeroU32::new(number.min(RATE_MAX)).unwrap_or(NonZeroU32::MIN);
    Quota::per_second(number(per_second)).allow_burst(number(burst))
}
