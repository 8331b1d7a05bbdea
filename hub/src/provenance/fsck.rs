//! Checks a whole log and the tables that it vouches for, from the stored leaf bytes up.
//!
//! Everything is read in one transaction, so a running node may be checked. Memory is bounded:
//! leaves, nodes and entries are read in pages.

mod tables;
#[cfg(test)]
mod tests;
mod tree;

use super::ProvenanceLog;
use crate::store::{Store, StoreError, log};

/// Rows per page: some megabytes of leaves at most.
const PAGE: u32 = 1_000;

/// Most faults that are named; further ones are only counted.
const FAULTS_NAMED_MAX: usize = 1_000;

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Fault {
    /// Stable code: `FSCK_LEAF_HASH` and the like.
    pub code: &'static str,
    /// What is wrong and where, in English, without personal data.
    pub detail: String,
}

/// What a check found.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct FsckReport {
    /// Name of the log.
    pub origin: String,
    /// Leaves that were checked.
    pub leaves: u64,
    /// Signed heads that were checked.
    pub heads: u64,
    /// Entries that were checked.
    pub entries: u64,
    /// How many faults there are.
    pub fault_count: u64,
    /// The first of them, at most a thousand.
    pub faults: Vec<Fault>,
}

/// Recomputes every leaf hash, node and root and compares them with what is stored and signed;
/// checks private details, entries, registrations and positions against the leaves.
///
/// What it cannot see: a log cut off at its end together with every head signed since, by
/// someone who also undoes the tables. Heads that others keep show that.
///
/// # Errors
/// The database cannot be read. What is wrong in it is in the report, not an error.
pub async fn fsck(store: &Store, provenance: &ProvenanceLog) -> Result<FsckReport, StoreError> {
    let mut reading = store.snapshot().await?;
    let state = log::state(&mut reading).await?.ok_or(StoreError::NoLog)?;
    let mut report = FsckReport {
        origin: state.origin.clone(),
        ..FsckReport::default()
    };
    let seen = tree::check(&mut reading, provenance, &state, &mut report).await?;
    tables::check(&mut reading, provenance, &seen, &mut report).await?;
    reading.end().await?;
    Ok(report)
}

impl FsckReport {
    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.fault_count == 0
    }

    fn fault(&mut self, code: &'static str, detail: String) {
        self.fault_count += 1;
        if self.faults.len() < FAULTS_NAMED_MAX {
            self.faults.push(Fault { code, detail });
        }
    }
}
