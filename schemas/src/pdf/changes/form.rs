//! The form and its fields: those that were filled in.

use std::collections::{HashMap, HashSet};

use super::signing::SET_BY_SIGNING;
use super::{Change, Level, Step, by_object, keys, text};
use crate::pdf::PdfError;
use crate::pdf::fields::Field;
use crate::pdf::object::{Dictionary, Indirect, Object};

/// Entries of another field, or of its widget, that filling in may set.
const SET_BY_FILLING: [&[u8]; 6] = [b"V", b"AP", b"AS", b"I", b"RV", b"M"];

impl Step<'_, '_> {
    /// Compares the two forms apart from their fields.
    pub(super) fn compare_forms(
        &mut self,
        before: &Dictionary,
        after: &Dictionary,
    ) -> Result<(), PdfError> {
        let document = self.document;
        let old = document.dictionary(before, "AcroForm", self.earlier)?;
        let new = document.dictionary(after, "AcroForm", self.later)?;
        let Some(new) = new else {
            if old.is_some() {
                self.note(Level::Other, "the form was taken away");
            }
            return Ok(());
        };
        let is_first = old.is_none();
        let old = old.unwrap_or_default();
        // The form and its list of fields may stand in objects of their own; what is new in the
        // list is compared field by field.
        let place = before.get("AcroForm");
        self.explain_place(place, after.get("AcroForm"));
        // A form that is something else besides has entries that are something else, too.
        let form = place.and_then(Object::reference);
        if form.is_none_or(|form| self.is_used_once(form.number)) {
            self.explain_place(old.get("Fields"), new.get("Fields"));
        }
        for key in keys(&old, &new) {
            let (one, other) = (old.get(&key), new.get(&key));
            match (key.as_slice(), other) {
                (b"Fields" | b"SigFlags", _) => {}
                _ if one == other => {}
                (b"NeedAppearances", _) => self.note(Level::FormFilling, "how fields are drawn"),
                (b"DA", Some(_)) if is_first => {}
                (b"DR", Some(resources)) if self.only_adds_fonts(one, resources)? => {
                    // Fields are drawn with them where they have none of their own.
                    if self.fields_before.iter().any(|field| !field.is_signature) {
                        self.note(Level::FormFilling, "fonts of the form");
                    }
                    self.explain(resources)?;
                }
                _ => self.note(Level::Other, format!("the form's {}", text(&key))),
            }
        }
        Ok(())
    }

    /// Whether resources hold all that they held, as it was, and nothing more but fonts.
    fn only_adds_fonts(&self, before: Option<&Object>, after: &Object) -> Result<bool, PdfError> {
        let resolve = |value: &Object, revision| self.document.resolve(value, revision);
        let before = before.map(|before| resolve(before, self.earlier));
        let before = before.transpose()?;
        let none = Dictionary::default();
        let before = match &before {
            None => Some(&none),
            Some(before) => before.dictionary(),
        };
        let after = resolve(after, self.later)?;
        let (Some(before), Some(after)) = (before, after.dictionary()) else {
            return Ok(false);
        };
        for category in keys(before, after) {
            let (old, new) = (before.get(&category), after.get(&category));
            let old = old.map(|old| resolve(old, self.earlier)).transpose()?;
            let new = new.map(|new| resolve(new, self.later)).transpose()?;
            let may_grow = matches!(category.as_slice(), b"Font" | b"Encoding");
            let is_kept = match (&old, &new) {
                (Some(Object::Dictionary(old)), Some(Object::Dictionary(new))) if may_grow => {
                    old.iter().all(|(name, value)| new.get(name) == Some(value))
                }
                (None, Some(_)) => may_grow || category == b"ProcSet",
                _ => old == new,
            };
            if !is_kept {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Compares every field that was there, and explains those that are new.
    pub(super) fn compare_fields(&mut self) -> Result<(), PdfError> {
        let (before, after) = (
            std::mem::take(&mut self.fields_before),
            std::mem::take(&mut self.fields_after),
        );
        let (old_by_object, new_by_object) = (by_object(&before), by_object(&after));
        let (old_direct, new_direct) = (direct_by_name(&before), direct_by_name(&after));
        for old in &before {
            let new = match old.id {
                Some(id) => new_by_object.get(&id).copied(),
                None => new_direct.get(old.name.as_slice()).copied(),
            };
            match new {
                Some(new) if new.name == old.name && new.ancestors == old.ancestors => {
                    self.compare_field(old, new)?;
                }
                Some(new) if new.name == old.name => {
                    let what = format!("field {} was put elsewhere", text(&old.name));
                    self.note(Level::Other, what);
                }
                _ => self.note(
                    Level::Other,
                    format!("field {} was taken away", text(&old.name)),
                ),
            }
        }
        let is_known = |field: &Field| match field.id {
            Some(id) => old_by_object.contains_key(&id),
            None => old_direct.contains_key(field.name.as_slice()),
        };
        let taken: HashSet<&[u8]> = before.iter().map(|old| old.name.as_slice()).collect();
        for field in after.iter().filter(|field| !is_known(field)) {
            self.explain_new_field(field, taken.contains(field.name.as_slice()))?;
        }
        (self.fields_before, self.fields_after) = (before, after);
        Ok(())
    }

    fn compare_field(&mut self, old: &Field, new: &Field) -> Result<(), PdfError> {
        if old.is_signature || new.is_signature {
            return self.compare_signature_field(old, new);
        }
        let changed = self.changed_keys(old.id, &old.dictionary, &new.dictionary);
        let is_filled = old.value != new.value || changed.iter().any(|key| is_value(key));
        if !changed.is_empty() || is_filled {
            let name = text(&new.name);
            let what = changed
                .iter()
                .find(|key| !SET_BY_FILLING.contains(&key.as_slice()));
            if let Some(key) = what {
                self.note(Level::Other, format!("field {name}: its {}", text(key)));
                return Ok(());
            }
            if is_drawn_alone(new, &old.dictionary, &changed, is_filled) {
                let what = format!("field {name} is drawn otherwise and says the same");
                self.note(Level::Other, what);
                return Ok(());
            }
            self.note_filled(new);
            self.explain_values(&new.dictionary)?;
        }
        self.compare_widgets(new, is_filled)
    }

    fn note_filled(&mut self, field: &Field) {
        self.changes.push(Change {
            level: Level::FormFilling,
            what: format!("field {} was filled in", text(&field.name)),
            filled: Some(field.name.clone()),
            is_drawn: false,
        });
    }

    fn explain_values(&mut self, field: &Dictionary) -> Result<(), PdfError> {
        for key in SET_BY_FILLING {
            if let Some(value) = field.get(key) {
                self.explain(value)?;
            }
        }
        Ok(())
    }

    /// Widgets that stand apart from their field, which was filled in or signed: only how they look
    /// may change.
    pub(super) fn compare_widgets(
        &mut self,
        field: &Field,
        is_filled: bool,
    ) -> Result<(), PdfError> {
        let mut is_noted = false;
        for kid in self.document.array(&field.dictionary, "Kids", self.later)? {
            let Some(id) = kid
                .reference()
                .filter(|id| self.redefined.contains(&id.number))
            else {
                continue;
            };
            let (old, new) = (self.before(id.number)?, self.after(id.number)?);
            let (Some(old), Some(new)) = (
                old.as_ref().and_then(dictionary_alone),
                new.as_ref().and_then(dictionary_alone),
            ) else {
                continue;
            };
            let changed = self.changed_keys(Some(id), old, new);
            let allowed: &[&[u8]] = match field.is_signature {
                true => &SET_BY_SIGNING,
                false => &SET_BY_FILLING,
            };
            let is_allowed = |key: &Vec<u8>| allowed.contains(&key.as_slice());
            if !old.has_name("Subtype", "Widget")
                || !changed.iter().all(is_allowed)
                || !field.is_signature && is_drawn_alone(field, old, &changed, is_filled)
            {
                let what = format!("a widget of field {}", text(&field.name));
                self.note(Level::Other, what);
            } else if !changed.is_empty() {
                // A field has any number of widgets, and was filled in once.
                if !field.is_signature && !std::mem::replace(&mut is_noted, true) {
                    self.note_filled(field);
                }
                self.explain_values(new)?;
            }
        }
        Ok(())
    }
}

/// Fields that are written directly, by their names: the first of each.
fn direct_by_name(fields: &[Field]) -> HashMap<&[u8], &Field> {
    let direct = fields.iter().rev().filter(|field| field.id.is_none());
    direct.map(|field| (field.name.as_slice(), field)).collect()
}

/// A dictionary that is no stream's: of a stream the data count, too.
fn dictionary_alone(found: &Indirect) -> Option<&Dictionary> {
    found.object().and_then(Object::dictionary)
}

/// Entries that are a field's value.
fn is_value(key: &[u8]) -> bool {
    matches!(key, b"V" | b"RV" | b"I")
}

/// Whether another picture took the place of one while the field says what it said: nobody entered
/// what is seen now. Buttons have their pictures from the beginning.
fn is_drawn_alone(field: &Field, old: &Dictionary, changed: &[Vec<u8>], is_filled: bool) -> bool {
    let is_drawn = old.get("AP").is_some() && changed.iter().any(|key| key == b"AP");
    is_drawn && (field.is_button || !is_filled)
}
