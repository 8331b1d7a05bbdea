//! Text of an XML part: UTF-8, UTF-16 or GB 18030, decoded before parsing.

use std::borrow::Cow;

use encoding_rs::{Encoding, GB18030, GBK, UTF_8, UTF_16BE, UTF_16LE};

use super::Refusal;
use crate::verdict::FindingCode;

/// An XML declaration with its encoding fits in this many bytes.
const DECLARATION_BYTES: usize = 256;

/// Decodes a part; a byte sequence that the encoding does not allow is refused, not replaced.
pub(super) fn text(bytes: &[u8]) -> Result<Cow<'_, str>, Refusal> {
    let (encoding, body) = encoding(bytes)?;
    encoding
        .decode_without_bom_handling_and_without_replacement(body)
        .ok_or_else(|| malformed(format!("not valid {}", encoding.name())))
}

/// Whether nothing says that the part is other than UTF-8.
pub(super) fn is_utf8(bytes: &[u8]) -> bool {
    encoding(bytes).is_ok_and(|(encoding, _)| encoding == UTF_8)
}

/// The encoding, and the part without its byte order mark.
fn encoding(bytes: &[u8]) -> Result<(&'static Encoding, &[u8]), Refusal> {
    let Some((marked, mark_bytes)) = Encoding::for_bom(bytes) else {
        return Ok((declared(bytes)?, bytes));
    };
    let body = bytes.get(mark_bytes..).unwrap_or_default();
    // Some readers believe the mark, others the declaration.
    if marked == UTF_8 && declared(body)? != UTF_8 {
        return Err(malformed("declared as another encoding than it is marked"));
    }
    Ok((marked, body))
}

fn declared(bytes: &[u8]) -> Result<&'static Encoding, Refusal> {
    if bytes.starts_with(b"<\0?\0") {
        return Ok(UTF_16LE);
    }
    if bytes.starts_with(b"\0<\0?") {
        return Ok(UTF_16BE);
    }
    let head = bytes
        .get(..DECLARATION_BYTES.min(bytes.len()))
        .unwrap_or_default();
    if head.starts_with(b"<?xml") && !head.windows(2).any(|part| part == b"?>") {
        return Err(malformed(
            "an XML declaration without an end, or a long one",
        ));
    }
    let Some(label) = declared_label(head) else {
        return Ok(UTF_8);
    };
    match Encoding::for_label(label) {
        // Bytes that could be read as an ASCII declaration are not UTF-16, whatever they say.
        Some(encoding) if encoding == UTF_16LE || encoding == UTF_16BE => Ok(UTF_8),
        Some(encoding) if encoding == UTF_8 => Ok(UTF_8),
        Some(encoding) if encoding == GB18030 || encoding == GBK => Ok(GB18030),
        // ASCII and Latin 1 share this label; ASCII is what Chinese writers mean by it.
        Some(encoding) if encoding.is_ascii_compatible() && bytes.is_ascii() => Ok(encoding),
        _ => Err(malformed("encoding is none of UTF-8, UTF-16, GB 18030")),
    }
}

fn declared_label(head: &[u8]) -> Option<&[u8]> {
    if !head.starts_with(b"<?xml") {
        return None;
    }
    let end = head.windows(2).position(|part| part == b"?>")?;
    let declaration = head.get(..end)?;
    let key = b"encoding";
    let start = declaration
        .windows(key.len())
        .position(|part| part == key)?
        + key.len();
    let mut quoted = declaration
        .get(start..)?
        .split(|byte| matches!(byte, b'"' | b'\''));
    quoted.next()?;
    quoted.next()
}

fn malformed(detail: impl Into<String>) -> Refusal {
    Refusal::new(FindingCode::XmlMalformed, detail)
}
