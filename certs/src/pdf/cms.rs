//! A CMS or GB/T 35275 signature in `/Contents` (RFC 5652, EN 319 122-1; ARCHITECTURE.md,
//! Standards).

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use der::asn1::ObjectIdentifier;
use schemas::pdf::signature::SignatureDictionary;
use schemas::seal::{SignedData, TST_INFO};
use schemas::verdict::{CheckResult, Checks, FindingCode, SignatureKind};

use super::{Context, Signer, stamp, trust};
use crate::algorithm::{self, AlgorithmError, SignatureAlgorithm, SignatureForm};
use crate::certificate::Certificate;
use crate::digest::DigestAlgorithm;
use crate::message::Message;
use crate::revocation::Evidence;
use crate::signed_value::sign::split_certificates;

/// What a signature of a file is over: `data` of RFC 5652 §4, and of GB/T 35275. A signature over
/// anything else was made for another purpose.
const DATA: [ObjectIdentifier; 2] = [
    ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.1"),
    ObjectIdentifier::new_unwrap("1.2.156.10197.6.1.4.2.1"),
];
/// The digest with which a certificate is named when no algorithm is written (RFC 5035 §5.4).
const SHA256_BYTES: usize = 32;

pub(super) fn check(
    context: &Context<'_, '_>,
    signature: &SignatureDictionary,
    value: &[u8],
    signed: Message<'_>,
    checks: &mut Checks,
) -> Signer {
    let mut signer = Signer {
        kind: Some(SignatureKind::Cms),
        ..Signer::default()
    };
    let data = match SignedData::parse(value) {
        Ok(data) => data,
        Err(error) => {
            let detail = format!("/Contents holds no SignedData with one signer: {error}");
            checks.fail(FindingCode::FormatFailure, detail);
            return signer;
        }
    };
    if data.content_type == TST_INFO {
        return stamp::check_document(context, &data, value, signed, checks);
    }
    if signature.is_timestamp {
        let detail = "a document timestamp that holds no timestamp token";
        checks.fail(FindingCode::FormatFailure, detail);
        return signer;
    }
    if !DATA.contains(&data.content_type) {
        let detail = format!("what is signed is no plain data but {}", data.content_type);
        checks.fail(FindingCode::FormatFailure, detail);
    }
    checks.pass(FindingCode::FormatFailure, "a SignedData with one signer");
    let attributes = data.attributes.as_ref();
    signer.signed_at = attributes.and_then(|attributes| attributes.signing_time);
    let messages = bind(&data, signed, checks);
    let (certificate, carried) = match certificates(context, &data) {
        Ok(certificates) => certificates,
        Err(detail) => {
            checks.fail(FindingCode::FormatFailure, detail);
            return signer;
        }
    };
    let Some(certificate) = certificate else {
        let detail = "the signer's certificate is not in the file";
        checks.unknown(FindingCode::NoSigningCertificateFound, detail);
        return signer;
    };
    signer.name = Some(certificate.subject_text().to_owned());
    signer.organisation = certificate.organisation().map(str::to_owned);
    check_named_certificate(&data, &certificate, checks);
    check_signature(&data, &certificate, &messages, checks);
    let own = &Evidence::of(&data.revocation);
    let stamped = stamp::check(context, &data, &carried, own, checks);
    let question = trust::Question {
        context,
        carried: &carried,
        own,
        proven: stamped.into_iter().chain(context.proven).min(),
    };
    signer.certificates = trust::check(&question, &certificate, checks);
    check_stated_time(signer.signed_at, context, checks);
    if stamped.is_some() {
        signer.signed_at = stamped;
    }
    signer
}

/// What the signature may be over, with a name for each; the standard form first.
type Messages<'m> = Vec<(&'static str, Signed<'m>)>;

enum Signed<'m> {
    /// What `/ByteRange` covers.
    Covered(Message<'m>),
    /// Attributes, or content in the signed value.
    Bytes(Vec<u8>),
}

impl Signed<'_> {
    fn message(&self) -> Message<'_> {
        match self {
            Self::Covered(message) => *message,
            Self::Bytes(bytes) => Message::of(bytes),
        }
    }
}

/// Whether the signed value is for these bytes: `HASH_FAILURE` and the form of the attributes.
fn bind<'m>(data: &SignedData<'_>, signed: Message<'m>, checks: &mut Checks) -> Messages<'m> {
    let Some(digest) = DigestAlgorithm::parse(&data.digest_algorithm.to_string()) else {
        let detail = format!("digest algorithm {} is not accepted", data.digest_algorithm);
        checks.unknown(FindingCode::CryptoConstraintsFailure, detail);
        return Vec::new();
    };
    if !data
        .digest_algorithms
        .iter()
        .any(|known| is_digest(known, digest))
    {
        let detail = "the signer's digest algorithm is not announced";
        checks.fail(FindingCode::FormatFailure, detail);
    }
    let algorithm =
        SignatureAlgorithm::from_oids(data.algorithm, Some(data.digest_algorithm), data.parameters);
    if algorithm.is_ok_and(|algorithm| algorithm.digest() != digest) {
        let detail = "the signature's algorithm has another digest than the signer names";
        checks.fail(FindingCode::HashFailure, detail);
    }
    let without_attributes = "signed without attributes";
    if data.content.is_none() && data.attributes.is_none() {
        // Digested once, by whoever verifies the signature over it.
        checks.pass(FindingCode::HashFailure, without_attributes);
        return vec![("what is covered", Signed::Covered(signed))];
    }
    let hash = match signed.digest(digest) {
        Ok(hash) => hash,
        Err(error) => {
            checks.unknown(FindingCode::HashFailure, error.to_string());
            return Vec::new();
        }
    };
    let content_hash = match data.content {
        None => hash,
        Some(content) if is_digest_itself(content, &hash) => digest.digest(content),
        Some(_) => {
            let detail = "the signed content is not what /ByteRange covers";
            checks.fail(FindingCode::HashFailure, detail);
            return Vec::new();
        }
    };
    let Some(attributes) = &data.attributes else {
        checks.pass(FindingCode::HashFailure, without_attributes);
        let content = data.content.unwrap_or_default();
        return vec![("what is covered", Signed::Bytes(content.to_vec()))];
    };
    if attributes.content_type != Some(data.content_type) {
        let detail = "the signed content type is missing, or is not that of the content";
        checks.fail(FindingCode::FormatFailure, detail);
    }
    if attributes.message_digest == content_hash {
        let detail = format!("what is covered has the signed {}", digest.as_str());
        checks.pass(FindingCode::HashFailure, detail);
    } else {
        let detail = format!(
            "what is covered has another {} than was signed",
            digest.as_str()
        );
        checks.fail(FindingCode::HashFailure, detail);
    }
    let (sorted, as_written) = (attributes.sorted_bytes(), attributes.signed_bytes());
    let other = (sorted != as_written).then_some((
        "the signed attributes in the order in which they stand",
        Signed::Bytes(as_written),
    ));
    let standard = ("the signed attributes", Signed::Bytes(sorted));
    [standard].into_iter().chain(other).collect()
}

/// \[P\] Some vendors put the digest of the file into the content, as it is or in base64 (dialect
/// of ofdrw).
fn is_digest_itself(content: &[u8], hash: &[u8]) -> bool {
    content == hash || content.trim_ascii() == STANDARD.encode(hash).as_bytes()
}

fn is_digest(identifier: &ObjectIdentifier, digest: DigestAlgorithm) -> bool {
    DigestAlgorithm::parse(&identifier.to_string()) == Some(digest)
}

type Certificates = (Option<Arc<Certificate>>, Vec<Arc<Certificate>>);

/// The signer's certificate and the others, with those that the file carries for later.
fn certificates(context: &Context<'_, '_>, data: &SignedData<'_>) -> Result<Certificates, String> {
    let (signer, mut carried) = split_certificates(data)?;
    carried.extend_from_slice(&context.carried.certificates);
    Ok((signer, carried))
}

/// Whether the certificate is the one that was signed along (RFC 5035 §5).
fn check_named_certificate(data: &SignedData<'_>, certificate: &Certificate, checks: &mut Checks) {
    let Some(attributes) = &data.attributes else {
        return;
    };
    for named in &attributes.signing_certificates {
        let digest = match named.algorithm {
            Some(algorithm) => DigestAlgorithm::parse(&algorithm.to_string()),
            None if named.value.len() == SHA256_BYTES => Some(DigestAlgorithm::Sha256),
            // The older form is SHA-1, which proves nothing.
            None => continue,
        };
        let is_this = digest.is_some_and(|digest| digest.digest(certificate.der()) == named.value);
        if is_this {
            let detail = "the signer's certificate is the one that was signed along";
            checks.pass(FindingCode::SigConstraintsFailure, detail);
        } else {
            let detail = "the signer's certificate is not the one that was signed along";
            checks.fail(FindingCode::SigConstraintsFailure, detail);
        }
    }
}

fn check_signature(
    data: &SignedData<'_>,
    certificate: &Certificate,
    messages: &Messages<'_>,
    checks: &mut Checks,
) {
    let algorithm =
        SignatureAlgorithm::from_oids(data.algorithm, Some(data.digest_algorithm), data.parameters);
    let (algorithm, key) = match (algorithm, certificate.key()) {
        (Ok(algorithm), Ok(key)) => (algorithm, key),
        (Err(error), _) | (_, Err(error)) => {
            checks.unknown(FindingCode::CryptoConstraintsFailure, error.to_string());
            return;
        }
    };
    checks.pass(FindingCode::CryptoConstraintsFailure, algorithm.to_string());
    if messages.is_empty() {
        let detail = "what was signed cannot be told, so the signature was not checked";
        checks.skip(FindingCode::SigCryptoFailure, detail);
        return;
    }
    for (position, (name, message)) in messages.iter().enumerate() {
        match algorithm::verify_message(key, algorithm, message.message(), data.signature) {
            Ok(SignatureForm::Raw) => {
                let detail = "the signature is 64 raw bytes instead of DER";
                checks.fail(FindingCode::FormatFailure, detail);
                return;
            }
            Ok(SignatureForm::Standard) => {
                let detail = format!("the signature holds over {name}");
                if position == 0 {
                    checks.pass(FindingCode::SigCryptoFailure, detail);
                } else {
                    checks.warn(FindingCode::SigCryptoFailure, CheckResult::Pass, detail);
                }
                return;
            }
            Err(error @ AlgorithmError::TooLong) => {
                checks.unknown(FindingCode::CryptoConstraintsFailure, error.to_string());
                return;
            }
            Err(_) => {}
        }
    }
    let detail = "the signature does not hold";
    checks.fail(FindingCode::SigCryptoFailure, detail);
}

/// `TIME_FUTURE`: nobody signs tomorrow.
fn check_stated_time(
    signed_at: Option<DateTime<Utc>>,
    context: &Context<'_, '_>,
    checks: &mut Checks,
) {
    let rules = crate::signed_value::TrustOptions::at(context.options.at);
    match signed_at {
        Some(signed_at) if signed_at > rules.at + rules.clock_skew => {
            let (signed_at, now) = (signed_at.to_rfc3339(), rules.at.to_rfc3339());
            let detail = format!("signed {signed_at}; that is after {now}");
            checks.fail(FindingCode::TimeFuture, detail);
        }
        Some(signed_at) => {
            checks.pass(
                FindingCode::TimeFuture,
                format!("signed {}", signed_at.to_rfc3339()),
            );
        }
        None => checks.skip(FindingCode::TimeFuture, "the signer states no time"),
    }
}
