//! The records of a ZIP file that are checked before anything is inflated.
//!
//! The central directory is the authority. Local headers must carry the same names and methods.
//! Some writers leave their sizes and checksums empty or wrong; that is tolerated as long as a
//! reader that walks from local header to local header cannot come upon other files.

use std::ops::Range;

use memchr::memmem;

use super::{Refusal, hidden, limits};
use crate::verdict::FindingCode;

const END_SIGNATURE: &[u8] = b"PK\x05\x06";
pub(super) const LOCAL_SIGNATURE: &[u8] = b"PK\x03\x04";
const CENTRAL_SIGNATURE: &[u8] = b"PK\x01\x02";
const END_64_LOCATOR_SIGNATURE: &[u8] = b"PK\x06\x07";
const END_BYTES: usize = 22;
const LOCAL_BYTES: usize = 30;
const CENTRAL_BYTES: usize = 46;
const END_64_LOCATOR_BYTES: usize = 20;
/// Info-ZIP Unicode Path: a second name of the entry.
const UNICODE_PATH: usize = 0x7075;
/// Version and checksum before the name in [`UNICODE_PATH`].
const UNICODE_PATH_HEAD_BYTES: usize = 5;
/// Method number of deflated entries.
const DEFLATED: usize = 8;
/// Flags: sizes stand behind the data; the name is UTF-8.
const SIZES_FOLLOW: usize = 1 << 3;
const NAME_IS_UTF8: usize = 1 << 11;
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
    /// Offset of the end record.
    start: usize,
    /// Offset behind the end record and its comment.
    pub(super) end: usize,
}

/// One entry as its two headers and their positions show it.
#[derive(Clone, Debug)]
pub(super) struct Headers<'a> {
    /// Name in the central directory, as written.
    pub(super) name: &'a [u8],
    /// Whether both headers say that the name is UTF-8.
    pub(super) is_said_to_be_utf8: bool,
    /// Offset of the local header.
    start: usize,
    /// Where the packed data stand.
    pub(super) data: Range<usize>,
    /// Size when unpacked.
    pub(super) size_bytes: u64,
    /// Whether the data are deflated.
    pub(super) is_deflated: bool,
    /// Whether the local header tells how long the data are.
    pub(super) is_measured: bool,
    /// Where the entry stands in the central directory.
    central: Range<usize>,
}

/// Finds the last end record. Bytes behind it are tolerated, a second volume or the 64-bit
/// format is not: neither is needed below the limits.
pub(super) fn end_record(bytes: &[u8]) -> Result<EndRecord, Refusal> {
    let window_start = bytes.len().saturating_sub(END_BYTES + LONGEST_COMMENT);
    let window = bytes.get(window_start..).unwrap_or_default();
    let Some(position) = memmem::rfind(window, END_SIGNATURE) else {
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
    check_alternatives(bytes, start, directory_offset, directory_start)?;
    Ok(EndRecord {
        entries,
        directory_start,
        start,
        end,
    })
}

/// Refuses what would make another reader find another central directory.
fn check_alternatives(
    bytes: &[u8],
    end_record: usize,
    directory_offset: usize,
    directory_start: usize,
) -> Result<(), Refusal> {
    // Some readers count offsets from the first byte of the file, whatever stands before it.
    let begins = |offset: usize, signature: &[u8]| {
        let there = bytes.get(offset..);
        there.is_some_and(|there| there.starts_with(signature))
    };
    if directory_offset != directory_start && begins(directory_offset, CENTRAL_SIGNATURE) {
        return Err(broken("two central directories"));
    }
    let locator = end_record.checked_sub(END_64_LOCATOR_BYTES);
    if locator.is_some_and(|locator| begins(locator, END_64_LOCATOR_SIGNATURE)) {
        return Err(broken("64-bit ZIP format"));
    }
    // Some readers take the end record whose comment ends with the file.
    let window_start = bytes.len().saturating_sub(END_BYTES + LONGEST_COMMENT);
    let earlier = bytes.get(window_start..end_record).unwrap_or_default();
    let fits = |position: usize| {
        let comment = number16(bytes, window_start + position + 20).unwrap_or_default();
        window_start + position + END_BYTES + comment == bytes.len()
    };
    if memmem::find_iter(earlier, END_SIGNATURE).any(fits) {
        return Err(broken("two end records"));
    }
    Ok(())
}

/// Reads one entry's headers and compares their names. Packed and unpacked size are those of the
/// central directory.
pub(super) fn headers(
    bytes: &[u8],
    local: usize,
    central: usize,
    [packed, size_bytes]: [u64; 2],
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
    let extra = |header: usize, fixed_bytes: usize, length_offset: usize| {
        let start = header + fixed_bytes + central_name.len();
        let end = start + number16(bytes, header + length_offset).unwrap_or_default();
        start..end
    };
    let local_extra = extra(local, LOCAL_BYTES, 28);
    let central_extra = extra(central, CENTRAL_BYTES, 30);
    for fields in [&local_extra, &central_extra] {
        let fields = bytes.get(fields.clone()).unwrap_or_default();
        if other_name(fields).is_some_and(|other| other != central_name) {
            return Err(broken(format!(
                "{shown}: an extra field carries another name"
            )));
        }
    }
    let method = number16(bytes, local + 8);
    if method != number16(bytes, central + 10) {
        return Err(broken(format!(
            "{shown}: local header names another method"
        )));
    }
    let packed = usize::try_from(packed).ok();
    let Some(end) = packed.and_then(|packed| local_extra.end.checked_add(packed)) else {
        return Err(broken(format!("{shown}: impossible size")));
    };
    // Else a reader that walks the local headers goes on in the midst of some data.
    if ![Some(0), packed].contains(&number32(bytes, local + 18)) {
        return Err(broken(format!("{shown}: local header tells another size")));
    }
    let has = |flag: usize| {
        let flags = [local + 6, central + 8].map(|offset| number16(bytes, offset));
        flags.map(|flags| flags.is_some_and(|flags| flags & flag != 0))
    };
    let is_followed = has(SIZES_FOLLOW).contains(&true);
    let comment = number16(bytes, central + 32).unwrap_or_default();
    Ok(Headers {
        name: central_name,
        is_said_to_be_utf8: !has(NAME_IS_UTF8).contains(&false),
        start: local,
        data: local_extra.end..end,
        size_bytes,
        is_deflated: method == Some(DEFLATED),
        is_measured: packed == number32(bytes, local + 18) && !is_followed,
        central: central..central_extra.end + comment,
    })
}

/// The name in a Unicode Path field.
fn other_name(mut fields: &[u8]) -> Option<&[u8]> {
    loop {
        let length = number16(fields, 2)?;
        let field = fields.get(4..4 + length)?;
        if number16(fields, 0)? == UNICODE_PATH {
            return field.get(UNICODE_PATH_HEAD_BYTES..);
        }
        fields = fields.get(4 + length..)?;
    }
}

/// Looks at the bytes between the entries: entries must not overlap, and no local header may hide
/// outside the central directory. Returns what is merely odd.
pub(super) fn layout(
    bytes: &[u8],
    mut entries: Vec<Headers<'_>>,
    end: &EndRecord,
) -> Result<Vec<String>, Refusal> {
    let mut oddities = Vec::new();
    check_directory(bytes, &entries, end, &mut oddities)?;
    entries.sort_unstable_by_key(|entry| (entry.start, entry.data.end));
    let mut position = 0;
    for entry in &entries {
        if entry.start < position {
            return Err(broken("entries overlap"));
        }
        gap(bytes, position, entry.start, position == 0, &mut oddities)?;
        hidden::check(bytes, entry)?;
        position = entry.data.end;
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

/// The entries of the central directory follow one another from its start to the end record.
fn check_directory(
    bytes: &[u8],
    entries: &[Headers<'_>],
    end: &EndRecord,
    oddities: &mut Vec<String>,
) -> Result<(), Refusal> {
    let mut position = end.directory_start;
    for entry in entries {
        if entry.central.start != position {
            return Err(broken(
                "the entries of the central directory do not follow one another",
            ));
        }
        position = entry.central.end;
    }
    let behind = bytes.get(position..end.start);
    match behind {
        Some([]) => {}
        Some(behind) if !behind.windows(2).any(|part| part == b"PK") => {
            oddities.push(format!(
                "{} bytes behind the central directory",
                behind.len()
            ));
        }
        _ => {
            return Err(broken(
                "records behind the last entry of the central directory",
            ));
        }
    }
    Ok(())
}

fn gap(
    bytes: &[u8],
    start: usize,
    end: usize,
    first: bool,
    oddities: &mut Vec<String>,
) -> Result<(), Refusal> {
    let between = bytes.get(start..end).unwrap_or_default();
    let records = [LOCAL_SIGNATURE, CENTRAL_SIGNATURE, END_SIGNATURE];
    // One may begin with the last bytes of the data before.
    let reach = start.saturating_sub(LOCAL_SIGNATURE.len() - 1);
    let around = bytes.get(reach..end).unwrap_or_default();
    if !between.is_empty()
        && (around.windows(LOCAL_SIGNATURE.len())).any(|part| records.contains(&part))
    {
        return Err(broken(
            "a record between the entries is missing from the central directory",
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
