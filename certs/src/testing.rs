//! Keys, certificates and revocation lists for the unit tests, with every field in reach.

pub(crate) mod ocsp;

use std::sync::Arc;

use chrono::{DateTime, Utc};
use der::Encode;
use der::asn1::ObjectIdentifier;
use schemas::seal::asn1::{self, Element, sequence_of_raw};
use sm2::dsa::signature::Signer;
use sm2::dsa::{Signature, SigningKey};
use sm2::elliptic_curve::sec1::ToSec1Point;

use crate::algorithm::SM2_USER_ID;
use crate::certificate::Certificate;
use crate::digest::sm3;
use crate::mint::credential::Credential;
use crate::mint::key::PrivateKey;

/// SM2-with-SM3.
pub(crate) const SM2_WITH_SM3: &str = "1.2.156.10197.1.501";

/// id-kp-timeStamping.
pub(crate) const TIME_STAMPING: &str = "1.3.6.1.5.5.7.3.8";

/// An SM2 key pair derived from a number.
#[derive(Clone)]
pub(crate) struct KeyPair(sm2::SecretKey);

impl KeyPair {
    pub(crate) fn new(seed: u8) -> Self {
        let mut scalar = sm3(&[seed]);
        scalar[0] = 0;
        Self(sm2::SecretKey::from_slice(&scalar).unwrap())
    }

    pub(crate) fn secret(&self) -> sm2::SecretKey {
        self.0.clone()
    }

    pub(crate) fn spki(&self) -> Vec<u8> {
        let point = self.0.public_key().to_sec1_point(false);
        let algorithm = sequence_of_raw(&[&oid("1.2.840.10045.2.1"), &oid("1.2.156.10197.1.301")]);
        sequence_of_raw(&[&algorithm, &bit_string(point.as_bytes())])
    }

    pub(crate) fn sign_raw(&self, message: &[u8]) -> [u8; 64] {
        let key = SigningKey::new(SM2_USER_ID, &self.0).unwrap();
        let signature: Signature = key.sign(message);
        signature.to_bytes().as_slice().try_into().unwrap()
    }

    pub(crate) fn sign(&self, message: &[u8]) -> Vec<u8> {
        signature_der(&self.sign_raw(message))
    }
}

/// Fields of a certificate.
#[derive(Clone, Copy)]
pub(crate) struct CertificateSpec<'a> {
    pub(crate) name: &'a str,
    pub(crate) serial: u8,
    pub(crate) not_before: &'a str,
    pub(crate) not_after: &'a str,
    pub(crate) is_ca: bool,
    pub(crate) path_length: Option<u8>,
    /// Numbers of the keyUsage bits; none leaves the extension out.
    pub(crate) usage: Option<&'a [u8]>,
    /// One more extension, critical, with an empty SEQUENCE as its value.
    pub(crate) critical: Option<&'a str>,
    /// The one purpose of extKeyUsage; none leaves the extension out.
    pub(crate) purpose: Option<&'a str>,
    /// Whether extKeyUsage is critical after all.
    pub(crate) purpose_is_critical: bool,
    /// Whether nobody needs to ask whether it is revoked (`id-pkix-ocsp-nocheck`).
    pub(crate) no_check: bool,
}

impl<'a> CertificateSpec<'a> {
    pub(crate) const fn authority(name: &'a str) -> Self {
        Self {
            name,
            serial: 1,
            not_before: "20200101000000Z",
            not_after: "20400101000000Z",
            is_ca: true,
            path_length: None,
            usage: Some(&[5, 6]),
            critical: None,
            purpose: None,
            purpose_is_critical: true,
            no_check: false,
        }
    }

    pub(crate) const fn signer(name: &'a str) -> Self {
        Self {
            is_ca: false,
            usage: Some(&[0, 1]),
            ..Self::authority(name)
        }
    }

    pub(crate) const fn stamper(name: &'a str) -> Self {
        Self {
            serial: 60,
            usage: Some(&[0]),
            purpose: Some(TIME_STAMPING),
            ..Self::signer(name)
        }
    }

    fn sign(&self, key: &KeyPair, issuer_name: &[u8], issuer_key: &KeyPair) -> Vec<u8> {
        let algorithm = sequence_of_raw(&[&oid(SM2_WITH_SM3)]);
        let mut constraints = Vec::new();
        if self.is_ca {
            constraints.push(tlv(asn1::BOOLEAN, &[0xff]));
            constraints.extend(self.path_length.map(|length| tlv(asn1::INTEGER, &[length])));
        }
        let mut extensions = vec![extension("2.5.29.19", &sequence(&constraints))];
        if let Some(bits) = self.usage {
            let octet = bits.iter().fold(0_u8, |octet, bit| octet | (0x80 >> bit));
            let unused = u8::try_from(octet.trailing_zeros().min(7)).unwrap();
            let value = tlv(asn1::BIT_STRING, &[unused, octet]);
            extensions.push(extension("2.5.29.15", &value));
        }
        if let Some(purpose) = self.purpose {
            let value = tlv(asn1::OCTET_STRING, &sequence(&[oid(purpose)]));
            extensions.push(match self.purpose_is_critical {
                true => extension("2.5.29.37", &sequence(&[oid(purpose)])),
                false => sequence(&[oid("2.5.29.37"), value]),
            });
        }
        if self.no_check {
            let no_check = "1.3.6.1.5.5.7.48.1.5";
            extensions.push(sequence(&[oid(no_check), tlv(asn1::OCTET_STRING, &[5, 0])]));
        }
        extensions.extend(self.critical.map(|text| extension(text, &sequence(&[]))));
        let tbs = sequence(&[
            tlv(asn1::CONTEXT_0, &tlv(asn1::INTEGER, &[2])),
            tlv(asn1::INTEGER, &[self.serial]),
            algorithm.clone(),
            issuer_name.to_vec(),
            sequence(&[time(self.not_before), time(self.not_after)]),
            name(self.name),
            key.spki(),
            tlv(0xa3, &sequence(&extensions)),
        ]);
        let signature = bit_string(&issuer_key.sign(&tbs));
        sequence(&[tbs, algorithm, signature])
    }
}

/// Fields of a revocation list.
pub(crate) struct CrlSpec {
    pub(crate) this_update: &'static str,
    /// Left out when it is empty.
    pub(crate) next_update: &'static str,
    /// Serial number and date.
    pub(crate) revoked: Vec<(u8, &'static str)>,
    /// `invalidityDate` of every entry; left out when it is empty.
    pub(crate) invalid_since: &'static str,
    /// One extension, critical, with an empty SEQUENCE as its value.
    pub(crate) critical: Option<&'static str>,
}

impl Default for CrlSpec {
    fn default() -> Self {
        Self {
            this_update: "20260101000000Z",
            next_update: "20360101000000Z",
            revoked: Vec::new(),
            invalid_since: "",
            critical: None,
        }
    }
}

/// Somebody with a key and a certificate.
#[derive(Clone)]
pub(crate) struct Authority {
    pub(crate) key: KeyPair,
    certificate: Arc<Certificate>,
}

impl Authority {
    pub(crate) fn root(name: &str, seed: u8) -> Self {
        Self::self_signed(&CertificateSpec::authority(name), seed)
    }

    pub(crate) fn self_signed(spec: &CertificateSpec<'_>, seed: u8) -> Self {
        let key = KeyPair::new(seed);
        let der = spec.sign(&key, &name(spec.name), &key);
        Self {
            key,
            certificate: Arc::new(Certificate::parse(&der).unwrap()),
        }
    }

    pub(crate) fn issue(&self, spec: &CertificateSpec<'_>, seed: u8) -> Self {
        let key = KeyPair::new(seed);
        let der = spec.sign(&key, self.certificate.subject(), &self.key);
        Self {
            key,
            certificate: Arc::new(Certificate::parse(&der).unwrap()),
        }
    }

    pub(crate) fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// The same for what is minted.
    pub(crate) fn credential(&self) -> Credential {
        let key = PrivateKey::Sm2(self.key.secret());
        Credential::new(self.certificate.der().to_vec(), key).unwrap()
    }

    /// An authority that stamps times.
    pub(crate) fn stamper(&self, name: &str, seed: u8) -> Self {
        self.issue(&CertificateSpec::stamper(name), seed)
    }

    pub(crate) fn shared(&self) -> Arc<Certificate> {
        Arc::clone(&self.certificate)
    }

    pub(crate) fn crl(&self, spec: &CrlSpec) -> Vec<u8> {
        let algorithm = sequence_of_raw(&[&oid(SM2_WITH_SM3)]);
        let entries: Vec<_> = spec
            .revoked
            .iter()
            .map(|(serial, date)| {
                let mut entry = vec![tlv(asn1::INTEGER, &[*serial]), time(date)];
                if !spec.invalid_since.is_empty() {
                    let since = tlv(asn1::GENERALIZED_TIME, spec.invalid_since.as_bytes());
                    let value = tlv(asn1::OCTET_STRING, &since);
                    entry.push(sequence(&[sequence(&[oid("2.5.29.24"), value])]));
                }
                sequence(&entry)
            })
            .collect();
        let mut fields = vec![
            tlv(asn1::INTEGER, &[1]),
            algorithm.clone(),
            self.certificate.subject().to_vec(),
            time(spec.this_update),
        ];
        if !spec.next_update.is_empty() {
            fields.push(time(spec.next_update));
        }
        if !entries.is_empty() {
            fields.push(sequence(&entries));
        }
        if let Some(text) = spec.critical {
            let list = sequence(&[extension(text, &sequence(&[]))]);
            fields.push(tlv(asn1::CONTEXT_0, &list));
        }
        let tbs = sequence(&fields);
        let signature = bit_string(&self.key.sign(&tbs));
        sequence(&[tbs, algorithm, signature])
    }
}

/// An instant from the text of a `GeneralizedTime`.
#[track_caller]
pub(crate) fn instant(text: &str) -> DateTime<Utc> {
    let element = Element {
        tag: asn1::GENERALIZED_TIME,
        raw: &[],
        content: text.as_bytes(),
    };
    element.time().unwrap()
}

/// The same certificate with another signature of its key written as raw `r‖s`.
pub(crate) fn with_raw_signature(certificate: &Certificate, issuer: &KeyPair) -> Vec<u8> {
    let algorithm = sequence_of_raw(&[&oid(SM2_WITH_SM3)]);
    let signed = certificate.signed_bytes().to_vec();
    let signature = bit_string(&issuer.sign_raw(&signed));
    sequence(&[signed, algorithm, signature])
}

/// DER SEQUENCE of two INTEGERs from `r‖s`.
pub(crate) fn signature_der(raw: &[u8; 64]) -> Vec<u8> {
    let integers: Vec<_> = raw
        .chunks(32)
        .map(|scalar| {
            let zeros = scalar
                .iter()
                .take_while(|octet| **octet == 0)
                .count()
                .min(31);
            let magnitude = &scalar[zeros..];
            let pad: &[u8] = if magnitude[0] & 0x80 == 0 { &[] } else { &[0] };
            tlv(asn1::INTEGER, &[pad, magnitude].concat())
        })
        .collect();
    sequence(&integers)
}

pub(crate) fn sequence(parts: &[Vec<u8>]) -> Vec<u8> {
    let parts: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
    sequence_of_raw(&parts)
}

/// Any element: a SEQUENCE whose tag is replaced.
pub(crate) fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut encoded = sequence_of_raw(&[content]);
    encoded[0] = tag;
    encoded
}

pub(crate) fn oid(text: &str) -> Vec<u8> {
    ObjectIdentifier::new_unwrap(text).to_der().unwrap()
}

pub(crate) fn bit_string(octets: &[u8]) -> Vec<u8> {
    tlv(asn1::BIT_STRING, &[&[0], octets].concat())
}

fn extension(text: &str, value: &[u8]) -> Vec<u8> {
    sequence(&[
        oid(text),
        tlv(asn1::BOOLEAN, &[0xff]),
        tlv(asn1::OCTET_STRING, value),
    ])
}

/// C=CN, O=…
fn name(organisation: &str) -> Vec<u8> {
    let attribute = |text: &str, tag, value: &str| {
        tlv(
            asn1::SET,
            &sequence(&[oid(text), tlv(tag, value.as_bytes())]),
        )
    };
    sequence(&[
        attribute("2.5.4.6", 0x13, "CN"),
        attribute("2.5.4.10", asn1::UTF8_STRING, organisation),
    ])
}

/// `UTCTime`, as RFC 5280 wants it for years before 2050.
fn time(text: &str) -> Vec<u8> {
    tlv(asn1::UTC_TIME, &text.as_bytes()[2..])
}
