mod responders;
mod rollover;
mod stale;

use super::*;
use crate::testing::ocsp::Answer;
use crate::testing::{Authority, CertificateSpec, CrlSpec, instant};

const REVOKED: &str = "20250601000000Z";
const AT: &str = "20260601000000Z";
const SERIAL: u8 = 7;
const SHA1: &str = "1.3.14.3.2.26";

fn root() -> Authority {
    Authority::root("Root CA", 1)
}

fn leaf(root: &Authority) -> Authority {
    let spec = CertificateSpec {
        serial: SERIAL,
        ..CertificateSpec::signer("Office")
    };
    root.issue(&spec, 2)
}

/// What is at hand: lists of ours, and what the file carries.
#[derive(Default)]
struct Hand<'a> {
    ours: &'a [CrlSpec],
    carried: Vec<Vec<u8>>,
    responses: Vec<Vec<u8>>,
    policy: RevocationPolicy,
    proven: Option<&'a str>,
}

impl Hand<'_> {
    #[track_caller]
    fn check(&self, at: &str, expected: RevocationStatus) {
        let root = root();
        let mut trust = TrustStore::empty();
        for list in self.ours {
            trust.add_crl(&root.crl(list)).unwrap();
        }
        trust.add_certificate(root.certificate().der()).unwrap();
        self.ask(&trust, at, expected);
    }

    #[track_caller]
    fn ask(&self, trust: &TrustStore, at: &str, expected: RevocationStatus) {
        let evidence = Evidence::read(
            self.carried.iter().map(Vec::as_slice),
            self.responses.iter().map(Vec::as_slice),
        );
        let inquiry = Inquiry {
            trust,
            anchor: None,
            evidence: &[&evidence],
            policy: &self.policy,
            now: instant(at),
            proven: self.proven.map(instant),
            effort: &Effort::of_a_file(),
        };
        assert_eq!(status_of_leaf(&inquiry), expected);
    }
}

fn status_of_leaf(inquiry: &Inquiry<'_>) -> RevocationStatus {
    let root = root();
    status(leaf(&root).certificate(), root.certificate(), inquiry)
}

/// What evidence alone says of the leaf.
fn says(trust: &TrustStore, evidence: &Evidence<'_>, effort: &Effort) -> RevocationStatus {
    status_of_leaf(&Inquiry {
        trust,
        anchor: None,
        evidence: &[evidence],
        policy: &RevocationPolicy::DEFAULT,
        now: instant(AT),
        proven: None,
        effort,
    })
}

fn naming() -> CrlSpec {
    CrlSpec {
        revoked: vec![(SERIAL, REVOKED)],
        ..CrlSpec::default()
    }
}

fn newer() -> CrlSpec {
    CrlSpec {
        this_update: "20260201000000Z",
        ..CrlSpec::default()
    }
}

fn revoked() -> RevocationStatus {
    RevocationStatus::Revoked {
        since: instant(REVOKED),
    }
}

fn stale(until: &str) -> RevocationStatus {
    RevocationStatus::Stale {
        until: instant(until),
    }
}

use RevocationStatus::{Good, Unknown};

#[track_caller]
fn check(ours: &[CrlSpec], at: &str, expected: RevocationStatus) {
    let hand = Hand {
        ours,
        ..Hand::default()
    };
    hand.check(at, expected);
}

#[test]
fn what_the_lists_say() {
    check(&[], AT, Unknown);
    check(&[CrlSpec::default()], AT, Good);
    check(&[naming()], AT, revoked());
    check(&[newer(), naming()], AT, Good);
    check(&[naming(), newer()], AT, Good);
    let late = "20370101000000Z";
    check(&[CrlSpec::default()], late, stale("20360101000000Z"));
    check(&[naming()], late, revoked());
    let partial = || CrlSpec {
        critical: Some("2.5.29.28"),
        ..CrlSpec::default()
    };
    check(&[partial()], AT, Unknown);
    let naming_partial = CrlSpec {
        revoked: vec![(SERIAL, REVOKED)],
        ..partial()
    };
    check(&[newer(), naming_partial], AT, revoked());
}

#[test]
fn a_list_of_after_the_end_does_not_say_that_it_was_good() {
    let list = |this_update| CrlSpec {
        this_update,
        next_update: "20490101000000Z",
        ..CrlSpec::default()
    };
    // The certificate ends with 2039.
    check(&[list("20400101000000Z")], "20410101000000Z", Good);
    check(&[list("20400101000001Z")], "20410101000000Z", Unknown);
}

#[test]
fn who_was_revoked_stays_it_when_lists_do_not_name_who_expired() {
    let at = "20410101000000Z";
    let late = || CrlSpec {
        this_update: "20400101000001Z",
        next_update: "20490101000000Z",
        ..CrlSpec::default()
    };
    check(&[naming(), late()], at, revoked());
    check(&[late(), naming()], at, revoked());
    // Who came back before the end did come back.
    check(&[naming(), newer(), late()], at, Unknown);
    check(&[late(), newer(), naming()], at, Unknown);
    // Whoever carries which list.
    let carry = |ours: &[CrlSpec], carried: &CrlSpec| {
        let hand = Hand {
            ours,
            carried: vec![root().crl(carried)],
            ..Hand::default()
        };
        hand.check(at, revoked());
    };
    carry(&[naming()], &late());
    carry(&[late()], &naming());
    let good = answer(|it| {
        it.this_update = "20400101000001Z";
        it.next_update = Some("20490101000000Z");
    });
    let hand = Hand {
        ours: &[late()],
        carried: vec![root().crl(&naming())],
        responses: vec![good.signed(&root(), &root(), &[])],
        ..Hand::default()
    };
    hand.check(at, revoked());
}

#[test]
fn the_policy_says_how_old_is_too_old() {
    fn hand(ours: &[CrlSpec]) -> Hand<'_> {
        Hand {
            ours,
            policy: RevocationPolicy {
                max_age: Some(Duration::days(7)),
                ..RevocationPolicy::DEFAULT
            },
            ..Hand::default()
        }
    }
    let (default, last) = ([CrlSpec::default()], "20260108000000Z");
    hand(&default).check(last, Good);
    hand(&default).check("20260108000001Z", stale(last));
    check(&default, "20260108000001Z", Good);
    // A list that its maker replaces sooner is stale sooner.
    let daily = [CrlSpec {
        next_update: "20260102000000Z",
        ..CrlSpec::default()
    }];
    hand(&daily).check("20260103000000Z", stale("20260102000000Z"));
    // What was known after the signature is proven to have been there does not grow old.
    let proven = Hand {
        proven: Some("20260101000000Z"),
        ..hand(&daily)
    };
    proven.check("20300103000000Z", Good);
    let proven = Hand {
        proven: Some("20260101000001Z"),
        ..hand(&daily)
    };
    proven.check("20300103000000Z", stale("20260102000000Z"));
}

#[test]
fn a_carried_list_counts_when_the_issuer_signed_it_and_takes_nothing_back() {
    let with = |ours: &[CrlSpec], carried: &CrlSpec, by: &Authority, expected| {
        let hand = Hand {
            ours,
            carried: vec![by.crl(carried)],
            ..Hand::default()
        };
        hand.check(AT, expected);
    };
    let (issuer, twin) = (root(), Authority::root("Root CA", 9));
    with(&[], &CrlSpec::default(), &issuer, Good);
    with(&[], &CrlSpec::default(), &twin, Unknown);
    with(&[], &naming(), &issuer, revoked());
    with(&[], &naming(), &twin, Unknown);
    with(
        &[CrlSpec::default()],
        &CrlSpec {
            this_update: "20260301000000Z",
            ..naming()
        },
        &issuer,
        revoked(),
    );
    // Newer than ours, which names it: ours stands.
    with(&[naming()], &newer(), &issuer, revoked());
    // Older than ours, which does not name it any more.
    with(&[newer()], &naming(), &issuer, Good);
    // Without an end it would be good for ever.
    let endless = |revoked| CrlSpec {
        next_update: "",
        revoked,
        ..CrlSpec::default()
    };
    with(&[], &endless(Vec::new()), &issuer, Unknown);
    with(&[], &endless(vec![(SERIAL, REVOKED)]), &issuer, revoked());
    // From the future.
    let tomorrow = || CrlSpec {
        this_update: "20260602000000Z",
        ..CrlSpec::default()
    };
    with(&[], &tomorrow(), &issuer, Unknown);
    // A newer one helps where ours is stale.
    let old = [CrlSpec {
        next_update: "20260201000000Z",
        ..CrlSpec::default()
    }];
    with(&old, &newer(), &issuer, Good);
    with(&old, &newer(), &twin, stale("20260201000000Z"));
}

/// A good answer, changed.
fn answer<'a>(change: impl FnOnce(&mut Answer<'a>)) -> Answer<'a> {
    let mut answer = Answer::default();
    change(&mut answer);
    answer
}

#[track_caller]
fn answered<'a>(change: impl FnOnce(&mut Answer<'a>), expected: RevocationStatus) {
    let hand = Hand {
        responses: vec![answer(change).signed(&root(), &root(), &[])],
        ..Hand::default()
    };
    hand.check(AT, expected);
}

#[test]
fn what_responses_say() {
    answered(|_| {}, Good);
    answered(|it| it.outer = None, Good);
    answered(|it| it.by_key = true, Good);
    answered(|it| it.digest = SHA1, Good);
    answered(|it| it.says = REVOKED, revoked());
    answered(|it| it.says = "unknown", Unknown);
    // Not for this certificate, not an answer, not understood.
    answered(|it| it.serial = 8, Unknown);
    answered(|it| it.outer = Some(6), Unknown);
    answered(|it| it.critical = true, Unknown);
    answered(|it| it.digest = "1.2.3", Unknown);
}

#[test]
fn responses_are_of_a_time() {
    let next = "20260531235959Z";
    answered(|it| it.next_update = Some(next), stale(next));
    answered(|it| it.next_update = Some(AT), Good);
    answered(|it| it.this_update = "20260601001000Z", Good);
    answered(|it| it.this_update = "20260601001001Z", Unknown);
    // Without a next update newer answers were there at once.
    answered(|it| it.next_update = None, stale("20260501000000Z"));
    let hand = Hand {
        responses: vec![answer(|it| it.next_update = None).signed(&root(), &root(), &[])],
        policy: RevocationPolicy {
            max_age: Some(Duration::days(31)),
            ..RevocationPolicy::DEFAULT
        },
        ..Hand::default()
    };
    hand.check(AT, Good);
    hand.check("20260601000001Z", stale(AT));
}

#[test]
fn a_response_takes_nothing_back_and_the_newest_word_counts() {
    let with = |ours: &[CrlSpec], answer: Answer<'_>, expected| {
        let hand = Hand {
            ours,
            responses: vec![answer.signed(&root(), &root(), &[])],
            ..Hand::default()
        };
        hand.check(AT, expected);
    };
    with(&[naming()], answer(|_| {}), revoked());
    with(&[naming()], answer(|it| it.says = "unknown"), revoked());
    with(&[newer()], answer(|it| it.says = "unknown"), Good);
    with(&[newer()], answer(|it| it.says = REVOKED), revoked());
    let older = |it: &mut Answer<'_>| {
        it.says = REVOKED;
        it.this_update = "20260101000000Z";
    };
    with(&[newer()], answer(older), Good);
}

#[test]
fn every_changed_byte_of_a_response_is_noticed() {
    let good = Answer::default().signed(&root(), &root(), &[]);
    let mut trust = TrustStore::empty();
    trust.add_certificate(root().certificate().der()).unwrap();
    let says = |response: &[u8]| {
        let evidence = Evidence::read([], [response]);
        says(&trust, &evidence, &Effort::of_a_file())
    };
    assert_eq!(says(&good), Good);
    for at in 0..good.len() {
        assert_eq!(says(&good[..at]), Unknown, "cut at {at}");
        for bit in [1, 0x80] {
            let mut changed = good.clone();
            changed[at] ^= bit;
            assert_eq!(says(&changed), Unknown, "byte {at}");
        }
    }
}
