//! Metadata of a licence: what its first signer signed.

use std::collections::BTreeSet;

use schemas::metadata::Metadata;
use schemas::pdf::document::Document;
use schemas::pdf::metadata;
use schemas::verdict::{Checks, SignatureKind, SignatureReport};

use super::{Found, coverage};
use crate::metadata::check_beside;
use crate::verify::VerifyOptions;

const REPLACED: &str = "a later revision states other metadata than was signed";

/// `META_MISSING` and `META_MISMATCH`; answers what is signed. What a reader shows is the last
/// revision's, which has to be the same: later revisions may change a packet, but nothing of the
/// licence in it.
pub(super) fn check(
    document: &Document<'_>,
    found: &[Found],
    reports: &[SignatureReport],
    options: &VerifyOptions<'_>,
    checks: &mut Checks,
) -> Option<Metadata> {
    let signed = signed_revisions(found, reports);
    let Some((first, newest)) = signed.first().zip(signed.last()) else {
        let unproven = Some("no signer's signature covers the metadata");
        crate::metadata::check(Ok(&Metadata::default()), unproven, options, checks);
        return None;
    };
    let read = |revision: &usize| metadata::read(document, *revision);
    let stated = read(first);
    let shown = (*first != document.last()).then(|| read(&document.last()));
    let is_shown = |signed: &Metadata| match &shown {
        Some(shown) => shown.as_ref().is_ok_and(|shown| shown == signed),
        None => true,
    };
    // Whoever signs last answers for what the file says then, too, for instance as a copy.
    let added = (newest != first).then(|| read(newest)).and_then(Result::ok);
    let added = added.filter(|added| stated.as_ref().ok() != Some(added));
    if let Some(added) = &added {
        check_beside(
            added,
            (!is_shown(added)).then_some(REPLACED),
            options,
            checks,
        );
    }
    let stated = match stated.map_err(|error| error.to_string()) {
        Ok(stated) if !is_shown(&stated) => {
            check_beside(&stated, Some(REPLACED), options, checks);
            Err(REPLACED.to_owned())
        }
        stated => stated,
    };
    let read = stated.as_ref().map_err(String::as_str);
    crate::metadata::check(read, None, options, checks);
    stated.ok()
}

/// The revisions that a signer signed, and no timestamp alone.
fn signed_revisions(found: &[Found], reports: &[SignatureReport]) -> BTreeSet<usize> {
    let is_signed = |report: &SignatureReport| {
        report.kind != SignatureKind::Timestamp && report.coverage != coverage::PARTIAL
    };
    found
        .iter()
        .zip(reports)
        .filter(|(_, report)| is_signed(report))
        .map(|(found, _)| found.revision)
        .collect()
}
