//! A licence as a PDF (ISO 32000) with a signature that shows the round seal.

mod metadata;
mod page;

use std::fmt::Write as _;

use certs::mint::pdf::{PdfSignature, sign_pdf};
use certs::mint::picture::{self, Pixels};
use certs::mint::seal::{SigningInput, sign_with_seal};
use certs::mint::signed_data::{Dialect, sign_detached_in};
use schemas::date::SHANGHAI;
use schemas::entry::Entry;
use schemas::pdf::object::ObjectId;
use schemas::pdf::write::{NewFile, compressed_stream, stream};
use schemas::verdict::SealVersion;

use super::drawing::{Drawing, Font};
use super::licence::Licence;
use super::spoil::change_digit;
use super::{Format, MintError, MintOptions, SealKit, Spoil};

/// Name of the signature field.
const FIELD: &str = "Seal1";
/// `/SubFilter` of CMS signatures, ISO 32000-2:2020 table 260.
const CMS_SUB_FILTER: &str = "adbe.pkcs7.detached";
/// `/SubFilter` of e-seals \[P\]: no public source names one, and readers go by the value's shape.
const SEAL_SUB_FILTER: &str = "GM.sm2seal";
/// Room in `/Contents` for signature and certificate, besides the seal.
const ROOM_BYTES: usize = 4_096;

/// An unsigned document and what the signature needs.
struct Document {
    bytes: Vec<u8>,
    /// Form `XObject` with the seal's picture.
    appearance: ObjectId,
    /// Box of the seal on the first page, points.
    rectangle: [i32; 4],
}

/// The file.
///
/// # Errors
/// [`MintError`] when a key cannot sign or the signed value needs more room.
pub(super) fn mint(
    entry: &Entry,
    kit: &SealKit,
    options: &MintOptions,
) -> Result<Vec<u8>, MintError> {
    let document = document(entry, kit, options);
    if options.spoil == Some(Spoil::Unsigned) {
        return Ok(document.bytes);
    }
    let mut file = match options.format.seal_version() {
        Some(version) => sealed(&document, kit, options, version)?,
        None => signed(&document, kit, options)?,
    };
    if options.spoil == Some(Spoil::Tampered) {
        change_number(&mut file);
    }
    Ok(file)
}

fn signed(document: &Document, kit: &SealKit, options: &MintOptions) -> Result<Vec<u8>, MintError> {
    let actors = kit.actors(options)?;
    let dialect = match options.format {
        Format::PdfGb35275 => Dialect::Gb35275,
        _ => Dialect::Cms,
    };
    let faults = options.spoil.map(Spoil::seal_faults).unwrap_or_default();
    let entries = signature_entries(kit, options);
    let plan = plan(document, CMS_SUB_FILTER, &entries, ROOM_BYTES);
    let sign =
        |parts: &[&[u8]]| sign_detached_in(dialect, &actors.signer, parts, options.at, &faults);
    Ok(sign_pdf(&document.bytes, &plan, sign)?)
}

fn sealed(
    document: &Document,
    kit: &SealKit,
    options: &MintOptions,
    version: SealVersion,
) -> Result<Vec<u8>, MintError> {
    let actors = kit.actors(options)?;
    let seal = kit.seal(&actors, options, version)?;
    let faults = options.spoil.map(Spoil::seal_faults).unwrap_or_default();
    let entries = signature_entries(kit, options);
    let room = seal.len() + ROOM_BYTES;
    let plan = plan(document, SEAL_SUB_FILTER, &entries, room);
    let sign = |parts: &[&[u8]]| {
        let covered = parts.concat();
        let input = SigningInput {
            signature_xml: &covered,
            signature_xml_path: FIELD,
            at: options.at,
        };
        sign_with_seal(&seal, &actors.signer, &input, version, &faults)
    };
    Ok(sign_pdf(&document.bytes, &plan, sign)?)
}

fn plan<'a>(
    document: &Document,
    sub_filter: &'a str,
    entries: &'a str,
    room_bytes: usize,
) -> PdfSignature<'a> {
    PdfSignature {
        field: FIELD,
        sub_filter,
        rectangle: document.rectangle,
        appearance: Some(document.appearance),
        entries,
        room_bytes,
        certifies: false,
    }
}

/// Who signs and when, for people (ISO 32000-2:2020 table 255); the signed value is what counts.
fn signature_entries(kit: &SealKit, options: &MintOptions) -> String {
    let local = options.at.with_timezone(&SHANGHAI);
    format!(
        "/Name<{}>/M(D:{}+08'00')",
        text_string(kit.organisation()),
        local.format("%Y%m%d%H%M%S")
    )
}

/// A text string in hexadecimal UTF-16 with its mark (§7.9.2.2).
fn text_string(text: &str) -> String {
    let mut out = String::from("FEFF");
    for unit in text.encode_utf16() {
        // Writing to a String cannot fail.
        let _ = write!(out, "{unit:04X}");
    }
    out
}

fn document(entry: &Entry, kit: &SealKit, options: &MintOptions) -> Document {
    let licence = Licence::draw(entry, options);
    let size = options.layout.page();
    let mut file = NewFile::default();
    let (catalog, pages) = (file.new_id(), file.new_id());
    let resources = resources(&mut file, &licence);
    let mut kids = String::new();
    let border = licence.border.as_ref();
    let mut below = border.map(|border| compressed(&mut file, &page::content(border, size)));
    for drawing in &licence.pages {
        let contents = contents(&mut file, drawing, below.take(), options);
        let (width, height) = (page::points(size.width), page::points(size.height));
        let page = file.add(format!(
            "<</Type/Page/Parent {} 0 R/MediaBox[0 0 {width:.3} {height:.3}]/Resources {} 0 R\
             /Contents[{contents}]>>",
            pages.number, resources.number
        ));
        let _ = write!(kids, "{} 0 R ", page.number);
    }
    let count = licence.pages.len();
    file.put(pages, format!("<</Type/Pages/Kids[{kids}]/Count {count}>>"));
    let packet = metadata::packet(entry, &licence.face);
    let packet = stream("/Type/Metadata/Subtype/XML", packet.as_bytes());
    let packet = file.add(packet);
    file.put(
        catalog,
        format!(
            "<</Type/Catalog/Pages {} 0 R/Metadata {} 0 R/Lang(zh-CN)>>",
            pages.number, packet.number
        ),
    );
    let corners = page::rectangle(kit.seal_area(options.layout), size);
    let rectangle = corners.map(|corner| corner.round() as i32);
    let appearance = appearance(&mut file, rectangle);
    Document {
        bytes: file.finish(&format!("/Root {} 0 R", catalog.number)),
        appearance,
        rectangle,
    }
}

/// The references to what a page shows, from the lowest layer up.
fn contents(
    file: &mut NewFile,
    drawing: &Drawing,
    below: Option<ObjectId>,
    options: &MintOptions,
) -> String {
    let content = page::content(drawing, options.layout.page());
    // Short, and readable as it is.
    let content = file.add(stream("", content.as_bytes()));
    below
        .into_iter()
        .chain([content])
        .map(|id| format!("{} 0 R ", id.number))
        .collect()
}

fn compressed(file: &mut NewFile, content: &str) -> ObjectId {
    file.add(compressed_stream("", content.as_bytes()))
}

fn resources(file: &mut NewFile, licence: &Licence) -> ObjectId {
    let mut fonts = String::new();
    for font in Font::ALL {
        let descriptor = file.add(page::font_descriptor(font));
        let id = file.add(page::font(font, descriptor.number));
        let _ = write!(fonts, "/{} {} 0 R", page::font_name(font), id.number);
    }
    let mut pictures = String::new();
    for (picture, pixels) in &licence.pictures {
        let id = file.add(grey_image(pixels));
        let _ = write!(
            pictures,
            "/{} {} 0 R",
            page::picture_name(*picture),
            id.number
        );
    }
    file.add(format!("<</Font<<{fonts}>>/XObject<<{pictures}>>>>"))
}

/// The seal's picture as the appearance of its widget (§12.5.5): red, more or less transparent.
fn appearance(file: &mut NewFile, rectangle: [i32; 4]) -> ObjectId {
    let pixels = picture::seal_pixels();
    let opacity = file.add(grey_image(&pixels));
    let [red, green, blue] = picture::seal_ink();
    let (width, height) = (pixels.width, pixels.height);
    // One bit for each pixel, all the same: the only ink of the palette.
    let row_bytes = usize::try_from(width.div_ceil(8)).unwrap_or(0);
    let rows = vec![0_u8; row_bytes * usize::try_from(height).unwrap_or(0)];
    let ink = file.add(compressed_stream(
        &format!(
            "/Type/XObject/Subtype/Image/Width {width}/Height {height}/BitsPerComponent 1\
             /ColorSpace[/Indexed/DeviceRGB 0<{red:02X}{green:02X}{blue:02X}>]/SMask {} 0 R",
            opacity.number
        ),
        &rows,
    ));
    let [left, bottom, right, top] = rectangle;
    let (width, height) = (right - left, top - bottom);
    file.add(stream(
        &format!(
            "/Type/XObject/Subtype/Form/BBox[0 0 {width} {height}]/Resources<</XObject<</Seal {} 0 \
             R>>>>",
            ink.number
        ),
        format!("q {width} 0 0 {height} 0 0 cm /Seal Do Q").as_bytes(),
    ))
}

fn grey_image(pixels: &Pixels) -> Vec<u8> {
    let (width, height) = (pixels.width, pixels.height);
    let entries = format!(
        "/Type/XObject/Subtype/Image/Width {width}/Height {height}/BitsPerComponent 8/ColorSpace\
         /DeviceGray"
    );
    compressed_stream(&entries, &pixels.samples)
}

/// Changes the first digit of the printed licence number, which stands in UTF-16.
fn change_number(file: &mut [u8]) {
    let label = text_string("证照编号：");
    let label = label.trim_start_matches("FEFF").as_bytes();
    let found = file.windows(label.len()).position(|window| window == label);
    let Some(rest) = found.and_then(|at| file.get_mut(at + label.len()..)) else {
        return;
    };
    // The digits from 0 to 9 are U+0030 to U+0039.
    let digit = rest.windows(3).position(|window| window == b"003");
    if let Some(digit) = digit.and_then(|at| rest.get_mut(at + 3)) {
        *digit = u8::try_from(change_digit(char::from(*digit))).unwrap_or(*digit);
    }
}
