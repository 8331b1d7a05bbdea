//! What a timestamp authority says (RFC 3161 §2.4.2; GB/T 20520 has the same shape).

use chrono::{DateTime, Utc};
use der::asn1::ObjectIdentifier;

use super::asn1::{self, Asn1Error, Element};

/// Content type of a timestamp, id-ct-TSTInfo.
pub const TST_INFO: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.1.4");

/// `TSTInfo`: that something existed at a time.
pub struct TimestampInfo<'a> {
    /// Digest algorithm of the imprint.
    pub algorithm: ObjectIdentifier,
    /// Digest of what was stamped.
    pub imprint: &'a [u8],
    /// When it was stamped.
    pub time: DateTime<Utc>,
}

impl<'a> TimestampInfo<'a> {
    /// Reads a `TSTInfo`; what follows the time (accuracy, ordering, nonce, name) is not needed.
    ///
    /// # Errors
    /// When the bytes are anything else.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Asn1Error> {
        let mut reader = Element::whole(bytes, asn1::SEQUENCE)?.reader();
        if reader.expect(asn1::INTEGER)?.unsigned()? != [1] {
            return Err(Asn1Error::Content("TSTInfo of another version"));
        }
        reader.expect(asn1::OBJECT_IDENTIFIER)?;
        let mut imprint = reader.expect(asn1::SEQUENCE)?.reader();
        let mut algorithm = imprint.expect(asn1::SEQUENCE)?.reader();
        let algorithm = algorithm.expect(asn1::OBJECT_IDENTIFIER)?.oid()?;
        let digest = imprint.expect(asn1::OCTET_STRING)?.content;
        imprint.finish()?;
        reader.expect(asn1::INTEGER)?;
        let time = reader.expect(asn1::GENERALIZED_TIME)?.time()?;
        Ok(Self {
            algorithm,
            imprint: digest,
            time,
        })
    }
}
