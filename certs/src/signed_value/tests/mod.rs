//! Table tests: one thing is changed in a good signature, one finding is expected.

mod corpus;
mod fixture;
mod known_seal;
mod seal;
mod seal_trust;
mod sign;
mod stamps;

use schemas::verdict::{Checks, Effect, FindingCode};

/// Raised where the trust store lists no seal makers.
const UNLISTED_MAKER: (FindingCode, Effect) = (FindingCode::UntrustedMaker, Effect::Warning);

/// Findings that decide or warn, in the order in which they were made; without the warning that
/// no seal makers are listed, which has its own test.
fn raised(checks: &Checks) -> Vec<(FindingCode, Effect)> {
    checks
        .iter()
        .filter(|check| check.effect != Effect::None)
        .filter(|check| (check.code, check.effect) != UNLISTED_MAKER)
        .map(|check| (check.code, check.effect))
        .collect()
}
