//! The revisions of a file, and its objects as of each of them (ISO 32000-2:2020 §7.5.6).

mod object_streams;

use std::cell::{Cell, RefCell};

use super::lexer::{Lexer, is_white};
use super::object::{Dictionary, Indirect, Object, ObjectId, Stream};
use super::revision::{self, Revision};
use super::source::FileBytes;
use super::xref::{self, Budget, Entry};
use super::{PdfError, filter, limits};

use self::object_streams::ObjectStreams;

/// A file, its revisions found.
#[derive(Debug)]
pub struct Document<'a> {
    file: FileBytes<'a>,
    /// The oldest first.
    revisions: Vec<Revision>,
    budget: RefCell<Budget>,
    /// Bytes of objects that may still be read.
    bytes_left: Cell<usize>,
    /// Revisions in which an object may still be looked for.
    lookups_left: Cell<usize>,
    object_streams: RefCell<ObjectStreams>,
}

impl<'a> Document<'a> {
    /// Finds the revisions of a file in memory, as [`Document::of`].
    ///
    /// # Errors
    /// As [`Document::of`].
    pub fn open(bytes: &'a [u8]) -> Result<Self, PdfError> {
        Self::of(FileBytes::Memory(bytes))
    }

    /// Finds the revisions of a file, from the last `startxref` back.
    ///
    /// # Errors
    /// When the file does not begin and end like a PDF, a section is malformed, the sections do not
    /// follow one another, a limit is exceeded, or it cannot be read.
    pub fn of(file: FileBytes<'a>) -> Result<Self, PdfError> {
        if file.length() > limits::FILE_BYTES {
            return Err(PdfError::TooMuch {
                what: "bytes",
                limit: limits::FILE_BYTES,
            });
        }
        let (at, mark) = (limits::HEADER_AT, b"%PDF-");
        if *file.window(at..at + mark.len())? != *mark {
            let what = "%PDF- does not stand at the beginning";
            return Err(PdfError::Malformed { at, what });
        }
        let mut budget = Budget {
            entries: limits::ENTRIES,
            inflated_bytes: limits::INFLATED_TOTAL_BYTES,
        };
        let sections = revision::sections(file, &mut budget)?;
        Ok(Self {
            file,
            revisions: revision::group(file, sections)?,
            budget: RefCell::new(budget),
            lookups_left: Cell::new(limits::LOOKUPS),
            bytes_left: Cell::new(read_bytes_max(file)),
            object_streams: RefCell::default(),
        })
    }

    /// The bytes of the file.
    #[must_use]
    pub const fn file(&self) -> FileBytes<'a> {
        self.file
    }

    /// The revisions, the oldest first. There is one at least.
    #[must_use]
    pub fn revisions(&self) -> &[Revision] {
        &self.revisions
    }

    /// The number of the last revision.
    #[must_use]
    pub fn last(&self) -> usize {
        self.revisions.len().saturating_sub(1)
    }

    /// Bytes after the last `%%EOF` that are not white space, if any: where they begin.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn trailing(&self) -> Result<Option<usize>, PdfError> {
        let end = self.revisions.last().map_or(0, |revision| revision.end);
        let range = end..self.file.length();
        self.file.position(range, |byte| !is_white(byte))
    }

    /// Where an object stands as of a revision.
    #[must_use]
    pub fn entry(&self, number: u32, revision: usize) -> Option<Entry> {
        let upto = self.revisions.get(..=revision).unwrap_or(&self.revisions);
        let mut looked = 0;
        let found = upto.iter().rev().find_map(|revision| {
            looked += 1;
            revision.entry(number)
        });
        let left = self.lookups_left.get().saturating_sub(looked);
        self.lookups_left.set(left);
        found
    }

    /// An indirect object as of a revision; none when its number is free.
    ///
    /// # Errors
    /// When it does not stand where it should, is malformed, or a limit is exceeded.
    pub fn object(&self, id: ObjectId, revision: usize) -> Result<Option<Indirect>, PdfError> {
        match self.entry(id.number, revision) {
            Some(Entry::InFile { offset, generation }) if generation == id.generation => {
                self.read_at(id, offset, revision).map(Some)
            }
            Some(Entry::InStream { stream, index }) if id.generation == 0 => {
                self.read_inside(id, stream, index, revision).map(Some)
            }
            _ => Ok(None),
        }
    }

    /// What a value stands for: itself, or the object it refers to. A stream counts as none.
    ///
    /// # Errors
    /// As [`Document::object`].
    pub fn resolve(&self, value: &Object, revision: usize) -> Result<Object, PdfError> {
        let Some(id) = value.reference() else {
            return Ok(value.clone());
        };
        let found = self.object(id, revision)?;
        match found {
            // A reference to a reference is none (§7.3.10).
            Some(Indirect::Object(object)) if object.reference().is_none() => Ok(object),
            _ => Ok(Object::Null),
        }
    }

    /// The dictionary that an entry of another is or refers to; none when it is absent or null.
    ///
    /// # Errors
    /// As [`Document::object`], and when it is something else, a stream for instance.
    pub fn dictionary(
        &self,
        of: &Dictionary,
        key: &'static str,
        revision: usize,
    ) -> Result<Option<Dictionary>, PdfError> {
        match self.value(of, key, "a dictionary", revision)? {
            None | Some(Object::Null) => Ok(None),
            Some(Object::Dictionary(dictionary)) => Ok(Some(dictionary)),
            Some(_) => Err(PdfError::Unexpected {
                what: key,
                expected: "a dictionary",
            }),
        }
    }

    /// The array that an entry of a dictionary is or refers to; empty when it is absent or null.
    ///
    /// # Errors
    /// As [`Document::object`], and when it is something else, a stream for instance.
    pub fn array(
        &self,
        of: &Dictionary,
        key: &'static str,
        revision: usize,
    ) -> Result<Vec<Object>, PdfError> {
        match self.value(of, key, "an array", revision)? {
            None | Some(Object::Null) => Ok(Vec::new()),
            Some(Object::Array(items)) => Ok(items),
            Some(_) => Err(PdfError::Unexpected {
                what: key,
                expected: "an array",
            }),
        }
    }

    /// What an entry is or refers to. Neither a stream nor a reference to a reference counts as
    /// none: readers may use them all the same.
    fn value(
        &self,
        of: &Dictionary,
        key: &'static str,
        expected: &'static str,
        revision: usize,
    ) -> Result<Option<Object>, PdfError> {
        let Some(id) = of.get(key).and_then(Object::reference) else {
            return Ok(of.get(key).cloned());
        };
        match self.object(id, revision)? {
            None => Ok(None),
            Some(Indirect::Object(object)) if object.reference().is_none() => Ok(Some(object)),
            Some(_) => Err(PdfError::Unexpected {
                what: key,
                expected,
            }),
        }
    }

    /// The trailer of a revision.
    #[must_use]
    pub fn trailer(&self, revision: usize) -> Option<&Dictionary> {
        let revision = self.revisions.get(revision)?;
        revision.sections().first().map(|section| &section.trailer)
    }

    /// The document's catalog as of a revision, and its number (§7.7.2).
    ///
    /// # Errors
    /// When it is missing or malformed.
    pub fn catalog(&self, revision: usize) -> Result<(ObjectId, Dictionary), PdfError> {
        let missing = PdfError::Unexpected {
            what: "/Root",
            expected: "a reference to the catalog",
        };
        let root = self
            .trailer(revision)
            .and_then(|trailer| trailer.get("Root"));
        let id = root.and_then(Object::reference).ok_or(missing.clone())?;
        match self.object(id, revision)? {
            Some(Indirect::Object(Object::Dictionary(catalog))) => Ok((id, catalog)),
            _ => Err(missing),
        }
    }

    /// Whether the last trailer says that the file is encrypted (§7.6).
    #[must_use]
    pub fn is_encrypted(&self) -> bool {
        let encrypt = self
            .trailer(self.last())
            .and_then(|trailer| trailer.get("Encrypt"));
        encrypt.is_some_and(|encrypt| *encrypt != Object::Null)
    }

    /// Reads the object at an offset, which has to be `id`, and says where it ends.
    ///
    /// # Errors
    /// As [`Document::object`].
    pub fn read_object(
        &self,
        id: ObjectId,
        offset: usize,
        revision: usize,
    ) -> Result<(Indirect, usize), PdfError> {
        let head = self.parse(offset, |lexer| object_at(lexer, id))?;
        let (object, end, data_start) = head;
        let Some(data_start) = data_start else {
            return Ok((Indirect::Object(object), end));
        };
        let Object::Dictionary(dictionary) = object else {
            return Ok((Indirect::Object(object), end));
        };
        let is_container = dictionary.has_name("Type", "ObjStm");
        let length = self.stream_length(&dictionary, is_container, revision)?;
        let (stream, end) = xref::stream_at(self.file, dictionary, data_start, length)?;
        Ok((Indirect::Stream(stream), end))
    }

    /// The decoded bytes of a stream.
    ///
    /// # Errors
    /// A filter other than `FlateDecode`, damaged data, or more than the limits.
    pub fn decode(&self, stream: &Stream) -> Result<Vec<u8>, PdfError> {
        filter::decode(
            self.file,
            stream,
            &mut self.budget.borrow_mut().inflated_bytes,
        )
    }

    fn read_at(&self, id: ObjectId, offset: usize, revision: usize) -> Result<Indirect, PdfError> {
        let end = self
            .revisions
            .get(revision)
            .map_or(0, |revision| revision.end);
        let (object, object_end) = self.read_object(id, offset, revision)?;
        if object_end > end {
            let what = "an object of a revision stands after it";
            return Err(PdfError::Malformed { at: offset, what });
        }
        Ok(object)
    }

    /// `/Length`, which may be an indirect number; a container's own is in no container.
    fn stream_length(
        &self,
        dictionary: &Dictionary,
        is_container: bool,
        revision: usize,
    ) -> Result<usize, PdfError> {
        let length = match dictionary.get("Length") {
            Some(Object::Reference(id)) => match self.entry(id.number, revision) {
                Some(Entry::InFile { offset, .. }) => self.parse(offset, |lexer| {
                    (lexer.object_head()? == *id)
                        .then(|| lexer.object())
                        .transpose()
                })?,
                Some(Entry::InStream { stream, index }) if !is_container => self
                    .read_inside(*id, stream, index, revision)?
                    .object()
                    .cloned(),
                _ => None,
            },
            direct => direct.cloned(),
        };
        let length = length.as_ref().and_then(Object::size);
        length.ok_or(PdfError::Unexpected {
            what: "/Length",
            expected: "a number",
        })
    }

    /// Parses and counts what was read. What could not be read was work, too: many may refer to it.
    fn parse<T>(
        &self,
        offset: usize,
        parse: impl Fn(&mut Lexer<'_>) -> Result<T, PdfError>,
    ) -> Result<T, PdfError> {
        let end = Cell::new(offset);
        let parsed = self.file.parse(offset, |lexer| {
            let parsed = parse(lexer);
            end.set(end.get().max(lexer.at()));
            parsed
        });
        self.spend(end.get() - offset)?;
        parsed
    }

    /// Counts what was read.
    fn spend(&self, bytes: usize) -> Result<(), PdfError> {
        if self.lookups_left.get() == 0 {
            return Err(PdfError::TooMuch {
                what: "revisions in which objects are looked for",
                limit: limits::LOOKUPS,
            });
        }
        let left = self.bytes_left.get().checked_sub(bytes);
        self.bytes_left.set(left.ok_or(PdfError::TooMuch {
            what: "bytes of objects read",
            limit: read_bytes_max(self.file),
        })?);
        Ok(())
    }
}

/// Most bytes of objects that are read of a file, in sum.
fn read_bytes_max(file: FileBytes<'_>) -> usize {
    let times = file.length().saturating_mul(limits::READ_TIMES);
    times.clamp(limits::READ_FLOOR_BYTES, limits::READ_CEILING_BYTES)
}

/// The object that stands here, which has to be `id`, where it or its `endobj` ends, and where the
/// data begin when it is a stream.
fn object_at(
    lexer: &mut Lexer<'_>,
    id: ObjectId,
) -> Result<(Object, usize, Option<usize>), PdfError> {
    let at = lexer.at();
    if lexer.object_head()? != id {
        let what = "another object stands where a cross-reference points";
        return Err(PdfError::Malformed { at, what });
    }
    let object = lexer.object()?;
    if lexer.takes("endobj") {
        return Ok((object, lexer.at(), None));
    }
    if object.dictionary().is_none() {
        return Err(lexer.wrong("endobj expected"));
    }
    let end = lexer.at();
    Ok((object, end, Some(xref::data_start(lexer)?)))
}
