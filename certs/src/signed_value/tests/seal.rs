use schemas::verdict::{Effect, FindingCode, Outcome, SealVersion};

use super::fixture::{Extensions, Form, PATH, SealSpec, World, XML, claim, skewed};
use super::raised;
use crate::digest::{DigestAlgorithm, sm3};
use crate::signed_value::SignatureClaim;
use crate::testing::{CertificateSpec, CrlSpec, instant, sequence, tlv};
use schemas::seal::asn1;

use Effect::{Indeterminate, Invalid, Warning};

#[track_caller]
pub(super) fn check(world: &World, spec: &SealSpec<'_>, expected: &[(FindingCode, Effect)]) {
    check_claim(world, &spec.signed_value(world), &claim(), expected);
}

#[track_caller]
fn check_claim(
    world: &World,
    signed_value: &[u8],
    claim: &SignatureClaim<'_>,
    expected: &[(FindingCode, Effect)],
) {
    let findings = world.check(signed_value, claim);
    assert_eq!(raised(&findings.checks), expected, "{:#?}", findings.checks);
}

#[test]
fn good_seals_of_every_layout() {
    let world = World::new();
    for spec in [
        SealSpec::default(),
        SealSpec::v1(),
        SealSpec {
            layout: SealVersion::V5,
            header_version: 5,
            ..SealSpec::default()
        },
        SealSpec {
            extensions: Extensions::Bare,
            ..SealSpec::default()
        },
        SealSpec {
            extensions: Extensions::Explicit,
            ..SealSpec::default()
        },
        SealSpec {
            extensions: Extensions::Implicit,
            ..SealSpec::v1()
        },
    ] {
        let findings = world.check(&spec.signed_value(&world), &claim());
        assert_eq!(
            findings.checks.outcome(),
            Outcome::Valid,
            "{:#?}",
            findings.checks
        );
        assert_eq!(raised(&findings.checks), []);
        assert_eq!(findings.seal_version, Some(spec.layout));
        assert_eq!(findings.signer.as_deref(), Some("O=Office,C=CN"));
        assert_eq!(findings.signer_organisation.as_deref(), Some("Office"));
        assert_eq!(findings.seal_name.as_deref(), Some("seal"));
        assert_eq!(findings.signed_at, Some(instant("20260601020304Z")));
    }
}

#[test]
fn oddities_of_real_files_are_warnings() {
    let world = World::new();
    check(
        &world,
        &SealSpec {
            header_version: 4,
            ..SealSpec::v1()
        },
        &[(FindingCode::HeaderVersion, Warning)],
    );
    check(
        &world,
        &SealSpec {
            unused_bits: 3,
            ..SealSpec::v1()
        },
        &[(FindingCode::PadBits, Warning)],
    );
    check(
        &world,
        &SealSpec {
            form: Form::Raw,
            ..SealSpec::default()
        },
        &[(FindingCode::RawRs, Warning), (FindingCode::RawRs, Warning)],
    );
    check(
        &world,
        &SealSpec {
            property_info: "",
            ..SealSpec::default()
        },
        &[(FindingCode::PropertyInfo, Warning)],
    );
    check(
        &world,
        &SealSpec {
            other_maker_form: true,
            ..SealSpec::default()
        },
        &[],
    );
    check(
        &world,
        &SealSpec {
            other_maker_form: true,
            ..SealSpec::v1()
        },
        &[],
    );
    let relative = PATH.trim_start_matches('/');
    check(
        &world,
        &SealSpec {
            property_info: relative,
            ..SealSpec::default()
        },
        &[],
    );
}

#[test]
fn broken_signatures_and_digests() {
    let world = World::new();
    let broken = [(FindingCode::SigInvalid, Invalid)];
    check(
        &world,
        &SealSpec {
            break_signature: true,
            ..SealSpec::default()
        },
        &broken,
    );
    check(
        &world,
        &SealSpec {
            break_signature: true,
            ..SealSpec::v1()
        },
        &broken,
    );
    let broken = [(FindingCode::SealSigInvalid, Invalid)];
    check(
        &world,
        &SealSpec {
            break_maker_signature: true,
            ..SealSpec::default()
        },
        &broken,
    );
    check(
        &world,
        &SealSpec {
            break_maker_signature: true,
            ..SealSpec::v1()
        },
        &broken,
    );
    check(
        &world,
        &SealSpec {
            data_hash: sm3(b"other").to_vec(),
            ..SealSpec::default()
        },
        &[(FindingCode::DataHash, Invalid)],
    );
    // MD5 with RSA, SHA-1 with RSA, and an algorithm that nobody defined.
    for algorithm in ["1.2.840.113549.1.1.4", "1.2.840.113549.1.1.5", "1.2.3"] {
        let spec = SealSpec {
            algorithm,
            ..SealSpec::default()
        };
        check(&world, &spec, &[(FindingCode::SigAlg, Invalid)]);
    }
    let rsa = SealSpec {
        algorithm: "1.2.840.113549.1.1.11",
        ..SealSpec::default()
    };
    check(&world, &rsa, &[(FindingCode::SigInvalid, Invalid)]);
}

#[test]
fn the_seal_file_must_be_the_embedded_seal() {
    let world = World::new();
    let spec = SealSpec::default();
    let seal = spec.seal(&world);
    let signed_value = spec.signed_value_around(&world, seal.clone());
    let with = |file| SignatureClaim {
        seal_file: Some(file),
        ..claim()
    };
    check_claim(&world, &signed_value, &with(&seal), &[]);
    let mismatch = [(FindingCode::SealMismatch, Invalid)];
    check_claim(&world, &signed_value, &with(b""), &mismatch);
    let other = SealSpec {
        valid_until: "20350101000000Z",
        ..SealSpec::default()
    }
    .seal(&world);
    check_claim(&world, &signed_value, &with(&other), &mismatch);
}

#[test]
fn the_signer_must_be_listed() {
    let world = World::new();
    let digest = |algorithm: &str, value: &[u8]| {
        sequence(&[
            tlv(0x13, algorithm.as_bytes()),
            tlv(asn1::OCTET_STRING, value),
        ])
    };
    let signer = world.signer.certificate().der();
    let own = digest("1.2.156.10197.1.401", &sm3(signer));
    let sha256 = digest("SHA-256", &DigestAlgorithm::Sha256.digest(signer));
    let named_wrong = digest("SHA-256", &sm3(signer));
    let weak = digest("MD5", &[0; 16]);
    let other = tlv(asn1::OCTET_STRING, world.maker.certificate().der());
    let with = |kind, list| SealSpec {
        list: Some((kind, list)),
        ..SealSpec::default()
    };
    check(&world, &with(2, vec![weak.clone(), own]), &[]);
    check(&world, &with(2, vec![sha256]), &[]);
    let missing = [(FindingCode::SignerNotInList, Invalid)];
    check(&world, &with(2, vec![named_wrong, weak]), &missing);
    check(&world, &with(1, vec![other]), &missing);
    check(&world, &with(1, Vec::new()), &missing);
    let unknown_kind = [(FindingCode::SvMalformed, Invalid)];
    check(&world, &with(3, Vec::new()), &unknown_kind);
}

#[test]
fn periods_are_those_of_the_signing_time() {
    let signed = "20260601020304Z";
    let ended = [(FindingCode::SealPeriod, Invalid)];
    let world = World::new();
    check(
        &world,
        &SealSpec {
            valid_until: signed,
            ..SealSpec::default()
        },
        &[],
    );
    check(
        &world,
        &SealSpec {
            valid_from: signed,
            ..SealSpec::default()
        },
        &[],
    );
    let before = SealSpec {
        valid_until: "20260601020303Z",
        ..SealSpec::default()
    };
    check(&world, &before, &ended);
    let after = SealSpec {
        valid_from: "20260601020305Z",
        ..SealSpec::v1()
    };
    check(&world, &after, &ended);

    let ended = [(FindingCode::SignerCertTime, Invalid)];
    let spec = CertificateSpec {
        not_after: signed,
        ..CertificateSpec::signer("Office")
    };
    check(&World::with_signer(spec), &SealSpec::default(), &[]);
    let spec = CertificateSpec {
        not_after: "20260601020303Z",
        ..spec
    };
    check(&World::with_signer(spec), &SealSpec::default(), &ended);
    let spec = CertificateSpec {
        not_before: "20260601020305Z",
        ..CertificateSpec::signer("Office")
    };
    check(&World::with_signer(spec), &SealSpec::default(), &ended);
}

#[test]
fn makers_certificates_must_overlap_the_time_between_making_and_signing() {
    // The seal is dated 2024-01-01 and used 2026-06-01T02:03:04Z.
    let office = CertificateSpec::signer("Office");
    let maker = |not_before, not_after| {
        let spec = CertificateSpec {
            not_before,
            not_after,
            ..CertificateSpec::signer("Maker")
        };
        let mut world = World::with(office, spec);
        // A list of after a certificate's end says nothing about it.
        world.revoke(&CrlSpec {
            this_update: "20230601000000Z",
            ..CrlSpec::default()
        });
        world
    };
    let seal = SealSpec::default();
    let outside = [(FindingCode::MakerCertTime, Invalid)];
    check(&maker("20230101000000Z", "20240101000000Z"), &seal, &[]);
    check(&maker("20260601020304Z", "20400101000000Z"), &seal, &[]);
    check(&maker("20250101000000Z", "20250102000000Z"), &seal, &[]);
    check(
        &maker("20230101000000Z", "20231231235959Z"),
        &seal,
        &outside,
    );
    check(
        &maker("20260601020305Z", "20400101000000Z"),
        &seal,
        &outside,
    );
}

#[test]
fn signing_times_in_the_future_and_none_at_all() {
    let world = World::new();
    check(
        &world,
        &SealSpec {
            signed: &skewed(&world.options, 0),
            ..SealSpec::default()
        },
        &[],
    );
    let late = SealSpec {
        signed: &skewed(&world.options, 1),
        ..SealSpec::default()
    };
    check(&world, &late, &[(FindingCode::TimeFuture, Invalid)]);
    for signed in ["2026-06-01 10:03:04", "1780279384"] {
        check(
            &world,
            &SealSpec {
                signed,
                ..SealSpec::v1()
            },
            &[],
        );
    }
    check(
        &world,
        &SealSpec {
            signed: "yesterday",
            ..SealSpec::v1()
        },
        &[
            (FindingCode::SignerCertTime, Indeterminate),
            (FindingCode::SealPeriod, Indeterminate),
            (FindingCode::TimeFuture, Indeterminate),
        ],
    );
    let malformed = [(FindingCode::SvMalformed, Invalid)];
    check(
        &world,
        &SealSpec {
            signed: "yesterday",
            ..SealSpec::default()
        },
        &malformed,
    );
}

#[test]
fn damage_never_panics_and_is_never_valid() {
    let world = World::new();
    for spec in [SealSpec::default(), SealSpec::v1()] {
        let good = spec.signed_value(&world);
        for end in 0..good.len() {
            let findings = world.check(&good[..end], &claim());
            assert_eq!(
                raised(&findings.checks),
                [(FindingCode::SvMalformed, Invalid)]
            );
        }
        // Every seventh byte: all of them take ten seconds.
        for position in (0..good.len()).step_by(7) {
            let mut damaged = good.clone();
            damaged[position] ^= 0x55;
            let outcome = world.check(&damaged, &claim()).checks.outcome();
            assert_ne!(outcome, Outcome::Valid, "byte {position} of {}", good.len());
        }
    }
    let findings = world.check(XML, &claim());
    assert_eq!(findings.checks.code(), Some(FindingCode::SvMalformed));
}
