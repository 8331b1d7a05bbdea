//! Faults to make on purpose, and what a right verifier says to each.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use certs::digest::sm3;
use certs::mint::certificate::{Usage, Validity};
use certs::mint::credential::Credential;
use certs::mint::pki::DevelopmentPki;
use certs::mint::seal::SealFaults;
use chrono::{DateTime, Duration, Utc};
use schemas::verdict::{FindingCode, Outcome};

use super::MintError;
use super::document::PAGE;
use super::package::{Parts, SEAL, SIGNATURE};

/// SM2 identifier of a signer who does not use the usual one: an example of the standard.
const OTHER_IDENTIFIER: &str = "ALICE123@YAHOO.COM";
/// A part that nothing refers to.
const EXTRA_PART: &str = "Doc_0/Attachs/note.xml";

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
    /// The verdict, and the finding that leads to it or is reported as a warning.
    #[must_use]
    pub const fn expected(self) -> (Outcome, FindingCode) {
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

    /// The signer who commits the fault, when it is not the seal's rightful one.
    pub(super) fn signer(
        self,
        pki: &DevelopmentPki,
        organisation: &str,
        uscc: &str,
        at: DateTime<Utc>,
    ) -> Result<Option<Credential>, MintError> {
        let good = Validity {
            from: at - Duration::days(365),
            until: at + Duration::days(365),
        };
        let ended = Validity {
            until: at - Duration::days(30),
            ..good
        };
        let (validity, usage) = match self {
            Self::ExpiredSigner => (ended, Usage::Signing),
            Self::EncryptionCertificate => (good, Usage::Encryption),
            Self::UnlistedSigner | Self::Untrusted => (good, Usage::Signing),
            _ => return Ok(None),
        };
        Ok(Some(pki.issue_signer(
            organisation,
            uscc,
            validity,
            usage,
        )?))
    }

    /// The part that the signature leaves out.
    pub(super) fn uncovered(self) -> Option<&'static str> {
        match self {
            Self::UncoveredPage => Some(PAGE),
            Self::SwappedSealFile => Some(SEAL),
            _ => None,
        }
    }

    /// The changes after sealing that need nothing but the parts.
    pub(super) fn change_parts(self, parts: &mut Parts) {
        match self {
            Self::Tampered | Self::ReplacedDescription => {
                change_page(parts, self == Self::ReplacedDescription);
            }
            Self::MissingPage => parts.remove(PAGE),
            Self::ExtraFile => parts.put_xml(EXTRA_PART, "<note/>"),
            _ => {}
        }
    }
}

/// Changes the page, and with `redescribe` its digest in Signature.xml too.
fn change_page(parts: &mut Parts, redescribe: bool) {
    let text = |name| {
        parts
            .part(name)
            .map(|part| String::from_utf8_lossy(part).into_owned())
    };
    let (Some(page), Some(description)) = (text(PAGE), text(SIGNATURE)) else {
        return;
    };
    let Some(changed) = change_number(&page) else {
        return;
    };
    if redescribe {
        let [old, new] = [&page, &changed].map(|page| STANDARD.encode(sm3(page.as_bytes())));
        parts.put(SIGNATURE, description.replace(&old, &new).into_bytes());
    }
    parts.put(PAGE, changed.into_bytes());
}

/// Changes the first digit of the printed licence number.
fn change_number(page: &str) -> Option<String> {
    let (before, after) = page.split_once("证照编号：")?;
    let at = after.find(|one: char| one.is_ascii_digit())?;
    let (kept, rest) = after.split_at_checked(at)?;
    let digit = rest.chars().next()?.to_digit(10)?;
    let rest = rest.get(1..)?;
    Some(format!(
        "{before}证照编号：{kept}{}{rest}",
        (digit + 1) % 10
    ))
}
