//! `SES_Signature`: the electronic signature that somebody made with a seal.
//!
//! Two layouts are in use: V1 of GM/T 0031-2014 and V4 of GB/T 38540-2020,
//! which GM/T 0031-2025 keeps. The layout is decided by structure, never by a version number.

use chrono::{DateTime, Utc};
use der::asn1::ObjectIdentifier;

use super::asn1::{self, Asn1Error, Element, Reader};
use super::fields::{
    MAX_FIELDS, algorithm_oid, certificate_octets, expect_tag, padded, skip_extensions, time_stamp,
};
use super::seal_file::Seal;
use crate::date::parse_instant;

/// Largest signed value in bytes. Real ones are below 100 KiB, most of it the seal's picture;
/// the number leaves room for pictures and lists nearly a hundred times that (`\[P\]` profile).
pub const MAX_SIGNED_VALUE_BYTES: usize = 8 * 1024 * 1024;

/// `SES_Signature`: what is stored as the signed value of an OFD signature of type `Seal`.
pub struct SealSignature<'a> {
    /// The bytes that the signer signed: `TBS_Sign` as it stands in the file.
    pub signed_bytes: &'a [u8],
    /// Version number written in `TBS_Sign`.
    pub version_number: i64,
    /// The seal.
    pub seal: Seal<'a>,
    /// `timeInfo`: when the signer says to have signed.
    pub time: SigningTime<'a>,
    /// `dataHash`: digest of the signature file.
    pub data_hash: &'a [u8],
    /// `propertyInfo`: path of the signature file; real files also carry other text.
    pub property_info: &'a [u8],
    /// DER of the signer's certificate.
    pub certificate: &'a [u8],
    /// Algorithm of the signer's signature.
    pub algorithm: ObjectIdentifier,
    /// The signer's signature.
    pub signature: &'a [u8],
    /// The BIT STRING that holds it, as it stands in the file.
    pub signature_element: &'a [u8],
    /// Timestamp token over the signature, where one is present.
    pub time_stamp: Option<&'a [u8]>,
    /// Whether a BIT STRING claims unused bits although all its octets are full.
    pub has_padding_bits: bool,
}

/// `timeInfo` of a signature.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum SigningTime<'a> {
    /// A readable time.
    Instant(DateTime<Utc>),
    /// A timestamp token (V1 only).
    Token(&'a [u8]),
    /// Neither.
    Unreadable,
}

impl<'a> SealSignature<'a> {
    /// Reads a signed value.
    ///
    /// # Errors
    /// When the bytes are not a `SES_Signature` of any layout, or exceed a limit.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Asn1Error> {
        if bytes.len() > MAX_SIGNED_VALUE_BYTES {
            return Err(Asn1Error::TooLarge {
                limit: MAX_SIGNED_VALUE_BYTES,
            });
        }
        let fields = Element::whole(bytes, asn1::SEQUENCE)?
            .reader()
            .all(MAX_FIELDS)?;
        match fields.as_slice() {
            [to_sign, signature] => Self::parse_v1(to_sign, signature),
            [to_sign, certificate, algorithm, signature] => {
                Self::parse_v4(to_sign, certificate, algorithm, signature, None)
            }
            [to_sign, certificate, algorithm, signature, stamp] => {
                Self::parse_v4(to_sign, certificate, algorithm, signature, Some(stamp))
            }
            _ => Err(Asn1Error::Content("SES_Signature")),
        }
    }

    /// GM/T 0031-2014: certificate and algorithm stand inside the signed part.
    fn parse_v1(to_sign: &Element<'a>, signature: &Element<'a>) -> Result<Self, Asn1Error> {
        let mut reader = expect_tag(to_sign, asn1::SEQUENCE)?.reader();
        let version_number = reader.expect(asn1::INTEGER)?.integer()?;
        let seal = Seal::parse_element(&reader.expect(asn1::SEQUENCE)?)?;
        let time_element = reader.any()?;
        let (time, time_padding) = signing_time(&time_element)?;
        let data_hash = reader.expect(asn1::BIT_STRING)?.bits()?;
        let property_info = reader.any()?.content;
        let certificate = certificate_octets(&reader.any()?)?;
        let algorithm = algorithm_oid(&reader.any()?)?;
        reader.finish()?;
        let signature_element = signature.raw;
        let signature = expect_tag(signature, asn1::BIT_STRING)?.bits()?;
        Ok(Self {
            signed_bytes: to_sign.raw,
            version_number,
            has_padding_bits: time_padding || padded(&[data_hash, signature]),
            seal,
            time,
            data_hash: data_hash.octets,
            property_info,
            certificate,
            algorithm,
            signature: signature.octets,
            signature_element,
            time_stamp: None,
        })
    }

    /// GB/T 38540-2020 and GM/T 0031-2025: certificate and algorithm follow the signed part.
    fn parse_v4(
        to_sign: &Element<'a>,
        certificate: &Element<'a>,
        algorithm: &Element<'a>,
        signature: &Element<'a>,
        stamp: Option<&Element<'a>>,
    ) -> Result<Self, Asn1Error> {
        let mut reader = expect_tag(to_sign, asn1::SEQUENCE)?.reader();
        let version_number = reader.expect(asn1::INTEGER)?.integer()?;
        let seal = Seal::parse_element(&reader.expect(asn1::SEQUENCE)?)?;
        let (time, time_padding) = signing_time(&reader.any()?)?;
        let data_hash = reader.expect(asn1::BIT_STRING)?.bits()?;
        let property_info = reader.any()?.content;
        skip_extensions(&mut reader)?;
        reader.finish()?;
        let signature_element = signature.raw;
        let signature = expect_tag(signature, asn1::BIT_STRING)?.bits()?;
        Ok(Self {
            signed_bytes: to_sign.raw,
            version_number,
            has_padding_bits: time_padding || padded(&[data_hash, signature]),
            seal,
            time,
            data_hash: data_hash.octets,
            property_info,
            certificate: certificate_octets(certificate)?,
            algorithm: algorithm_oid(algorithm)?,
            signature: signature.octets,
            signature_element,
            time_stamp: stamp.map(time_stamp).transpose()?,
        })
    }
}

/// V4: `GeneralizedTime`. V1: BIT STRING with text, an encoded time, or a timestamp token.
fn signing_time<'a>(element: &Element<'a>) -> Result<(SigningTime<'a>, bool), Asn1Error> {
    match element.tag {
        asn1::UTC_TIME | asn1::GENERALIZED_TIME => {
            Ok((SigningTime::Instant(element.time()?), false))
        }
        asn1::BIT_STRING => {
            let bits = element.bits()?;
            Ok((time_in_bits(bits.octets), padded(&[bits])))
        }
        found => Err(Asn1Error::UnexpectedTag {
            expected: asn1::GENERALIZED_TIME,
            found,
        }),
    }
}

fn time_in_bits(octets: &[u8]) -> SigningTime<'_> {
    let mut reader = Reader::new(octets);
    if let Ok(inner) = reader.any()
        && reader.is_empty()
    {
        match inner.tag {
            asn1::SEQUENCE => return SigningTime::Token(octets),
            asn1::UTC_TIME | asn1::GENERALIZED_TIME => {
                if let Ok(instant) = inner.time() {
                    return SigningTime::Instant(instant);
                }
            }
            _ => {}
        }
    }
    std::str::from_utf8(octets)
        .ok()
        .and_then(|text| parse_instant(text.trim()).ok())
        .map_or(SigningTime::Unreadable, SigningTime::Instant)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_time(octets: &[u8], expected: Option<&str>) {
        let found = match time_in_bits(octets) {
            SigningTime::Instant(instant) => Some(instant.to_rfc3339()),
            SigningTime::Token(_) => Some("token".to_owned()),
            SigningTime::Unreadable => None,
        };
        assert_eq!(found.as_deref(), expected, "{octets:?}");
    }

    #[test]
    fn times_of_v1_signatures() {
        check_time(b"2026-06-01 10:03:04", Some("2026-06-01T02:03:04+00:00"));
        check_time(b"1537859052", Some("2018-09-25T07:04:12+00:00"));
        check_time(b"260601020304Z", Some("2026-06-01T02:03:04+00:00"));
        check_time(b"\x17\x0d260601020304Z", Some("2026-06-01T02:03:04+00:00"));
        check_time(b"\x30\x03\x02\x01\x01", Some("token"));
        check_time(b"\x17\x01?", None);
        check_time(b"\xff\xfe", None);
        check_time(b"", None);
    }

    #[track_caller]
    fn check_refused(bytes: &[u8], expected: Asn1Error) {
        assert_eq!(SealSignature::parse(bytes).err(), Some(expected));
    }

    #[test]
    fn what_is_no_signature_is_refused() {
        check_refused(b"", Asn1Error::Truncated);
        check_refused(
            b"<xml/>",
            Asn1Error::UnexpectedTag {
                expected: 0x30,
                found: b'<',
            },
        );
        check_refused(&[0x30, 0x00], Asn1Error::Content("SES_Signature"));
        check_refused(&[0x30, 0x00, 0x00], Asn1Error::TrailingData);
        let too_many = asn1::sequence_of_raw(&[&[0x05, 0x00].repeat(MAX_FIELDS + 1)]);
        check_refused(&too_many, Asn1Error::TooMany { limit: MAX_FIELDS });
        let too_large = vec![0x30; MAX_SIGNED_VALUE_BYTES + 1];
        check_refused(
            &too_large,
            Asn1Error::TooLarge {
                limit: MAX_SIGNED_VALUE_BYTES,
            },
        );
    }
}
