//! Writes objects, new files (ISO 32000-2:2020 §7.5) and incremental updates (§7.5.6).

use std::collections::BTreeMap;
use std::io::Write as _;
use std::ops::Range;

use flate2::Compression;
use flate2::write::ZlibEncoder;

use super::PdfError;
use super::document::Document;
use super::object::{Dictionary, Indirect, Object, ObjectId};

/// A file, and where each object of its last update stands.
pub type Written = (Vec<u8>, BTreeMap<ObjectId, Range<usize>>);

/// Version of new files, and a comment that says that they hold more than ASCII (§7.5.2).
const HEADER: &[u8] = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n";

/// Row of a number that no object has (§7.5.4).
const FREE: &str = "0000000000 65535 f \n";

/// A new file.
#[derive(Debug, Default)]
pub struct NewFile {
    /// Text of each object by its number; one without text is free.
    objects: BTreeMap<u32, Vec<u8>>,
}

impl NewFile {
    /// The next number, for an object that is put there later.
    pub fn new_id(&mut self) -> ObjectId {
        self.add(Vec::new())
    }

    /// Puts an object under its number, written as it is to stand between `obj` and `endobj`.
    pub fn put(&mut self, id: ObjectId, text: impl Into<Vec<u8>>) {
        self.objects.insert(id.number, text.into());
    }

    /// Adds an object and says its number.
    pub fn add(&mut self, text: impl Into<Vec<u8>>) -> ObjectId {
        let id = ObjectId {
            number: self.last().saturating_add(1),
            generation: 0,
        };
        self.put(id, text);
        id
    }

    /// The file; `trailer` are the entries of its trailer besides its size, among them `/Root`.
    #[must_use]
    pub fn finish(self, trailer: &str) -> Vec<u8> {
        let mut out = HEADER.to_vec();
        let mut rows = FREE.to_owned();
        for number in 1..=self.last() {
            let text = self.objects.get(&number).filter(|text| !text.is_empty());
            let Some(text) = text else {
                rows += FREE;
                continue;
            };
            rows += &format!("{:010} 00000 n \n", out.len());
            out.extend(format!("{number} 0 obj\n").bytes());
            out.extend(text);
            out.extend(b"\nendobj\n");
        }
        let (start, size) = (out.len(), u64::from(self.last()) + 1);
        let end = format!(
            "xref\n0 {size}\n{rows}trailer\n<</Size {size}{trailer}>>\nstartxref\n{start}\n%%EOF\n"
        );
        out.extend(end.bytes());
        out
    }

    fn last(&self) -> u32 {
        self.objects.last_key_value().map_or(0, |(last, _)| *last)
    }
}

/// A stream as it stands between `obj` and `endobj`; `entries` are those of its dictionary apart
/// from its length.
#[must_use]
pub fn stream(entries: &str, data: &[u8]) -> Vec<u8> {
    let mut out = format!("<<{entries}/Length {}>>stream\n", data.len()).into_bytes();
    out.extend(data);
    out.extend(b"\nendstream");
    out
}

/// The same, compressed (`FlateDecode`).
#[must_use]
pub fn compressed_stream(entries: &str, data: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    let compressed = encoder.write_all(data).and_then(|()| encoder.finish());
    // Writing to memory does not fail.
    stream(
        &format!("{entries}/Filter/FlateDecode"),
        &compressed.unwrap_or_default(),
    )
}

/// An update of a file: objects that are new or take the place of others.
#[derive(Debug)]
pub struct Update<'d, 'a> {
    document: &'d Document<'a>,
    next_number: u32,
    objects: BTreeMap<ObjectId, Vec<u8>>,
}

impl<'d, 'a> Update<'d, 'a> {
    /// Begins an update of the last revision.
    #[must_use]
    pub fn new(document: &'d Document<'a>) -> Self {
        let size = document
            .trailer(document.last())
            .and_then(|trailer| trailer.get("Size"))
            .and_then(Object::size);
        Self {
            document,
            next_number: size
                .and_then(|size| u32::try_from(size).ok())
                .unwrap_or(1)
                .max(1),
            objects: BTreeMap::new(),
        }
    }

    /// A number that no object has.
    pub fn new_id(&mut self) -> ObjectId {
        let id = ObjectId {
            number: self.next_number,
            generation: 0,
        };
        self.next_number += 1;
        id
    }

    /// Puts an object under its number, written as it is to stand between `obj` and `endobj`.
    pub fn put(&mut self, id: ObjectId, text: impl Into<Vec<u8>>) {
        self.objects.insert(id, text.into());
    }

    /// Puts a dictionary under its number.
    pub fn put_dictionary(&mut self, id: ObjectId, dictionary: &Dictionary) {
        let mut text = Vec::new();
        dictionary.write(&mut text);
        self.objects.insert(id, text);
    }

    /// The catalog as of the last revision.
    ///
    /// # Errors
    /// As [`Document::catalog`].
    pub fn catalog(&self) -> Result<(ObjectId, Dictionary), PdfError> {
        self.document.catalog(self.document.last())
    }

    /// The first page as of the last revision.
    ///
    /// # Errors
    /// When there is none.
    pub fn first_page(&self) -> Result<(ObjectId, Dictionary), PdfError> {
        let missing = PdfError::Unexpected {
            what: "/Pages",
            expected: "a page",
        };
        let last = self.document.last();
        let (_, catalog) = self.catalog()?;
        let mut node = catalog.get("Pages").and_then(Object::reference);
        for _ in 0..super::limits::TREE_DEPTH {
            let id = node.ok_or(missing.clone())?;
            let Some(Indirect::Object(Object::Dictionary(found))) =
                self.document.object(id, last)?
            else {
                return Err(missing);
            };
            if found.has_name("Type", "Page") {
                return Ok((id, found));
            }
            let kids = self.document.array(&found, "Kids", last)?;
            node = kids.first().and_then(Object::reference);
        }
        Err(missing)
    }

    /// The file with the update at its end, and where each of its objects stands.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn finish(self) -> Result<Written, PdfError> {
        let file = self.document.file();
        let mut out = file.window(0..file.length())?.to_vec();
        if out.last() != Some(&b'\n') {
            out.push(b'\n');
        }
        let mut places = BTreeMap::new();
        for (id, text) in &self.objects {
            let start = out.len();
            let (number, generation) = (id.number, id.generation);
            out.extend(format!("{number} {generation} obj\n").bytes());
            out.extend(text);
            out.extend(b"\nendobj\n");
            places.insert(*id, start..out.len());
        }
        self.write_sections(&mut out, &places);
        Ok((out, places))
    }

    fn write_sections(&self, out: &mut Vec<u8>, places: &BTreeMap<ObjectId, Range<usize>>) {
        let (start, last) = (out.len(), self.document.last());
        out.extend(b"xref\n");
        for (id, place) in places {
            let line = format!(
                "{} 1\n{:010} {:05} n \n",
                id.number, place.start, id.generation
            );
            out.extend(line.bytes());
        }
        let mut trailer = Dictionary::default();
        let size = Object::Integer(self.next_number.into());
        trailer.set(b"Size".to_vec(), size);
        let before = self.document.trailer(last);
        for key in ["Root", "Info", "ID"] {
            if let Some(value) = before.and_then(|before| before.get(key)) {
                trailer.set(key.into(), value.clone());
            }
        }
        let sections = self
            .document
            .revisions()
            .get(last)
            .map(|last| last.sections());
        let previous = sections.and_then(|sections| sections.first());
        let previous = previous.map_or(0, |previous| previous.offset);
        let previous = i64::try_from(previous).unwrap_or(i64::MAX);
        trailer.set(b"Prev".to_vec(), Object::Integer(previous));
        out.extend(b"trailer\n");
        trailer.write(out);
        out.extend(format!("\nstartxref\n{start}\n%%EOF\n").bytes());
    }
}

impl Dictionary {
    /// The dictionary with another value under a key.
    #[must_use]
    pub fn with(&self, key: &str, value: Object) -> Self {
        let mut changed = self.clone();
        changed.set(key.into(), value);
        changed
    }

    /// Writes it.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.extend(b"<<");
        for (key, value) in self.iter() {
            write_name(key, out);
            out.push(b' ');
            value.write(out);
        }
        out.extend(b">>");
    }
}

impl Object {
    /// Writes it.
    pub fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Null => out.extend(b"null"),
            Self::Boolean(value) => out.extend(value.to_string().bytes()),
            Self::Integer(value) => out.extend(value.to_string().bytes()),
            Self::Real(text) => out.extend(text),
            Self::Name(name) => write_name(name, out),
            Self::String(string) => {
                out.push(b'<');
                for byte in &string.bytes {
                    // Writing to memory does not fail.
                    let _ = write!(out, "{byte:02X}");
                }
                out.push(b'>');
            }
            Self::Array(items) => {
                out.push(b'[');
                for item in items {
                    item.write(out);
                    out.push(b' ');
                }
                out.push(b']');
            }
            Self::Dictionary(dictionary) => dictionary.write(out),
            Self::Reference(id) => {
                out.extend(format!("{} {} R", id.number, id.generation).bytes());
            }
        }
    }
}

fn write_name(name: &[u8], out: &mut Vec<u8>) {
    out.push(b'/');
    for byte in name {
        if byte.is_ascii_alphanumeric() || b"_-.+:".contains(byte) {
            out.push(*byte);
        } else {
            let _ = write!(out, "#{byte:02X}");
        }
    }
}
