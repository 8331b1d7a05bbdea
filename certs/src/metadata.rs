//! What a licence's file says about itself, against the directory's entry and the time asked for;
//! the same for both formats.

use chrono::{DateTime, Utc};
use schemas::metadata::Metadata;
use schemas::verdict::{CheckResult, Checks, FindingCode};

use crate::verify::{ExpectedEntry, VerifyOptions};

/// Compares metadata with the entry, and looks whether the file is a copy for one use. Metadata
/// that no signature protects counts as missing; `unproven` says why. Names only fields, never
/// values.
pub(crate) fn check(
    stated: Result<&Metadata, &str>,
    unproven: Option<&str>,
    options: &VerifyOptions<'_>,
    checks: &mut Checks,
) {
    let nothing = Metadata::default();
    let stated = match unproven {
        Some(_) => stated.map(|_| &nothing),
        None => stated,
    };
    if let Ok(metadata) = stated {
        check_copy(metadata, options.at, options.expected.is_some(), checks);
    }
    let Some(expected) = &options.expected else {
        let detail = "no directory entry to compare with";
        checks.skip(FindingCode::MetaMissing, detail);
        return checks.skip(FindingCode::MetaMismatch, detail);
    };
    match stated {
        Ok(metadata) => compare(metadata, unproven, expected, checks),
        Err(detail) => checks.fail(FindingCode::MetaMismatch, detail),
    }
}

/// Metadata that a signer signed and that are not, or no longer, what the file states; `replaced`
/// says so. They say still whether the file is a copy, and what they say of a licence is replaced
/// by nobody, whether there is an entry or not. A file that was signed without a licence's metadata
/// fails only where there is an entry to compare with.
pub(crate) fn check_beside(
    signed: &Metadata,
    replaced: Option<&str>,
    options: &VerifyOptions<'_>,
    checks: &mut Checks,
) {
    let has_entry = options.expected.is_some();
    check_copy(signed, options.at, has_entry, checks);
    if let Some(detail) = replaced.filter(|_| !has_entry && !signed.is_empty()) {
        checks.fail(FindingCode::MetaMismatch, detail);
    }
}

/// `SEAL_UNIT_MISMATCH`: the seal's or the signer's organisation should be the issuer that the
/// directory names.
pub(crate) fn check_unit(
    units: [Option<&str>; 2],
    expected: Option<&ExpectedEntry<'_>>,
    checks: &mut Checks,
) {
    let Some(expected) = expected else { return };
    let issuer = expected.entry.public.issuer_name.trim();
    let named = units.into_iter().flatten().map(str::trim);
    let named: Vec<&str> = named.filter(|unit| !unit.is_empty()).collect();
    let is_issuer = |unit: &&str| unit.contains(issuer) || issuer.contains(*unit);
    if named.is_empty() || issuer.is_empty() || named.iter().any(is_issuer) {
        return;
    }
    let detail = format!("sealed by {}, issued by {issuer}", named.join(" / "));
    checks.warn(FindingCode::SealUnitMismatch, CheckResult::Fail, detail);
}

fn compare(
    metadata: &Metadata,
    unproven: Option<&str>,
    expected: &ExpectedEntry<'_>,
    checks: &mut Checks,
) {
    let required = expected.required_metadata;
    let comparison = metadata.compare(expected.entry, required);
    if comparison.missing.is_empty() {
        checks.pass(
            FindingCode::MetaMissing,
            format!("all {} fields are there", required.len()),
        );
    } else {
        let why = unproven.map(|why| format!(" ({why})")).unwrap_or_default();
        let detail = format!("{}: missing{why}", comparison.missing.join(", "));
        checks.fail(FindingCode::MetaMissing, detail);
    }
    let (code, besides) = (FindingCode::MetaMismatch, &comparison.differing_besides);
    let named = |fields: &[String]| format!("{}: not as in the directory", fields.join(", "));
    if !comparison.differing.is_empty() {
        checks.fail(code, named(&comparison.differing));
    } else if besides.is_empty() {
        checks.pass(code, "what is there equals the directory's entry");
    }
    // Of these the type requires none: a file may do without them, and is not refused for them.
    if !besides.is_empty() {
        checks.warn(code, CheckResult::Fail, named(besides));
    }
}

/// A copy for one use (加注件, GB/T 36903-2018) counts until it expires, and is never what the
/// directory names: a library holds originals.
fn check_copy(metadata: &Metadata, at: DateTime<Utc>, has_entry: bool, checks: &mut Checks) {
    let Some(copy) = metadata.copy_fields() else {
        return;
    };
    if has_entry {
        let detail = "a copy that was made for one use, not the original";
        checks.fail(FindingCode::MetaMismatch, detail);
    }
    match copy.expiry() {
        Ok(Some(expiry)) if expiry < at => {
            let detail = format!("a copy for one use that expired {}", expiry.to_rfc3339());
            checks.fail(FindingCode::MetaMismatch, detail);
        }
        Ok(_) => {}
        Err(_) => {
            let detail = "a copy for one use; when it expires cannot be read";
            checks.fail(FindingCode::MetaMismatch, detail);
        }
    }
}
