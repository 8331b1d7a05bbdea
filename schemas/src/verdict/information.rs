//! Information verification of GB/T 36906 (信息验证): does the directory know what a file says?
//!
//! The codes are the standard's. What counts as complete and as the same is our profile, \[P\]:
//! the fields that the licence type requires, compared as at a delivery
//! ([`Metadata::compare`]), and only what a valid signature protects.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{FindingCode, Outcome, Verdict};
use crate::entry::{Entry, EntryPublic, Term};
use crate::metadata::Metadata;

/// Result of information verification, one digit on the wire.
///
/// 6 and 7, which some platforms add, are not of the standard's list and are not used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub enum InformationResult {
    /// 0 信息正确且有效: right, and the licence is in force.
    InForce,
    /// 1 信息正确且未激活: right, and the licence is not yet in force.
    NotYetActive,
    /// 2 信息正确且证照暂时失效: right, and the licence is out of force for a time.
    OutForATime,
    /// 3 信息正确且证照已失效: right, and the licence is out of force for good.
    OutForGood,
    /// 4 信息不全，无法验证: not everything is stated that is needed, or nothing proves it.
    Incomplete,
    /// 5 查无此信息: the directory does not know this.
    Unknown,
}

/// The number is no result of information verification.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("no result of information verification; expected 0 to 5")]
pub struct NoInformationResult;

impl InformationResult {
    /// Every result in order of code.
    pub const ALL: &[Self] = &[
        Self::InForce,
        Self::NotYetActive,
        Self::OutForATime,
        Self::OutForGood,
        Self::Incomplete,
        Self::Unknown,
    ];

    /// What is proven about a licence, against the directory's entry of it. `required` are the
    /// fields that a file of its type must state; `day` is in Asia/Shanghai.
    ///
    /// What is incomplete cannot be compared, so a missing field counts before a differing one.
    #[must_use]
    pub fn of(stated: &Metadata, entry: &Entry, required: &[String], day: NaiveDate) -> Self {
        let comparison = stated.compare(entry, required);
        if stated.identifier().is_none() || !comparison.missing.is_empty() {
            Self::Incomplete
        } else if !comparison.differing.is_empty() {
            Self::Unknown
        } else {
            entry.public.information_result_on(day)
        }
    }
}

impl EntryPublic {
    /// Result of GB/T 36906 information verification when the information is right. A licence whose
    /// term is over is out of force for good, whatever its status.
    #[must_use]
    pub fn information_result_on(&self, day: NaiveDate) -> InformationResult {
        let by_status = self.status.information_result();
        match self.term_on(day) {
            Term::Running => by_status,
            Term::NotBegun => by_status.max(InformationResult::NotYetActive),
            Term::Over => InformationResult::OutForGood,
        }
    }
}

impl Verdict {
    /// Metadata that signatures protect and that nothing in the file makes doubtful: every
    /// signature is valid, and every check of the file but those of the metadata itself.
    #[must_use]
    pub fn proven_metadata(&self) -> Option<&Metadata> {
        let is_about_metadata =
            |code| matches!(code, FindingCode::MetaMissing | FindingCode::MetaMismatch);
        let signatures = &self.signatures;
        let is_proven = !signatures.is_empty()
            && signatures.iter().all(|one| one.verdict == Outcome::Valid)
            && self.checks.outcome_without(is_about_metadata) == Outcome::Valid;
        self.signed_metadata.as_deref().filter(|_| is_proven)
    }
}

impl From<InformationResult> for u8 {
    fn from(result: InformationResult) -> Self {
        match result {
            InformationResult::InForce => 0,
            InformationResult::NotYetActive => 1,
            InformationResult::OutForATime => 2,
            InformationResult::OutForGood => 3,
            InformationResult::Incomplete => 4,
            InformationResult::Unknown => 5,
        }
    }
}

impl TryFrom<u8> for InformationResult {
    type Error = NoInformationResult;

    fn try_from(code: u8) -> Result<Self, Self::Error> {
        let known = Self::ALL.get(usize::from(code));
        known.copied().ok_or(NoInformationResult)
    }
}

#[cfg(test)]
mod tests;
