//! Signatures that the form's `/Fields` does not lead to: those of widgets that only a page names,
//! and those of the catalog's `/Perms` (ISO 32000-2:2020 §12.5.2, §12.8.6).
//!
//! Other readers find them there and judge them.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use super::{Field, is_signature_value};
use crate::pdf::document::Document;
use crate::pdf::object::{Dictionary, Object, ObjectId, PdfString};
use crate::pdf::xref::Entry;
use crate::pdf::{PdfError, limits};

/// Entries of `/Perms` that are signatures, whatever stands there.
const PERMISSIONS: [&[u8]; 3] = [b"DocMDP", b"UR", b"UR3"];

/// What was read of earlier revisions and is read again only when a later one changed it.
#[derive(Debug, Default)]
pub struct Unlisted {
    nodes: BTreeMap<ObjectId, Node>,
}

/// A node of the page tree whose annotations hold no signature.
#[derive(Debug)]
struct Node {
    kids: Vec<ObjectId>,
    /// Numbers of all objects that say so.
    read: Vec<u32>,
}

impl Unlisted {
    /// Every field with a signature to which `listed`, the fields of the form as of this revision,
    /// do not lead. Asked for every revision in turn, the first one first.
    ///
    /// # Errors
    /// When what pages name cannot be read, or a limit is exceeded.
    pub fn of_revision(
        &mut self,
        document: &Document<'_>,
        revision: usize,
        listed: &[Field],
    ) -> Result<Vec<Field>, PdfError> {
        self.forget_changed(document, revision);
        let signatures = || listed.iter().filter(|field| field.is_signature);
        let values = signatures().filter_map(|field| field.value.as_deref());
        let mut walk = Walk {
            document,
            revision,
            listed: signatures().filter_map(|field| field.id).collect(),
            values: values.filter_map(Object::reference).collect(),
            above: BTreeMap::new(),
            read: Vec::new(),
            is_kept: true,
            fields: Vec::new(),
            items_left: limits::FORM_ITEMS,
        };
        walk.permissions()?;
        walk.pages(&mut self.nodes)?;
        Ok(walk.fields)
    }

    fn forget_changed(&mut self, document: &Document<'_>, revision: usize) {
        let sections = document.revisions().get(revision).into_iter();
        let sections = sections.flat_map(|revision| revision.sections());
        let changed: BTreeSet<u32> = sections
            .flat_map(|section| section.entries())
            .map(|(number, _)| number)
            .collect();
        self.nodes
            .retain(|_, node| !node.read.iter().any(|number| changed.contains(number)));
    }
}

/// A field, or an annotation that may be one, apart from what it inherits.
struct Part {
    dictionary: Dictionary,
    /// Whether the object stands in the file, not in a stream.
    in_file: bool,
    /// Numbers of the objects that were read for it.
    read: Vec<u32>,
}

struct Walk<'d, 'a> {
    document: &'d Document<'a>,
    revision: usize,
    /// Signature fields of the form, and what their values refer to.
    listed: BTreeSet<ObjectId>,
    values: BTreeSet<ObjectId>,
    /// Fields above others, each read once: they name all that are below.
    above: BTreeMap<ObjectId, Option<Rc<Part>>>,
    /// Numbers of the objects that were read for a node of the page tree.
    read: Vec<u32>,
    /// Whether that node need not be read again while they are as they are.
    is_kept: bool,
    fields: Vec<Field>,
    /// Items of dictionaries that may still be kept.
    items_left: usize,
}

impl Walk<'_, '_> {
    fn permissions(&mut self) -> Result<(), PdfError> {
        let (id, catalog) = self.document.catalog(self.revision)?;
        let Some(at) = catalog.get("Perms") else {
            return Ok(());
        };
        let (permissions, in_file) = self.resolve(at, self.is_in_file(id))?;
        let Object::Dictionary(permissions) = permissions else {
            return Ok(());
        };
        for (key, value) in permissions.iter() {
            let is_signature = PERMISSIONS.contains(&key) && *value != Object::Null;
            if is_signature || is_signature_value(&self.resolve(value, in_file)?.0) {
                self.take(Field {
                    id: None,
                    name: [b"Perms.", key].concat(),
                    ancestors: Vec::new(),
                    is_signature: true,
                    is_button: false,
                    dictionary: Dictionary::default(),
                    value: Some(Rc::new(value.clone())),
                    in_file,
                })?;
            }
        }
        Ok(())
    }

    fn pages(&mut self, known: &mut BTreeMap<ObjectId, Node>) -> Result<(), PdfError> {
        let (id, catalog) = self.document.catalog(self.revision)?;
        let root = (catalog.get("Pages").cloned(), self.is_in_file(id));
        let mut waiting: Vec<(Object, bool)> = root.0.map(|at| (at, root.1)).into_iter().collect();
        let mut numbers: usize = known.values().map(|node| node.read.len()).sum();
        let mut visited = BTreeSet::new();
        while let Some((at, in_file)) = waiting.pop() {
            let id = at.reference();
            if id.is_some_and(|id| !visited.insert(id)) {
                continue;
            }
            if let Some(node) = id.and_then(|id| known.get(&id)) {
                let kids = node.kids.iter();
                waiting.extend(kids.map(|kid| (Object::Reference(*kid), true)));
                continue;
            }
            (self.read, self.is_kept) = (Vec::new(), true);
            let (kids, in_file) = self.node(&at, in_file)?;
            let references: Option<Vec<ObjectId>> = kids.iter().map(Object::reference).collect();
            waiting.extend(kids.into_iter().map(|kid| (kid, in_file)));
            let more = numbers + self.read.len();
            if let (Some(id), Some(kids)) = (id, references)
                && self.is_kept
                && more <= limits::ENTRIES
            {
                numbers = more;
                let read = std::mem::take(&mut self.read);
                known.insert(id, Node { kids, read });
            }
        }
        Ok(())
    }

    /// Looks at the annotations of a node, and answers the nodes below it and whether those that
    /// are written directly stand in the file.
    fn node(&mut self, at: &Object, in_file: bool) -> Result<(Vec<Object>, bool), PdfError> {
        let (Object::Dictionary(node), in_file) = self.resolve(at, in_file)? else {
            return Ok((Vec::new(), in_file));
        };
        if let Some(annotations) = node.get("Annots") {
            let (annotations, in_file) = self.resolve(annotations, in_file)?;
            for annotation in annotations.array().unwrap_or_default() {
                self.annotation(annotation, in_file)?;
            }
        }
        let Some(kids) = node.get("Kids") else {
            return Ok((Vec::new(), in_file));
        };
        match self.resolve(kids, in_file)? {
            (Object::Array(kids), in_file) => Ok((kids, in_file)),
            (_, in_file) => Ok((Vec::new(), in_file)),
        }
    }

    fn annotation(&mut self, at: &Object, in_file: bool) -> Result<(), PdfError> {
        let id = at.reference();
        if id.is_some_and(|id| self.listed.contains(&id)) {
            self.is_kept = false;
            return Ok(());
        }
        let (Object::Dictionary(dictionary), in_file) = self.resolve(at, in_file)? else {
            return Ok(());
        };
        // Links and notes are no fields.
        let is_field = ["FT", "V", "Parent"]
            .iter()
            .any(|key| dictionary.get(key).is_some());
        if !is_field {
            return Ok(());
        }
        let mut kind = self.kind(&dictionary)?;
        let mut value = value_of(&dictionary).map(|value| (value, in_file));
        let mut names: Vec<Vec<u8>> = self.name(&dictionary)?.into_iter().collect();
        let (mut ancestors, mut next) = (Vec::new(), dictionary.get("Parent").cloned());
        while let Some(parent) = next {
            if ancestors.len() > limits::TREE_DEPTH {
                return Err(PdfError::TooMuch {
                    what: "levels of fields above an annotation",
                    limit: limits::TREE_DEPTH,
                });
            }
            ancestors.push(parent.reference());
            let Some(above) = self.above(&parent, in_file)? else {
                break;
            };
            if kind.is_none() {
                kind = self.kind(&above.dictionary)?;
            }
            let inherited = || value_of(&above.dictionary).map(|value| (value, above.in_file));
            value = value.or_else(inherited);
            names.extend(self.name(&above.dictionary)?);
            next = above.dictionary.get("Parent").cloned();
        }
        let Some((value, in_file)) = value else {
            return Ok(());
        };
        let is_signature = kind.as_deref() == Some(b"Sig");
        if !is_signature && !is_signature_value(&self.resolve(&value, in_file)?.0) {
            return Ok(());
        }
        names.reverse();
        ancestors.reverse();
        let mut name = names.join(&b'.');
        name.truncate(limits::FIELD_NAME_BYTES);
        self.take(Field {
            id,
            name,
            ancestors,
            is_signature: true,
            is_button: false,
            dictionary,
            value: Some(Rc::new(value)),
            in_file,
        })
    }

    /// Keeps a field, unless its value is that of a signature field of the form.
    fn take(&mut self, field: Field) -> Result<(), PdfError> {
        self.is_kept = false;
        let value = field.value.as_deref().and_then(Object::reference);
        if value.is_none_or(|id| !self.values.contains(&id)) {
            self.count(field.dictionary.items())?;
            self.fields.push(field);
        }
        Ok(())
    }

    /// A field above others; none when it is no dictionary.
    fn above(&mut self, at: &Object, in_file: bool) -> Result<Option<Rc<Part>>, PdfError> {
        let known = at.reference().and_then(|id| self.above.get(&id)).cloned();
        let part = match known {
            Some(part) => part,
            None => self.read_above(at, in_file)?,
        };
        // What says that a node holds no signature is whatever was read before, too.
        match &part {
            Some(part) => self.read.extend(&part.read),
            None => self.is_kept = false,
        }
        Ok(part)
    }

    fn read_above(&mut self, at: &Object, in_file: bool) -> Result<Option<Rc<Part>>, PdfError> {
        let before = self.read.len();
        let (found, in_file) = self.resolve(at, in_file)?;
        let read = self.read.split_off(before);
        let part = match found {
            Object::Dictionary(mut dictionary) => {
                dictionary.keep(&["FT", "Parent", "T", "V"]);
                self.count(dictionary.items())?;
                Some(Rc::new(Part {
                    dictionary,
                    in_file,
                    read,
                }))
            }
            _ => None,
        };
        if let Some(id) = at.reference() {
            self.above.insert(id, part.clone());
        }
        Ok(part)
    }

    fn count(&mut self, items: usize) -> Result<(), PdfError> {
        let left = self.items_left.checked_sub(items);
        self.items_left = left.ok_or(PdfError::TooMuch {
            what: "items in the fields that pages name",
            limit: limits::FORM_ITEMS,
        })?;
        Ok(())
    }

    fn kind(&mut self, dictionary: &Dictionary) -> Result<Option<Vec<u8>>, PdfError> {
        let Some(kind) = dictionary.get("FT") else {
            return Ok(None);
        };
        let (kind, _) = self.resolve(kind, true)?;
        Ok(kind.name().map(<[u8]>::to_vec))
    }

    fn name(&mut self, dictionary: &Dictionary) -> Result<Option<Vec<u8>>, PdfError> {
        let Some(name) = dictionary.get("T") else {
            return Ok(None);
        };
        let (name, _) = self.resolve(name, true)?;
        let name = name.string().map(PdfString::text);
        Ok(name.map(String::into_bytes))
    }

    /// What a value stands for, and whether that stands in the file; what is written directly
    /// stands where its holder does.
    fn resolve(&mut self, value: &Object, in_file: bool) -> Result<(Object, bool), PdfError> {
        let Some(id) = value.reference() else {
            return Ok((value.clone(), in_file));
        };
        self.read.push(id.number);
        let entry = self.document.entry(id.number, self.revision);
        if let Some(Entry::InStream { stream, .. }) = entry {
            self.read.push(stream);
        }
        let in_file = matches!(entry, Some(Entry::InFile { .. }));
        Ok((self.document.resolve(value, self.revision)?, in_file))
    }

    fn is_in_file(&self, id: ObjectId) -> bool {
        let entry = self.document.entry(id.number, self.revision);
        matches!(entry, Some(Entry::InFile { .. }))
    }
}

/// `/V`; an entry that is null is none (§7.3.7).
fn value_of(dictionary: &Dictionary) -> Option<Object> {
    let value = dictionary.get("V").filter(|value| **value != Object::Null);
    value.cloned()
}
