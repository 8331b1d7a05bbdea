//! Form fields as of a revision, and the signatures in them (ISO 32000-2:2020 §12.7).

pub mod unlisted;

use std::collections::BTreeSet;
use std::rc::Rc;

use super::document::Document;
use super::object::{Dictionary, Indirect, Object, ObjectId, PdfString};
use super::signature::{self, SignatureDictionary};
use super::xref::Entry;
use super::{PdfError, limits};

/// A field without kids that are fields.
#[derive(Clone, Debug)]
pub struct Field {
    /// Its object; none when it is written directly.
    pub id: Option<ObjectId>,
    /// Its full name in UTF-8, the names of its ancestors before it.
    pub name: Vec<u8>,
    /// The objects of its ancestors, the outermost first; none for those written directly.
    pub ancestors: Vec<Option<ObjectId>>,
    /// Whether it is a signature field, `/FT /Sig`, by itself or by an ancestor.
    pub is_signature: bool,
    /// Whether it is a button, `/FT /Btn`, by itself or by an ancestor.
    pub is_button: bool,
    /// Its dictionary.
    pub dictionary: Dictionary,
    /// `/V`, its own or an ancestor's.
    pub value: Option<Rc<Object>>,
    /// Whether the object that holds the value stands in the file, not in a stream.
    in_file: bool,
}

/// What a field inherits.
#[derive(Clone, Default)]
struct Inherited {
    name: Vec<u8>,
    ancestors: Vec<Option<ObjectId>>,
    kind: Option<Vec<u8>>,
    value: Option<Rc<Object>>,
    in_file: bool,
}

impl Field {
    /// Whether the field, its ancestors and the object that its value refers to stand as of one
    /// revision where they stand as of another.
    #[must_use]
    pub fn is_as_in(&self, document: &Document<'_>, one: usize, other: usize) -> bool {
        let value = self.value.as_deref().and_then(Object::reference);
        let own = self.ancestors.iter().copied().chain([self.id]).flatten();
        let place = |number, revision| {
            let entry = document.entry(number, revision);
            let container = match entry {
                Some(Entry::InStream { stream, .. }) => document.entry(stream, revision),
                _ => None,
            };
            (entry, container)
        };
        own.chain(value)
            .all(|id| place(id.number, one) == place(id.number, other))
    }

    /// What the field is signed with; none when it is not signed. What looks like a signature is
    /// one in a field of any other kind, too.
    ///
    /// # Errors
    /// As [`signature::read`].
    #[must_use = "a field with a value that cannot be read is a broken signature"]
    pub fn signature(
        &self,
        document: &Document<'_>,
        revision: usize,
    ) -> Option<Result<SignatureDictionary, PdfError>> {
        let may_be = |value: &&Object| {
            self.is_signature || matches!(value, Object::Reference(_) | Object::Dictionary(_))
        };
        let value = self.value.as_deref().filter(may_be)?;
        match document.resolve(value, revision) {
            Ok(found) if !self.is_signature && !is_signature_value(&found) => None,
            // Nothing was ever put there; a reference to nothing is a signature taken away.
            Ok(Object::Null) if value.reference().is_none() => None,
            Ok(_) => Some(self.read_signature(document, value, revision)),
            Err(error) => Some(Err(error)),
        }
    }

    fn read_signature(
        &self,
        document: &Document<'_>,
        value: &Object,
        revision: usize,
    ) -> Result<SignatureDictionary, PdfError> {
        let mut signature = signature::read(document, value, self.in_file, revision)?;
        let lock = document.dictionary(&self.dictionary, "Lock", revision)?;
        if let Some(lock) = lock {
            signature.add_lock(document, &lock, revision)?;
        }
        Ok(signature)
    }
}

/// Whether a value is what signature fields hold, whatever holds it.
fn is_signature_value(value: &Object) -> bool {
    value.dictionary().is_some_and(|value| {
        let has = |key| value.get(key).is_some();
        has("ByteRange") || has("Contents") && has("Filter")
    })
}

/// Every field as of a revision, in the order of the form.
///
/// # Errors
/// When the form is malformed, or a limit is exceeded.
pub fn all(document: &Document<'_>, revision: usize) -> Result<Vec<Field>, PdfError> {
    let (_, catalog) = document.catalog(revision)?;
    let Some(form) = document.dictionary(&catalog, "AcroForm", revision)? else {
        return Ok(Vec::new());
    };
    let mut walk = Walk {
        document,
        revision,
        visited: BTreeSet::new(),
        fields: Vec::new(),
        items_left: limits::FORM_ITEMS,
    };
    for field in document.array(&form, "Fields", revision)? {
        let none = Inherited {
            in_file: walk.form_in_file(&catalog, &form),
            ..Inherited::default()
        };
        walk.visit(&field, &none, 0)?;
    }
    Ok(walk.fields)
}

struct Walk<'d, 'a> {
    document: &'d Document<'a>,
    revision: usize,
    visited: BTreeSet<ObjectId>,
    fields: Vec<Field>,
    /// Items of dictionaries that may still be kept.
    items_left: usize,
}

impl Walk<'_, '_> {
    fn visit(&mut self, at: &Object, above: &Inherited, depth: usize) -> Result<(), PdfError> {
        if depth > limits::TREE_DEPTH || self.fields.len() >= limits::FIELDS {
            return Err(PdfError::TooMuch {
                what: "form fields, or levels of them",
                limit: if depth > limits::TREE_DEPTH {
                    limits::TREE_DEPTH
                } else {
                    limits::FIELDS
                },
            });
        }
        let id = at.reference();
        if id.is_some_and(|id| !self.visited.insert(id)) {
            return Err(PdfError::Loop("form fields"));
        }
        // What is written directly stands where its parent stands.
        let in_file = id.map_or(above.in_file, |id| self.is_in_file(id));
        let found = match id {
            Some(id) => self.document.object(id, self.revision)?,
            None => Some(Indirect::Object(at.clone())),
        };
        // A reference to nothing is a field that is not there.
        let dictionary = match found {
            None | Some(Indirect::Object(Object::Null)) => return Ok(()),
            Some(Indirect::Object(Object::Dictionary(dictionary))) => dictionary,
            Some(_) => {
                return Err(PdfError::Unexpected {
                    what: "a form field",
                    expected: "a dictionary",
                });
            }
        };
        let own = Inherited {
            name: self.full_name(&dictionary, &above.name)?,
            ancestors: [above.ancestors.as_slice(), &[id]].concat(),
            in_file,
            kind: self.kind(&dictionary)?.or_else(|| above.kind.clone()),
            value: match dictionary.get("V") {
                // An entry that is null is none (§7.3.7).
                None | Some(Object::Null) => above.value.clone(),
                Some(value) => Some(Rc::new(value.clone())),
            },
        };
        let kids = self.document.array(&dictionary, "Kids", self.revision)?;
        if self.are_fields(&kids)? {
            return kids
                .iter()
                .try_for_each(|kid| self.visit(kid, &own, depth + 1));
        }
        let left = self.items_left.checked_sub(dictionary.items());
        self.items_left = left.ok_or(PdfError::TooMuch {
            what: "items in the fields of a form",
            limit: limits::FORM_ITEMS,
        })?;
        self.fields.push(Field {
            id,
            name: own.name,
            ancestors: above.ancestors.clone(),
            is_signature: own.kind.as_deref() == Some(b"Sig"),
            is_button: own.kind.as_deref() == Some(b"Btn"),
            value: own.value,
            dictionary,
            in_file,
        });
        Ok(())
    }

    fn kind(&self, dictionary: &Dictionary) -> Result<Option<Vec<u8>>, PdfError> {
        let kind = dictionary.get("FT");
        let kind = kind
            .map(|kind| self.document.resolve(kind, self.revision))
            .transpose()?;
        Ok(kind.and_then(|kind| kind.name().map(<[u8]>::to_vec)))
    }

    fn full_name(&self, dictionary: &Dictionary, above: &[u8]) -> Result<Vec<u8>, PdfError> {
        let own = dictionary.get("T");
        let own = own
            .map(|own| self.document.resolve(own, self.revision))
            .transpose()?;
        let own = own.as_ref().and_then(Object::string);
        let name = match own.map(PdfString::text) {
            None => above.to_vec(),
            Some(own) if above.is_empty() => own.into_bytes(),
            Some(own) => [above, b".", own.as_bytes()].concat(),
        };
        if name.len() > limits::FIELD_NAME_BYTES {
            return Err(PdfError::TooMuch {
                what: "bytes in the name of a field",
                limit: limits::FIELD_NAME_BYTES,
            });
        }
        Ok(name)
    }

    fn is_in_file(&self, id: ObjectId) -> bool {
        let entry = self.document.entry(id.number, self.revision);
        matches!(entry, Some(Entry::InFile { .. }))
    }

    /// Whether fields that are written directly into the form stand in the file.
    fn form_in_file(&self, catalog: &Dictionary, form: &Dictionary) -> bool {
        let root = self.document.catalog(self.revision).ok();
        let holders = [
            root.map(|(id, _)| id),
            catalog.get("AcroForm").and_then(Object::reference),
            form.get("Fields").and_then(Object::reference),
        ];
        holders.into_iter().flatten().all(|id| self.is_in_file(id))
    }

    /// Whether kids are fields, and not only the widgets of one: a field has a name (§12.7.4.2), or
    /// kids, of which one far below may have a name and a signature. A widget has neither.
    fn are_fields(&self, kids: &[Object]) -> Result<bool, PdfError> {
        for kid in kids {
            let Object::Dictionary(kid) = self.document.resolve(kid, self.revision)? else {
                continue;
            };
            let is_field = ["T", "FT", "V"].iter().any(|key| kid.get(key).is_some());
            if is_field || !self.document.array(&kid, "Kids", self.revision)?.is_empty() {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
