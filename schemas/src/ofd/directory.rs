//! The records of a ZIP file that are checked before anything is inflated.
//!
//! The central directory is the authority. Local headers must only carry the same names: some
//! writers leave their sizes and checksums empty or wrong.

use super::{Refusal, limits};
use crate::verdict::FindingCode;

const END_SIGNATURE: &[u8] = b"PK\x05\x06";
const LOCAL_SIGNATURE: &[u8] = b"PK\x03\x04";
const CENTRAL_SIGNATURE: &[u8] = b"PK\x01\x02";
const END_BYTES: usize = 22;
const LOCAL_BYTES: usize = 30;
const CENTRAL_BYTES: usize = 46;
/// A ZIP comment's length is written in 16 bits.
const LONGEST_COMMENT: usize = u16::MAX as usize;
/// Signature, checksum and two 64-bit sizes.
const LONGEST_DATA_DESCRIPTOR: usize = 24;

/// The end record: where the central directory is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct EndRecord {
    /// Entries that the central directory announces.
    pub(super) entries: usize,
    /// Offset of the central directory in the bytes at hand.
    pub(super) directory_start: usize,
    /// Offset behind the end record and its comment.
    pub(super) end: usize,
}

/// One entry as its two headers and their positions show it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Headers<'a> {
    /// Name in the central directory, as written.
    pub(super) name: &'a [u8],
    /// Offset of the local header.
    start: usize,
    /// Offset behind the compressed data.
    end: usize,
}

/// Finds the last end record. Bytes behind it are tolerated, a second volume or the 64-bit
/// format is not: neither is needed below the limits.
pub(super) fn end_record(bytes: &[u8]) -> Result<EndRecord, Refusal> {
    let window_start = bytes.len().saturating_sub(END_BYTES + LONGEST_COMMENT);
    let window = bytes.get(window_start..).unwrap_or_default();
    let found = window
        .windows(END_SIGNATURE.len())
        .rposition(|part| part == END_SIGNATURE);
    let Some(position) = found else {
        return Err(broken("no end record: not a ZIP file, or cut off"));
    };
    let start = window_start + position;
    let field = |offset: usize| number16(bytes, start + offset);
    let fields = (field(4), field(6), field(8), field(10), field(20));
    let (Some(disk), Some(first_disk), Some(here), Some(entries), Some(comment)) = fields else {
        return Err(broken("end record cut off"));
    };
    let sizes = (number32(bytes, start + 12), number32(bytes, start + 16));
    let (Some(directory_bytes), Some(directory_offset)) = sizes else {
        return Err(broken("end record cut off"));
    };
    if disk != 0 || first_disk != 0 || here != entries {
        return Err(broken("several volumes"));
    }
    if entries == usize::from(u16::MAX) || directory_offset == u32::MAX as usize {
        return Err(broken("64-bit ZIP format"));
    }
    if entries > limits::ENTRIES {
        let detail = format!("{entries} entries, at most {} are read", limits::ENTRIES);
        return Err(Refusal::new(FindingCode::ZipEntries, detail));
    }
    let end = start + END_BYTES + comment;
    if end > bytes.len() {
        return Err(broken("comment of the end record cut off"));
    }
    let Some(directory_start) = start.checked_sub(directory_bytes) else {
        return Err(broken("central directory larger than the file"));
    };
    if directory_offset > directory_start {
        return Err(broken("central directory announced behind its place"));
    }
    Ok(EndRecord {
        entries,
        directory_start,
        end,
    })
}

/// Reads one entry's headers and compares their names.
pub(super) fn headers(
    bytes: &[u8],
    local: usize,
    central: usize,
    packed: u64,
) -> Result<Headers<'_>, Refusal> {
    let central_name = name_at(bytes, central, CENTRAL_SIGNATURE, 28, CENTRAL_BYTES)
        .ok_or_else(|| broken("central directory entry unreadable"))?;
    let shown = String::from_utf8_lossy(central_name);
    let local_name = name_at(bytes, local, LOCAL_SIGNATURE, 26, LOCAL_BYTES)
        .ok_or_else(|| broken(format!("{shown}: no local header where it should be")))?;
    if local_name != central_name {
        return Err(broken(format!(
            "{shown}: local header carries another name"
        )));
    }
    let extra = number16(bytes, local + 28).unwrap_or_default();
    let data = local + LOCAL_BYTES + local_name.len() + extra;
    let end = usize::try_from(packed)
        .ok()
        .and_then(|packed| data.checked_add(packed));
    let Some(end) = end else {
        return Err(broken(format!("{shown}: impossible size")));
    };
    Ok(Headers {
        name: central_name,
        start: local,
        end,
    })
}

/// Looks at the bytes between the entries: entries must not overlap, and no local header may hide
/// outside the central directory. Returns what is merely odd.
pub(super) fn layout(
    bytes: &[u8],
    mut entries: Vec<Headers<'_>>,
    end: &EndRecord,
) -> Result<Vec<String>, Refusal> {
    let mut oddities = Vec::new();
    entries.sort_unstable_by_key(|entry| (entry.start, entry.end));
    let mut position = 0;
    for entry in &entries {
        if entry.start < position {
            return Err(broken("entries overlap"));
        }
        gap(bytes, position, entry.start, position == 0, &mut oddities)?;
        position = entry.end;
    }
    if position > end.directory_start {
        return Err(broken("an entry reaches into the central directory"));
    }
    gap(
        bytes,
        position,
        end.directory_start,
        position == 0,
        &mut oddities,
    )?;
    if end.end < bytes.len() {
        oddities.push(format!(
            "{} bytes behind the end record",
            bytes.len() - end.end
        ));
    }
    Ok(oddities)
}

fn gap(
    bytes: &[u8],
    start: usize,
    end: usize,
    first: bool,
    oddities: &mut Vec<String>,
) -> Result<(), Refusal> {
    let between = bytes.get(start..end).unwrap_or_default();
    if between
        .windows(LOCAL_SIGNATURE.len())
        .any(|part| part == LOCAL_SIGNATURE)
    {
        return Err(broken(
            "a local header is missing from the central directory",
        ));
    }
    if first && !between.is_empty() {
        oddities.push(format!("{} bytes before the first entry", between.len()));
    } else if between.len() > LONGEST_DATA_DESCRIPTOR {
        oddities.push(format!("{} bytes between entries", between.len()));
    }
    Ok(())
}

fn name_at<'a>(
    bytes: &'a [u8],
    start: usize,
    signature: &[u8],
    length_offset: usize,
    header_bytes: usize,
) -> Option<&'a [u8]> {
    let header = bytes.get(start..)?;
    if !header.starts_with(signature) {
        return None;
    }
    let length = number16(header, length_offset)?;
    header.get(header_bytes..header_bytes + length)
}

fn number16(bytes: &[u8], offset: usize) -> Option<usize> {
    let field = bytes.get(offset..)?.first_chunk::<2>()?;
    Some(usize::from(u16::from_le_bytes(*field)))
}

fn number32(bytes: &[u8], offset: usize) -> Option<usize> {
    let field = bytes.get(offset..)?.first_chunk::<4>()?;
    usize::try_from(u32::from_le_bytes(*field)).ok()
}

fn broken(detail: impl Into<String>) -> Refusal {
    Refusal::new(FindingCode::ZipStruct, detail)
}
