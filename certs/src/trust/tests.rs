use super::*;
use crate::algorithm::AlgorithmError;
use crate::effort::Effort;
use crate::testing::{Authority, CertificateSpec, CrlSpec, with_raw_signature};

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
    let words = |trust: &TrustStore| {
        trust
            .words(root.certificate(), root.certificate(), None)
            .len()
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
    assert_eq!(words(&trust), 1);
    trust.add_crl(&root.crl(&newer)).unwrap();
    assert_eq!(trust.crls().count(), 2);
    assert_eq!(words(&trust), 1);
}

#[test]
fn what_older_lists_said_is_known_in_whatever_order_they_came() {
    let root = Authority::root("Root CA", 1);
    let leaf = |serial| {
        let spec = CertificateSpec {
            serial,
            not_after: "20260201120000Z",
            ..CertificateSpec::signer("Office")
        };
        root.issue(&spec, 2)
    };
    let list = |this_update, revoked| {
        root.crl(&CrlSpec {
            this_update,
            revoked,
            ..CrlSpec::default()
        })
    };
    let since = "20250601000000Z";
    // Certificate 7 comes back before its end, 8 stays, and 9 is not named after its end alone.
    let parts = [
        list("20260101000000Z", vec![(7, since), (8, since)]),
        list("20260201000000Z", vec![(8, since), (9, since)]),
        list("20260301000000Z", vec![(8, since)]),
        root.certificate().der().to_vec(),
    ];
    let mut fingerprints = Vec::new();
    for order in 0..24 {
        let mut left: Vec<_> = parts.iter().collect();
        let mut trust = TrustStore::empty();
        for pick in [order / 6, order / 2 % 3, order % 2, 0] {
            let part = left.remove(pick);
            match Certificate::parse(part).is_ok() {
                true => trust.add_certificate(part).unwrap(),
                false => trust.add_crl(part).unwrap(),
            }
        }
        let found = [7, 8, 9].map(|serial| {
            let words = trust.words(leaf(serial).certificate(), root.certificate(), None);
            words.iter().filter_map(|word| word.revoked_since).count()
        });
        assert_eq!(found, [0, 1, 1], "order {order}");
        assert_eq!(
            (trust.crls().count(), trust.epoch()),
            (1, 4),
            "order {order}"
        );
        trust.add_crl(&parts[0]).unwrap();
        assert_eq!(trust.epoch(), 4, "a list that is remembered is no news");
        fingerprints.push(trust.fingerprint());
    }
    fingerprints.dedup();
    assert_eq!(fingerprints.len(), 1);
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

#[test]
fn what_was_withdrawn_does_not_come_back_written_in_another_way() {
    let root = Authority::root("Root CA", 1);
    let issuing = root.issue(&CertificateSpec::authority("Issuing CA"), 2);
    let maker = issuing.issue(&CertificateSpec::signer("Maker"), 3);
    // The signature is not in the part that is signed: any other of the same key will do.
    let other = |certificate: &Certificate, key| {
        let der = with_raw_signature(certificate, key);
        assert_ne!(der, certificate.der());
        Certificate::parse(&der).unwrap()
    };
    let other_issuing = other(issuing.certificate(), &root.key);
    let other_maker = other(maker.certificate(), &issuing.key);
    let mut trust = TrustStore::empty();
    for certificate in [root.certificate(), &other_issuing, &other_maker] {
        trust.add_certificate(certificate.der()).unwrap();
    }
    assert_eq!(trust.certificates().count(), 3);
    for certificate in [issuing.certificate(), maker.certificate()] {
        trust.withdraw(certificate).unwrap();
    }
    assert!(trust.is_withdrawn(&other_issuing) && trust.is_withdrawn(&other_maker));
    assert_eq!(trust.certificates().count(), 1, "what is there goes");
    let name = issuing.certificate().subject();
    assert_eq!(trust.intermediates_named(name).count(), 0);
    trust.add_certificate(other_issuing.der()).unwrap();
    assert_eq!(trust.certificates().count(), 1, "and stays away");
}

#[test]
fn a_signature_of_a_certificate_is_written_in_der() {
    let root = Authority::root("Root CA", 1);
    let issuing = root.issue(&CertificateSpec::authority("Issuing CA"), 2);
    let raw = with_raw_signature(issuing.certificate(), &root.key);
    let raw = Certificate::parse(&raw).unwrap();
    let by = |issuer: &Authority, one: &Certificate| one.verify_signed_by(issuer.certificate());
    assert_eq!(by(&root, issuing.certificate()), Ok(()));
    assert_eq!(by(&root, &raw), Err(AlgorithmError::Invalid));
    let raw_root = with_raw_signature(root.certificate(), &root.key);
    let error = TrustStore::empty().add_certificate(&raw_root).unwrap_err();
    assert_eq!(error.code(), "TRUST_SELF_SIGNATURE");
}
