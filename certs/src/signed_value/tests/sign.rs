use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use schemas::seal::asn1;
use schemas::verdict::Effect::{self, Indeterminate, Invalid};
use schemas::verdict::{FindingCode, Outcome};

use super::fixture::{World, XML, claim};
use super::raised;
use crate::digest::sm3;
use crate::signed_value::{SignatureClaim, SignatureFindings, check_sign};
use crate::testing::{CertificateSpec, oid, sequence, tlv};

const SM3: &str = "1.2.156.10197.1.401";

/// Fields of a `SignedData`.
struct SignSpec<'a> {
    content: Option<Vec<u8>>,
    /// Bytes whose SM3 goes into `messageDigest`; none leaves the attributes out.
    attributes_over: Option<Vec<u8>>,
    with_certificate: bool,
    signed_data_oid: &'a str,
    algorithm: &'a str,
    digest: &'a str,
    break_signature: bool,
}

impl Default for SignSpec<'_> {
    fn default() -> Self {
        Self {
            content: Some(sm3(XML).to_vec()),
            attributes_over: None,
            with_certificate: true,
            signed_data_oid: "1.2.156.10197.6.1.4.2.2",
            algorithm: "1.2.156.10197.1.301.1",
            digest: SM3,
            break_signature: false,
        }
    }
}

impl SignSpec<'_> {
    fn signed_value(&self, world: &World) -> Vec<u8> {
        let signer = world.signer.certificate();
        let content_type = oid("1.2.156.10197.6.1.4.2.1");
        let octets = self
            .content
            .as_ref()
            .map(|content| tlv(asn1::OCTET_STRING, content));
        let mut content_info = vec![content_type.clone()];
        content_info.extend(octets.map(|octets| tlv(asn1::CONTEXT_0, &octets)));
        let digest = sequence(&[oid(self.digest)]);
        let attributes = self.attributes_over.as_ref().map(|over| {
            let attribute =
                |kind: &str, value: Vec<u8>| sequence(&[oid(kind), tlv(asn1::SET, &value)]);
            let digest = tlv(asn1::OCTET_STRING, &sm3(over));
            [
                attribute("1.2.840.113549.1.9.3", content_type.clone()),
                attribute("1.2.840.113549.1.9.4", digest),
            ]
            .concat()
        });
        let message = match (&attributes, &self.content) {
            (Some(attributes), _) => tlv(asn1::SET, attributes),
            (None, Some(content)) => content.clone(),
            (None, None) => XML.to_vec(),
        };
        let mut signature = world.signer.key.sign(&message);
        if self.break_signature {
            *signature.last_mut().unwrap() ^= 1;
        }
        let name = sequence(&[
            signer.issuer().to_vec(),
            tlv(asn1::INTEGER, signer.serial()),
        ]);
        let mut info = vec![tlv(asn1::INTEGER, &[1]), name, digest.clone()];
        info.extend(attributes.map(|attributes| tlv(asn1::CONTEXT_0, &attributes)));
        info.push(sequence(&[oid(self.algorithm)]));
        info.push(tlv(asn1::OCTET_STRING, &signature));
        let mut data = vec![
            tlv(asn1::INTEGER, &[1]),
            tlv(asn1::SET, &digest),
            sequence(&content_info),
        ];
        if self.with_certificate {
            data.push(tlv(asn1::CONTEXT_0, signer.der()));
        }
        data.push(tlv(asn1::SET, &sequence(&info)));
        sequence(&[
            oid(self.signed_data_oid),
            tlv(asn1::CONTEXT_0, &sequence(&data)),
        ])
    }
}

fn run(world: &World, signed_value: &[u8], claim: &SignatureClaim<'_>) -> SignatureFindings {
    check_sign(signed_value, claim, &world.trust, &world.options)
}

#[track_caller]
fn check(spec: &SignSpec<'_>, expected: &[(FindingCode, Effect)]) {
    let world = World::new();
    let findings = run(&world, &spec.signed_value(&world), &claim());
    assert_eq!(raised(&findings.checks), expected, "{:#?}", findings.checks);
}

#[test]
fn good_signatures_in_the_forms_met() {
    let hash = sm3(XML).to_vec();
    let base64 = STANDARD.encode(&hash).into_bytes();
    check(&SignSpec::default(), &[]);
    check(
        &SignSpec {
            content: Some(base64.clone()),
            ..SignSpec::default()
        },
        &[],
    );
    check(
        &SignSpec {
            content: Some(XML.to_vec()),
            ..SignSpec::default()
        },
        &[],
    );
    check(
        &SignSpec {
            content: None,
            ..SignSpec::default()
        },
        &[],
    );
    check(
        &SignSpec {
            attributes_over: Some(hash),
            ..SignSpec::default()
        },
        &[],
    );
    check(
        &SignSpec {
            attributes_over: Some(XML.to_vec()),
            ..SignSpec::default()
        },
        &[],
    );
    let over_base64 = SignSpec {
        content: Some(base64.clone()),
        attributes_over: Some(base64),
        ..SignSpec::default()
    };
    check(&over_base64, &[]);
    check(
        &SignSpec {
            signed_data_oid: "1.2.840.113549.1.7.2",
            ..SignSpec::default()
        },
        &[],
    );
    check(
        &SignSpec {
            algorithm: "1.2.156.10197.1.501",
            ..SignSpec::default()
        },
        &[],
    );
    check(
        &SignSpec {
            algorithm: "1.2.840.10045.2.1",
            ..SignSpec::default()
        },
        &[],
    );
}

#[test]
fn signatures_for_something_else() {
    let wrong = [(FindingCode::DataHash, Invalid)];
    let other = sm3(b"other").to_vec();
    check(
        &SignSpec {
            content: Some(other.clone()),
            ..SignSpec::default()
        },
        &wrong,
    );
    check(
        &SignSpec {
            attributes_over: Some(other.clone()),
            ..SignSpec::default()
        },
        &wrong,
    );
    let detached = SignSpec {
        content: None,
        attributes_over: Some(other),
        ..SignSpec::default()
    };
    check(&detached, &wrong);
    check(
        &SignSpec {
            break_signature: true,
            ..SignSpec::default()
        },
        &[(FindingCode::SigInvalid, Invalid)],
    );
    let weak = SignSpec {
        digest: "1.3.14.3.2.26",
        ..SignSpec::default()
    };
    let codes: Vec<_> = {
        let world = World::new();
        raised(&run(&world, &weak.signed_value(&world), &claim()).checks)
    };
    assert!(codes.contains(&(FindingCode::SigAlg, Invalid)), "{codes:?}");
}

#[test]
fn without_a_certificate_it_stays_open() {
    check(
        &SignSpec {
            with_certificate: false,
            ..SignSpec::default()
        },
        &[(FindingCode::Untrusted, Indeterminate)],
    );
    let world = World::new();
    let der = world.signer.key.sign(XML);
    let raw = world.signer.key.sign_raw(XML);
    for signed_value in [&der[..], &raw[..]] {
        let findings = run(&world, signed_value, &claim());
        assert_eq!(findings.checks.outcome(), Outcome::Indeterminate);
        assert_eq!(
            raised(&findings.checks),
            [(FindingCode::Untrusted, Indeterminate)]
        );
    }
}

#[test]
fn the_stated_time_is_the_signing_time() {
    let spec = CertificateSpec {
        not_after: "20260601020303Z",
        ..CertificateSpec::signer("Office")
    };
    let world = World::with_signer(spec);
    let signed_value = SignSpec::default().signed_value(&world);
    let at = |text| SignatureClaim {
        signature_date_time: text,
        ..claim()
    };
    let ended = [(FindingCode::SignerCertTime, Invalid)];
    let codes = |claim| raised(&run(&world, &signed_value, &claim).checks);
    assert_eq!(codes(at(Some("2026-06-01 10:03:04"))), ended);
    assert_eq!(codes(at(Some("20260601020303Z"))), []);
    assert_eq!(
        codes(at(None)),
        [
            (FindingCode::SignerCertTime, Indeterminate),
            (FindingCode::TimeFuture, Indeterminate),
        ]
    );
}

#[test]
fn damage_never_panics_and_changes_no_fact() {
    let world = World::new();
    let good = SignSpec::default().signed_value(&world);
    let mut unprotected = Vec::new();
    // 64 bytes of anything may be a raw signature by somebody unknown.
    for end in (0..good.len()).filter(|end| *end != 64) {
        let findings = run(&world, &good[..end], &claim());
        assert_eq!(
            raised(&findings.checks),
            [(FindingCode::SvMalformed, Invalid)]
        );
    }
    for position in (0..good.len()).step_by(5) {
        let mut damaged = good.clone();
        damaged[position] ^= 0x55;
        let checks = run(&world, &damaged, &claim()).checks;
        // Version numbers and the list of digest algorithms are outside of what is signed.
        if checks.outcome() == Outcome::Valid {
            unprotected.push(position);
        }
    }
    assert!(unprotected.len() < 10, "{unprotected:?}");
}
