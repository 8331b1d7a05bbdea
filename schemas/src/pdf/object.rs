//! Objects (ISO 32000-2:2020 §7.3).

use std::ops::Range;

/// The number and generation of an indirect object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectId {
    /// Object number, 1 or more.
    pub number: u32,
    /// Generation number.
    pub generation: u16,
}

/// A direct object, or a reference to an indirect one.
#[derive(Clone, Debug, PartialEq)]
pub enum Object {
    /// `null`.
    Null,
    /// `true` or `false`.
    Boolean(bool),
    /// An integer.
    Integer(i64),
    /// A real number, as it is written.
    Real(Vec<u8>),
    /// A name without its solidus, `#xx` resolved.
    Name(Vec<u8>),
    /// A string.
    String(PdfString),
    /// An array.
    Array(Vec<Self>),
    /// A dictionary.
    Dictionary(Dictionary),
    /// A reference.
    Reference(ObjectId),
}

/// A string and where it stands. Strings with the same bytes are equal wherever they stand.
#[derive(Clone, Debug)]
pub struct PdfString {
    /// What it says.
    pub bytes: Vec<u8>,
    /// Where it is written, delimiters included: offsets in the file, or in an inflated stream.
    pub place: Range<usize>,
    /// Whether it is written in hexadecimal.
    pub is_hexadecimal: bool,
}

/// A dictionary; every key stands once. Kept in the order of the keys, so that neither looking one
/// up nor comparing two takes time that grows with the square of their size.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Dictionary(Vec<(Vec<u8>, Object)>);

/// An indirect object.
#[derive(Clone, Debug, PartialEq)]
pub enum Indirect {
    /// Any object.
    Object(Object),
    /// A stream.
    Stream(Stream),
}

/// A stream and where its bytes stand in the file.
#[derive(Clone, Debug, PartialEq)]
pub struct Stream {
    /// Its dictionary.
    pub dictionary: Dictionary,
    /// Its encoded bytes: offsets in the file.
    pub data: Range<usize>,
}

impl PartialEq for PdfString {
    fn eq(&self, other: &Self) -> bool {
        self.bytes == other.bytes
    }
}

impl PdfString {
    /// The text of a text string (ISO 32000-2:2020 §7.9.2.2), however it is encoded: two names of
    /// fields are the same when they read the same.
    #[must_use]
    pub fn text(&self) -> String {
        let utf16 = |rest: &[u8], unit: fn([u8; 2]) -> u16| {
            let units: Vec<u16> = rest.as_chunks().0.iter().map(|pair| unit(*pair)).collect();
            String::from_utf16_lossy(&units)
        };
        match self.bytes.as_slice() {
            [0xfe, 0xff, rest @ ..] => utf16(rest, u16::from_be_bytes),
            [0xff, 0xfe, rest @ ..] => utf16(rest, u16::from_le_bytes),
            [0xef, 0xbb, 0xbf, rest @ ..] => String::from_utf8_lossy(rest).into_owned(),
            // Many write UTF-8 without saying so; else PDFDocEncoding, nearly Latin-1.
            plain => std::str::from_utf8(plain).map_or_else(
                |_| plain.iter().map(|byte| char::from(*byte)).collect(),
                str::to_owned,
            ),
        }
    }
}

impl Dictionary {
    /// A dictionary of these entries; none when a key stands twice.
    pub(super) fn of(mut entries: Vec<(Vec<u8>, Object)>) -> Option<Self> {
        entries.sort_by(|(one, _), (other, _)| one.cmp(other));
        let is_twice = entries.windows(2).any(|two| two[0].0 == two[1].0);
        (!is_twice).then_some(Self(entries))
    }

    /// How many objects there are inside, on all levels.
    #[must_use]
    pub fn items(&self) -> usize {
        self.0.iter().map(|(_, value)| value.items()).sum()
    }

    /// Forgets every entry but these.
    pub(super) fn keep(&mut self, keys: &[&str]) {
        let is_kept = |name: &[u8]| keys.iter().any(|key| key.as_bytes() == name);
        self.0.retain(|(name, _)| is_kept(name));
        self.0.shrink_to_fit();
    }

    /// Sets an entry.
    pub(super) fn set(&mut self, key: Vec<u8>, value: Object) {
        match self.place(&key) {
            Ok(at) => self.0[at].1 = value,
            Err(at) => self.0.insert(at, (key, value)),
        }
    }

    fn place(&self, key: &[u8]) -> Result<usize, usize> {
        self.0
            .binary_search_by(|(name, _)| name.as_slice().cmp(key))
    }

    /// The value of a key, which is written without its solidus.
    #[must_use]
    pub fn get(&self, key: impl AsRef<[u8]>) -> Option<&Object> {
        let found = self.place(key.as_ref()).ok();
        found.and_then(|at| self.0.get(at)).map(|(_, value)| value)
    }

    /// Every entry, by its key.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &Object)> {
        self.0.iter().map(|(key, value)| (key.as_slice(), value))
    }

    /// Whether the value of `key` is the name `name`.
    #[must_use]
    pub fn has_name(&self, key: &str, name: &str) -> bool {
        self.get(key).and_then(Object::name) == Some(name.as_bytes())
    }
}

impl Object {
    /// An integer that is no less than zero and fits.
    #[must_use]
    pub fn size(&self) -> Option<usize> {
        match self {
            Self::Integer(number) => usize::try_from(*number).ok(),
            _ => None,
        }
    }

    /// The bytes of a name.
    #[must_use]
    pub fn name(&self) -> Option<&[u8]> {
        match self {
            Self::Name(name) => Some(name),
            _ => None,
        }
    }

    /// A string.
    #[must_use]
    pub fn string(&self) -> Option<&PdfString> {
        match self {
            Self::String(string) => Some(string),
            _ => None,
        }
    }

    /// The items of an array.
    #[must_use]
    pub fn array(&self) -> Option<&[Self]> {
        match self {
            Self::Array(items) => Some(items),
            _ => None,
        }
    }

    /// A dictionary.
    #[must_use]
    pub fn dictionary(&self) -> Option<&Dictionary> {
        match self {
            Self::Dictionary(dictionary) => Some(dictionary),
            _ => None,
        }
    }

    /// A reference.
    #[must_use]
    pub fn reference(&self) -> Option<ObjectId> {
        match self {
            Self::Reference(id) => Some(*id),
            _ => None,
        }
    }

    /// How many objects this is, those inside included.
    #[must_use]
    pub fn items(&self) -> usize {
        match self {
            Self::Array(items) => 1 + items.iter().map(Self::items).sum::<usize>(),
            Self::Dictionary(dictionary) => 1 + dictionary.items(),
            _ => 1,
        }
    }

    /// Calls `take` with every reference inside, in order.
    pub fn references(&self, take: &mut impl FnMut(ObjectId)) {
        match self {
            Self::Reference(id) => take(*id),
            Self::Array(items) => items.iter().for_each(|item| item.references(take)),
            Self::Dictionary(dictionary) => dictionary.references(take),
            _ => {}
        }
    }
}

impl Dictionary {
    /// Calls `take` with every reference inside, in order.
    pub fn references(&self, take: &mut impl FnMut(ObjectId)) {
        self.0.iter().for_each(|(_, value)| value.references(take));
    }
}

impl Indirect {
    /// The dictionary of a stream, or a dictionary.
    #[must_use]
    pub fn dictionary(&self) -> Option<&Dictionary> {
        match self {
            Self::Object(object) => object.dictionary(),
            Self::Stream(stream) => Some(&stream.dictionary),
        }
    }

    /// The object, when it is no stream.
    #[must_use]
    pub fn object(&self) -> Option<&Object> {
        match self {
            Self::Object(object) => Some(object),
            Self::Stream(_) => None,
        }
    }
}
