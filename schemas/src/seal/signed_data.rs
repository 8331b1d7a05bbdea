//! `SignedData` of GB/T 35275-2017 and CMS (RFC 5652 §5.1): the signed value of an OFD signature of
//! type `Sign`, of a PDF signature, and of a timestamp.
//!
//! Only the object identifiers differ, and both sets are read. One signer and definite lengths are
//! expected (`\[P\]` profile); [`super::ber`] makes them definite.

use chrono::{DateTime, Utc};
use der::asn1::ObjectIdentifier;

use super::asn1::{self, Asn1Error, Element};
use super::fields::expect_tag;
use super::revocation_data::RevocationData;
use super::ses::MAX_SIGNED_VALUE_BYTES;

/// Most certificates carried along; a chain has at most eight (`\[P\]` profile).
pub const MAX_CERTIFICATES: usize = 32;
/// Most signed attributes (`\[P\]` profile).
const MAX_ATTRIBUTES: usize = 32;
/// Most elements directly inside any structure here.
const MAX_FIELDS: usize = 16;

const SIGNED_DATA: [ObjectIdentifier; 2] = [
    // GB/T 35275 signedData.
    ObjectIdentifier::new_unwrap("1.2.156.10197.6.1.4.2.2"),
    // RFC 5652 §5.1.
    ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.2"),
];
/// PKCS #9 contentType, RFC 5652 §11.1.
const CONTENT_TYPE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.3");
/// PKCS #9 messageDigest, RFC 5652 §11.2.
const MESSAGE_DIGEST: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.4");
/// PKCS #9 signingTime, RFC 5652 §11.3.
const SIGNING_TIME: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.5");

/// signingCertificate and signingCertificateV2, RFC 5035 §5.4, §5.3.
const SIGNING_CERTIFICATE: [ObjectIdentifier; 2] = [
    ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.2.12"),
    ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.2.47"),
];
/// Timestamp token over the signature, RFC 3161 appendix A.
const TIMESTAMP_TOKEN: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.2.14");
/// Revocation data as Adobe's readers write it: `RevocationInfoArchival`,
/// ISO 32000-2:2020 §12.8.3.3.2.
const REVOCATION_ARCHIVAL: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113583.1.1.8");
/// The same as European signers write it, unsigned: id-aa-ets-revocationValues,
/// EN 319 122-1 §A.1.2.2.
const REVOCATION_VALUES: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.2.24");

/// A `SignedData` with one signer.
pub struct SignedData<'a> {
    /// What the content is: data, a timestamp.
    pub content_type: ObjectIdentifier,
    /// The digest algorithms that are announced.
    pub digest_algorithms: Vec<ObjectIdentifier>,
    /// The signed content; none when it is kept elsewhere.
    pub content: Option<&'a [u8]>,
    /// DER of the certificates carried along.
    pub certificates: Vec<&'a [u8]>,
    /// Revocation data carried along, wherever they stand: nobody needs to have signed them.
    pub revocation: RevocationData<'a>,
    /// Who signed: issuer and serial number, or key identifier.
    pub signer: SignerIdentifier<'a>,
    /// Digest algorithm of the signer.
    pub digest_algorithm: ObjectIdentifier,
    /// The signed attributes, when there are any.
    pub attributes: Option<SignedAttributes<'a>>,
    /// Signature algorithm of the signer.
    pub algorithm: ObjectIdentifier,
    /// Its parameters, as they stand there.
    pub parameters: Option<&'a [u8]>,
    /// The signature.
    pub signature: &'a [u8],
    /// The timestamp token over the signature, a `ContentInfo`.
    pub timestamp: Option<&'a [u8]>,
}

/// How the signer's certificate is named.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum SignerIdentifier<'a> {
    /// Issuer name (DER) and serial number (content octets).
    IssuerAndSerial {
        /// DER of the issuer's name.
        issuer: &'a [u8],
        /// Content octets of the serial number.
        serial: &'a [u8],
    },
    /// Subject key identifier.
    KeyIdentifier(&'a [u8]),
}

/// Signed attributes of a signer.
pub struct SignedAttributes<'a> {
    /// `messageDigest`.
    pub message_digest: &'a [u8],
    /// `contentType`, when present.
    pub content_type: Option<ObjectIdentifier>,
    /// `signingTime`, when present and readable.
    pub signing_time: Option<DateTime<Utc>>,
    /// Digests of the signer's certificate (`signingCertificate`, `signingCertificateV2`).
    pub signing_certificates: Vec<CertificateDigest<'a>>,
    revocation: RevocationData<'a>,
    raw: &'a [u8],
    attributes: Vec<&'a [u8]>,
}

/// A digest of a certificate (`ESSCertID`, RFC 5035 §5.4; `ESSCertIDv2`, §5.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CertificateDigest<'a> {
    /// The digest's algorithm; none is written for the older form, which is SHA-1.
    pub algorithm: Option<ObjectIdentifier>,
    /// The digest.
    pub value: &'a [u8],
}

impl<'a> SignedData<'a> {
    /// Reads a `ContentInfo` with a `SignedData` inside.
    ///
    /// # Errors
    /// When the bytes are anything else, have several signers, or exceed a limit.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Asn1Error> {
        if bytes.len() > MAX_SIGNED_VALUE_BYTES {
            return Err(Asn1Error::TooLarge {
                limit: MAX_SIGNED_VALUE_BYTES,
            });
        }
        let mut content_info = Element::whole(bytes, asn1::SEQUENCE)?.reader();
        let content_type = content_info.expect(asn1::OBJECT_IDENTIFIER)?.oid()?;
        if !SIGNED_DATA.contains(&content_type) {
            return Err(Asn1Error::Content("ContentInfo"));
        }
        let wrapper = content_info.expect(asn1::CONTEXT_0)?;
        content_info.finish()?;
        let mut reader = Element::whole(wrapper.content, asn1::SEQUENCE)?.reader();
        reader.expect(asn1::INTEGER)?;
        let algorithms = reader.expect(asn1::SET)?.reader().all(MAX_FIELDS)?;
        let digest_algorithms = algorithms.iter().map(algorithm_identifier);
        let digest_algorithms = digest_algorithms.collect::<Result<_, _>>()?;
        let (content_type, content) = encapsulated_content(&reader.expect(asn1::SEQUENCE)?)?;
        let certificates = match reader.optional(asn1::CONTEXT_0)? {
            Some(list) => list.reader().all(MAX_CERTIFICATES)?,
            None => Vec::new(),
        };
        let mut revocation = match reader.optional(asn1::CONTEXT_1)? {
            Some(list) => RevocationData::choices(&list)?,
            None => RevocationData::default(),
        };
        let signers = reader.expect(asn1::SET)?.reader().all(1)?;
        reader.finish()?;
        let [signer] = signers.as_slice() else {
            return Err(Asn1Error::Content("signerInfos"));
        };
        let certificates = certificates.iter().map(|element| element.raw).collect();
        let mut reader = expect_tag(signer, asn1::SEQUENCE)?.reader();
        reader.expect(asn1::INTEGER)?;
        let signer = signer_identifier(&reader.any()?)?;
        let digest_algorithm = algorithm_identifier(&reader.expect(asn1::SEQUENCE)?)?;
        let attributes = reader
            .optional(asn1::CONTEXT_0)?
            .as_ref()
            .map(SignedAttributes::parse)
            .transpose()?;
        let mut algorithm = reader.expect(asn1::SEQUENCE)?.reader();
        let signature = reader.expect(asn1::OCTET_STRING)?.content;
        let unsigned = match reader.optional(asn1::CONTEXT_1)? {
            Some(attributes) => Unsigned::parse(&attributes)?,
            None => Unsigned::default(),
        };
        reader.finish()?;
        if let Some(attributes) = &attributes {
            revocation.append(attributes.revocation.clone());
        }
        revocation.append(unsigned.revocation);
        Ok(Self {
            content_type,
            digest_algorithms,
            content,
            certificates,
            revocation,
            signer,
            digest_algorithm,
            attributes,
            algorithm: algorithm.expect(asn1::OBJECT_IDENTIFIER)?.oid()?,
            parameters: match algorithm.is_empty() {
                true => None,
                false => Some(algorithm.any()?.raw),
            },
            signature,
            timestamp: unsigned.timestamp,
        })
    }
}

impl<'a> SignedAttributes<'a> {
    /// What was signed: the attributes as they stand in the file, with the tag of a SET in place
    /// of `[0]` (RFC 5652 §5.4).
    #[must_use]
    pub fn signed_bytes(&self) -> Vec<u8> {
        let mut bytes = self.raw.to_vec();
        if let Some(tag) = bytes.first_mut() {
            *tag = asn1::SET;
        }
        bytes
    }

    /// What the standard says was signed: the attributes in the order of DER (RFC 5652 §5.4), in
    /// whatever order they stand in the file.
    #[must_use]
    pub fn sorted_bytes(&self) -> Vec<u8> {
        let mut attributes = self.attributes.clone();
        attributes.sort_unstable();
        let head = self.raw.len() - attributes.iter().map(|one| one.len()).sum::<usize>();
        let head = self.raw.get(1..head).unwrap_or_default();
        [&[asn1::SET], head, &attributes.concat()].concat()
    }

    fn parse(element: &Element<'a>) -> Result<Self, Asn1Error> {
        let wrong = Asn1Error::Content("signed attribute");
        let (mut message_digest, mut content_type, mut signing_time) = (None, None, None);
        let (mut signing_certificates, mut revocation) = (Vec::new(), RevocationData::default());
        let attributes = element.reader().all(MAX_ATTRIBUTES)?;
        for attribute in &attributes {
            let (kind, values) = attribute_of(attribute)?;
            // These have one value and appear once (RFC 5652 §11.1, §11.2, §11.3).
            match (kind, values.as_slice()) {
                (CONTENT_TYPE, [value]) if content_type.is_none() => {
                    content_type = Some(expect_tag(value, asn1::OBJECT_IDENTIFIER)?.oid()?);
                }
                (MESSAGE_DIGEST, [value]) if message_digest.is_none() => {
                    message_digest = Some(expect_tag(value, asn1::OCTET_STRING)?.content);
                }
                (SIGNING_TIME, [value]) if signing_time.is_none() => {
                    signing_time = Some(value.time()?);
                }
                (CONTENT_TYPE | MESSAGE_DIGEST | SIGNING_TIME, _) => return Err(wrong),
                (kind, [value]) if SIGNING_CERTIFICATE.contains(&kind) => {
                    signing_certificates.push(first_certificate_digest(value)?);
                }
                (REVOCATION_ARCHIVAL, [value]) => {
                    revocation.append(RevocationData::archived(value)?);
                }
                _ => {}
            }
        }
        Ok(Self {
            message_digest: message_digest.ok_or(Asn1Error::Content("signed attributes"))?,
            content_type,
            signing_time,
            signing_certificates,
            revocation,
            raw: element.raw,
            attributes: attributes.iter().map(|attribute| attribute.raw).collect(),
        })
    }
}

/// The type and the values of an attribute.
fn attribute_of<'a>(
    attribute: &Element<'a>,
) -> Result<(ObjectIdentifier, Vec<Element<'a>>), Asn1Error> {
    let mut reader = expect_tag(attribute, asn1::SEQUENCE)?.reader();
    let kind = reader.expect(asn1::OBJECT_IDENTIFIER)?.oid()?;
    let values = reader.expect(asn1::SET)?.reader().all(MAX_FIELDS)?;
    reader.finish()?;
    Ok((kind, values))
}

/// What is read of the unsigned attributes.
#[derive(Default)]
struct Unsigned<'a> {
    timestamp: Option<&'a [u8]>,
    revocation: RevocationData<'a>,
}

impl<'a> Unsigned<'a> {
    /// Several timestamp tokens are one too many to choose from.
    fn parse(attributes: &Element<'a>) -> Result<Self, Asn1Error> {
        let mut unsigned = Self::default();
        for attribute in attributes.reader().all(MAX_ATTRIBUTES)? {
            let (kind, values) = attribute_of(&attribute)?;
            match (kind, values.as_slice()) {
                (TIMESTAMP_TOKEN, [value]) if unsigned.timestamp.is_none() => {
                    unsigned.timestamp = Some(value.raw);
                }
                (TIMESTAMP_TOKEN, _) => return Err(Asn1Error::Content("timestamp token")),
                (REVOCATION_VALUES, [value]) => {
                    unsigned.revocation.append(RevocationData::archived(value)?);
                }
                _ => {}
            }
        }
        Ok(unsigned)
    }
}

/// The first certificate of a `SigningCertificate` or `SigningCertificateV2`: the signer's.
fn first_certificate_digest<'a>(value: &Element<'a>) -> Result<CertificateDigest<'a>, Asn1Error> {
    let mut list = expect_tag(value, asn1::SEQUENCE)?.reader();
    let mut certificates = list.expect(asn1::SEQUENCE)?.reader();
    let mut first = certificates.expect(asn1::SEQUENCE)?.reader();
    // Version 2 without an algorithm means SHA-256, version 1 always SHA-1: the length tells.
    let algorithm = first.optional(asn1::SEQUENCE)?;
    let algorithm = algorithm.as_ref().map(algorithm_identifier).transpose()?;
    let value = first.expect(asn1::OCTET_STRING)?.content;
    Ok(CertificateDigest { algorithm, value })
}

fn encapsulated_content<'a>(
    element: &Element<'a>,
) -> Result<(ObjectIdentifier, Option<&'a [u8]>), Asn1Error> {
    let mut reader = element.reader();
    let kind = reader.expect(asn1::OBJECT_IDENTIFIER)?.oid()?;
    let Some(wrapper) = reader.optional(asn1::CONTEXT_0)? else {
        reader.finish()?;
        return Ok((kind, None));
    };
    reader.finish()?;
    let octets = Element::whole(wrapper.content, asn1::OCTET_STRING)?;
    Ok((kind, Some(octets.content)))
}

fn signer_identifier<'a>(element: &Element<'a>) -> Result<SignerIdentifier<'a>, Asn1Error> {
    /// `[0]`, primitive.
    const KEY_IDENTIFIER: u8 = 0x80;
    match element.tag {
        asn1::SEQUENCE => {
            let mut reader = element.reader();
            let issuer = reader.expect(asn1::SEQUENCE)?.raw;
            let serial = reader.expect(asn1::INTEGER)?.content;
            reader.finish()?;
            Ok(SignerIdentifier::IssuerAndSerial { issuer, serial })
        }
        KEY_IDENTIFIER => Ok(SignerIdentifier::KeyIdentifier(element.content)),
        found => Err(Asn1Error::UnexpectedTag {
            expected: asn1::SEQUENCE,
            found,
        }),
    }
}

fn algorithm_identifier(element: &Element<'_>) -> Result<ObjectIdentifier, Asn1Error> {
    let mut fields = expect_tag(element, asn1::SEQUENCE)?.reader();
    fields.expect(asn1::OBJECT_IDENTIFIER)?.oid()
}
