//! Signature fields: further signatures, what they draw, and fields that nobody signed.

use super::{Change, Level, Step, keys, text};
use crate::pdf::PdfError;
use crate::pdf::fields::Field;
use crate::pdf::limits;
use crate::pdf::object::{Dictionary, Object, ObjectId};
use crate::pdf::signature::SignatureDictionary;

/// Entries of a signature field that signing may set.
pub(super) const SET_BY_SIGNING: [&[u8]; 6] = [b"V", b"AP", b"AS", b"M", b"MK", b"DA"];
/// Entries that a new signature field and its widgets may have: none that does something when a
/// page is opened, and none that draws outside `/Rect`.
const OF_NEW_FIELDS: [&[u8]; 27] = [
    b"Type",
    b"Subtype",
    b"FT",
    b"Ff",
    b"T",
    b"TU",
    b"TM",
    b"V",
    b"F",
    b"P",
    b"Rect",
    b"AP",
    b"AS",
    b"M",
    b"NM",
    b"MK",
    b"BS",
    b"Border",
    b"DA",
    b"DR",
    b"Q",
    b"H",
    b"Lock",
    b"SV",
    b"Kids",
    b"Parent",
    b"StructParent",
];
/// Entries by which a widget is drawn.
const DRAWN_BY: [&str; 2] = ["AP", "MK"];

/// A widget of a field, which may be the field itself.
struct Widget {
    id: Option<ObjectId>,
    dictionary: Dictionary,
}

impl Step<'_, '_> {
    /// Compares a signature field that was there.
    pub(super) fn compare_signature_field(
        &mut self,
        old: &Field,
        new: &Field,
    ) -> Result<(), PdfError> {
        let changed = self.changed_keys(old.id, &old.dictionary, &new.dictionary);
        let is_as_before =
            changed.is_empty() && old.value == new.value && old.is_signature == new.is_signature;
        // Else every revision would read every signature of a file again.
        if is_as_before && new.is_as_in(self.document, self.earlier, self.later) {
            return Ok(());
        }
        let name = text(&new.name);
        let was = old.signature(self.document, self.earlier);
        let is = new.signature(self.document, self.later);
        match (was, is) {
            (None, None) if is_as_before => Ok(()),
            (None, Some(is)) => {
                let is = is?;
                let is_set = |key: &&Vec<u8>| !SET_BY_SIGNING.contains(&key.as_slice());
                if let Some(key) = changed.iter().find(is_set) {
                    self.note(Level::Other, format!("field {name}: its {}", text(key)));
                    return Ok(());
                }
                let drawn = self.area(&self.widgets(new)?)?;
                self.note_signature(new, &is, drawn);
                for key in SET_BY_SIGNING {
                    let value = new.dictionary.get(key);
                    value.map_or(Ok(()), |value| self.explain(value))?;
                }
                self.compare_widgets(new, true)
            }
            (None, None) => {
                let what = format!("the field {name} was changed without being signed");
                self.note(Level::Other, what);
                Ok(())
            }
            (Some(was), is) => {
                let is_same = match (was, is) {
                    (Ok(was), Some(Ok(is))) => was == is,
                    (Err(_), Some(Err(_))) => true,
                    _ => false,
                };
                if !is_as_before || !is_same {
                    self.note(Level::Other, format!("the signed field {name} was changed"));
                }
                Ok(())
            }
        }
    }

    /// A field that was not there: a signature field, in one place of the form and of one page;
    /// `is_taken` when another had its name.
    pub(super) fn explain_new_field(
        &mut self,
        field: &Field,
        is_taken: bool,
    ) -> Result<(), PdfError> {
        let name = text(&field.name);
        let is_new = field.id.is_none_or(|id| self.added.contains(&id.number));
        if !field.is_signature || is_taken || !is_new {
            self.note(Level::Other, format!("field {name} was added"));
            return Ok(());
        }
        let widgets = self.widgets(field)?;
        if let Some(what) = self.strange_part(field, &widgets)? {
            self.note(Level::Other, format!("the added field {name}: {what}"));
            return Ok(());
        }
        let drawn = self.area(&widgets)?;
        self.drawn_area += drawn;
        if self.drawn_area.is_nan() || self.drawn_area > limits::ADDED_WIDGET_AREA {
            let what = format!("the added signature {name} covers a large part of a page");
            self.note(Level::Other, what);
            return Ok(());
        }
        match field.signature(self.document, self.later) {
            Some(signature) => self.note_signature(field, &signature?, drawn),
            None => {
                let draws = |widget: &Widget| {
                    let has = |key: &&str| widget.dictionary.get(key).is_some();
                    DRAWN_BY.iter().any(has)
                };
                if widgets.iter().any(draws) {
                    let what = format!("the added field {name} draws, and nobody signed it");
                    self.note(Level::Other, what);
                    return Ok(());
                }
                self.note(Level::Signing, format!("signature field {name}"));
            }
        }
        self.new_widgets
            .extend(widgets.iter().filter_map(|widget| widget.id));
        match field.id {
            Some(id) => self.explain(&Object::Reference(id)),
            None => self.explain(&Object::Dictionary(field.dictionary.clone())),
        }
    }

    /// Notes that a field was signed; `drawn` is the area in which it draws, in square points.
    fn note_signature(&mut self, field: &Field, signature: &SignatureDictionary, drawn: f64) {
        let (name, is_drawn) = (text(&field.name), drawn > 0.0);
        let (level, what) = match (signature.is_timestamp, is_drawn) {
            // Anyone gets a timestamp; nobody answers for what is drawn with it.
            (true, true) => (
                Level::Other,
                format!("document timestamp {name}, which draws"),
            ),
            (true, false) => (Level::ValidationData, format!("document timestamp {name}")),
            (false, _) => (Level::Signing, format!("signature {name}")),
        };
        self.changes.push(Change {
            level,
            what,
            filled: None,
            is_drawn,
        });
    }

    /// What a new signature field, one of its widgets or a field above it should not have.
    fn strange_part(&self, field: &Field, widgets: &[Widget]) -> Result<Option<String>, PdfError> {
        let strange_key = |part: &Dictionary| {
            let mut entries = part.iter().map(|(key, _)| key);
            let key = entries.find(|key| !OF_NEW_FIELDS.contains(key));
            key.map(|key| format!("its {}", text(key)))
        };
        let whole = std::iter::once(&field.dictionary);
        let parts = whole.chain(widgets.iter().map(|widget| &widget.dictionary));
        for part in parts {
            if let Some(what) = strange_key(part) {
                return Ok(Some(what));
            }
            let is_other = part.get("Subtype").is_some() || part.get("Rect").is_some();
            if is_other && !part.has_name("Subtype", "Widget") {
                return Ok(Some("it is no widget".to_owned()));
            }
        }
        for widget in widgets.iter().filter(|widget| widget.id != field.id) {
            let is_added = widget.id.is_some_and(|id| self.added.contains(&id.number));
            let parent = widget.dictionary.get("Parent").and_then(Object::reference);
            let is_widget = widget.dictionary.has_name("Subtype", "Widget");
            if !is_added || parent != field.id || !is_widget {
                return Ok(Some("a widget of something else".to_owned()));
            }
        }
        for above in field.ancestors.iter().flatten() {
            // The fields above that were there before are judged where they are redefined.
            if self.added.contains(&above.number)
                && let Some(above) = self.after(above.number)?
                && let Some(what) = above.dictionary().and_then(strange_key)
            {
                return Ok(Some(format!("of the field above it {what}")));
            }
        }
        let parent = field.dictionary.get("Parent").and_then(Object::reference);
        // Kids name their parent (§12.7.4.1): it has a number.
        let is_own = field.ancestors.iter().all(Option::is_some)
            && parent == field.ancestors.last().copied().flatten();
        Ok((!is_own).then(|| "its parent is another".to_owned()))
    }

    /// A field's widgets: itself, when it is one, and its kids.
    fn widgets(&self, field: &Field) -> Result<Vec<Widget>, PdfError> {
        let mut widgets = Vec::new();
        if field.dictionary.get("Rect").is_some() || field.dictionary.get("Subtype").is_some() {
            widgets.push(Widget {
                id: field.id,
                dictionary: field.dictionary.clone(),
            });
        }
        for kid in self.document.array(&field.dictionary, "Kids", self.later)? {
            let found = self.document.resolve(&kid, self.later)?;
            let dictionary = found.dictionary().cloned().ok_or(PdfError::Unexpected {
                what: "a widget of a signature",
                expected: "a dictionary",
            })?;
            let id = kid.reference();
            widgets.push(Widget { id, dictionary });
        }
        Ok(widgets)
    }

    /// The area of widgets together, in square points; without end when one is no rectangle.
    fn area(&self, widgets: &[Widget]) -> Result<f64, PdfError> {
        let mut area = 0.0_f64;
        for widget in widgets {
            if let Some(rectangle) = widget.dictionary.get("Rect") {
                area += area_of(&self.document.resolve(rectangle, self.later)?);
            }
        }
        Ok(area)
    }

    /// The keys whose values differ; to have compared them explains that the object was redefined,
    /// when it is nothing but a field and a widget.
    pub(super) fn changed_keys(
        &mut self,
        id: Option<ObjectId>,
        old: &Dictionary,
        new: &Dictionary,
    ) -> Vec<Vec<u8>> {
        if let Some(id) = id.filter(|id| !self.elsewhere.contains(&id.number)) {
            self.redefined.remove(&id.number);
        }
        let differs = |key: &Vec<u8>| old.get(key) != new.get(key);
        keys(old, new).into_iter().filter(differs).collect()
    }
}

/// The area of a rectangle in square points; without end when it is none.
fn area_of(rectangle: &Object) -> f64 {
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
