//! What is judged of the file as a whole, beside its signatures.

use schemas::pdf::PdfError;
use schemas::pdf::document::Document;
use schemas::pdf::source::FileBytes;
use schemas::verdict::{Checks, FindingCode, SignatureKind, SignatureReport};

use super::Found;

/// What no signature by itself can say about the file.
pub(super) fn check(
    document: &Document<'_>,
    found: &[Found],
    reports: &[SignatureReport],
    checks: &mut Checks,
) -> Result<(), PdfError> {
    let is_timestamp = |report: &SignatureReport| report.kind == SignatureKind::Timestamp;
    if reports.iter().all(is_timestamp) {
        // Whoever asks for a timestamp gets one, for whatever file.
        let detail = "only timestamps: they say when, and nobody says that it is his";
        checks.fail(FindingCode::Unsigned, detail);
    }
    let revisions = document.revisions();
    let first = found.iter().map(|one| one.revision).min();
    let signed_end = first.and_then(|first| revisions.get(first));
    let from = signed_end.map_or(0, |signed| signed.end);
    if holds_package(document.file(), from)? {
        let detail = "what was added after signing is a package of another format too";
        checks.fail(FindingCode::FormatFailure, detail);
    }
    Ok(())
}

/// Whether readers of ZIP files, which begin at the end, could open what stands from an offset on:
/// then the file would show two things, of which one is not signed.
fn holds_package(file: FileBytes<'_>, from: usize) -> Result<bool, PdfError> {
    const DIRECTORY: &[u8] = b"PK\x01\x02";
    const END: &[u8] = b"PK\x05\x06";
    let range = from..file.length();
    Ok(file.contains_in(range.clone(), END)? && file.contains_in(range, DIRECTORY)?)
}

/// Bytes that look like a signature which no field names are one that was taken away.
pub(super) fn no_signature(file: FileBytes<'_>, checks: &mut Checks) -> Result<(), PdfError> {
    if file.contains(b"/ByteRange")? {
        let detail = "no field is signed, though the file holds a signature's /ByteRange";
        checks.fail(FindingCode::SignatureStripped, detail);
    } else {
        checks.fail(FindingCode::Unsigned, "no signature");
    }
    Ok(())
}
