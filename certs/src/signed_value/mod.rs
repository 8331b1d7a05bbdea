//! One seal or signature of an OFD file: may it be trusted at time t?
//!
//! Every check is reported, in this order: form, binding to the signature file, signature,
//! signer's certificate, and for seals the list of signers, the maker's signature and
//! certificate, and the periods. What a failed check does to
//! the verdict: ARCHITECTURE.md, Verdicts.

pub(crate) mod known_seal;
pub(crate) mod seal;
mod seal_status;
pub(crate) mod sign;
pub(crate) mod signer;
mod stamp;

use chrono::{DateTime, Duration, Utc};
use schemas::verdict::{
    CertificateReport, Checks, FindingCode, SealUse, SealVersion, SignatureKind,
};

use crate::effort::Effort;
use crate::message::Message;
use crate::revocation::Evidence;
use crate::trust::TrustStore;

pub use crate::revocation::RevocationPolicy;
pub use seal_status::{SealEvidence, StatusSource, check_seal_status};

/// Signing times up to this much after the time of the question are taken for clock differences
/// (`\[P\]` profile).
const DEFAULT_CLOCK_SKEW: Duration = Duration::minutes(10);

/// What a signature claims about itself and where it was found; nothing of it is trusted yet.
#[derive(Clone, Copy)]
pub struct SignatureClaim<'a> {
    /// Identifier of the signature inside the file.
    pub id: &'a str,
    /// What the signed value is for: all bytes of `Signature.xml` as stored, or those of a PDF that
    /// `/ByteRange` covers.
    pub signed: Message<'a>,
    /// Absolute path of `Signature.xml` inside the package; none in a PDF.
    pub signature_xml_path: Option<&'a str>,
    /// Bytes of `Seal.esl`, when the signature names one.
    pub seal_file: Option<&'a [u8]>,
    /// Text of `SignatureDateTime`.
    pub signature_date_time: Option<&'a str>,
    /// Text of `SignatureMethod`.
    pub signature_method: Option<&'a str>,
}

/// What was found out about one signature.
#[derive(Clone, Debug)]
pub struct SignatureFindings {
    /// Kind of signature.
    pub kind: SignatureKind,
    /// Layout of the seal, for kind `seal`.
    pub seal_version: Option<SealVersion>,
    /// Subject of the signer's certificate, RFC 4514 text.
    pub signer: Option<String>,
    /// Organisation (O) in the subject of the signer's certificate.
    pub signer_organisation: Option<String>,
    /// Name of the seal.
    pub seal_name: Option<String>,
    /// The seal that the signature was made with, for asking about its status.
    pub seal: Option<SealUse>,
    /// Signing time that counted.
    pub signed_at: Option<DateTime<Utc>>,
    /// When it existed at the latest, by its own timestamp.
    pub proven_at: Option<DateTime<Utc>>,
    /// The signer's certificate, those above it, the seal maker's.
    pub certificates: Vec<CertificateReport>,
    /// The checks in order.
    pub checks: Checks,
}

/// The time and the rules of a trust decision.
#[derive(Clone, Copy, Debug)]
pub struct TrustOptions {
    /// The time at which the question is asked.
    pub at: DateTime<Utc>,
    /// How old revocation data may be, and what it means when there are none.
    pub revocation: RevocationPolicy,
    /// How far a signing time may lie after `at`.
    pub clock_skew: Duration,
    /// Whether the time that the signer states counts. In OFD it does; in PDF only what is proven
    /// does, else the signer's certificate is judged as of `at` (EN 319 102-1 §5.5).
    pub stated_time_counts: bool,
    /// When the signature is proven to have existed, by a timestamp over the whole file.
    pub proven: Option<DateTime<Utc>>,
}

impl TrustOptions {
    /// The default rules at time `at`.
    #[must_use]
    pub const fn at(at: DateTime<Utc>) -> Self {
        Self {
            at,
            revocation: RevocationPolicy::DEFAULT,
            clock_skew: DEFAULT_CLOCK_SKEW,
            stated_time_counts: true,
            proven: None,
        }
    }
}

/// Checks a signed value of type `Seal`: `SES_Signature` of GM/T 0031-2014, GB/T 38540-2020 or
/// GM/T 0031-2025.
#[must_use]
pub fn check_seal(
    signed_value: &[u8],
    claim: &SignatureClaim<'_>,
    trust: &TrustStore,
    options: &TrustOptions,
) -> SignatureFindings {
    let question = Question {
        trust,
        options,
        evidence: &[],
        effort: &Effort::of_a_file(),
    };
    seal::check(signed_value, claim, &question)
}

/// Checks a signed value of type `Sign`: GB/T 35275-2017 `SignedData`, or a bare SM2 signature.
#[must_use]
pub fn check_sign(
    signed_value: &[u8],
    claim: &SignatureClaim<'_>,
    trust: &TrustStore,
    options: &TrustOptions,
) -> SignatureFindings {
    let question = Question {
        trust,
        options,
        evidence: &[],
        effort: &Effort::of_a_file(),
    };
    sign::check(signed_value, claim, &question)
}

/// What is trusted, and when it is asked.
#[derive(Clone, Copy)]
pub(crate) struct Question<'a> {
    pub(crate) trust: &'a TrustStore,
    pub(crate) options: &'a TrustOptions,
    /// Revocation data that came with the file.
    pub(crate) evidence: &'a [&'a Evidence<'a>],
    /// What the file may still cost.
    pub(crate) effort: &'a Effort,
}

impl SignatureFindings {
    const fn new(kind: SignatureKind) -> Self {
        Self {
            kind,
            seal_version: None,
            signer: None,
            signer_organisation: None,
            seal_name: None,
            seal: None,
            signed_at: None,
            proven_at: None,
            certificates: Vec::new(),
            checks: Checks::new(),
        }
    }

    fn malformed(kind: SignatureKind, detail: String) -> Self {
        let mut findings = Self::new(kind);
        findings.checks.fail(FindingCode::SvMalformed, detail);
        findings
    }
}

#[cfg(test)]
mod tests;
