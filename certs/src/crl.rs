//! Certificate revocation lists (RFC 5280 §5).

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, Utc};
use der::asn1::ObjectIdentifier;
use schemas::seal::asn1::{self, Asn1Error, Element, Reader};

use crate::algorithm::AlgorithmError;
use crate::certificate::Certificate;
use crate::digest::sm3;

/// Largest list in bytes; the largest public ones are near 50 MiB (\[P\] profile).
pub const MAX_CRL_BYTES: usize = 64 * 1024 * 1024;
/// Most entries of a list: what fits into [`MAX_CRL_BYTES`] with the shortest entries in use.
pub const MAX_CRL_ENTRIES: usize = 2_000_000;
/// Most extensions of a list or an entry (\[P\] profile).
const MAX_EXTENSIONS: usize = 32;

/// Most keys of which a list remembers whether they made it: issuers of one name have few.
const MAX_ASKED: usize = 16;

/// `issuingDistributionPoint`, RFC 5280 §5.2.5: the list covers only a part.
const DISTRIBUTION_POINT: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.28");
/// `invalidityDate`, RFC 5280 §5.3.2: since when the key is known or thought to be compromised.
const INVALIDITY_DATE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.24");

/// One revocation list. Parsing proves nothing: [`Crl::verify_signed_by`] does.
pub struct Crl {
    issuer: Vec<u8>,
    this_update: DateTime<Utc>,
    next_update: Option<DateTime<Utc>>,
    revoked: HashMap<Box<[u8]>, DateTime<Utc>>,
    is_partial: bool,
    signed_bytes: Vec<u8>,
    algorithm: ObjectIdentifier,
    signature: Vec<u8>,
    digest: [u8; 32],
    /// Digests of keys that were asked for before, and whether each made the list: a list is large,
    /// and one file may have hundreds of signatures.
    asked: Mutex<Vec<([u8; 32], bool)>>,
}

/// Why bytes are not a usable revocation list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CrlError {
    /// Larger than any accepted list.
    #[error("the revocation list has more than {MAX_CRL_BYTES} bytes")]
    TooLarge,
    /// Not DER, or not a revocation list.
    #[error("not a revocation list: {0}")]
    Malformed(#[from] Asn1Error),
    /// A critical extension that is not understood, for instance of a delta or indirect list:
    /// RFC 5280 §5.2 says not to use the list then.
    #[error("the revocation list has critical extension {0}, which is not supported")]
    CriticalExtension(ObjectIdentifier),
}

impl CrlError {
    /// Stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::TooLarge => "CRL_TOO_LARGE",
            Self::Malformed(_) => "CRL_MALFORMED",
            Self::CriticalExtension(_) => "CRL_UNSUPPORTED",
        }
    }
}

impl Crl {
    /// Parses one list.
    ///
    /// # Errors
    /// When the bytes are not one revocation list, or it is a delta or indirect list.
    pub fn parse(bytes: &[u8]) -> Result<Self, CrlError> {
        if bytes.len() > MAX_CRL_BYTES {
            return Err(CrlError::TooLarge);
        }
        let mut outer = Element::whole(bytes, asn1::SEQUENCE)?.reader();
        let signed = outer.expect(asn1::SEQUENCE)?;
        let algorithm_raw = outer.expect(asn1::SEQUENCE)?;
        let signature = outer.expect(asn1::BIT_STRING)?.bits()?.octets.to_vec();
        outer.finish()?;

        let mut reader = signed.reader();
        reader.optional(asn1::INTEGER)?;
        // RFC 5280 §5.1.1.2: both places must name the same algorithm.
        if reader.expect(asn1::SEQUENCE)?.raw != algorithm_raw.raw {
            return Err(Asn1Error::Content("signature algorithm").into());
        }
        let issuer = reader.expect(asn1::SEQUENCE)?.raw.to_vec();
        let this_update = reader.any()?.time()?;
        let next_update = match reader.peek() {
            Some(asn1::UTC_TIME | asn1::GENERALIZED_TIME) => Some(reader.any()?.time()?),
            _ => None,
        };
        let revoked = match reader.optional(asn1::SEQUENCE)? {
            Some(list) => parse_entries(list.reader())?,
            None => HashMap::new(),
        };
        let is_partial = match reader.optional(asn1::CONTEXT_0)? {
            Some(tagged) => {
                let list = tagged.reader().expect(asn1::SEQUENCE)?;
                parse_extensions(list.reader())?.has_distribution_point
            }
            None => false,
        };
        reader.finish()?;
        Ok(Self {
            issuer,
            this_update,
            next_update,
            revoked,
            is_partial,
            signed_bytes: signed.raw.to_vec(),
            algorithm: algorithm_raw
                .reader()
                .expect(asn1::OBJECT_IDENTIFIER)?
                .oid()?,
            signature,
            digest: sm3(bytes),
            asked: Mutex::default(),
        })
    }

    /// DER of the issuer's name.
    #[must_use]
    pub fn issuer(&self) -> &[u8] {
        &self.issuer
    }

    /// When the list was made.
    #[must_use]
    pub const fn this_update(&self) -> DateTime<Utc> {
        self.this_update
    }

    /// When the next list will be there at the latest.
    #[must_use]
    pub const fn next_update(&self) -> Option<DateTime<Utc>> {
        self.next_update
    }

    /// Whether the next list should have been there before `at`.
    #[must_use]
    pub fn is_stale_at(&self, at: DateTime<Utc>) -> bool {
        self.next_update.is_some_and(|next_update| next_update < at)
    }

    /// Whether the list covers only a part of the issuer's certificates, so that not being on it
    /// proves nothing.
    #[must_use]
    pub const fn is_partial(&self) -> bool {
        self.is_partial
    }

    /// Number of revoked certificates.
    #[must_use]
    pub fn entries(&self) -> usize {
        self.revoked.len()
    }

    /// Since when the certificate with this serial number (content octets) is revoked: the earlier
    /// of the day on which it was and of the one from which on it is invalid (RFC 5280 §5.3.2).
    #[must_use]
    pub fn revoked_at(&self, serial: &[u8]) -> Option<DateTime<Utc>> {
        self.revoked.get(serial).copied()
    }

    /// Every revoked certificate: serial number, and as [`Crl::revoked_at`] says since when.
    pub(crate) fn named(&self) -> impl Iterator<Item = (&[u8], DateTime<Utc>)> {
        self.revoked
            .iter()
            .map(|(serial, since)| (&**serial, *since))
    }

    /// SM3 of the list.
    #[must_use]
    pub const fn digest(&self) -> &[u8; 32] {
        &self.digest
    }

    /// Whether `issuer` made the list: same name, may sign lists, and its key made the signature.
    ///
    /// # Errors
    /// When any of this does not hold.
    pub fn verify_signed_by(&self, issuer: &Certificate) -> Result<(), AlgorithmError> {
        // RFC 5280 §6.3.3 (f): keyUsage, where present, must have cRLSign.
        if self.issuer != issuer.subject() || !issuer.may_sign_crls() {
            return Err(AlgorithmError::Invalid);
        }
        match self.answer(issuer) {
            Some(true) => return Ok(()),
            Some(false) => return Err(AlgorithmError::Invalid),
            None => {}
        }
        let made = issuer
            .verify_made(self.algorithm, &self.signed_bytes, &self.signature)
            .map(drop);
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        if asked.len() < MAX_ASKED {
            asked.push((*issuer.key_digest(), made.is_ok()));
        }
        made
    }

    /// Whether it is known already whether the key of `issuer` made the signature.
    pub(crate) fn was_asked(&self, issuer: &Certificate) -> bool {
        self.answer(issuer).is_some()
    }

    fn answer(&self, issuer: &Certificate) -> Option<bool> {
        let asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let known = asked.iter().find(|(key, _)| key == issuer.key_digest());
        known.map(|(_, made)| *made)
    }
}

impl fmt::Debug for Crl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Crl")
            .field(&hex::encode(self.digest))
            .finish()
    }
}

fn parse_entries(mut reader: Reader<'_>) -> Result<HashMap<Box<[u8]>, DateTime<Utc>>, CrlError> {
    let mut revoked = HashMap::new();
    while !reader.is_empty() {
        if revoked.len() == MAX_CRL_ENTRIES {
            return Err(Asn1Error::TooMany {
                limit: MAX_CRL_ENTRIES,
            }
            .into());
        }
        let mut entry = reader.expect(asn1::SEQUENCE)?.reader();
        let serial = entry.expect(asn1::INTEGER)?.content;
        let mut date = entry.any()?.time()?;
        if let Some(extensions) = entry.optional(asn1::SEQUENCE)? {
            // certificateIssuer (indirect lists) is critical and refused here.
            let invalid_since = parse_extensions(extensions.reader())?.invalid_since;
            // Authorities learn of a stolen key after the fact: what it signed from the day of the
            // theft on is nobody's word, though the list speaks of it only since the revocation.
            date = invalid_since.map_or(date, |since| since.min(date));
        }
        entry.finish()?;
        // A serial number listed twice counts from its earliest date.
        revoked
            .entry(serial.into())
            .and_modify(|known: &mut DateTime<Utc>| *known = date.min(*known))
            .or_insert(date);
    }
    Ok(revoked)
}

/// What is read of the extensions of a list or of an entry.
#[derive(Default)]
struct Extensions {
    has_distribution_point: bool,
    invalid_since: Option<DateTime<Utc>>,
}

/// Other critical extensions are refused, and an `invalidityDate` that is none.
fn parse_extensions(reader: Reader<'_>) -> Result<Extensions, CrlError> {
    let mut read = Extensions::default();
    for extension in reader.all(MAX_EXTENSIONS)? {
        let mut fields = extension.reader();
        let oid = fields.expect(asn1::OBJECT_IDENTIFIER)?.oid()?;
        let is_critical = fields
            .optional(asn1::BOOLEAN)?
            .is_some_and(|flag| flag.content != [0]);
        if oid == DISTRIBUTION_POINT {
            read.has_distribution_point = true;
        } else if oid == INVALIDITY_DATE {
            let value = fields.expect(asn1::OCTET_STRING)?.content;
            let since = Element::whole(value, asn1::GENERALIZED_TIME)?.time()?;
            // Of two, which nobody should write, the earlier.
            read.invalid_since = Some(read.invalid_since.map_or(since, |known| known.min(since)));
        } else if is_critical {
            return Err(CrlError::CriticalExtension(oid));
        }
    }
    Ok(read)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Authority, CertificateSpec, CrlSpec, instant};

    fn authority() -> Authority {
        Authority::root("Root CA", 1)
    }

    #[test]
    fn lists_are_read_and_verified() {
        let root = authority();
        let der = root.crl(&CrlSpec {
            revoked: vec![(7, "20250601000000Z")],
            ..CrlSpec::default()
        });
        let list = Crl::parse(&der).unwrap();
        assert_eq!(list.verify_signed_by(root.certificate()), Ok(()));
        assert_eq!(list.revoked_at(&[7]), Some(instant("20250601000000Z")));
        assert_eq!(list.revoked_at(&[8]), None);
        assert!(!list.is_stale_at(instant("20360101000000Z")));
        assert!(list.is_stale_at(instant("20360101000001Z")));

        let twin = Authority::root("Root CA", 2);
        assert_eq!(
            list.verify_signed_by(twin.certificate()),
            Err(AlgorithmError::Invalid)
        );
        let other = Authority::root("Other CA", 1);
        assert_eq!(
            list.verify_signed_by(other.certificate()),
            Err(AlgorithmError::Invalid)
        );
    }

    #[test]
    fn a_ca_without_crl_sign_cannot_revoke() {
        let spec = CertificateSpec {
            usage: Some(&[5]),
            ..CertificateSpec::authority("Root CA")
        };
        let root = Authority::self_signed(&spec, 1);
        let list = Crl::parse(&root.crl(&CrlSpec::default())).unwrap();
        assert_eq!(
            list.verify_signed_by(root.certificate()),
            Err(AlgorithmError::Invalid)
        );
    }

    #[test]
    fn delta_lists_are_refused_and_partial_ones_marked() {
        let with = |oid| {
            authority().crl(&CrlSpec {
                critical: Some(oid),
                ..CrlSpec::default()
            })
        };
        assert!(matches!(
            Crl::parse(&with("2.5.29.27")),
            Err(CrlError::CriticalExtension(oid)) if oid.to_string() == "2.5.29.27"
        ));
        assert!(Crl::parse(&with("2.5.29.28")).unwrap().is_partial());
    }

    #[test]
    fn a_key_that_was_stolen_before_counts_as_revoked_since_then() {
        let since = |invalid_since| {
            let der = authority().crl(&CrlSpec {
                revoked: vec![(7, "20250601000000Z")],
                invalid_since,
                ..CrlSpec::default()
            });
            Crl::parse(&der).map(|list| list.revoked_at(&[7]))
        };
        assert_eq!(
            since("20240101000000Z"),
            Ok(Some(instant("20240101000000Z")))
        );
        assert_eq!(
            since("20250701000000Z"),
            Ok(Some(instant("20250601000000Z")))
        );
        for malformed in ["2024", "20241301000000Z", "yesterday"] {
            let refused = since(malformed).unwrap_err();
            assert_eq!(refused.code(), "CRL_MALFORMED", "{malformed}");
        }
    }

    #[test]
    fn damaged_lists_never_panic() {
        let der = authority().crl(&CrlSpec {
            revoked: vec![(7, "20250601000000Z")],
            ..CrlSpec::default()
        });
        for end in 0..der.len() {
            assert!(Crl::parse(&der[..end]).is_err(), "cut at {end}");
        }
    }
}
