//! One line per check, and what a list of them adds up to.

use serde::{Deserialize, Serialize};

use super::{FindingCode, Outcome};

/// Result of one check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CheckResult {
    /// The check was made and held.
    Pass,
    /// The check was made and did not hold.
    Fail,
    /// The check could not be decided: evidence is missing.
    Unknown,
    /// The check does not apply here.
    Skip,
}

/// What a finding does to the verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Effect {
    /// No effect: the check passed or was skipped.
    None,
    /// Reported, without changing the verdict.
    Warning,
    /// At best `indeterminate`.
    Indeterminate,
    /// `invalid`.
    Invalid,
}

/// One line of a verification: the check, named by the finding it would raise, and its result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// The finding that this check looks for.
    pub code: FindingCode,
    /// How it went.
    pub result: CheckResult,
    /// What was seen, in English, without personal data: file names inside the package, times,
    /// algorithm names, certificate subjects.
    pub detail: String,
    /// What it does to the verdict; not part of the published shape.
    #[serde(skip, default = "no_effect")]
    pub effect: Effect,
}

/// The checks of one signature or of the file as a whole, in the order in which they were made.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Checks(Vec<Check>);

const fn no_effect() -> Effect {
    Effect::None
}

impl Checks {
    /// No checks yet.
    #[must_use]
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// The check held.
    pub fn pass(&mut self, code: FindingCode, detail: impl Into<String>) {
        self.push(code, CheckResult::Pass, Effect::None, detail);
    }

    /// The check did not hold: the verdict is `invalid`.
    pub fn fail(&mut self, code: FindingCode, detail: impl Into<String>) {
        self.push(code, CheckResult::Fail, Effect::Invalid, detail);
    }

    /// Evidence is missing: the verdict is `indeterminate` at best.
    pub fn unknown(&mut self, code: FindingCode, detail: impl Into<String>) {
        self.push(code, CheckResult::Unknown, Effect::Indeterminate, detail);
    }

    /// Reported without changing the verdict; `result` says how the check itself went.
    pub fn warn(&mut self, code: FindingCode, result: CheckResult, detail: impl Into<String>) {
        self.push(code, result, Effect::Warning, detail);
    }

    /// The check does not apply.
    pub fn skip(&mut self, code: FindingCode, detail: impl Into<String>) {
        self.push(code, CheckResult::Skip, Effect::None, detail);
    }

    /// Appends the checks of `other`.
    pub fn extend(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// Puts the checks of `others` in the place of the first check of `code`, and takes every
    /// other check of that code away.
    pub fn replace(&mut self, code: FindingCode, others: Self) {
        let place = self.0.iter().position(|check| check.code == code);
        self.0.retain(|check| check.code != code);
        let place = place.unwrap_or(self.0.len()).min(self.0.len());
        self.0.splice(place..place, others.0);
    }

    /// The checks in the order in which they were made.
    pub fn iter(&self) -> impl Iterator<Item = &Check> {
        self.0.iter()
    }

    /// Whether a finding makes the file invalid.
    #[must_use]
    pub fn is_broken(&self) -> bool {
        self.0.iter().any(|check| check.effect == Effect::Invalid)
    }

    /// What these checks add up to.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        if self.is_broken() {
            Outcome::Invalid
        } else if self
            .0
            .iter()
            .any(|check| check.effect == Effect::Indeterminate)
        {
            Outcome::Indeterminate
        } else {
            Outcome::Valid
        }
    }

    /// What these checks add up to, those of some codes left out.
    #[must_use]
    pub fn outcome_without(&self, is_left_out: impl Fn(FindingCode) -> bool) -> Outcome {
        let counting = self.0.iter().filter(|check| !is_left_out(check.code));
        Self(counting.cloned().collect()).outcome()
    }

    /// The most telling finding among those that decide the outcome; none when valid.
    #[must_use]
    pub fn code(&self) -> Option<FindingCode> {
        let deciding = match self.outcome() {
            Outcome::Valid => return None,
            Outcome::Invalid => Effect::Invalid,
            Outcome::Indeterminate => Effect::Indeterminate,
        };
        self.with_effect(deciding).min()
    }

    /// Findings that do not change the verdict.
    pub fn warnings(&self) -> impl Iterator<Item = FindingCode> {
        self.with_effect(Effect::Warning)
    }

    fn with_effect(&self, effect: Effect) -> impl Iterator<Item = FindingCode> {
        self.0
            .iter()
            .filter(move |check| check.effect == effect)
            .map(|check| check.code)
    }

    fn push(
        &mut self,
        code: FindingCode,
        result: CheckResult,
        effect: Effect,
        detail: impl Into<String>,
    ) {
        self.0.push(Check {
            code,
            result,
            detail: detail.into(),
            effect,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replaced_checks_stand_where_the_old_one_stood() {
        let mut checks = Checks::new();
        checks.pass(FindingCode::SealPeriod, "");
        checks.skip(FindingCode::SealRevoked, "");
        checks.pass(FindingCode::TimeFuture, "");
        let mut others = Checks::new();
        others.fail(FindingCode::SealRevoked, "");
        others.pass(FindingCode::SigAlg, "");
        checks.replace(FindingCode::SealRevoked, others);
        let codes: Vec<_> = checks.iter().map(|check| check.code).collect();
        let expected = [
            FindingCode::SealPeriod,
            FindingCode::SealRevoked,
            FindingCode::SigAlg,
            FindingCode::TimeFuture,
        ];
        assert_eq!(codes, expected);
        assert_eq!(checks.code(), Some(FindingCode::SealRevoked));
    }

    #[test]
    fn the_deciding_finding_wins_over_warnings_and_missing_evidence() {
        let mut checks = Checks::new();
        checks.warn(FindingCode::ZipCase, CheckResult::Pass, "case folded");
        checks.unknown(FindingCode::Untrusted, "no path");
        assert_eq!(checks.outcome(), Outcome::Indeterminate);
        assert_eq!(checks.code(), Some(FindingCode::Untrusted));
        checks.fail(FindingCode::SealPeriod, "ended");
        assert_eq!(checks.outcome(), Outcome::Invalid);
        assert_eq!(checks.code(), Some(FindingCode::SealPeriod));
    }
}
