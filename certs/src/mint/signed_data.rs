//! GB/T 35275 `SignedData`, the signed value of an OFD signature of type `Sign`, and the same in
//! CMS for PDF.
//!
//! In OFD the content is the SM3 of `Signature.xml`; there are no signed attributes, so the
//! signature covers the content itself, as real files do.

use ::der::asn1::ObjectIdentifier;
use chrono::{DateTime, Utc};
use schemas::seal::asn1;
use sm3::{Digest as _, Sm3};

use super::credential::{Credential, DISTINGUISHING_ID};
use super::seal::SealFaults;
use super::{MintError, SM2_WITH_SM3, SM3, der};
use crate::digest::DigestAlgorithm;

/// `signedData` of GB/T 35275.
const SIGNED_DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.156.10197.6.1.4.2.2");
/// `data` of GB/T 35275.
const DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.156.10197.6.1.4.2.1");
/// `signedData` and `data` of CMS, RFC 5652 §5.1, §4.
const CMS_SIGNED_DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.2");
const CMS_DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.1");
/// Signed attributes, RFC 5652 §11.
const CONTENT_TYPE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.3");
const MESSAGE_DIGEST: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.4");
const SIGNING_TIME: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.5");
/// SM2 digital signature, the name that `SignerInfo` uses for it.
const SM2_SIGNATURE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.156.10197.1.301.1");

/// `ContentInfo(SignedData)` as DER over the SM3 of `signature_xml`. Of `faults` those count
/// that are not about a seal.
///
/// # Errors
/// [`MintError::Key`] when the key cannot sign.
pub fn sign_data(
    signer: &Credential,
    signature_xml: &[u8],
    faults: &SealFaults,
) -> Result<Vec<u8>, MintError> {
    let mut content: Vec<u8> = Sm3::digest(signature_xml).to_vec();
    if faults.wrong_data_hash {
        change_last_octet(&mut content);
    }
    let identifier = faults
        .distinguishing_id
        .as_deref()
        .unwrap_or(DISTINGUISHING_ID);
    let signature = signer.signature(&content, identifier)?;
    let mut value = signature.to_der().as_bytes().to_vec();
    if faults.raw_signatures {
        value = signature.to_vec();
    }
    if faults.break_signature {
        change_last_octet(&mut value);
    }
    let digest_algorithm = der::sequence(&[&der::object_identifier(SM3)]);
    let signer_info = der::sequence(&[
        &der::integer(1),
        &der::sequence(&[signer.issuer_der(), &der::unsigned_integer(signer.serial())]),
        &digest_algorithm,
        &der::sequence(&[&der::object_identifier(SM2_SIGNATURE)]),
        &der::octet_string(&value),
    ]);
    let signed_data = der::sequence(&[
        &der::integer(1),
        &der::set_of(&[&digest_algorithm]),
        &der::sequence(&[
            &der::object_identifier(DATA),
            &der::context(0, &der::octet_string(&content)),
        ]),
        &der::context(0, signer.certificate()),
        &der::set_of(&[&signer_info]),
    ]);
    Ok(der::sequence(&[
        &der::object_identifier(SIGNED_DATA),
        &der::context(0, &signed_data),
    ]))
}

/// `ContentInfo(SignedData)` of CMS (RFC 5652) as DER over a message in parts, which is kept
/// elsewhere, with SM2 and signed attributes.
///
/// # Errors
/// [`MintError::Key`] when the key cannot sign.
pub fn sign_detached(
    signer: &Credential,
    message: &[&[u8]],
    at: DateTime<Utc>,
) -> Result<Vec<u8>, MintError> {
    sign_digest(signer, &DigestAlgorithm::Sm3.digest_parts(message), at)
}

/// The same over a message with this SM3, which need not be in memory.
///
/// # Errors
/// [`MintError::Key`] when the key cannot sign.
pub fn sign_digest(
    signer: &Credential,
    digest: &[u8],
    at: DateTime<Utc>,
) -> Result<Vec<u8>, MintError> {
    let attribute = |kind, value: &[u8]| {
        der::sequence(&[&der::object_identifier(kind), &der::set_of(&[value])])
    };
    let attributes = [
        attribute(CONTENT_TYPE, &der::object_identifier(CMS_DATA)),
        attribute(SIGNING_TIME, &der::x509_time(at)),
        attribute(MESSAGE_DIGEST, &der::octet_string(digest)),
    ];
    let attributes: Vec<&[u8]> = attributes.iter().map(Vec::as_slice).collect();
    let signed = der::set_of(&attributes);
    let signature = signer.sign(&signed)?;
    // `[0]` IMPLICIT in the place of the SET's tag (RFC 5652 §5.3).
    let mut tagged = signed;
    if let Some(tag) = tagged.first_mut() {
        *tag = asn1::CONTEXT_0;
    }
    let digest_algorithm = der::sequence(&[&der::object_identifier(SM3)]);
    let signer_info = der::sequence(&[
        &der::integer(1),
        &der::sequence(&[signer.issuer_der(), &der::unsigned_integer(signer.serial())]),
        &digest_algorithm,
        &tagged,
        &der::sequence(&[&der::object_identifier(SM2_WITH_SM3)]),
        &der::octet_string(&signature),
    ]);
    let signed_data = der::sequence(&[
        &der::integer(1),
        &der::set_of(&[&digest_algorithm]),
        &der::sequence(&[&der::object_identifier(CMS_DATA)]),
        &der::context(0, signer.certificate()),
        &der::set_of(&[&signer_info]),
    ]);
    Ok(der::sequence(&[
        &der::object_identifier(CMS_SIGNED_DATA),
        &der::context(0, &signed_data),
    ]))
}

fn change_last_octet(octets: &mut [u8]) {
    if let Some(last) = octets.last_mut() {
        *last ^= 1;
    }
}
