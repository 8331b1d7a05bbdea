//! Revocation data that a `SignedData` carries along: revocation lists and OCSP responses.

use der::asn1::ObjectIdentifier;

use super::asn1::{self, Asn1Error, Element};
use super::fields::expect_tag;

/// Most lists, and most responses, in one place (`\[P\]` profile).
const MAX_ITEMS: usize = 32;

/// id-ri-ocsp-response, RFC 5940 §2.1: an `OCSPResponse`.
const OCSP_RESPONSE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.16.2");
/// id-pkix-ocsp-basic, which EN 319 122-1 §5.4.2 has in the same place: a `BasicOCSPResponse`.
const OCSP_BASIC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.48.1.1");

/// Revocation data as they stand there: nothing is trusted yet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RevocationData<'a> {
    /// Revocation lists, DER.
    pub lists: Vec<&'a [u8]>,
    /// `OCSPResponse` or `BasicOCSPResponse`, DER.
    pub responses: Vec<&'a [u8]>,
}

impl<'a> RevocationData<'a> {
    /// `SignedData.crls` (RFC 5652 §10.2.1): lists, and other things under their names, of which
    /// OCSP responses are known.
    pub(super) fn choices(element: &Element<'a>) -> Result<Self, Asn1Error> {
        let mut data = Self::default();
        for choice in element.reader().all(MAX_ITEMS)? {
            if choice.tag != asn1::CONTEXT_1 {
                data.lists.push(choice.raw);
                continue;
            }
            let mut other = choice.reader();
            let kind = other.expect(asn1::OBJECT_IDENTIFIER)?.oid()?;
            let value = other.any()?;
            other.finish()?;
            if [OCSP_RESPONSE, OCSP_BASIC].contains(&kind) {
                data.responses.push(value.raw);
            }
        }
        Ok(data)
    }

    /// `RevocationInfoArchival` (ISO 32000-2:2020 §12.8.3.3.2) and `RevocationValues`
    /// (EN 319 122-1 §A.1.2.2): lists inside `[0]`, responses inside `[1]`.
    pub(super) fn archived(value: &Element<'a>) -> Result<Self, Asn1Error> {
        let mut reader = expect_tag(value, asn1::SEQUENCE)?.reader();
        let mut inside = |tag| -> Result<Vec<&'a [u8]>, Asn1Error> {
            let Some(tagged) = reader.optional(tag)? else {
                return Ok(Vec::new());
            };
            let list = Element::whole(tagged.content, asn1::SEQUENCE)?;
            let items = list.reader().all(MAX_ITEMS)?;
            Ok(items.iter().map(|item| item.raw).collect())
        };
        Ok(Self {
            lists: inside(asn1::CONTEXT_0)?,
            responses: inside(asn1::CONTEXT_1)?,
        })
    }

    pub(super) fn append(&mut self, mut more: Self) {
        self.lists.append(&mut more.lists);
        self.responses.append(&mut more.responses);
    }
}
