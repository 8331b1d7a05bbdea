//! X.509 certificates (RFC 5280; SM2 certificates per GM/T 0015), parsed once.

mod known;
mod organisation;
mod purposes;
mod raw_parts;
mod report;

use std::fmt;

use chrono::{DateTime, Utc};
use der::asn1::{ObjectIdentifier, OctetString};
use der::{Decode, Encode};
use x509_cert::ext::pkix::{
    AuthorityKeyIdentifier, BasicConstraints, KeyUsage, SubjectKeyIdentifier,
};
use x509_cert::time::Time;

use self::organisation::organisation;
use self::purposes::Purposes;
use self::raw_parts::RawParts;

use crate::algorithm::{self, AlgorithmError, PublicKey, SignatureAlgorithm, SignatureForm};
use crate::digest::sm3;

/// Largest certificate in bytes; real ones are below 4 KiB (\[P\] profile).
pub const MAX_CERTIFICATE_BYTES: usize = 64 * 1024;

/// `nameConstraints`, RFC 5280 §4.2.1.10: not evaluated.
const NAME_CONSTRAINTS: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.30");
/// Extensions that path building understands, or that do not restrict what is asked here:
/// basicConstraints, keyUsage, key identifiers, alternative names, extKeyUsage, policies,
/// CRL distribution points, authority information access.
const UNDERSTOOD: [&str; 10] = [
    "2.5.29.19",
    "2.5.29.15",
    "2.5.29.14",
    "2.5.29.35",
    "2.5.29.17",
    "2.5.29.18",
    "2.5.29.37",
    "2.5.29.32",
    "2.5.29.31",
    "1.3.6.1.5.5.7.1.1",
];

/// One certificate. Parsing proves nothing: whether it may be trusted is asked in
/// [`crate::path`].
pub struct Certificate {
    der: Vec<u8>,
    digest: [u8; 32],
    signed_bytes: Vec<u8>,
    issuer: Vec<u8>,
    subject: Vec<u8>,
    serial: Vec<u8>,
    not_before: DateTime<Utc>,
    not_after: DateTime<Utc>,
    subject_text: String,
    organisation: Option<String>,
    key: Result<PublicKey, AlgorithmError>,
    key_digest: [u8; 32],
    key_bits: Vec<u8>,
    algorithm: ObjectIdentifier,
    signature: Vec<u8>,
    constraints: BasicConstraints,
    usage: Option<KeyUsage>,
    purposes: Purposes,
    subject_key_id: Option<OctetString>,
    authority_key_id: Option<OctetString>,
    unknown_critical: Option<ObjectIdentifier>,
}

/// Why bytes are not a usable certificate.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    /// Larger than any accepted certificate.
    #[error("the certificate has more than {MAX_CERTIFICATE_BYTES} bytes")]
    TooLarge,
    /// Not DER, or not a certificate.
    #[error("not an X.509 certificate: {0}")]
    Malformed(String),
}

impl CertificateError {
    /// Stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::TooLarge => "CERTIFICATE_TOO_LARGE",
            Self::Malformed(_) => "CERTIFICATE_MALFORMED",
        }
    }
}

impl Certificate {
    /// Parses one certificate.
    ///
    /// # Errors
    /// When the bytes are not one X.509 certificate.
    pub fn parse(bytes: &[u8]) -> Result<Self, CertificateError> {
        if bytes.len() > MAX_CERTIFICATE_BYTES {
            return Err(CertificateError::TooLarge);
        }
        let parsed = x509_cert::Certificate::from_der(bytes).map_err(malformed)?;
        let parts = RawParts::read(bytes).map_err(malformed)?;
        let tbs = parsed.tbs_certificate();
        // RFC 5280 §4.1.1.2: both places must name the same algorithm.
        if tbs.signature() != parsed.signature_algorithm() {
            return Err(malformed("two different signature algorithms"));
        }
        let spki = tbs.subject_public_key_info().to_der().map_err(malformed)?;
        let extension = |known: &&x509_cert::ext::Extension| {
            // RFC 5280 §4.2.1.10: name constraints are processed or refused, whatever they say.
            known.extn_id == NAME_CONSTRAINTS
                || known.critical && !UNDERSTOOD.contains(&known.extn_id.to_string().as_str())
        };
        let constraints = tbs.get_extension::<BasicConstraints>().map_err(malformed)?;
        let usage = tbs.get_extension::<KeyUsage>().map_err(malformed)?;
        let own_id = tbs
            .get_extension::<SubjectKeyIdentifier>()
            .map_err(malformed)?;
        let issuer_id = tbs
            .get_extension::<AuthorityKeyIdentifier>()
            .map_err(malformed)?;
        Ok(Self {
            signed_bytes: parts.signed.to_vec(),
            issuer: parts.issuer.to_vec(),
            subject: parts.subject.to_vec(),
            serial: parts.serial.to_vec(),
            not_before: instant(tbs.validity().not_before)?,
            not_after: instant(tbs.validity().not_after)?,
            subject_text: tbs.subject().to_string(),
            organisation: organisation(tbs.subject()),
            key: PublicKey::from_spki(&spki),
            key_digest: sm3(&spki),
            key_bits: tbs
                .subject_public_key_info()
                .subject_public_key
                .raw_bytes()
                .to_vec(),
            algorithm: parsed.signature_algorithm().oid,
            signature: parsed.signature().raw_bytes().to_vec(),
            constraints: constraints.map_or(
                BasicConstraints {
                    ca: false,
                    path_len_constraint: None,
                },
                |(_, constraints)| constraints,
            ),
            usage: usage.map(|(_, usage)| usage),
            purposes: Purposes::read(tbs).map_err(malformed)?,
            subject_key_id: own_id.map(|(_, id)| id.0),
            authority_key_id: issuer_id.and_then(|(_, id)| id.key_identifier),
            unknown_critical: tbs
                .extensions()
                .and_then(|list| list.iter().find(extension).map(|found| found.extn_id)),
            digest: sm3(bytes),
            der: bytes.to_vec(),
        })
    }

    /// The certificate as it was read.
    #[must_use]
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// SM3 of the certificate.
    #[must_use]
    pub const fn digest(&self) -> &[u8; 32] {
        &self.digest
    }

    /// SM3 of the certificate, lower-case hex.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        hex::encode(self.digest())
    }

    /// DER of the issuer's name.
    #[must_use]
    pub fn issuer(&self) -> &[u8] {
        &self.issuer
    }

    /// DER of the subject's name.
    #[must_use]
    pub fn subject(&self) -> &[u8] {
        &self.subject
    }

    /// Content octets of the serial number.
    #[must_use]
    pub fn serial(&self) -> &[u8] {
        &self.serial
    }

    /// The subject as RFC 4514 text.
    #[must_use]
    pub fn subject_text(&self) -> &str {
        &self.subject_text
    }

    /// Organisation (O) in the subject.
    #[must_use]
    pub fn organisation(&self) -> Option<&str> {
        self.organisation.as_deref()
    }

    /// Start of the validity period.
    #[must_use]
    pub const fn not_before(&self) -> DateTime<Utc> {
        self.not_before
    }

    /// End of the validity period.
    #[must_use]
    pub const fn not_after(&self) -> DateTime<Utc> {
        self.not_after
    }

    /// Whether `at` lies inside the validity period, ends included (RFC 5280 §4.1.2.5).
    #[must_use]
    pub fn is_valid_at(&self, at: DateTime<Utc>) -> bool {
        self.not_before <= at && at <= self.not_after
    }

    /// The public key.
    ///
    /// # Errors
    /// When the key is of a kind that is not accepted.
    pub fn key(&self) -> Result<&PublicKey, AlgorithmError> {
        self.key.as_ref().map_err(Clone::clone)
    }

    /// SM3 of the public key's `SubjectPublicKeyInfo`.
    #[must_use]
    pub const fn key_digest(&self) -> &[u8; 32] {
        &self.key_digest
    }

    /// Octets of the public key alone, without its algorithm: what OCSP names an issuer by.
    #[must_use]
    pub(crate) fn key_bits(&self) -> &[u8] {
        &self.key_bits
    }

    /// Subject key identifier, where present.
    #[must_use]
    pub fn subject_key_id(&self) -> Option<&[u8]> {
        self.subject_key_id.as_ref().map(OctetString::as_bytes)
    }

    /// Key identifier of the issuer, where present.
    #[must_use]
    pub fn authority_key_id(&self) -> Option<&[u8]> {
        self.authority_key_id.as_ref().map(OctetString::as_bytes)
    }

    /// Whether it is a CA's certificate (RFC 5280 §4.2.1.9).
    #[must_use]
    pub const fn is_ca(&self) -> bool {
        self.constraints.ca
    }

    /// Most CA certificates that may stand below it; none when unlimited.
    #[must_use]
    pub fn path_length(&self) -> Option<usize> {
        self.constraints.path_len_constraint.map(usize::from)
    }

    /// Whether subject and issuer are the same name.
    #[must_use]
    pub fn is_self_issued(&self) -> bool {
        self.issuer == self.subject
    }

    /// Whether the key may sign certificates: keyUsage is absent or says so (RFC 5280 §4.2.1.3).
    #[must_use]
    pub fn may_sign_certificates(&self) -> bool {
        self.usage.is_none_or(|usage| usage.key_cert_sign())
    }

    /// Whether the key may sign revocation lists.
    #[must_use]
    pub fn may_sign_crls(&self) -> bool {
        self.usage.is_none_or(|usage| usage.crl_sign())
    }

    /// Whether the key may sign documents: keyUsage is absent or has digitalSignature or
    /// nonRepudiation (GM/T 0015: signing certificates), and extKeyUsage does not say that it
    /// serves quite another purpose.
    #[must_use]
    pub fn may_sign_documents(&self) -> bool {
        self.may_sign() && !self.purposes.others_only
    }

    /// Whether the key stamps times and does nothing else, and its certificate says so in a way
    /// that nobody may overlook (RFC 3161 §2.3).
    #[must_use]
    pub fn may_stamp_times(&self) -> bool {
        self.may_sign() && self.purposes.stamps_time
    }

    /// Whether the key may answer for its issuer which certificates are revoked (RFC 6960
    /// §4.2.2.2).
    #[must_use]
    pub fn may_answer_status(&self) -> bool {
        self.may_sign() && self.purposes.answers_status
    }

    /// Whether its issuer vouches for it for as long as it counts, so that nobody asks whether it
    /// is revoked (`id-pkix-ocsp-nocheck`, RFC 6960 §4.2.2.2.1).
    #[must_use]
    pub const fn needs_no_check(&self) -> bool {
        self.purposes.needs_no_check
    }

    /// keyUsage is absent or has digitalSignature or nonRepudiation.
    fn may_sign(&self) -> bool {
        self.usage
            .is_none_or(|usage| usage.digital_signature() || usage.non_repudiation())
    }

    /// A critical extension that is not understood: RFC 5280 §4.2 says to refuse then.
    #[must_use]
    pub const fn unknown_critical_extension(&self) -> Option<ObjectIdentifier> {
        self.unknown_critical
    }

    /// The part that is signed (`tbsCertificate`), as it stands in the file. The bytes around it,
    /// the signature's among them, may be written in other ways without ceasing to hold.
    #[must_use]
    pub fn signed_bytes(&self) -> &[u8] {
        &self.signed_bytes
    }

    /// Whether `issuer`'s key made this certificate's signature.
    ///
    /// # Errors
    /// When the algorithm or key is not accepted, or the signature does not hold or is not
    /// written in DER (GM/T 0015, GM/T 0009).
    pub fn verify_signed_by(&self, issuer: &Self) -> Result<(), AlgorithmError> {
        match issuer.verify_made(self.algorithm, &self.signed_bytes, &self.signature)? {
            SignatureForm::Standard => Ok(()),
            SignatureForm::Raw => Err(AlgorithmError::Invalid),
        }
    }

    /// Whether this certificate's key made a signature over the signed part of a certificate or
    /// list, which names the algorithm beside it, and how the signature is written.
    pub(crate) fn verify_made(
        &self,
        algorithm: ObjectIdentifier,
        signed: &[u8],
        signature: &[u8],
    ) -> Result<SignatureForm, AlgorithmError> {
        let algorithm = SignatureAlgorithm::from_oid(algorithm)?;
        algorithm::verify(self.key()?, algorithm, signed, signature)
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Certificate")
            .field(&self.fingerprint())
            .finish()
    }
}

fn instant(time: Time) -> Result<DateTime<Utc>, CertificateError> {
    i64::try_from(time.to_unix_duration().as_secs())
        .ok()
        .and_then(|seconds| DateTime::from_timestamp(seconds, 0))
        .ok_or_else(|| malformed("validity"))
}

fn malformed(cause: impl fmt::Display) -> CertificateError {
    CertificateError::Malformed(cause.to_string())
}
