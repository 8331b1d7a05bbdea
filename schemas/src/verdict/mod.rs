//! The verdict on one file: what was checked, with which result, and what it adds up to.
//!
//! What they mean (ARCHITECTURE.md, Verdicts): `invalid` when something is broken or a stated
//! fact contradicts it, `indeterminate` when evidence is missing, `valid` when every required
//! check passed. Warnings never change the verdict.

mod checks;
mod finding;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

pub use self::checks::{Check, CheckResult, Checks, Effect};
pub use self::finding::FindingCode;

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
    /// `whole` when every file reachable from the shown document is covered by this signature,
    /// else `partial`.
    pub coverage: String,
    /// Changes after signing, for PDF; empty for OFD.
    pub modifications: Vec<String>,
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
    /// Result code of GB/T 36906 file verification: 0 passed, 1 seal check failed, 2 file check
    /// failed (ARCHITECTURE.md, Verdicts).
    pub gb36906: u8,
    /// One report per signature, in the order of the file's list.
    pub signatures: Vec<SignatureReport>,
    /// Findings that do not change the verdict, each once, in order of precedence.
    pub warnings: Vec<FindingCode>,
    /// SM3 of the whole file, lower-case hex.
    pub sm3: String,
    /// Checks of the file as a whole: container, structure, coverage, metadata.
    pub checks: Checks,
    /// Identifier in metadata that a signature protects; not part of the published shape.
    #[serde(skip)]
    pub signed_identifier: Option<String>,
}

impl SignatureReport {
    /// Adds up the checks anew, after some were added or replaced.
    pub fn conclude(&mut self) {
        self.verdict = self.checks.outcome();
        self.indication = self.verdict.indication().to_owned();
        let code = self.checks.code();
        self.subindication = code.map(|code| code.subindication().to_owned());
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
        Self {
            kind,
            profile,
            verdict: all.outcome(),
            code,
            gb36906: code.map_or(0, FindingCode::gb36906),
            signatures,
            warnings,
            sm3,
            checks,
            signed_identifier: None,
        }
    }

    /// The same verdict with other signatures, added up anew.
    #[must_use]
    pub fn with_signatures(&self, signatures: Vec<SignatureReport>) -> Self {
        let (sm3, checks) = (self.sm3.clone(), self.checks.clone());
        Self {
            signed_identifier: self.signed_identifier.clone(),
            ..Self::conclude(self.kind, self.profile, sm3, checks, signatures)
        }
    }

    /// Whether every required check passed.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        self.verdict == Outcome::Valid
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
