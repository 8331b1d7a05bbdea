//! Fields that seals and signatures have in common, with the variants met in real files.

use der::asn1::ObjectIdentifier;

use super::asn1::{self, Asn1Error, Bits, Element, Reader};

/// Most elements directly inside any structure here; the largest defined has seven.
pub(super) const MAX_FIELDS: usize = 16;
/// Most extensions of a seal or signature (`\[P\]` profile).
const MAX_EXTENSIONS: usize = 64;

/// Extensions stand inside `[0]` in the text of the standard and bare in what vendors write.
pub(super) fn skip_extensions(reader: &mut Reader<'_>) -> Result<(), Asn1Error> {
    let list = match reader.optional(asn1::CONTEXT_0)? {
        // Explicit tagging wraps one SEQUENCE, implicit tagging replaces its tag.
        Some(tagged) => match tagged.reader().all(MAX_EXTENSIONS)?.as_slice() {
            [only] if only.reader().peek() == Some(asn1::SEQUENCE) => *only,
            _ => tagged,
        },
        None => match reader.optional(asn1::SEQUENCE)? {
            Some(bare) => bare,
            None => return Ok(()),
        },
    };
    for extension in list.reader().all(MAX_EXTENSIONS)? {
        expect_tag(&extension, asn1::SEQUENCE)?
            .reader()
            .expect(asn1::OBJECT_IDENTIFIER)?
            .oid()?;
    }
    Ok(())
}

pub(super) fn time_stamp<'a>(element: &Element<'a>) -> Result<&'a [u8], Asn1Error> {
    let mut reader = expect_tag(element, asn1::CONTEXT_0)?.reader();
    let token = match reader.peek() {
        Some(asn1::BIT_STRING) => reader.any()?.bits()?.octets,
        _ => return Ok(element.content),
    };
    reader.finish()?;
    Ok(token)
}

/// A certificate is wrapped into an OCTET STRING; some vendors put it in bare.
pub(super) fn certificate_octets<'a>(element: &Element<'a>) -> Result<&'a [u8], Asn1Error> {
    match element.tag {
        asn1::OCTET_STRING => Ok(element.content),
        asn1::SEQUENCE => Ok(element.raw),
        found => Err(Asn1Error::UnexpectedTag {
            expected: asn1::OCTET_STRING,
            found,
        }),
    }
}

/// An algorithm is a bare object identifier; some vendors write an `AlgorithmIdentifier`.
pub(super) fn algorithm_oid(element: &Element<'_>) -> Result<ObjectIdentifier, Asn1Error> {
    match element.tag {
        asn1::SEQUENCE => element.reader().expect(asn1::OBJECT_IDENTIFIER)?.oid(),
        _ => expect_tag(element, asn1::OBJECT_IDENTIFIER)?.oid(),
    }
}

pub(super) fn expect_tag<'b, 'a>(
    element: &'b Element<'a>,
    tag: u8,
) -> Result<&'b Element<'a>, Asn1Error> {
    if element.tag == tag {
        Ok(element)
    } else {
        Err(Asn1Error::UnexpectedTag {
            expected: tag,
            found: element.tag,
        })
    }
}

pub(super) fn padded(strings: &[Bits<'_>]) -> bool {
    strings.iter().any(|bits| bits.unused_bits != 0)
}
