//! XML parts: no document type, no entities but the five of XML, bounded depth and size.
//!
//! Two ways to read: [`scan`] passes events to a handler, for page content and lists of any size;
//! [`Element::parse`] keeps a small tree, for `OFD.xml` and the signature parts.
//!
//! Namespaces: the standard's is [`NAMESPACE`]. Files of early products carry its parent without
//! the year, so [`Start::is_ofd`] accepts both. What decides about *signatures* must be in one of
//! them. What decides about *which files are shown* is taken by local name alone: a lenient
//! reader could follow an element of another namespace, so the file behind it must be covered.

use std::borrow::Cow;

use quick_xml::NsReader;
use quick_xml::events::{BytesStart, Event as RawEvent};
use quick_xml::name::{Namespace, ResolveResult};

use super::{Refusal, encoding, limits};
use crate::verdict::FindingCode;

/// Namespace of GB/T 33190-2016.
pub const NAMESPACE: &str = "http://www.ofdspec.org/2016";

/// The same without the year, as early products write it.
const NAMESPACE_WITHOUT_YEAR: &str = "http://www.ofdspec.org";

/// Attributes that hold locations: with a prefix they are others, but not to every reader.
const LOCATIONS: [&str; 3] = ["BaseLoc", "FileRef", "Profile"];

/// What [`scan`] passes to its handler.
#[derive(Debug)]
pub enum Event<'e, 'x> {
    /// An element begins.
    Start(&'e Start<'x>),
    /// A piece of text, entities resolved; one text may arrive in several pieces.
    Text(&'e str),
    /// A comment or processing instruction, or a border of a CDATA section: what stands before
    /// and behind it is one text to some readers and two to others.
    Border,
    /// The innermost element ends.
    End,
}

/// The beginning of an element.
#[derive(Debug)]
pub struct Start<'x> {
    /// Name without prefix.
    pub name: String,
    /// Whether it is in one of the namespaces of OFD.
    pub is_ofd: bool,
    attributes: Vec<(&'x str, Cow<'x, str>)>,
    qualified: Vec<(&'x str, Cow<'x, str>)>,
}

/// An element with everything in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Element {
    /// Name without prefix.
    pub name: String,
    /// Whether it is in one of the namespaces of OFD.
    pub is_ofd: bool,
    /// Attributes without prefix, in order.
    pub attributes: Vec<(String, String)>,
    /// Attributes with a prefix, in order, by their names without it; namespaces are none of them.
    pub qualified_attributes: Vec<(String, String)>,
    /// Text directly in this element, all pieces joined.
    pub text: String,
    /// Child elements in order.
    pub children: Vec<Self>,
    /// Whether readers may disagree about the text: a comment, a processing instruction, a CDATA
    /// section or an element stands in it.
    pub is_divided: bool,
    has_border: bool,
}

/// The text without surrounding white space of XML 1.0 (§2.3 `S`). Other blanks, such as the
/// ideographic one, are part of a name to the readers that open it.
#[must_use]
pub fn trimmed(text: &str) -> &str {
    text.trim_matches([' ', '\t', '\r', '\n'])
}

/// Reads a part, passing each event to `handler`.
///
/// # Errors
/// `XML_DOCTYPE`, `XML_DEPTH` (deeper than [`limits::XML_DEPTH`]), `XML_MALFORMED` (also: too
/// large, undefined entity, unknown encoding), or what `handler` returns.
pub fn scan(
    bytes: &[u8],
    handler: &mut dyn FnMut(Event<'_, '_>) -> Result<(), Refusal>,
) -> Result<(), Refusal> {
    if bytes.len() as u64 > limits::XML_BYTES {
        return Err(malformed(format!(
            "larger than {} bytes",
            limits::XML_BYTES
        )));
    }
    let text = encoding::text(bytes)?;
    let mut reader = NsReader::from_str(&text);
    reader.config_mut().expand_empty_elements = true;
    let mut state = State::default();
    loop {
        let (namespace, event) = reader.read_resolved_event().map_err(unreadable)?;
        match event {
            RawEvent::Start(start) => {
                let is_ofd = is_ofd(&namespace);
                state.start()?;
                with_start(&start, is_ofd, |start| handler(Event::Start(start)))?;
            }
            RawEvent::End(_) => {
                state.depth = state.depth.saturating_sub(1);
                handler(Event::End)?;
            }
            RawEvent::Text(piece) => state.text(&piece.xml10_content(), handler)?,
            RawEvent::CData(piece) => {
                handler(Event::Border)?;
                state.text(&piece.xml10_content(), handler)?;
                handler(Event::Border)?;
            }
            RawEvent::Comment(comment) => {
                check_comment(&comment.xml10_content())?;
                handler(Event::Border)?;
            }
            RawEvent::PI(_) => handler(Event::Border)?,
            RawEvent::GeneralRef(reference) => {
                let resolved = match reference.resolve_char_ref().map_err(unreadable)? {
                    Some(character) => Cow::Owned(character.to_string()),
                    None => Cow::Borrowed(predefined(&reference.xml10_content())?),
                };
                state.text(&resolved, handler)?;
            }
            RawEvent::DocType(_) => {
                return Err(Refusal::new(
                    FindingCode::XmlDoctype,
                    "document type declaration",
                ));
            }
            // Empty elements arrive as a start and an end.
            RawEvent::Empty(_) | RawEvent::Decl(_) => {}
            RawEvent::Eof => return state.finish(),
        }
    }
}

impl Start<'_> {
    /// Value of an attribute without prefix.
    #[must_use]
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes
            .iter()
            .find(|(key, _)| *key == name)
            .map(|(_, value)| value.as_ref())
    }
}

impl Element {
    /// Reads a whole part into a tree.
    ///
    /// # Errors
    /// As [`scan`]; `XML_MALFORMED` also above [`limits::TREE_BYTES`] bytes or
    /// [`limits::TREE_ELEMENTS`] elements.
    pub fn parse(bytes: &[u8]) -> Result<Self, Refusal> {
        if bytes.len() > limits::TREE_BYTES {
            return Err(malformed(format!(
                "larger than {} bytes",
                limits::TREE_BYTES
            )));
        }
        let mut open: Vec<Self> = Vec::new();
        let mut root = Self::default();
        let mut count = 0_usize;
        scan(bytes, &mut |event| {
            match event {
                Event::Start(start) => {
                    count += 1;
                    if count > limits::TREE_ELEMENTS {
                        return Err(malformed("too many elements"));
                    }
                    open.push(Self::opened(start));
                }
                Event::Text(piece) => {
                    if let Some(element) = open.last_mut() {
                        element.is_divided |= element.has_border && !trimmed(piece).is_empty();
                        element.text.push_str(piece);
                    }
                }
                Event::Border => {
                    if let Some(element) = open.last_mut() {
                        element.has_border |= !trimmed(&element.text).is_empty();
                    }
                }
                Event::End => {
                    let closed = open.pop().unwrap_or_default();
                    match open.last_mut() {
                        Some(parent) => parent.children.push(closed),
                        None => root = closed,
                    }
                }
            }
            Ok(())
        })?;
        Ok(root)
    }

    /// Value of an attribute.
    #[must_use]
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    /// Children of a name, of any namespace.
    pub fn children_named<'e>(&'e self, name: &'e str) -> impl Iterator<Item = &'e Self> {
        self.children.iter().filter(move |child| child.name == name)
    }

    /// Children of a name in the namespace of OFD.
    pub fn ofd_children<'e>(&'e self, name: &'e str) -> impl Iterator<Item = &'e Self> {
        self.children_named(name).filter(|child| child.is_ofd)
    }

    /// The text without surrounding white space; none when there is nothing else.
    ///
    /// # Errors
    /// `XML_MALFORMED` when readers may disagree about the text.
    pub fn trimmed_text(&self) -> Result<Option<&str>, Refusal> {
        let text = Some(trimmed(&self.text)).filter(|text| !text.is_empty());
        if text.is_some() && (self.is_divided || !self.children.is_empty()) {
            return Err(malformed(format!("the text of {} is divided", self.name)));
        }
        Ok(text)
    }

    /// Every element below this one, at any depth, in the order of the text.
    pub fn descendants(&self) -> impl Iterator<Item = &Self> {
        let mut open: Vec<&Self> = self.children.iter().rev().collect();
        std::iter::from_fn(move || {
            let element = open.pop()?;
            open.extend(element.children.iter().rev());
            Some(element)
        })
    }

    /// Those of a name, of any namespace.
    #[must_use]
    pub fn descendants_named<'e>(&'e self, name: &str) -> Vec<&'e Self> {
        let of_name = |element: &&Self| element.name == name;
        self.descendants().filter(of_name).collect()
    }

    fn opened(start: &Start<'_>) -> Self {
        let owned = |(key, value): &(&str, Cow<'_, str>)| ((*key).to_owned(), value.to_string());
        Self {
            name: start.name.clone(),
            is_ofd: start.is_ofd,
            attributes: start.attributes.iter().map(owned).collect(),
            qualified_attributes: start.qualified.iter().map(owned).collect(),
            ..Self::default()
        }
    }
}

/// Where the reader is; the XML library checks neither depth nor that there is one root.
#[derive(Default)]
struct State {
    depth: usize,
    elements: usize,
    has_root: bool,
}

impl State {
    fn start(&mut self) -> Result<(), Refusal> {
        if self.depth == 0 && self.has_root {
            return Err(malformed("more than one root element"));
        }
        self.has_root = true;
        self.depth += 1;
        self.elements += 1;
        if self.depth > limits::XML_DEPTH {
            let detail = format!("elements nested deeper than {}", limits::XML_DEPTH);
            return Err(Refusal::new(FindingCode::XmlDepth, detail));
        }
        if self.elements > limits::XML_ELEMENTS {
            return Err(malformed("too many elements"));
        }
        Ok(())
    }

    fn text(
        &self,
        piece: &str,
        handler: &mut dyn FnMut(Event<'_, '_>) -> Result<(), Refusal>,
    ) -> Result<(), Refusal> {
        if self.depth > 0 {
            return handler(Event::Text(piece));
        }
        if trimmed(piece).is_empty() {
            Ok(())
        } else {
            Err(malformed("text outside the root"))
        }
    }

    fn finish(&self) -> Result<(), Refusal> {
        if self.depth > 0 {
            Err(malformed("an element is not closed"))
        } else if self.has_root {
            Ok(())
        } else {
            Err(malformed("no root element"))
        }
    }
}

fn with_start<T>(
    raw: &BytesStart<'_>,
    is_ofd: bool,
    then: impl FnOnce(&Start<'_>) -> Result<T, Refusal>,
) -> Result<T, Refusal> {
    let (mut attributes, mut qualified) = (Vec::new(), Vec::new());
    for (index, attribute) in raw.attributes().enumerate() {
        if index >= limits::ATTRIBUTES {
            return Err(malformed("too many attributes"));
        }
        let attribute = attribute.map_err(unreadable)?;
        let value = attribute
            .normalized_value(quick_xml::XmlVersion::Implicit1_0)
            .map_err(unreadable)?;
        let declares_namespace = attribute.key.as_namespace_binding().is_some();
        if attribute.value.contains('<') {
            return Err(malformed("an attribute with a bare <"));
        }
        if attribute.key.prefix().is_none() && !declares_namespace {
            attributes.push((attribute.key.0, value));
        } else if LOCATIONS.contains(&attribute.key.local_name().into_inner()) {
            return Err(malformed("a location in an attribute with a prefix"));
        } else if !declares_namespace {
            qualified.push((attribute.key.local_name().into_inner(), value));
        }
    }
    let name = raw.local_name().as_ref().to_owned();
    then(&Start {
        name,
        is_ofd,
        attributes,
        qualified,
    })
}

/// XML 1.0 §2.5 allows no `--` in a comment; HTML readers end one at `<!-->` and `<!--->`.
fn check_comment(comment: &str) -> Result<(), Refusal> {
    let is_read_otherwise = comment.contains("--") || comment.ends_with('-');
    if is_read_otherwise || comment.starts_with('>') || comment.starts_with("->") {
        return Err(malformed("a comment that readers end at different places"));
    }
    Ok(())
}

fn is_ofd(namespace: &ResolveResult<'_>) -> bool {
    matches!(namespace, ResolveResult::Bound(Namespace(uri))
        if *uri == NAMESPACE || *uri == NAMESPACE_WITHOUT_YEAR)
}

fn predefined(name: &str) -> Result<&'static str, Refusal> {
    match name {
        "amp" => Ok("&"),
        "lt" => Ok("<"),
        "gt" => Ok(">"),
        "quot" => Ok("\""),
        "apos" => Ok("'"),
        _ => Err(malformed("undefined entity")),
    }
}

fn unreadable(error: impl std::fmt::Display) -> Refusal {
    // The library's messages quote names and positions, never text content.
    malformed(error.to_string())
}

fn malformed(detail: impl Into<String>) -> Refusal {
    Refusal::new(FindingCode::XmlMalformed, detail)
}

#[cfg(test)]
#[path = "xml_tests.rs"]
mod tests;
