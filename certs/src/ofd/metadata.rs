//! Metadata in the file against the directory's entry.

use schemas::metadata::{Metadata, MetadataError};
use schemas::ofd::document::Root;
use schemas::verdict::{Checks, FindingCode};

use crate::verify::ExpectedEntry;

/// Metadata of the body that is shown.
pub(super) fn of(root: &Root) -> Result<Metadata, MetadataError> {
    let pairs = root.custom_data().iter();
    Metadata::from_pairs(pairs.map(|(name, value)| (name.as_str(), value.as_str())))
}

/// Compares the metadata with the entry; metadata that no signature protects counts as missing.
/// Names only fields, never values.
pub(super) fn check(
    root: &Root,
    proven: bool,
    expected: Option<&ExpectedEntry<'_>>,
    checks: &mut Checks,
) {
    let Some(expected) = expected else {
        let detail = "no directory entry to compare with";
        checks.skip(FindingCode::MetaMissing, detail);
        return checks.skip(FindingCode::MetaMismatch, detail);
    };
    let metadata = match of(root) {
        Ok(_) if !proven => Metadata::default(),
        Ok(metadata) => metadata,
        Err(error) => return checks.fail(FindingCode::MetaMismatch, error.to_string()),
    };
    let required = expected.required_metadata;
    let comparison = metadata.compare(expected.entry, required);
    if comparison.missing.is_empty() {
        checks.pass(
            FindingCode::MetaMissing,
            format!("all {} fields are there", required.len()),
        );
    } else {
        let why = if proven {
            ""
        } else {
            " (OFD.xml is protected by no signature)"
        };
        let detail = format!("{}: missing{why}", comparison.missing.join(", "));
        checks.fail(FindingCode::MetaMissing, detail);
    }
    if comparison.differing.is_empty() {
        checks.pass(
            FindingCode::MetaMismatch,
            "what is there equals the directory's entry",
        );
    } else {
        let detail = format!(
            "{}: not as in the directory",
            comparison.differing.join(", ")
        );
        checks.fail(FindingCode::MetaMismatch, detail);
    }
}
