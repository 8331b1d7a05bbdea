//! Type `Sign`: GB/T 35275-2017 `SignedData`, or a bare SM2 signature.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use schemas::date::parse_instant;
use schemas::seal::{SignedData, SignerIdentifier, ber};
use schemas::verdict::{Checks, FindingCode, SignatureKind};

use super::signer::{SignatureToCheck, check_signature, check_signer, check_time};
use super::stamp::{self, SignedAt, Token};
use super::{Question, SignatureClaim, SignatureFindings};
use crate::algorithm::is_sm2_signature;
use crate::certificate::Certificate;
use crate::digest::DigestAlgorithm;
use crate::message::Message;
use crate::revocation::Evidence;

/// The checks on a digital signature (ARCHITECTURE.md, Standards).
pub(crate) fn check(
    signed_value: &[u8],
    claim: &SignatureClaim<'_>,
    question: &Question<'_>,
) -> SignatureFindings {
    let in_der = ber::definite(signed_value);
    let data = match SignedData::parse(&in_der) {
        Ok(data) => data,
        Err(_) if is_sm2_signature(signed_value) => return bare(claim, question),
        Err(cause) => {
            let detail = format!("neither a SignedData nor a bare signature: {cause}");
            return SignatureFindings::malformed(SignatureKind::Sign, detail);
        }
    };
    let mut findings = SignatureFindings::new(SignatureKind::Sign);
    let own_time = data
        .attributes
        .as_ref()
        .and_then(|attributes| attributes.signing_time);
    findings.signed_at = stated_time(claim).or(own_time);
    findings
        .checks
        .pass(FindingCode::SvMalformed, "a SignedData with one signer");
    let bound = match claim.signed.copied() {
        Ok(signed) => check_binding(&mut findings.checks, &data, &signed),
        Err(cause) => return SignatureFindings::malformed(SignatureKind::Sign, cause.to_string()),
    };

    let (signer, carried) = match split_certificates(&data) {
        Ok(certificates) => certificates,
        Err(detail) => {
            findings.checks.fail(FindingCode::SvMalformed, detail);
            return findings;
        }
    };
    let checks = &mut findings.checks;
    let Some(signer) = signer else {
        checks.unknown(
            FindingCode::Untrusted,
            "the signer's certificate is not in the SignedData",
        );
        check_time(checks, findings.signed_at, claim, question);
        return findings;
    };
    findings.signer = Some(signer.subject_text().to_owned());
    findings.signer_organisation = signer.organisation().map(str::to_owned);
    check_made(checks, &data, &signer, &bound);
    let own = Evidence::of(&data.revocation);
    let question = &Question {
        evidence: &[&own],
        ..*question
    };
    let stated = findings.signed_at;
    let proven = data.timestamp.and_then(|bytes| {
        let token = Token {
            role: "signer",
            bytes,
            readings: &[Message::of(data.signature)],
            carried: &carried,
        };
        stamp::proven(checks, &token, stated, question)
    });
    let signed_at = SignedAt { stated, proven };
    findings.certificates = check_signer(checks, &signer, &carried, signed_at, question);
    check_time(checks, stated, claim, question);
    findings.signed_at = signed_at.counts();
    findings
}

/// Whether the signer signed the attributes, or one of the forms that are bound.
fn check_made(
    checks: &mut Checks,
    data: &SignedData<'_>,
    signer: &Certificate,
    bound: &[NamedBytes],
) {
    let attributes = data
        .attributes
        .as_ref()
        .map(|attributes| attributes.signed_bytes());
    let messages: Vec<_> = match &attributes {
        Some(bytes) => vec![("the signed attributes", bytes.as_slice())],
        None => bound
            .iter()
            .map(|(name, bytes)| (*name, bytes.as_slice()))
            .collect(),
    };
    check_signature(
        checks,
        &SignatureToCheck {
            code: FindingCode::SigInvalid,
            role: "signer",
            certificate: signer,
            algorithm: data.algorithm,
            digest: Some(data.digest_algorithm),
            parameters: data.parameters,
            messages: &messages,
            begins: None,
            signature: data.signature,
        },
    );
}

/// A signature without any certificate: nothing contradicts it, nothing proves it.
fn bare(claim: &SignatureClaim<'_>, question: &Question<'_>) -> SignatureFindings {
    let mut findings = SignatureFindings::new(SignatureKind::Sign);
    findings.signed_at = stated_time(claim);
    let checks = &mut findings.checks;
    checks.pass(FindingCode::SvMalformed, "a bare SM2 signature");
    checks.skip(
        FindingCode::SigInvalid,
        "a bare signature names no certificate, so there is no key to verify it with",
    );
    checks.unknown(
        FindingCode::Untrusted,
        "a bare signature does not say who signed",
    );
    check_time(checks, findings.signed_at, claim, question);
    findings
}

/// `SignatureDateTime`, which is the signing time of this type (ARCHITECTURE.md, Verdicts).
fn stated_time(claim: &SignatureClaim<'_>) -> Option<chrono::DateTime<chrono::Utc>> {
    claim
        .signature_date_time
        .and_then(|text| parse_instant(text.trim()).ok())
}

type NamedBytes = (&'static str, Vec<u8>);

/// `DATAHASH`: whether what was signed is the signature file, and in which forms it may have been
/// signed.
///
/// The standard form is the SM3 of the file as content; some vendors write it in base64, sign the
/// file itself, or keep the content out of the structure.
fn check_binding(
    checks: &mut Checks,
    data: &SignedData<'_>,
    signature_xml: &[u8],
) -> Vec<NamedBytes> {
    let Some(digest) = DigestAlgorithm::parse(&data.digest_algorithm.to_string()) else {
        let detail = format!("digest algorithm {} is not accepted", data.digest_algorithm);
        checks.fail(FindingCode::SigAlg, detail);
        return Vec::new();
    };
    let hash = digest.digest(signature_xml);
    let forms = [
        ("the digest of the signature file", hash.clone()),
        (
            "the digest of the signature file in base64",
            STANDARD.encode(&hash).into_bytes(),
        ),
        ("the signature file", signature_xml.to_vec()),
    ];
    let bound: Vec<NamedBytes> = match data.content {
        None => forms.to_vec(),
        Some(content) => forms
            .iter()
            .filter(|(_, form)| form.as_slice() == content.trim_ascii() || form == content)
            .map(|(name, _)| (*name, content.to_vec()))
            .collect(),
    };
    // RFC 5652 §5.4: with attributes, messageDigest is the digest of the content.
    let attributes_hold = data.attributes.as_ref().is_none_or(|attributes| {
        let stated = attributes.message_digest;
        stated == hash
            || bound
                .iter()
                .any(|(_, content)| digest.digest(content) == stated)
    });
    if bound.is_empty() || !attributes_hold {
        checks.fail(
            FindingCode::DataHash,
            "the signed value is for another signature file, or that file was changed",
        );
    } else {
        checks.pass(
            FindingCode::DataHash,
            "the signed value is for this signature file",
        );
    }
    match data.content {
        // The signature is still worth checking when the binding failed.
        Some(content) if bound.is_empty() => vec![("the content", content.to_vec())],
        _ => bound,
    }
}

pub(crate) type Certificates = (Option<Arc<Certificate>>, Vec<Arc<Certificate>>);

/// The signer's certificate and the others. What is no certificate beside the signer's, such as one
/// of attributes (RFC 5652 §10.2.2), helps no path and harms none.
///
/// # Errors
/// The signer's certificate is not among those that can be read, and some cannot.
pub(crate) fn split_certificates(data: &SignedData<'_>) -> Result<Certificates, String> {
    let (mut signer, mut unreadable) = (None, None);
    let mut carried = Vec::new();
    for der in &data.certificates {
        let certificate = match Certificate::shared(der) {
            Ok(certificate) => certificate,
            Err(cause) => {
                let cause = format!("a certificate of the SignedData: {cause}");
                unreadable.get_or_insert(cause);
                continue;
            }
        };
        let is_signer = match data.signer {
            SignerIdentifier::IssuerAndSerial { issuer, serial } => {
                certificate.issuer() == issuer && certificate.serial() == serial
            }
            SignerIdentifier::KeyIdentifier(id) => certificate.subject_key_id() == Some(id),
        };
        if is_signer && signer.is_none() {
            signer = Some(certificate);
        } else {
            carried.push(certificate);
        }
    }
    match unreadable.filter(|_| signer.is_none()) {
        Some(cause) => Err(cause),
        None => Ok((signer, carried)),
    }
}
