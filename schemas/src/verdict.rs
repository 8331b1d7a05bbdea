//! The verdict on one file: what was checked, with which result, and what it adds up to.
//!
//! The semantics are those of the design page §6: `invalid` when something is broken or a stated
//! fact contradicts it, `indeterminate` when evidence is missing, `valid` when every required
//! check passed. Warnings never change the verdict.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// Stable names of everything a verification can find.
///
/// The order of the variants is the order of precedence for [`Verdict::code`]: container, XML,
/// unsigned, structure and coverage, hash, signature, seal, trust, time, metadata.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[allow(missing_docs, reason = "the catalogue holds what each code means, in both languages")]
pub enum FindingCode {
    // Container.
    ZipPath,
    ZipDup,
    ZipSymlink,
    ZipBomb,
    ZipEntries,
    ZipStruct,
    ZipCase,
    // XML.
    XmlDoctype,
    XmlDepth,
    XmlMalformed,
    Loop,
    Encrypted,
    // No signature at all.
    Unsigned,
    // Structure and coverage.
    SvMissing,
    SvMalformed,
    RefMissing,
    RefPath,
    SignatureStripped,
    // A wrong digest ranks before missing coverage: it names the file that was changed.
    RefDigest,
    Coverage,
    Uncovered,
    OfdXmlUncovered,
    // Hash.
    #[serde(rename = "DATAHASH")]
    DataHash,
    #[serde(rename = "PROPERTYINFO")]
    PropertyInfo,
    // Signature.
    SigAlg,
    SigInvalid,
    RawRs,
    #[serde(rename = "PADBITS")]
    PadBits,
    HeaderVersion,
    // Seal.
    SealMismatch,
    SealSigInvalid,
    SignerNotInList,
    SealRevoked,
    // Trust.
    SignerRevoked,
    SignerCertUsage,
    Untrusted,
    UntrustedMaker,
    RevocationUnknown,
    // Time.
    SignerCertTime,
    MakerCertTime,
    SealPeriod,
    TimeFuture,
    // Metadata.
    MetaMissing,
    MetaMismatch,
    SealUnitMismatch,
}

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

/// Result of one check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CheckResult {
    /// The check was made and held.
    Pass,
    /// The check was made and did not hold.
    Fail,
    /// The check could not be decided: evidence is missing.
    Unknown,
    /// The check does not apply here.
    Skip,
}

/// What a finding does to the verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Effect {
    /// No effect: the check passed or was skipped.
    None,
    /// Reported, without changing the verdict.
    Warning,
    /// At best `indeterminate`.
    Indeterminate,
    /// `invalid`.
    Invalid,
}

/// One line of a verification: the check, named by the finding it would raise, and its result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// The finding that this check looks for.
    pub code: FindingCode,
    /// How it went.
    pub result: CheckResult,
    /// What was seen, in English, without personal data: file names inside the package, times,
    /// algorithm names, certificate subjects.
    pub detail: String,
    /// What it does to the verdict; not part of the published shape.
    #[serde(skip, default = "no_effect")]
    pub effect: Effect,
}

/// The checks of one signature or of the file as a whole, in the order in which they were made.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Checks(Vec<Check>);

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
    /// failed (standards page §6.4).
    pub gb36906: u8,
    /// One report per signature, in the order of the file's list.
    pub signatures: Vec<SignatureReport>,
    /// Findings that do not change the verdict, each once, in order of precedence.
    pub warnings: Vec<FindingCode>,
    /// SM3 of the whole file, lower-case hex.
    pub sm3: String,
    /// Checks of the file as a whole: container, structure, coverage, metadata.
    pub checks: Checks,
}

const fn no_effect() -> Effect {
    Effect::None
}

impl Checks {
    /// No checks yet.
    #[must_use]
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// The check held.
    pub fn pass(&mut self, code: FindingCode, detail: impl Into<String>) {
        self.push(code, CheckResult::Pass, Effect::None, detail);
    }

    /// The check did not hold: the verdict is `invalid`.
    pub fn fail(&mut self, code: FindingCode, detail: impl Into<String>) {
        self.push(code, CheckResult::Fail, Effect::Invalid, detail);
    }

    /// Evidence is missing: the verdict is `indeterminate` at best.
    pub fn unknown(&mut self, code: FindingCode, detail: impl Into<String>) {
        self.push(code, CheckResult::Unknown, Effect::Indeterminate, detail);
    }

    /// Reported without changing the verdict; `result` says how the check itself went.
    pub fn warn(&mut self, code: FindingCode, result: CheckResult, detail: impl Into<String>) {
        self.push(code, result, Effect::Warning, detail);
    }

    /// The check does not apply.
    pub fn skip(&mut self, code: FindingCode, detail: impl Into<String>) {
        self.push(code, CheckResult::Skip, Effect::None, detail);
    }

    /// Appends the checks of `other`.
    pub fn extend(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// The checks in the order in which they were made.
    pub fn iter(&self) -> impl Iterator<Item = &Check> {
        self.0.iter()
    }

    /// Whether a finding makes the file invalid.
    #[must_use]
    pub fn is_broken(&self) -> bool {
        self.0.iter().any(|check| check.effect == Effect::Invalid)
    }

    /// What these checks add up to.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        if self.is_broken() {
            Outcome::Invalid
        } else if self.0.iter().any(|check| check.effect == Effect::Indeterminate) {
            Outcome::Indeterminate
        } else {
            Outcome::Valid
        }
    }

    /// The most telling finding among those that decide the outcome; none when valid.
    #[must_use]
    pub fn code(&self) -> Option<FindingCode> {
        let deciding = match self.outcome() {
            Outcome::Valid => return None,
            Outcome::Invalid => Effect::Invalid,
            Outcome::Indeterminate => Effect::Indeterminate,
        };
        self.with_effect(deciding).min()
    }

    /// Findings that do not change the verdict.
    pub fn warnings(&self) -> impl Iterator<Item = FindingCode> {
        self.with_effect(Effect::Warning)
    }

    fn with_effect(&self, effect: Effect) -> impl Iterator<Item = FindingCode> {
        self.0.iter().filter(move |check| check.effect == effect).map(|check| check.code)
    }

    fn push(
        &mut self,
        code: FindingCode,
        result: CheckResult,
        effect: Effect,
        detail: impl Into<String>,
    ) {
        self.0.push(Check { code, result, detail: detail.into(), effect });
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
        }
    }

    /// Whether every required check passed.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        self.verdict == Outcome::Valid
    }
}

impl FindingCode {
    /// Every finding code, in order of precedence.
    pub const ALL: &[Self] = &[
        Self::ZipPath, Self::ZipDup, Self::ZipSymlink, Self::ZipBomb, Self::ZipEntries,
        Self::ZipStruct, Self::ZipCase, Self::XmlDoctype, Self::XmlDepth, Self::XmlMalformed,
        Self::Loop, Self::Encrypted, Self::Unsigned, Self::SvMissing, Self::SvMalformed,
        Self::RefMissing, Self::RefPath, Self::SignatureStripped, Self::RefDigest,
        Self::Coverage, Self::Uncovered, Self::OfdXmlUncovered, Self::DataHash,
        Self::PropertyInfo, Self::SigAlg, Self::SigInvalid, Self::RawRs, Self::PadBits,
        Self::HeaderVersion, Self::SealMismatch, Self::SealSigInvalid, Self::SignerNotInList,
        Self::SealRevoked, Self::SignerRevoked, Self::SignerCertUsage, Self::Untrusted,
        Self::UntrustedMaker, Self::RevocationUnknown, Self::SignerCertTime,
        Self::MakerCertTime, Self::SealPeriod, Self::TimeFuture, Self::MetaMissing,
        Self::MetaMismatch, Self::SealUnitMismatch,
    ];

    /// The code as it is written in reports, for instance `SEAL_PERIOD`.
    #[must_use]
    pub fn as_str(self) -> String {
        serde_json::to_value(self)
            .ok()
            .and_then(|value| value.as_str().map(str::to_owned))
            .unwrap_or_default()
    }

    /// GB/T 36906 file verification result that this finding leads to: 2 when the container,
    /// the structure or a reference fails, else 1 (design page §6).
    #[must_use]
    pub fn gb36906(self) -> u8 {
        if self <= Self::OfdXmlUncovered { 2 } else { 1 }
    }

    /// The EN 319 102-1 subindication nearest in meaning.
    #[must_use]
    pub fn subindication(self) -> &'static str {
        match self {
            Self::RefDigest | Self::DataHash | Self::RefMissing => "HASH_FAILURE",
            Self::SigInvalid | Self::SealSigInvalid => "SIG_CRYPTO_FAILURE",
            Self::Untrusted | Self::UntrustedMaker => "NO_CERTIFICATE_CHAIN_FOUND",
            Self::SignerRevoked | Self::SealRevoked => "REVOKED",
            Self::SignerCertTime | Self::MakerCertTime | Self::SealPeriod => "NOT_YET_VALID_OR_EXPIRED",
            Self::SignerCertUsage => "CHAIN_CONSTRAINTS_FAILURE",
            Self::RevocationUnknown => "TRY_LATER",
            Self::SigAlg => "CRYPTO_CONSTRAINTS_FAILURE",
            Self::Coverage
            | Self::Uncovered
            | Self::OfdXmlUncovered
            | Self::SignerNotInList
            | Self::SealMismatch
            | Self::TimeFuture
            | Self::MetaMissing
            | Self::MetaMismatch
            | Self::SealUnitMismatch => "SIG_CONSTRAINTS_FAILURE",
            Self::ZipPath
            | Self::ZipDup
            | Self::ZipSymlink
            | Self::ZipBomb
            | Self::ZipEntries
            | Self::ZipStruct
            | Self::ZipCase
            | Self::XmlDoctype
            | Self::XmlDepth
            | Self::XmlMalformed
            | Self::Loop
            | Self::Encrypted
            | Self::Unsigned
            | Self::SvMissing
            | Self::SvMalformed
            | Self::RefPath
            | Self::SignatureStripped
            | Self::PropertyInfo
            | Self::RawRs
            | Self::PadBits
            | Self::HeaderVersion => "FORMAT_FAILURE",
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_listed_in_order_of_precedence() {
        assert!(FindingCode::ALL.is_sorted());
        assert_eq!(FindingCode::DataHash.as_str(), "DATAHASH");
        assert_eq!(FindingCode::SealPeriod.as_str(), "SEAL_PERIOD");
    }

    #[test]
    fn the_deciding_finding_wins_over_warnings_and_missing_evidence() {
        let mut checks = Checks::new();
        checks.warn(FindingCode::ZipCase, CheckResult::Pass, "case folded");
        checks.unknown(FindingCode::Untrusted, "no path");
        assert_eq!(checks.outcome(), Outcome::Indeterminate);
        assert_eq!(checks.code(), Some(FindingCode::Untrusted));
        checks.fail(FindingCode::SealPeriod, "ended");
        assert_eq!(checks.outcome(), Outcome::Invalid);
        assert_eq!(checks.code(), Some(FindingCode::SealPeriod));
    }
}
