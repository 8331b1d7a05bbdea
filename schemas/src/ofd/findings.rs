//! Checks of a file that may be wrong in thousands of places: each sort is listed only so often.

use std::collections::HashMap;

use super::{Refusal, limits};
use crate::verdict::{CheckResult, Checks, FindingCode};

/// Checks, with at most [`limits::SAME_FINDINGS`] findings of one code.
#[derive(Clone, Debug, Default)]
pub struct Findings {
    checks: Checks,
    counts: HashMap<FindingCode, usize>,
}

impl Findings {
    /// The check held.
    pub fn pass(&mut self, code: FindingCode, detail: impl Into<String>) {
        self.checks.pass(code, detail);
    }

    /// The check did not hold: the verdict is `invalid`.
    pub fn fail(&mut self, code: FindingCode, detail: impl Into<String>) {
        if self.is_listed(code) {
            self.checks.fail(code, detail);
        }
    }

    /// Reported without changing the verdict.
    pub fn warn(&mut self, code: FindingCode, detail: impl Into<String>) {
        if self.is_listed(code) {
            self.checks.warn(code, CheckResult::Fail, detail);
        }
    }

    /// A refusal makes the verdict `invalid`.
    pub fn refuse(&mut self, refusal: &Refusal) {
        self.fail(refusal.code(), refusal.detail());
    }

    /// The checks, to be added to a report.
    #[must_use]
    pub fn into_checks(self) -> Checks {
        self.checks
    }

    fn is_listed(&mut self, code: FindingCode) -> bool {
        let count = self.counts.entry(code).or_default();
        *count += 1;
        *count <= limits::SAME_FINDINGS
    }
}
