//! `SESeal`: the seal that a seal maker issued, embedded in signatures and stored as `Seal.esl`.
//!
//! Three layouts are in use: V1 of GM/T 0031-2014, V4 of GB/T 38540-2020,
//! and V5 of GM/T 0031-2025. The layout is decided by structure, never by the version number in
//! the header: real seals have the V1 layout and say 4.

use chrono::{DateTime, Utc};
use der::asn1::ObjectIdentifier;

use super::asn1::{self, Asn1Error, Element};
use super::fields::{
    MAX_FIELDS, algorithm_oid, certificate_octets, expect_tag, padded, skip_extensions, time_stamp,
};
use super::ses::MAX_SIGNED_VALUE_BYTES;
use crate::verdict::SealVersion;

/// Most certificates or digests in a seal's list of signers (`\[P\]` profile).
pub const MAX_LISTED_SIGNERS: usize = 4096;
/// `SES_CertListType` of a list of certificates, GB/T 38540-2020.
const LIST_OF_CERTIFICATES: i64 = 1;
/// `SES_CertListType` of a list of certificate digests, GB/T 38540-2020.
const LIST_OF_DIGESTS: i64 = 2;

/// `SESeal`: the seal that a seal maker issued.
pub struct Seal<'a> {
    /// Layout, decided by structure.
    pub version: SealVersion,
    /// The whole seal as it stands in the file; equal to the content of `Seal.esl`.
    pub raw: &'a [u8],
    /// `SES_Header`.
    pub header: Header<'a>,
    /// `esID`: identifier of the seal.
    pub id: &'a str,
    /// Kind of seal: 1 organisation, 2 person.
    pub kind: i64,
    /// Name of the seal.
    pub name: &'a str,
    /// Who may sign with it.
    pub signers: SignerList<'a>,
    /// When the seal was made.
    pub created: DateTime<Utc>,
    /// Start of the seal's period.
    pub valid_from: DateTime<Utc>,
    /// End of the seal's period.
    pub valid_until: DateTime<Utc>,
    /// The picture.
    pub picture: Picture<'a>,
    /// DER of the seal maker's certificate.
    pub maker_certificate: &'a [u8],
    /// Algorithm of the maker's signature.
    pub algorithm: ObjectIdentifier,
    /// The maker's signature.
    pub signature: &'a [u8],
    /// The BIT STRING that holds it, as it stands in the file.
    pub signature_element: &'a [u8],
    /// Timestamp token over the maker's signature (V5), where one is present.
    pub time_stamp: Option<&'a [u8]>,
    /// Whether the BIT STRING of the maker's signature claims unused bits.
    pub has_padding_bits: bool,
    info: &'a [u8],
    certificate_element: &'a [u8],
    algorithm_element: &'a [u8],
}

/// `SES_Header` of a seal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header<'a> {
    /// Always `ES`.
    pub id: &'a str,
    /// Version number as written; informative only.
    pub version: i64,
    /// Vendor identifier.
    pub vendor: &'a str,
}

/// `SES_ESPictrueInfo` of a seal.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Picture<'a> {
    /// Format as written: `PNG`, `GIF`, `BMP`, `ofd` …
    pub format: &'a str,
    /// The picture file.
    pub data: &'a [u8],
    /// Width in millimetres.
    pub width_mm: i64,
    /// Height in millimetres.
    pub height_mm: i64,
}

/// Who may sign with a seal.
pub enum SignerList<'a> {
    /// DER of each signer's certificate.
    Certificates(Vec<&'a [u8]>),
    /// Digest of each signer's certificate.
    Digests(Vec<SignerDigest<'a>>),
}

/// `CertDigestObj`: a signer named by the digest of the certificate.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SignerDigest<'a> {
    /// Digest algorithm as written: a name or a dotted object identifier.
    pub algorithm: &'a str,
    /// The digest.
    pub value: &'a [u8],
}

impl<'a> Seal<'a> {
    /// Reads a seal file (`Seal.esl`).
    ///
    /// # Errors
    /// When the bytes are not a `SESeal` of any layout, or exceed a limit.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Asn1Error> {
        if bytes.len() > MAX_SIGNED_VALUE_BYTES {
            return Err(Asn1Error::TooLarge {
                limit: MAX_SIGNED_VALUE_BYTES,
            });
        }
        Self::parse_element(&Element::whole(bytes, asn1::SEQUENCE)?)
    }

    /// `eSealInfo` as it stands in the file: what makers of V4 and V5 seals sign
    /// (ARCHITECTURE.md, Standards; all 25 real V4 signatures that were read agree).
    #[must_use]
    pub const fn info_bytes(&self) -> &'a [u8] {
        self.info
    }

    /// SEQUENCE of `eSealInfo`, certificate and algorithm: what makers of V1 seals sign. The
    /// parts are those of the file; only the outer header is written anew.
    #[must_use]
    pub fn info_certificate_algorithm_bytes(&self) -> Vec<u8> {
        asn1::sequence_of_raw(&[self.info, self.certificate_element, self.algorithm_element])
    }

    /// Whether the header names the layout that the structure shows.
    #[must_use]
    pub const fn header_agrees(&self) -> bool {
        let expected = match self.version {
            SealVersion::V1 => 1,
            SealVersion::V4 => 4,
            SealVersion::V5 => 5,
        };
        self.header.version == expected
    }

    pub(super) fn parse_element(element: &Element<'a>) -> Result<Self, Asn1Error> {
        let fields = element.reader().all(MAX_FIELDS)?;
        match fields.as_slice() {
            [info, sign_info] => {
                let inner = expect_tag(sign_info, asn1::SEQUENCE)?
                    .reader()
                    .all(MAX_FIELDS)?;
                let [certificate, algorithm, signature] = inner.as_slice() else {
                    return Err(Asn1Error::Content("SES_SignInfo"));
                };
                Self::assemble(
                    element.raw,
                    info,
                    [certificate, algorithm, signature],
                    None,
                    true,
                )
            }
            [info, certificate, algorithm, signature] => Self::assemble(
                element.raw,
                info,
                [certificate, algorithm, signature],
                None,
                false,
            ),
            [info, certificate, algorithm, signature, stamp] => {
                let signed = [certificate, algorithm, signature];
                Self::assemble(element.raw, info, signed, Some(stamp), false)
            }
            _ => Err(Asn1Error::Content("SESeal")),
        }
    }

    fn assemble(
        raw: &'a [u8],
        info: &Element<'a>,
        [certificate, algorithm, signature]: [&Element<'a>; 3],
        stamp: Option<&Element<'a>>,
        is_v1: bool,
    ) -> Result<Self, Asn1Error> {
        let mut reader = expect_tag(info, asn1::SEQUENCE)?.reader();
        let header = parse_header(&reader.expect(asn1::SEQUENCE)?)?;
        let id = reader.any()?.text()?;
        let property = Property::parse(&reader.expect(asn1::SEQUENCE)?)?;
        let picture = parse_picture(&reader.expect(asn1::SEQUENCE)?)?;
        skip_extensions(&mut reader)?;
        reader.finish()?;
        let bits = expect_tag(signature, asn1::BIT_STRING)?.bits()?;
        // V5 has V4's layout and differs by the optional timestamp or by its number alone.
        let version = match (is_v1, stamp.is_some(), header.version) {
            (true, _, _) => SealVersion::V1,
            (false, true, _) | (false, false, 5) => SealVersion::V5,
            (false, false, _) => SealVersion::V4,
        };
        Ok(Self {
            version,
            raw,
            header,
            id,
            kind: property.kind,
            name: property.name,
            signers: property.signers,
            created: property.created,
            valid_from: property.valid_from,
            valid_until: property.valid_until,
            picture,
            maker_certificate: certificate_octets(certificate)?,
            algorithm: algorithm_oid(algorithm)?,
            signature: bits.octets,
            signature_element: signature.raw,
            time_stamp: stamp.map(time_stamp).transpose()?,
            has_padding_bits: padded(&[bits]),
            info: info.raw,
            certificate_element: certificate.raw,
            algorithm_element: algorithm.raw,
        })
    }
}

/// `SES_ESPropertyInfo`.
struct Property<'a> {
    kind: i64,
    name: &'a str,
    signers: SignerList<'a>,
    created: DateTime<Utc>,
    valid_from: DateTime<Utc>,
    valid_until: DateTime<Utc>,
}

impl<'a> Property<'a> {
    fn parse(element: &Element<'a>) -> Result<Self, Asn1Error> {
        let mut reader = element.reader();
        let kind = reader.expect(asn1::INTEGER)?.integer()?;
        let name = reader.any()?.text()?;
        // V1 has no list type; whether one stands here decides, not the header.
        let list_type = match reader.optional(asn1::INTEGER)? {
            Some(list_type) => list_type.integer()?,
            None => LIST_OF_CERTIFICATES,
        };
        let signers = parse_signers(list_type, &reader.expect(asn1::SEQUENCE)?)?;
        let created = reader.any()?.time()?;
        let valid_from = reader.any()?.time()?;
        let valid_until = reader.any()?.time()?;
        reader.finish()?;
        Ok(Self {
            kind,
            name,
            signers,
            created,
            valid_from,
            valid_until,
        })
    }
}

fn parse_signers<'a>(list_type: i64, list: &Element<'a>) -> Result<SignerList<'a>, Asn1Error> {
    let elements = list.reader().all(MAX_LISTED_SIGNERS)?;
    match list_type {
        LIST_OF_CERTIFICATES => elements
            .iter()
            .map(certificate_octets)
            .collect::<Result<_, _>>()
            .map(SignerList::Certificates),
        LIST_OF_DIGESTS => elements
            .iter()
            .map(|element| {
                let mut reader = expect_tag(element, asn1::SEQUENCE)?.reader();
                let algorithm = reader.any()?.text()?;
                let value = reader.expect(asn1::OCTET_STRING)?.content;
                reader.finish()?;
                Ok(SignerDigest { algorithm, value })
            })
            .collect::<Result<_, _>>()
            .map(SignerList::Digests),
        _ => Err(Asn1Error::Content("certListType")),
    }
}

fn parse_header<'a>(element: &Element<'a>) -> Result<Header<'a>, Asn1Error> {
    let mut reader = element.reader();
    let id = reader.any()?.text()?;
    let version = reader.expect(asn1::INTEGER)?.integer()?;
    let vendor = reader.any()?.text()?;
    reader.finish()?;
    if id != "ES" {
        return Err(Asn1Error::Content("SES_Header"));
    }
    Ok(Header {
        id,
        version,
        vendor,
    })
}

fn parse_picture<'a>(element: &Element<'a>) -> Result<Picture<'a>, Asn1Error> {
    let mut reader = element.reader();
    let format = reader.any()?.text()?;
    let data = reader.expect(asn1::OCTET_STRING)?.content;
    let width_mm = reader.expect(asn1::INTEGER)?.integer()?;
    let height_mm = reader.expect(asn1::INTEGER)?.integer()?;
    reader.finish()?;
    Ok(Picture {
        format,
        data,
        width_mm,
        height_mm,
    })
}
