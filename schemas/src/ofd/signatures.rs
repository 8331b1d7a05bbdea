//! The signature parts (GB/T 33190-2016 clause 18): `Signatures.xml` and `Signature.xml`.
//!
//! Only elements in the namespace of OFD count here. Nothing is decided about digests or trust.

use super::xml::{self, Element};
use super::{Refusal, limits};
use crate::verdict::{FindingCode, SignatureKind};

/// One line of `Signatures.xml`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedSignature {
    /// Identifier as written; `-` when there is none.
    pub id: String,
    /// `Seal` unless the line says `Sign`.
    pub kind: SignatureKind,
    /// Location of `Signature.xml`.
    pub location: String,
}

/// What `Signature.xml` says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SignatureDescription {
    /// Location of the signed value.
    pub signed_value: Option<String>,
    /// Signature algorithm as written, mostly an object identifier.
    pub method: Option<String>,
    /// Signing time as written: one of several shapes.
    pub date_time: Option<String>,
    /// Location of the seal file.
    pub seal: Option<String>,
    /// Digest algorithm as written; the standard's default is MD5 when there is none.
    pub check_method: Option<String>,
    /// What is protected.
    pub references: Vec<Reference>,
    /// Where the seal is shown.
    pub stamps: Vec<StampAnnotation>,
}

/// One protected file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// Location as written.
    pub location: String,
    /// Base64 text of the digest, white space removed.
    pub check_value: String,
}

/// Where a seal is shown, as written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StampAnnotation {
    /// Identifier of the annotation.
    pub id: String,
    /// Identifier of the page.
    pub page: String,
    /// Left, top, width, height in millimetres.
    pub boundary: String,
    /// Visible part, relative to the boundary: seals across pages use it.
    pub clip: Option<String>,
}

/// Reads `Signatures.xml`.
///
/// # Errors
/// Those of [`Element::parse`]; `XML_MALFORMED` when it is not a list of signatures, a line names
/// no part, or it holds more than [`limits::SIGNATURES`].
pub fn parse_list(bytes: &[u8]) -> Result<Vec<ListedSignature>, Refusal> {
    let root = rooted(bytes, "Signatures")?;
    let listed: Vec<&Element> = root.ofd_children("Signature").collect();
    if listed.len() > limits::SIGNATURES {
        return Err(malformed(format!(
            "more than {} signatures",
            limits::SIGNATURES
        )));
    }
    listed.into_iter().map(listed_signature).collect()
}

/// Reads `Signature.xml`.
///
/// # Errors
/// Those of [`Element::parse`]; `XML_MALFORMED` when it is not a signature, a part that must
/// occur once occurs twice, or it holds more than [`limits::REFERENCES`] references.
pub fn parse_description(bytes: &[u8]) -> Result<SignatureDescription, Refusal> {
    let root = rooted(bytes, "Signature")?;
    let signed_value = text_of(only(&root, "SignedValue")?)?;
    let Some(information) = only(&root, "SignedInfo")? else {
        return Err(malformed("no SignedInfo"));
    };
    let references = only(information, "References")?;
    let seal = match only(information, "Seal")? {
        Some(seal) => text_of(only(seal, "BaseLoc")?)?,
        None => None,
    };
    Ok(SignatureDescription {
        signed_value,
        method: text_of(only(information, "SignatureMethod")?)?,
        date_time: text_of(only(information, "SignatureDateTime")?)?,
        seal,
        check_method: references
            .and_then(|element| element.attribute("CheckMethod"))
            .map(|method| method.trim().to_owned()),
        references: references
            .map(reference_list)
            .transpose()?
            .unwrap_or_default(),
        stamps: information.ofd_children("StampAnnot").map(stamp).collect(),
    })
}

fn listed_signature(element: &Element) -> Result<ListedSignature, Refusal> {
    let Some(location) = element
        .attribute("BaseLoc")
        .filter(|text| !xml::trimmed(text).is_empty())
    else {
        return Err(malformed("a listed signature names no part"));
    };
    let kind = match element.attribute("Type").map(str::trim) {
        None | Some("" | "Seal") => SignatureKind::Seal,
        Some("Sign") => SignatureKind::Sign,
        Some(_) => return Err(malformed("a listed signature is neither Seal nor Sign")),
    };
    Ok(ListedSignature {
        id: element.attribute("ID").unwrap_or("-").to_owned(),
        kind,
        location: location.to_owned(),
    })
}

fn reference_list(references: &Element) -> Result<Vec<Reference>, Refusal> {
    let listed: Vec<&Element> = references.ofd_children("Reference").collect();
    if listed.len() > limits::REFERENCES {
        return Err(malformed(format!(
            "more than {} references",
            limits::REFERENCES
        )));
    }
    let read = |element: &Element| {
        let Some(location) = element
            .attribute("FileRef")
            .filter(|text| !xml::trimmed(text).is_empty())
        else {
            return Err(malformed("a reference names no file"));
        };
        let value = text_of(only(element, "CheckValue")?)?.unwrap_or_default();
        let check_value = value.split_whitespace().collect();
        Ok(Reference {
            location: location.to_owned(),
            check_value,
        })
    };
    listed.into_iter().map(read).collect()
}

fn stamp(element: &Element) -> StampAnnotation {
    let read = |name: &str| element.attribute(name).unwrap_or_default().to_owned();
    StampAnnotation {
        id: read("ID"),
        page: read("PageRef"),
        boundary: read("Boundary"),
        clip: element.attribute("Clip").map(str::to_owned),
    }
}

fn rooted(bytes: &[u8], name: &str) -> Result<Element, Refusal> {
    let root = Element::parse(bytes)?;
    if root.name == name && root.is_ofd {
        Ok(root)
    } else {
        Err(malformed(format!(
            "the root element is not {name} of the OFD namespace"
        )))
    }
}

/// The child of a name; two of them would let two readers see two signatures.
fn only<'e>(parent: &'e Element, name: &str) -> Result<Option<&'e Element>, Refusal> {
    let mut found = parent
        .children
        .iter()
        .filter(|child| child.is_ofd && child.name == name);
    match (found.next(), found.next()) {
        (_, Some(_)) => Err(malformed(format!("{name} occurs twice"))),
        (found, None) => Ok(found),
    }
}

fn text_of(element: Option<&Element>) -> Result<Option<String>, Refusal> {
    let text = element.map(Element::trimmed_text).transpose()?.flatten();
    Ok(text.map(str::to_owned))
}

fn malformed(detail: impl Into<String>) -> Refusal {
    Refusal::new(FindingCode::XmlMalformed, detail)
}

#[cfg(test)]
#[path = "signatures_tests.rs"]
mod tests;
