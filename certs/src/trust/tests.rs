use super::*;
use crate::effort::Effort;
use crate::testing::{Authority, CertificateSpec, CrlSpec};

#[track_caller]
fn check_role(der: &[u8], expected: Role) {
    let mut trust = TrustStore::empty();
    trust.add_certificate(der).unwrap();
    let roles: Vec<_> = trust.certificates().map(|(_, role)| role).collect();
    assert_eq!(roles, [expected]);
    assert_eq!(trust.lists_seal_makers(), expected == Role::SealMaker);
}

#[test]
fn what_certificates_count_as() {
    let root = Authority::root("Root CA", 1);
    check_role(root.certificate().der(), Role::Anchor);
    let issuing = root.issue(&CertificateSpec::authority("Issuing CA"), 2);
    check_role(issuing.certificate().der(), Role::Intermediate);
    let maker = issuing.issue(&CertificateSpec::signer("Maker"), 3);
    check_role(maker.certificate().der(), Role::SealMaker);
    let lone_maker = Authority::self_signed(&CertificateSpec::signer("Maker"), 4);
    check_role(lone_maker.certificate().der(), Role::SealMaker);
}

#[test]
fn a_broken_self_signature_is_refused() {
    let mut der = Authority::root("Root CA", 1).certificate().der().to_vec();
    *der.last_mut().unwrap() ^= 1;
    let error = TrustStore::empty().add_certificate(&der).unwrap_err();
    assert_eq!(error.code(), "TRUST_SELF_SIGNATURE");
}

#[test]
fn each_accepted_change_raises_the_epoch_and_changes_the_fingerprint() {
    let root = Authority::root("Root CA", 1);
    let list = root.crl(&CrlSpec::default());
    let mut trust = TrustStore::empty();
    let empty = trust.fingerprint();
    trust.add_certificate(root.certificate().der()).unwrap();
    let with_root = trust.fingerprint();
    trust.add_certificate(root.certificate().der()).unwrap();
    assert_eq!((trust.epoch(), trust.fingerprint()), (1, with_root.clone()));
    trust.add_crl(&list).unwrap();
    trust.add_crl(&list).unwrap();
    assert_eq!(trust.epoch(), 2);
    assert_ne!(trust.fingerprint(), with_root);
    assert_ne!(with_root, empty);

    let mut other_order = TrustStore::empty();
    other_order.add_crl(&list).unwrap();
    other_order
        .add_certificate(root.certificate().der())
        .unwrap();
    assert_eq!(other_order.fingerprint(), trust.fingerprint());
}

#[test]
fn a_newer_list_takes_the_place_of_an_older_one_of_the_same_key() {
    let root = Authority::root("Root CA", 1);
    let twin = Authority::root("Root CA", 2);
    let newer = CrlSpec {
        this_update: "20260201000000Z",
        ..CrlSpec::default()
    };
    let mut trust = TrustStore::empty();
    trust.add_certificate(root.certificate().der()).unwrap();
    trust.add_crl(&root.crl(&CrlSpec::default())).unwrap();
    trust.add_crl(&twin.crl(&newer)).unwrap();
    assert_eq!(
        trust.crls().count(),
        2,
        "a list of another key pushes nothing out"
    );
    assert_eq!(trust.crls_of(root.certificate()).count(), 1);
    trust.add_crl(&root.crl(&newer)).unwrap();
    assert_eq!(trust.crls().count(), 2);
    assert_eq!(trust.crls_of(root.certificate()).count(), 1);
}

#[test]
fn what_was_withdrawn_is_trusted_in_no_role_and_cannot_come_back() {
    let root = Authority::root("Root CA", 1);
    let issuing = root.issue(&CertificateSpec::authority("Issuing CA"), 2);
    let maker = issuing.issue(&CertificateSpec::signer("Maker"), 3);
    let (root, issuing, maker) = (
        root.certificate(),
        issuing.certificate(),
        maker.certificate(),
    );
    let mut trust = TrustStore::empty();
    for certificate in [root, issuing, maker] {
        trust.add_certificate(certificate.der()).unwrap();
    }
    let before = trust.fingerprint();
    let at = maker.not_before();
    let parsed = |one: &Certificate| Arc::new(Certificate::parse(one.der()).unwrap());
    let leaf = parsed(maker);
    assert!(crate::path::build(&leaf, &[], &trust, at, &Effort::of_a_file()).is_ok());

    trust.withdraw(issuing).unwrap();
    assert_ne!(trust.fingerprint(), before);
    let carried = [parsed(issuing)];
    let path = crate::path::build(&leaf, &carried, &trust, at, &Effort::of_a_file());
    assert_eq!(path.err(), Some(crate::path::PathError::Withdrawn));

    trust.withdraw(maker).unwrap();
    assert!(!trust.is_seal_maker(maker));
    assert!(
        trust.lists_seal_makers(),
        "without the last maker nobody is one"
    );
    for certificate in [issuing, maker] {
        trust.add_certificate(certificate.der()).unwrap();
    }
    assert_eq!(trust.certificates().count(), 1);

    trust.withdraw(root).unwrap();
    assert!(!trust.is_anchor(root));
}
