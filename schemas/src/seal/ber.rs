//! `SignedData` in BER: lengths that are not written down, and strings in pieces (ITU-T X.690
//! §8.1.3.6, §8.7), as some signers write them and RFC 5652 allows.
//!
//! Only what nobody signed is written anew: the frame around certificates, signed attributes and
//! the rest, which must stand there in DER and are copied as they stand. The content of a
//! `SignedData` is signed without its frame (RFC 5652 §5.4), so its pieces are put together. A
//! frame of another shape is left alone, and refused by whoever reads DER.

use std::borrow::Cow;

use super::asn1::{self, Asn1Error, Reader, read_length, write_header};
use super::ses::MAX_SIGNED_VALUE_BYTES;

/// Length octet of what ends with [`END`].
const INDEFINITE: u8 = 0x80;
/// Ends a value of indefinite length.
const END: [u8; 2] = [0, 0];
/// OCTET STRING in pieces.
const PIECES: u8 = asn1::OCTET_STRING | 0x20;

/// A `ContentInfo` with definite lengths; the very same bytes when it has them already, or is none.
#[must_use]
pub fn definite(bytes: &[u8]) -> Cow<'_, [u8]> {
    match begin(bytes) {
        Some((definite, length)) if length == bytes.len() => Cow::Owned(definite),
        _ => Cow::Borrowed(bytes),
    }
}

/// The `ContentInfo` in BER at the start of `bytes` with definite lengths, and how many bytes it
/// has there; none when it is in DER, or none at all.
#[must_use]
pub fn begin(bytes: &[u8]) -> Option<(Vec<u8>, usize)> {
    let bytes = bytes.get(..bytes.len().min(MAX_SIGNED_VALUE_BYTES))?;
    let mut walk = Walk {
        rest: bytes,
        is_rewritten: false,
    };
    let mut out = Vec::new();
    walk.content_info(&mut out, true).ok()?;
    let length = bytes.len() - walk.rest.len();
    walk.is_rewritten.then_some((out, length))
}

/// Follows the one structure that is known, whose depth is that of the functions here.
struct Walk<'a> {
    rest: &'a [u8],
    is_rewritten: bool,
}

type Written = Result<(), Asn1Error>;

impl<'a> Walk<'a> {
    fn content_info(&mut self, out: &mut Vec<u8>, is_outer: bool) -> Written {
        self.inside(asn1::SEQUENCE, out, |walk, tag, out| match tag {
            asn1::CONTEXT_0 => {
                walk.inside(tag, out, |walk, _, out| walk.signed_data(out, is_outer))
            }
            _ => walk.copy(out),
        })
    }

    fn signed_data(&mut self, out: &mut Vec<u8>, is_outer: bool) -> Written {
        let mut is_content_seen = false;
        self.inside(asn1::SEQUENCE, out, |walk, tag, out| match tag {
            asn1::SEQUENCE => {
                is_content_seen = true;
                walk.content(out)
            }
            // The signers come last, the digest algorithms before the content.
            asn1::SET if is_content_seen => {
                walk.inside(tag, out, |walk, _, out| walk.signer(out, is_outer))
            }
            asn1::SET | asn1::CONTEXT_0 | asn1::CONTEXT_1 => {
                walk.inside(tag, out, |walk, _, out| walk.copy(out))
            }
            _ => walk.copy(out),
        })
    }

    fn content(&mut self, out: &mut Vec<u8>) -> Written {
        self.inside(asn1::SEQUENCE, out, |walk, tag, out| match tag {
            asn1::CONTEXT_0 => walk.inside(tag, out, |walk, _, out| walk.octets(out)),
            _ => walk.copy(out),
        })
    }

    fn signer(&mut self, out: &mut Vec<u8>, is_outer: bool) -> Written {
        self.inside(asn1::SEQUENCE, out, |walk, tag, out| match tag {
            PIECES => walk.octets(out),
            asn1::CONTEXT_1 => walk.inside(tag, out, |walk, _, out| walk.attribute(out, is_outer)),
            // Signed attributes among them.
            _ => walk.copy(out),
        })
    }

    /// An unsigned attribute, which may hold a timestamp: another `ContentInfo`, but no third.
    fn attribute(&mut self, out: &mut Vec<u8>, is_outer: bool) -> Written {
        self.inside(asn1::SEQUENCE, out, |walk, tag, out| match tag {
            asn1::SET => walk.inside(tag, out, |walk, _, out| {
                if is_outer && walk.is_indefinite() {
                    walk.content_info(out, false)
                } else {
                    walk.copy(out)
                }
            }),
            _ => walk.copy(out),
        })
    }

    /// An OCTET STRING, whole or in pieces that are whole.
    fn octets(&mut self, out: &mut Vec<u8>) -> Written {
        if self.rest.first() != Some(&PIECES) {
            return self.copy(out);
        }
        self.is_rewritten = true;
        let mut octets = Vec::new();
        let mut ignored = Vec::new();
        self.inside(PIECES, &mut ignored, |walk, _, _| {
            let piece = walk.take(asn1::OCTET_STRING)?;
            octets.extend_from_slice(piece.content);
            Ok(())
        })?;
        write_header(asn1::OCTET_STRING, octets.len(), out);
        out.append(&mut octets);
        Ok(())
    }

    /// Writes an element of this tag; `each` is called at every element in it, with its tag, and
    /// reads and writes that one.
    fn inside(
        &mut self,
        tag: u8,
        out: &mut Vec<u8>,
        mut each: impl FnMut(&mut Self, u8, &mut Vec<u8>) -> Written,
    ) -> Written {
        let mut content = Vec::new();
        if self.is_indefinite() && self.rest.first() == Some(&tag) {
            self.is_rewritten = true;
            self.rest = self.rest.get(2..).ok_or(Asn1Error::Truncated)?;
            while !self.rest.starts_with(&END) {
                let next = *self.rest.first().ok_or(Asn1Error::Truncated)?;
                each(self, next, &mut content)?;
            }
            self.rest = self.rest.get(END.len()..).ok_or(Asn1Error::Truncated)?;
        } else {
            let (length, octets) = read_length(self.rest.get(1..).unwrap_or_default())?;
            let found = *self.rest.first().ok_or(Asn1Error::Truncated)?;
            if found != tag {
                return Err(Asn1Error::UnexpectedTag {
                    expected: tag,
                    found,
                });
            }
            let start = octets + 1;
            let (element, after) = self
                .rest
                .split_at_checked(start.saturating_add(length))
                .ok_or(Asn1Error::Truncated)?;
            self.rest = element.get(start..).ok_or(Asn1Error::Truncated)?;
            while let Some(next) = self.rest.first().copied() {
                each(self, next, &mut content)?;
            }
            self.rest = after;
        }
        write_header(tag, content.len(), out);
        out.append(&mut content);
        Ok(())
    }

    fn is_indefinite(&self) -> bool {
        self.rest.get(1) == Some(&INDEFINITE)
    }

    /// Copies an element in DER as it stands.
    fn copy(&mut self, out: &mut Vec<u8>) -> Written {
        let tag = self.rest.first().copied().unwrap_or_default();
        out.extend_from_slice(self.take(tag)?.raw);
        Ok(())
    }

    fn take(&mut self, tag: u8) -> Result<asn1::Element<'a>, Asn1Error> {
        let element = Reader::new(self.rest).expect(tag)?;
        self.rest = self
            .rest
            .get(element.raw.len()..)
            .ok_or(Asn1Error::Truncated)?;
        Ok(element)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seal::SignedData;

    /// An element of definite length.
    fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        write_header(tag, content.len(), &mut out);
        out.extend_from_slice(content);
        out
    }

    /// An element of indefinite length.
    fn open(tag: u8, content: &[u8]) -> Vec<u8> {
        [&[tag, INDEFINITE], content, &END].concat()
    }

    type Frame = fn(u8, &[u8]) -> Vec<u8>;

    const ALGORITHM: &[u8] = b"\x30\x0a\x06\x08\x2a\x81\x1c\xcf\x55\x01\x83\x11";
    const DATA: &[u8] = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01";
    const SIGNED_DATA: &[u8] = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02";
    const STAMP: &[u8] = b"\x06\x0b\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x02\x0e";

    /// A `SignedData` whose frame is written by `frame`, its strings and attributes as given.
    fn signed_data(frame: Frame, content: &[u8], attributes: &[u8], unsigned: &[u8]) -> Vec<u8> {
        let signer = [
            b"\x02\x01\x01\x30\x05\x30\x00\x02\x01\x07",
            ALGORITHM,
            attributes,
            ALGORITHM,
            &tlv(0x04, b"signature"),
            unsigned,
        ];
        let content = frame(0x30, &[DATA, &frame(0xa0, content)].concat());
        let data = [
            &tlv(0x02, &[1])[..],
            &frame(0x31, ALGORITHM),
            &content,
            &frame(0xa0, &tlv(0x30, b"certificate")),
            &frame(0x31, &frame(0x30, &signer.concat())),
        ];
        let data = frame(0x30, &data.concat());
        frame(0x30, &[SIGNED_DATA, &frame(0xa0, &data)].concat())
    }

    fn attributes() -> Vec<u8> {
        let digest = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x09\x04\x31\x03\x04\x01\x07";
        tlv(0xa0, &tlv(0x30, digest))
    }

    #[test]
    fn what_is_signed_is_the_same_in_every_frame() {
        let whole = tlv(0x04, b"content");
        let der = signed_data(tlv, &whole, &attributes(), &[]);
        assert_eq!(definite(&der), Cow::Borrowed(&der[..]));
        assert_eq!(begin(&der), None);
        let pieces = [tlv(0x04, b"con"), tlv(0x04, b""), tlv(0x04, b"tent")].concat();
        for content in [whole.clone(), open(PIECES, &pieces), tlv(PIECES, &pieces)] {
            for frame in [tlv as Frame, open] {
                let ber = signed_data(frame, &content, &attributes(), &[]);
                assert_eq!(*definite(&ber), der);
            }
        }
        let ber = signed_data(open, &whole, &attributes(), &[]);
        let padded = [&ber[..], &[0; 9]].concat();
        assert_eq!(begin(&padded), Some((der.clone(), ber.len())));
        assert!(SignedData::parse(&der).is_ok());
    }

    #[test]
    fn what_was_signed_is_never_written_anew() {
        // Signed attributes and certificates with lengths that are not written down.
        let whole = tlv(0x04, b"content");
        let open_attributes = open(0xa0, &attributes()[2..]);
        let inside = attributes()[2..].to_vec();
        let inner = [&[0x30, INDEFINITE], &inside[2..], &END].concat();
        for attributes in [open_attributes, tlv(0xa0, &inner)] {
            let ber = signed_data(open, &whole, &attributes, &[]);
            let read = definite(&ber).into_owned();
            assert!(SignedData::parse(&read).is_err());
        }
        // Pieces inside pieces.
        let nested = open(PIECES, &open(PIECES, &whole));
        let ber = signed_data(open, &nested, &attributes(), &[]);
        assert_eq!(*definite(&ber), ber);
    }

    #[test]
    fn a_timestamp_inside_is_read_too_but_none_inside_that() {
        let whole = tlv(0x04, b"content");
        let with = |token: &[u8]| {
            let attribute = open(0x30, &[STAMP, &open(0x31, token)].concat());
            open(0xa1, &attribute)
        };
        let token = signed_data(open, &whole, &attributes(), &[]);
        let ber = signed_data(open, &whole, &attributes(), &with(&token));
        let der = definite(&ber).into_owned();
        let stamp = SignedData::parse(&der).unwrap().timestamp.unwrap();
        assert_eq!(stamp, definite(&token).into_owned());
        let deeper = signed_data(open, &whole, &attributes(), &with(&token));
        let ber = signed_data(open, &whole, &attributes(), &with(&deeper));
        assert_eq!(*definite(&ber), ber);
    }

    #[test]
    fn damage_never_panics_nor_ends_somewhere_else() {
        let whole = tlv(0x04, b"content");
        let ber = signed_data(open, &whole, &attributes(), &[]);
        for length in 0..ber.len() {
            assert_eq!(begin(&ber[..length]), None, "{length}");
        }
        for at in 0..ber.len() {
            for bit in [1, 0x20, 0x80] {
                let mut changed = ber.clone();
                changed[at] ^= bit;
                if let Some((_, length)) = begin(&changed) {
                    assert!(length <= changed.len());
                }
            }
        }
        assert_eq!(begin(&[0x30, INDEFINITE].repeat(10_000)), None);
    }
}
