//! The parts of a licence's OFD before it is sealed: metadata, structure, resources, pages.

use std::collections::BTreeMap;

use certs::digest::sm3;
use certs::mint::picture;
use schemas::entry::Entry;
use schemas::metadata::Metadata;

use super::super::drawing::{Drawing, Font, Picture};
use super::super::face::{Face, chinese_date};
use super::super::licence::Licence;
use super::super::{MintError, MintOptions, Spoil};
use super::package::{Parts, SIGNATURES};
use super::page::{NAMESPACE, ObjectIds, escape, family, font_id, objects};

/// The first page's content.
pub(super) const PAGE: &str = "Doc_0/Pages/Page_0/Content.xml";
/// The border, a template page.
const TEMPLATE: &str = "Doc_0/Tpls/Tpl_0/Content.xml";

/// An unsealed document and the numbers that the seal needs.
pub(super) struct Document {
    pub(super) parts: Parts,
    /// Object number of the first page.
    pub(super) page: u32,
    /// Object number kept for the stamp.
    pub(super) stamp: u32,
}

/// Writes the document of one entry.
pub(super) fn document(entry: &Entry, options: &MintOptions) -> Result<Document, MintError> {
    let licence = Licence::draw(entry, options);
    let is_signed = options.spoil != Some(Spoil::Unsigned);
    let mut ids = ObjectIds::default();
    // The fonts have the first numbers, see `font_id`.
    for _ in Font::ALL {
        ids.next();
    }
    let pages: Vec<u32> = licence.pages.iter().map(|_| ids.next()).collect();
    let template = licence.border.as_ref().map(|_| ids.next());
    let stamp = ids.next();
    let pictures = licence
        .pictures
        .keys()
        .map(|picture| (*picture, ids.next()));
    let pictures: BTreeMap<Picture, u32> = pictures.collect();
    let resource = |picture| pictures.get(&picture).copied().unwrap_or(0);
    let area = options.layout.page();
    let mut layer = |drawing: &Drawing, template, kind| {
        let layer = ids.next();
        let objects = objects(drawing, area, &mut ids, resource);
        page_xml(template, layer, kind, &objects)
    };
    let border = licence.border.as_ref();
    let border = border.map(|border| layer(border, None, "Background"));
    let mut contents = Vec::new();
    for (number, page) in licence.pages.iter().enumerate() {
        let template = template.filter(|_| number == 0);
        contents.push(layer(page, template, "Body"));
    }

    let mut parts = Parts::default();
    parts.put_xml("OFD.xml", &root_xml(entry, &licence.face, is_signed));
    let has_pictures = !pictures.is_empty();
    let structure = structure_xml(options, ids.largest(), &pages, template, has_pictures);
    parts.put_xml("Doc_0/Document.xml", &structure);
    parts.put_xml("Doc_0/PublicRes.xml", &fonts_xml());
    if has_pictures {
        parts.put_xml("Doc_0/DocumentRes.xml", &pictures_xml(&pictures));
    }
    for (name, pixels) in &licence.pictures {
        let part = format!("Doc_0/Res/{}", file_name(*name));
        parts.put(&part, picture::grey_png(pixels)?);
    }
    if let Some(border) = border {
        parts.put_xml(TEMPLATE, &border);
    }
    for (number, content) in contents.iter().enumerate() {
        parts.put_xml(&page_part(number), content);
    }
    Ok(Document {
        parts,
        page: pages.first().copied().unwrap_or(0),
        stamp,
    })
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
    options: &MintOptions,
    largest: u32,
    pages: &[u32],
    template: Option<u32>,
    has_pictures: bool,
) -> String {
    let area = options.layout.page();
    let template = template.map_or_else(String::new, |id| {
        format!(
            "<ofd:TemplatePage ID=\"{id}\" Name=\"边框\" ZOrder=\"Background\" \
             BaseLoc=\"Tpls/Tpl_0/Content.xml\"/>"
        )
    });
    let resources = if has_pictures {
        "<ofd:DocumentRes>DocumentRes.xml</ofd:DocumentRes>"
    } else {
        ""
    };
    let pages: String = pages
        .iter()
        .enumerate()
        .map(|(number, id)| {
            format!("<ofd:Page ID=\"{id}\" BaseLoc=\"Pages/Page_{number}/Content.xml\"/>")
        })
        .collect();
    format!(
        "<ofd:Document xmlns:ofd=\"{NAMESPACE}\"><ofd:CommonData>\
         <ofd:MaxUnitID>{largest}</ofd:MaxUnitID><ofd:PageArea>\
         <ofd:PhysicalBox>0 0 {w} {h}</ofd:PhysicalBox>\
         <ofd:ApplicationBox>0 0 {w} {h}</ofd:ApplicationBox></ofd:PageArea>\
         <ofd:PublicRes>PublicRes.xml</ofd:PublicRes>{resources}{template}</ofd:CommonData>\
         <ofd:Pages>{pages}</ofd:Pages></ofd:Document>",
        w = area.width,
        h = area.height,
    )
}

fn fonts_xml() -> String {
    let fonts: String = Font::ALL
        .iter()
        .map(|font| {
            let (id, family) = (font_id(*font), family(*font));
            format!("<ofd:Font ID=\"{id}\" FontName=\"{family}\" FamilyName=\"{family}\"/>")
        })
        .collect();
    format!(
        "<ofd:Res xmlns:ofd=\"{NAMESPACE}\" BaseLoc=\"Res\">\
         <ofd:Fonts>{fonts}</ofd:Fonts></ofd:Res>"
    )
}

fn pictures_xml(pictures: &BTreeMap<Picture, u32>) -> String {
    let media: String = pictures
        .iter()
        .map(|(picture, id)| {
            let file = file_name(*picture);
            format!(
                "<ofd:MultiMedia ID=\"{id}\" Type=\"Image\" Format=\"PNG\">\
                 <ofd:MediaFile>{file}</ofd:MediaFile></ofd:MultiMedia>"
            )
        })
        .collect();
    format!(
        "<ofd:Res xmlns:ofd=\"{NAMESPACE}\" BaseLoc=\"Res\"><ofd:MultiMedias>{media}\
         </ofd:MultiMedias></ofd:Res>"
    )
}

fn file_name(picture: Picture) -> String {
    match picture {
        Picture::Photo => "photo.png".to_owned(),
        Picture::Scan(number) => format!("scan_{number}.png"),
    }
}

fn page_part(number: usize) -> String {
    format!("Doc_0/Pages/Page_{number}/Content.xml")
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
