//! Certificates in the words of a report.

use schemas::verdict::{CertificateReport, CertificateRole};

use super::Certificate;
use crate::path::{Chain, PathError};

impl Certificate {
    /// What a report says about this certificate.
    #[must_use]
    pub fn report(&self, role: CertificateRole) -> CertificateReport {
        CertificateReport {
            role,
            subject: self.subject_text().to_owned(),
            serial: hex::encode(self.serial()),
            not_before: self.not_before(),
            not_after: self.not_after(),
            sm3: self.fingerprint(),
        }
    }

    /// This signer's certificate, and those above it when a path was found.
    pub(crate) fn report_with(&self, chain: &Result<Chain, PathError>) -> Vec<CertificateReport> {
        let above = chain.iter().flat_map(Chain::links);
        let above = above.map(|(_, issuer)| issuer.report(CertificateRole::Issuer));
        let own = self.report(CertificateRole::Signer);
        std::iter::once(own).chain(above).collect()
    }
}
