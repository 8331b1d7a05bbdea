//! Names of entries: decoded, and free of what different systems read differently.

use std::borrow::Cow;

use super::{Refusal, limits};
use crate::verdict::FindingCode;

/// UTF-8, else GB 18030, which older Chinese writers use without saying so.
pub(super) fn decoded(raw: &[u8]) -> Result<String, Refusal> {
    if raw.len() > limits::NAME_BYTES {
        return Err(Refusal::new(FindingCode::ZipPath, "entry name too long"));
    }
    if let Ok(name) = std::str::from_utf8(raw) {
        return Ok(name.to_owned());
    }
    in_chinese(raw)
        .ok_or_else(|| Refusal::new(FindingCode::ZipPath, "entry name in an unknown encoding"))
}

/// A name read as GB 18030; none where it is none.
pub(super) fn in_chinese(raw: &[u8]) -> Option<String> {
    encoding_rs::GB18030
        .decode_without_bom_handling_and_without_replacement(raw)
        .map(Cow::into_owned)
}

/// Refuses what leads out of the package, or what some system would take for another name.
pub(super) fn check(name: &str) -> Result<(), Refusal> {
    let refuse = |why: &str| {
        Err(Refusal::new(
            FindingCode::ZipPath,
            format!("{}: {why}", name.escape_debug()),
        ))
    };
    if name.contains('\\') || name.chars().any(char::is_control) {
        return refuse("backslash or control character in an entry name");
    }
    if name.contains(':') {
        return refuse("drive letter or stream name");
    }
    if name.split('/').count() > limits::NAME_SEGMENTS {
        return refuse("nested too deep");
    }
    if name
        .split('/')
        .any(|segment| matches!(segment, "" | "." | ".."))
    {
        return refuse("absolute, empty or climbing path");
    }
    // Windows drops them, so that the entry would take the place of another one.
    if name.split('/').any(|segment| segment.ends_with(['.', ' '])) {
        return refuse("a segment ends with a dot or blank");
    }
    Ok(())
}
