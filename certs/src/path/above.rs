//! To which anchors a CA of the store chains, whatever the time.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use super::MAX_SIGNATURE_CHECKS;
use crate::certificate::Certificate;
use crate::trust::TrustStore;

/// Names (DER) of the anchors above a CA.
pub(crate) type AnchorNames = Arc<BTreeSet<Vec<u8>>>;

/// Names of the anchors above a CA of the store, by signatures of certificates of the store alone.
/// Periods are not asked: a list of a CA that ended since names whom it named.
///
/// What was found is remembered in `trust`. Only what is trusted decides what it costs, so no file
/// pays for it.
pub(crate) fn anchors_above(authority: &Arc<Certificate>, trust: &TrustStore) -> AnchorNames {
    let search = || Arc::new(search(authority, trust));
    trust.chains().above(authority.digest(), search)
}

fn search(authority: &Arc<Certificate>, trust: &TrustStore) -> BTreeSet<Vec<u8>> {
    let (mut found, mut checks) = (BTreeSet::new(), 0);
    let mut met = HashSet::from([*authority.digest()]);
    let mut next = vec![Arc::clone(authority)];
    while let Some(subject) = next.pop() {
        if trust.is_anchor(&subject) {
            found.insert(subject.subject().to_vec());
            continue;
        }
        let name = subject.issuer();
        for issuer in trust
            .anchors_named(name)
            .chain(trust.intermediates_named(name))
        {
            let is_fit =
                issuer.may_sign_certificates() && issuer.unknown_critical_extension().is_none();
            if !is_fit || met.contains(issuer.digest()) {
                continue;
            }
            if checks == MAX_SIGNATURE_CHECKS {
                return found;
            }
            checks += 1;
            if subject.verify_signed_by(issuer).is_ok() {
                met.insert(*issuer.digest());
                next.push(Arc::clone(issuer));
            }
        }
    }
    found
}
