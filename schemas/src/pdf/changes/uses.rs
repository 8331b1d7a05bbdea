//! How often the objects of a revision are referred to.
//!
//! Who prepares a file before it is signed may let one object be two things, of which one may be
//! changed, or may refer to an object that does not exist yet. Counting finds both.

use std::collections::{BTreeMap, BTreeSet};

use crate::pdf::PdfError;
use crate::pdf::document::Document;
use crate::pdf::object::{Dictionary, Indirect, Object, ObjectId};
use crate::pdf::xref::Entry;

/// Entries that refer to fields, widgets and annotations because they are that: of the form, of
/// fields, of pages, and of the structure (§12.5, §12.7, §14.7.5.3).
const PLACES: [&[u8]; 6] = [b"Fields", b"Kids", b"Annots", b"Parent", b"Obj", b"CO"];

/// What refers to the objects of a revision.
#[derive(Default)]
pub(super) struct Uses {
    /// How often each is referred to, also by objects that stand in it when it is a container.
    pub counts: BTreeMap<u32, usize>,
    /// Those to which something else than [`PLACES`] refers.
    pub elsewhere: BTreeSet<u32>,
}

/// References to the objects of a revision and to `wanted`, from everything that can be reached.
pub(super) fn count(
    document: &Document<'_>,
    revision: usize,
    wanted: &BTreeSet<u32>,
) -> Result<Uses, PdfError> {
    let trailer = document.trailer(revision);
    let mut walk = Walk {
        document,
        revision,
        wanted,
        catalog: trailer.and_then(|trailer| trailer.get("Root")),
        uses: Uses::default(),
        lists: BTreeMap::new(),
        placed: BTreeSet::new(),
        visited: BTreeSet::new(),
        waiting: Vec::new(),
    };
    if let Some(trailer) = trailer {
        walk.dictionary(trailer);
    }
    walk.everything()?;
    Ok(walk.finish())
}

struct Walk<'d, 'a> {
    document: &'d Document<'a>,
    revision: usize,
    wanted: &'d BTreeSet<u32>,
    catalog: Option<&'d Object>,
    uses: Uses,
    /// Arrays that are objects of their own, and what they refer to.
    lists: BTreeMap<u32, Vec<u32>>,
    /// What one of [`PLACES`] refers to.
    placed: BTreeSet<u32>,
    visited: BTreeSet<u32>,
    waiting: Vec<u32>,
}

impl Walk<'_, '_> {
    fn everything(&mut self) -> Result<(), PdfError> {
        while let Some(number) = self.waiting.pop() {
            // Some readers do not ask for the generation of a reference.
            match super::at(self.document, number, self.revision)? {
                Some(Indirect::Object(Object::Array(items))) => self.list(number, &items),
                Some(Indirect::Object(object)) => self.object(&object, false),
                Some(Indirect::Stream(stream)) => self.dictionary(&stream.dictionary),
                None => {}
            }
        }
        Ok(())
    }

    /// What an array refers to stands where the array does, which is known at the end.
    fn list(&mut self, number: u32, items: &[Object]) {
        let mut named = Vec::new();
        for item in items {
            match item.reference() {
                Some(id) if self.take(id) => named.push(id.number),
                Some(_) => {}
                None => self.object(item, false),
            }
        }
        self.lists.insert(number, named);
    }

    fn object(&mut self, object: &Object, is_place: bool) {
        match object {
            Object::Reference(id) if self.take(*id) => {
                match is_place {
                    true => self.placed.insert(id.number),
                    false => self.uses.elsewhere.insert(id.number),
                };
            }
            Object::Array(items) => items.iter().for_each(|item| self.object(item, is_place)),
            Object::Dictionary(dictionary) => self.dictionary(dictionary),
            _ => {}
        }
    }

    /// Every entry, but for `/Data` of a signature reference (§12.8.1, table 256) that names the
    /// catalog as what was compared, and uses it for nothing.
    fn dictionary(&mut self, dictionary: &Dictionary) {
        let is_signature_reference = dictionary.get("TransformMethod").is_some();
        for (key, value) in dictionary.iter() {
            let is_compared = is_signature_reference && key == b"Data";
            if !(is_compared && Some(value) == self.catalog) {
                self.object(value, PLACES.contains(&key));
            }
        }
    }

    /// Counts a reference; whether it is kept in mind, which those to nothing are not.
    fn take(&mut self, id: ObjectId) -> bool {
        let entry = self.document.entry(id.number, self.revision);
        let is_there = entry.is_some_and(|entry| entry != Entry::Free);
        let is_kept = is_there || self.wanted.contains(&id.number);
        if is_kept {
            *self.uses.counts.entry(id.number).or_default() += 1;
        }
        if is_there && self.visited.insert(id.number) {
            self.waiting.push(id.number);
            if let Some(Entry::InStream { stream, .. }) = entry {
                *self.uses.counts.entry(stream).or_default() += 1;
            }
        }
        is_kept
    }

    fn finish(self) -> Uses {
        let mut uses = self.uses;
        let inner = self.lists.values().flatten();
        let inner = inner.filter(|number| self.lists.contains_key(number));
        uses.elsewhere.extend(inner.copied());
        for (list, named) in self.lists {
            if !self.placed.contains(&list) || uses.elsewhere.contains(&list) {
                uses.elsewhere.extend(named);
            }
        }
        uses
    }
}
