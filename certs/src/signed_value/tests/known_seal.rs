//! A seal that was met before changes no verdict.

use schemas::verdict::{FindingCode, Outcome};

use super::fixture::{SealSpec, World, claim};
use super::raised;

#[test]
fn the_same_signed_value_gets_the_same_report_again_and_again() {
    let world = World::new();
    for spec in [SealSpec::default(), SealSpec::v1()] {
        let signed_value = spec.signed_value(&world);
        let first = world.check(&signed_value, &claim());
        for _ in 0..3 {
            let again = world.check(&signed_value, &claim());
            assert_eq!(format!("{:?}", first), format!("{again:?}"));
        }
    }
}

#[test]
fn nothing_beside_a_known_seal_may_change() {
    let world = World::new();
    for spec in [SealSpec::default(), SealSpec::v1()] {
        let signed_value = spec.signed_value(&world);
        let known = world.check(&signed_value, &claim());
        assert_eq!(known.checks.outcome(), Outcome::Valid);
        for position in 0..signed_value.len() {
            let mut damaged = signed_value.clone();
            damaged[position] ^= 1;
            let findings = world.check(&damaged, &claim());
            let raised = raised(&findings.checks);
            assert!(!raised.is_empty(), "byte {position} changed unnoticed");
        }
    }
}

#[test]
fn a_known_seal_is_judged_by_the_trust_at_hand() {
    let mut world = World::new();
    let signed_value = SealSpec::default().signed_value(&world);
    let known = world.check(&signed_value, &claim());
    assert_eq!(known.checks.outcome(), Outcome::Valid);
    world.trust = crate::trust::TrustStore::empty();
    let findings = world.check(&signed_value, &claim());
    let codes: Vec<FindingCode> = raised(&findings.checks).iter().map(|one| one.0).collect();
    assert!(codes.contains(&FindingCode::Untrusted), "{codes:?}");
    assert!(codes.contains(&FindingCode::UntrustedMaker), "{codes:?}");
}
