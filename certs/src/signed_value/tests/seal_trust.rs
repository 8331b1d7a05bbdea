use schemas::verdict::{Effect, FindingCode};

use super::fixture::{SIGNER_SERIAL, SealSpec, World, claim};
use super::seal::check;
use crate::testing::{Authority, CertificateSpec, CrlSpec};
use crate::trust::TrustStore;

use Effect::{Indeterminate, Invalid, Warning};

#[test]
fn the_key_must_be_one_for_documents() {
    let usage = |bits| CertificateSpec {
        usage: bits,
        ..CertificateSpec::signer("Office")
    };
    for good in [None, Some(&[0][..]), Some(&[1][..]), Some(&[1, 2][..])] {
        check(&World::with_signer(usage(good)), &SealSpec::default(), &[]);
    }
    for bad in [&[2, 3][..], &[5, 6][..]] {
        check(
            &World::with_signer(usage(Some(bad))),
            &SealSpec::default(),
            &[(FindingCode::SignerCertUsage, Invalid)],
        );
    }
}

#[test]
fn of_the_pair_only_the_signing_certificate_signs() {
    // GM/T 0015: two certificates of one name, one for signatures, one for encryption.
    let of = |name, usage| CertificateSpec {
        usage: Some(usage),
        ..CertificateSpec::signer(name)
    };
    let (signing, encryption) = (&[0, 1][..], &[2, 3, 4][..]);
    let good = World::with_signer(of("Office", signing));
    check(&good, &SealSpec::default(), &[]);
    let world = World::with_signer(of("Office", encryption));
    let expected = [(FindingCode::SignerCertUsage, Invalid)];
    check(&world, &SealSpec::default(), &expected);

    // The maker's, also where it is listed.
    let office = CertificateSpec::signer("Office");
    let untrusted = [(FindingCode::UntrustedMaker, Indeterminate)];
    for (usage, expected) in [(signing, &[][..]), (encryption, &untrusted)] {
        let mut world = World::with(office, of("Maker", usage));
        check(&world, &SealSpec::default(), expected);
        let maker = world.maker.certificate().der();
        world.trust.add_certificate(maker).unwrap();
        check(&world, &SealSpec::default(), expected);
    }
}

#[test]
fn a_revocation_counts_although_the_path_is_remembered() {
    let mut world = World::new();
    let spec = SealSpec::default();
    check(&world, &spec, &[]);
    let naming = CrlSpec {
        this_update: "20260601000000Z",
        revoked: vec![(SIGNER_SERIAL, "20250601000000Z")],
        ..CrlSpec::default()
    };
    world.trust.add_crl(&world.root.crl(&naming)).unwrap();
    check(&world, &spec, &[(FindingCode::SignerRevoked, Invalid)]);

    let mut world = World::new();
    check(&world, &spec, &[]);
    world.trust.withdraw(world.root.certificate()).unwrap();
    let expected = [
        (FindingCode::Untrusted, Indeterminate),
        (FindingCode::UntrustedMaker, Indeterminate),
    ];
    check(&world, &spec, &expected);
}

#[test]
fn revocation_counts_from_its_date() {
    let mut world = World::new();
    let spec = SealSpec::default();
    let since = |date| CrlSpec {
        revoked: vec![(SIGNER_SERIAL, date)],
        ..CrlSpec::default()
    };
    let revoked = [(FindingCode::SignerRevoked, Invalid)];
    world.revoke(&since("20260601020304Z"));
    check(&world, &spec, &revoked);
    world.revoke(&since("20250601000000Z"));
    check(&world, &spec, &revoked);
    world.revoke(&since("20260601020305Z"));
    check(&world, &spec, &[]);

    // The maker: revoked before the seal was made, or after.
    let maker = |date| CrlSpec {
        revoked: vec![(8, date)],
        ..CrlSpec::default()
    };
    world.revoke(&maker("20231231000000Z"));
    check(&world, &spec, &[(FindingCode::UntrustedMaker, Invalid)]);
    world.revoke(&maker("20240102000000Z"));
    check(&world, &spec, &[]);
}

#[test]
fn missing_and_stale_lists() {
    let mut world = World::new();
    let spec = SealSpec::default();
    world.without_lists();
    let warnings = [
        (FindingCode::RevocationUnknown, Warning),
        (FindingCode::RevocationUnknown, Warning),
    ];
    check(&world, &spec, &warnings);
    world.require_known();
    let missing = [
        (FindingCode::RevocationUnknown, Indeterminate),
        (FindingCode::RevocationUnknown, Indeterminate),
    ];
    check(&world, &spec, &missing);

    let mut world = World::new();
    world.revoke(&CrlSpec {
        next_update: "20261121115959Z",
        ..CrlSpec::default()
    });
    check(&world, &spec, &missing);
    world.revoke(&CrlSpec {
        next_update: "20261121120000Z",
        ..CrlSpec::default()
    });
    check(&world, &spec, &[]);
}

#[test]
fn unknown_anchors_leave_it_open() {
    let mut world = World::new();
    let twin = Authority::root("Root CA", 9);
    world.trust = TrustStore::empty();
    world
        .trust
        .add_certificate(twin.certificate().der())
        .unwrap();
    check(
        &world,
        &SealSpec::default(),
        &[
            (FindingCode::Untrusted, Indeterminate),
            (FindingCode::UntrustedMaker, Indeterminate),
        ],
    );
}

#[test]
fn listed_makers_are_trusted_and_then_only_they() {
    let untrusted = [(FindingCode::UntrustedMaker, Indeterminate)];
    let mut world = World::new();
    let other = world
        .root
        .issue(&CertificateSpec::signer("Other maker"), 20);
    world
        .trust
        .add_certificate(other.certificate().der())
        .unwrap();
    check(&world, &SealSpec::default(), &untrusted);
    world
        .trust
        .add_certificate(world.maker.certificate().der())
        .unwrap();
    check(&world, &SealSpec::default(), &[]);

    // A self-signed maker has no path; being listed is enough.
    let mut world = World::new();
    world.maker = Authority::self_signed(&CertificateSpec::signer("Maker"), 21);
    check(&world, &SealSpec::default(), &untrusted);
    world
        .trust
        .add_certificate(world.maker.certificate().der())
        .unwrap();
    check(&world, &SealSpec::default(), &[]);
}

#[test]
fn signers_do_not_make_their_own_seals() {
    let mut world = World::new();
    // Somebody else of the same CA might: the report says that no makers are listed.
    let findings = world.check(&SealSpec::default().signed_value(&world), &claim());
    let mut warnings = findings.checks.warnings();
    assert!(warnings.any(|code| code == FindingCode::UntrustedMaker));
    world.maker = world.signer.clone();
    check(
        &world,
        &SealSpec::default(),
        &[(FindingCode::UntrustedMaker, Indeterminate)],
    );
}
