//! Answers of an OCSP responder (RFC 6960 §4.2; GM/T 0014 has the same shape): whether certificates
//! are revoked, as it stands in a file that carries its evidence along.

use chrono::{DateTime, Utc};
use der::asn1::ObjectIdentifier;

use super::asn1::{self, Asn1Error, Element, Reader};
use super::fields::expect_tag;

/// Largest response in bytes; with the responder's certificate real ones have some 2 KiB
/// (`\[P\]` profile).
pub const MAX_RESPONSE_BYTES: usize = 256 * 1024;
/// Most certificates that one response speaks of; nearly always it is one (`\[P\]` profile).
const MAX_ANSWERS: usize = 256;
/// Most certificates that a response carries (`\[P\]` profile).
const MAX_CERTIFICATES: usize = 8;
/// Most extensions of a response or of an answer (`\[P\]` profile).
const MAX_EXTENSIONS: usize = 32;

/// Tag of ENUMERATED.
const ENUMERATED: u8 = 0x0a;
/// Tag of `[2]`, constructed.
const CONTEXT_2: u8 = 0xa2;
/// Tags of `[0]` and `[2]`, primitive.
const GOOD: u8 = 0x80;
const UNKNOWN: u8 = 0x82;
/// `responseStatus` of a response that says something.
const SUCCESSFUL: [u8; 1] = [0];
/// id-pkix-ocsp-basic.
const BASIC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.48.1.1");

/// `BasicOCSPResponse`. Reading it proves nothing: who signed it is asked elsewhere.
pub struct OcspResponse<'a> {
    /// The bytes that the responder signed.
    pub signed_bytes: &'a [u8],
    /// Who says to have signed.
    pub responder: Responder<'a>,
    /// When it was signed.
    pub produced_at: DateTime<Utc>,
    /// What it says.
    pub answers: Vec<OcspAnswer<'a>>,
    /// Algorithm of the signature.
    pub algorithm: ObjectIdentifier,
    /// Its parameters, as they stand there.
    pub parameters: Option<&'a [u8]>,
    /// The signature.
    pub signature: &'a [u8],
    /// DER of the certificates carried along.
    pub certificates: Vec<&'a [u8]>,
}

/// `ResponderID`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Responder<'a> {
    /// DER of its name.
    Name(&'a [u8]),
    /// SHA-1 of its public key.
    Key(&'a [u8]),
}

/// `SingleResponse`: what is said about one certificate.
pub struct OcspAnswer<'a> {
    /// Algorithm of the two digests.
    pub algorithm: ObjectIdentifier,
    /// Digest of the issuer's name.
    pub name_digest: &'a [u8],
    /// Digest of the issuer's public key.
    pub key_digest: &'a [u8],
    /// Serial number, content octets.
    pub serial: &'a [u8],
    /// What is said.
    pub status: OcspStatus,
    /// When that was known to be so.
    pub this_update: DateTime<Utc>,
    /// When more will be known at the latest; none: at any time.
    pub next_update: Option<DateTime<Utc>>,
}

/// `CertStatus`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OcspStatus {
    /// Not revoked.
    Good,
    /// Revoked.
    Revoked {
        /// Since when.
        since: DateTime<Utc>,
    },
    /// The responder does not know the certificate.
    Unknown,
}

impl<'a> OcspResponse<'a> {
    /// Reads an `OCSPResponse` or the `BasicOCSPResponse` in it.
    ///
    /// # Errors
    /// When the bytes are anything else, say that there is no answer, exceed a limit, or have a
    /// critical extension: none is understood (RFC 6960 §4.4).
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Asn1Error> {
        if bytes.len() > MAX_RESPONSE_BYTES {
            return Err(Asn1Error::TooLarge {
                limit: MAX_RESPONSE_BYTES,
            });
        }
        let whole = Element::whole(bytes, asn1::SEQUENCE)?;
        if whole.reader().peek() == Some(ENUMERATED) {
            Self::parse_basic(&Element::whole(basic_inside(&whole)?, asn1::SEQUENCE)?)
        } else {
            Self::parse_basic(&whole)
        }
    }

    fn parse_basic(basic: &Element<'a>) -> Result<Self, Asn1Error> {
        let mut reader = basic.reader();
        let signed = reader.expect(asn1::SEQUENCE)?;
        let mut algorithm = reader.expect(asn1::SEQUENCE)?.reader();
        let signature = reader.expect(asn1::BIT_STRING)?.bits()?;
        let certificates = match reader.optional(asn1::CONTEXT_0)? {
            Some(tagged) => Element::whole(tagged.content, asn1::SEQUENCE)?
                .reader()
                .all(MAX_CERTIFICATES)?,
            None => Vec::new(),
        };
        reader.finish()?;
        if signature.unused_bits != 0 {
            return Err(Asn1Error::Content("BIT STRING"));
        }
        let mut reader = signed.reader();
        // The version is v1, which DER leaves out.
        let version = reader.optional(asn1::CONTEXT_0)?;
        if version.is_some_and(|version| version.content != [asn1::INTEGER, 1, 0]) {
            return Err(Asn1Error::Content("ResponseData of another version"));
        }
        let responder = responder(&reader.any()?)?;
        let produced_at = reader.expect(asn1::GENERALIZED_TIME)?.time()?;
        let answers = reader.expect(asn1::SEQUENCE)?.reader().all(MAX_ANSWERS)?;
        refuse_critical(&mut reader)?;
        reader.finish()?;
        Ok(Self {
            signed_bytes: signed.raw,
            responder,
            produced_at,
            answers: answers
                .iter()
                .map(OcspAnswer::parse)
                .collect::<Result<_, _>>()?,
            algorithm: algorithm.expect(asn1::OBJECT_IDENTIFIER)?.oid()?,
            parameters: match algorithm.is_empty() {
                true => None,
                false => Some(algorithm.any()?.raw),
            },
            signature: signature.octets,
            certificates: certificates.iter().map(|one| one.raw).collect(),
        })
    }
}

impl<'a> OcspAnswer<'a> {
    fn parse(element: &Element<'a>) -> Result<Self, Asn1Error> {
        let mut reader = expect_tag(element, asn1::SEQUENCE)?.reader();
        let mut id = reader.expect(asn1::SEQUENCE)?.reader();
        let mut algorithm = id.expect(asn1::SEQUENCE)?.reader();
        let algorithm = algorithm.expect(asn1::OBJECT_IDENTIFIER)?.oid()?;
        let name_digest = id.expect(asn1::OCTET_STRING)?.content;
        let key_digest = id.expect(asn1::OCTET_STRING)?.content;
        let serial = id.expect(asn1::INTEGER)?.content;
        id.finish()?;
        let status = status(&reader.any()?)?;
        let this_update = reader.expect(asn1::GENERALIZED_TIME)?.time()?;
        let next_update = match reader.optional(asn1::CONTEXT_0)? {
            Some(tagged) => Some(Element::whole(tagged.content, asn1::GENERALIZED_TIME)?.time()?),
            None => None,
        };
        refuse_critical(&mut reader)?;
        reader.finish()?;
        Ok(Self {
            algorithm,
            name_digest,
            key_digest,
            serial,
            status,
            this_update,
            next_update,
        })
    }
}

/// The `BasicOCSPResponse` inside an `OCSPResponse`.
fn basic_inside<'a>(whole: &Element<'a>) -> Result<&'a [u8], Asn1Error> {
    let mut reader = whole.reader();
    if reader.expect(ENUMERATED)?.content != SUCCESSFUL {
        return Err(Asn1Error::Content("OCSPResponse: an error"));
    }
    let tagged = reader.expect(asn1::CONTEXT_0)?;
    reader.finish()?;
    let mut inside = Element::whole(tagged.content, asn1::SEQUENCE)?.reader();
    if inside.expect(asn1::OBJECT_IDENTIFIER)?.oid()? != BASIC {
        return Err(Asn1Error::Content("OCSPResponse of another type"));
    }
    let basic = inside.expect(asn1::OCTET_STRING)?.content;
    inside.finish()?;
    Ok(basic)
}

fn responder<'a>(element: &Element<'a>) -> Result<Responder<'a>, Asn1Error> {
    match element.tag {
        asn1::CONTEXT_1 => {
            Element::whole(element.content, asn1::SEQUENCE).map(|name| Responder::Name(name.raw))
        }
        CONTEXT_2 => Element::whole(element.content, asn1::OCTET_STRING)
            .map(|digest| Responder::Key(digest.content)),
        found => Err(Asn1Error::UnexpectedTag {
            expected: asn1::CONTEXT_1,
            found,
        }),
    }
}

fn status(element: &Element<'_>) -> Result<OcspStatus, Asn1Error> {
    match (element.tag, element.content) {
        (GOOD, []) => Ok(OcspStatus::Good),
        (UNKNOWN, []) => Ok(OcspStatus::Unknown),
        (asn1::CONTEXT_1, _) => {
            let mut reader = element.reader();
            let since = reader.expect(asn1::GENERALIZED_TIME)?.time()?;
            // The reason: whichever it is, the certificate is not to be relied on.
            reader.optional(asn1::CONTEXT_0)?;
            reader.finish()?;
            Ok(OcspStatus::Revoked { since })
        }
        _ => Err(Asn1Error::Content("CertStatus")),
    }
}

/// Passes over the extensions inside `[1]`, of which none may be critical.
fn refuse_critical(reader: &mut Reader<'_>) -> Result<(), Asn1Error> {
    let Some(tagged) = reader.optional(asn1::CONTEXT_1)? else {
        return Ok(());
    };
    let list = Element::whole(tagged.content, asn1::SEQUENCE)?;
    for extension in list.reader().all(MAX_EXTENSIONS)? {
        let mut fields = expect_tag(&extension, asn1::SEQUENCE)?.reader();
        fields.expect(asn1::OBJECT_IDENTIFIER)?.oid()?;
        let critical = fields.optional(asn1::BOOLEAN)?;
        if critical.is_some_and(|flag| flag.content != [0]) {
            return Err(Asn1Error::Content("OCSP response: a critical extension"));
        }
    }
    Ok(())
}
