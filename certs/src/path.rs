//! From a certificate to an anchor: path building (RFC 5280 §6, RFC 4158).

mod above;
mod cache;

use std::sync::Arc;

use chrono::{DateTime, Utc};
use der::asn1::ObjectIdentifier;

use crate::algorithm::AlgorithmError;
use crate::certificate::Certificate;
use crate::effort::Effort;
use crate::trust::TrustStore;

pub(crate) use above::{AnchorNames, anchors_above};
pub(crate) use cache::ChainCache;
use cache::Window;

/// Most certificates in a path, ends included. Public PKIs need four, cross-certified ones six;
/// webpki stops at six intermediates.
pub const MAX_PATH_CERTIFICATES: usize = 8;
/// Most signatures verified while searching one path: the figure of webpki and `mozilla::pkix`,
/// which keeps crafted bundles from costing more than some ten milliseconds.
pub const MAX_SIGNATURE_CHECKS: u32 = 100;

/// A path from a certificate to an anchor of which every step was checked. Only [`build`] makes
/// one.
#[derive(Clone, Debug)]
pub struct Chain {
    certificates: Vec<Arc<Certificate>>,
}

/// Why no path was found; of several dead ends the most telling one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// No known certificate has the issuer's name.
    #[error("no certificate of the issuer is known")]
    NoIssuer,
    /// Certificates have the issuer's name, but none of their keys made the signature.
    #[error("no known certificate of that name made the signature ({0})")]
    Signature(AlgorithmError),
    /// The issuer is not a CA (RFC 5280 §6.1.4 (k)).
    #[error("the issuer's certificate is not that of a CA")]
    NotCa,
    /// The issuer's keyUsage lacks keyCertSign (RFC 5280 §6.1.4 (n)).
    #[error("the issuer's certificate may not sign certificates")]
    Usage,
    /// The issuer allows fewer CAs below it (RFC 5280 §6.1.4 (m)).
    #[error("the issuer's certificate allows only {0} CA certificates below it")]
    PathLength(usize),
    /// The issuer's certificate was not valid at the time in question (RFC 5280 §6.1.3 (a)(2)).
    #[error("the issuer's certificate is valid only from {not_before} to {not_after}")]
    OutsidePeriod {
        /// Start of the issuer's validity period.
        not_before: DateTime<Utc>,
        /// End of the issuer's validity period.
        not_after: DateTime<Utc>,
    },
    /// A certificate has a critical extension that is not understood (RFC 5280 §4.2).
    #[error("a certificate has critical extension {0}, which is not supported")]
    CriticalExtension(ObjectIdentifier),
    /// The certificate, or its issuer's, is one that nobody may trust any more.
    #[error("a certificate of the path was withdrawn from trust")]
    Withdrawn,
    /// Only longer paths might exist.
    #[error("no path of at most {MAX_PATH_CERTIFICATES} certificates")]
    TooLong,
    /// The search was stopped: it needs more than it, or its file, may cost.
    #[error("no path within the signature checks that a search, or a file, may cost")]
    BudgetSpent,
}

/// Searches a path from `leaf` to an anchor of `trust` with issuers that are valid at `at`.
///
/// `carried` are certificates that came with the message; they count as intermediates only. The
/// leaf's own period and usage are the caller's question, because a seal and a signature answer
/// it with different times. Issuers are found by name *and* signature, so that a forged CA of the
/// same name is passed over.
///
/// What was found is remembered in `trust`, and answers again where a new search would find the
/// same: for the same certificates, at a time that lies on the same side of every period that the
/// search looked at. A change of `trust` forgets it all. An answer from memory takes as much of
/// `effort` as its search, so that no verdict depends on what was met before.
///
/// # Errors
/// When there is no such path.
pub fn build(
    leaf: &Arc<Certificate>,
    carried: &[Arc<Certificate>],
    trust: &TrustStore,
    at: DateTime<Utc>,
    effort: &Effort,
) -> Result<Chain, PathError> {
    if let Some(oid) = leaf.unknown_critical_extension() {
        return Err(PathError::CriticalExtension(oid));
    }
    if trust.is_withdrawn(leaf) {
        return Err(PathError::Withdrawn);
    }
    if trust.is_anchor(leaf) {
        let certificates = vec![Arc::clone(leaf)];
        return Ok(Chain { certificates });
    }
    let key = cache::key(leaf, carried);
    if let Some((found, checks)) = trust.chains().find(&key, at) {
        return match effort.spend(checks) {
            true => found,
            false => Err(PathError::BudgetSpent),
        };
    }
    let mut search = Search {
        trust,
        carried,
        at,
        window: Window::ALWAYS,
        checks: 0,
        effort,
        is_cut_short: false,
        dead_end: PathError::NoIssuer,
    };
    let mut certificates = vec![Arc::clone(leaf)];
    let found = if search.extend(&mut certificates) {
        Ok(Chain { certificates })
    } else {
        Err(search.dead_end)
    };
    if !search.is_cut_short {
        let (window, checks) = (search.window, search.checks);
        trust.chains().keep(key, window, &found, checks);
    }
    found
}

impl Chain {
    /// Each certificate below the anchor with its issuer, the leaf first.
    pub fn links(&self) -> impl Iterator<Item = (&Certificate, &Certificate)> {
        let issuers = self.certificates.iter().skip(1);
        self.certificates
            .iter()
            .zip(issuers)
            .map(|(one, issuer)| (&**one, &**issuer))
    }

    /// Number of certificates, ends included.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "a chain is never empty")]
    pub fn len(&self) -> usize {
        self.certificates.len()
    }

    /// The anchor.
    #[must_use]
    pub fn anchor(&self) -> Option<&Certificate> {
        self.certificates.last().map(|anchor| &**anchor)
    }
}

impl PathError {
    /// The further a path came, the more its end tells.
    const fn rank(&self) -> u8 {
        match self {
            Self::NoIssuer => 0,
            Self::Signature(_) => 1,
            Self::NotCa => 2,
            Self::Usage => 3,
            Self::CriticalExtension(_) => 4,
            Self::PathLength(_) => 5,
            Self::OutsidePeriod { .. } => 6,
            Self::Withdrawn => 7,
            Self::TooLong => 8,
            Self::BudgetSpent => 9,
        }
    }
}

struct Search<'a> {
    trust: &'a TrustStore,
    carried: &'a [Arc<Certificate>],
    at: DateTime<Utc>,
    /// Times at which the same search ends in the same way.
    window: Window,
    /// Signatures that were verified.
    checks: u32,
    effort: &'a Effort,
    /// Whether not the search itself, but its file was too much.
    is_cut_short: bool,
    dead_end: PathError,
}

impl Search<'_> {
    /// Depth-first, anchors first; at most [`MAX_PATH_CERTIFICATES`] deep.
    fn extend(&mut self, path: &mut Vec<Arc<Certificate>>) -> bool {
        let Some(current) = path.last().cloned() else {
            return false;
        };
        if path.len() == MAX_PATH_CERTIFICATES {
            self.note(PathError::TooLong);
            return false;
        }
        let (trust, carried) = (self.trust, self.carried);
        let anchors = trust
            .anchors_named(current.issuer())
            .map(|found| (found, true));
        let known = trust
            .intermediates_named(current.issuer())
            .map(|found| (found, false));
        let brought = carried
            .iter()
            .filter(|found| found.subject() == current.issuer())
            .map(|found| (found, false));
        for (candidate, is_anchor) in anchors.chain(known).chain(brought) {
            if path.iter().any(|used| used.der() == candidate.der()) {
                continue;
            }
            if let Err(reason) = self.check_issuer(candidate, &current, path) {
                let spent = reason == PathError::BudgetSpent;
                self.note(reason);
                if spent {
                    return false;
                }
                continue;
            }
            path.push(Arc::clone(candidate));
            if is_anchor || self.extend(path) {
                return true;
            }
            path.pop();
        }
        false
    }

    fn check_issuer(
        &mut self,
        issuer: &Certificate,
        subject: &Certificate,
        path: &[Arc<Certificate>],
    ) -> Result<(), PathError> {
        // One that was carried along is not in the store, whatever became of it there.
        if self.trust.is_withdrawn(issuer) {
            return Err(PathError::Withdrawn);
        }
        if !issuer.is_ca() {
            return Err(PathError::NotCa);
        }
        if !issuer.may_sign_certificates() {
            return Err(PathError::Usage);
        }
        if let Some(oid) = issuer.unknown_critical_extension() {
            return Err(PathError::CriticalExtension(oid));
        }
        // RFC 5280 §4.2.1.9: self-issued certificates and the leaf do not count.
        let below = path
            .iter()
            .skip(1)
            .filter(|one| !one.is_self_issued())
            .count();
        if let Some(limit) = issuer.path_length().filter(|limit| below > *limit) {
            return Err(PathError::PathLength(limit));
        }
        // Before the period, so that a wrong key of the right name never reads as "expired".
        if self.checks == MAX_SIGNATURE_CHECKS {
            return Err(PathError::BudgetSpent);
        }
        if !self.effort.spend(1) {
            self.is_cut_short = true;
            return Err(PathError::BudgetSpent);
        }
        self.checks += 1;
        subject
            .verify_signed_by(issuer)
            .map_err(PathError::Signature)?;
        self.window.narrow(issuer, self.at);
        if !issuer.is_valid_at(self.at) {
            let (not_before, not_after) = (issuer.not_before(), issuer.not_after());
            return Err(PathError::OutsidePeriod {
                not_before,
                not_after,
            });
        }
        Ok(())
    }

    fn note(&mut self, reason: PathError) {
        if reason.rank() > self.dead_end.rank() {
            self.dead_end = reason;
        }
    }
}

#[cfg(test)]
mod tests;
