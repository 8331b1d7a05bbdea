//! The verdict on one file: what was checked, with which result, and what it adds up to.
//!
//! What they mean (ARCHITECTURE.md, Verdicts): `invalid` when something is broken or a stated
//! fact contradicts it, `indeterminate` when evidence is missing, `valid` when every required
//! check passed. Warnings never change the verdict.

mod certificate;
mod checks;
mod finding;
mod information;

use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

pub use self::certificate::{CertificateReport, CertificateRole};
pub use self::checks::{Check, CheckResult, Checks, Effect};
pub use self::finding::FindingCode;
pub use self::information::{InformationResult, NoInformationResult};
use crate::metadata::Metadata;

/// Instead of an indication of EN 319 102-1, which is about a signature that is there.
const NO_SIGNATURE: &str = "NO-SIGNATURE";

/// What the checks add up to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// Every required check passed.
    Valid,
    /// Something is broken, or a stated fact contradicts the file.
    Invalid,
    /// Nothing is broken, but evidence is missing.
    Indeterminate,
}

/// What kind of signature a report line is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SignatureKind {
    /// An e-seal: `SES_Signature` of GB/T 38540-2020, GM/T 0031-2014 or GM/T 0031-2025.
    Seal,
    /// An OFD digital signature of type `Sign`: GB/T 35275 `SignedData`.
    Sign,
    /// A CMS signature in a PDF.
    Cms,
    /// A document timestamp.
    Timestamp,
}

/// Layout of the e-seal, decided by structure, never by the version number written in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum SealVersion {
    /// GM/T 0031-2014.
    V1,
    /// GB/T 38540-2020.
    V4,
    /// GM/T 0031-2025.
    V5,
}

/// Report on one signature of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignatureReport {
    /// Identifier of the signature inside the file, as written there.
    pub id: String,
    /// Kind of signature.
    #[serde(rename = "type")]
    pub kind: SignatureKind,
    /// Layout of the seal, for kind `seal`.
    pub seal_version: Option<SealVersion>,
    /// Subject of the signer's certificate, RFC 4514 text.
    pub signer: Option<String>,
    /// Signing time that counted.
    pub signed_at: Option<DateTime<Utc>>,
    /// What this signature's checks add up to.
    pub verdict: Outcome,
    /// EN 319 102-1 indication: `TOTAL-PASSED`, `TOTAL-FAILED` or `INDETERMINATE`.
    pub indication: String,
    /// EN 319 102-1 subindication, when not passed.
    pub subindication: Option<String>,
    /// How many bytes from the beginning of the file are the revision that was signed: a file by
    /// itself, as the signer saw it. None for OFD, whose signatures cover parts of a package, and
    /// where a PDF's signature does not cover its revision.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signed_bytes: Option<u64>,
    /// `whole` when every file reachable from the shown document is covered by this signature,
    /// else `partial`.
    pub coverage: String,
    /// Changes after signing, for PDF; empty for OFD.
    pub modifications: Vec<String>,
    /// The signer's certificate, those above it up to the anchor when a path was found, and the
    /// seal maker's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub certificates: Vec<CertificateReport>,
    /// The checks in order.
    pub checks: Checks,
    /// The seal that it was made with, for asking about its status; not part of the published
    /// shape.
    #[serde(skip)]
    pub seal: Option<SealUse>,
}

/// Which seal a signature was made with, and by whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealUse {
    /// SM3 of the seal's DER, lower-case hex.
    pub seal_sm3: String,
    /// `esID` of the seal.
    pub es_id: String,
    /// SM3 of the signer's certificate in DER, lower-case hex.
    pub signer_sm3: String,
}

/// Kind of file that was verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FileKind {
    /// OFD, GB/T 33190-2016.
    Ofd,
    /// PDF, ISO 32000.
    Pdf,
    /// Neither.
    Unknown,
}

/// How strict the verification is about changes after signing (PDF only so far).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Profile {
    /// After signing only validation data, document timestamps and further signatures.
    #[default]
    Licence,
    /// The rules of ETSI and ISO.
    General,
}

/// Everything a verification says about one file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// Kind of file.
    pub kind: FileKind,
    /// Profile that was applied.
    pub profile: Profile,
    /// The verdict.
    pub verdict: Outcome,
    /// The most telling failing finding; none when valid.
    pub code: Option<FindingCode>,
    /// EN 319 102-1 indication of the worst signature, or `NO-SIGNATURE`; empty in verdicts that
    /// older versions wrote.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub indication: String,
    /// EN 319 102-1 subindication of the worst signature, when not passed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subindication: Option<String>,
    /// Result code of GB/T 36906 file verification: 0 passed, 1 seal check failed, 2 file check
    /// failed (ARCHITECTURE.md, Verdicts).
    pub gb36906: u8,
    /// Result of GB/T 36906 information verification: what the directory says about the licence
    /// that the file names. None where no directory was asked, or the one that was asked does not
    /// cover this licence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gb36906_information: Option<InformationResult>,
    /// One report per signature, in the order of the file's list.
    pub signatures: Vec<SignatureReport>,
    /// Findings that do not change the verdict, each once, in order of precedence.
    pub warnings: Vec<FindingCode>,
    /// SM3 of the whole file, lower-case hex.
    pub sm3: String,
    /// Checks of the file as a whole: container, structure, coverage, metadata.
    pub checks: Checks,
    /// Metadata that a signature protects, whether or not that signature is valid; not part of
    /// the published shape.
    #[serde(skip)]
    pub signed_metadata: Option<Arc<Metadata>>,
}

impl SignatureReport {
    /// Adds up the checks anew, after some were added or replaced.
    pub fn conclude(&mut self) {
        self.verdict = self.checks.outcome();
        self.indication = self.verdict.indication().to_owned();
        let code = self.checks.code();
        self.subindication = code.map(|code| self.subindication_of(code).to_owned());
    }

    /// EN 319 102-1 has two words for a certificate outside its period; which one, its dates say.
    fn subindication_of(&self, code: FindingCode) -> &'static str {
        let signer = self.certificates.first();
        let is_early = signer
            .zip(self.signed_at)
            .is_some_and(|(signer, signed_at)| signed_at < signer.not_before);
        match (code, self.verdict) {
            (FindingCode::SignerCertTime, Outcome::Invalid) if is_early => "NOT_YET_VALID",
            (code, outcome) => code.subindication(outcome),
        }
    }
}

impl Verdict {
    /// Adds up the checks of the file and of its signatures.
    #[must_use]
    pub fn conclude(
        kind: FileKind,
        profile: Profile,
        sm3: String,
        checks: Checks,
        signatures: Vec<SignatureReport>,
    ) -> Self {
        let mut all = checks.clone();
        for signature in &signatures {
            all.extend(signature.checks.clone());
        }
        let mut warnings: Vec<FindingCode> = all.warnings().collect();
        warnings.sort_unstable();
        warnings.dedup();
        let code = all.code();
        let outcome = all.outcome();
        let worst = signatures
            .iter()
            .find(|one| one.verdict == outcome && one.checks.code() == code);
        let subindication = worst
            .and_then(|worst| worst.subindication.clone())
            .or_else(|| code.map(|code| code.subindication(outcome).to_owned()));
        let is_unsigned = code == Some(FindingCode::Unsigned);
        Self {
            kind,
            profile,
            verdict: outcome,
            code,
            indication: if is_unsigned {
                NO_SIGNATURE.to_owned()
            } else {
                outcome.indication().to_owned()
            },
            subindication: subindication.filter(|_| !is_unsigned),
            gb36906: code.map_or(0, FindingCode::gb36906),
            gb36906_information: None,
            signatures,
            warnings,
            sm3,
            checks,
            signed_metadata: None,
        }
    }

    /// The same verdict with other signatures, added up anew.
    #[must_use]
    pub fn with_signatures(&self, signatures: Vec<SignatureReport>) -> Self {
        let (sm3, checks) = (self.sm3.clone(), self.checks.clone());
        Self {
            gb36906_information: self.gb36906_information,
            signed_metadata: self.signed_metadata.clone(),
            ..Self::conclude(self.kind, self.profile, sm3, checks, signatures)
        }
    }

    /// The same verdict with one more warning about the file as a whole.
    #[must_use]
    pub fn with_warning(
        &self,
        code: FindingCode,
        result: CheckResult,
        detail: impl Into<String>,
    ) -> Self {
        let mut verdict = self.clone();
        verdict.checks.warn(code, result, detail);
        verdict.warnings.push(code);
        verdict.warnings.sort_unstable();
        verdict.warnings.dedup();
        verdict
    }

    /// Identifier of the licence in metadata that a signature protects.
    #[must_use]
    pub fn signed_identifier(&self) -> Option<&str> {
        self.signed_metadata.as_deref()?.identifier()
    }

    /// Whether every required check passed.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        self.verdict == Outcome::Valid
    }
}

impl FileKind {
    /// The word used in reports.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ofd => "ofd",
            Self::Pdf => "pdf",
            Self::Unknown => "unknown",
        }
    }
}

impl Outcome {
    /// EN 319 102-1 indication.
    #[must_use]
    pub fn indication(self) -> &'static str {
        match self {
            Self::Valid => "TOTAL-PASSED",
            Self::Invalid => "TOTAL-FAILED",
            Self::Indeterminate => "INDETERMINATE",
        }
    }

    /// The word used in reports.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Valid => "valid",
            Self::Invalid => "invalid",
            Self::Indeterminate => "indeterminate",
        }
    }
}
