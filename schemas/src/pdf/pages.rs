//! The pages of a file, in order (ISO 32000-2:2020 §7.7.3).

use std::collections::BTreeSet;

use super::document::Document;
use super::object::{Dictionary, Indirect, Object, ObjectId};
use super::{PdfError, limits};

/// One page as of a revision.
#[derive(Clone, Debug, PartialEq)]
pub struct Page {
    /// Its object.
    pub id: ObjectId,
    /// Its dictionary.
    pub dictionary: Dictionary,
    /// `/Resources`, its own or those of the nearest node above; empty when there are none.
    pub resources: Dictionary,
}

/// The first `most` pages as of a revision, and how many the tree says there are.
///
/// # Errors
/// When the tree is malformed, runs in a circle, or a limit is exceeded.
pub fn first_pages(
    document: &Document<'_>,
    revision: usize,
    most: usize,
) -> Result<(Vec<Page>, usize), PdfError> {
    let (_, catalog) = document.catalog(revision)?;
    let root = catalog.get("Pages").and_then(Object::reference);
    let root = root.ok_or(PdfError::Unexpected {
        what: "/Pages",
        expected: "a reference to the tree of pages",
    })?;
    let mut walk = Walk {
        document,
        revision,
        most,
        visited: BTreeSet::new(),
        pages: Vec::new(),
    };
    let count = walk.node(root)?;
    let count = count.get("Count").and_then(Object::size).unwrap_or(0);
    walk.visit(root, &Dictionary::default(), 0)?;
    Ok((walk.pages, count))
}

struct Walk<'d, 'a> {
    document: &'d Document<'a>,
    revision: usize,
    most: usize,
    visited: BTreeSet<ObjectId>,
    pages: Vec<Page>,
}

impl Walk<'_, '_> {
    fn visit(&mut self, id: ObjectId, above: &Dictionary, depth: usize) -> Result<(), PdfError> {
        if self.pages.len() >= self.most {
            return Ok(());
        }
        if depth > limits::TREE_DEPTH {
            return Err(PdfError::TooMuch {
                what: "levels of pages",
                limit: limits::TREE_DEPTH,
            });
        }
        if !self.visited.insert(id) {
            return Err(PdfError::Loop("the tree of pages"));
        }
        let dictionary = self.node(id)?;
        let (document, revision) = (self.document, self.revision);
        let own = document.dictionary(&dictionary, "Resources", revision)?;
        let resources = own.unwrap_or_else(|| above.clone());
        if dictionary.get("Kids").is_none() {
            self.pages.push(Page {
                id,
                dictionary,
                resources,
            });
            return Ok(());
        }
        for kid in document.array(&dictionary, "Kids", revision)? {
            let kid = kid.reference().ok_or(PdfError::Unexpected {
                what: "/Kids of pages",
                expected: "references",
            })?;
            self.visit(kid, &resources, depth + 1)?;
        }
        Ok(())
    }

    fn node(&self, id: ObjectId) -> Result<Dictionary, PdfError> {
        match self.document.object(id, self.revision)? {
            Some(Indirect::Object(Object::Dictionary(dictionary))) => Ok(dictionary),
            _ => Err(PdfError::Unexpected {
                what: "a page",
                expected: "a dictionary",
            }),
        }
    }
}
