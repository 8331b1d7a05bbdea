//! How often the objects of a revision are referred to.
//!
//! Who prepares a file before it is signed may let one object be two things, of which one may be
//! changed, or may refer to an object that does not exist yet. Counting finds both.

use std::collections::{BTreeMap, BTreeSet};

use crate::pdf::document::Document;
use crate::pdf::object::Indirect;
use crate::pdf::{PdfError, limits};

/// References to the objects of `wanted` as of a revision, from everything that can be reached.
pub(super) fn count(
    document: &Document<'_>,
    revision: usize,
    wanted: &BTreeSet<u32>,
) -> Result<BTreeMap<u32, usize>, PdfError> {
    let mut uses = BTreeMap::new();
    let (mut waiting, mut visited) = (Vec::new(), BTreeSet::new());
    if let Some(trailer) = document.trailer(revision) {
        trailer.references(&mut |id| {
            *uses.entry(id.number).or_default() += 1;
            if visited.insert(id) {
                waiting.push(id);
            }
        });
    }
    while let Some(id) = waiting.pop() {
        if visited.len() > limits::ENTRIES {
            return Err(PdfError::TooMuch {
                what: "objects in a file that was changed after signing",
                limit: limits::ENTRIES,
            });
        }
        let mut take = |id| {
            if visited.insert(id) {
                waiting.push(id);
            }
            if wanted.contains(&id.number) {
                *uses.entry(id.number).or_default() += 1;
            }
        };
        match document.object(id, revision)? {
            Some(Indirect::Object(object)) => object.references(&mut take),
            Some(Indirect::Stream(stream)) => stream.dictionary.references(&mut take),
            None => {}
        }
    }
    Ok(uses)
}
