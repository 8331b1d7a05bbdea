//! Faults to make on purpose, and what a right verifier says to each.

use certs::mint::certificate::{Usage, Validity};
use certs::mint::seal::SealFaults;
use chrono::{DateTime, Duration, Utc};
use schemas::verdict::{FindingCode, Outcome};

use super::Format;

/// SM2 identifier of a signer who does not use the usual one: an example of the standard.
const OTHER_IDENTIFIER: &str = "ALICE123@YAHOO.COM";

/// One fault, or one unusual but permitted form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, clap::ValueEnum)]
pub enum Spoil {
    /// A digit of the licence number is changed on the page after sealing.
    Tampered,
    /// The page is taken out after sealing.
    MissingPage,
    /// The seal does not cover the page.
    UncoveredPage,
    /// The page and its digest in Signature.xml are changed; the signed value is kept.
    ReplacedDescription,
    /// The file carries no signature.
    Unsigned,
    /// One octet of the signature is changed.
    BrokenSignature,
    /// The signer used another SM2 identifier than the usual one.
    OtherIdentifier,
    /// The signer's certificate had ended before the signing time.
    ExpiredSigner,
    /// The signer's certificate is for encryption only.
    EncryptionCertificate,
    /// The signer's certificate is revoked (by the CRL that is written beside).
    RevokedSigner,
    /// Everything adds up, but under a forged root of the same name.
    Untrusted,
    /// The seal had ended before the signing time.
    ExpiredSeal,
    /// The seal maker's signature is broken.
    BrokenSeal,
    /// The signer is trusted but not in the seal's list: a stolen seal.
    UnlistedSigner,
    /// Seal.esl is another seal than the one in the signature.
    SwappedSealFile,
    /// A part that nothing refers to is added after sealing (permitted, reported).
    ExtraFile,
    /// propertyInfo names another Signature.xml (permitted, reported).
    OtherPath,
    /// Signatures are 64 octets r‖s instead of DER (permitted, reported).
    RawSignatures,
    /// BIT STRINGs claim unused bits although all are used (permitted, reported).
    UnusedBits,
}

impl Spoil {
    /// The verdict in a format, and the finding that leads to it or is reported as a warning; none
    /// when such a file cannot have the fault.
    #[must_use]
    pub fn expected(self, format: Format) -> Option<(Outcome, FindingCode)> {
        if self.is_about_seals() && format.seal_version().is_none() {
            None
        } else if format.is_pdf() {
            self.expected_in_pdf(format)
        } else {
            Some(self.expected_in_ofd())
        }
    }

    const fn expected_in_ofd(self) -> (Outcome, FindingCode) {
        match self {
            Self::Tampered => (Outcome::Invalid, FindingCode::RefDigest),
            Self::MissingPage => (Outcome::Invalid, FindingCode::RefMissing),
            Self::UncoveredPage => (Outcome::Invalid, FindingCode::Coverage),
            Self::ReplacedDescription => (Outcome::Invalid, FindingCode::DataHash),
            Self::Unsigned => (Outcome::Invalid, FindingCode::Unsigned),
            Self::BrokenSignature | Self::OtherIdentifier => {
                (Outcome::Invalid, FindingCode::SigInvalid)
            }
            Self::ExpiredSigner => (Outcome::Invalid, FindingCode::SignerCertTime),
            Self::EncryptionCertificate => (Outcome::Invalid, FindingCode::SignerCertUsage),
            Self::RevokedSigner => (Outcome::Invalid, FindingCode::SignerRevoked),
            Self::Untrusted => (Outcome::Indeterminate, FindingCode::Untrusted),
            Self::ExpiredSeal => (Outcome::Invalid, FindingCode::SealPeriod),
            Self::BrokenSeal => (Outcome::Invalid, FindingCode::SealSigInvalid),
            Self::UnlistedSigner => (Outcome::Invalid, FindingCode::SignerNotInList),
            Self::SwappedSealFile => (Outcome::Invalid, FindingCode::SealMismatch),
            Self::ExtraFile => (Outcome::Valid, FindingCode::Uncovered),
            Self::OtherPath => (Outcome::Valid, FindingCode::PropertyInfo),
            Self::RawSignatures => (Outcome::Valid, FindingCode::RawRs),
            Self::UnusedBits => (Outcome::Valid, FindingCode::PadBits),
        }
    }

    /// Without a trusted time nobody can say when a PDF was signed, so an ended or revoked
    /// certificate leaves its verdict open.
    fn expected_in_pdf(self, format: Format) -> Option<(Outcome, FindingCode)> {
        let found = match self {
            Self::Tampered => (Outcome::Invalid, FindingCode::HashFailure),
            Self::Unsigned => (Outcome::Invalid, FindingCode::Unsigned),
            Self::OtherIdentifier if format == Format::PdfRsa => return None,
            Self::BrokenSignature | Self::OtherIdentifier | Self::BrokenSeal => {
                (Outcome::Invalid, FindingCode::SigCryptoFailure)
            }
            Self::UnlistedSigner => (Outcome::Invalid, FindingCode::SigConstraintsFailure),
            Self::ExpiredSigner | Self::ExpiredSeal => {
                (Outcome::Indeterminate, FindingCode::OutOfBoundsNoPoe)
            }
            Self::EncryptionCertificate => {
                (Outcome::Indeterminate, FindingCode::ChainConstraintsFailure)
            }
            Self::RevokedSigner => (Outcome::Indeterminate, FindingCode::RevokedNoPoe),
            Self::Untrusted => (Outcome::Indeterminate, FindingCode::NoCertificateChainFound),
            Self::MissingPage
            | Self::UncoveredPage
            | Self::ReplacedDescription
            | Self::SwappedSealFile
            | Self::ExtraFile
            | Self::OtherPath
            | Self::RawSignatures
            | Self::UnusedBits => return None,
        };
        Some(found)
    }

    /// Whether only a seal can have the fault, not a plain signature.
    #[must_use]
    pub const fn is_about_seals(self) -> bool {
        matches!(
            self,
            Self::ExpiredSeal
                | Self::BrokenSeal
                | Self::UnlistedSigner
                | Self::SwappedSealFile
                | Self::OtherPath
                | Self::UnusedBits
        )
    }

    /// The faults that lie in the seal or the signed value.
    pub(super) fn seal_faults(self) -> SealFaults {
        let mut faults = SealFaults::default();
        match self {
            Self::BrokenSignature => faults.break_signature = true,
            Self::OtherIdentifier => faults.distinguishing_id = Some(OTHER_IDENTIFIER.to_owned()),
            Self::BrokenSeal => faults.break_maker_signature = true,
            Self::OtherPath => {
                faults.property_info = Some("/Doc_0/Signs/Sign_9/Signature.xml".to_owned());
            }
            Self::RawSignatures => faults.raw_signatures = true,
            Self::UnusedBits => faults.unused_bits = 2,
            _ => {}
        }
        faults
    }

    /// Period and usage of the certificate with which the fault is committed, when it is not the
    /// rightful signer's.
    pub(super) fn signer(self, at: DateTime<Utc>) -> Option<(Validity, Usage)> {
        let good = Validity {
            from: at - Duration::days(365),
            until: at + Duration::days(365),
        };
        let ended = Validity {
            until: at - Duration::days(30),
            ..good
        };
        match self {
            Self::ExpiredSigner => Some((ended, Usage::Signing)),
            Self::EncryptionCertificate => Some((good, Usage::Encryption)),
            Self::UnlistedSigner | Self::Untrusted => Some((good, Usage::Signing)),
            _ => None,
        }
    }
}

/// Another digit in the place of one.
pub(super) fn change_digit(digit: char) -> char {
    let next = digit.to_digit(10).map_or(0, |digit| (digit + 1) % 10);
    char::from_digit(next, 10).unwrap_or('0')
}
