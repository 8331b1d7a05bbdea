//! The signatures of a file, each as it first stood there.

use schemas::pdf::document::Document;
use schemas::pdf::fields::unlisted::Unlisted;
use schemas::pdf::fields::{self, Field};
use schemas::pdf::object::ObjectId;
use schemas::pdf::signature::SignatureDictionary;
use schemas::pdf::{PdfError, limits};
use schemas::verdict::{Checks, FindingCode};

/// A signature field with a value, as it first stood there.
pub(super) struct Found {
    /// Full name of the field.
    pub(super) name: String,
    /// The first revision with this value.
    pub(super) revision: usize,
    pub(super) signature: Result<SignatureDictionary, PdfError>,
    /// The last revision that has it still.
    pub(super) last_seen: usize,
    /// The field's object.
    field: Option<ObjectId>,
    /// Whether the form leads to the field.
    is_listed: bool,
}

/// What all signatures together may take.
#[derive(Default)]
struct Taken {
    contents_bytes: usize,
    locked_names: usize,
    covered_bytes: usize,
}

/// Every signature of every revision: one that a later revision takes away counts too, and so does
/// one that the form does not lead to. A revision whose form or whose annotations cannot be read is
/// a finding, and hides no signature of another one.
///
/// # Errors
/// When there is more than the limits allow.
pub(super) fn all(document: &Document<'_>, checks: &mut Checks) -> Result<Vec<Found>, PdfError> {
    let mut search = Search::default();
    let mut unlisted = Unlisted::default();
    for revision in 0..document.revisions().len() {
        let listed = fields::all(document, revision);
        let listed = search.readable(listed, "form", document, revision, checks);
        let others = unlisted.of_revision(document, revision, &listed);
        let others = search.readable(others, "annotations", document, revision, checks);
        for field in listed {
            search.take(document, &field, revision, true)?;
        }
        for field in others {
            search.take(document, &field, revision, false)?;
        }
    }
    Ok(search.found)
}

#[derive(Default)]
struct Search {
    found: Vec<Found>,
    /// Fields that were looked at.
    visited: usize,
    taken: Taken,
}

impl Search {
    /// The fields, or a finding.
    fn readable(
        &mut self,
        fields: Result<Vec<Field>, PdfError>,
        what: &str,
        document: &Document<'_>,
        revision: usize,
        checks: &mut Checks,
    ) -> Vec<Field> {
        fields.unwrap_or_else(|error| {
            let detail = format!("the {what} of revision {}: {error}", revision + 1);
            checks.fail(FindingCode::FormatFailure, detail);
            let last = document.last();
            self.found
                .iter_mut()
                .for_each(|known| known.last_seen = last);
            Vec::new()
        })
    }

    fn take(
        &mut self,
        document: &Document<'_>,
        field: &Field,
        revision: usize,
        is_listed: bool,
    ) -> Result<(), PdfError> {
        let what = "form fields, all revisions together";
        self.visited += 1;
        within(self.visited, what, limits::FIELDS)?;
        let found = &mut self.found;
        if let Some(known) = known_as_before(found, document, field, revision, is_listed) {
            known.last_seen = revision;
            return Ok(());
        }
        let Some(signature) = field.signature(document, revision) else {
            return Ok(());
        };
        let name = String::from_utf8_lossy(&field.name).into_owned();
        let is_known = |known: &&mut Found| {
            // Where a signature stands tells which it is; others that cannot be read have a name.
            let is_named = known.name == name || !is_listed && signature.is_ok();
            is_named && is_same(&known.signature, &signature)
        };
        if let Some(known) = found.iter_mut().find(is_known) {
            // A field that the form led to, and does no more, was taken away.
            if is_listed || !known.is_listed {
                known.last_seen = revision;
                known.is_listed = is_listed;
            }
            return Ok(());
        }
        within(found.len() + 1, "signatures", limits::SIGNATURES)?;
        if let Ok(signature) = &signature {
            self.taken.add(document, signature, revision)?;
        }
        found.push(Found {
            name,
            revision,
            signature,
            last_seen: revision,
            field: field.id,
            is_listed,
        });
        Ok(())
    }
}

/// The signature of a field of which nothing was written anew since the revision before: it is the
/// same, and is not read again. There may be as many revisions as signatures.
fn known_as_before<'f>(
    found: &'f mut [Found],
    document: &Document<'_>,
    field: &Field,
    revision: usize,
    is_listed: bool,
) -> Option<&'f mut Found> {
    let before = revision.checked_sub(1)?;
    let id = field.id.filter(|_| field.is_signature)?;
    let name = String::from_utf8_lossy(&field.name);
    let known = found.iter_mut().find(|known| {
        let is_there = known.last_seen == before && known.is_listed == is_listed;
        is_there && known.field == Some(id) && known.name == name
    })?;
    field.is_as_in(document, before, revision).then_some(known)
}

fn is_same(
    one: &Result<SignatureDictionary, PdfError>,
    other: &Result<SignatureDictionary, PdfError>,
) -> bool {
    match (one, other) {
        (Ok(one), Ok(other)) => one.contents_at == other.contents_at,
        (Err(_), Err(_)) => true,
        _ => false,
    }
}

impl Taken {
    fn add(
        &mut self,
        document: &Document<'_>,
        signature: &SignatureDictionary,
        revision: usize,
    ) -> Result<(), PdfError> {
        let what = "bytes in /Contents of all signatures";
        self.contents_bytes += signature.contents.len();
        within(self.contents_bytes, what, limits::CONTENTS_TOTAL_BYTES)?;
        let what = "names in the locks of all signatures";
        self.locked_names += signature.locked_names();
        within(self.locked_names, what, limits::LOCKED_NAMES)?;
        // Each covers the file up to the end of its revision, or is refused.
        let revision = document.revisions().get(revision);
        self.covered_bytes += revision.map_or(0, |revision| revision.end);
        let what = "bytes that all signatures together cover";
        within(self.covered_bytes, what, limits::COVERED_TOTAL_BYTES)
    }
}

const fn within(count: usize, what: &'static str, limit: usize) -> Result<(), PdfError> {
    if count > limit {
        return Err(PdfError::TooMuch { what, limit });
    }
    Ok(())
}
