//! What grew stale beside what did not.

use super::*;

#[test]
fn more_evidence_never_makes_it_worse() {
    let list = |this_update, next_update| CrlSpec {
        this_update,
        next_update,
        ..CrlSpec::default()
    };
    let with = |ours: &[CrlSpec], carried: &[CrlSpec], at, expected| {
        let hand = Hand {
            ours,
            carried: carried.iter().map(|one| root().crl(one)).collect(),
            proven: Some("20260101010000Z"),
            ..Hand::default()
        };
        hand.check(at, expected);
    };
    // Made an hour before the stamp; the certificate ends with 2039.
    let early = || list("20260101000000Z", "20260108000000Z");
    let late = || list("20400201000000Z", "20490101000000Z");
    let at = "20410101000000Z";
    with(&[late()], &[], at, Unknown);
    with(&[late()], &[early()], at, Unknown);
    with(&[], &[late()], at, Unknown);
    with(&[], &[early(), late()], at, Unknown);
    with(&[], &[early()], at, stale("20260108000000Z"));
    // Our own list is stale, whatever a file carries from after the end.
    with(&[early()], &[], at, stale("20260108000000Z"));
    with(&[early()], &[late()], at, stale("20260108000000Z"));
    // Ours still counts where a newer one that came along does not any more.
    let long = || list("20251231000000Z", "20360101000000Z");
    with(&[long()], &[], AT, Good);
    with(&[long()], &[early()], AT, Good);
}
