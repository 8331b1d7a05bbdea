//! What stands around the pages: trailer, catalog, document information, validation data.

use std::collections::BTreeSet;

use super::{Level, Step, keys, text, xmp};
use crate::pdf::PdfError;
use crate::pdf::object::{Dictionary, Indirect, Object, Stream};
use crate::pdf::xref::Section;

/// Entries of the document information that every program writes anew when it saves.
const SET_BY_SAVING: [&[u8]; 3] = [b"ModDate", b"Producer", b"Creator"];
/// What it writes when there was no document information.
const CREATION: &[u8] = b"CreationDate";

impl Step<'_, '_> {
    pub(super) fn compare_trailers(&mut self) -> Result<(), PdfError> {
        let (document, none) = (self.document, Dictionary::default());
        let before = document.trailer(self.earlier).unwrap_or(&none);
        let after = document.trailer(self.later).unwrap_or(&none);
        for key in ["Root", "Encrypt"] {
            if before.get(key) != after.get(key) {
                self.note(Level::Other, format!("the trailer's /{key} is another"));
            }
        }
        self.compare_sizes(before, after);
        self.compare_information(before, after)
    }

    /// The document information: another object, another value, or none any more.
    fn compare_information(
        &mut self,
        before: &Dictionary,
        after: &Dictionary,
    ) -> Result<(), PdfError> {
        let mut is_changed = before.get("Info") != after.get("Info");
        if let Some(id) = after.get("Info").and_then(Object::reference) {
            // What is redefined explains itself only in the place where it stood before.
            if is_changed {
                self.added.remove(&id.number);
            } else {
                is_changed = self.explain_redefined(id.number);
            }
        }
        if is_changed {
            let document = self.document;
            let old = document.dictionary(before, "Info", self.earlier)?;
            let new = document.dictionary(after, "Info", self.later)?;
            self.compare_facts(&old.unwrap_or_default(), &new.unwrap_or_default());
        }
        Ok(())
    }

    /// Readers take objects from `/Size` on for missing (§7.5.5): no number may come into reach,
    /// or get out of it, without being redefined.
    fn compare_sizes(&mut self, before: &Dictionary, after: &Dictionary) {
        let size = |trailer: &Dictionary| trailer.get("Size").and_then(Object::size);
        let (Some(old), Some(new)) = (size(before), size(after)) else {
            return self.note(Level::Other, "a trailer without /Size");
        };
        let revisions = self.document.revisions().iter().take(self.earlier + 1);
        let sections = revisions.flat_map(|revision| revision.sections());
        let highest = sections.filter_map(Section::highest).max();
        let highest = highest.and_then(|highest| usize::try_from(highest).ok());
        if new < old {
            self.note(Level::Other, "the trailer's /Size is smaller");
        } else if new > old && highest.is_some_and(|highest| highest >= old) {
            self.note(Level::Other, "objects that /Size hid come to light");
        }
    }

    /// Title, author and the like are shown; when and with what a file was saved is no matter.
    fn compare_facts(&mut self, old: &Dictionary, new: &Dictionary) {
        let is_first = old.iter().next().is_none();
        let is_shown = |key: &Vec<u8>| {
            let key = key.as_slice();
            !(SET_BY_SAVING.contains(&key) || is_first && key == CREATION)
        };
        let changed = keys(old, new).into_iter();
        let mut changed = changed.filter(|key| old.get(key) != new.get(key));
        match changed.find(is_shown) {
            Some(key) => {
                let what = format!("the document information's {}", text(&key));
                self.note(Level::FormFilling, what);
            }
            None => self.note(Level::ValidationData, "document information"),
        }
    }

    pub(super) fn compare_catalogs(&mut self) -> Result<(), PdfError> {
        let (_, before) = self.document.catalog(self.earlier)?;
        let (id, after) = self.document.catalog(self.later)?;
        // Explained below, key by key, as a catalog: it may not be another thing too.
        // Nor may another thing's entries change when only what they refer to is redefined.
        let is_changed = self.redefined.remove(&id.number) || !self.redefined.is_empty();
        if is_changed && !self.is_used_once(id.number) {
            self.note(Level::Other, "the catalog is used as something else, too");
        }
        for key in keys(&before, &after) {
            match key.as_slice() {
                b"AcroForm" => {}
                b"DSS" => self.compare_validation_data(&before, &after)?,
                b"Metadata" => self.compare_metadata(&before, &after)?,
                b"Extensions" | b"Version" if before.get(&key) != after.get(&key) => {
                    self.note(
                        Level::ValidationData,
                        format!("the catalog's {}", text(&key)),
                    );
                    after
                        .get(&key)
                        .map_or(Ok(()), |value| self.explain(value))?;
                }
                _ if before.get(&key) == after.get(&key) => {}
                _ => self.note(Level::Other, format!("the catalog's {}", text(&key))),
            }
        }
        self.compare_forms(&before, &after)
    }

    /// The document security store (§12.8.4.3): all that it refers to is validation data.
    fn compare_validation_data(
        &mut self,
        before: &Dictionary,
        after: &Dictionary,
    ) -> Result<(), PdfError> {
        let Some(store) = after.get("DSS") else {
            self.note(Level::Other, "validation data were taken away");
            return Ok(());
        };
        if before.get("DSS") != Some(store) && !self.is_store(store)? {
            self.note(Level::Other, "validation data that are something else");
            return Ok(());
        }
        let count = self.added.len() + self.redefined.len();
        let mut own = BTreeSet::new();
        if let Some(old) = before.get("DSS") {
            self.collect_store(old, self.earlier, &mut own, 0)?;
        }
        // Lists of the store may be redefined, and nothing else that it happens to refer to.
        for number in own {
            let is_list = match self.before(number)? {
                Some(Indirect::Object(Object::Array(_) | Object::Dictionary(_))) => true,
                Some(_) | None => false,
            };
            if is_list && self.explain_redefined(number) {
                let list = self.after(number)?;
                let list = list.as_ref().and_then(Indirect::object).cloned();
                list.map_or(Ok(()), |list| self.explain(&list))?;
            }
        }
        self.explain(store)?;
        let is_same = count == self.added.len() + self.redefined.len();
        if before.get("DSS") != Some(store) || !is_same {
            self.note(Level::ValidationData, "validation data");
        }
        Ok(())
    }

    /// Whether a value is or refers to a store, and to nothing that says it is another thing.
    fn is_store(&self, value: &Object) -> Result<bool, PdfError> {
        let found = self.document.resolve(value, self.later)?;
        let store = found.dictionary();
        Ok(store.is_some_and(|store| store.get("Type").is_none() || store.has_name("Type", "DSS")))
    }

    /// Numbers of the store's own dictionaries and arrays: the store, its lists, VRI.
    fn collect_store(
        &self,
        value: &Object,
        revision: usize,
        own: &mut BTreeSet<u32>,
        depth: usize,
    ) -> Result<(), PdfError> {
        /// The store → VRI → one entry → a list.
        const DEPTH: usize = 3;
        if depth > DEPTH {
            return Ok(());
        }
        if let Some(id) = value.reference() {
            // What is something else besides has entries that are something else, too.
            if !self.is_used_once(id.number) {
                return Ok(());
            }
            own.insert(id.number);
        }
        if let Object::Dictionary(dictionary) = self.document.resolve(value, revision)? {
            for (_, value) in dictionary.iter() {
                self.collect_store(value, revision, own, depth + 1)?;
            }
        }
        Ok(())
    }

    /// The packet that the catalog names: another one, one written anew, or none any more.
    fn compare_metadata(
        &mut self,
        before: &Dictionary,
        after: &Dictionary,
    ) -> Result<(), PdfError> {
        let (old, new) = (before.get("Metadata"), after.get("Metadata"));
        let is_same = old == new;
        let old = self.packet(old, self.earlier)?;
        let stream = self.packet(new, self.later)?;
        let (Some(id), Some(stream)) = (new.and_then(Object::reference), stream) else {
            if !is_same {
                self.note(Level::Other, "the document's metadata were taken away");
            }
            // What was redefined to be no packet any more stays unexplained.
            return Ok(());
        };
        let is_changed = match is_same {
            true => old.is_some() && self.explain_redefined(id.number),
            // Named anew: of what stood there before, too, the reader sees something else now.
            false => {
                self.added.remove(&id.number);
                true
            }
        };
        if !is_changed {
            return Ok(());
        }
        // Metadata that cannot be read here, for instance in another filter, are not the same.
        let read = |stream: Stream| self.document.decode(&stream).ok();
        let is_saved_alone = match (old.and_then(read), read(stream)) {
            (Some(old), Some(new)) => xmp::say_the_same(&old, &new),
            _ => false,
        };
        let level = if is_saved_alone {
            Level::ValidationData
        } else {
            Level::FormFilling
        };
        self.note(level, "the document's metadata");
        Ok(())
    }

    /// The stream of metadata that a value of `/Metadata` refers to.
    fn packet(&self, value: Option<&Object>, revision: usize) -> Result<Option<Stream>, PdfError> {
        let Some(id) = value.and_then(Object::reference) else {
            return Ok(None);
        };
        let found = self.document.object(id, revision)?;
        Ok(match found {
            Some(Indirect::Stream(stream)) if stream.dictionary.has_name("Type", "Metadata") => {
                Some(stream)
            }
            _ => None,
        })
    }
}
