//! The parts of a licence's OFD before it is sealed: metadata, structure, resources, page.

use certs::digest::sm3;
use certs::mint::picture;
use schemas::entry::Entry;
use schemas::metadata::Metadata;
use schemas::verdict::SignatureKind;

use super::border::draw_border;
use super::drawing::{Drawing, Font, NAMESPACE, ObjectIds, escape};
use super::face::{Face, chinese_date};
use super::layout::Layout;
use super::package::{Parts, SIGNATURES};
use super::{MintError, MintOptions, Spoil};

/// The page's content.
pub(super) const PAGE: &str = "Doc_0/Pages/Page_0/Content.xml";
/// The border, a template page.
const TEMPLATE: &str = "Doc_0/Tpls/Tpl_0/Content.xml";
/// The photo.
const PHOTO: &str = "Doc_0/Res/photo.png";

/// An unsealed document and the numbers that the seal needs.
pub(super) struct Document {
    pub(super) parts: Parts,
    /// Object number of the page.
    pub(super) page: u32,
    /// Object number kept for the stamp.
    pub(super) stamp: u32,
}

/// Writes the document of one entry. A sealed one has the border of paper licences; one that is
/// only signed, for systems among themselves, goes without: the border is most of a small file.
pub(super) fn document(entry: &Entry, options: &MintOptions) -> Result<Document, MintError> {
    let layout = options.layout;
    let is_signed = options.spoil != Some(Spoil::Unsigned);
    let face = Face::of(entry);
    let mut ids = ObjectIds::default();
    // The fonts have the first numbers, see `Font::id`.
    for _ in Font::ALL {
        ids.next();
    }
    let page = ids.next();
    let template = (options.kind == SignatureKind::Seal).then(|| ids.next());
    let stamp = ids.next();
    let photo = face.photo.then(|| ids.next());
    let page_area = layout.page();

    let border = template.map(|_| {
        let mut drawing = Drawing::new(&mut ids, page_area.width, page_area.height);
        let layer = drawing.next_id();
        draw_border(&mut drawing, page_area);
        page_xml(None, layer, "Background", &drawing.finish())
    });

    let mut drawing = Drawing::new(&mut ids, page_area.width, page_area.height);
    let layer = drawing.next_id();
    layout.draw_face(&mut drawing, &face, photo);
    let content = page_xml(template, layer, "Body", &drawing.finish());

    let mut parts = Parts::default();
    parts.put_xml("OFD.xml", &root_xml(entry, &face, is_signed));
    let structure = structure_xml(layout, ids.largest(), page, template, photo.is_some());
    parts.put_xml("Doc_0/Document.xml", &structure);
    parts.put_xml("Doc_0/PublicRes.xml", &fonts_xml());
    if let Some(photo) = photo {
        parts.put_xml("Doc_0/DocumentRes.xml", &photo_xml(photo));
        parts.put(PHOTO, picture::silhouette()?);
    }
    if let Some(border) = border {
        parts.put_xml(TEMPLATE, &border);
    }
    parts.put_xml(PAGE, &content);
    Ok(Document { parts, page, stamp })
}

/// `OFD.xml`: document information with the licence's metadata as `CustomDatas` (ARCHITECTURE.md,
/// Standards: element and attribute names; our reading of GB/T 36905-2018).
fn root_xml(entry: &Entry, face: &Face, signed: bool) -> String {
    let identifier = entry.public.identifier.as_str();
    let document_id: String = hex::encode(sm3(identifier.as_bytes()))
        .chars()
        .take(32)
        .collect();
    let custom: String = Metadata::from_entry(entry)
        .iter()
        .map(|(name, value)| {
            let (name, value) = (escape(name), escape(value));
            format!("<ofd:CustomData Name=\"{name}\">{value}</ofd:CustomData>")
        })
        .collect();
    let signatures = if signed {
        format!("<ofd:Signatures>/{SIGNATURES}</ofd:Signatures>")
    } else {
        String::new()
    };
    format!(
        "<ofd:OFD xmlns:ofd=\"{NAMESPACE}\" DocType=\"OFD\" Version=\"1.0\"><ofd:DocBody>\
         <ofd:DocInfo><ofd:DocID>{document_id}</ofd:DocID><ofd:Title>{title}</ofd:Title>\
         <ofd:Author>{author}</ofd:Author><ofd:Subject>{subject}</ofd:Subject>\
         <ofd:CreationDate>{date}</ofd:CreationDate><ofd:Creator>License Hub</ofd:Creator>\
         <ofd:CreatorVersion>{version}</ofd:CreatorVersion>\
         <ofd:CustomDatas>{custom}</ofd:CustomDatas></ofd:DocInfo>\
         <ofd:DocRoot>Doc_0/Document.xml</ofd:DocRoot>{signatures}</ofd:DocBody></ofd:OFD>",
        title = escape(&face.title),
        author = escape(&face.issuer),
        subject = escape(&format!("{}颁发", chinese_date(entry.public.issued_on))),
        date = entry.public.issued_on,
        version = env!("CARGO_PKG_VERSION"),
    )
}

fn structure_xml(
    layout: Layout,
    largest: u32,
    page: u32,
    template: Option<u32>,
    photo: bool,
) -> String {
    let area = layout.page();
    let template = template.map_or_else(String::new, |id| {
        format!(
            "<ofd:TemplatePage ID=\"{id}\" Name=\"边框\" ZOrder=\"Background\" \
             BaseLoc=\"Tpls/Tpl_0/Content.xml\"/>"
        )
    });
    let resources = if photo {
        "<ofd:DocumentRes>DocumentRes.xml</ofd:DocumentRes>"
    } else {
        ""
    };
    format!(
        "<ofd:Document xmlns:ofd=\"{NAMESPACE}\"><ofd:CommonData>\
         <ofd:MaxUnitID>{largest}</ofd:MaxUnitID><ofd:PageArea>\
         <ofd:PhysicalBox>0 0 {w} {h}</ofd:PhysicalBox>\
         <ofd:ApplicationBox>0 0 {w} {h}</ofd:ApplicationBox></ofd:PageArea>\
         <ofd:PublicRes>PublicRes.xml</ofd:PublicRes>{resources}{template}</ofd:CommonData>\
         <ofd:Pages><ofd:Page ID=\"{page}\" BaseLoc=\"Pages/Page_0/Content.xml\"/></ofd:Pages>\
         </ofd:Document>",
        w = area.width,
        h = area.height,
    )
}

fn fonts_xml() -> String {
    let fonts: String = Font::ALL
        .iter()
        .map(|font| {
            let (id, family) = (font.id(), font.family());
            format!("<ofd:Font ID=\"{id}\" FontName=\"{family}\" FamilyName=\"{family}\"/>")
        })
        .collect();
    format!(
        "<ofd:Res xmlns:ofd=\"{NAMESPACE}\" BaseLoc=\"Res\">\
         <ofd:Fonts>{fonts}</ofd:Fonts></ofd:Res>"
    )
}

fn photo_xml(photo: u32) -> String {
    format!(
        "<ofd:Res xmlns:ofd=\"{NAMESPACE}\" BaseLoc=\"Res\"><ofd:MultiMedias>\
         <ofd:MultiMedia ID=\"{photo}\" Type=\"Image\" Format=\"PNG\">\
         <ofd:MediaFile>photo.png</ofd:MediaFile></ofd:MultiMedia></ofd:MultiMedias></ofd:Res>"
    )
}

fn page_xml(template: Option<u32>, layer: u32, kind: &str, objects: &str) -> String {
    let template = template.map_or_else(String::new, |id| {
        format!("<ofd:Template TemplateID=\"{id}\" ZOrder=\"Background\"/>")
    });
    format!(
        "<ofd:Page xmlns:ofd=\"{NAMESPACE}\">{template}<ofd:Content>\
         <ofd:Layer ID=\"{layer}\" Type=\"{kind}\">{objects}</ofd:Layer></ofd:Content></ofd:Page>"
    )
}
