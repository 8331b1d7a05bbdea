//! Timestamps over seals' signatures, over the seals themselves, and in the place of `timeInfo`.

use schemas::seal::{Seal, SealSignature};
use schemas::verdict::{Effect, FindingCode, SealVersion};

use super::fixture::{SIGNER_SERIAL, SealSpec, World, XML, claim};
use super::raised;
use crate::digest::sm3;
use crate::mint::timestamp::{stamp, stamp_seal};
use crate::revocation::UnknownStatus;
use crate::testing::{Authority, CertificateSpec, CrlSpec, instant};

use Effect::{Indeterminate, Invalid, Warning};

/// The seals of the fixture are used at 02:03:04.
const STAMPED: &str = "20260601020404Z";

fn stamper(world: &World) -> Authority {
    world.root.stamper("Stamper", 60)
}

/// The signed value with a timestamp over its signature, of `by` at `at`.
fn stamped(world: &World, spec: &SealSpec<'_>, by: &Authority, at: &str) -> Vec<u8> {
    let make = |value: &[u8]| stamp(&by.credential(), &[value], instant(at));
    stamp_seal(&spec.signed_value(world), make).unwrap()
}

#[track_caller]
fn check(world: &World, value: &[u8], time: Option<&str>, expected: &[(FindingCode, Effect)]) {
    let findings = world.check(value, &claim());
    assert_eq!(raised(&findings.checks), expected, "{:#?}", findings.checks);
    if let Some(time) = time {
        assert_eq!(findings.signed_at, Some(instant(time)));
    }
}

const ORDER: FindingCode = FindingCode::TimestampOrderFailure;
const STATED: &str = "20260601020304Z";

#[test]
fn a_timestamp_stands_in_the_place_of_the_signers_word() {
    let world = World::new();
    for version in [SealVersion::V4, SealVersion::V5] {
        let spec = SealSpec {
            layout: version,
            header_version: if version == SealVersion::V5 { 5 } else { 4 },
            ..SealSpec::default()
        };
        let value = stamped(&world, &spec, &stamper(&world), STAMPED);
        check(&world, &value, Some(STAMPED), &[]);
    }
    // Over the BIT STRING that holds the signature: the other reading of the standard.
    let spec = SealSpec::default();
    let plain = spec.signed_value(&world);
    let element = SealSignature::parse(&plain).unwrap().signature_element;
    let make = |_: &[u8]| stamp(&stamper(&world).credential(), &[element], instant(STAMPED));
    let value = stamp_seal(&plain, make).unwrap();
    check(&world, &value, Some(STAMPED), &[]);
}

#[test]
fn a_broken_timestamp_is_never_passed_over() {
    let world = World::new();
    let plain = SealSpec::default().signed_value(&world);
    let broken = [(ORDER, Invalid)];
    // Over something else, no token at all, and with a signature that does not hold.
    let other = stamp(&stamper(&world).credential(), &[b"other"], instant(STAMPED)).unwrap();
    let mut changed = stamped(&world, &SealSpec::default(), &stamper(&world), STAMPED);
    *changed.last_mut().unwrap() ^= 1;
    for token in [other, b"token".to_vec(), vec![0x30, 0]] {
        let value = stamp_seal(&plain, |_| Ok(token.clone())).unwrap();
        check(&world, &value, Some(STATED), &broken);
    }
    check(&world, &changed, Some(STATED), &broken);
    // Said to be of after the stamp, by more than a difference of clocks.
    let value = stamped(
        &world,
        &SealSpec::default(),
        &stamper(&world),
        "20260601015304Z",
    );
    check(&world, &value, None, &[]);
    let value = stamped(
        &world,
        &SealSpec::default(),
        &stamper(&world),
        "20260601015303Z",
    );
    check(&world, &value, Some(STATED), &broken);
    // Stamped tomorrow.
    let value = stamped(
        &world,
        &SealSpec::default(),
        &stamper(&world),
        "20261121121001Z",
    );
    check(&world, &value, Some(STATED), &broken);
}

#[test]
fn an_authority_that_nobody_trusts_leaves_the_signers_word() {
    let world = World::new();
    let stranger = Authority::root("Other CA", 61).stamper("Stamper", 60);
    let encryption = CertificateSpec {
        usage: Some(&[2, 3]),
        ..CertificateSpec::stamper("Stamper")
    };
    for by in [
        stranger,
        world.root.issue(&encryption, 60),
        world.signer.clone(),
    ] {
        let value = stamped(&world, &SealSpec::default(), &by, STAMPED);
        check(&world, &value, Some(STATED), &[(ORDER, Warning)]);
    }
}

#[test]
fn the_proven_time_counts_for_revocation_and_periods() {
    let mut world = World::new();
    let revoke = |date| CrlSpec {
        revoked: vec![(SIGNER_SERIAL, date)],
        ..CrlSpec::default()
    };
    let spec = SealSpec::default();
    let stamper = stamper(&world);
    let early = stamped(&world, &spec, &stamper, STAMPED);
    let late = stamped(&world, &spec, &stamper, "20260701000000Z");
    world.revoke(&revoke("20260615000000Z"));
    check(&world, &spec.signed_value(&world), Some(STATED), &[]);
    check(&world, &early, None, &[]);
    check(
        &world,
        &late,
        None,
        &[(FindingCode::SignerRevoked, Invalid)],
    );

    // The seal's period, and the certificate's.
    let world = World::new();
    let spec = SealSpec {
        valid_until: "20260615000000Z",
        ..SealSpec::default()
    };
    let late = |world: &World, spec| stamped(world, spec, &stamper, "20260701000000Z");
    check(
        &world,
        &late(&world, &spec),
        None,
        &[(FindingCode::SealPeriod, Invalid)],
    );
    let world = World::with_signer(CertificateSpec {
        not_after: "20260615000000Z",
        ..CertificateSpec::signer("Office")
    });
    // The list is older than the end of the certificate, so it says something.
    let spec = SealSpec::default();
    check(&world, &spec.signed_value(&world), None, &[]);
    let expected = [(FindingCode::SignerCertTime, Invalid)];
    check(&world, &late(&world, &spec), None, &expected);
}

#[test]
fn what_was_known_after_the_stamp_suffices() {
    let mut world = World::new();
    let spec = SealSpec::default();
    let value = stamped(&world, &spec, &stamper(&world), STAMPED);
    // Fresh for the authority, stale for the signer: two lists of two issuers would be clearer, but
    // the same list is older than `now` allows and younger than the stamp.
    world.revoke(&CrlSpec {
        this_update: "20260602000000Z",
        next_update: "20260603000000Z",
        ..CrlSpec::default()
    });
    let stale = FindingCode::RevocationUnknown;
    let plain = [(stale, Indeterminate), (stale, Indeterminate)];
    check(&world, &spec.signed_value(&world), Some(STATED), &plain);
    // The authority's own status is asked as of now, so the stamp does not count.
    let unproven = [(ORDER, Warning), plain[0], plain[1]];
    check(&world, &value, Some(STATED), &unproven);
    world.options.proven = Some(instant("20260601030000Z"));
    let maker = [(stale, Indeterminate)];
    check(&world, &value, Some(STAMPED), &maker);
}

#[test]
fn the_policy_asks_for_the_authority_too() {
    let mut world = World::new();
    world.without_lists();
    let value = stamped(&world, &SealSpec::default(), &stamper(&world), STAMPED);
    let unknown = FindingCode::RevocationUnknown;
    check(
        &world,
        &value,
        Some(STAMPED),
        &[(unknown, Warning), (unknown, Warning)],
    );
    world.options.revocation.unknown = UnknownStatus::Indeterminate;
    let required = [
        (ORDER, Warning),
        (unknown, Indeterminate),
        (unknown, Indeterminate),
    ];
    check(&world, &value, Some(STATED), &required);
}

/// A V5 seal stamped over its maker's signature, and a signature made with it.
fn with_stamped_seal(world: &World, by: &Authority, at: &str) -> Vec<u8> {
    let spec = SealSpec {
        layout: SealVersion::V5,
        header_version: 5,
        ..SealSpec::default()
    };
    let make = |value: &[u8]| stamp(&by.credential(), &[value], instant(at));
    let seal = stamp_seal(&spec.seal(world), make).unwrap();
    assert!(Seal::parse(&seal).unwrap().time_stamp.is_some());
    spec.signed_value_around(world, seal)
}

#[test]
fn the_seals_own_timestamp() {
    let world = World::new();
    let by = stamper(&world);
    // Made 2024-01-01, used 2026-06-01.
    let value = with_stamped_seal(&world, &by, "20240101000000Z");
    check(&world, &value, Some(STATED), &[]);
    for at in ["20231231000000Z", "20260602000000Z"] {
        let value = with_stamped_seal(&world, &by, at);
        check(&world, &value, Some(STATED), &[(ORDER, Invalid)]);
    }
    let stranger = Authority::root("Other CA", 61).stamper("Stamper", 60);
    let value = with_stamped_seal(&world, &stranger, "20240101000000Z");
    check(&world, &value, Some(STATED), &[(ORDER, Warning)]);
}

#[test]
fn a_token_in_the_place_of_the_time() {
    let world = World::new();
    let token = |by: &Authority, message: &[u8]| {
        stamp(&by.credential(), &[message], instant(STAMPED)).unwrap()
    };
    let with = |time_token| SealSpec {
        time_token: Some(time_token),
        ..SealSpec::v1()
    };
    let digest = sm3(XML);
    for message in [XML, &digest] {
        let value = with(token(&stamper(&world), message)).signed_value(&world);
        check(&world, &value, Some(STAMPED), &[]);
    }
    let value = with(token(&stamper(&world), b"other")).signed_value(&world);
    check(&world, &value, Some(STAMPED), &[(ORDER, Invalid)]);
    // Whoever made it, the signer signed that time.
    let stranger = Authority::root("Other CA", 61).stamper("Stamper", 60);
    let value = with(token(&stranger, XML)).signed_value(&world);
    check(&world, &value, Some(STAMPED), &[(ORDER, Warning)]);
}
