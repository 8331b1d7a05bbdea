//! The organisation that a certificate names.

use der::asn1::ObjectIdentifier;
use der::{Any, Tagged};

/// `organizationName`, X.520.
const ORGANISATION: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.10");

/// Organisation (O) of a name.
pub(super) fn organisation(subject: &x509_cert::name::Name) -> Option<String> {
    let value = &subject
        .iter()
        .find(|attribute| attribute.oid == ORGANISATION)?
        .value;
    string_value(value)
}

fn string_value(value: &Any) -> Option<String> {
    /// Tag number of `BMPString`, which some older Chinese CAs write.
    const BMP_STRING: der::Tag = der::Tag::BmpString;
    if value.tag() == BMP_STRING {
        let (pairs, rest) = value.value().as_chunks::<2>();
        let units: Vec<u16> = pairs.iter().map(|pair| u16::from_be_bytes(*pair)).collect();
        return rest
            .is_empty()
            .then(|| String::from_utf16(&units).ok())
            .flatten();
    }
    std::str::from_utf8(value.value()).ok().map(str::to_owned)
}
