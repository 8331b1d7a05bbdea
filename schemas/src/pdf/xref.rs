//! One section of cross-references: a table with its trailer, or a stream
//! (ISO 32000-2:2020 §7.5.4, §7.5.8).

use super::lexer::Lexer;
use super::object::{Dictionary, Object, ObjectId, Stream};
use super::{PdfError, filter, limits};

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
pub(super) fn read(bytes: &[u8], offset: usize, budget: &mut Budget) -> Result<Section, PdfError> {
    let mut lexer = Lexer::new(bytes, offset);
    let mut section = if lexer.takes("xref") {
        read_table(&mut lexer, offset, budget)?
    } else {
        return read_stream(bytes, offset, budget);
    };
    if let Some(hidden) = section.trailer.get("XRefStm") {
        let hidden = hidden.size().ok_or(PdfError::Unexpected {
            what: "/XRefStm",
            expected: "an offset",
        })?;
        let hidden = read_stream(bytes, hidden, budget)?;
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

fn read_table(
    lexer: &mut Lexer<'_>,
    offset: usize,
    budget: &mut Budget,
) -> Result<Section, PdfError> {
    const WHAT: &str = "malformed cross-reference table";
    let mut entries = Vec::new();
    while !lexer.takes("trailer") {
        let first = lexer.unsigned(WHAT)?;
        let count = lexer.unsigned(WHAT)?;
        spend_entries(budget, count)?;
        for number in first..first.saturating_add(count) {
            let at = lexer.at();
            let offset = lexer.unsigned(WHAT)?;
            let generation = lexer.unsigned(WHAT)?;
            let entry = if lexer.takes("n") {
                Entry::InFile {
                    offset: usize::try_from(offset).unwrap_or(usize::MAX),
                    // A table of free objects alone goes up to 65535.
                    generation: u16::try_from(generation).unwrap_or(u16::MAX),
                }
            } else if lexer.takes("f") {
                Entry::Free
            } else {
                return Err(PdfError::Malformed { at, what: WHAT });
            };
            entries.push((object_number(number)?, entry));
        }
    }
    let Object::Dictionary(trailer) = lexer.object()? else {
        return Err(lexer.wrong("a trailer's dictionary expected"));
    };
    sort(&mut entries)?;
    Ok(Section {
        offset,
        end: lexer.at(),
        entries,
        trailer,
        own_object: None,
    })
}

fn read_stream(bytes: &[u8], offset: usize, budget: &mut Budget) -> Result<Section, PdfError> {
    let mut lexer = Lexer::new(bytes, offset);
    let id = lexer.object_head()?;
    let (stream, end) = match lexer.object()? {
        Object::Dictionary(dictionary) if dictionary.has_name("Type", "XRef") => {
            direct_stream(bytes, &mut lexer, dictionary)?
        }
        _ => return Err(lexer.wrong("neither a cross-reference table nor a stream of them")),
    };
    let data = filter::decode(bytes, &stream, &mut budget.inflated_bytes)?;
    let entries = stream_entries(&data, &stream.dictionary, budget)?;
    Ok(Section {
        offset,
        end,
        entries,
        trailer: stream.dictionary,
        own_object: Some(id),
    })
}

/// A stream whose length must be written directly, and where its object ends.
fn direct_stream(
    bytes: &[u8],
    lexer: &mut Lexer<'_>,
    dictionary: Dictionary,
) -> Result<(Stream, usize), PdfError> {
    let length = dictionary.get("Length").and_then(Object::size);
    let length = length.ok_or(PdfError::Unexpected {
        what: "/Length of a stream of cross-references",
        expected: "a number",
    })?;
    let stream = stream_at(bytes, lexer, dictionary, length)?;
    Ok((stream, lexer.at()))
}

/// The stream whose dictionary was just read, up to and with `endobj`.
pub(super) fn stream_at(
    bytes: &[u8],
    lexer: &mut Lexer<'_>,
    dictionary: Dictionary,
    length: usize,
) -> Result<Stream, PdfError> {
    lexer.expect("stream", "a stream expected")?;
    let rest = bytes.get(lexer.at()..).unwrap_or_default();
    let line_end = match rest {
        [b'\r', b'\n', ..] => 2,
        [b'\n', ..] => 1,
        _ => return Err(lexer.wrong("a line end expected after stream")),
    };
    let start = lexer.at() + line_end;
    let end = start.checked_add(length).filter(|end| *end <= bytes.len());
    let end = end.ok_or_else(|| lexer.wrong("a stream longer than the file"))?;
    lexer.go_to(end);
    lexer.expect("endstream", "endstream expected after the stream's length")?;
    lexer.expect("endobj", "endobj expected")?;
    Ok(Stream {
        dictionary,
        data: start..end,
    })
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
    let row_bytes = kind_width + second_width + third_width;
    if widths.iter().any(|width| *width > 8) || row_bytes == 0 {
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
