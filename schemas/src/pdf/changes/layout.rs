//! The bytes of a later revision: objects that its cross-references name, the cross-references, and
//! nothing between them that one reader takes for an object and another does not.

use std::collections::BTreeMap;

use crate::pdf::PdfError;
use crate::pdf::document::Document;
use crate::pdf::lexer::is_white;
use crate::pdf::limits;
use crate::pdf::object::{Indirect, ObjectId};
use crate::pdf::source::FileBytes;
use crate::pdf::xref::{Entry, Section};

/// Bytes of a row of a cross-reference table.
const ROW_BYTES: usize = 20;
/// Rows that are looked at together.
const ROWS_AT_A_TIME: usize = 512;
/// Bytes in which the head of a part of a table ends.
const HEAD_BYTES: usize = 64;

/// # Errors
/// When anything else stands there, or an object stands elsewhere.
pub(super) fn check(document: &Document<'_>, number: usize) -> Result<(), PdfError> {
    let Some(revision) = document.revisions().get(number) else {
        return Ok(());
    };
    let mut expected = BTreeMap::new();
    for section in revision.sections() {
        check_section(document.file(), section, revision.end)?;
        for (object, entry) in section.entries() {
            let Entry::InFile { offset, generation } = entry else {
                continue;
            };
            let is_as_before = number
                .checked_sub(1)
                .is_some_and(|before| document.entry(object, before) == Some(entry));
            if is_as_before {
                continue;
            }
            let id = ObjectId {
                number: object,
                generation,
            };
            if offset < revision.start || expected.insert(offset, id).is_some() {
                let what = "a later revision brings back an object of an earlier one";
                return Err(PdfError::Malformed { at: offset, what });
            }
        }
    }
    let mut at = revision.start;
    loop {
        let before = at;
        at = document.file().after_white(at)?;
        check_comments(document.file(), before, at)?;
        if let Some(section) = revision
            .sections()
            .iter()
            .find(|section| section.offset == at)
        {
            expected.remove(&at);
            // What follows up to %%EOF was read when the revisions were found.
            return match expected.first_key_value() {
                None if section.end <= revision.end => Ok(()),
                _ => Err(PdfError::Malformed {
                    at,
                    what: "an object does not stand before its cross-references",
                }),
            };
        }
        let what = "bytes that belong to no object of their revision";
        let id = expected
            .remove(&at)
            .ok_or(PdfError::Malformed { at, what })?;
        let (object, end) = document.read_object(id, at, number)?;
        check_inside(document, id.number, &object, number)?;
        at = end;
    }
}

/// Objects in a stream of objects count as bytes of the update, too: each has to be named.
fn check_inside(
    document: &Document<'_>,
    stream: u32,
    object: &Indirect,
    number: usize,
) -> Result<(), PdfError> {
    let Indirect::Stream(found) = object else {
        return Ok(());
    };
    if !found.dictionary.has_name("Type", "ObjStm") {
        return Ok(());
    }
    let inside = document.objects_inside(stream, number)?;
    for (index, inside) in inside.into_iter().enumerate() {
        if document.entry(inside, number) != Some(Entry::InStream { stream, index }) {
            let (at, what) = (found.data.start, "an object in a stream that no one names");
            return Err(PdfError::Malformed { at, what });
        }
    }
    Ok(())
}

/// A comment may hold nothing that a reader who looks for objects takes for one.
fn check_comments(file: FileBytes<'_>, start: usize, end: usize) -> Result<(), PdfError> {
    const WORDS: [&[u8]; 5] = [b"obj", b"stream", b"xref", b"trailer", b"%PDF"];
    for word in WORDS {
        if file.contains_in(start..end, word)? {
            let (at, what) = (start, "a comment that readers could take for an object");
            return Err(PdfError::Malformed { at, what });
        }
    }
    Ok(())
}

/// Cross-references that every reader reads alike, and what stands between them and `%%EOF`.
fn check_section(file: FileBytes<'_>, section: &Section, end: usize) -> Result<(), PdfError> {
    if section.own_object.is_none() {
        if section.trailer.get("XRefStm").is_some() {
            return Err(PdfError::Unsupported(
                "an update that old and new readers see differently",
            ));
        }
        check_table(file, section.offset)?;
    }
    if end.saturating_sub(section.end) > limits::TAIL_BYTES {
        let (at, what) = (section.end, "%%EOF far from its cross-references");
        return Err(PdfError::Malformed { at, what });
    }
    let tail = file.window(section.end..end)?;
    let word = b"startxref";
    let first = tail.windows(word.len()).position(|part| part == word);
    check_comments(file, section.end, section.end + first.unwrap_or_default())
}

/// A table has rows of 20 bytes (§7.5.4): some readers count on it, others read word by word.
fn check_table(file: FileBytes<'_>, offset: usize) -> Result<(), PdfError> {
    const WHAT: &str = "cross-references that readers read differently";
    let wrong = |at| PdfError::Malformed { at, what: WHAT };
    let mut at = offset + b"xref".len();
    loop {
        let head = file.window(at..at.saturating_add(HEAD_BYTES))?;
        let white = head.iter().take_while(|byte| is_white(**byte)).count();
        let rest = head.get(white..).unwrap_or_default();
        if rest.starts_with(b"trailer") {
            return Ok(());
        }
        let (count, head_bytes) = count_of_rows(rest).ok_or_else(|| wrong(at))?;
        at += white + head_bytes;
        let mut left = count;
        while left > 0 {
            let length = left.min(ROWS_AT_A_TIME) * ROW_BYTES;
            let rows = file.window(at..at.saturating_add(length))?;
            if rows.len() != length || !rows.as_chunks::<ROW_BYTES>().0.iter().all(is_row) {
                return Err(wrong(at));
            }
            at += length;
            left = left.saturating_sub(ROWS_AT_A_TIME);
        }
    }
}

/// The number of rows in a line `first count`, and the length of the line with its end.
fn count_of_rows(bytes: &[u8]) -> Option<(usize, usize)> {
    let length = bytes
        .iter()
        .position(|byte| matches!(byte, b'\r' | b'\n'))?;
    let (line, end) = bytes.split_at_checked(length)?;
    let (first, count) = std::str::from_utf8(line).ok()?.trim_end().split_once(' ')?;
    first.parse::<u32>().ok()?;
    let line_end = if end.starts_with(b"\r\n") { 2 } else { 1 };
    Some((count.parse().ok()?, length + line_end))
}

/// `nnnnnnnnnn ggggg n` or `f`, and a line end of two bytes.
fn is_row(row: &[u8; ROW_BYTES]) -> bool {
    let is_digits = |part: &[u8]| part.iter().all(u8::is_ascii_digit);
    is_digits(&row[..10])
        && row[10] == b' '
        && is_digits(&row[11..16])
        && row[16] == b' '
        && matches!(row[17], b'n' | b'f')
        && matches!(&row[18..], b" \r" | b" \n" | b"\r\n")
}
