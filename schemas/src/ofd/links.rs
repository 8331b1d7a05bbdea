//! What one part names: a table of the elements and attributes that hold locations.

use super::xml::{self, Event, Start};
use super::{Refusal, limits};
use crate::verdict::FindingCode;

/// What kind of part a location leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Part {
    Document,
    Version,
    Page,
    Resource,
    AnnotationList,
    Annotation,
    AttachmentList,
    TagList,
    ExtensionList,
    Font,
    /// Shown or offered, but not read here: pictures, attachments, tags.
    Data,
    /// Text that may or may not be a location.
    Maybe,
}

/// One location.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Link {
    pub(super) location: String,
    pub(super) part: Part,
    /// Identifier of the element that holds the location, for templates.
    pub(super) id: Option<String>,
}

/// What a part names and contains.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Scan {
    pub(super) links: Vec<Link>,
    /// Base folder that a resource part sets for what it names.
    pub(super) base: Option<String>,
    /// Composite unit and the composite unit used inside it.
    pub(super) composites: Vec<(String, String)>,
    /// Identifiers of the templates that a page uses.
    pub(super) templates: Vec<String>,
    /// Name of the root element.
    pub(super) root: String,
    /// Elements, texts, entities and comments in it, ends of elements too.
    pub(super) pieces: u64,
}

impl Scan {
    /// Every name in it.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> + Clone {
        let links = (self.links.iter()).flat_map(|link| [Some(&link.location), link.id.as_ref()]);
        let composites = (self.composites.iter()).flat_map(|(user, used)| [user, used]);
        let rest = [&self.root].into_iter().chain(&self.base);
        let all = links.flatten().chain(composites).chain(&self.templates);
        all.chain(rest).map(String::as_str)
    }
}

impl Link {
    /// Whether it leads to a part that other packages may have too.
    pub(super) fn is_shared(&self) -> bool {
        self.part == Part::Font || (self.part == Part::Page && self.id.is_some())
    }
}

/// Element, attribute that holds the location (none: its text), where it leads.
type Row = (&'static str, Option<&'static str>, Part);

const DOCUMENT: &[Row] = &[
    ("PublicRes", None, Part::Resource),
    ("DocumentRes", None, Part::Resource),
    ("TemplatePage", Some("BaseLoc"), Part::Page),
    ("Page", Some("BaseLoc"), Part::Page),
    ("Annotations", None, Part::AnnotationList),
    ("Attachments", None, Part::AttachmentList),
    ("CustomTags", None, Part::TagList),
    ("Extensions", None, Part::ExtensionList),
];
const PAGE: &[Row] = &[("PageRes", None, Part::Resource)];
const RESOURCE: &[Row] = &[
    ("MediaFile", None, Part::Data),
    ("FontFile", None, Part::Font),
    ("ColorSpace", Some("Profile"), Part::Data),
];
const ANNOTATION_LIST: &[Row] = &[("FileLoc", None, Part::Annotation)];
const ATTACHMENT_LIST: &[Row] = &[("FileLoc", None, Part::Data)];
const TAG_LIST: &[Row] = &[
    ("FileLoc", None, Part::Data),
    ("SchemaLoc", None, Part::Data),
];
const EXTENSION_LIST: &[Row] = &[("ExtendData", None, Part::Maybe)];
const VERSION: &[Row] = &[
    ("DocRoot", None, Part::Document),
    ("File", None, Part::Data),
];

/// Reads a part for what it names and contains.
pub(super) fn scan_part(bytes: &[u8], part: Part) -> Result<Scan, Refusal> {
    let mut scanner = Scanner {
        part,
        rows: rows(part),
        ..Scanner::default()
    };
    xml::scan(bytes, &mut |event| {
        scanner.scan.pieces += 1;
        match event {
            Event::Start(start) => scanner.start(start),
            Event::Text(piece) => scanner.text(piece),
            Event::Border => {
                scanner.border();
                Ok(())
            }
            Event::End => scanner.end(),
        }
    })?;
    Ok(scanner.scan)
}

fn rows(part: Part) -> &'static [Row] {
    match part {
        Part::Document => DOCUMENT,
        Part::Version => VERSION,
        Part::Page => PAGE,
        Part::Resource => RESOURCE,
        Part::AnnotationList => ANNOTATION_LIST,
        Part::AttachmentList => ATTACHMENT_LIST,
        Part::TagList => TAG_LIST,
        Part::ExtensionList => EXTENSION_LIST,
        Part::Annotation | Part::Font | Part::Data | Part::Maybe => &[],
    }
}

fn divided_location() -> Refusal {
    let detail = "something stands in the midst of a location";
    Refusal::new(FindingCode::XmlMalformed, detail)
}

/// The refusal of a document that could hide a loop behind sheer number.
pub(super) fn too_many_uses() -> Refusal {
    Refusal::new(
        FindingCode::XmlMalformed,
        "too many uses of composite units and templates",
    )
}

struct Scanner {
    part: Part,
    rows: &'static [Row],
    scan: Scan,
    /// Depth of the element being read; the root is 1.
    depth: usize,
    /// A location being read: where it leads and the depth of its element.
    reading: Option<(Part, usize)>,
    text: String,
    /// Whether something stood behind the text that divides it from what follows.
    is_divided: bool,
    /// Composite units around the current element, with their depths.
    units: Vec<(String, usize)>,
}

impl Default for Scanner {
    fn default() -> Self {
        Self {
            part: Part::Data,
            rows: &[],
            scan: Scan::default(),
            depth: 0,
            reading: None,
            text: String::new(),
            is_divided: false,
            units: Vec::new(),
        }
    }
}

impl Scanner {
    fn start(&mut self, start: &Start<'_>) -> Result<(), Refusal> {
        self.depth += 1;
        if self.reading.is_some_and(|(part, _)| part != Part::Maybe) {
            return Err(divided_location());
        }
        if self.depth == 1 {
            self.scan.root.clone_from(&start.name);
        }
        if self.depth == 1 && self.part == Part::Resource {
            self.scan.base = start.attribute("BaseLoc").map(str::to_owned);
        }
        match (start.name.as_str(), self.part) {
            ("CompositeGraphicUnit" | "CompositeGraphUnit" | "VectorG", Part::Resource) => {
                let id = start.attribute("ID").unwrap_or_default().to_owned();
                self.units.push((id, self.depth));
            }
            ("CompositeObject", _) => self.composite(start)?,
            ("Template", Part::Page) => {
                let template = start.attribute("TemplateID").map(str::to_owned);
                self.scan.templates.extend(template);
                self.check_uses()?;
            }
            _ => {}
        }
        for &(name, attribute, part) in self.rows.iter().filter(|row| row.0 == start.name) {
            match attribute.map(|attribute| start.attribute(attribute)) {
                None => {
                    self.reading = Some((part, self.depth));
                    self.text.clear();
                    self.is_divided = false;
                }
                Some(Some(location)) if !xml::trimmed(location).is_empty() => {
                    let id = (name == "TemplatePage")
                        .then(|| start.attribute("ID").map(str::to_owned))
                        .flatten();
                    self.link(location.to_owned(), part, id)?;
                }
                Some(_) => {}
            }
        }
        Ok(())
    }

    fn composite(&mut self, start: &Start<'_>) -> Result<(), Refusal> {
        if let (Some((unit, _)), Some(used)) = (self.units.last(), start.attribute("ResourceID")) {
            self.scan.composites.push((unit.clone(), used.to_owned()));
        }
        self.check_uses()
    }

    fn check_uses(&self) -> Result<(), Refusal> {
        if self.scan.composites.len() + self.scan.templates.len() > limits::USES {
            return Err(too_many_uses());
        }
        Ok(())
    }

    fn text(&mut self, piece: &str) -> Result<(), Refusal> {
        if self.reading.is_some_and(|(_, depth)| depth == self.depth) {
            if self.is_divided && !xml::trimmed(piece).is_empty() {
                return Err(divided_location());
            }
            self.text.push_str(piece);
        }
        Ok(())
    }

    /// What stands before and behind it is one location to some readers, and two to others.
    fn border(&mut self) {
        self.is_divided |= !xml::trimmed(&self.text).is_empty();
    }

    fn end(&mut self) -> Result<(), Refusal> {
        if let Some((part, depth)) = self.reading
            && depth == self.depth
        {
            self.reading = None;
            let location = xml::trimmed(&self.text).to_owned();
            if !location.is_empty() {
                self.link(location, part, None)?;
            }
        }
        if self
            .units
            .last()
            .is_some_and(|(_, depth)| *depth == self.depth)
        {
            self.units.pop();
        }
        self.depth = self.depth.saturating_sub(1);
        Ok(())
    }

    fn link(&mut self, location: String, part: Part, id: Option<String>) -> Result<(), Refusal> {
        // More locations than a package has entries lead nowhere new.
        if self.scan.links.len() >= limits::ENTRIES {
            return Err(Refusal::new(
                FindingCode::XmlMalformed,
                "names too many files",
            ));
        }
        self.scan.links.push(Link { location, part, id });
        Ok(())
    }
}
