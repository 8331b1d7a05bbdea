//! Parameters of RSASSA-PSS (RFC 4055 §3.1).

use der::asn1::ObjectIdentifier;
use schemas::seal::asn1::{self, Asn1Error, Element};

use super::AlgorithmError;
use crate::digest::DigestAlgorithm;

/// id-RSASSA-PSS.
pub(super) const RSA_PSS: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.10");
/// id-mgf1.
const MGF1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.8");
/// `[2]` and `[3]`, constructed.
const CONTEXT_2: u8 = 0xa2;
const CONTEXT_3: u8 = 0xa3;
/// Longest salt in bytes: that of the longest digest.
const SALT_MAX_BYTES: u8 = 64;

/// The digest, which has to be that of the mask too, and the length of the salt in bytes.
///
/// # Errors
/// Parameters that are missing, malformed or not accepted: without any they mean SHA-1.
pub(super) fn parameters(bytes: Option<&[u8]>) -> Result<(DigestAlgorithm, u8), AlgorithmError> {
    let refused = AlgorithmError::NotAccepted(RSA_PSS);
    let read = bytes.ok_or(refused.clone())?;
    let (digest, mask, salt) = read_parts(read).map_err(|_| refused.clone())?;
    let digest = DigestAlgorithm::parse(&digest.to_string()).ok_or(refused.clone())?;
    let mask = DigestAlgorithm::parse(&mask.to_string()).ok_or(refused.clone())?;
    if digest != mask || digest == DigestAlgorithm::Sm3 || salt > SALT_MAX_BYTES {
        return Err(refused);
    }
    Ok((digest, salt))
}

fn read_parts(bytes: &[u8]) -> Result<(ObjectIdentifier, ObjectIdentifier, u8), Asn1Error> {
    let mut reader = Element::whole(bytes, asn1::SEQUENCE)?.reader();
    let digest = reader.expect(asn1::CONTEXT_0)?.reader();
    let digest = algorithm(digest)?.0;
    let (mask, inner) = algorithm(reader.expect(asn1::CONTEXT_1)?.reader())?;
    if mask != MGF1 {
        return Err(Asn1Error::Content("mask generation function"));
    }
    let mut inner = inner
        .ok_or(Asn1Error::Content("mask generation function"))?
        .reader();
    let mask = inner.expect(asn1::OBJECT_IDENTIFIER)?.oid()?;
    let salt = match reader.optional(CONTEXT_2)? {
        // DEFAULT 20.
        None => 20,
        Some(salt) => match salt.reader().expect(asn1::INTEGER)?.unsigned()? {
            [] => 0,
            [salt] => *salt,
            _ => return Err(Asn1Error::Content("salt length")),
        },
    };
    reader.optional(CONTEXT_3)?;
    reader.finish()?;
    Ok((digest, mask, salt))
}

/// An `AlgorithmIdentifier`: its identifier, and its parameters when they are a SEQUENCE.
fn algorithm(
    mut reader: asn1::Reader<'_>,
) -> Result<(ObjectIdentifier, Option<Element<'_>>), Asn1Error> {
    let mut inner = reader.expect(asn1::SEQUENCE)?.reader();
    let identifier = inner.expect(asn1::OBJECT_IDENTIFIER)?.oid()?;
    Ok((identifier, inner.optional(asn1::SEQUENCE)?))
}
