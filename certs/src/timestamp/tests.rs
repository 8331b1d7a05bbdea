use openssl::asn1::Asn1Time;
use openssl::bn::BigNum;
use openssl::hash::MessageDigest;
use openssl::pkey::{PKey, Private};
use openssl::rsa::Rsa;
use openssl::sign::Signer;
use openssl::x509::extension::{BasicConstraints, ExtendedKeyUsage, KeyUsage};
use openssl::x509::{X509, X509Name};

use super::*;
use crate::mint::MintError;
use crate::mint::timestamp::{StampingKey, stamp};
use crate::revocation::UnknownStatus;
use crate::testing::{Authority, CertificateSpec, CrlSpec, instant};
use der::asn1::ObjectIdentifier;

const STAMPED: &str = "20260601000000Z";
const NOW: &str = "20261121120000Z";

const MESSAGE: &[u8] = b"what is stamped";

fn root() -> Authority {
    Authority::root("Root CA", 1)
}

fn token(authority: &Authority) -> Vec<u8> {
    stamp(&authority.credential(), &[MESSAGE], instant(STAMPED)).unwrap()
}

/// What is known, and when it is asked.
struct Case<'a> {
    crls: Vec<CrlSpec>,
    now: &'a str,
    proven: Option<&'a str>,
    policy: RevocationPolicy,
}

impl Default for Case<'_> {
    fn default() -> Self {
        Self {
            crls: Vec::new(),
            now: NOW,
            proven: None,
            policy: RevocationPolicy::DEFAULT,
        }
    }
}

impl Case<'_> {
    fn verify(&self, token: &[u8], readings: &[&[u8]]) -> Result<Stamp, TimestampError> {
        let root = root();
        let mut trust = TrustStore::empty();
        trust.add_certificate(root.certificate().der()).unwrap();
        for crl in &self.crls {
            trust.add_crl(&root.crl(crl)).unwrap();
        }
        let trusted = Trusted {
            trust: &trust,
            carried: &[],
            evidence: &[],
            policy: &self.policy,
            now: instant(self.now),
            proven: self.proven.map(instant),
            effort: &Effort::of_a_file(),
        };
        let readings: Vec<_> = readings.iter().map(|one| Message::of(one)).collect();
        verify(token, &readings, &trusted)
    }

    #[track_caller]
    fn check(&self, spec: &CertificateSpec<'_>, expected: Option<FindingCode>) {
        let token = token(&root().issue(spec, 5));
        let found = self.verify(&token, &[MESSAGE]);
        let code = found.as_ref().err().map(TimestampError::finding);
        assert_eq!(code, expected, "{found:?}");
        if let Ok(stamp) = found {
            assert_eq!(stamp.time, instant(STAMPED));
        }
    }
}

fn stamper() -> CertificateSpec<'static> {
    CertificateSpec::stamper("Stamper")
}

#[track_caller]
fn check(spec: &CertificateSpec<'_>, expected: Option<FindingCode>) {
    Case::default().check(spec, expected);
}

#[test]
fn the_certificate_is_for_timestamps_alone_and_says_so() {
    check(&stamper(), None);
    let purpose = |purpose| CertificateSpec {
        purpose,
        ..stamper()
    };
    let refused = Some(FindingCode::ChainConstraintsFailure);
    check(&purpose(None), refused);
    check(&purpose(Some("1.3.6.1.5.5.7.3.4")), refused);
    let soft = CertificateSpec {
        purpose_is_critical: false,
        ..stamper()
    };
    check(&soft, refused);
    let encryption = CertificateSpec {
        usage: Some(&[2, 3]),
        ..stamper()
    };
    check(&encryption, refused);
}

#[test]
fn it_is_over_one_of_the_readings() {
    let token = token(&root().stamper("Stamper", 5));
    let verify = |readings: &[&[u8]]| Case::default().verify(&token, readings);
    assert!(verify(&[b"other", MESSAGE]).is_ok());
    assert_eq!(verify(&[b"other"]), Err(TimestampError::Imprint));
    assert_eq!(verify(&[]), Err(TimestampError::Imprint));
}

#[test]
fn its_time_lies_in_the_certificates_and_the_certificate_counts_still() {
    let period = |not_before, not_after| CertificateSpec {
        not_before,
        not_after,
        ..stamper()
    };
    let order = Some(FindingCode::TimestampOrderFailure);
    check(&period("20260601000000Z", "20300101000000Z"), None);
    check(&period("20260601000001Z", "20300101000000Z"), order);
    check(&period("20200101000000Z", "20260531235959Z"), order);
    let ended = || period("20200101000000Z", "20260701000000Z");
    check(&ended(), Some(FindingCode::OutOfBoundsNoPoe));
    // A later timestamp proves that it was there before that.
    let proven = Case {
        proven: Some("20260630000000Z"),
        ..Case::default()
    };
    proven.check(&ended(), None);
    let too_late = Case {
        proven: Some("20260702000000Z"),
        ..Case::default()
    };
    too_late.check(&ended(), Some(FindingCode::OutOfBoundsNoPoe));

    let early = |now| Case {
        now,
        ..Case::default()
    };
    early("20260531235000Z").check(&stamper(), None);
    early("20260531234959Z").check(&stamper(), Some(FindingCode::TimeFuture));
}

#[test]
fn revocation_of_the_authority() {
    let revoked = |date| CrlSpec {
        revoked: vec![(60, date)],
        ..CrlSpec::default()
    };
    let with = |crl, proven| Case {
        crls: vec![crl],
        proven,
        ..Case::default()
    };
    with(CrlSpec::default(), None).check(&stamper(), None);
    let expected = Some(FindingCode::RevokedNoPoe);
    with(revoked("20260801000000Z"), None).check(&stamper(), expected);
    with(revoked("20260801000000Z"), Some("20260801000000Z")).check(&stamper(), expected);
    with(revoked("20260801000000Z"), Some("20260731000000Z")).check(&stamper(), None);
    let stale = CrlSpec {
        next_update: "20260801000000Z",
        ..CrlSpec::default()
    };
    with(stale, None).check(&stamper(), Some(FindingCode::TryLater));
    let required = Case {
        policy: RevocationPolicy {
            unknown: UnknownStatus::Indeterminate,
            max_age: None,
        },
        ..Case::default()
    };
    required.check(&stamper(), Some(FindingCode::TryLater));
}

#[test]
fn an_authority_that_nobody_trusts_proves_nothing() {
    let twin = Authority::root("Root CA", 9).stamper("Stamper", 5);
    let found = Case::default().verify(&token(&twin), &[MESSAGE]);
    assert!(matches!(&found, Err(TimestampError::Path(..))), "{found:?}");
    assert!(found.is_err_and(|error| error.is_missing_evidence()));
}

#[test]
fn no_changed_byte_gives_another_time() {
    let good = token(&root().stamper("Stamper", 5));
    let expected = Case::default().verify(&good, &[MESSAGE]).unwrap();
    let mut still_good = 0;
    for at in 0..good.len() {
        let mut changed = good.clone();
        changed[at] ^= 1;
        if let Ok(found) = Case::default().verify(&changed, &[MESSAGE]) {
            assert_eq!(found, expected, "byte {at}");
            still_good += 1;
        }
        assert!(Case::default().verify(&good[..at], &[MESSAGE]).is_err());
    }
    // The two version numbers are nobody's concern.
    assert!(still_good <= 2, "{still_good}");
}

/// An RSA authority below an RSA root, made by OpenSSL.
struct RsaStamper {
    certificate: Vec<u8>,
    key: PKey<Private>,
}

impl RsaStamper {
    fn new() -> (Self, Vec<u8>) {
        let key = || PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap();
        let (root_key, key) = (key(), key());
        let root = issue("RSA root", true, &root_key, None);
        let own = issue("RSA stamper", false, &key, Some((&root, &root_key)));
        let certificate = own.to_der().unwrap();
        (Self { certificate, key }, root.to_der().unwrap())
    }
}

fn issue(
    name: &str,
    is_ca: bool,
    key: &PKey<Private>,
    issuer: Option<(&X509, &PKey<Private>)>,
) -> X509 {
    let mut subject = X509Name::builder().unwrap();
    subject.append_entry_by_text("O", name).unwrap();
    let subject = subject.build();
    let mut builder = X509::builder().unwrap();
    builder.set_version(2).unwrap();
    let serial = BigNum::from_u32(5).unwrap().to_asn1_integer().unwrap();
    builder.set_serial_number(&serial).unwrap();
    builder.set_subject_name(&subject).unwrap();
    let issuer_name = issuer.map_or(&*subject, |(issuer, _)| issuer.subject_name());
    builder.set_issuer_name(issuer_name).unwrap();
    let time = |text| Asn1Time::from_str(text).unwrap();
    builder.set_not_before(&time("20200101000000Z")).unwrap();
    builder.set_not_after(&time("20400101000000Z")).unwrap();
    builder.set_pubkey(key).unwrap();
    if is_ca {
        let constraints = BasicConstraints::new().critical().ca().build().unwrap();
        builder.append_extension(constraints).unwrap();
        let usage = KeyUsage::new()
            .critical()
            .key_cert_sign()
            .crl_sign()
            .build();
        builder.append_extension(usage.unwrap()).unwrap();
    } else {
        let purpose = ExtendedKeyUsage::new().critical().time_stamping().build();
        builder.append_extension(purpose.unwrap()).unwrap();
    }
    let signing_key = issuer.map_or(key, |(_, key)| key);
    builder.sign(signing_key, MessageDigest::sha256()).unwrap();
    builder.build()
}

impl StampingKey for RsaStamper {
    fn certificate(&self) -> &[u8] {
        &self.certificate
    }

    fn digest(&self) -> (DigestAlgorithm, ObjectIdentifier) {
        let sha256 = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.1");
        (DigestAlgorithm::Sha256, sha256)
    }

    fn algorithm(&self) -> ObjectIdentifier {
        ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.11")
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, MintError> {
        let mut signer = Signer::new(MessageDigest::sha256(), &self.key).unwrap();
        Ok(signer.sign_oneshot_to_vec(message).unwrap())
    }
}

#[test]
fn rsa_authorities_stamp_too() {
    let (stamper, root) = RsaStamper::new();
    let token = stamp(&stamper, &[b"what ", b"is stamped"], instant(STAMPED)).unwrap();
    let mut trust = TrustStore::empty();
    trust.add_certificate(&root).unwrap();
    let ask = |message: &[u8], trust: &TrustStore| {
        let trusted = Trusted {
            trust,
            carried: &[],
            evidence: &[],
            policy: &RevocationPolicy::DEFAULT,
            now: instant(NOW),
            proven: None,
            effort: &Effort::of_a_file(),
        };
        verify(&token, &[Message::of(message)], &trusted)
    };
    let found = ask(b"what is stamped", &trust).unwrap();
    assert_eq!(found.time, instant(STAMPED));
    assert_eq!(ask(b"another", &trust), Err(TimestampError::Imprint));
    let found = ask(b"what is stamped", &TrustStore::empty());
    assert!(matches!(found, Err(TimestampError::Path(..))));
}
