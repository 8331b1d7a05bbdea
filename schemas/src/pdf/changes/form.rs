//! The form and its fields: further signatures, and fields that were filled in.

use std::collections::BTreeSet;

use super::{Change, Level, Step, by_object, keys, text};
use crate::pdf::PdfError;
use crate::pdf::fields::Field;
use crate::pdf::limits;
use crate::pdf::object::{Dictionary, Indirect, Object, ObjectId};

/// Entries of a signature field that signing may set.
const SET_BY_SIGNING: [&[u8]; 6] = [b"V", b"AP", b"AS", b"M", b"MK", b"DA"];
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
        for value in [after.get("AcroForm"), new.get("Fields")] {
            if let Some(id) = value.and_then(Object::reference) {
                self.added.remove(&id.number);
                self.explain_redefined(id.number);
            }
        }
        for key in keys(&old, &new) {
            let (one, other) = (old.get(&key), new.get(&key));
            match (key.as_slice(), other) {
                (b"Fields" | b"SigFlags", _) => {}
                _ if one == other => {}
                (b"NeedAppearances", _) => self.note(Level::FormFilling, "how fields are drawn"),
                (b"DA", Some(_)) if is_first => {}
                (b"DR", Some(resources)) if one.is_none() || self.only_adds(one, resources)? => {
                    self.explain(resources)?;
                }
                _ => self.note(Level::Other, format!("the form's {}", text(&key))),
            }
        }
        Ok(())
    }

    /// Whether resources hold all that they held, as it was.
    fn only_adds(&self, before: Option<&Object>, after: &Object) -> Result<bool, PdfError> {
        let resolve = |value: &Object, revision| self.document.resolve(value, revision);
        let Some(before) = before else {
            return Ok(true);
        };
        let (before, after) = (resolve(before, self.earlier)?, resolve(after, self.later)?);
        let (Some(before), Some(after)) = (before.dictionary(), after.dictionary()) else {
            return Ok(false);
        };
        for (category, old) in before.iter() {
            let Some(new) = after.get(category) else {
                return Ok(false);
            };
            let (old, new) = (resolve(old, self.earlier)?, resolve(new, self.later)?);
            let is_kept = match (old.dictionary(), new.dictionary()) {
                (Some(old), Some(new)) => {
                    old.iter().all(|(name, value)| new.get(name) == Some(value))
                }
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
        let new_by_object = by_object(&after);
        for old in &before {
            let new = match old.id {
                Some(id) => new_by_object.get(&id).copied(),
                None => after
                    .iter()
                    .find(|new| new.id.is_none() && new.name == old.name),
            };
            match new {
                Some(new) if new.name == old.name => self.compare_field(old, new)?,
                _ => self.note(
                    Level::Other,
                    format!("field {} was taken away", text(&old.name)),
                ),
            }
        }
        let known: BTreeSet<Option<ObjectId>> = before.iter().map(|field| field.id).collect();
        for field in after.iter().filter(|field| !known.contains(&field.id)) {
            self.explain_new_field(field, &before)?;
        }
        (self.fields_before, self.fields_after) = (before, after);
        Ok(())
    }

    fn compare_field(&mut self, old: &Field, new: &Field) -> Result<(), PdfError> {
        let was_signed = old.is_signature && old.signature(self.document, self.earlier).is_some();
        let changed = self.changed_keys(old.id, &old.dictionary, &new.dictionary);
        let is_as_before = changed.is_empty() && old.value == new.value;
        let name = text(&new.name);
        if was_signed {
            let signature = |field: &Field, revision| field.signature(self.document, revision);
            let (was, is) = (signature(old, self.earlier), signature(new, self.later));
            let is_same = match (was, is) {
                (Some(Ok(was)), Some(Ok(is))) => was == is,
                (Some(Err(_)), Some(Err(_))) => true,
                _ => false,
            };
            if !is_as_before || !is_same {
                self.note(Level::Other, format!("the signed field {name} was changed"));
            }
            return Ok(());
        }
        if !is_as_before {
            let allowed = if old.is_signature {
                &SET_BY_SIGNING
            } else {
                &SET_BY_FILLING
            };
            let what = changed
                .iter()
                .find(|key| !allowed.contains(&key.as_slice()));
            if let Some(key) = what {
                self.note(Level::Other, format!("field {name}: its {}", text(key)));
                return Ok(());
            }
            self.note_use(new)?;
            self.explain_values(&new.dictionary, allowed)?;
        }
        self.compare_widgets(new)
    }

    /// The keys whose values differ; to have compared them explains that the object was redefined.
    fn changed_keys(
        &mut self,
        id: Option<ObjectId>,
        old: &Dictionary,
        new: &Dictionary,
    ) -> Vec<Vec<u8>> {
        if let Some(id) = id {
            self.redefined.remove(&id.number);
        }
        let differs = |key: &Vec<u8>| old.get(key) != new.get(key);
        keys(old, new).into_iter().filter(differs).collect()
    }

    /// Notes that a field was signed or filled in.
    fn note_use(&mut self, field: &Field) -> Result<(), PdfError> {
        let name = text(&field.name);
        if !field.is_signature {
            self.changes.push(Change {
                level: Level::FormFilling,
                what: format!("field {name} was filled in"),
                filled: Some(field.name.clone()),
            });
            return Ok(());
        }
        match field.signature(self.document, self.later) {
            Some(Ok(signature)) if signature.is_timestamp => {
                self.note(Level::ValidationData, format!("document timestamp {name}"));
            }
            Some(Ok(_)) => self.note(Level::Signing, format!("signature {name}")),
            Some(Err(error)) => return Err(error),
            None => self.note(Level::Signing, format!("signature field {name}")),
        }
        Ok(())
    }

    fn explain_values(&mut self, field: &Dictionary, keys: &[&[u8]]) -> Result<(), PdfError> {
        for key in keys {
            if let Some(value) = field.get(key) {
                self.explain(value)?;
            }
        }
        Ok(())
    }

    /// Widgets that stand apart from their field: only how they look may change.
    fn compare_widgets(&mut self, field: &Field) -> Result<(), PdfError> {
        for kid in self.document.array(&field.dictionary, "Kids", self.later)? {
            let Some(id) = kid
                .reference()
                .filter(|id| self.redefined.contains(&id.number))
            else {
                continue;
            };
            let (old, new) = (self.before(id.number)?, self.after(id.number)?);
            let (Some(old), Some(new)) = (
                old.as_ref().and_then(Indirect::dictionary),
                new.as_ref().and_then(Indirect::dictionary),
            ) else {
                continue;
            };
            let changed = self.changed_keys(Some(id), old, new);
            let is_allowed = |key: &Vec<u8>| SET_BY_FILLING.contains(&key.as_slice());
            if !old.has_name("Subtype", "Widget") || !changed.iter().all(is_allowed) {
                let what = format!("a widget of field {}", text(&field.name));
                self.note(Level::Other, what);
            } else if !changed.is_empty() {
                self.note_use(field)?;
                self.explain_values(new, &SET_BY_FILLING)?;
            }
        }
        Ok(())
    }

    /// A field that was not there: a signature field, in one place of the form alone.
    fn explain_new_field(&mut self, field: &Field, before: &[Field]) -> Result<(), PdfError> {
        let name = text(&field.name);
        let is_taken = before.iter().any(|old| old.name == field.name);
        let is_new = field.id.is_none_or(|id| self.added.contains(&id.number));
        if !field.is_signature || is_taken || !is_new {
            self.note(Level::Other, format!("field {name} was added"));
            return Ok(());
        }
        if self.largest_widget(field)? > limits::ADDED_WIDGET_AREA {
            let what = format!("the added signature {name} covers a large part of a page");
            self.note(Level::Other, what);
            return Ok(());
        }
        self.note_use(field)?;
        match field.id {
            Some(id) => self.explain(&Object::Reference(id)),
            None => self.explain(&Object::Dictionary(field.dictionary.clone())),
        }
    }

    /// The area of the largest widget of a field, in square points.
    fn largest_widget(&self, field: &Field) -> Result<f64, PdfError> {
        let kids = self.document.array(&field.dictionary, "Kids", self.later)?;
        let mut widgets = vec![Object::Dictionary(field.dictionary.clone())];
        widgets.extend(kids);
        let mut largest = 0.0_f64;
        for widget in &widgets {
            let widget = self.document.resolve(widget, self.later)?;
            if let Some(rectangle) = widget.dictionary().and_then(|widget| widget.get("Rect")) {
                largest = largest.max(area(&self.document.resolve(rectangle, self.later)?));
            }
        }
        Ok(largest)
    }
}

/// The area of a rectangle in square points; without end when it is none.
fn area(rectangle: &Object) -> f64 {
    let sides = rectangle.array();
    let sides: Option<Vec<f64>> = sides.and_then(|sides| sides.iter().map(number).collect());
    match sides.as_deref() {
        Some([left, bottom, right, top]) => ((right - left) * (top - bottom)).abs(),
        _ => f64::INFINITY,
    }
}

fn number(value: &Object) -> Option<f64> {
    match value {
        Object::Integer(number) => Some(*number as f64),
        Object::Real(text) => std::str::from_utf8(text).ok()?.parse().ok(),
        _ => None,
    }
}
