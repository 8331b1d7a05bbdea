//! The bytes of a later revision: objects that its cross-references name, the cross-references, and
//! nothing between them that one reader takes for an object and another does not.

use std::collections::BTreeMap;

use crate::pdf::PdfError;
use crate::pdf::document::Document;
use crate::pdf::object::ObjectId;
use crate::pdf::xref::Entry;

/// # Errors
/// When anything else stands there, or an object stands elsewhere.
pub(super) fn check(document: &Document<'_>, number: usize) -> Result<(), PdfError> {
    let Some(revision) = document.revisions().get(number) else {
        return Ok(());
    };
    let mut expected = BTreeMap::new();
    for section in revision.sections() {
        for (object, entry) in section.entries() {
            let Entry::InFile { offset, generation } = entry else {
                continue;
            };
            let is_as_before = number
                .checked_sub(1)
                .is_some_and(|before| document.entry(object, before) == Some(entry));
            if is_as_before {
                continue;
            }
            let id = ObjectId {
                number: object,
                generation,
            };
            if offset < revision.start || expected.insert(offset, id).is_some() {
                let what = "a later revision brings back an object of an earlier one";
                return Err(PdfError::Malformed { at: offset, what });
            }
        }
    }
    let mut at = revision.start;
    loop {
        at = document.file().after_white(at)?;
        if let Some(section) = revision
            .sections()
            .iter()
            .find(|section| section.offset == at)
        {
            expected.remove(&at);
            // What follows up to %%EOF was read when the revisions were found.
            return match expected.first_key_value() {
                None if section.end <= revision.end => Ok(()),
                _ => Err(PdfError::Malformed {
                    at,
                    what: "an object does not stand before its cross-references",
                }),
            };
        }
        let what = "bytes that belong to no object of their revision";
        let id = expected
            .remove(&at)
            .ok_or(PdfError::Malformed { at, what })?;
        (_, at) = document.read_object(id, at, number)?;
    }
}
