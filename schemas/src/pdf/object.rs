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

/// A dictionary; every key stands once.
#[derive(Clone, Debug, Default)]
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

/// In whatever order the keys stand.
impl PartialEq for Dictionary {
    fn eq(&self, other: &Self) -> bool {
        self.0.len() == other.0.len()
            && self
                .0
                .iter()
                .all(|(key, value)| other.get(key) == Some(value))
    }
}

impl Dictionary {
    /// Adds an entry; says whether the key is new.
    pub(super) fn insert(&mut self, key: Vec<u8>, value: Object) -> bool {
        let is_new = self.get(&key).is_none();
        if is_new {
            self.0.push((key, value));
        }
        is_new
    }

    /// The value of a key, which is written without its solidus.
    #[must_use]
    pub fn get(&self, key: impl AsRef<[u8]>) -> Option<&Object> {
        let key = key.as_ref();
        let found = self.0.iter().find(|(name, _)| name == key);
        found.map(|(_, value)| value)
    }

    /// Every entry, in the order in which they are written.
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
