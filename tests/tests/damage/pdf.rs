//! Damage to PDF files, also by updates that somebody appends.

use schemas::pdf::document::Document;
use schemas::pdf::object::{Indirect, ObjectId};
use schemas::pdf::write::Update;
use schemas::pdf::{PdfError, fields};
use schemas::seal::asn1::Reader;

use super::kinds::{Random, cut, duplicate, fill, flips, remove, splice, swap};
use super::{Damage, asn1};

pub(super) const WAYS: [(&str, Damage); 11] = [
    ("flipped bits", flips),
    ("one value", fill),
    ("cut", cut),
    ("removed", remove),
    ("duplicated", duplicate),
    ("swapped", swap),
    ("spliced", splice),
    ("another word", word),
    ("another number", number),
    ("an update", update),
    ("ASN.1", signed_value),
];

/// Words that a file is made of: one in the place of another changes what it means.
const WORDS: [&str; 12] = [
    "/ByteRange",
    "/Contents",
    "/Annots",
    "/AcroForm",
    "/Fields",
    "/Kids",
    "/Parent",
    "/Prev",
    "endobj",
    "stream",
    "/Type",
    " 0 R",
];

/// Everything that a signature covers, for every signature of the last revision.
pub(crate) fn covered(bytes: &[u8]) -> Option<Vec<Vec<u8>>> {
    let document = Document::open(bytes).ok()?;
    let last = document.last();
    let fields = fields::all(&document, last).ok()?;
    let signatures = fields
        .iter()
        .filter_map(|field| field.signature(&document, last));
    let covered = |signature: schemas::pdf::signature::SignatureDictionary| {
        let [start, length, second, rest] = signature.byte_range;
        let (first, last) = (bytes.get(start..length)?, bytes.get(second..second + rest)?);
        Some([first, last].concat())
    };
    signatures
        .map(|signature| covered(signature.ok()?))
        .collect()
}

fn word(random: &mut Random, original: &[u8], _: &[u8]) -> Option<Vec<u8>> {
    let (old, new) = (
        WORDS[random.below(WORDS.len())],
        WORDS[random.below(WORDS.len())],
    );
    let places: Vec<usize> = original
        .windows(old.len())
        .enumerate()
        .filter(|(_, window)| *window == old.as_bytes())
        .map(|(at, _)| at)
        .collect();
    let at = *places.get(random.below(places.len()))?;
    let (head, tail) = (original.get(..at)?, original.get(at + old.len()..)?);
    Some([head, new.as_bytes(), tail].concat())
}

/// A digit that stands in no stream of digits is another.
fn number(random: &mut Random, original: &[u8], _: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = original.to_vec();
    let start = random.below(bytes.len());
    let at = start + bytes.get(start..)?.iter().position(u8::is_ascii_digit)?;
    bytes[at] = b'0' + u8::try_from(random.below(10)).ok()?;
    Some(bytes)
}

/// Somebody saves the file again, with objects that are others, or new.
fn update(random: &mut Random, original: &[u8], _: &[u8]) -> Option<Vec<u8>> {
    made_update(random, original).ok()
}

fn made_update(random: &mut Random, original: &[u8]) -> Result<Vec<u8>, PdfError> {
    let document = Document::open(original)?;
    let mut update = Update::new(&document);
    let id = |number: usize| ObjectId {
        number: u32::try_from(number).unwrap_or(1),
        generation: 0,
    };
    for _ in 0..=random.below(3) {
        let (one, other) = (id(1 + random.below(24)), id(1 + random.below(24)));
        let mut text = Vec::new();
        match document.object(other, document.last())? {
            Some(Indirect::Object(object)) if random.below(4) > 0 => object.write(&mut text),
            _ => text.extend(b"<</Producer(x)>>"),
        }
        let at = random.below(text.len());
        if random.below(2) == 0 && text.get(at).is_some_and(u8::is_ascii_digit) {
            text[at] = b'7';
        }
        update.put(one, text);
    }
    Ok(update.finish()?.0)
}

/// The signed value, changed, in the room that it has.
fn signed_value(random: &mut Random, original: &[u8], _: &[u8]) -> Option<Vec<u8>> {
    let document = Document::open(original).ok()?;
    let fields = fields::all(&document, document.last()).ok()?;
    let signatures: Vec<_> = fields
        .iter()
        .filter_map(|field| field.signature(&document, document.last())?.ok())
        .collect();
    let chosen = signatures.get(random.below(signatures.len()))?;
    let value = Reader::new(&chosen.contents).any().ok()?.raw;
    let digits = hex::encode(asn1::change(random, value)?);
    let mut bytes = original.to_vec();
    let gap = chosen.contents_at.clone();
    let room = bytes.get_mut(gap.start + 1..gap.end - 1)?;
    room.fill(b'0');
    room.get_mut(..digits.len())?
        .copy_from_slice(digits.as_bytes());
    Some(bytes)
}
