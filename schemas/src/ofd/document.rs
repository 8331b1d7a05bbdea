//! `OFD.xml`: the bodies of the package, their metadata, and where everything else begins.

use super::xml::Element;
use super::{Refusal, limits};
use crate::verdict::FindingCode;

/// Name of the part that every reader starts from.
pub const ROOT_PART: &str = "OFD.xml";

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
    /// Location of the cover picture.
    pub cover: Option<String>,
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
    let root = Element::parse(bytes)?;
    if root.name != "OFD" {
        return Err(malformed("the root element is not OFD"));
    }
    let bodies: Vec<Body> = root.children_named("DocBody").map(body).collect();
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

fn body(element: &Element) -> Body {
    let mut versions = Vec::new();
    for list in element.children_named("Versions") {
        let locations = list
            .children
            .iter()
            .filter_map(|version| version.attribute("BaseLoc"));
        versions.extend(locations.map(str::to_owned));
    }
    let information = || element.children_named("DocInfo");
    let cover = information().flat_map(|info| info.children_named("Cover"));
    Body {
        document_roots: texts(element.children_named("DocRoot")),
        signature_lists: texts(element.ofd_children("Signatures")),
        versions,
        cover: texts(cover).into_iter().next(),
        is_encrypted: element.children_named("Encryptions").next().is_some(),
        custom_data: information().flat_map(custom_data).collect(),
    }
}

/// `CustomDatas/CustomData`, also as some exporters misspell them; the name is in the attribute
/// `Name` or `name`, or else in the first one.
fn custom_data(information: &Element) -> Vec<(String, String)> {
    let is_list = |element: &&Element| matches!(&*element.name, "CustomDatas" | "CuslomDatas");
    let is_item = |element: &&Element| matches!(&*element.name, "CustomData" | "CuslomData");
    let mut pairs = Vec::new();
    for list in information.children.iter().filter(is_list) {
        for item in list.children.iter().filter(is_item) {
            let first = || item.attributes.first().map(|(_, value)| value.as_str());
            let name = item
                .attribute("Name")
                .or_else(|| item.attribute("name"))
                .or_else(first);
            if let Some(name) = name {
                pairs.push((name.trim().to_owned(), item.text.trim().to_owned()));
            }
        }
    }
    pairs
}

fn texts<'e>(elements: impl Iterator<Item = &'e Element>) -> Vec<String> {
    elements
        .filter_map(|element| element.trimmed_text().map(str::to_owned))
        .collect()
}

fn malformed(detail: &str) -> Refusal {
    Refusal::new(FindingCode::XmlMalformed, detail)
}
