//! `OFD.xml`: the bodies of the package, their metadata, and where everything else begins.

use super::encoding;
use super::xml::Element;
use super::{Refusal, limits};
use crate::verdict::FindingCode;

/// Name of the part that every reader starts from.
pub const ROOT_PART: &str = "OFD.xml";

/// Beginning of a CDATA section.
const SECTION: &[u8] = b"<![CDATA[";

/// Name of the part that marks a package encrypted after GM/T 0099-2020.
const ENCRYPTIONS_PART: &str = "Encryptions.xml";

/// What `OFD.xml` says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Root {
    /// The bodies in order; readers show the first one first.
    pub bodies: Vec<Body>,
}

/// One `DocBody`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Body {
    /// Locations of `Document.xml`.
    pub document_roots: Vec<String>,
    /// Locations of `Signatures.xml`; only elements in the namespace of OFD.
    pub signature_lists: Vec<String>,
    /// Locations of version parts.
    pub versions: Vec<String>,
    /// Locations of cover pictures.
    pub covers: Vec<String>,
    /// Whether the body lists encryption parts.
    pub is_encrypted: bool,
    /// Name and value of each `CustomData`, in order: personal data, never to be logged.
    pub custom_data: Vec<(String, String)>,
}

/// Reads `OFD.xml`.
///
/// # Errors
/// Those of [`Element::parse`]; `XML_MALFORMED` when the root is not `OFD` or there is no body.
pub fn parse_root(bytes: &[u8]) -> Result<Root, Refusal> {
    // In GB 18030 a character may end like `]`; a reader that takes it for UTF-8 ends the section.
    let has_section = bytes.windows(SECTION.len()).any(|part| part == SECTION);
    if has_section && !bytes.is_ascii() && !encoding::is_utf8(bytes) {
        return Err(malformed("a CDATA section in another encoding than UTF-8"));
    }
    let root = Element::parse(bytes)?;
    if root.name != "OFD" {
        return Err(malformed("the root element is not OFD"));
    }
    let elements: Vec<&Element> = root.children_named("DocBody").collect();
    // A reader that takes the first element of a name, wherever it stands, must not find others.
    let nested = |name: &str| {
        let inside = elements
            .iter()
            .map(|body| body.descendants_named(name).len());
        inside.sum::<usize>()
    };
    let everywhere = |name: &str| root.descendants_named(name).len();
    let strays = ["DocRoot", "Version", "Versions", "Cover"]
        .into_iter()
        .find(|name| everywhere(name) != nested(name));
    if strays.is_some() || everywhere("DocBody") != elements.len() {
        return Err(malformed("a document outside the bodies"));
    }
    let bodies = elements
        .into_iter()
        .map(body)
        .collect::<Result<Vec<Body>, _>>()?;
    if bodies.is_empty() {
        return Err(malformed("no DocBody"));
    }
    if bodies.len() > limits::DOCUMENTS {
        return Err(malformed("too many bodies"));
    }
    Ok(Root { bodies })
}

/// Whether the package is marked as encrypted after GM/T 0099-2020: a list of encryptions at its
/// root, or in a body.
#[must_use]
pub fn is_encrypted(package: &super::container::Package<'_>, root: Option<&Root>) -> bool {
    package.find(ENCRYPTIONS_PART).is_some()
        || root.is_some_and(|root| root.bodies.iter().any(|body| body.is_encrypted))
}

impl Root {
    /// Metadata of the first body, the one that is shown.
    #[must_use]
    pub fn custom_data(&self) -> &[(String, String)] {
        self.bodies
            .first()
            .map(|body| body.custom_data.as_slice())
            .unwrap_or_default()
    }
}

fn body(element: &Element) -> Result<Body, Refusal> {
    // Nothing else in a body has this attribute.
    let versions = element
        .descendants()
        .filter_map(|any| any.attribute("BaseLoc"));
    let versions = versions.map(location).collect::<Result<_, _>>()?;
    let information = || element.children_named("DocInfo");
    let mut pairs = Vec::new();
    for information in information() {
        custom_data(information, &mut pairs)?;
    }
    Ok(Body {
        document_roots: locations(element.descendants_named("DocRoot"))?,
        signature_lists: locations(element.ofd_children("Signatures").collect())?,
        versions,
        covers: locations(element.descendants_named("Cover"))?,
        is_encrypted: element.children_named("Encryptions").next().is_some(),
        custom_data: pairs,
    })
}

/// `CustomDatas/CustomData`, also as some exporters misspell them; the name is in the attribute
/// `Name` or `name`, or else in the first one.
fn custom_data(information: &Element, pairs: &mut Vec<(String, String)>) -> Result<(), Refusal> {
    let is_list = |element: &&Element| matches!(&*element.name, "CustomDatas" | "CuslomDatas");
    let is_item = |element: &&Element| matches!(&*element.name, "CustomData" | "CuslomData");
    for list in information.children.iter().filter(is_list) {
        for item in list.children.iter().filter(is_item) {
            let first = || item.attributes.first().map(|(_, value)| value.as_str());
            let name = item
                .attribute("Name")
                .or_else(|| item.attribute("name"))
                .or_else(first);
            let value = item.trimmed_text()?.unwrap_or_default();
            if let Some(name) = name {
                pairs.push((name.trim().to_owned(), value.to_owned()));
            }
        }
    }
    Ok(())
}

fn locations(elements: Vec<&Element>) -> Result<Vec<String>, Refusal> {
    let mut found = Vec::new();
    for element in elements {
        found.extend(element.trimmed_text()?.map(location).transpose()?);
    }
    Ok(found)
}

/// `OFD.xml` decides what is shown and is often signed by nobody, so its locations must mean the
/// same to every reader: also to one that takes them for URLs or does not resolve `..`.
fn location(text: &str) -> Result<String, Refusal> {
    let climbs = text
        .split(['/', '\\'])
        .any(|segment| segment.trim() == "..");
    if climbs || text.contains(['%', '#', '?', ':']) || text.contains(char::is_control) {
        let detail = "a location that readers resolve differently";
        return Err(Refusal::new(FindingCode::RefPath, detail));
    }
    Ok(text.to_owned())
}

fn malformed(detail: &str) -> Refusal {
    Refusal::new(FindingCode::XmlMalformed, detail)
}
