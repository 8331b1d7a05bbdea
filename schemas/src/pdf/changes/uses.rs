//! How often the objects of a revision are referred to.
//!
//! Who prepares a file before it is signed may let one object be two things, of which one may be
//! changed, or may refer to an object that does not exist yet. Counting finds both.

use std::collections::{BTreeMap, BTreeSet};

use crate::pdf::PdfError;
use crate::pdf::document::Document;
use crate::pdf::object::{Indirect, Object, ObjectId};
use crate::pdf::xref::Entry;

/// References to the objects of `wanted` as of a revision, from everything that can be reached.
pub(super) fn count(
    document: &Document<'_>,
    revision: usize,
    wanted: &BTreeSet<u32>,
) -> Result<BTreeMap<u32, usize>, PdfError> {
    let mut uses = BTreeMap::new();
    let (mut waiting, mut visited) = (Vec::new(), BTreeSet::new());
    let mut take = |id: ObjectId, waiting: &mut Vec<ObjectId>| {
        if wanted.contains(&id.number) {
            *uses.entry(id.number).or_default() += 1;
        }
        // What stands nowhere is not kept in mind.
        let is_there = match document.entry(id.number, revision) {
            Some(Entry::InFile { generation, .. }) => generation == id.generation,
            Some(Entry::InStream { .. }) => id.generation == 0,
            Some(Entry::Free) | None => false,
        };
        if is_there && visited.insert(id.number) {
            waiting.push(id);
        }
    };
    if let Some(trailer) = document.trailer(revision) {
        trailer.references(&mut |id| take(id, &mut waiting));
    }
    while let Some(id) = waiting.pop() {
        match document.object(id, revision)? {
            Some(Indirect::Object(object)) => references(&object, &mut |id| take(id, &mut waiting)),
            Some(Indirect::Stream(stream)) => {
                stream
                    .dictionary
                    .references(&mut |id| take(id, &mut waiting));
            }
            None => {}
        }
    }
    Ok(uses)
}

/// Every reference inside, but for `/Data` of a signature reference (§12.8.1, table 256): it names
/// what was compared, the catalog mostly, and uses it for nothing.
fn references(object: &Object, take: &mut impl FnMut(ObjectId)) {
    match object {
        Object::Array(items) => items.iter().for_each(|item| references(item, take)),
        Object::Dictionary(dictionary) => {
            let is_signature_reference = dictionary.get("TransformMethod").is_some();
            for (key, value) in dictionary.iter() {
                if !(is_signature_reference && key == b"Data") {
                    references(value, take);
                }
            }
        }
        other => other.references(take),
    }
}
