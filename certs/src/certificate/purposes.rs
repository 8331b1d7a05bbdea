//! What a certificate's key is for, besides keyUsage: extKeyUsage (RFC 5280 §4.2.1.12).

use der::asn1::ObjectIdentifier;
use x509_cert::TbsCertificate;
use x509_cert::ext::pkix::ExtendedKeyUsage;

/// extKeyUsage itself.
const EXTENDED_KEY_USAGE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.37");
/// id-kp-timeStamping.
const TIME_STAMPING: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.8");
/// id-kp-OCSPSigning.
const OCSP_SIGNING: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.9");
/// id-pkix-ocsp-nocheck, RFC 6960 §4.2.2.2.1.
const OCSP_NO_CHECK: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.48.1.5");
/// Purposes that have nothing to do with documents: TLS servers, timestamps, OCSP. Certificates of
/// signers often name only TLS clients, so that counts, but not beside TLS servers, as certificates
/// of machines have it.
const OTHER_PURPOSES: [ObjectIdentifier; 3] = [
    ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.1"),
    TIME_STAMPING,
    OCSP_SIGNING,
];

/// id-kp-clientAuth.
const TLS_CLIENT: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.2");

/// Purposes that are asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Purposes {
    /// Only purposes that have nothing to do with documents are named.
    pub(super) others_only: bool,
    /// Timestamps alone, and whoever does not understand that must refuse it (RFC 3161 §2.3).
    pub(super) stamps_time: bool,
    /// Answers for its issuer whether certificates are revoked (RFC 6960 §4.2.2.2).
    pub(super) answers_status: bool,
    /// Nobody needs to ask whether it is revoked itself.
    pub(super) needs_no_check: bool,
}

impl Purposes {
    pub(super) fn read(certificate: &TbsCertificate) -> Result<Self, der::Error> {
        let extensions = || certificate.extensions().into_iter().flatten();
        let needs_no_check = extensions().any(|known| known.extn_id == OCSP_NO_CHECK);
        let Some((_, named)) = certificate.get_extension::<ExtendedKeyUsage>()? else {
            return Ok(Self {
                needs_no_check,
                ..Self::default()
            });
        };
        let is_critical =
            extensions().any(|known| known.extn_id == EXTENDED_KEY_USAGE && known.critical);
        let is_machine = |one| OTHER_PURPOSES.contains(one) || *one == TLS_CLIENT;
        Ok(Self {
            others_only: named.0 != [TLS_CLIENT] && named.0.iter().all(is_machine),
            stamps_time: is_critical && named.0 == [TIME_STAMPING],
            answers_status: named.0.contains(&OCSP_SIGNING),
            needs_no_check,
        })
    }
}
