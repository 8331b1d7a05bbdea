//! Paths that were searched before.
//!
//! The outcome of a search depends on the certificate, on those that came with it, on what is
//! trusted, and on the time only in one way: on which side of the periods that were looked at it
//! lies. The first two are the key. Every store of trust has its own memory, which a change of the
//! store replaces by an empty one: that is the trust epoch. The last is kept beside each outcome.
//! So an answer from here is the one that a new search would give (invariant 4).

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, Duration, Utc};

use super::{AnchorNames, Chain, PathError};
use crate::certificate::Certificate;
use crate::digest::sm3;

/// Bytes that remembered paths may claim: some four thousand signers, more than a province has.
/// (`\[P\]` profile)
const BYTES_MAX: usize = 16 * 1024 * 1024;
/// Claimed for an outcome beside its certificates: key, window and places in the tables.
const OUTCOME_BYTES: usize = 256;
/// A parsed certificate holds its parts beside its DER.
const PARSED_TIMES: usize = 4;

/// Which search: SM3 over the certificate and those that came with it.
pub(super) type Key = [u8; 32];

/// Outcomes of searches in one store of trust. A copy of it is empty.
#[derive(Default)]
pub(crate) struct ChainCache {
    outcomes: Mutex<Generations>,
    /// By digest of a CA of the store.
    above: Mutex<HashMap<[u8; 32], AnchorNames>>,
}

/// Two generations: when the younger one has grown to half of what is allowed, the elder one is
/// dropped. What is asked for moves to the younger.
#[derive(Default)]
struct Generations {
    young: HashMap<Key, Outcome>,
    young_bytes: usize,
    old: HashMap<Key, Outcome>,
}

#[derive(Clone)]
struct Outcome {
    window: Window,
    found: Result<Chain, PathError>,
    /// How many signatures the search verified.
    checks: u32,
}

/// What a search found, and how many signatures it verified for it.
type Found = (Result<Chain, PathError>, u32);

/// From when to when, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Window {
    from: DateTime<Utc>,
    until: DateTime<Utc>,
}

/// The key of a search.
pub(super) fn key(leaf: &Certificate, carried: &[Arc<Certificate>]) -> Key {
    if carried.is_empty() {
        return *leaf.digest();
    }
    let carried = carried.iter().map(|one| *one.digest());
    let digests: Vec<_> = std::iter::once(*leaf.digest()).chain(carried).collect();
    sm3(&digests.concat())
}

impl ChainCache {
    /// What a search at `at` would find, where that is known.
    pub(super) fn find(&self, key: &Key, at: DateTime<Utc>) -> Option<Found> {
        let mut outcomes = self.outcomes.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(outcome) = outcomes.young.get(key) {
            return outcome.at(at);
        }
        let outcome = outcomes.old.remove(key)?;
        let found = outcome.at(at);
        outcomes.put(*key, outcome);
        found
    }

    /// The anchors above a CA of the store, which `search` finds once.
    pub(super) fn above(
        &self,
        authority: &[u8; 32],
        search: impl FnOnce() -> AnchorNames,
    ) -> AnchorNames {
        let mut above = self.above.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(above.entry(*authority).or_insert_with(search))
    }

    /// Remembers the outcome of a search; one for other times is replaced.
    pub(super) fn keep(
        &self,
        key: Key,
        window: Window,
        found: &Result<Chain, PathError>,
        checks: u32,
    ) {
        let found = found.clone();
        let mut outcomes = self.outcomes.lock().unwrap_or_else(PoisonError::into_inner);
        let outcome = Outcome {
            window,
            found,
            checks,
        };
        outcomes.put(key, outcome);
    }

    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        let outcomes = self.outcomes.lock().unwrap();
        let both = outcomes.young.values().chain(outcomes.old.values());
        both.map(Outcome::bytes).sum()
    }
}

impl Generations {
    fn put(&mut self, key: Key, outcome: Outcome) {
        self.young_bytes += outcome.bytes();
        if let Some(replaced) = self.young.insert(key, outcome) {
            self.young_bytes -= replaced.bytes();
        }
        if self.young_bytes > BYTES_MAX / 2 {
            self.old = std::mem::take(&mut self.young);
            self.young_bytes = 0;
        }
    }
}

impl Outcome {
    fn at(&self, at: DateTime<Utc>) -> Option<Found> {
        let found = || (self.found.clone(), self.checks);
        self.window.holds(at).then(found)
    }

    fn bytes(&self) -> usize {
        let certificates = self.found.iter().flat_map(|chain| &chain.certificates);
        let parsed = certificates.map(|one| one.der().len() * PARSED_TIMES);
        OUTCOME_BYTES + parsed.sum::<usize>()
    }
}

impl Window {
    pub(super) const ALWAYS: Self = Self {
        from: DateTime::<Utc>::MIN_UTC,
        until: DateTime::<Utc>::MAX_UTC,
    };

    /// Leaves only the times that lie on the same side of the certificate's period as `at`.
    pub(super) fn narrow(&mut self, certificate: &Certificate, at: DateTime<Utc>) {
        let moment = Duration::nanoseconds(1);
        let (start, end) = (certificate.not_before(), certificate.not_after());
        if at < start {
            self.until = self.until.min(start - moment);
        } else if at > end {
            self.from = self.from.max(end + moment);
        } else {
            self.from = self.from.max(start);
            self.until = self.until.min(end);
        }
    }

    fn holds(&self, at: DateTime<Utc>) -> bool {
        self.from <= at && at <= self.until
    }
}

/// What was found in one store says nothing about another, and a copy is made to be changed.
impl Clone for ChainCache {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl std::fmt::Debug for ChainCache {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("ChainCache").finish_non_exhaustive()
    }
}
