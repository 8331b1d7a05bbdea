//! What a signature covers: everything but its own value, to the end of its revision
//! (ISO 32000-2:2020 §12.8.1; EN 319 142-1 §5.5).

use schemas::pdf::document::Document;
use schemas::pdf::lexer::is_white;
use schemas::pdf::signature::SignatureDictionary;
use schemas::seal::asn1::{self, Element, Reader};
use schemas::verdict::{Checks, FindingCode};

use super::Found;

/// Everything is covered, to the end of the file.
const ENTIRE_FILE: &str = "ENTIRE_FILE";
/// Everything is covered that was there when it was signed.
const ENTIRE_REVISION: &str = "ENTIRE_REVISION";
/// Less is covered, or that cannot be told.
pub(super) const PARTIAL: &str = "PARTIAL";

/// What is covered.
pub(super) struct Covered<'a> {
    pub(super) parts: [&'a [u8]; 2],
    /// Where the second part ends: the length of the revision that was signed.
    pub(super) end: usize,
    pub(super) word: &'static str,
}

/// The bytes that a signature covers, when they are what they have to be.
pub(super) fn check<'a>(
    document: &Document<'a>,
    found: &Found,
    signature: &SignatureDictionary,
    checks: &mut Checks,
) -> Option<Covered<'a>> {
    match covered(document, found, signature) {
        Ok(covered) => {
            let detail = format!("/ByteRange covers all but /Contents: {}", covered.word);
            checks.pass(FindingCode::FormatFailure, detail);
            Some(covered)
        }
        Err(detail) => {
            checks.fail(FindingCode::FormatFailure, detail);
            None
        }
    }
}

fn covered<'a>(
    document: &Document<'a>,
    found: &Found,
    signature: &SignatureDictionary,
) -> Result<Covered<'a>, &'static str> {
    let bytes = document.bytes();
    let [start, gap_start, gap_end, rest] = signature.byte_range;
    if start != 0 {
        return Err("/ByteRange does not begin with the file");
    }
    if (gap_start, gap_end) != (signature.contents_at.start, signature.contents_at.end) {
        return Err("the gap of /ByteRange is not exactly /Contents");
    }
    let digits = bytes.get(gap_start + 1..gap_end - 1).unwrap_or_default();
    if !digits.len().is_multiple_of(2) || !digits.iter().all(u8::is_ascii_hexdigit) {
        return Err("/Contents holds more than hexadecimal digits");
    }
    let end = gap_end.checked_add(rest).filter(|end| *end <= bytes.len());
    let end = end.ok_or("/ByteRange ends after the file")?;
    let revisions = document.revisions();
    let revision = revisions.get(found.revision).ok_or("no such revision")?;
    if gap_start < revision.start || gap_end > revision.end {
        return Err("the signature does not stand in the revision that names it");
    }
    let tail = bytes
        .get(revision.end..end)
        .ok_or("/ByteRange ends before its revision")?;
    if !tail.iter().all(|byte| is_white(*byte)) {
        return Err("/ByteRange covers a part of a later revision");
    }
    let first = bytes.get(..gap_start).unwrap_or_default();
    let second = bytes.get(gap_end..end).unwrap_or_default();
    Ok(Covered {
        parts: [first, second],
        end,
        word: if found.revision == document.last() {
            ENTIRE_FILE
        } else {
            ENTIRE_REVISION
        },
    })
}

/// The signed value without the zeros that fill its place.
pub(super) fn without_padding(contents: &[u8]) -> Result<&[u8], String> {
    let value = Reader::new(contents)
        .any()
        .map_err(|error| format!("/Contents is no signed value in DER: {error}"))?;
    let padding = contents.get(value.raw.len()..).unwrap_or_default();
    if padding.iter().all(|byte| *byte == 0) {
        Ok(value.raw)
    } else {
        Err("/Contents holds more than a signed value and zeros".to_owned())
    }
}

/// Whether a signed value is a `ContentInfo`, which begins with an identifier; a seal's does not.
pub(super) fn is_content_info(value: &[u8]) -> bool {
    let whole = Element::whole(value, asn1::SEQUENCE);
    whole.is_ok_and(|whole| whole.reader().peek() == Some(asn1::OBJECT_IDENTIFIER))
}
