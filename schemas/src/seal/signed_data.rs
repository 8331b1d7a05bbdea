//! GB/T 35275-2017 `SignedData`: the signed value of an OFD signature of type `Sign`.
//!
//! Its shape is that of CMS (RFC 5652 §5.1); only the object identifiers differ, and both sets
//! are read. One signer and definite lengths are expected (`\[P\]` profile).

use chrono::{DateTime, Utc};
use der::asn1::ObjectIdentifier;

use super::asn1::{self, Asn1Error, Element, Reader};
use super::fields::expect_tag;
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
/// PKCS #9 messageDigest, RFC 5652 §11.2.
const MESSAGE_DIGEST: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.4");
/// PKCS #9 signingTime, RFC 5652 §11.3.
const SIGNING_TIME: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.5");

/// A `SignedData` with one signer.
pub struct SignedData<'a> {
    /// The signed content; none when it is kept elsewhere.
    pub content: Option<&'a [u8]>,
    /// DER of the certificates carried along.
    pub certificates: Vec<&'a [u8]>,
    /// Who signed: issuer and serial number, or key identifier.
    pub signer: SignerIdentifier<'a>,
    /// Digest algorithm of the signer.
    pub digest_algorithm: ObjectIdentifier,
    /// The signed attributes, when there are any.
    pub attributes: Option<SignedAttributes<'a>>,
    /// Signature algorithm of the signer.
    pub algorithm: ObjectIdentifier,
    /// The signature.
    pub signature: &'a [u8],
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
    /// `signingTime`, when present and readable.
    pub signing_time: Option<DateTime<Utc>>,
    raw: &'a [u8],
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
        reader.expect(asn1::SET)?;
        let content = encapsulated_content(&reader.expect(asn1::SEQUENCE)?)?;
        let certificates = match reader.optional(asn1::CONTEXT_0)? {
            Some(list) => list.reader().all(MAX_CERTIFICATES)?,
            None => Vec::new(),
        };
        // Revocation lists carried along are not used: they come from the trust store.
        reader.optional(asn1::CONTEXT_1)?;
        let signers = reader.expect(asn1::SET)?.reader().all(1)?;
        reader.finish()?;
        let [signer] = signers.as_slice() else {
            return Err(Asn1Error::Content("signerInfos"));
        };
        let certificates = certificates.iter().map(|element| element.raw).collect();
        Self::with_signer(
            content,
            certificates,
            expect_tag(signer, asn1::SEQUENCE)?.reader(),
        )
    }

    fn with_signer(
        content: Option<&'a [u8]>,
        certificates: Vec<&'a [u8]>,
        mut reader: Reader<'a>,
    ) -> Result<Self, Asn1Error> {
        reader.expect(asn1::INTEGER)?;
        let signer = signer_identifier(&reader.any()?)?;
        let digest_algorithm = algorithm_identifier(&reader.expect(asn1::SEQUENCE)?)?;
        let attributes = reader
            .optional(asn1::CONTEXT_0)?
            .as_ref()
            .map(SignedAttributes::parse)
            .transpose()?;
        let algorithm = algorithm_identifier(&reader.expect(asn1::SEQUENCE)?)?;
        let signature = reader.expect(asn1::OCTET_STRING)?.content;
        // Unsigned attributes (timestamps) are not evaluated.
        reader.optional(asn1::CONTEXT_1)?;
        reader.finish()?;
        Ok(Self {
            content,
            certificates,
            signer,
            digest_algorithm,
            attributes,
            algorithm,
            signature,
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

    fn parse(element: &Element<'a>) -> Result<Self, Asn1Error> {
        let mut message_digest = None;
        let mut signing_time = None;
        for attribute in element.reader().all(MAX_ATTRIBUTES)? {
            let mut reader = expect_tag(&attribute, asn1::SEQUENCE)?.reader();
            let kind = reader.expect(asn1::OBJECT_IDENTIFIER)?.oid()?;
            let values = reader.expect(asn1::SET)?.reader().all(MAX_FIELDS)?;
            reader.finish()?;
            // Both attributes must have one value and appear once (RFC 5652 §11.2, §11.3).
            match (kind, values.as_slice()) {
                (MESSAGE_DIGEST, [value]) if message_digest.is_none() => {
                    message_digest = Some(expect_tag(value, asn1::OCTET_STRING)?.content);
                }
                (SIGNING_TIME, [value]) if signing_time.is_none() => {
                    signing_time = Some(value.time()?);
                }
                (MESSAGE_DIGEST | SIGNING_TIME, _) => {
                    return Err(Asn1Error::Content("signed attribute"));
                }
                _ => {}
            }
        }
        let message_digest = message_digest.ok_or(Asn1Error::Content("signed attributes"))?;
        Ok(Self {
            message_digest,
            signing_time,
            raw: element.raw,
        })
    }
}

fn encapsulated_content<'a>(element: &Element<'a>) -> Result<Option<&'a [u8]>, Asn1Error> {
    let mut reader = element.reader();
    reader.expect(asn1::OBJECT_IDENTIFIER)?.oid()?;
    let Some(wrapper) = reader.optional(asn1::CONTEXT_0)? else {
        reader.finish()?;
        return Ok(None);
    };
    reader.finish()?;
    Element::whole(wrapper.content, asn1::OCTET_STRING).map(|octets| Some(octets.content))
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
    element.reader().expect(asn1::OBJECT_IDENTIFIER)?.oid()
}
