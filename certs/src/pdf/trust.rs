//! Whether the signer of a PDF may be trusted, at the time that is proven, or else now
//! (EN 319 102-1 §5.2.6, §5.5).

use std::sync::Arc;

use chrono::{DateTime, Utc};
use schemas::verdict::{CertificateReport, CheckResult, Checks, FindingCode};

use super::Context;
use crate::certificate::Certificate;
use crate::path::{self, Chain, PathError};
use crate::revocation::{self, Evidence, Inquiry, RevocationStatus};

/// What the trust decision rests on.
pub(super) struct Question<'q, 'c, 'a> {
    pub(super) context: &'q Context<'c, 'a>,
    /// Certificates that came with the file.
    pub(super) carried: &'q [Arc<Certificate>],
    /// Revocation data that came with the signature.
    pub(super) own: &'q Evidence<'q>,
    /// A time at which the signature existed, proven by a timestamp.
    pub(super) proven: Option<DateTime<Utc>>,
}

/// Path, period, usage and revocation of the signer's certificate; the path, for the report.
pub(super) fn check(
    question: &Question<'_, '_, '_>,
    certificate: &Arc<Certificate>,
    checks: &mut Checks,
) -> Vec<CertificateReport> {
    let at = question.proven.unwrap_or(question.context.options.at);
    let chain = {
        let context = question.context;
        path::build(
            certificate,
            question.carried,
            context.trust,
            at,
            context.effort,
        )
    };
    let certificates = certificate.report_with(&chain);
    match &chain {
        Ok(chain) => {
            let anchor = chain.anchor().map_or("", Certificate::subject_text);
            let detail = format!("path of {} certificates to {anchor}", chain.len());
            checks.pass(FindingCode::NoCertificateChainFound, detail);
        }
        Err(error) => {
            let subject = certificate.subject_text();
            let detail = format!("no path from {subject} to an anchor: {error}");
            checks.unknown(code_of(error), detail);
        }
    }
    let detail = format!(
        "valid from {} to {}, asked for {}",
        certificate.not_before().to_rfc3339(),
        certificate.not_after().to_rfc3339(),
        at.to_rfc3339()
    );
    if certificate.is_valid_at(at) {
        checks.pass(FindingCode::OutOfBoundsNoPoe, detail);
    } else if question
        .proven
        .is_some_and(|proven| proven < certificate.not_before())
    {
        let detail = format!("{detail}: stamped before there was such a certificate");
        checks.fail(FindingCode::TimestampOrderFailure, detail);
    } else {
        checks.unknown(FindingCode::OutOfBoundsNoPoe, detail);
    }
    if certificate.may_sign_documents() {
        let detail = "the signer's key may sign documents";
        checks.pass(FindingCode::ChainConstraintsFailure, detail);
    } else {
        let detail = "the signer's certificate is not for signing documents";
        checks.unknown(FindingCode::ChainConstraintsFailure, detail);
    }
    match chain {
        Ok(chain) => check_revocation(question, &chain, at, checks),
        Err(_) => checks.skip(
            FindingCode::RevokedNoPoe,
            "no path, so nobody's lists to ask",
        ),
    }
    certificates
}

fn code_of(error: &PathError) -> FindingCode {
    match error {
        PathError::OutsidePeriod { .. } => FindingCode::OutOfBoundsNoPoe,
        PathError::NotCa
        | PathError::Usage
        | PathError::PathLength(_)
        | PathError::CriticalExtension(_) => FindingCode::ChainConstraintsFailure,
        PathError::NoIssuer
        | PathError::Signature(_)
        | PathError::Withdrawn
        | PathError::TooLong
        | PathError::BudgetSpent => FindingCode::NoCertificateChainFound,
    }
}

/// One line for each certificate below the anchor.
fn check_revocation(
    question: &Question<'_, '_, '_>,
    chain: &Chain,
    at: DateTime<Utc>,
    checks: &mut Checks,
) {
    let options = question.context.options;
    let is_required = options.revocation.is_status_required();
    let inquiry = Inquiry {
        trust: question.context.trust,
        anchor: chain.anchor(),
        evidence: &[question.own, &question.context.carried.evidence],
        policy: &options.revocation,
        now: options.at,
        proven: question.proven,
        effort: question.context.effort,
    };
    for (position, (certificate, issuer)) in chain.links().enumerate() {
        let subject = certificate.subject_text();
        match revocation::status(certificate, issuer, &inquiry) {
            RevocationStatus::Revoked { since } if since <= at => {
                let detail = format!("{subject} is revoked since {}", since.to_rfc3339());
                checks.unknown(FindingCode::RevokedNoPoe, detail);
            }
            RevocationStatus::Revoked { since } => {
                let detail = format!("{subject} was revoked later, {}", since.to_rfc3339());
                checks.pass(FindingCode::RevokedNoPoe, detail);
            }
            RevocationStatus::Good => {
                checks.pass(
                    FindingCode::RevokedNoPoe,
                    format!("{subject} is not revoked"),
                );
            }
            RevocationStatus::Stale { until } => {
                let until = until.to_rfc3339();
                let detail = format!("what is known of {subject} counted until {until}");
                checks.unknown(FindingCode::TryLater, detail);
            }
            RevocationStatus::Unknown if is_required => {
                let detail =
                    format!("nobody says whether {subject} is revoked, and that is required");
                checks.unknown(FindingCode::TryLater, detail);
            }
            RevocationStatus::Unknown if position == 0 => {
                let detail = format!("nobody says whether {subject} is revoked");
                checks.warn(FindingCode::RevocationUnknown, CheckResult::Unknown, detail);
            }
            RevocationStatus::Unknown => {
                let detail = format!("nobody says whether {subject} is revoked");
                checks.skip(FindingCode::RevokedNoPoe, detail);
            }
        }
    }
}
