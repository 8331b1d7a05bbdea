//! A small writer for DER (ITU-T X.690), enough for certificates, seals and signatures.
//!
//! Every function returns one complete tag-length-value. Only minting writes DER: what is
//! verified is always read from its original bytes, so nothing here is on a verification path.

use chrono::{DateTime, Datelike as _, Utc};
use der::asn1::ObjectIdentifier;

/// First year that X.509 writes as `GeneralizedTime` (RFC 5280 §4.1.2.5).
const GENERALIZED_TIME_YEAR: i32 = 2050;

/// SEQUENCE of the given encodings.
pub(super) fn sequence(parts: &[&[u8]]) -> Vec<u8> {
    tagged(0x30, &parts.concat())
}

/// SEQUENCE of encodings made one by one.
pub(super) fn sequence_of(parts: &[Vec<u8>]) -> Vec<u8> {
    tagged(0x30, &parts.concat())
}

/// SET OF the given encodings, sorted as DER asks.
pub(super) fn set_of(parts: &[&[u8]]) -> Vec<u8> {
    let mut sorted = parts.to_vec();
    sorted.sort_unstable();
    tagged(0x31, &sorted.concat())
}

/// Constructed context-specific tag around `content`: `[number]`.
pub(super) fn context(number: u8, content: &[u8]) -> Vec<u8> {
    tagged(0xa0 | number, content)
}

/// Primitive context-specific tag around `content`: `[number] IMPLICIT`.
pub(super) fn context_primitive(number: u8, content: &[u8]) -> Vec<u8> {
    tagged(0x80 | number, content)
}

/// INTEGER of a small number.
pub(super) fn integer(value: u32) -> Vec<u8> {
    unsigned_integer(&value.to_be_bytes())
}

/// INTEGER of an unsigned big-endian number of any length.
pub(super) fn unsigned_integer(bytes: &[u8]) -> Vec<u8> {
    let significant: Vec<u8> = bytes
        .iter()
        .copied()
        .skip_while(|byte| *byte == 0)
        .collect();
    let mut content = Vec::with_capacity(significant.len() + 1);
    if significant.first().is_none_or(|byte| *byte >= 0x80) {
        content.push(0);
    }
    content.extend_from_slice(&significant);
    tagged(0x02, &content)
}

/// NULL.
pub(super) fn null() -> Vec<u8> {
    tagged(0x05, &[])
}

/// BOOLEAN TRUE.
pub(super) fn boolean_true() -> Vec<u8> {
    tagged(0x01, &[0xff])
}

/// OBJECT IDENTIFIER.
pub(super) fn object_identifier(oid: ObjectIdentifier) -> Vec<u8> {
    tagged(0x06, oid.as_bytes())
}

/// OCTET STRING.
pub(super) fn octet_string(content: &[u8]) -> Vec<u8> {
    tagged(0x04, content)
}

/// BIT STRING of whole octets.
pub(super) fn bit_string(content: &[u8]) -> Vec<u8> {
    bit_string_with_unused(0, content)
}

/// BIT STRING with a chosen count of unused bits in its last octet.
pub(super) fn bit_string_with_unused(unused: u8, content: &[u8]) -> Vec<u8> {
    let mut body = Vec::with_capacity(content.len() + 1);
    body.push(unused);
    body.extend_from_slice(content);
    tagged(0x03, &body)
}

/// `UTF8String`.
pub(super) fn utf8_string(text: &str) -> Vec<u8> {
    tagged(0x0c, text.as_bytes())
}

/// `PrintableString`; the caller gives only letters, digits and the few signs it allows.
pub(super) fn printable_string(text: &str) -> Vec<u8> {
    tagged(0x13, text.as_bytes())
}

/// `IA5String`; the caller gives only ASCII.
pub(super) fn ia5_string(text: &str) -> Vec<u8> {
    tagged(0x16, text.as_bytes())
}

/// `UTCTime`, to the second.
pub(super) fn utc_time(at: DateTime<Utc>) -> Vec<u8> {
    tagged(0x17, at.format("%y%m%d%H%M%SZ").to_string().as_bytes())
}

/// `GeneralizedTime`, to the second.
pub(super) fn generalized_time(at: DateTime<Utc>) -> Vec<u8> {
    tagged(0x18, at.format("%Y%m%d%H%M%SZ").to_string().as_bytes())
}

/// Time of X.509: `UTCTime` up to 2049, `GeneralizedTime` after (RFC 5280 §4.1.2.5).
pub(super) fn x509_time(at: DateTime<Utc>) -> Vec<u8> {
    if at.year() < GENERALIZED_TIME_YEAR {
        utc_time(at)
    } else {
        generalized_time(at)
    }
}

fn tagged(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(content.len() + 6);
    out.push(tag);
    let length = content.len().to_be_bytes();
    let significant: Vec<u8> = length.into_iter().skip_while(|byte| *byte == 0).collect();
    match (significant.as_slice(), content.len()) {
        ([], _) => out.push(0),
        ([single], length) if length < 0x80 => out.push(*single),
        (bytes, _) => {
            // At most eight length octets: the count always fits its octet.
            out.push(0x80 | u8::try_from(bytes.len()).unwrap_or(8));
            out.extend_from_slice(bytes);
        }
    }
    out.extend_from_slice(content);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(encoded: &[u8], expected: &str) {
        assert_eq!(hex::encode(encoded), expected);
    }

    #[test]
    fn lengths_are_minimal() {
        check(&octet_string(&[]), "0400");
        check(&octet_string(&[7; 127])[..3], "047f07");
        check(&octet_string(&[7; 128])[..4], "04818007");
        check(&octet_string(&[7; 256])[..5], "0482010007");
        check(&octet_string(&vec![7; 65_536])[..6], "048301000007");
    }

    #[test]
    fn integers_are_minimal_and_positive() {
        check(&integer(0), "020100");
        check(&integer(127), "02017f");
        check(&integer(128), "02020080");
        check(&unsigned_integer(&[0, 0, 0xff, 1]), "020300ff01");
    }

    #[test]
    fn sets_are_sorted() {
        check(&set_of(&[&integer(9), &integer(3)]), "3106020103020109");
    }
}
