//! What later revisions changed (ISO 32000-2:2020 §12.8.2; the rules are those of a white list:
//! what is not recognised as harmless counts as a change of what is shown).
//!
//! Each revision is compared with the one before it. Every object that it redefines or adds has to
//! be explained: by a signature, by validation data, by a field that was filled in, by an
//! annotation. `layout` first makes sure that its bytes hold nothing else.

mod form;
mod layout;
mod pages;
mod uses;

use std::collections::{BTreeMap, BTreeSet};

use super::document::Document;
use super::fields::{self, Field};
use super::object::{Dictionary, Indirect, Object, ObjectId};
use super::xref::Entry;
use super::{PdfError, limits};

/// How far a change goes; each kind includes those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Validation data (DSS), document timestamps, document information.
    ValidationData,
    /// A further signature.
    Signing,
    /// A form was filled in.
    FormFilling,
    /// Annotations were added or changed.
    Annotations,
    /// Anything else: what is shown may be another thing.
    Other,
}

/// One change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// How far it goes.
    pub level: Level,
    /// What was changed, in English: kinds, names of fields, object numbers.
    pub what: String,
    /// The full name of the field that was filled in.
    pub filled: Option<Vec<u8>>,
}

impl Level {
    /// The word used in reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ValidationData => "LTA",
            Self::Signing => "SIGNATURES",
            Self::FormFilling => "FORM_FILLING",
            Self::Annotations => "ANNOTATIONS",
            Self::Other => "OTHER",
        }
    }
}

/// What revision `later` changed against the one before it.
///
/// # Errors
/// When its bytes are not those of a revision alone, an object is malformed, or a limit is
/// exceeded.
pub fn of_revision(document: &Document<'_>, later: usize) -> Result<Vec<Change>, PdfError> {
    let Some(earlier) = later.checked_sub(1) else {
        return Ok(Vec::new());
    };
    layout::check(document, later)?;
    let mut step = Step::new(document, earlier, later)?;
    step.compare_trailers();
    step.compare_catalogs()?;
    step.compare_fields()?;
    step.compare_pages()?;
    step.count_the_rest();
    Ok(step.changes)
}

/// The comparison of two neighbouring revisions.
struct Step<'d, 'a> {
    document: &'d Document<'a>,
    earlier: usize,
    later: usize,
    /// Numbers of objects that were there and are others now, not yet explained.
    redefined: BTreeSet<u32>,
    /// Numbers of objects that are new, not yet explained.
    added: BTreeSet<u32>,
    /// How often the earlier revision refers to each of them.
    uses: BTreeMap<u32, usize>,
    fields_before: Vec<Field>,
    fields_after: Vec<Field>,
    changes: Vec<Change>,
}

impl<'d, 'a> Step<'d, 'a> {
    fn new(document: &'d Document<'a>, earlier: usize, later: usize) -> Result<Self, PdfError> {
        let mut step = Self {
            document,
            earlier,
            later,
            redefined: BTreeSet::new(),
            added: BTreeSet::new(),
            uses: BTreeMap::new(),
            fields_before: fields::all(document, earlier)?,
            fields_after: fields::all(document, later)?,
            changes: Vec::new(),
        };
        step.collect_numbers()?;
        step.count_uses()?;
        Ok(step)
    }

    /// Objects that were referred to before they existed are no harmless additions.
    fn count_uses(&mut self) -> Result<(), PdfError> {
        let wanted = self.redefined.union(&self.added).copied().collect();
        self.uses = uses::count(self.document, self.earlier, &wanted)?;
        for number in self.added.clone() {
            if self.uses.contains_key(&number) {
                self.added.remove(&number);
                let what = format!("object {number} was referred to before it was there");
                self.note(Level::Other, what);
            }
        }
        Ok(())
    }

    /// Explains a redefined object whose one use is known: with another use it would be two things.
    fn explain_redefined(&mut self, number: u32) -> bool {
        self.uses.get(&number) == Some(&1) && self.redefined.remove(&number)
    }

    fn collect_numbers(&mut self) -> Result<(), PdfError> {
        let Some(revision) = self.document.revisions().get(self.later) else {
            return Ok(());
        };
        let own: BTreeSet<u32> = revision
            .sections()
            .iter()
            .filter_map(|section| section.own_object)
            .map(|id| id.number)
            .collect();
        let entries = revision
            .sections()
            .iter()
            .flat_map(|section| section.entries());
        for (number, entry) in entries {
            let before = self.document.entry(number, self.earlier);
            if before == Some(entry) || number == 0 {
                continue;
            }
            let was_there = before.is_some_and(|before| before != Entry::Free);
            if was_there && !own.contains(&number) {
                self.redefined.insert(number);
            } else if !was_there && entry != Entry::Free && !self.is_container(number, &own)? {
                self.added.insert(number);
            } else if was_there {
                // A section of cross-references in the place of an object that was something.
                self.redefined.insert(number);
            }
            if self.redefined.len() + self.added.len() > limits::CHANGED_OBJECTS {
                return Err(PdfError::TooMuch {
                    what: "objects changed after signing",
                    limit: limits::CHANGED_OBJECTS,
                });
            }
        }
        Ok(())
    }

    /// Whether a new object only holds others, or the cross-references themselves.
    fn is_container(&self, number: u32, own: &BTreeSet<u32>) -> Result<bool, PdfError> {
        if own.contains(&number) {
            return Ok(true);
        }
        let object = self.after(number)?;
        Ok(matches!(
            object,
            Some(Indirect::Stream(stream)) if stream.dictionary.has_name("Type", "ObjStm")
        ))
    }

    fn before(&self, number: u32) -> Result<Option<Indirect>, PdfError> {
        at(self.document, number, self.earlier)
    }

    fn after(&self, number: u32) -> Result<Option<Indirect>, PdfError> {
        at(self.document, number, self.later)
    }

    fn note(&mut self, level: Level, what: impl Into<String>) {
        self.changes.push(Change {
            level,
            what: what.into(),
            filled: None,
        });
    }

    /// Explains the new objects that `value` refers to, directly and through one another. What was
    /// there before is not explained by being referred to.
    fn explain(&mut self, value: &Object) -> Result<(), PdfError> {
        let mut waiting: Vec<u32> = Vec::new();
        value.references(&mut |id| waiting.push(id.number));
        while let Some(number) = waiting.pop() {
            if self.added.remove(&number) {
                match self.after(number)? {
                    Some(Indirect::Object(object)) => {
                        object.references(&mut |id| waiting.push(id.number));
                    }
                    Some(Indirect::Stream(stream)) => {
                        stream
                            .dictionary
                            .references(&mut |id| waiting.push(id.number));
                    }
                    None => {}
                }
            }
        }
        Ok(())
    }

    fn compare_trailers(&mut self) {
        let (document, none) = (self.document, Dictionary::default());
        let before = document.trailer(self.earlier).unwrap_or(&none);
        let after = document.trailer(self.later).unwrap_or(&none);
        for key in ["Root", "Encrypt"] {
            if before.get(key) != after.get(key) {
                self.note(Level::Other, format!("the trailer's /{key} is another"));
            }
        }
        if let Some(Object::Reference(info)) = after.get("Info") {
            let is_new = self.added.remove(&info.number);
            let is_same = before.get("Info") == after.get("Info");
            if is_new || is_same && self.explain_redefined(info.number) {
                self.note(Level::ValidationData, "document information");
            }
        }
    }

    fn compare_catalogs(&mut self) -> Result<(), PdfError> {
        let (_, before) = self.document.catalog(self.earlier)?;
        let (id, after) = self.document.catalog(self.later)?;
        self.redefined.remove(&id.number);
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
            own.insert(id.number);
        }
        if let Object::Dictionary(dictionary) = self.document.resolve(value, revision)? {
            for (_, value) in dictionary.iter() {
                self.collect_store(value, revision, own, depth + 1)?;
            }
        }
        Ok(())
    }

    fn compare_metadata(
        &mut self,
        before: &Dictionary,
        after: &Dictionary,
    ) -> Result<(), PdfError> {
        let Some(id) = after.get("Metadata").and_then(Object::reference) else {
            self.note(Level::Other, "the document's metadata were taken away");
            return Ok(());
        };
        let is_metadata = |found: Option<Indirect>| {
            matches!(found, Some(Indirect::Stream(stream))
                if stream.dictionary.has_name("Type", "Metadata"))
        };
        let was_metadata = before.get("Metadata") == after.get("Metadata");
        let was_metadata = was_metadata && is_metadata(self.before(id.number)?);
        if !is_metadata(self.after(id.number)?) {
            return Ok(());
        }
        if self.added.remove(&id.number) || was_metadata && self.explain_redefined(id.number) {
            self.note(Level::ValidationData, "the document's metadata");
        }
        Ok(())
    }

    /// Whatever was not explained.
    fn count_the_rest(&mut self) {
        let redefined = std::mem::take(&mut self.redefined);
        for number in redefined {
            self.note(Level::Other, format!("object {number} was redefined"));
        }
        let added = std::mem::take(&mut self.added);
        for number in added {
            self.note(
                Level::Other,
                format!("object {number} was added for no known reason"),
            );
        }
    }
}

fn at(document: &Document<'_>, number: u32, revision: usize) -> Result<Option<Indirect>, PdfError> {
    let generation = match document.entry(number, revision) {
        Some(Entry::InFile { generation, .. }) => generation,
        _ => 0,
    };
    document.object(ObjectId { number, generation }, revision)
}

/// The keys of two dictionaries, each once.
fn keys(one: &Dictionary, other: &Dictionary) -> BTreeSet<Vec<u8>> {
    let both = one.iter().chain(other.iter());
    both.map(|(key, _)| key.to_vec()).collect()
}

/// A name for a report.
fn text(name: &[u8]) -> String {
    format!("/{}", String::from_utf8_lossy(name))
}

/// Fields by their objects.
fn by_object(fields: &[Field]) -> BTreeMap<ObjectId, &Field> {
    let with_id = |field: &'_ Field| field.id;
    fields
        .iter()
        .filter_map(|field| with_id(field).map(|id| (id, field)))
        .collect()
}
