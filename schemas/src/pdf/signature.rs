//! Signature dictionaries (ISO 32000-2:2020 §12.8.1), and where their bytes stand.

use std::ops::Range;

use super::document::Document;
use super::object::{Dictionary, Indirect, Object, ObjectId};
use super::{PdfError, limits};

/// What a signature field holds.
#[derive(Clone, Debug, PartialEq)]
pub struct SignatureDictionary {
    /// Its object, when it stands apart from its field.
    pub id: Option<ObjectId>,
    /// `/SubFilter`: a hint only, as the same name is written over different things.
    pub sub_filter: Option<String>,
    /// Whether it is a document timestamp.
    pub is_timestamp: bool,
    /// The signed value, padding included.
    pub contents: Vec<u8>,
    /// Where `/Contents` is written, angle brackets included.
    pub contents_at: Range<usize>,
    /// `/ByteRange`: offset and length of the two parts that are signed.
    pub byte_range: [usize; 4],
    /// `/M`, the signing time that the signer states.
    pub stated_time: Option<Vec<u8>>,
    /// What the signature allows and locks.
    pub transforms: Vec<Transform>,
}

/// One entry of `/Reference` (§12.8.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Transform {
    /// `DocMDP`: what may be done to the document.
    Document(Permission),
    /// `FieldMDP`, or the `/Lock` of the signature's field: which fields are locked.
    Fields(LockedFields),
    /// `/P` in the `/Lock` of the signature's field: nothing beyond it may be done (§12.7.5.5).
    AtMost(Permission),
    /// Another one, which is not evaluated.
    Other,
}

/// What a certification allows (§12.8.2.2, table 257).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Permission {
    /// P = 1: nothing but validation data and document timestamps.
    Nothing,
    /// P = 2: filling in forms and signing too.
    FormFilling,
    /// P = 3: annotations too.
    Annotations,
}

/// Which fields are locked (§12.8.2.4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LockedFields {
    /// All.
    All,
    /// Those named in UTF-8, with everything below them.
    Include(Vec<Vec<u8>>),
    /// All but those.
    Exclude(Vec<Vec<u8>>),
}

impl SignatureDictionary {
    /// How many fields its locks name.
    #[must_use]
    pub fn locked_names(&self) -> usize {
        let names = |transform: &Transform| match transform {
            Transform::Fields(LockedFields::Include(names) | LockedFields::Exclude(names)) => {
                names.len()
            }
            _ => 0,
        };
        self.transforms.iter().map(names).sum()
    }

    /// Adds what the `/Lock` of the signature's field demands of whoever comes later
    /// (§12.7.5.5, table 236).
    pub(super) fn add_lock(
        &mut self,
        document: &Document<'_>,
        lock: &Dictionary,
        revision: usize,
    ) -> Result<(), PdfError> {
        let locked = locked_fields(document, lock, revision)?;
        self.transforms.push(Transform::Fields(locked));
        if lock.get("P").is_some() {
            self.transforms.push(Transform::AtMost(permission(lock)?));
        }
        Ok(())
    }
}

impl LockedFields {
    /// Whether the field with this full name is locked.
    #[must_use]
    pub fn locks(&self, name: &[u8]) -> bool {
        let is_named = |names: &[Vec<u8>]| {
            names
                .iter()
                .any(|named| match name.strip_prefix(named.as_slice()) {
                    Some(rest) => rest.is_empty() || rest.starts_with(b"."),
                    None => false,
                })
        };
        match self {
            Self::All => true,
            Self::Include(names) => is_named(names),
            Self::Exclude(names) => !is_named(names),
        }
    }
}

/// Reads the value of a signature field, which is or refers to a dictionary in the file itself.
///
/// # Errors
/// When it is no signature dictionary, or a part that is needed is missing or malformed: such a
/// field is a broken signature, not a field without one.
pub fn read(
    document: &Document<'_>,
    value: &Object,
    field_in_file: bool,
    revision: usize,
) -> Result<SignatureDictionary, PdfError> {
    let (dictionary, in_file) = match value.reference() {
        None => (value.dictionary().cloned(), field_in_file),
        Some(id) => {
            use super::xref::Entry;
            let entry = document.entry(id.number, revision);
            let in_file = matches!(entry, Some(Entry::InFile { .. }));
            match document.object(id, revision)? {
                Some(Indirect::Object(Object::Dictionary(found))) => (Some(found), in_file),
                _ => (None, in_file),
            }
        }
    };
    let dictionary = dictionary.ok_or(PdfError::Unexpected {
        what: "/V of a signature field",
        expected: "a signature dictionary",
    })?;
    if !in_file {
        return Err(PdfError::Unsupported(
            "a signature inside a compressed stream",
        ));
    }
    let contents = dictionary.get("Contents").and_then(Object::string);
    let contents = contents
        .filter(|contents| contents.is_hexadecimal && !contents.bytes.is_empty())
        .ok_or(PdfError::Unexpected {
            what: "/Contents of a signature",
            expected: "a hexadecimal string that is not empty",
        })?;
    if contents.bytes.len() > limits::CONTENTS_BYTES {
        return Err(PdfError::TooMuch {
            what: "bytes in /Contents",
            limit: limits::CONTENTS_BYTES,
        });
    }
    let name = |key| dictionary.get(key).and_then(Object::name).map(lossy);
    Ok(SignatureDictionary {
        id: value.reference(),
        sub_filter: name("SubFilter"),
        is_timestamp: dictionary.has_name("Type", "DocTimeStamp"),
        contents: contents.bytes.clone(),
        contents_at: contents.place.clone(),
        byte_range: byte_range(&dictionary)?,
        stated_time: dictionary
            .get("M")
            .and_then(Object::string)
            .map(|text| text.bytes.clone()),
        transforms: transforms(document, &dictionary, revision)?,
    })
}

fn lossy(name: &[u8]) -> String {
    String::from_utf8_lossy(name).into_owned()
}

fn byte_range(dictionary: &Dictionary) -> Result<[usize; 4], PdfError> {
    let wrong = PdfError::Unexpected {
        what: "/ByteRange",
        expected: "four numbers within the file",
    };
    let items = dictionary.get("ByteRange").and_then(Object::array);
    let numbers: Option<Vec<usize>> = items
        .filter(|items| items.len() == 4)
        .and_then(|items| items.iter().map(Object::size).collect());
    numbers
        .and_then(|numbers| numbers.try_into().ok())
        .ok_or(wrong)
}

fn transforms(
    document: &Document<'_>,
    dictionary: &Dictionary,
    revision: usize,
) -> Result<Vec<Transform>, PdfError> {
    let references = document.array(dictionary, "Reference", revision)?;
    if references.len() > limits::REFERENCES {
        return Err(PdfError::TooMuch {
            what: "entries in /Reference of a signature",
            limit: limits::REFERENCES,
        });
    }
    let mut transforms = Vec::new();
    for reference in &references {
        let Object::Dictionary(reference) = document.resolve(reference, revision)? else {
            return Err(PdfError::Unexpected {
                what: "/Reference of a signature",
                expected: "dictionaries",
            });
        };
        let parameters = document.dictionary(&reference, "TransformParams", revision)?;
        let parameters = parameters.unwrap_or_default();
        let method = reference.get("TransformMethod").and_then(Object::name);
        transforms.push(match method {
            Some(b"DocMDP") => Transform::Document(permission(&parameters)?),
            Some(b"FieldMDP") => Transform::Fields(locked_fields(document, &parameters, revision)?),
            _ => Transform::Other,
        });
    }
    Ok(transforms)
}

/// `/P`, 2 when it is absent.
fn permission(parameters: &Dictionary) -> Result<Permission, PdfError> {
    match parameters.get("P") {
        None | Some(Object::Integer(2)) => Ok(Permission::FormFilling),
        Some(Object::Integer(1)) => Ok(Permission::Nothing),
        Some(Object::Integer(3)) => Ok(Permission::Annotations),
        Some(_) => Err(PdfError::Unexpected {
            what: "/P of DocMDP",
            expected: "1, 2 or 3",
        }),
    }
}

/// `/Action` and `/Fields`, of a `FieldMDP` transform or of the `/Lock` of a field.
fn locked_fields(
    document: &Document<'_>,
    parameters: &Dictionary,
    revision: usize,
) -> Result<LockedFields, PdfError> {
    let names = || -> Result<Vec<Vec<u8>>, PdfError> {
        let names = document.array(parameters, "Fields", revision)?;
        if names.len() > limits::LOCKED_NAMES {
            return Err(PdfError::TooMuch {
                what: "names in the lock of a signature",
                limit: limits::LOCKED_NAMES,
            });
        }
        let text = |name: &Object| name.string().map(|name| name.text().into_bytes());
        let names: Option<Vec<_>> = names.iter().map(text).collect();
        names.ok_or(PdfError::Unexpected {
            what: "/Fields of a lock",
            expected: "names of fields",
        })
    };
    match parameters.get("Action").and_then(Object::name) {
        Some(b"All") => Ok(LockedFields::All),
        Some(b"Include") => names().map(LockedFields::Include),
        Some(b"Exclude") => names().map(LockedFields::Exclude),
        _ => Err(PdfError::Unexpected {
            what: "/Action of a lock",
            expected: "All, Include or Exclude",
        }),
    }
}
