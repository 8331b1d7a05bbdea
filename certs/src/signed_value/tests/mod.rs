//! Table tests: one thing is changed in a good signature, one finding is expected.

mod corpus;
mod fixture;
mod seal;
mod seal_trust;
mod sign;

use schemas::verdict::{Checks, Effect, FindingCode};

/// Findings that decide or warn, in the order in which they were made.
fn raised(checks: &Checks) -> Vec<(FindingCode, Effect)> {
    checks
        .iter()
        .filter(|check| check.effect != Effect::None)
        .map(|check| (check.code, check.effect))
        .collect()
}
