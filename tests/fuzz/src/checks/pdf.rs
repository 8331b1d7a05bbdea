//! PDF files: within the limits, and valid only when every signature covers what a seed's covers
//! and the pages are still those that were signed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use certs::digest::sm3;
use certs::verify::{VerifyOptions, file_kind, verify_file};
use schemas::pdf::document::Document;
use schemas::pdf::object::{Indirect, Object, ObjectId};
use schemas::pdf::xref::Entry;
use schemas::pdf::{PdfError, changes, fields, limits};
use schemas::verdict::{FileKind, FindingCode, Profile, Verdict};

use super::{TRUST, at, files};

/// Digests of what the signatures of the seeds cover.
static COVERED: LazyLock<BTreeSet<[u8; 32]>> = LazyLock::new(|| {
    let seeds = files("seeds/pdf").into_iter();
    let covered = seeds.filter_map(|(_, seed)| covered(&seed).ok());
    covered.flatten().map(|one| one.digest).collect()
});

/// What one signature covers.
struct Covered {
    digest: [u8; 32],
    /// The revision that it ends with.
    revision: usize,
}

/// Checks one file.
pub fn check(data: &[u8]) {
    let opened = Document::open(data);
    if let Ok(document) = &opened {
        check_document(data, document);
    }
    if file_kind(data) != FileKind::Pdf {
        return;
    }
    let [licence, general] =
        [Profile::Licence, Profile::General].map(|profile| verify(data, profile));
    for verdict in [&licence, &general] {
        check_verdict(data, verdict, opened.is_ok());
    }
    if licence.is_valid() {
        check_shown(data).expect("a valid file can be read");
    }
}

/// Whether it is valid for those who do not mind that a form was filled in.
#[must_use]
pub fn is_genuine(data: &[u8]) -> bool {
    verify(data, Profile::General).is_valid()
}

fn verify(data: &[u8], profile: Profile) -> Verdict {
    let options = VerifyOptions {
        profile,
        ..VerifyOptions::at(at())
    };
    verify_file(data, &TRUST, &options)
}

fn check_document(data: &[u8], document: &Document<'_>) {
    let revisions = document.revisions();
    assert!(data.len() <= limits::FILE_BYTES && !revisions.is_empty());
    let sections = revisions.iter().map(|revision| revision.sections().len());
    assert!(sections.sum::<usize>() <= limits::SECTIONS);
    let mut end = 0;
    for (number, revision) in revisions.iter().enumerate() {
        assert_eq!(revision.start, end, "revisions follow one another");
        assert!(revision.end > revision.start && revision.end <= data.len());
        end = revision.end;
        if let Ok(fields) = fields::all(document, number) {
            assert!(fields.len() <= limits::FIELDS);
        }
        if number > 0 {
            // What was changed, or why nobody can tell.
            let _ = changes::of_revision(document, number);
        }
    }
}

fn check_verdict(data: &[u8], verdict: &Verdict, is_opened: bool) {
    assert_eq!(verdict.kind, FileKind::Pdf);
    if !verdict.is_valid() {
        assert!(verdict.code.is_some(), "no reason is named");
        if verdict.code == Some(FindingCode::Unsigned) {
            assert!(verdict.signatures.is_empty(), "a signature is called none");
        }
        return;
    }
    assert!(is_opened && !verdict.signatures.is_empty());
    let covered = covered(data).expect("signatures of a valid file");
    assert_eq!(
        covered.len(),
        verdict.signatures.len(),
        "a signature was passed over"
    );
    for one in covered {
        assert!(COVERED.contains(&one.digest), "a forged file");
    }
}

/// What the signatures of the last revision cover.
fn covered(data: &[u8]) -> Result<Vec<Covered>, PdfError> {
    let document = Document::open(data)?;
    let last = document.last();
    let mut found = Vec::new();
    for field in fields::all(&document, last)? {
        let Some(signature) = field.signature(&document, last) else {
            continue;
        };
        let [start, length, second, rest] = signature?.byte_range;
        let end = second.saturating_add(rest);
        let parts = [start..start.saturating_add(length), second..end];
        let parts = parts.map(|part| data.get(part).unwrap_or_default());
        let ends = |revision: &schemas::pdf::revision::Revision| revision.end >= end;
        let revision = document.revisions().iter().position(ends);
        found.push(Covered {
            digest: sm3(&parts.concat()),
            // White space after the last revision may be covered.
            revision: revision.unwrap_or(last),
        });
    }
    Ok(found)
}

/// A licence shows the pages that its first signer saw: everything below `/Pages`, without the
/// annotations, by a walk that knows nothing of the comparison of revisions.
fn check_shown(data: &[u8]) -> Result<(), PdfError> {
    let document = Document::open(data)?;
    let first = covered(data)?.iter().map(|one| one.revision).min();
    let signed = pages(&document, first.unwrap_or_default())?;
    let now = pages(&document, document.last())?;
    assert!(signed == now, "a valid licence shows other pages");
    Ok(())
}

type Pages = BTreeMap<ObjectId, Vec<u8>>;

fn pages(document: &Document<'_>, revision: usize) -> Result<Pages, PdfError> {
    let (_, catalog) = document.catalog(revision)?;
    let (mut waiting, mut found) = (Vec::new(), Pages::new());
    let root = catalog.get("Pages").cloned().unwrap_or(Object::Null);
    root.references(&mut |id| waiting.push(id));
    while let Some(id) = waiting.pop() {
        if found.contains_key(&id) {
            continue;
        }
        let mut text = Vec::new();
        let mut next = |key: &[u8], value: &Object| {
            if key != b"Annots" {
                text.extend_from_slice(key);
                value.write(&mut text);
                value.references(&mut |id| waiting.push(id));
            }
        };
        match object(document, id, revision)? {
            None => {}
            Some(Indirect::Object(Object::Dictionary(dictionary))) => {
                dictionary.iter().for_each(|(key, value)| next(key, value));
            }
            Some(Indirect::Object(value)) => next(b"", &value),
            Some(Indirect::Stream(stream)) => {
                let dictionary = stream.dictionary.iter();
                dictionary.for_each(|(key, value)| next(key, value));
                text.extend_from_slice(&document.file().window(stream.data)?);
            }
        }
        found.insert(id, text);
    }
    Ok(found)
}

fn object(
    document: &Document<'_>,
    id: ObjectId,
    revision: usize,
) -> Result<Option<Indirect>, PdfError> {
    // A reference with another generation shows nothing, in this walk as for a viewer.
    match document.entry(id.number, revision) {
        None | Some(Entry::Free) => Ok(None),
        Some(_) => document.object(id, revision),
    }
}
