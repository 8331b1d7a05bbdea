//! Whether a certificate was revoked, as far as the lists at hand say.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::certificate::Certificate;
use crate::crl::Crl;
use crate::trust::TrustStore;

/// What the revocation lists say about one certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RevocationStatus {
    /// The newest list of the issuer does not name it.
    Good,
    /// A list of the issuer names it.
    Revoked {
        /// Since when.
        since: DateTime<Utc>,
    },
    /// The newest list does not name it, but a newer one is overdue.
    Stale {
        /// When the next list should have been there.
        next_update: DateTime<Utc>,
    },
    /// No list, or only partial lists, of the issuer are at hand.
    Unknown,
}

/// Asks the lists of `trust` that `issuer` signed about `certificate`; a list is stale when a
/// newer one was due before `at`.
///
/// Of several complete lists the newest decides, so that a suspended certificate can come back;
/// of two that claim the same time the worse, and a partial list can only add a revocation.
#[must_use]
pub fn status(
    certificate: &Certificate,
    issuer: &Certificate,
    trust: &TrustStore,
    at: DateTime<Utc>,
) -> RevocationStatus {
    status_with(&[], certificate, issuer, trust, at)
}

/// As [`status`], asking also lists that came with the file; `issuer` must have signed them too.
#[must_use]
pub fn status_with(
    carried: &[Arc<Crl>],
    certificate: &Certificate,
    issuer: &Certificate,
    trust: &TrustStore,
    at: DateTime<Utc>,
) -> RevocationStatus {
    let carried = carried.iter().map(|list| &**list);
    let carried = carried.filter(|list| list.verify_signed_by(issuer).is_ok());
    let carried: Vec<_> = carried.collect();
    let lists: Vec<_> = trust
        .crls_of(issuer)
        .chain(carried.iter().copied())
        .collect();
    // Whoever made the file chose which lists it carries: one without an end would be good for
    // ever, so it only adds revocations.
    let endless = |list: &Crl| {
        let is_carried = carried.iter().any(|known| std::ptr::eq(*known, list));
        is_carried && list.next_update().is_none()
    };
    let newest = lists
        .iter()
        .filter(|list| !list.is_partial() && !endless(list))
        .max_by_key(|list| list.this_update());
    let newest_update = newest.map(|list| list.this_update());
    let counts = |list: &&&Crl| {
        list.is_partial() || endless(list) || Some(list.this_update()) == newest_update
    };
    let since = lists
        .iter()
        .filter(counts)
        .filter_map(|list| list.revoked_at(certificate.serial()))
        .min();
    if let Some(since) = since {
        return RevocationStatus::Revoked { since };
    }
    match newest {
        None => RevocationStatus::Unknown,
        Some(list) => match list.next_update().filter(|_| list.is_stale_at(at)) {
            Some(next_update) => RevocationStatus::Stale { next_update },
            None => RevocationStatus::Good,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Authority, CertificateSpec, CrlSpec, instant};

    const REVOKED: &str = "20250601000000Z";

    #[track_caller]
    fn check(lists: &[CrlSpec], at: &str, expected: RevocationStatus) {
        let root = Authority::root("Root CA", 1);
        let leaf = root.issue(
            &CertificateSpec {
                serial: 7,
                ..CertificateSpec::signer("Office")
            },
            2,
        );
        let mut trust = TrustStore::empty();
        for list in lists {
            trust.add_crl(&root.crl(list)).unwrap();
        }
        trust.add_certificate(root.certificate().der()).unwrap();
        let found = status(leaf.certificate(), root.certificate(), &trust, instant(at));
        assert_eq!(found, expected);
    }

    #[test]
    fn what_the_lists_say() {
        let naming = || CrlSpec {
            revoked: vec![(7, REVOKED)],
            ..CrlSpec::default()
        };
        let newer = || CrlSpec {
            this_update: "20260201000000Z",
            ..CrlSpec::default()
        };
        let at = "20260601000000Z";
        let revoked = RevocationStatus::Revoked {
            since: instant(REVOKED),
        };
        check(&[], at, RevocationStatus::Unknown);
        check(&[CrlSpec::default()], at, RevocationStatus::Good);
        check(&[naming()], at, revoked);
        check(&[newer(), naming()], at, RevocationStatus::Good);
        check(&[naming(), newer()], at, RevocationStatus::Good);
        let late = "20400101000000Z";
        let next_update = instant("20360101000000Z");
        check(
            &[CrlSpec::default()],
            late,
            RevocationStatus::Stale { next_update },
        );
        check(&[naming()], late, revoked);
        let partial = || CrlSpec {
            critical: Some("2.5.29.28"),
            ..CrlSpec::default()
        };
        check(&[partial()], at, RevocationStatus::Unknown);
        let naming_partial = CrlSpec {
            revoked: vec![(7, REVOKED)],
            ..partial()
        };
        check(&[newer(), naming_partial], at, revoked);
    }

    #[test]
    fn lists_without_an_end_only_add_revocations_when_the_file_brings_them() {
        let root = Authority::root("Root CA", 1);
        let spec = CertificateSpec {
            serial: 7,
            ..CertificateSpec::signer("Office")
        };
        let leaf = root.issue(&spec, 2);
        let list = |revoked| {
            let spec = CrlSpec {
                next_update: "",
                revoked,
                ..CrlSpec::default()
            };
            Arc::new(Crl::parse(&root.crl(&spec)).unwrap())
        };
        let mut trust = TrustStore::empty();
        trust.add_certificate(root.certificate().der()).unwrap();
        let asked = |carried: &[Arc<Crl>]| {
            let (leaf, root) = (leaf.certificate(), root.certificate());
            status_with(carried, leaf, root, &trust, instant("20260601000000Z"))
        };
        assert_eq!(asked(&[list(vec![])]), RevocationStatus::Unknown);
        let since = instant(REVOKED);
        let revoked = asked(&[list(vec![]), list(vec![(7, REVOKED)])]);
        assert_eq!(revoked, RevocationStatus::Revoked { since });
    }
}
