//! Pages: nothing but annotations may be added to them.

use std::collections::{BTreeMap, BTreeSet};

use super::{Level, Step, keys, text};
use crate::pdf::object::{Dictionary, Indirect, Object};
use crate::pdf::{PdfError, limits};

impl Step<'_, '_> {
    /// Explains redefined pages, lists of annotations and annotations.
    pub(super) fn compare_pages(&mut self) -> Result<(), PdfError> {
        let (mut lists, mut annotations) = (BTreeSet::new(), Vec::new());
        for number in self.redefined.clone() {
            let (Some(old), Some(new)) = (self.before(number)?, self.after(number)?) else {
                continue;
            };
            match (&old, &new) {
                (
                    Indirect::Object(Object::Dictionary(old)),
                    Indirect::Object(Object::Dictionary(new)),
                ) if old.has_name("Type", "Page") => {
                    self.compare_page(number, old, new)?;
                }
                (Indirect::Object(Object::Array(_)), Indirect::Object(Object::Array(_))) => {
                    lists.insert(number);
                }
                (
                    Indirect::Object(Object::Dictionary(old)),
                    Indirect::Object(Object::Dictionary(new)),
                ) if is_annotation(old) && old.get("Subtype") == new.get("Subtype") => {
                    annotations.push((number, new.clone()));
                }
                _ => {}
            }
        }
        self.explain_annotations(annotations)?;
        if !lists.is_empty() {
            self.compare_lists(&lists)?;
        }
        Ok(())
    }

    /// Explains redefined annotations that are nothing else besides.
    fn explain_annotations(&mut self, redefined: Vec<(u32, Dictionary)>) -> Result<(), PdfError> {
        if redefined.is_empty() {
            return Ok(());
        }
        let uses = self.annotation_uses()?;
        for (number, annotation) in redefined {
            if uses.contains_key(&number) && uses.get(&number) == self.uses.get(&number) {
                self.redefined.remove(&number);
                self.note(Level::Annotations, format!("annotation {number}"));
                self.explain(&Object::Dictionary(annotation))?;
            }
        }
        Ok(())
    }

    fn compare_page(
        &mut self,
        number: u32,
        old: &Dictionary,
        new: &Dictionary,
    ) -> Result<(), PdfError> {
        self.redefined.remove(&number);
        for key in keys(old, new) {
            if key != b"Annots" && old.get(&key) != new.get(&key) {
                self.note(Level::Other, format!("page {number}: its {}", text(&key)));
            }
        }
        let before = self.document.array(old, "Annots", self.earlier)?;
        let after = self.document.array(new, "Annots", self.later)?;
        self.explain_place(old.get("Annots"), new.get("Annots"));
        self.compare_annotations(&before, &after)
    }

    /// Lists of annotations in objects of their own, on pages that were not redefined.
    fn compare_lists(&mut self, lists: &BTreeSet<u32>) -> Result<(), PdfError> {
        for node in self.page_nodes()? {
            let Some(list) = node.get("Annots").and_then(Object::reference) else {
                continue;
            };
            if lists.contains(&list.number) && self.explain_redefined(list.number) {
                let before = self.document.array(&node, "Annots", self.earlier)?;
                let after = self.document.array(&node, "Annots", self.later)?;
                self.compare_annotations(&before, &after)?;
            }
        }
        Ok(())
    }

    /// What was there has to stay, in its order; what is new is a signature's widget or an
    /// annotation.
    fn compare_annotations(&mut self, before: &[Object], after: &[Object]) -> Result<(), PdfError> {
        let mut old = before.iter().peekable();
        let mut new = Vec::new();
        for annotation in after {
            if old.next_if(|old| *old == annotation).is_none() {
                new.push(annotation);
            }
        }
        if old.next().is_some() {
            self.note(
                Level::Other,
                "annotations of a page were taken away or reordered",
            );
        }
        if !new.is_empty() && !self.are_dictionaries(before)? {
            self.note(Level::Other, "a list of annotations that is something else");
        }
        for annotation in new {
            // A widget is placed once.
            if annotation
                .reference()
                .is_some_and(|id| self.new_widgets.remove(&id))
            {
                continue;
            }
            let Object::Dictionary(found) = self.document.resolve(annotation, self.later)? else {
                self.note(Level::Other, "an entry of /Annots that is no annotation");
                continue;
            };
            let level = if is_annotation(&found) {
                Level::Annotations
            } else {
                Level::Other
            };
            let kind = found
                .get("Subtype")
                .and_then(Object::name)
                .unwrap_or_default();
            self.note(level, format!("an annotation was added, {}", text(kind)));
            if level == Level::Annotations {
                self.explain(annotation)?;
                self.explain(&Object::Dictionary(found))?;
            }
        }
        Ok(())
    }

    /// Whether a list holds dictionaries alone, and may be no colour space for instance.
    fn are_dictionaries(&self, list: &[Object]) -> Result<bool, PdfError> {
        for item in list {
            let found = self.document.resolve(item, self.earlier)?;
            if !matches!(found, Object::Dictionary(_) | Object::Null) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// How often annotations are referred to as annotations: by the pages, and by one another.
    fn annotation_uses(&self) -> Result<BTreeMap<u32, usize>, PdfError> {
        let mut uses = BTreeMap::new();
        // A list that pages share refers once, and so does an annotation that they share.
        let mut seen = BTreeSet::new();
        for page in self.page_nodes()? {
            let list = page.get("Annots").and_then(Object::reference);
            if list.is_some_and(|list| !seen.insert(list.number)) {
                continue;
            }
            for annotation in self.document.array(&page, "Annots", self.earlier)? {
                if let Some(id) = annotation.reference() {
                    *uses.entry(id.number).or_default() += 1;
                    if !seen.insert(id.number) {
                        continue;
                    }
                }
                let found = self.document.resolve(&annotation, self.earlier)?;
                let Some(found) = found.dictionary().filter(|found| is_annotation(found)) else {
                    continue;
                };
                for key in ["Popup", "Parent", "IRT"] {
                    if let Some(id) = found.get(key).and_then(Object::reference) {
                        *uses.entry(id.number).or_default() += 1;
                    }
                }
            }
        }
        Ok(uses)
    }

    /// Every node of the page tree as of the earlier revision.
    fn page_nodes(&self) -> Result<Vec<Dictionary>, PdfError> {
        let (_, catalog) = self.document.catalog(self.earlier)?;
        let mut waiting: Vec<Object> = catalog.get("Pages").cloned().into_iter().collect();
        let (mut visited, mut nodes) = (BTreeSet::new(), Vec::new());
        while let Some(node) = waiting.pop() {
            let is_new = node.reference().is_some_and(|id| visited.insert(id));
            if !is_new {
                continue;
            }
            if visited.len() > limits::CHANGED_OBJECTS {
                return Err(PdfError::TooMuch {
                    what: "pages of a file that was changed after signing",
                    limit: limits::CHANGED_OBJECTS,
                });
            }
            let Object::Dictionary(node) = self.document.resolve(&node, self.earlier)? else {
                continue;
            };
            waiting.extend(self.document.array(&node, "Kids", self.earlier)?);
            nodes.push(node);
        }
        Ok(nodes)
    }
}

/// An annotation that is no widget of a form.
fn is_annotation(dictionary: &Dictionary) -> bool {
    let subtype = dictionary.get("Subtype").and_then(Object::name);
    let is_typed = dictionary.get("Type").is_none() || dictionary.has_name("Type", "Annot");
    is_typed && dictionary.get("Rect").is_some() && subtype.is_some_and(|kind| kind != b"Widget")
}
