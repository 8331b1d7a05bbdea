//! What a signature covers: everything but its own value, to the end of its revision
//! (ISO 32000-2:2020 §12.8.1; EN 319 142-1 §5.5).

use std::borrow::Cow;

use schemas::pdf::PdfError;
use schemas::pdf::document::Document;
use schemas::pdf::lexer::is_white;
use schemas::pdf::signature::SignatureDictionary;
use schemas::seal::asn1::{self, Element, Reader};
use schemas::seal::ber;
use schemas::verdict::{Checks, FindingCode};

use super::Found;
use crate::message::Message;

/// Everything is covered, to the end of the file.
const ENTIRE_FILE: &str = "ENTIRE_FILE";
/// Everything is covered that was there when it was signed.
const ENTIRE_REVISION: &str = "ENTIRE_REVISION";
/// Less is covered, or that cannot be told.
pub(super) const PARTIAL: &str = "PARTIAL";

/// What is covered.
pub(super) struct Covered<'a> {
    pub(super) signed: Message<'a>,
    /// Where the second part ends: the length of the revision that was signed.
    pub(super) end: usize,
    pub(super) word: &'static str,
}

/// Why it cannot be told what is covered.
#[derive(Debug, thiserror::Error)]
enum NotCovered {
    #[error("{0}")]
    By(&'static str),
    #[error(transparent)]
    Unreadable(#[from] PdfError),
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
            checks.fail(FindingCode::FormatFailure, detail.to_string());
            None
        }
    }
}

fn covered<'a>(
    document: &Document<'a>,
    found: &Found,
    signature: &SignatureDictionary,
) -> Result<Covered<'a>, NotCovered> {
    let file = document.file();
    let [start, gap_start, gap_end, rest] = signature.byte_range;
    if start != 0 {
        return Err(NotCovered::By("/ByteRange does not begin with the file"));
    }
    if (gap_start, gap_end) != (signature.contents_at.start, signature.contents_at.end) {
        let detail = "the gap of /ByteRange is not exactly /Contents";
        return Err(NotCovered::By(detail));
    }
    // The value that is judged is the one that stands in the gap, whatever was read elsewhere.
    let gap = file.window(gap_start..gap_end)?;
    let digits = gap
        .strip_prefix(b"<")
        .and_then(|gap| gap.strip_suffix(b">"));
    if digits.and_then(|digits| hex::decode(digits).ok()).as_ref() != Some(&signature.contents) {
        let detail = "/Contents holds more than hexadecimal digits";
        return Err(NotCovered::By(detail));
    }
    let end = gap_end
        .checked_add(rest)
        .filter(|end| *end <= file.length());
    let end = end.ok_or(NotCovered::By("/ByteRange ends after the file"))?;
    let revision = document.revisions().get(found.revision);
    let revision = revision.ok_or(NotCovered::By("no such revision"))?;
    if gap_start < revision.start || gap_end > revision.end {
        let detail = "the signature does not stand in the revision that names it";
        return Err(NotCovered::By(detail));
    }
    if end < revision.end {
        return Err(NotCovered::By("/ByteRange ends before its revision"));
    }
    let is_other = |byte| !is_white(byte);
    if file.position(revision.end..end, is_other)?.is_some() {
        let detail = "/ByteRange covers a part of a later revision";
        return Err(NotCovered::By(detail));
    }
    Ok(Covered {
        signed: Message::around(file, &signature.contents_at, end),
        end,
        word: if found.revision == document.last() {
            ENTIRE_FILE
        } else {
            ENTIRE_REVISION
        },
    })
}

/// The signed value without the zeros that fill its place, and with definite lengths.
pub(super) fn without_padding(contents: &[u8]) -> Result<Cow<'_, [u8]>, String> {
    let (value, length) = match ber::begin(contents) {
        Some((value, length)) => (Cow::Owned(value), length),
        None => {
            let value = Reader::new(contents)
                .any()
                .map_err(|error| format!("/Contents is no signed value in DER: {error}"))?;
            (Cow::Borrowed(value.raw), value.raw.len())
        }
    };
    let padding = contents.get(length..).unwrap_or_default();
    if padding.iter().all(|byte| *byte == 0) {
        Ok(value)
    } else {
        Err("/Contents holds more than a signed value and zeros".to_owned())
    }
}

/// Whether a signed value is a `ContentInfo`, which begins with an identifier; a seal's does not.
pub(super) fn is_content_info(value: &[u8]) -> bool {
    let whole = Element::whole(value, asn1::SEQUENCE);
    whole.is_ok_and(|whole| whole.reader().peek() == Some(asn1::OBJECT_IDENTIFIER))
}
