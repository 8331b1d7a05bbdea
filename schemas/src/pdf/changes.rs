//! What later revisions changed (ISO 32000-2:2020 §12.8.2; the rules are those of a white list:
//! what is not recognised as harmless counts as a change of what is shown).
//!
//! Each revision is compared with the one before it. Every object that it redefines or adds has to
//! be explained: by a signature, by validation data, by a field that was filled in, by an
//! annotation. `layout` first makes sure that its bytes hold nothing else.

mod catalog;
mod form;
mod layout;
mod pages;
mod signing;
mod uses;
mod xmp;

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
    /// Whether something is drawn on a page that was not there.
    pub is_drawn: bool,
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
    step.compare_trailers()?;
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
    /// Numbers of new objects that only hold others, or the cross-references.
    containers: BTreeSet<u32>,
    /// How often the earlier revision refers to each object.
    uses: BTreeMap<u32, usize>,
    /// What it refers to from other places than those of fields and annotations.
    elsewhere: BTreeSet<u32>,
    fields_before: Vec<Field>,
    fields_after: Vec<Field>,
    /// Widgets of signatures that are new, not yet placed on a page.
    new_widgets: BTreeSet<ObjectId>,
    /// The area of them all, in square points.
    drawn_area: f64,
    changes: Vec<Change>,
    /// How many of each level were noted.
    noted: BTreeMap<Level, usize>,
}

impl<'d, 'a> Step<'d, 'a> {
    fn new(document: &'d Document<'a>, earlier: usize, later: usize) -> Result<Self, PdfError> {
        let mut step = Self {
            document,
            earlier,
            later,
            redefined: BTreeSet::new(),
            added: BTreeSet::new(),
            containers: BTreeSet::new(),
            uses: BTreeMap::new(),
            elsewhere: BTreeSet::new(),
            fields_before: fields::all(document, earlier)?,
            fields_after: fields::all(document, later)?,
            new_widgets: BTreeSet::new(),
            drawn_area: 0.0,
            changes: Vec::new(),
            noted: BTreeMap::new(),
        };
        step.collect_numbers()?;
        step.count_uses()?;
        Ok(step)
    }

    /// Objects that were referred to before they existed are no harmless additions.
    fn count_uses(&mut self) -> Result<(), PdfError> {
        let new: BTreeSet<u32> = self.added.union(&self.containers).copied().collect();
        let uses = uses::count(self.document, self.earlier, &new)?;
        (self.uses, self.elsewhere) = (uses.counts, uses.elsewhere);
        for number in new {
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
        self.is_used_once(number) && self.redefined.remove(&number)
    }

    fn is_used_once(&self, number: u32) -> bool {
        self.uses.get(&number) == Some(&1)
    }

    /// Explains what an entry refers to: what is redefined when the entry referred to it before,
    /// else only what is new. What stood elsewhere is taken away from there.
    fn explain_place(&mut self, before: Option<&Object>, after: Option<&Object>) {
        let Some(id) = after.and_then(Object::reference) else {
            return;
        };
        if before == after {
            self.explain_redefined(id.number);
        } else {
            self.added.remove(&id.number);
        }
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
            } else if !was_there && entry != Entry::Free {
                match self.is_container(number, &own)? {
                    true => self.containers.insert(number),
                    false => self.added.insert(number),
                };
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

    /// Notes a change of which only its level counts: the first of many are named.
    fn note(&mut self, level: Level, what: impl Into<String>) {
        let noted = self.noted.entry(level).or_default();
        if *noted == limits::NOTED_CHANGES {
            return;
        }
        *noted += 1;
        self.changes.push(Change {
            level,
            what: what.into(),
            filled: None,
            is_drawn: false,
        });
    }

    /// Explains the new objects that `value` refers to, directly and through one another. What was
    /// there before is not explained by being referred to.
    fn explain(&mut self, value: &Object) -> Result<(), PdfError> {
        let mut waiting: Vec<u32> = Vec::new();
        let added = &self.added;
        let take = |id: ObjectId, waiting: &mut Vec<u32>, added: &BTreeSet<u32>| {
            if added.contains(&id.number) {
                waiting.push(id.number);
            }
        };
        value.references(&mut |id| take(id, &mut waiting, added));
        while let Some(number) = waiting.pop() {
            if !self.added.remove(&number) {
                continue;
            }
            let found = self.after(number)?;
            let added = &self.added;
            let mut take = |id| take(id, &mut waiting, added);
            match found {
                Some(Indirect::Object(object)) => object.references(&mut take),
                Some(Indirect::Stream(stream)) => stream.dictionary.references(&mut take),
                None => {}
            }
        }
        Ok(())
    }

    /// Whatever was not explained.
    fn count_the_rest(&mut self) {
        let redefined = std::mem::take(&mut self.redefined);
        self.note_numbers(&redefined, "was redefined");
        let added = std::mem::take(&mut self.added);
        self.note_numbers(&added, "was added for no known reason");
    }

    /// Names the first of many objects; the number of the others follows.
    fn note_numbers(&mut self, numbers: &BTreeSet<u32>, what: &str) {
        for number in numbers.iter().take(limits::NAMED_OBJECTS) {
            self.note(Level::Other, format!("object {number} {what}"));
        }
        let more = numbers.len().saturating_sub(limits::NAMED_OBJECTS);
        if more > 0 {
            let what = format!("{more} more objects: each {what}");
            self.note(Level::Other, what);
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
