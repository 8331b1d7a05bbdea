//! Metadata of a licence: what its first signer signed.

use schemas::metadata::Metadata;
use schemas::pdf::document::Document;
use schemas::pdf::metadata;
use schemas::verdict::{Checks, SignatureKind, SignatureReport};

use super::{Found, coverage};
use crate::verify::VerifyOptions;

/// `META_MISSING` and `META_MISMATCH`; answers what is signed.
pub(super) fn check(
    document: &Document<'_>,
    found: &[Found],
    reports: &[SignatureReport],
    options: &VerifyOptions<'_>,
    checks: &mut Checks,
) -> Option<Metadata> {
    let signed = signed_revision(found, reports);
    let stated = stated(document, signed);
    let unproven = signed
        .is_none()
        .then_some("no signer's signature covers the metadata");
    let read = stated.as_ref().map_err(String::as_str);
    crate::metadata::check(read, unproven, options, checks);
    stated.ok().filter(|_| signed.is_some())
}

/// The first revision that a signer signed, and no timestamp alone.
fn signed_revision(found: &[Found], reports: &[SignatureReport]) -> Option<usize> {
    let is_signed = |report: &SignatureReport| {
        report.kind != SignatureKind::Timestamp && report.coverage != coverage::PARTIAL
    };
    found
        .iter()
        .zip(reports)
        .filter(|(_, report)| is_signed(report))
        .map(|(found, _)| found.revision)
        .min()
}

/// The metadata of the signed revision. What a reader shows is the last revision's, which has to
/// be the same: later revisions may change a packet, but nothing of the licence in it.
fn stated(document: &Document<'_>, signed: Option<usize>) -> Result<Metadata, String> {
    let Some(signed) = signed else {
        return Ok(Metadata::default());
    };
    let read = |revision| metadata::read(document, revision).map_err(|error| error.to_string());
    let stated = read(signed)?;
    if document.last() != signed && read(document.last())? != stated {
        return Err("a later revision states other metadata than was signed".to_owned());
    }
    Ok(stated)
}
