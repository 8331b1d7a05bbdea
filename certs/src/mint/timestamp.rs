//! Timestamps (RFC 3161 §2.4.2) of a development authority: over a signature of CMS, over that of a
//! seal or of its maker, and over a whole PDF.

use ::der::asn1::ObjectIdentifier;
use chrono::{DateTime, Utc};
use schemas::seal::TST_INFO;
use schemas::seal::asn1::{self, Asn1Error, Element};

use super::credential::Credential;
use super::{MintError, SM2_WITH_SM3, SM3, der};
use crate::certificate::Certificate;
use crate::digest::DigestAlgorithm;

const SIGNED_DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.2");
const CONTENT_TYPE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.3");
const MESSAGE_DIGEST: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.4");
const SIGNING_CERTIFICATE_V2: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.2.47");
const TIMESTAMP_TOKEN: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.2.14");
/// The authority's policy: anyPolicy (RFC 5280 §4.2.1.4), as there is none.
const POLICY: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.32.0");

/// The key of a timestamp authority: SM2 of the development PKI, or any other.
pub trait StampingKey {
    /// The authority's certificate, DER.
    fn certificate(&self) -> &[u8];
    /// The digest that goes with the key.
    fn digest(&self) -> (DigestAlgorithm, ObjectIdentifier);
    /// `signatureAlgorithm` of the signer.
    fn algorithm(&self) -> ObjectIdentifier;
    /// The signature over a message.
    ///
    /// # Errors
    /// The key cannot sign.
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, MintError>;
}

impl StampingKey for Credential {
    fn certificate(&self) -> &[u8] {
        Self::certificate(self)
    }

    fn digest(&self) -> (DigestAlgorithm, ObjectIdentifier) {
        (DigestAlgorithm::Sm3, SM3)
    }

    fn algorithm(&self) -> ObjectIdentifier {
        SM2_WITH_SM3
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, MintError> {
        Self::sign(self, message)
    }
}

/// A timestamp token over a message in parts: `ContentInfo` with a `TSTInfo` inside.
///
/// # Errors
/// The key cannot sign, or its certificate cannot be read.
pub fn stamp(
    key: &dyn StampingKey,
    message: &[&[u8]],
    at: DateTime<Utc>,
) -> Result<Vec<u8>, MintError> {
    let certificate =
        Certificate::parse(key.certificate()).map_err(|problem| MintError::Certificate {
            of: "the timestamp authority".to_owned(),
            problem: problem.to_string(),
        })?;
    let (digest, digest_oid) = key.digest();
    let digest_algorithm = der::sequence(&[&der::object_identifier(digest_oid)]);
    let imprint = digest.digest_parts(message);
    let info = der::sequence(&[
        &der::integer(1),
        &der::object_identifier(POLICY),
        &der::sequence(&[&digest_algorithm, &der::octet_string(&imprint)]),
        &der::unsigned_integer(&at.timestamp().to_be_bytes()),
        &der::generalized_time(at),
    ]);
    let named = der::sequence(&[
        &digest_algorithm,
        &der::octet_string(&digest.digest(certificate.der())),
    ]);
    let named = der::sequence(&[&der::sequence(&[&named])]);
    let attributes = [
        attribute(CONTENT_TYPE, &der::object_identifier(TST_INFO)),
        attribute(MESSAGE_DIGEST, &der::octet_string(&digest.digest(&info))),
        attribute(SIGNING_CERTIFICATE_V2, &named),
    ];
    let attributes: Vec<&[u8]> = attributes.iter().map(Vec::as_slice).collect();
    let signed = der::set_of(&attributes);
    let signature = key.sign(&signed)?;
    // `[0]` IMPLICIT in the place of the SET's tag (RFC 5652 §5.3).
    let mut tagged = signed;
    if let Some(tag) = tagged.first_mut() {
        *tag = asn1::CONTEXT_0;
    }
    let signer = der::sequence(&[
        &der::integer(1),
        &der::sequence(&[
            certificate.issuer(),
            &der::unsigned_integer(certificate.serial()),
        ]),
        &digest_algorithm,
        &tagged,
        &der::sequence(&[&der::object_identifier(key.algorithm())]),
        &der::octet_string(&signature),
    ]);
    let signed_data = der::sequence(&[
        &der::integer(3),
        &der::set_of(&[&digest_algorithm]),
        &der::sequence(&[
            &der::object_identifier(TST_INFO),
            &der::context(0, &der::octet_string(&info)),
        ]),
        &der::context(0, certificate.der()),
        &der::set_of(&[&signer]),
    ]);
    Ok(der::sequence(&[
        &der::object_identifier(SIGNED_DATA),
        &der::context(0, &signed_data),
    ]))
}

/// A CMS signature with a timestamp over its signature as an unsigned attribute (RFC 3161 appendix
/// A); `make` is given what is stamped.
///
/// # Errors
/// The bytes are no CMS signature of one signer without unsigned attributes, or `make` fails.
pub fn stamp_cms(
    cms: &[u8],
    make: impl FnOnce(&[u8]) -> Result<Vec<u8>, MintError>,
) -> Result<Vec<u8>, MintError> {
    let outer = children(cms, asn1::SEQUENCE)?;
    let [kind, wrapper] = outer.as_slice() else {
        return Err(no_signature());
    };
    let data = children(wrapper.content, asn1::SEQUENCE)?;
    let Some((signers, before)) = data.split_last() else {
        return Err(no_signature());
    };
    let signer = children(signers.content, asn1::SEQUENCE)?;
    let value = signer.last().filter(|last| last.tag == asn1::OCTET_STRING);
    let token = make(value.ok_or_else(no_signature)?.content)?;
    let unsigned = der::context(1, &attribute(TIMESTAMP_TOKEN, &token));
    let raw = |elements: &[Element<'_>]| -> Vec<u8> {
        elements.iter().flat_map(|one| one.raw).copied().collect()
    };
    let signer = der::sequence(&[&raw(&signer), &unsigned]);
    let data = der::sequence(&[&raw(before), &der::set_of(&[&signer])]);
    Ok(der::sequence(&[kind.raw, &der::context(0, &data)]))
}

/// A seal or a signature made with one, V4 or V5, with a timestamp over its signature value
/// (`timeStamp`, GB/T 38540-2020, GM/T 0031-2025); `make` is given what is stamped.
///
/// # Errors
/// The bytes are none of these, or `make` fails.
pub fn stamp_seal(
    sealed: &[u8],
    make: impl FnOnce(&[u8]) -> Result<Vec<u8>, MintError>,
) -> Result<Vec<u8>, MintError> {
    let fields = children(sealed, asn1::SEQUENCE)?;
    let [body, certificate, algorithm, signature] = fields.as_slice() else {
        return Err(no_signature());
    };
    let octets = signature.bits().map_err(unreadable)?.octets;
    let token = der::context(0, &der::bit_string(&make(octets)?));
    Ok(der::sequence(&[
        body.raw,
        certificate.raw,
        algorithm.raw,
        signature.raw,
        &token,
    ]))
}

fn attribute(kind: ObjectIdentifier, value: &[u8]) -> Vec<u8> {
    der::sequence(&[&der::object_identifier(kind), &der::set_of(&[value])])
}

/// Most elements directly inside any structure that is stamped.
const FIELDS_MAX: usize = 16;

fn children(bytes: &[u8], tag: u8) -> Result<Vec<Element<'_>>, MintError> {
    let whole = Element::whole(bytes, tag).map_err(unreadable)?;
    whole.reader().all(FIELDS_MAX).map_err(unreadable)
}

fn unreadable(problem: Asn1Error) -> MintError {
    MintError::Stamp(problem.to_string())
}

fn no_signature() -> MintError {
    MintError::Stamp("there is no signature value".to_owned())
}
