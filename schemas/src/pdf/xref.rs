//! One section of cross-references: a table with its trailer, or a stream
//! (ISO 32000-2:2020 §7.5.4, §7.5.8).

use std::ops::Range;

use super::lexer::Lexer;
use super::object::{Dictionary, Object, ObjectId, Stream};
use super::source::FileBytes;
use super::{PdfError, filter, limits};

/// What is wrong with a table that cannot be read.
const TABLE: &str = "malformed cross-reference table";

/// Rows of a table that are read together.
const ROWS_AT_A_TIME: u64 = 1_024;

/// Where an object stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry {
    /// Nowhere: the number is free.
    Free,
    /// In the file.
    InFile {
        /// Offset of its head.
        offset: usize,
        /// Its generation.
        generation: u16,
    },
    /// In an object stream.
    InStream {
        /// Object number of the stream.
        stream: u32,
        /// Its place in the stream.
        index: usize,
    },
}

/// One section.
#[derive(Clone, Debug)]
pub struct Section {
    /// Where it begins.
    pub offset: usize,
    /// Where its trailer or its stream object ends.
    pub end: usize,
    /// Entries by object number, ascending.
    entries: Vec<(u32, Entry)>,
    /// The trailer, or the dictionary of the stream.
    pub trailer: Dictionary,
    /// The object that is the section itself, when it is a stream.
    pub own_object: Option<ObjectId>,
}

/// What is left of the limits of a file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Budget {
    pub(super) entries: usize,
    pub(super) inflated_bytes: usize,
}

impl Section {
    /// Where this section says an object stands.
    #[must_use]
    pub fn entry(&self, number: u32) -> Option<Entry> {
        let found = self
            .entries
            .binary_search_by_key(&number, |(number, _)| *number);
        found
            .ok()
            .and_then(|at| self.entries.get(at))
            .map(|(_, entry)| *entry)
    }

    /// Every entry, by object number.
    pub fn entries(&self) -> impl Iterator<Item = (u32, Entry)> {
        self.entries.iter().copied()
    }

    /// The highest number of an object that stands somewhere.
    #[must_use]
    pub fn highest(&self) -> Option<u32> {
        let used = self.entries.iter().rev();
        let mut used = used.filter(|(_, entry)| *entry != Entry::Free);
        used.next().map(|(number, _)| *number)
    }

    /// Offset of the section before this one.
    ///
    /// # Errors
    /// A `/Prev` that is no offset.
    pub fn previous(&self) -> Result<Option<usize>, PdfError> {
        match self.trailer.get("Prev") {
            None => Ok(None),
            Some(previous) => previous.size().map(Some).ok_or(PdfError::Unexpected {
                what: "/Prev",
                expected: "an offset",
            }),
        }
    }
}

/// Reads the section at `offset`, together with the stream that a table names in `/XRefStm`.
pub(super) fn read(
    file: FileBytes<'_>,
    offset: usize,
    budget: &mut Budget,
) -> Result<Section, PdfError> {
    let table = file.parse(offset, |lexer| {
        Ok(lexer.takes("xref").then_some(lexer.at()))
    })?;
    let Some(rows_at) = table else {
        let mut section = read_stream(file, offset, budget)?;
        keep_trailer(&mut section.trailer)?;
        return Ok(section);
    };
    let mut section = read_table(file, offset, rows_at, budget)?;
    keep_trailer(&mut section.trailer)?;
    if let Some(hidden) = section.trailer.get("XRefStm") {
        let hidden = hidden.size().ok_or(PdfError::Unexpected {
            what: "/XRefStm",
            expected: "an offset",
        })?;
        let hidden = read_stream(file, hidden, budget)?;
        for (number, entry) in hidden.entries() {
            // Old readers see the table, new ones the stream: they must not see two objects.
            if section
                .entry(number)
                .is_some_and(|own| own != Entry::Free && own != entry)
            {
                return Err(PdfError::Unsupported("an object that stands at two places"));
            }
        }
        section
            .entries
            .retain(|(number, _)| hidden.entry(*number).is_none());
        section.entries.extend(hidden.entries());
        section.entries.sort_by_key(|(number, _)| *number);
    }
    Ok(section)
}

/// There may be hundreds of trailers: of each only what is asked for is kept.
fn keep_trailer(trailer: &mut Dictionary) -> Result<(), PdfError> {
    const KEPT: [&str; 7] = ["Root", "Info", "Size", "Prev", "Encrypt", "ID", "XRefStm"];
    trailer.keep(&KEPT);
    if trailer.items() > limits::TRAILER_ITEMS {
        return Err(PdfError::TooMuch {
            what: "items in a trailer",
            limit: limits::TRAILER_ITEMS,
        });
    }
    Ok(())
}

fn read_table(
    file: FileBytes<'_>,
    offset: usize,
    rows_at: usize,
    budget: &mut Budget,
) -> Result<Section, PdfError> {
    let (mut entries, mut at) = (Vec::new(), rows_at);
    loop {
        let (head, end) = file.parse(at, subsection_head)?;
        at = end;
        let Some((first, count)) = head else { break };
        spend_entries(budget, count)?;
        let (mut number, last) = (first, first.saturating_add(count));
        while number < last {
            let upto = last.min(number.saturating_add(ROWS_AT_A_TIME));
            let (rows, end) = file.parse(at, |lexer| rows(lexer, number..upto))?;
            entries.extend(rows);
            (at, number) = (end, upto);
        }
    }
    let (trailer, end) = file.parse(at, |lexer| match lexer.object()? {
        Object::Dictionary(trailer) => Ok((trailer, lexer.at())),
        _ => Err(lexer.wrong("a trailer's dictionary expected")),
    })?;
    sort(&mut entries)?;
    Ok(Section {
        offset,
        end,
        entries,
        trailer,
        own_object: None,
    })
}

type SubsectionHead = (Option<(u64, u64)>, usize);

/// The first number of a part of a table and how many follow it, or none when the trailer comes.
fn subsection_head(lexer: &mut Lexer<'_>) -> Result<SubsectionHead, PdfError> {
    if lexer.takes("trailer") {
        return Ok((None, lexer.at()));
    }
    let (first, count) = (lexer.unsigned(TABLE)?, lexer.unsigned(TABLE)?);
    Ok((Some((first, count)), lexer.at()))
}

type Rows = (Vec<(u32, Entry)>, usize);

/// The rows of a table for these object numbers, and where they end.
fn rows(lexer: &mut Lexer<'_>, numbers: Range<u64>) -> Result<Rows, PdfError> {
    let mut rows = Vec::new();
    for number in numbers {
        let at = lexer.at();
        let offset = lexer.unsigned(TABLE)?;
        let generation = lexer.unsigned(TABLE)?;
        let entry = if lexer.takes("n") {
            Entry::InFile {
                offset: usize::try_from(offset).unwrap_or(usize::MAX),
                // A table of free objects alone goes up to 65535.
                generation: u16::try_from(generation).unwrap_or(u16::MAX),
            }
        } else if lexer.takes("f") {
            Entry::Free
        } else {
            return Err(PdfError::Malformed { at, what: TABLE });
        };
        rows.push((object_number(number)?, entry));
    }
    Ok((rows, lexer.at()))
}

fn read_stream(
    file: FileBytes<'_>,
    offset: usize,
    budget: &mut Budget,
) -> Result<Section, PdfError> {
    let (id, dictionary, data_start) = file.parse(offset, |lexer| {
        let id = lexer.object_head()?;
        match lexer.object()? {
            Object::Dictionary(dictionary) if dictionary.has_name("Type", "XRef") => {
                let data_start = data_start(lexer)?;
                Ok((id, dictionary, data_start))
            }
            _ => Err(lexer.wrong("neither a cross-reference table nor a stream of them")),
        }
    })?;
    let length = dictionary.get("Length").and_then(Object::size);
    let length = length.ok_or(PdfError::Unexpected {
        what: "/Length of a stream of cross-references",
        expected: "a number",
    })?;
    let (stream, end) = stream_at(file, dictionary, data_start, length)?;
    let data = filter::decode(file, &stream, &mut budget.inflated_bytes)?;
    let entries = stream_entries(&data, &stream.dictionary, budget)?;
    Ok(Section {
        offset,
        end,
        entries,
        trailer: stream.dictionary,
        own_object: Some(id),
    })
}

/// Where the data of a stream begin whose dictionary was just read.
pub(super) fn data_start(lexer: &mut Lexer<'_>) -> Result<usize, PdfError> {
    lexer.expect("stream", "a stream expected")?;
    if lexer.takes_bytes(b"\r\n") || lexer.takes_bytes(b"\n") {
        return Ok(lexer.at());
    }
    Err(lexer.wrong("a line end expected after stream"))
}

/// The stream with these data, which `endstream` and `endobj` have to follow, and where it ends.
pub(super) fn stream_at(
    file: FileBytes<'_>,
    dictionary: Dictionary,
    start: usize,
    length: usize,
) -> Result<(Stream, usize), PdfError> {
    let end = start
        .checked_add(length)
        .filter(|end| *end <= file.length());
    let end = end.ok_or(PdfError::Malformed {
        at: start,
        what: "a stream longer than the file",
    })?;
    let object_end = file.parse(end, |lexer| {
        lexer.expect("endstream", "endstream expected after the stream's length")?;
        lexer.expect("endobj", "endobj expected")?;
        Ok(lexer.at())
    })?;
    let stream = Stream {
        dictionary,
        data: start..end,
    };
    Ok((stream, object_end))
}

/// Entries of a stream (§7.5.8.3).
fn stream_entries(
    data: &[u8],
    dictionary: &Dictionary,
    budget: &mut Budget,
) -> Result<Vec<(u32, Entry)>, PdfError> {
    let malformed = PdfError::Unexpected {
        what: "a stream of cross-references",
        expected: "/W, /Index and rows that fit",
    };
    let sizes = |key| -> Option<Vec<usize>> {
        let array = dictionary.get(key)?.array()?;
        array.iter().map(Object::size).collect()
    };
    let widths = sizes("W").ok_or(malformed.clone())?;
    let [kind_width, second_width, third_width] = widths.as_slice() else {
        return Err(malformed);
    };
    if widths.iter().any(|width| *width > 8) {
        return Err(malformed);
    }
    let row_bytes = kind_width + second_width + third_width;
    if row_bytes == 0 {
        return Err(malformed);
    }
    let size = dictionary.get("Size").and_then(Object::size);
    let index = match dictionary.get("Index") {
        Some(_) => sizes("Index"),
        None => size.map(|size| vec![0, size]),
    };
    let index = index
        .filter(|index| index.len().is_multiple_of(2))
        .ok_or(malformed.clone())?;
    let mut rows = data.chunks_exact(row_bytes);
    let mut entries = Vec::new();
    for range in index.chunks_exact(2) {
        let (first, count) = (range[0] as u64, range[1] as u64);
        spend_entries(budget, count)?;
        for number in first..first.saturating_add(count) {
            let row = rows.next().ok_or(malformed.clone())?;
            let (kind, rest) = row.split_at(*kind_width);
            let (second, third) = rest.split_at(*second_width);
            let (second, third) = (big_endian(second), big_endian(third));
            let entry = match if kind.is_empty() { 1 } else { big_endian(kind) } {
                0 => Entry::Free,
                1 => Entry::InFile {
                    offset: usize::try_from(second).unwrap_or(usize::MAX),
                    generation: u16::try_from(third).map_err(|_| malformed.clone())?,
                },
                2 => Entry::InStream {
                    stream: object_number(second)?,
                    index: usize::try_from(third).unwrap_or(usize::MAX),
                },
                // Reserved kinds are null objects.
                _ => Entry::Free,
            };
            entries.push((object_number(number)?, entry));
        }
    }
    sort(&mut entries)?;
    Ok(entries)
}

fn spend_entries(budget: &mut Budget, count: u64) -> Result<(), PdfError> {
    let left = usize::try_from(count)
        .ok()
        .and_then(|count| budget.entries.checked_sub(count));
    budget.entries = left.ok_or(PdfError::TooMuch {
        what: "cross-reference entries",
        limit: limits::ENTRIES,
    })?;
    Ok(())
}

fn object_number(number: u64) -> Result<u32, PdfError> {
    let number = u32::try_from(number)
        .ok()
        .filter(|number| *number <= limits::OBJECT_NUMBER);
    number.ok_or(PdfError::Unexpected {
        what: "an object number",
        expected: "8388607 at most",
    })
}

/// Orders entries by number; one section has one entry for a number.
fn sort(entries: &mut [(u32, Entry)]) -> Result<(), PdfError> {
    entries.sort_by_key(|(number, _)| *number);
    let twice = entries.windows(2).any(|two| two[0].0 == two[1].0);
    if twice {
        return Err(PdfError::Unsupported("an object with two cross-references"));
    }
    Ok(())
}

fn big_endian(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0, |value, byte| value << 8 | u64::from(*byte))
}
