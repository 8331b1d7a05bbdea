//! An e-seal in `/Contents`: `SES_Signature` over what `/ByteRange` covers.
//!
//! The checks are those of a seal in an OFD file; only what they mean differs, as the time in a
//! seal is what the signer says.

use chrono::{DateTime, Utc};
use schemas::seal::SealSignature;
use schemas::verdict::{CheckResult, Checks, Effect, FindingCode, SignatureKind};

use super::{Context, Signer};
use crate::message::Message;
use crate::signed_value::{self, Question, SignatureClaim, TrustOptions};

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
        stated_time_counts: false,
        proven: context.proven,
        ..TrustOptions::at(context.options.at)
    };
    let evidence = [&context.carried.evidence];
    let question = Question {
        trust: context.trust,
        options: &rules,
        evidence: &evidence,
        effort: context.effort,
    };
    let findings = signed_value::seal::check(value, &claim, &question);
    for check in findings.checks.iter() {
        let (code, detail) = (
            in_pdf(check.code, check.effect == Effect::Indeterminate),
            check.detail.clone(),
        );
        match check.effect {
            Effect::Invalid if is_open(code) => checks.unknown(code, detail),
            Effect::Invalid => checks.fail(code, detail),
            Effect::Indeterminate => checks.unknown(code, detail),
            Effect::Warning => checks.warn(code, check.result, detail),
            Effect::None if check.result == CheckResult::Skip => checks.skip(code, detail),
            Effect::None => checks.pass(code, detail),
        }
    }
    check_today(context, value, findings.proven_at, checks);
    Signer {
        kind: Some(SignatureKind::Seal),
        seal_version: findings.seal_version,
        name: findings.signer,
        signed_at: findings.signed_at,
        certificates: findings.certificates,
        seal: findings.seal,
        seal_name: findings.seal_name,
        organisation: findings.signer_organisation,
    }
}

/// The time in a seal is its signer's word: who may no longer sign could name any day before. So
/// a seal that is over today leaves the verdict open (EN 319 102-1 §5.5.4), as the signer's
/// certificate does, unless a timestamp proves an earlier use.
fn check_today(
    context: &Context<'_, '_>,
    value: &[u8],
    proven: Option<DateTime<Utc>>,
    checks: &mut Checks,
) {
    let Ok(signature) = SealSignature::parse(value) else {
        return;
    };
    let until = signature.seal.valid_until;
    let proven = proven.into_iter().chain(context.proven).min();
    if proven.unwrap_or(context.options.at) > until {
        let until = until.to_rfc3339();
        let detail = format!("the seal was valid until {until}; nothing proves an earlier use");
        checks.unknown(FindingCode::OutOfBoundsNoPoe, detail);
    }
}

/// The subindication of EN 319 102-1 that says the same; findings without one keep their code.
fn in_pdf(code: FindingCode, is_decisive: bool) -> FindingCode {
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
        FindingCode::RevocationUnknown if is_decisive => FindingCode::TryLater,
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
