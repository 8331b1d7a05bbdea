//! Whether the signer of a PDF may be trusted, at the time that is proven, or else now
//! (EN 319 102-1 §5.2.6, §5.5).

use std::sync::Arc;

use chrono::{DateTime, Utc};
use schemas::pdf::validation::ValidationData;
use schemas::seal::SignedData;
use schemas::verdict::{CertificateReport, CheckResult, Checks, FindingCode};

use super::Context;
use crate::certificate::Certificate;
use crate::crl::Crl;
use crate::path::{self, Chain, PathError};
use crate::revocation::{self, RevocationStatus};
use crate::signed_value::RevocationPolicy;

/// What the trust decision rests on.
pub(super) struct Question<'q, 'c, 'a> {
    pub(super) context: &'q Context<'c, 'a>,
    /// Certificates that came with the file.
    pub(super) carried: &'q [Arc<Certificate>],
    /// Revocation lists that came with the file.
    pub(super) lists: &'q [Arc<Crl>],
    /// A time at which the signature existed, proven by a timestamp.
    pub(super) proven: Option<DateTime<Utc>>,
}

/// What a file carries along for all its signatures, parsed once.
pub(crate) struct Carried {
    pub(super) certificates: Vec<Arc<Certificate>>,
    pub(super) lists: Vec<Arc<Crl>>,
}

impl Carried {
    /// Parses what can be; the rest is no help and no harm.
    pub(super) fn parse(data: &ValidationData) -> Self {
        let certificates = data.certificates.iter();
        let lists = data.lists.iter();
        Self {
            certificates: certificates
                .filter_map(|der| Certificate::shared(der).ok())
                .collect(),
            lists: lists
                .filter_map(|der| Crl::parse(der).ok().map(Arc::new))
                .collect(),
        }
    }
}

/// Revocation lists of the signed value, of its attributes and of the file.
pub(super) fn carried_lists(context: &Context<'_, '_>, data: &SignedData<'_>) -> Vec<Arc<Crl>> {
    let attributes = data
        .attributes
        .iter()
        .flat_map(|attributes| &attributes.lists);
    let own = data.lists.iter().chain(attributes);
    let own = own.filter_map(|der| Crl::parse(der).ok().map(Arc::new));
    own.chain(context.carried.lists.iter().cloned()).collect()
}

/// Path, period, usage and revocation of the signer's certificate; the path, for the report.
pub(super) fn check(
    question: &Question<'_, '_, '_>,
    certificate: &Arc<Certificate>,
    checks: &mut Checks,
) -> Vec<CertificateReport> {
    let at = question.proven.unwrap_or(question.context.options.at);
    let chain = path::build(certificate, question.carried, question.context.trust, at);
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
    let is_required = options.revocation == RevocationPolicy::RequireKnown;
    for (position, (certificate, issuer)) in chain.links().enumerate() {
        let subject = certificate.subject_text();
        let (trust, now) = (question.context.trust, options.at);
        match revocation::status_with(question.lists, certificate, issuer, trust, now) {
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
            RevocationStatus::Stale { next_update } => {
                let due = next_update.to_rfc3339();
                let detail = format!("a newer list for {subject} was due {due}");
                checks.unknown(FindingCode::TryLater, detail);
            }
            RevocationStatus::Unknown if is_required => {
                let detail = format!("no revocation list for {subject}, and one is required");
                checks.unknown(FindingCode::TryLater, detail);
            }
            RevocationStatus::Unknown if position == 0 => {
                let detail = format!("no revocation list for {subject}");
                checks.warn(FindingCode::RevocationUnknown, CheckResult::Unknown, detail);
            }
            RevocationStatus::Unknown => {
                let detail = format!("no revocation list for {subject}");
                checks.skip(FindingCode::RevokedNoPoe, detail);
            }
        }
    }
}
