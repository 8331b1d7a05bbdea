//! Who may answer for an issuer.

use super::*;
use crate::effort::MAX_FILE_SIGNATURE_CHECKS;

/// A responder's certificate.
fn responder<'a>(name: &'a str, purpose: Option<&'a str>, no_check: bool) -> CertificateSpec<'a> {
    CertificateSpec {
        serial: 40,
        purpose,
        no_check,
        ..CertificateSpec::signer(name)
    }
}

const OCSP_SIGNING: &str = "1.3.6.1.5.5.7.3.9";

#[test]
fn only_the_issuer_and_whom_it_named_for_that_may_answer() {
    let root = root();
    let with = |by: &Authority, carried: &[&Authority], expected| {
        let hand = Hand {
            responses: vec![Answer::default().signed(&root, by, carried)],
            ..Hand::default()
        };
        hand.check(AT, expected);
    };
    let delegate = root.issue(&responder("Responder", Some(OCSP_SIGNING), true), 30);
    with(&delegate, &[&delegate], Good);
    with(&delegate, &[], Unknown);
    let stamper = root.issue(&responder("Responder", Some("1.3.6.1.5.5.7.3.8"), true), 30);
    with(&stamper, &[&stamper], Unknown);
    let nobody = root.issue(&responder("Responder", None, true), 30);
    with(&nobody, &[&nobody], Unknown);
    // Of another issuer, of the right name, and below a delegate.
    let twin = Authority::root("Root CA", 9);
    let foreign = twin.issue(&responder("Responder", Some(OCSP_SIGNING), true), 30);
    with(&foreign, &[&foreign], Unknown);
    with(&twin, &[&twin], Unknown);
    let below = delegate.issue(&responder("Below", Some(OCSP_SIGNING), true), 31);
    with(&below, &[&below, &delegate], Unknown);
    // An encryption certificate, and one that had ended.
    let encryption = CertificateSpec {
        usage: Some(&[2, 3]),
        ..responder("Responder", Some(OCSP_SIGNING), true)
    };
    let encryption = root.issue(&encryption, 30);
    with(&encryption, &[&encryption], Unknown);
    let ended = CertificateSpec {
        not_after: "20260430235959Z",
        ..responder("Responder", Some(OCSP_SIGNING), true)
    };
    let ended = root.issue(&ended, 30);
    with(&ended, &[&ended], Unknown);
    // Its key is in other hands, and answers as of before its end for after it.
    for (produced_at, expected) in [("20260430120000Z", Unknown), ("20260430235900Z", Good)] {
        let answer = Answer {
            produced_at: Some(produced_at),
            ..Answer::default()
        };
        let hand = Hand {
            responses: vec![answer.signed(&root, &ended, &[&ended])],
            ..Hand::default()
        };
        hand.check(AT, expected);
    }
    // The answer names another issuer than the one that signed the certificate.
    let wrong = Answer {
        wrong_issuer: true,
        ..Answer::default()
    };
    let hand = Hand {
        responses: vec![wrong.signed(&root, &delegate, &[&delegate])],
        ..Hand::default()
    };
    hand.check(AT, Unknown);
}

#[test]
fn a_revoked_responder_is_not_believed_unless_its_issuer_vouches_for_it() {
    let root = root();
    let mut trust = TrustStore::empty();
    trust.add_certificate(root.certificate().der()).unwrap();
    let list = CrlSpec {
        revoked: vec![(40, REVOKED)],
        critical: Some("2.5.29.28"),
        ..CrlSpec::default()
    };
    trust.add_crl(&root.crl(&list)).unwrap();
    for (no_check, expected) in [(false, Unknown), (true, Good)] {
        let delegate = root.issue(&responder("Responder", Some(OCSP_SIGNING), no_check), 30);
        let hand = Hand {
            responses: vec![Answer::default().signed(&root, &delegate, &[&delegate])],
            ..Hand::default()
        };
        hand.ask(&trust, AT, expected);
    }
}

#[test]
fn whether_a_response_counts_is_found_out_once_and_within_the_effort() {
    let root = root();
    let mut trust = TrustStore::empty();
    trust.add_certificate(root.certificate().der()).unwrap();
    let delegate = root.issue(&responder("Responder", Some(OCSP_SIGNING), true), 30);
    let response = Answer::default().signed(&root, &delegate, &[&delegate]);
    // The responder's certificate, and the response.
    for (checks, expected) in [(0, Unknown), (1, Unknown), (2, Good)] {
        let evidence = Evidence::read([], [response.as_slice()]);
        let effort = Effort::of_a_file();
        assert!(effort.spend(MAX_FILE_SIGNATURE_CHECKS - checks));
        for _ in 0..3 {
            assert_eq!(says(&trust, &evidence, &effort), expected, "{checks}");
        }
    }
}
