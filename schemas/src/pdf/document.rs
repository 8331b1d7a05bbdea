//! The revisions of a file, and its objects as of each of them (ISO 32000-2:2020 §7.5.6).

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use super::lexer::{Lexer, is_white};
use super::object::{Dictionary, Indirect, Object, ObjectId, Stream};
use super::revision::{self, Revision};
use super::xref::{self, Budget, Entry};
use super::{PdfError, filter, limits};

/// A file, its revisions found.
#[derive(Debug)]
pub struct Document<'a> {
    bytes: &'a [u8],
    /// The oldest first.
    revisions: Vec<Revision>,
    budget: RefCell<Budget>,
    /// Bytes of objects that may still be read.
    bytes_left: Cell<usize>,
    /// Inflated object streams, by the offset at which they stand.
    object_streams: RefCell<BTreeMap<usize, Rc<ObjectStream>>>,
}

#[derive(Debug)]
struct ObjectStream {
    data: Vec<u8>,
    /// Object numbers and where they begin in the data.
    places: Vec<(u32, usize)>,
}

impl<'a> Document<'a> {
    /// Finds the revisions of a file, from the last `startxref` back.
    ///
    /// # Errors
    /// When the file does not begin and end like a PDF, a section is malformed, the sections do not
    /// follow one another, or a limit is exceeded.
    pub fn open(bytes: &'a [u8]) -> Result<Self, PdfError> {
        if bytes.len() > limits::FILE_BYTES {
            return Err(PdfError::TooMuch {
                what: "bytes",
                limit: limits::FILE_BYTES,
            });
        }
        let head = bytes.get(limits::HEADER_AT..).unwrap_or_default();
        if !head.starts_with(b"%PDF-") {
            let (at, what) = (limits::HEADER_AT, "%PDF- does not stand at the beginning");
            return Err(PdfError::Malformed { at, what });
        }
        let mut budget = Budget {
            entries: limits::ENTRIES,
            inflated_bytes: limits::INFLATED_TOTAL_BYTES,
        };
        let sections = revision::sections(bytes, &mut budget)?;
        Ok(Self {
            bytes,
            revisions: revision::group(bytes, sections)?,
            budget: RefCell::new(budget),
            bytes_left: Cell::new((bytes.len() * limits::READ_TIMES).max(limits::READ_FLOOR_BYTES)),
            object_streams: RefCell::default(),
        })
    }

    /// The bytes of the file.
    #[must_use]
    pub const fn bytes(&self) -> &'a [u8] {
        self.bytes
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
    #[must_use]
    pub fn trailing(&self) -> Option<usize> {
        let end = self.revisions.last().map_or(0, |revision| revision.end);
        let rest = self.bytes.get(end..).unwrap_or_default();
        rest.iter()
            .position(|byte| !is_white(*byte))
            .map(|at| end + at)
    }

    /// Where an object stands as of a revision.
    #[must_use]
    pub fn entry(&self, number: u32, revision: usize) -> Option<Entry> {
        let upto = self.revisions.get(..=revision).unwrap_or(&self.revisions);
        upto.iter()
            .rev()
            .find_map(|revision| revision.entry(number))
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
    /// As [`Document::object`], and when it is something else.
    pub fn dictionary(
        &self,
        of: &Dictionary,
        key: &'static str,
        revision: usize,
    ) -> Result<Option<Dictionary>, PdfError> {
        let value = of
            .get(key)
            .map(|value| self.resolve(value, revision))
            .transpose()?;
        match value {
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
    /// As [`Document::object`], and when it is something else.
    pub fn array(
        &self,
        of: &Dictionary,
        key: &'static str,
        revision: usize,
    ) -> Result<Vec<Object>, PdfError> {
        let value = of
            .get(key)
            .map(|value| self.resolve(value, revision))
            .transpose()?;
        match value {
            None | Some(Object::Null) => Ok(Vec::new()),
            Some(Object::Array(items)) => Ok(items),
            Some(_) => Err(PdfError::Unexpected {
                what: key,
                expected: "an array",
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
        let mut lexer = Lexer::new(self.bytes, offset);
        if lexer.object_head()? != id {
            let what = "another object stands where a cross-reference points";
            return Err(PdfError::Malformed { at: offset, what });
        }
        let object = lexer.object()?;
        self.spend(lexer.at() - offset)?;
        if lexer.takes("endobj") {
            return Ok((Indirect::Object(object), lexer.at()));
        }
        let Object::Dictionary(dictionary) = object else {
            return Err(lexer.wrong("endobj expected"));
        };
        let is_container = dictionary.has_name("Type", "ObjStm");
        let length = self.stream_length(&dictionary, is_container, revision)?;
        let stream = xref::stream_at(self.bytes, &mut lexer, dictionary, length)?;
        Ok((Indirect::Stream(stream), lexer.at()))
    }

    /// The decoded bytes of a stream.
    ///
    /// # Errors
    /// A filter other than `FlateDecode`, damaged data, or more than the limits.
    pub fn decode(&self, stream: &Stream) -> Result<Vec<u8>, PdfError> {
        filter::decode(
            self.bytes,
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
                Some(Entry::InFile { offset, .. }) => {
                    let mut lexer = Lexer::new(self.bytes, offset);
                    (lexer.object_head()? == *id)
                        .then(|| lexer.object())
                        .transpose()?
                }
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

    fn read_inside(
        &self,
        id: ObjectId,
        stream: u32,
        index: usize,
        revision: usize,
    ) -> Result<Indirect, PdfError> {
        let wrong = PdfError::Unexpected {
            what: "an object stream",
            expected: "the object that a cross-reference names",
        };
        let Some(Entry::InFile {
            offset,
            generation: 0,
        }) = self.entry(stream, revision)
        else {
            return Err(wrong);
        };
        let objects = self.object_stream(stream, offset, revision)?;
        let place = objects
            .places
            .get(index)
            .filter(|(number, _)| *number == id.number);
        let (_, at) = place.ok_or(wrong)?;
        let mut lexer = Lexer::new(&objects.data, *at);
        let object = lexer.object()?;
        self.spend(lexer.at() - at)?;
        Ok(Indirect::Object(object))
    }

    /// Counts what was read.
    fn spend(&self, bytes: usize) -> Result<(), PdfError> {
        let left = self.bytes_left.get().checked_sub(bytes);
        self.bytes_left.set(left.ok_or(PdfError::TooMuch {
            what: "bytes of objects read",
            limit: self.bytes.len() * limits::READ_TIMES,
        })?);
        Ok(())
    }

    /// An object stream, inflated once (§7.5.7).
    fn object_stream(
        &self,
        number: u32,
        offset: usize,
        revision: usize,
    ) -> Result<Rc<ObjectStream>, PdfError> {
        if let Some(known) = self.object_streams.borrow().get(&offset) {
            return Ok(Rc::clone(known));
        }
        let generation = 0;
        let id = ObjectId { number, generation };
        let stream = match self.read_at(id, offset, revision)? {
            Indirect::Stream(stream) if stream.dictionary.has_name("Type", "ObjStm") => stream,
            _ => {
                return Err(PdfError::Unexpected {
                    what: "an object stream",
                    expected: "/Type /ObjStm",
                });
            }
        };
        let objects = Rc::new(self.inflate_objects(&stream)?);
        let mut known = self.object_streams.borrow_mut();
        known.insert(offset, Rc::clone(&objects));
        Ok(objects)
    }

    fn inflate_objects(&self, stream: &Stream) -> Result<ObjectStream, PdfError> {
        const WHAT: &str = "malformed object stream";
        let data = self.decode(stream)?;
        let at = stream.data.start;
        let number = |key| stream.dictionary.get(key).and_then(Object::size);
        let (count, first) = number("N")
            .zip(number("First"))
            .ok_or(PdfError::Malformed { at, what: WHAT })?;
        if count > limits::STREAM_OBJECTS {
            return Err(PdfError::TooMuch {
                what: "objects in a stream",
                limit: limits::STREAM_OBJECTS,
            });
        }
        let mut lexer = Lexer::new(&data, 0);
        let mut places = Vec::new();
        for _ in 0..count {
            let number = u32::try_from(lexer.unsigned(WHAT)?).unwrap_or(0);
            let place = usize::try_from(lexer.unsigned(WHAT)?).unwrap_or(usize::MAX);
            places.push((number, first.saturating_add(place)));
        }
        Ok(ObjectStream { data, places })
    }
}
