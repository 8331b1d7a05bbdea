//! What seals and signatures have in common: a signature, a signer's certificate, a time.

use std::sync::Arc;

use chrono::{DateTime, Duration, Utc};
use der::asn1::ObjectIdentifier;
use schemas::date::parse_instant;
use schemas::verdict::{CertificateReport, CheckResult, Checks, FindingCode};

use super::known_seal::BeginsWithSeal;
use super::stamp::SignedAt;
use super::{Question, SignatureClaim};
use crate::algorithm::{self, AlgorithmError, SignatureAlgorithm, SignatureForm};
use crate::certificate::Certificate;
use crate::digest::DigestAlgorithm;
use crate::message::Message;
use crate::path::{self, Chain, PathError};
use crate::revocation::{self, Inquiry, RevocationStatus};

/// Differences between the two places that state a signing time which are worth mentioning.
const NOTABLE_TIME_DIFFERENCE: Duration = Duration::minutes(10);

/// A signature with everything needed to verify it.
pub(crate) struct SignatureToCheck<'a> {
    /// Finding to raise when it does not hold.
    pub(crate) code: FindingCode,
    /// Who signed, for the report: `signer` or `seal maker`.
    pub(crate) role: &'static str,
    pub(crate) certificate: &'a Certificate,
    pub(crate) algorithm: ObjectIdentifier,
    /// Digest named apart from the signature algorithm (CMS).
    pub(crate) digest: Option<ObjectIdentifier>,
    /// Parameters of the signature algorithm, as they stand in the file.
    pub(crate) parameters: Option<&'a [u8]>,
    /// What may have been signed, the standard form first, with a name for each.
    pub(crate) messages: &'a [(&'static str, &'a [u8])],
    /// The known seal that all of them begin with.
    pub(crate) begins: Option<BeginsWithSeal<'a>>,
    pub(crate) signature: &'a [u8],
}

/// `SIG_ALG`, then `SIG_INVALID` or `SEAL_SIG_INVALID`, then `RAW_RS` where it applies.
pub(crate) fn check_signature(checks: &mut Checks, subject: &SignatureToCheck<'_>) {
    let role = subject.role;
    let algorithm = match SignatureAlgorithm::from_oids(
        subject.algorithm,
        subject.digest,
        subject.parameters,
    ) {
        Ok(algorithm) => algorithm,
        Err(cause) => {
            checks.fail(FindingCode::SigAlg, format!("{role}: {cause}"));
            return;
        }
    };
    let key = match subject.certificate.key() {
        Ok(key) => key,
        Err(cause) => {
            checks.fail(FindingCode::SigAlg, format!("{role}: {cause}"));
            return;
        }
    };
    checks.pass(FindingCode::SigAlg, format!("{role}: {algorithm}"));
    let mut cause = AlgorithmError::Invalid;
    for (variant, message) in subject.messages {
        let outcome = match (subject.begins, key.as_sm2(), algorithm) {
            (Some(begins), Some(sm2), SignatureAlgorithm::Sm2) => {
                let digest = begins.digest(sm2, message);
                algorithm::verify_sm2(sm2, &digest, subject.signature)
            }
            _ => algorithm::verify(key, algorithm, message, subject.signature),
        };
        match outcome {
            Ok(form) => {
                checks.pass(
                    subject.code,
                    format!("the {role}'s signature holds over {variant}"),
                );
                if form == SignatureForm::Raw {
                    checks.warn(
                        FindingCode::RawRs,
                        CheckResult::Fail,
                        format!("the {role}'s signature is 64 raw bytes instead of DER"),
                    );
                }
                return;
            }
            Err(error) => cause = error,
        }
    }
    checks.fail(subject.code, format!("{role}: {cause}"));
}

/// Whether `stated` is the digest of what was signed: SM3 always counts (GB/T 38540-2020),
/// else the digest that goes with the signature's algorithm.
pub(super) fn check_data_hash(
    checks: &mut Checks,
    stated: &[u8],
    signed: Message<'_>,
    algorithm: ObjectIdentifier,
) {
    let own = SignatureAlgorithm::from_oid(algorithm)
        .ok()
        .map(SignatureAlgorithm::digest)
        .filter(|own| *own != DigestAlgorithm::Sm3);
    let holds = [Some(DigestAlgorithm::Sm3), own]
        .into_iter()
        .flatten()
        .find(|digest| signed.has_digest(*digest, stated));
    match holds {
        Some(digest) => checks.pass(
            FindingCode::DataHash,
            format!(
                "the signed value holds the {} of what is signed",
                digest.as_str()
            ),
        ),
        None => checks.fail(
            FindingCode::DataHash,
            "the signed value is for something else, or what was signed was changed",
        ),
    }
}

/// Path, period, usage and revocation of the signer's certificate; the path, for the report.
pub(super) fn check_signer(
    checks: &mut Checks,
    certificate: &Arc<Certificate>,
    carried: &[Arc<Certificate>],
    signed_at: SignedAt,
    question: &Question<'_>,
) -> Vec<CertificateReport> {
    let proven = signed_at
        .proven
        .into_iter()
        .chain(question.options.proven)
        .min();
    let counts = match question.options.stated_time_counts {
        true => proven.or(signed_at.stated),
        false => Some(proven.unwrap_or(question.options.at)),
    };
    let at = counts.unwrap_or(question.options.at);
    let chain = path::build(certificate, carried, question.trust, at, question.effort);
    let certificates = certificate.report_with(&chain);
    match &chain {
        Ok(chain) => checks.pass(FindingCode::Untrusted, path_text("signer", chain)),
        Err(cause) => checks.unknown(
            FindingCode::Untrusted,
            format!(
                "no path from the signer {} to an anchor: {cause}",
                certificate.subject_text()
            ),
        ),
    }
    match counts {
        Some(counts) => check_period(checks, certificate, counts),
        None => checks.unknown(FindingCode::SignerCertTime, "no readable signing time"),
    }
    if certificate.may_sign_documents() {
        checks.pass(
            FindingCode::SignerCertUsage,
            "the signer's key may sign documents",
        );
    } else {
        checks.fail(
            FindingCode::SignerCertUsage,
            "the signer's certificate is not for signing documents: keyUsage has neither \
             digitalSignature nor nonRepudiation, or extKeyUsage names other purposes only",
        );
    }
    check_revocation(
        checks,
        FindingCode::SignerRevoked,
        "signer",
        chain,
        &Moment { at, proven },
        question,
    );
    certificates
}

/// Whether the signer's certificate was valid when it was used.
fn check_period(checks: &mut Checks, certificate: &Certificate, signed_at: DateTime<Utc>) {
    let detail = format!(
        "judged as of {}; the certificate is valid from {} to {}",
        text(signed_at),
        text(certificate.not_before()),
        text(certificate.not_after())
    );
    if certificate.is_valid_at(signed_at) {
        checks.pass(FindingCode::SignerCertTime, detail);
    } else {
        checks.fail(FindingCode::SignerCertTime, detail);
    }
}

/// The time at which a path is judged.
pub(super) struct Moment {
    pub(super) at: DateTime<Utc>,
    /// When the signature is proven to have existed.
    pub(super) proven: Option<DateTime<Utc>>,
}

/// Revocation of each certificate of a path; one revoked later than `at` does not count.
///
/// Missing lists of the CAs above the first are mentioned only where the policy demands them:
/// roots of licence CAs seldom publish any.
pub(super) fn check_revocation(
    checks: &mut Checks,
    code: FindingCode,
    role: &str,
    chain: Result<Chain, PathError>,
    moment: &Moment,
    question: &Question<'_>,
) {
    let Ok(chain) = chain else {
        checks.skip(
            code,
            format!("{role}: no path, so no issuer whose lists could be asked"),
        );
        return;
    };
    let inquiry = Inquiry {
        trust: question.trust,
        anchor: chain.anchor(),
        evidence: question.evidence,
        policy: &question.options.revocation,
        now: question.options.at,
        proven: moment.proven,
        effort: question.effort,
    };
    for (position, (certificate, issuer)) in chain.links().enumerate() {
        let subject = certificate.subject_text();
        let status = revocation::status(certificate, issuer, &inquiry);
        let required = question.options.revocation.is_status_required();
        match status {
            RevocationStatus::Revoked { since } if since <= moment.at => {
                checks.fail(
                    code,
                    format!("{role}: {subject} is revoked since {}", text(since)),
                );
            }
            RevocationStatus::Revoked { since } => {
                let since = text(since);
                checks.pass(
                    code,
                    format!("{role}: {subject} was revoked later, {since}"),
                );
            }
            RevocationStatus::Good => {
                checks.pass(code, format!("{role}: {subject} is not revoked"));
            }
            RevocationStatus::Stale { until } => checks.unknown(
                FindingCode::RevocationUnknown,
                format!(
                    "{role}: what is known of {subject} counted until {}",
                    text(until)
                ),
            ),
            RevocationStatus::Unknown if required => checks.unknown(
                FindingCode::RevocationUnknown,
                format!(
                    "{role}: nobody says whether {subject} is revoked, and the policy requires it"
                ),
            ),
            RevocationStatus::Unknown if position == 0 => checks.warn(
                FindingCode::RevocationUnknown,
                CheckResult::Unknown,
                format!("{role}: nobody says whether {subject} is revoked"),
            ),
            RevocationStatus::Unknown => {
                checks.skip(
                    code,
                    format!("{role}: nobody says whether {subject} is revoked"),
                );
            }
        }
    }
}

/// `TIME_FUTURE`, with a word on `SignatureDateTime` where it says something else.
pub(super) fn check_time(
    checks: &mut Checks,
    signed_at: Option<DateTime<Utc>>,
    claim: &SignatureClaim<'_>,
    question: &Question<'_>,
) {
    let Some(signed_at) = signed_at else {
        checks.unknown(FindingCode::TimeFuture, "no readable signing time");
        return;
    };
    let mut detail = format!("signed {}", text(signed_at));
    let stated = claim
        .signature_date_time
        .and_then(|text| parse_instant(text.trim()).ok());
    if let Some(stated) = stated
        && (stated - signed_at).abs() > NOTABLE_TIME_DIFFERENCE
    {
        detail = format!("{detail}; SignatureDateTime differs: {}", text(stated));
    }
    if signed_at > question.options.at + question.options.clock_skew {
        let now = text(question.options.at);
        checks.fail(
            FindingCode::TimeFuture,
            format!("{detail}; that is after {now}"),
        );
    } else {
        checks.pass(FindingCode::TimeFuture, detail);
    }
}

/// A path for the report: from whom to which anchor.
pub(super) fn path_text(role: &str, chain: &Chain) -> String {
    let anchor = chain.anchor().map_or("", Certificate::subject_text);
    format!(
        "path of {} certificates from the {role} to {anchor}",
        chain.len()
    )
}

fn text(instant: DateTime<Utc>) -> String {
    instant.to_rfc3339()
}
