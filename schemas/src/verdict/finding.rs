//! The stable codes of everything a verification can find, in order of precedence.

use serde::{Deserialize, Serialize};

use super::Outcome;

/// Stable names of everything a verification can find.
///
/// The order of the variants is the order of precedence for [`super::Verdict::code`]: container,
/// XML, unsigned, structure and coverage, hash, signature, seal, trust, time, metadata.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[allow(
    missing_docs,
    reason = "the catalogue holds what each code means, in both languages"
)]
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
    FormatFailure,
    // A wrong digest ranks before missing coverage: it names the file that was changed.
    RefDigest,
    HashFailure,
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
    CryptoConstraintsFailure,
    SigInvalid,
    SigCryptoFailure,
    RawRs,
    #[serde(rename = "PADBITS")]
    PadBits,
    HeaderVersion,
    // Seal.
    SealMismatch,
    SealSigInvalid,
    SignerNotInList,
    SigConstraintsFailure,
    SealRevoked,
    // Trust.
    SignerRevoked,
    RevokedNoPoe,
    SignerCertUsage,
    ChainConstraintsFailure,
    NoSigningCertificateFound,
    Untrusted,
    UntrustedMaker,
    NoCertificateChainFound,
    RevocationUnknown,
    TryLater,
    TrustStale,
    // Time.
    SignerCertTime,
    MakerCertTime,
    OutOfBoundsNoPoe,
    SealPeriod,
    TimestampOrderFailure,
    TimeFuture,
    ModifiedAfterSigning,
    // Metadata.
    MetaMissing,
    MetaMismatch,
    SealUnitMismatch,
}

impl FindingCode {
    /// Every finding code, in order of precedence.
    pub const ALL: &[Self] = &[
        Self::ZipPath,
        Self::ZipDup,
        Self::ZipSymlink,
        Self::ZipBomb,
        Self::ZipEntries,
        Self::ZipStruct,
        Self::ZipCase,
        Self::XmlDoctype,
        Self::XmlDepth,
        Self::XmlMalformed,
        Self::Loop,
        Self::Encrypted,
        Self::Unsigned,
        Self::SvMissing,
        Self::SvMalformed,
        Self::RefMissing,
        Self::RefPath,
        Self::SignatureStripped,
        Self::FormatFailure,
        Self::RefDigest,
        Self::HashFailure,
        Self::Coverage,
        Self::Uncovered,
        Self::OfdXmlUncovered,
        Self::DataHash,
        Self::PropertyInfo,
        Self::SigAlg,
        Self::CryptoConstraintsFailure,
        Self::SigInvalid,
        Self::SigCryptoFailure,
        Self::RawRs,
        Self::PadBits,
        Self::HeaderVersion,
        Self::SealMismatch,
        Self::SealSigInvalid,
        Self::SignerNotInList,
        Self::SigConstraintsFailure,
        Self::SealRevoked,
        Self::SignerRevoked,
        Self::RevokedNoPoe,
        Self::SignerCertUsage,
        Self::ChainConstraintsFailure,
        Self::NoSigningCertificateFound,
        Self::Untrusted,
        Self::UntrustedMaker,
        Self::NoCertificateChainFound,
        Self::RevocationUnknown,
        Self::TryLater,
        Self::TrustStale,
        Self::SignerCertTime,
        Self::MakerCertTime,
        Self::OutOfBoundsNoPoe,
        Self::SealPeriod,
        Self::TimestampOrderFailure,
        Self::TimeFuture,
        Self::ModifiedAfterSigning,
        Self::MetaMissing,
        Self::MetaMismatch,
        Self::SealUnitMismatch,
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
    /// the structure or a reference fails, else 1 (ARCHITECTURE.md, Verdicts).
    #[must_use]
    pub fn gb36906(self) -> u8 {
        if self <= Self::OfdXmlUncovered { 2 } else { 1 }
    }

    /// The EN 319 102-1 subindication (tables 5 and 6) nearest in meaning, where this finding
    /// decides `outcome`.
    ///
    /// `\[P\]` EN 319 102-1 leaves `INDETERMINATE` what it has no rule about, while for a licence
    /// GB/T 38540-2020 has one: a signer whom the seal does not list, a key that is not for
    /// signing, an algorithm that is not accepted, a timestamp that is broken are then
    /// `TOTAL-FAILED`, with the same word for the reason.
    #[must_use]
    pub fn subindication(self, outcome: Outcome) -> &'static str {
        let is_open = outcome == Outcome::Indeterminate;
        match self {
            Self::Encrypted => "SIGNED_DATA_NOT_FOUND",
            Self::RefDigest | Self::DataHash | Self::RefMissing | Self::HashFailure => {
                "HASH_FAILURE"
            }
            Self::SigInvalid | Self::SealSigInvalid | Self::SigCryptoFailure => {
                "SIG_CRYPTO_FAILURE"
            }
            Self::Untrusted | Self::UntrustedMaker | Self::NoCertificateChainFound => {
                "NO_CERTIFICATE_CHAIN_FOUND"
            }
            Self::NoSigningCertificateFound => "NO_SIGNING_CERTIFICATE_FOUND",
            Self::RevokedNoPoe => "REVOKED_NO_POE",
            Self::OutOfBoundsNoPoe => "OUT_OF_BOUNDS_NO_POE",
            Self::TimestampOrderFailure => "TIMESTAMP_ORDER_FAILURE",
            Self::SealRevoked if is_open => "TRY_LATER",
            Self::SignerRevoked | Self::SealRevoked => "REVOKED",
            // No time of signing could be read.
            Self::SignerCertTime | Self::MakerCertTime | Self::SealPeriod | Self::TimeFuture
                if is_open =>
            {
                "NO_POE"
            }
            Self::SignerCertTime | Self::MakerCertTime | Self::SealPeriod => "EXPIRED",
            Self::SignerCertUsage | Self::ChainConstraintsFailure => "CHAIN_CONSTRAINTS_FAILURE",
            Self::RevocationUnknown | Self::TryLater | Self::TrustStale => "TRY_LATER",
            Self::SigAlg | Self::CryptoConstraintsFailure => "CRYPTO_CONSTRAINTS_FAILURE",
            Self::SignerNotInList
            | Self::SigConstraintsFailure
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
            | Self::Unsigned
            | Self::SvMissing
            | Self::SvMalformed
            | Self::RefPath
            | Self::SignatureStripped
            | Self::FormatFailure
            | Self::Coverage
            | Self::Uncovered
            | Self::OfdXmlUncovered
            | Self::ModifiedAfterSigning
            | Self::PropertyInfo
            | Self::RawRs
            | Self::PadBits
            | Self::HeaderVersion => "FORMAT_FAILURE",
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
}
