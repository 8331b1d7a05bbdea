//! GB/T 35275 `SignedData`, the signed value of an OFD signature of type `Sign`, and the same in
//! CMS for PDF.
//!
//! In OFD the content is the SM3 of `Signature.xml`; there are no signed attributes, so the
//! signature covers the content itself, as real files do.

use ::der::asn1::ObjectIdentifier;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use schemas::seal::asn1;
use sm3::{Digest as _, Sm3};

use super::credential::Credential;
use super::key::{DISTINGUISHING_ID, PrivateKey};
use super::seal::SealFaults;
use super::{MintError, SM2_WITH_SM3, SM3, der};

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
/// `id-aa-signingCertificateV2`, RFC 5035 §3.
const SIGNING_CERTIFICATE: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.2.47");
/// SHA-256, and RSA as `SignerInfo` names it (RFC 8017 appendix A.2.4, RFC 3370 §3.2).
const SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.1");
const RSA_ENCRYPTION: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
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
    if faults.data_hash_in_base64 {
        content = STANDARD.encode(&content).into_bytes();
    }
    let identifier = faults
        .distinguishing_id
        .as_deref()
        .unwrap_or(DISTINGUISHING_ID);
    let signature = signer.secret_key().sm2_signature(&content, identifier)?;
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

/// Which object identifiers a detached signature is written with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// Those of CMS (RFC 5652).
    Cms,
    /// Those of GB/T 35275, as some products write them into PDF; SM2 alone.
    Gb35275,
}

/// `ContentInfo(SignedData)` of CMS as DER over a message in parts, which is kept elsewhere.
///
/// # Errors
/// [`MintError::Key`] when the key cannot sign.
pub fn sign_detached(
    signer: &Credential,
    message: &[&[u8]],
    at: DateTime<Utc>,
) -> Result<Vec<u8>, MintError> {
    sign_detached_in(Dialect::Cms, signer, message, at, &SealFaults::default())
}

/// `ContentInfo(SignedData)` as DER over a message in parts, which is kept elsewhere, with signed
/// attributes; with the algorithms of the signer's key. Of `faults` those count that are about the
/// signature alone.
///
/// # Errors
/// [`MintError::Key`] when the key cannot sign, or not in this dialect.
pub fn sign_detached_in(
    dialect: Dialect,
    signer: &Credential,
    message: &[&[u8]],
    at: DateTime<Utc>,
    faults: &SealFaults,
) -> Result<Vec<u8>, MintError> {
    let digest = signer.secret_key().digest().digest_parts(message);
    sign_digest(dialect, signer, &digest, at, faults)
}

/// The same over a message with this digest, by the algorithm of the signer's key: it need not be
/// in memory.
///
/// # Errors
/// As [`sign_detached_in`].
pub fn sign_digest(
    dialect: Dialect,
    signer: &Credential,
    message_digest: &[u8],
    at: DateTime<Utc>,
    faults: &SealFaults,
) -> Result<Vec<u8>, MintError> {
    let (data, signed_data) = match dialect {
        Dialect::Cms => (CMS_DATA, CMS_SIGNED_DATA),
        Dialect::Gb35275 => (DATA, SIGNED_DATA),
    };
    let attributes = signed_attributes(signer, message_digest, at, data);
    let signature = detached_signature(signer, &attributes, faults)?;
    // `[0]` IMPLICIT in the place of the SET's tag (RFC 5652 §5.3).
    let mut tagged = attributes;
    if let Some(tag) = tagged.first_mut() {
        *tag = asn1::CONTEXT_0;
    }
    let digest_algorithm = digest_algorithm(signer);
    let signer_info = der::sequence(&[
        &der::integer(1),
        &der::sequence(&[signer.issuer_der(), &der::unsigned_integer(signer.serial())]),
        &digest_algorithm,
        &tagged,
        &signature_algorithm(signer, dialect),
        &der::octet_string(&signature),
    ]);
    let content = der::sequence(&[
        &der::integer(1),
        &der::set_of(&[&digest_algorithm]),
        &der::sequence(&[&der::object_identifier(data)]),
        &der::context(0, signer.certificate()),
        &der::set_of(&[&signer_info]),
    ]);
    Ok(der::sequence(&[
        &der::object_identifier(signed_data),
        &der::context(0, &content),
    ]))
}

/// The SET of signed attributes, with the certificate that is signed along (RFC 5035 §3).
fn signed_attributes(
    signer: &Credential,
    message_digest: &[u8],
    at: DateTime<Utc>,
    content_type: ObjectIdentifier,
) -> Vec<u8> {
    let digest = signer.secret_key().digest();
    let attribute = |kind, value: &[u8]| {
        der::sequence(&[&der::object_identifier(kind), &der::set_of(&[value])])
    };
    let certificate_digest = der::octet_string(&digest.digest(signer.certificate()));
    let named = match signer.secret_key() {
        PrivateKey::Sm2(_) => der::sequence(&[&digest_algorithm(signer), &certificate_digest]),
        // SHA-256 is the default, which DER does not write.
        PrivateKey::Rsa(_) => der::sequence(&[&certificate_digest]),
    };
    let named = der::sequence(&[&der::sequence(&[&named])]);
    let attributes = [
        attribute(CONTENT_TYPE, &der::object_identifier(content_type)),
        attribute(SIGNING_TIME, &der::x509_time(at)),
        attribute(MESSAGE_DIGEST, &der::octet_string(message_digest)),
        attribute(SIGNING_CERTIFICATE, &named),
    ];
    let attributes: Vec<&[u8]> = attributes.iter().map(Vec::as_slice).collect();
    der::set_of(&attributes)
}

fn detached_signature(
    signer: &Credential,
    attributes: &[u8],
    faults: &SealFaults,
) -> Result<Vec<u8>, MintError> {
    let mut value = match &faults.distinguishing_id {
        Some(identifier) => {
            let signature = signer.secret_key().sm2_signature(attributes, identifier)?;
            signature.to_der().as_bytes().to_vec()
        }
        None => signer.sign(attributes)?,
    };
    if faults.break_signature {
        change_last_octet(&mut value);
    }
    Ok(value)
}

fn digest_algorithm(signer: &Credential) -> Vec<u8> {
    let digest = match signer.secret_key() {
        PrivateKey::Sm2(_) => SM3,
        PrivateKey::Rsa(_) => SHA256,
    };
    der::sequence(&[&der::object_identifier(digest)])
}

fn signature_algorithm(signer: &Credential, dialect: Dialect) -> Vec<u8> {
    match (signer.secret_key(), dialect) {
        (PrivateKey::Rsa(_), _) => {
            der::sequence(&[&der::object_identifier(RSA_ENCRYPTION), &der::null()])
        }
        (PrivateKey::Sm2(_), Dialect::Cms) => {
            der::sequence(&[&der::object_identifier(SM2_WITH_SM3)])
        }
        (PrivateKey::Sm2(_), Dialect::Gb35275) => {
            der::sequence(&[&der::object_identifier(SM2_SIGNATURE)])
        }
    }
}

fn change_last_octet(octets: &mut [u8]) {
    if let Some(last) = octets.last_mut() {
        *last ^= 1;
    }
}
