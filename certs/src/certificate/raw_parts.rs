//! Where the parts of a certificate stand in its bytes.

use schemas::seal::asn1::{self, Asn1Error, Element};

/// Slices that signatures and name comparison need as they stand in the file.
pub(super) struct RawParts<'a> {
    pub(super) signed: &'a [u8],
    pub(super) serial: &'a [u8],
    pub(super) issuer: &'a [u8],
    pub(super) subject: &'a [u8],
}

impl<'a> RawParts<'a> {
    pub(super) fn read(bytes: &'a [u8]) -> Result<Self, Asn1Error> {
        let signed = Element::whole(bytes, asn1::SEQUENCE)?
            .reader()
            .expect(asn1::SEQUENCE)?;
        let mut reader = signed.reader();
        reader.optional(asn1::CONTEXT_0)?;
        let serial = reader.expect(asn1::INTEGER)?.content;
        reader.expect(asn1::SEQUENCE)?;
        let issuer = reader.expect(asn1::SEQUENCE)?.raw;
        reader.expect(asn1::SEQUENCE)?;
        let subject = reader.expect(asn1::SEQUENCE)?.raw;
        Ok(Self {
            signed: signed.raw,
            serial,
            issuer,
            subject,
        })
    }
}
