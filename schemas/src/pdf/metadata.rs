//! Metadata of a licence in a PDF: an XMP packet (ISO 16684-1:2019) in the catalog's `/Metadata`.
//!
//! \[P\] GB/T 36905-2018 has OFD alone. The names are those of GB/T 36903-2018, one property for
//! each field, an array for several holders. Properties are known by their names in whatever
//! namespace: issuers agree on the names alone.

use super::PdfError;
use super::document::Document;
use super::object::{Indirect, Object};
use crate::entry::LIST_SEPARATOR;
use crate::metadata::{Metadata, MetadataError, is_extension, short_name};
use crate::ofd::Refusal;
use crate::ofd::xml::Element;

/// Namespace of the properties as they are written here \[P\]: no standard gives them one.
pub const NAMESPACE: &str = "urn:gbt:36903-2018#";

/// Why metadata cannot be read. No value is repeated: it may be personal data.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadMetadataError {
    /// The catalog or the stream.
    #[error(transparent)]
    File(#[from] PdfError),
    /// The packet is refused as XML.
    #[error("the XMP packet: {0}")]
    Packet(#[from] Refusal),
    /// A property is neither a text nor an array of texts.
    #[error("the property {0} is neither a text nor an array of texts")]
    Property(String),
    /// The fields contradict one another, or there are too many.
    #[error(transparent)]
    Fields(#[from] MetadataError),
}

/// Metadata as of a revision; empty when there is none.
///
/// # Errors
/// The packet cannot be read, or its fields contradict one another.
pub fn read(document: &Document<'_>, revision: usize) -> Result<Metadata, ReadMetadataError> {
    let (_, catalog) = document.catalog(revision)?;
    let Some(id) = catalog.get("Metadata").and_then(Object::reference) else {
        return Ok(Metadata::default());
    };
    match document.object(id, revision)? {
        Some(Indirect::Stream(stream)) => of_packet(&document.decode(&stream)?),
        _ => Ok(Metadata::default()),
    }
}

/// Metadata of an XMP packet.
///
/// # Errors
/// As [`read`].
pub fn of_packet(packet: &[u8]) -> Result<Metadata, ReadMetadataError> {
    let root = Element::parse(packet)?;
    let mut pairs = Vec::new();
    let nested = root.descendants_named("RDF");
    let lists = nested
        .into_iter()
        .chain((root.name == "RDF").then_some(&root));
    for description in lists.flat_map(|list| list.children_named("Description")) {
        // The short form has properties as attributes (ISO 16684-1 §7.9.2.2).
        for (name, value) in &description.qualified_attributes {
            if is_field(name) {
                pairs.push((name.clone(), value.clone()));
            }
        }
        for property in &description.children {
            if is_field(&property.name) {
                let values = values(property)?;
                pairs.extend(
                    values
                        .into_iter()
                        .map(|value| (property.name.clone(), value)),
                );
            }
        }
    }
    Ok(Metadata::from_pairs(pairs)?)
}

fn is_field(name: &str) -> bool {
    short_name(name).is_some() || is_extension(name)
}

/// What a property says: an array of several things is one value, alternatives are many.
fn values(property: &Element) -> Result<Vec<String>, ReadMetadataError> {
    let [array] = property.children.as_slice() else {
        return match property.trimmed_text() {
            Ok(text) => Ok(vec![text.unwrap_or_default().to_owned()]),
            Err(_) => Err(ReadMetadataError::Property(property.name.clone())),
        };
    };
    let wrong = || ReadMetadataError::Property(property.name.clone());
    let is_plain = property.text.trim().is_empty();
    let items: Option<Vec<String>> = array
        .children
        .iter()
        .map(|item| {
            item.trimmed_text()
                .ok()
                .map(|text| text.unwrap_or_default().to_owned())
        })
        .collect();
    match (array.name.as_str(), items) {
        ("Bag" | "Seq", Some(items)) if is_plain => {
            Ok(vec![items.join(&LIST_SEPARATOR.to_string())])
        }
        ("Alt", Some(items)) if is_plain => Ok(items),
        _ => Err(wrong()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(attributes: &str, properties: &str) -> String {
        format!(
            "<?xpacket begin=\"\u{feff}\" id=\"W5M0MpCehiHzreSzNTczkc9d\"?><x:xmpmeta \
             xmlns:x=\"adobe:ns:meta/\"><rdf:RDF \
             xmlns:rdf=\"http://www.w3.org/1999/02/22-rdf-syntax-ns#\"><rdf:Description \
             rdf:about=\"\" xmlns:zz=\"{NAMESPACE}\" {attributes}>{properties}</rdf:Description>\
             </rdf:RDF></x:xmpmeta>\n\n<?xpacket end=\"w\"?>"
        )
    }

    #[track_caller]
    fn check(attributes: &str, properties: &str, expected: Option<&[(&str, &str)]>) {
        let read = of_packet(packet(attributes, properties).as_bytes());
        match (read, expected) {
            (Ok(metadata), Some(expected)) => {
                assert_eq!(metadata.iter().collect::<Vec<_>>(), expected);
            }
            (Err(_), None) => {}
            (read, expected) => panic!("{read:?} instead of {expected:?}"),
        }
    }

    #[test]
    fn properties_are_elements_attributes_or_arrays() {
        check("", "<zz:ZZBH> 1&amp;2 </zz:ZZBH>", Some(&[("ZZBH", "1&2")]));
        check("zz:ZZBH=\"1\"", "", Some(&[("ZZBH", "1")]));
        let holders =
            "<zz:CZZT><rdf:Seq><rdf:li>甲</rdf:li><rdf:li>乙</rdf:li></rdf:Seq></zz:CZZT>";
        check("", holders, Some(&[("CZZT", "甲^乙")]));
        let names =
            "<zz:CertificateName><rdf:Alt><rdf:li>证</rdf:li></rdf:Alt></zz:CertificateName>";
        check("", names, Some(&[("ZZMC", "证")]));
        check("", "<zz:KZ_NF>2024</zz:KZ_NF>", Some(&[("KZ_NF", "2024")]));
    }

    #[test]
    fn what_is_no_field_of_a_licence_is_passed_over() {
        check("", "<zz:CreateDate>2024</zz:CreateDate>", Some(&[]));
        check("", "<zz:Other><zz:ZZBH>1</zz:ZZBH></zz:Other>", Some(&[]));
    }

    #[test]
    fn contradictions_and_other_forms_are_refused() {
        check("zz:ZZBH=\"1\"", "<zz:ZZBH>2</zz:ZZBH>", None);
        check("", "<zz:ZZBH>1</zz:ZZBH><zz:ZZBH>2</zz:ZZBH>", None);
        check("", "<zz:ZZBH>1<!-- -->2</zz:ZZBH>", None);
        check("", "<zz:ZZBH><rdf:value>1</rdf:value></zz:ZZBH>", None);
        let two = "<zz:ZZBH><rdf:Alt><rdf:li>1</rdf:li><rdf:li>2</rdf:li></rdf:Alt></zz:ZZBH>";
        check("", two, None);
        assert!(of_packet(b"<!DOCTYPE x><x/>").is_err());
        assert!(of_packet(b"").is_err());
    }
}
