//! Signatures in PDF files: an update with a signature field, and a place for the signed value that
//! is filled when everything else stands (ISO 32000-2:2020 §12.8.1).

use std::ops::Range;

use schemas::pdf::PdfError;
use schemas::pdf::document::Document;
use schemas::pdf::lexer::Lexer;
use schemas::pdf::object::{Dictionary, Object, ObjectId};
use schemas::pdf::write::Update;

use super::MintError;

/// Digits that hold the place of a number of `/ByteRange`.
const PLACE_DIGITS: usize = 10;

/// A signature that is to be added.
#[derive(Clone, Debug)]
pub struct PdfSignature<'a> {
    /// Name of its field.
    pub field: &'a str,
    /// `/SubFilter`.
    pub sub_filter: &'a str,
    /// `/Rect` of its widget on the first page, points; all zero: not shown.
    pub rectangle: [i32; 4],
    /// How the widget looks: a form `XObject` that the file already holds.
    pub appearance: Option<ObjectId>,
    /// Further entries of the signature dictionary, for instance `/Reference[…]`.
    pub entries: &'a str,
    /// Bytes of room for the signed value.
    pub room_bytes: usize,
    /// Whether it certifies the document: the catalog's `/Perms` names it.
    pub certifies: bool,
}

impl Default for PdfSignature<'_> {
    fn default() -> Self {
        Self {
            field: "Signature1",
            sub_filter: "adbe.pkcs7.detached",
            rectangle: [0; 4],
            appearance: None,
            entries: "",
            room_bytes: 4_096,
            certifies: false,
        }
    }
}

/// The file with a signature at its end; `sign` is given what the signature covers, in two parts.
///
/// # Errors
/// [`MintError`] when the file cannot be read, `sign` fails, or its value needs more room.
pub fn sign_pdf(
    file: &[u8],
    plan: &PdfSignature<'_>,
    sign: impl FnOnce(&[&[u8]]) -> Result<Vec<u8>, MintError>,
) -> Result<Vec<u8>, MintError> {
    let document = Document::open(file)?;
    let mut update = Update::new(&document);
    let (value, field) = (update.new_id(), update.new_id());
    update.put(value, dictionary_text(plan));
    let (page_id, page) = update.first_page()?;
    update.put(field, field_text(plan, value, page_id));
    let annotations = extended(&document, &page, "Annots", field)?;
    update.put_dictionary(page_id, &page.with("Annots", annotations));
    let (catalog_id, catalog) = update.catalog()?;
    let form = document.dictionary(&catalog, "AcroForm", document.last())?;
    let form = form.unwrap_or_default();
    let fields = extended(&document, &form, "Fields", field)?;
    let form = form
        .with("Fields", fields)
        .with("SigFlags", Object::Integer(3));
    let mut catalog = catalog.with("AcroForm", Object::Dictionary(form));
    if plan.certifies {
        let permissions = Dictionary::default().with("DocMDP", Object::Reference(value));
        catalog = catalog.with("Perms", Object::Dictionary(permissions));
    }
    update.put_dictionary(catalog_id, &catalog);
    let (mut bytes, places) = update.finish()?;
    let place = places.get(&value).cloned().unwrap_or_default();
    fill(&mut bytes, place, sign)?;
    Ok(bytes)
}

fn dictionary_text(plan: &PdfSignature<'_>) -> String {
    let (digits, room) = ("0".repeat(PLACE_DIGITS), "0".repeat(plan.room_bytes * 2));
    let kind = match plan.sub_filter {
        "ETSI.RFC3161" => "DocTimeStamp",
        _ => "Sig",
    };
    format!(
        "<</Type/{kind}/Filter/Adobe.PPKLite/SubFilter/{}{}/ByteRange[0 {digits} {digits} {digits}]\
         /Contents<{room}>>>",
        plan.sub_filter, plan.entries
    )
}

fn field_text(plan: &PdfSignature<'_>, value: ObjectId, page: ObjectId) -> String {
    let [left, bottom, right, top] = plan.rectangle;
    let appearance = plan.appearance.map_or_else(String::new, |form| {
        format!("/AP<</N {} {} R>>", form.number, form.generation)
    });
    format!(
        "<</Type/Annot/Subtype/Widget/FT/Sig/T({})/V {} 0 R/F 132/Rect[{left} {bottom} {right} \
         {top}]/P {} {} R{appearance}>>",
        plan.field, value.number, page.number, page.generation
    )
}

/// The array under a key, with one more reference.
fn extended(
    document: &Document<'_>,
    of: &Dictionary,
    key: &'static str,
    more: ObjectId,
) -> Result<Object, PdfError> {
    let mut items = document.array(of, key, document.last())?;
    items.push(Object::Reference(more));
    Ok(Object::Array(items))
}

/// Fills `/ByteRange`, then `/Contents`, of the signature dictionary at `place`.
fn fill(
    bytes: &mut [u8],
    place: Range<usize>,
    sign: impl FnOnce(&[&[u8]]) -> Result<Vec<u8>, MintError>,
) -> Result<(), MintError> {
    let no_room = || MintError::Pdf("there is no room for the signed value".to_owned());
    let mut lexer = Lexer::new(bytes, place.start);
    lexer.object_head()?;
    let dictionary = lexer.object()?;
    let contents = dictionary
        .dictionary()
        .and_then(|found| found.get("Contents"));
    let contents = contents.and_then(Object::string).ok_or_else(no_room)?;
    let gap = contents.place.clone();
    let mut at = find(bytes, &place, b"/ByteRange[0 ").ok_or_else(no_room)?;
    for number in [gap.start, gap.end, bytes.len() - gap.end] {
        let text = format!("{number:0PLACE_DIGITS$}");
        bytes[at..at + PLACE_DIGITS].copy_from_slice(text.as_bytes());
        at += PLACE_DIGITS + 1;
    }
    let value = sign(&[&bytes[..gap.start], &bytes[gap.end..]])?;
    let text = hex::encode(value);
    let room = bytes
        .get_mut(gap.start + 1..gap.end - 1)
        .ok_or_else(no_room)?;
    room.get_mut(..text.len())
        .ok_or_else(no_room)?
        .copy_from_slice(text.as_bytes());
    Ok(())
}

/// Where what follows `mark` begins.
fn find(bytes: &[u8], place: &Range<usize>, mark: &[u8]) -> Option<usize> {
    let inside = bytes.get(place.clone())?;
    let at = inside
        .windows(mark.len())
        .position(|window| window == mark)?;
    Some(place.start + at + mark.len())
}
