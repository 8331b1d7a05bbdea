//! An e-seal in `/Contents`: `SES_Signature` over what `/ByteRange` covers.
//!
//! The checks are those of a seal in an OFD file; only what they mean differs, as the time in a
//! seal is what the signer says.

use schemas::verdict::{CheckResult, Checks, Effect, FindingCode, SignatureKind};

use super::{Context, Signer};
use crate::message::Message;
use crate::signed_value::{SignatureClaim, TrustOptions, check_seal};

pub(super) fn check(
    context: &Context<'_, '_>,
    value: &[u8],
    signed: Message<'_>,
    checks: &mut Checks,
) -> Signer {
    let claim = SignatureClaim {
        id: "",
        signed,
        signature_xml_path: None,
        seal_file: None,
        signature_date_time: None,
        signature_method: None,
    };
    let rules = TrustOptions {
        revocation: context.options.revocation,
        ..TrustOptions::at(context.options.at)
    };
    let findings = check_seal(value, &claim, context.trust, &rules);
    for check in findings.checks.iter() {
        let (code, detail) = (in_pdf(check.code), check.detail.clone());
        match check.effect {
            Effect::Invalid if is_open(code) => checks.unknown(code, detail),
            Effect::Invalid => checks.fail(code, detail),
            Effect::Indeterminate => checks.unknown(code, detail),
            Effect::Warning => checks.warn(code, check.result, detail),
            Effect::None if check.result == CheckResult::Skip => checks.skip(code, detail),
            Effect::None => checks.pass(code, detail),
        }
    }
    Signer {
        kind: Some(SignatureKind::Seal),
        seal_version: findings.seal_version,
        name: findings.signer,
        signed_at: findings.signed_at,
        certificates: findings.certificates,
        seal: findings.seal,
    }
}

/// The subindication of EN 319 102-1 that says the same; findings without one keep their code.
fn in_pdf(code: FindingCode) -> FindingCode {
    match code {
        FindingCode::SvMalformed => FindingCode::FormatFailure,
        FindingCode::DataHash => FindingCode::HashFailure,
        FindingCode::SigInvalid | FindingCode::SealSigInvalid => FindingCode::SigCryptoFailure,
        FindingCode::SigAlg => FindingCode::CryptoConstraintsFailure,
        FindingCode::SignerNotInList => FindingCode::SigConstraintsFailure,
        FindingCode::Untrusted | FindingCode::UntrustedMaker => {
            FindingCode::NoCertificateChainFound
        }
        FindingCode::SignerCertUsage => FindingCode::ChainConstraintsFailure,
        FindingCode::SignerRevoked => FindingCode::RevokedNoPoe,
        FindingCode::SignerCertTime | FindingCode::MakerCertTime | FindingCode::SealPeriod => {
            FindingCode::OutOfBoundsNoPoe
        }
        other => other,
    }
}

/// What contradicts nothing as long as nobody knows when it was signed.
fn is_open(code: FindingCode) -> bool {
    matches!(
        code,
        FindingCode::OutOfBoundsNoPoe
            | FindingCode::RevokedNoPoe
            | FindingCode::ChainConstraintsFailure
            | FindingCode::CryptoConstraintsFailure
    )
}
