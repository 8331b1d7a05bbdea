//! A small reader for DER (ITU-T X.690) that hands out slices of its input.
//!
//! It never recurses: callers walk a structure they know, so depth is bounded by construction,
//! and every list is read with a limit on its length.

use chrono::{DateTime, FixedOffset, NaiveDate, NaiveDateTime, TimeZone, Utc};
use der::asn1::ObjectIdentifier;

/// Tag of BOOLEAN.
pub const BOOLEAN: u8 = 0x01;
/// Tag of INTEGER.
pub const INTEGER: u8 = 0x02;
/// Tag of BIT STRING.
pub const BIT_STRING: u8 = 0x03;
/// Tag of OCTET STRING.
pub const OCTET_STRING: u8 = 0x04;
/// Tag of OBJECT IDENTIFIER.
pub const OBJECT_IDENTIFIER: u8 = 0x06;
/// Tag of `UTF8String`.
pub const UTF8_STRING: u8 = 0x0c;
/// Tag of `UTCTime`.
pub const UTC_TIME: u8 = 0x17;
/// Tag of `GeneralizedTime`.
pub const GENERALIZED_TIME: u8 = 0x18;
/// Tag of SEQUENCE.
pub const SEQUENCE: u8 = 0x30;
/// Tag of SET.
pub const SET: u8 = 0x31;
/// Tag of `[0]`, constructed.
pub const CONTEXT_0: u8 = 0xa0;
/// Tag of `[1]`, constructed.
pub const CONTEXT_1: u8 = 0xa1;

/// Longest object identifier content in bytes; the longest met in certificates is 20.
const MAX_OID_BYTES: usize = 39;
/// Zone of times written without one (ARCHITECTURE.md, Verdicts).
const SHANGHAI_OFFSET_S: i32 = 8 * 3600;

/// Why bytes are not the expected DER.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Asn1Error {
    /// The input ends inside an element.
    #[error("the data ends inside an element")]
    Truncated,
    /// Bytes follow the last expected element.
    #[error("unexpected data after the last element")]
    TrailingData,
    /// Another kind of element stands here.
    #[error("expected tag {expected:#04x}, found {found:#04x}")]
    UnexpectedTag {
        /// Tag that should stand here.
        expected: u8,
        /// Tag that stands here.
        found: u8,
    },
    /// Indefinite, over-long or non-minimal length, or a tag number above 30.
    #[error("a length or tag is not DER")]
    NotDer,
    /// The content of an element does not fit its type.
    #[error("the content of a {0} is malformed")]
    Content(&'static str),
    /// A list has more elements than are accepted.
    #[error("more than {limit} elements in a list")]
    TooMany {
        /// Most elements accepted.
        limit: usize,
    },
    /// The whole value is larger than is accepted.
    #[error("more than {limit} bytes")]
    TooLarge {
        /// Most bytes accepted.
        limit: usize,
    },
}

/// One element: tag, content, and the bytes it was read from.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Element<'a> {
    /// The tag octet.
    pub tag: u8,
    /// Tag, length and content as they stand in the input.
    pub raw: &'a [u8],
    /// The content octets.
    pub content: &'a [u8],
}

/// Octets of a BIT STRING, taken as they are.
///
/// The unused-bits octet is kept apart instead of being applied: real seals write 1 to 3 there
/// although all octets are full.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Bits<'a> {
    /// All octets after the unused-bits octet.
    pub octets: &'a [u8],
    /// The unused-bits octet, 0 to 7.
    pub unused_bits: u8,
}

/// Reads elements one after another.
#[derive(Clone, Copy)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Reads from the start of `bytes`.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// Whether nothing is left.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// The tag of the next element; none at the end.
    #[must_use]
    pub fn peek(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    /// The next element, whatever its tag.
    ///
    /// # Errors
    /// When the input ends or the header is not DER.
    pub fn any(&mut self) -> Result<Element<'a>, Asn1Error> {
        let (&tag, after_tag) = self.rest.split_first().ok_or(Asn1Error::Truncated)?;
        if tag & 0x1f == 0x1f {
            return Err(Asn1Error::NotDer);
        }
        let (length, header_bytes) = read_length(after_tag)?;
        let end = length
            .checked_add(header_bytes + 1)
            .ok_or(Asn1Error::NotDer)?;
        let (raw, rest) = self
            .rest
            .split_at_checked(end)
            .ok_or(Asn1Error::Truncated)?;
        let content = raw.get(header_bytes + 1..).ok_or(Asn1Error::Truncated)?;
        self.rest = rest;
        Ok(Element { tag, raw, content })
    }

    /// The next element, which must have this tag.
    ///
    /// # Errors
    /// As [`Self::any`], and when the tag differs.
    pub fn expect(&mut self, tag: u8) -> Result<Element<'a>, Asn1Error> {
        let found = self.peek().ok_or(Asn1Error::Truncated)?;
        if found != tag {
            return Err(Asn1Error::UnexpectedTag {
                expected: tag,
                found,
            });
        }
        self.any()
    }

    /// The next element when it has this tag.
    ///
    /// # Errors
    /// As [`Self::any`].
    pub fn optional(&mut self, tag: u8) -> Result<Option<Element<'a>>, Asn1Error> {
        if self.peek() == Some(tag) {
            self.any().map(Some)
        } else {
            Ok(None)
        }
    }

    /// All remaining elements.
    ///
    /// # Errors
    /// As [`Self::any`], and when there are more than `limit`.
    pub fn all(mut self, limit: usize) -> Result<Vec<Element<'a>>, Asn1Error> {
        let mut elements = Vec::new();
        while !self.is_empty() {
            if elements.len() == limit {
                return Err(Asn1Error::TooMany { limit });
            }
            elements.push(self.any()?);
        }
        Ok(elements)
    }

    /// Ends the reading.
    ///
    /// # Errors
    /// When something is left.
    pub const fn finish(self) -> Result<(), Asn1Error> {
        if self.rest.is_empty() {
            Ok(())
        } else {
            Err(Asn1Error::TrailingData)
        }
    }
}

impl<'a> Element<'a> {
    /// The one element that fills `bytes`.
    ///
    /// # Errors
    /// When `bytes` is anything else.
    pub fn whole(bytes: &'a [u8], tag: u8) -> Result<Self, Asn1Error> {
        let mut reader = Reader::new(bytes);
        let element = reader.expect(tag)?;
        reader.finish()?;
        Ok(element)
    }

    /// Reads the elements inside.
    #[must_use]
    pub const fn reader(&self) -> Reader<'a> {
        Reader::new(self.content)
    }

    /// Value of an INTEGER of at most 8 octets.
    ///
    /// # Errors
    /// When it is empty or longer.
    pub fn integer(&self) -> Result<i64, Asn1Error> {
        let (&first, _) = self
            .content
            .split_first()
            .ok_or(Asn1Error::Content("INTEGER"))?;
        if self.content.len() > 8 {
            return Err(Asn1Error::Content("INTEGER"));
        }
        let sign = if first & 0x80 == 0 { 0 } else { -1 };
        Ok(self
            .content
            .iter()
            .fold(sign, |value, octet| (value << 8) | i64::from(*octet)))
    }

    /// Magnitude of a non-negative INTEGER, without leading zero octets.
    ///
    /// # Errors
    /// When it is empty or negative.
    pub fn unsigned(&self) -> Result<&'a [u8], Asn1Error> {
        match self.content.first() {
            Some(first) if first & 0x80 == 0 => {
                let zeros = self.content.iter().take_while(|octet| **octet == 0).count();
                Ok(self.content.get(zeros..).unwrap_or_default())
            }
            _ => Err(Asn1Error::Content("INTEGER")),
        }
    }

    /// Value of an OBJECT IDENTIFIER.
    ///
    /// # Errors
    /// When it is malformed or longer than any in use.
    pub fn oid(&self) -> Result<ObjectIdentifier, Asn1Error> {
        if self.content.len() > MAX_OID_BYTES {
            return Err(Asn1Error::Content("OBJECT IDENTIFIER"));
        }
        ObjectIdentifier::from_bytes(self.content)
            .map_err(|_| Asn1Error::Content("OBJECT IDENTIFIER"))
    }

    /// Text of a string type; bytes that are not UTF-8 are an error.
    ///
    /// # Errors
    /// When the content is not UTF-8.
    pub fn text(&self) -> Result<&'a str, Asn1Error> {
        std::str::from_utf8(self.content).map_err(|_| Asn1Error::Content("string"))
    }

    /// Octets of a BIT STRING.
    ///
    /// # Errors
    /// When the unused-bits octet is absent or above 7.
    pub fn bits(&self) -> Result<Bits<'a>, Asn1Error> {
        match self.content.split_first() {
            Some((&unused_bits, octets)) if unused_bits < 8 => Ok(Bits {
                octets,
                unused_bits,
            }),
            _ => Err(Asn1Error::Content("BIT STRING")),
        }
    }

    /// Instant of a `UTCTime` or `GeneralizedTime`; without a zone Asia/Shanghai counts.
    ///
    /// # Errors
    /// When the text is no time.
    pub fn time(&self) -> Result<DateTime<Utc>, Asn1Error> {
        let text = self.text()?;
        let parsed = match self.tag {
            // Two-digit years: 50 to 99 are 19xx (RFC 5280 §4.1.2.5.1).
            UTC_TIME => match text.as_bytes() {
                [b'5'..=b'9', ..] => parse_time(&format!("19{text}")),
                _ => parse_time(&format!("20{text}")),
            },
            GENERALIZED_TIME => parse_time(text),
            _ => None,
        };
        parsed.ok_or(Asn1Error::Content("time"))
    }
}

/// DER of `parts` one after another inside one SEQUENCE.
#[must_use]
pub fn sequence_of_raw(parts: &[&[u8]]) -> Vec<u8> {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    let mut encoded = Vec::with_capacity(length + 6);
    write_header(SEQUENCE, length, &mut encoded);
    for part in parts {
        encoded.extend_from_slice(part);
    }
    encoded
}

/// Writes the tag and the length of an element.
pub(super) fn write_header(tag: u8, length: usize, out: &mut Vec<u8>) {
    out.push(tag);
    if let Ok(short @ 0..=0x7f) = u8::try_from(length) {
        out.push(short);
    } else {
        let octets = length.to_be_bytes();
        let zeros = octets.iter().take_while(|octet| **octet == 0).count();
        let significant = octets.get(zeros..).unwrap_or_default();
        out.push(0x80 | u8::try_from(significant.len()).unwrap_or(0x7f));
        out.extend_from_slice(significant);
    }
}

/// Length and number of length octets.
pub(super) fn read_length(bytes: &[u8]) -> Result<(usize, usize), Asn1Error> {
    let (&first, rest) = bytes.split_first().ok_or(Asn1Error::Truncated)?;
    if first < 0x80 {
        return Ok((usize::from(first), 1));
    }
    let count = usize::from(first & 0x7f);
    // Four octets are 4 GiB: more than any accepted file. Zero octets is the indefinite form.
    if !(1..=4).contains(&count) {
        return Err(Asn1Error::NotDer);
    }
    let octets = rest.get(..count).ok_or(Asn1Error::Truncated)?;
    let length = octets
        .iter()
        .fold(0_usize, |value, octet| (value << 8) | usize::from(*octet));
    if length < 0x80 || octets.first() == Some(&0) {
        return Err(Asn1Error::NotDer);
    }
    Ok((length, count + 1))
}

/// `yyyyMMddHHmm[ss[.fff]][Z|±HHmm]`.
fn parse_time(text: &str) -> Option<DateTime<Utc>> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (stamp, mut rest) = text.split_at_checked(digits)?;
    let field = |from: usize, to: usize| stamp.get(from..to)?.parse::<u32>().ok();
    let second = match digits {
        12 => 0,
        14 => field(12, 14)?,
        _ => return None,
    };
    let year = i32::try_from(field(0, 4)?).ok()?;
    let mut local: NaiveDateTime = NaiveDate::from_ymd_opt(year, field(4, 6)?, field(6, 8)?)?
        .and_hms_opt(field(8, 10)?, field(10, 12)?, second)?;
    if let Some(fraction) = rest.strip_prefix(['.', ',']) {
        let length = fraction.bytes().take_while(u8::is_ascii_digit).count();
        if !(1..=9).contains(&length) {
            return None;
        }
        let (value, after) = fraction.split_at_checked(length)?;
        let nanoseconds = format!("{value:0<9}").parse::<i64>().ok()?;
        local = local.checked_add_signed(chrono::Duration::nanoseconds(nanoseconds))?;
        rest = after;
    }
    let offset = match rest.as_bytes() {
        [] => FixedOffset::east_opt(SHANGHAI_OFFSET_S)?,
        [b'Z'] => FixedOffset::east_opt(0)?,
        [sign @ (b'+' | b'-'), zone @ ..]
            if zone.len() == 4 && zone.iter().all(u8::is_ascii_digit) =>
        {
            let number = rest.get(1..)?.parse::<i32>().ok()?;
            let seconds = (number / 100 * 60 + number % 100) * 60;
            FixedOffset::east_opt(if *sign == b'+' { seconds } else { -seconds })?
        }
        _ => return None,
    };
    offset
        .from_local_datetime(&local)
        .single()
        .map(|instant| instant.to_utc())
}

#[cfg(test)]
mod tests;
