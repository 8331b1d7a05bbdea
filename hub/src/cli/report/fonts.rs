//! From the bytes of a PDF's text to characters: what a font's `ToUnicode` says, or a few encodings
//! that need none. Whatever is not known is shown as such, never guessed.

use std::collections::BTreeMap;
use std::rc::Rc;

use pdf::font::{FontData, FontType, ToUnicodeMap};
use pdf::object::{NoResolve, PlainRef, RcRef, Stream};
use schemas::pdf::document::Document;
use schemas::pdf::object::{Dictionary, Indirect, Object, ObjectId};

use super::says::Refusal;

/// Largest decoded `ToUnicode`, in bytes; a table of all of GB 18030 is smaller.
const TABLE_BYTES_MAX: usize = 1 << 20;
/// Most fonts that are read.
const FONTS_MAX: usize = 64;
/// What bytes 0x80 to 0x9F are in `WinAnsiEncoding` (ISO 32000-2:2020 annex D.2).
const WINDOWS: [char; 32] = [
    '€', '□', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '□', 'Ž', '□', '□', '‘', '’',
    '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '□', 'ž', 'Ÿ',
];

/// The fonts of a revision, each read once.
pub(super) struct Fonts<'d, 'a> {
    document: &'d Document<'a>,
    revision: usize,
    known: BTreeMap<ObjectId, Font>,
}

/// How a font's codes are read.
#[derive(Clone, Default)]
pub(super) enum Font {
    /// Codes of one byte or two that a table explains.
    Table {
        map: Rc<ToUnicodeMap>,
        code_bytes: usize,
    },
    /// Codes that are UTF-16.
    Utf16,
    /// Codes of one byte in `WinAnsiEncoding` or `StandardEncoding`, which share their letters.
    Latin,
    /// Codes of one byte or two that nothing explains.
    #[default]
    Unknown,
}

impl<'d, 'a> Fonts<'d, 'a> {
    pub(super) const fn new(document: &'d Document<'a>, revision: usize) -> Self {
        Self {
            document,
            revision,
            known: BTreeMap::new(),
        }
    }

    /// The font of that name in `/Font` of the resources; one that is not there is unknown.
    pub(super) fn get(&mut self, resources: &Dictionary, name: &str) -> Result<Font, Refusal> {
        let fonts = self
            .document
            .dictionary(resources, "Font", self.revision)?
            .unwrap_or_default();
        let Some(value) = fonts.get(name) else {
            return Ok(Font::Unknown);
        };
        let id = value.reference();
        if let Some(known) = id.and_then(|id| self.known.get(&id)) {
            return Ok(known.clone());
        }
        if self.known.len() >= FONTS_MAX {
            return Err(Refusal::Malformed("more fonts than are read".to_owned()));
        }
        let font = match self.document.resolve(value, self.revision)? {
            Object::Dictionary(font) => self.read(&font)?,
            _ => Font::Unknown,
        };
        if let Some(id) = id {
            self.known.insert(id, font.clone());
        }
        Ok(font)
    }

    fn read(&self, font: &Dictionary) -> Result<Font, Refusal> {
        let is_composite = font.has_name("Subtype", "Type0");
        if let Some(table) = font.get("ToUnicode").and_then(Object::reference)
            && let Some(Indirect::Stream(stream)) = self.document.object(table, self.revision)?
        {
            let data = self.document.decode(&stream)?;
            return Ok(Font::Table {
                map: Rc::new(table_of(&data)?),
                code_bytes: if is_composite { 2 } else { 1 },
            });
        }
        let encoding = match font.get("Encoding") {
            Some(encoding) => self.document.resolve(encoding, self.revision)?,
            None => Object::Null,
        };
        Ok(match encoding.name() {
            Some(b"UniGB-UTF16-H" | b"UniGB-UTF16-V" | b"UniGB-UCS2-H" | b"UniGB-UCS2-V")
                if is_composite =>
            {
                Font::Utf16
            }
            Some(b"WinAnsiEncoding" | b"StandardEncoding") if !is_composite => Font::Latin,
            // Without a word about it, one of the fonts that every reader has.
            None if encoding == Object::Null && !is_composite => Font::Latin,
            _ => Font::Unknown,
        })
    }
}

/// Reads a `ToUnicode` table.
fn table_of(data: &[u8]) -> Result<ToUnicodeMap, Refusal> {
    if data.len() > TABLE_BYTES_MAX {
        return Err(Refusal::Malformed("a font's table is too large".to_owned()));
    }
    let malformed = |error: pdf::error::PdfError| Refusal::Malformed(error.to_string());
    // The crate reads the table of a font alone; the rest of this one is not looked at.
    let stream = Stream::new_with_filters((), data, Vec::new()).map_err(malformed)?;
    let font = pdf::font::Font {
        subtype: FontType::Type3,
        name: None,
        data: FontData::Other(pdf::primitive::Dictionary::new()),
        encoding: None,
        to_unicode: Some(RcRef::new(PlainRef { id: 0, r#gen: 0 }, stream.into())),
        _other: pdf::primitive::Dictionary::new(),
    };
    match font.to_unicode(&NoResolve) {
        Some(table) => table.map_err(malformed),
        None => Ok(ToUnicodeMap::new()),
    }
}

impl Font {
    /// Stands for a code without a known meaning.
    pub(super) const UNREADABLE: char = '□';

    /// The characters that the bytes of a string stand for.
    pub(super) fn decode(&self, bytes: &[u8]) -> Vec<char> {
        match self {
            Self::Table { map, code_bytes } => {
                let codes = bytes.chunks(*code_bytes).map(|code| {
                    let code = code
                        .iter()
                        .fold(0, |code, byte| code << 8 | u16::from(*byte));
                    map.get(code)
                });
                codes.flat_map(|text| text.unwrap_or("□").chars()).collect()
            }
            Self::Utf16 => {
                let units = bytes.chunks_exact(2).map(|unit| {
                    unit.iter()
                        .fold(0, |unit, byte| unit << 8 | u16::from(*byte))
                });
                let characters = char::decode_utf16(units);
                characters
                    .map(|one| one.unwrap_or(Self::UNREADABLE))
                    .collect()
            }
            Self::Latin => bytes.iter().map(|byte| latin(*byte)).collect(),
            Self::Unknown => bytes.iter().map(|_| Self::UNREADABLE).collect(),
        }
    }
}

fn latin(byte: u8) -> char {
    match byte {
        0x80..=0x9F => WINDOWS
            .get(usize::from(byte - 0x80))
            .copied()
            .unwrap_or(Font::UNREADABLE),
        other => char::from(other),
    }
}
