//! Objects in object streams (ISO 32000-2:2020 §7.5.7).

use std::collections::BTreeMap;
use std::rc::Rc;

use super::Document;
use crate::pdf::lexer::Lexer;
use crate::pdf::object::{Indirect, Object, ObjectId, Stream};
use crate::pdf::xref::Entry;
use crate::pdf::{PdfError, limits};

/// Inflated object streams, up to [`limits::INFLATED_KEPT_BYTES`] of them: the one that was used
/// longest ago goes first, and is inflated again when it is asked for.
#[derive(Debug, Default)]
pub(super) struct ObjectStreams {
    /// By the offset at which they stand.
    kept: BTreeMap<usize, Kept>,
    bytes: usize,
    uses: u64,
}

#[derive(Debug)]
struct Kept {
    stream: Rc<ObjectStream>,
    used: u64,
}

#[derive(Debug)]
struct ObjectStream {
    data: Vec<u8>,
    /// Object numbers and where they begin in the data.
    places: Vec<(u32, usize)>,
}

impl ObjectStream {
    fn bytes(&self) -> usize {
        self.data.len() + size_of_val(self.places.as_slice())
    }
}

impl ObjectStreams {
    fn find(&mut self, offset: usize) -> Option<Rc<ObjectStream>> {
        self.uses += 1;
        let kept = self.kept.get_mut(&offset)?;
        kept.used = self.uses;
        Some(Rc::clone(&kept.stream))
    }

    fn keep(&mut self, offset: usize, stream: Rc<ObjectStream>) {
        self.bytes += stream.bytes();
        let used = self.uses;
        self.kept.insert(offset, Kept { stream, used });
        while self.bytes > limits::INFLATED_KEPT_BYTES {
            let oldest = self.kept.iter().min_by_key(|(_, kept)| kept.used);
            let oldest = oldest.map(|(offset, _)| *offset);
            let Some(gone) = oldest.and_then(|oldest| self.kept.remove(&oldest)) else {
                return;
            };
            self.bytes -= gone.stream.bytes();
        }
    }
}

impl Document<'_> {
    pub(super) fn read_inside(
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
        let object = lexer.object();
        self.spend(lexer.at().saturating_sub(*at))?;
        object.map(Indirect::Object)
    }

    /// Numbers of the objects that an object stream holds, in order.
    ///
    /// # Errors
    /// As [`Document::object`], and when there is no object stream.
    pub fn objects_inside(&self, stream: u32, revision: usize) -> Result<Vec<u32>, PdfError> {
        let Some(Entry::InFile { offset, .. }) = self.entry(stream, revision) else {
            return Ok(Vec::new());
        };
        let objects = self.object_stream(stream, offset, revision)?;
        Ok(objects.places.iter().map(|(number, _)| *number).collect())
    }

    fn object_stream(
        &self,
        number: u32,
        offset: usize,
        revision: usize,
    ) -> Result<Rc<ObjectStream>, PdfError> {
        if let Some(known) = self.object_streams.borrow_mut().find(offset) {
            return Ok(known);
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
        known.keep(offset, Rc::clone(&objects));
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
            places.push((number, first.saturating_add(place).min(data.len())));
        }
        Ok(ObjectStream { data, places })
    }
}
