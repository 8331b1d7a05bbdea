//! Seals and signatures with every field in reach.

use chrono::Duration;
use schemas::seal::asn1;
use schemas::verdict::SealVersion;

use super::super::{SignatureClaim, SignatureFindings, TrustOptions, check_seal};
use crate::digest::sm3;
use crate::message::Message;
use crate::revocation::UnknownStatus;
use crate::testing::{
    Authority, CertificateSpec, CrlSpec, SM2_WITH_SM3, bit_string, instant, oid, sequence, tlv,
};
use crate::trust::TrustStore;

pub(super) const XML: &[u8] = b"<ofd:Signature/>";
pub(super) const PATH: &str = "/Doc_0/Signs/Sign_0/Signature.xml";
pub(super) const AT: &str = "20261121120000Z";
pub(super) const SIGNER_SERIAL: u8 = 7;
const MAKER_SERIAL: u8 = 8;

/// Root, maker and signer, and what a verifier is given.
pub(super) struct World {
    pub(super) root: Authority,
    pub(super) maker: Authority,
    pub(super) signer: Authority,
    pub(super) trust: TrustStore,
    pub(super) options: TrustOptions,
}

impl World {
    pub(super) fn new() -> Self {
        Self::with_signer(CertificateSpec::signer("Office"))
    }

    pub(super) fn with_signer(spec: CertificateSpec<'_>) -> Self {
        Self::with(spec, CertificateSpec::signer("Maker"))
    }

    pub(super) fn with(signer: CertificateSpec<'_>, maker: CertificateSpec<'_>) -> Self {
        let root = Authority::root("Root CA", 1);
        let maker = root.issue(
            &CertificateSpec {
                serial: MAKER_SERIAL,
                ..maker
            },
            2,
        );
        let signer = root.issue(
            &CertificateSpec {
                serial: SIGNER_SERIAL,
                ..signer
            },
            3,
        );
        let mut trust = TrustStore::empty();
        trust.add_certificate(root.certificate().der()).unwrap();
        trust.add_crl(&root.crl(&CrlSpec::default())).unwrap();
        Self {
            root,
            maker,
            signer,
            trust,
            options: TrustOptions::at(instant(AT)),
        }
    }

    /// Replaces the root's list.
    pub(super) fn revoke(&mut self, spec: &CrlSpec) {
        self.trust = TrustStore::empty();
        self.trust
            .add_certificate(self.root.certificate().der())
            .unwrap();
        self.trust.add_crl(&self.root.crl(spec)).unwrap();
    }

    /// Trusts the root, without any list.
    pub(super) fn without_lists(&mut self) {
        self.trust = TrustStore::empty();
        self.trust
            .add_certificate(self.root.certificate().der())
            .unwrap();
    }

    pub(super) fn require_known(&mut self) {
        self.options.revocation.unknown = UnknownStatus::Indeterminate;
    }

    pub(super) fn check(
        &self,
        signed_value: &[u8],
        claim: &SignatureClaim<'_>,
    ) -> SignatureFindings {
        check_seal(signed_value, claim, &self.trust, &self.options)
    }
}

pub(super) fn claim() -> SignatureClaim<'static> {
    SignatureClaim {
        id: "1",
        signed: Message::of(XML),
        signature_xml_path: Some(PATH),
        seal_file: None,
        signature_date_time: Some("2026-06-01 10:03:04"),
        signature_method: Some(SM2_WITH_SM3),
    }
}

/// How the extensions of a seal are written.
#[derive(Clone, Copy)]
pub(super) enum Extensions {
    None,
    Bare,
    Explicit,
    Implicit,
}

/// How the signatures are written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Der,
    Raw,
}

/// Fields of a seal and of a signature made with it.
pub(super) struct SealSpec<'a> {
    pub(super) layout: SealVersion,
    pub(super) header_version: u8,
    /// The list of signers; none lists the signer's certificate.
    pub(super) list: Option<(u8, Vec<Vec<u8>>)>,
    pub(super) created: &'a str,
    pub(super) valid_from: &'a str,
    pub(super) valid_until: &'a str,
    pub(super) signed: &'a str,
    /// A timestamp token in the place of the time (V1).
    pub(super) time_token: Option<Vec<u8>>,
    pub(super) data_hash: Vec<u8>,
    pub(super) property_info: &'a str,
    pub(super) algorithm: &'a str,
    pub(super) extensions: Extensions,
    pub(super) form: Form,
    pub(super) unused_bits: u8,
    /// Whether the maker signs what makers of the other layout sign.
    pub(super) other_maker_form: bool,
    pub(super) break_maker_signature: bool,
    pub(super) break_signature: bool,
}

impl Default for SealSpec<'_> {
    fn default() -> Self {
        Self {
            layout: SealVersion::V4,
            header_version: 4,
            list: None,
            created: "20240101000000Z",
            valid_from: "20240101000000Z",
            valid_until: "20340101000000Z",
            signed: "20260601020304Z",
            time_token: None,
            data_hash: sm3(XML).to_vec(),
            property_info: PATH,
            algorithm: SM2_WITH_SM3,
            extensions: Extensions::None,
            form: Form::Der,
            unused_bits: 0,
            other_maker_form: false,
            break_maker_signature: false,
            break_signature: false,
        }
    }
}

impl SealSpec<'_> {
    pub(super) fn v1() -> Self {
        Self {
            layout: SealVersion::V1,
            header_version: 1,
            ..Self::default()
        }
    }

    /// The seal, as in `Seal.esl`.
    pub(super) fn seal(&self, world: &World) -> Vec<u8> {
        let info = self.info(world);
        let certificate = tlv(asn1::OCTET_STRING, world.maker.certificate().der());
        let algorithm = oid(SM2_WITH_SM3);
        let three = sequence(&[info.clone(), certificate.clone(), algorithm.clone()]);
        let is_v1 = self.layout == SealVersion::V1;
        let message = if is_v1 == self.other_maker_form {
            &info
        } else {
            &three
        };
        let mut signature = self.sign(&world.maker, message);
        if self.break_maker_signature {
            *signature.last_mut().unwrap() ^= 1;
        }
        let signature = bit_string(&signature);
        if is_v1 {
            sequence(&[info, sequence(&[certificate, algorithm, signature])])
        } else {
            sequence(&[info, certificate, algorithm, signature])
        }
    }

    /// The signed value.
    pub(super) fn signed_value(&self, world: &World) -> Vec<u8> {
        self.signed_value_around(world, self.seal(world))
    }

    pub(super) fn signed_value_around(&self, world: &World, seal: Vec<u8>) -> Vec<u8> {
        let certificate = tlv(asn1::OCTET_STRING, world.signer.certificate().der());
        let algorithm = oid(self.algorithm);
        let is_v1 = self.layout == SealVersion::V1;
        let time = if is_v1 {
            let token = self.time_token.as_deref();
            self.bits(token.unwrap_or(self.signed.as_bytes()))
        } else {
            tlv(asn1::GENERALIZED_TIME, self.signed.as_bytes())
        };
        let mut fields = vec![
            tlv(asn1::INTEGER, &[self.header_version]),
            seal,
            time,
            self.bits(&self.data_hash),
            tlv(0x16, self.property_info.as_bytes()),
        ];
        if is_v1 {
            fields.extend([certificate.clone(), algorithm.clone()]);
        }
        let to_sign = sequence(&fields);
        let mut signature = self.sign(&world.signer, &to_sign);
        if self.break_signature {
            *signature.last_mut().unwrap() ^= 1;
        }
        let signature = self.bits(&signature);
        if is_v1 {
            sequence(&[to_sign, signature])
        } else {
            sequence(&[to_sign, certificate, algorithm, signature])
        }
    }

    fn info(&self, world: &World) -> Vec<u8> {
        let is_v1 = self.layout == SealVersion::V1;
        let listed = || vec![tlv(asn1::OCTET_STRING, world.signer.certificate().der())];
        let (list_type, list) = self.list.clone().unwrap_or_else(|| (1, listed()));
        let mut property = vec![tlv(asn1::INTEGER, &[1]), tlv(asn1::UTF8_STRING, b"seal")];
        if !is_v1 {
            property.push(tlv(asn1::INTEGER, &[list_type]));
        }
        property.push(sequence(&list));
        for time in [self.created, self.valid_from, self.valid_until] {
            property.push(if is_v1 {
                tlv(asn1::UTC_TIME, &time.as_bytes()[2..])
            } else {
                tlv(asn1::GENERALIZED_TIME, time.as_bytes())
            });
        }
        let header = sequence(&[
            tlv(0x16, b"ES"),
            tlv(asn1::INTEGER, &[self.header_version]),
            tlv(0x16, b"TEST"),
        ]);
        let picture = sequence(&[
            tlv(0x16, b"PNG"),
            tlv(asn1::OCTET_STRING, b"picture"),
            tlv(asn1::INTEGER, &[40]),
            tlv(asn1::INTEGER, &[40]),
        ]);
        let one = sequence(&[
            oid("1.2.156.10197.6.7.2.2.1"),
            tlv(asn1::OCTET_STRING, b"2.1"),
        ]);
        let id = tlv(0x16, b"SEAL0001");
        let mut fields = vec![header, id, sequence(&property), picture];
        match self.extensions {
            Extensions::None => {}
            Extensions::Bare => fields.push(sequence(&[one])),
            Extensions::Explicit => fields.push(tlv(asn1::CONTEXT_0, &sequence(&[one]))),
            Extensions::Implicit => fields.push(tlv(asn1::CONTEXT_0, &one)),
        }
        sequence(&fields)
    }

    fn sign(&self, who: &Authority, message: &[u8]) -> Vec<u8> {
        match self.form {
            Form::Der => who.key.sign(message),
            Form::Raw => who.key.sign_raw(message).to_vec(),
        }
    }

    fn bits(&self, octets: &[u8]) -> Vec<u8> {
        tlv(asn1::BIT_STRING, &[&[self.unused_bits], octets].concat())
    }
}

/// A moment on either side of a limit.
pub(super) fn skewed(options: &TrustOptions, seconds: i64) -> String {
    let instant = options.at + options.clock_skew + Duration::seconds(seconds);
    instant.format("%Y%m%d%H%M%SZ").to_string()
}
