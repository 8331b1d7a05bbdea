//! The OFD verification path, in the order in which a reader of the report wants it:
//! container → structure → per signature: references, signed value, seal, trust → coverage →
//! metadata.
//!
//! Everything is read from the package once and judged over the original bytes. A finding does
//! not end the verification unless nothing more can be read, so that the report is complete; the
//! most telling finding becomes the verdict's code.

mod coverage;
mod hashes;
mod metadata;
mod references;
mod shared_parts;
mod signature;

use std::collections::BTreeSet;
use std::sync::Arc;

use schemas::metadata::{Metadata, MetadataError};
use schemas::ofd::container::{FileId, Package};
use schemas::ofd::document::{self, ROOT_PART, Root};
use schemas::ofd::signatures::{self, ListedSignature};
use schemas::ofd::{Refusal, limits, path, reach};
use schemas::verdict::{CheckResult, Checks, FileKind, FindingCode, SignatureReport, Verdict};

use self::hashes::Hashes;
use self::shared_parts::KnownParts;
use crate::effort::Effort;
use crate::trust::TrustStore;
use crate::verify::VerifyOptions;

/// Verifies an OFD file; the semantics are those of ARCHITECTURE.md, Verdicts.
#[must_use]
pub(crate) fn verify(
    bytes: &[u8],
    sm3: &str,
    trust: &TrustStore,
    options: &VerifyOptions<'_>,
) -> Verdict {
    let mut report = Report {
        kind: FileKind::Ofd,
        checks: Checks::new(),
        signatures: Vec::new(),
        signed_metadata: None,
    };
    match Package::open(bytes) {
        Ok(package) => verify_package(&package.sharing(&KnownParts), trust, options, &mut report),
        Err(refusal) => {
            // What does not even begin like a package is no OFD file at all.
            if !bytes.starts_with(b"PK") {
                report.kind = FileKind::Unknown;
            }
            refuse(&mut report.checks, &refusal);
        }
    }
    let sm3 = sm3.to_owned();
    let (checks, signatures) = (report.checks, report.signatures);
    Verdict {
        signed_metadata: report.signed_metadata,
        ..Verdict::conclude(report.kind, options.profile, sm3, checks, signatures)
    }
}

/// Metadata in `OFD.xml` as written: nothing of it is proven before
/// [`verify_file`](crate::verify::verify_file) says so.
///
/// # Errors
/// The container, `OFD.xml` or the fields are refused.
pub fn metadata(bytes: &[u8]) -> Result<Metadata, ReadMetadataError> {
    let package = Package::open(bytes)?;
    let Some(root) = read_root(&package)? else {
        return Ok(Metadata::default());
    };
    Ok(metadata::of(&root)?)
}

/// Why metadata cannot be read from a file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadMetadataError {
    /// The container or `OFD.xml` is refused.
    #[error(transparent)]
    File(#[from] Refusal),
    /// The fields are refused.
    #[error(transparent)]
    Fields(#[from] MetadataError),
}

struct Report {
    kind: FileKind,
    checks: Checks,
    signatures: Vec<SignatureReport>,
    signed_metadata: Option<Arc<Metadata>>,
}

/// A `Signatures.xml` that was read.
struct SignatureList {
    file: FileId,
    listed: Vec<ListedSignature>,
}

fn verify_package(
    package: &Package<'_>,
    trust: &TrustStore,
    options: &VerifyOptions<'_>,
    report: &mut Report,
) {
    container_checks(package, &mut report.checks);
    let root = match read_root(package) {
        Ok(root) => root,
        Err(refusal) => return refuse(&mut report.checks, &refusal),
    };
    if document::is_encrypted(package, root.as_ref()) {
        let detail = "encrypted after GM/T 0099-2020: the content cannot be judged";
        return report.checks.unknown(FindingCode::Encrypted, detail);
    }
    let Some(root) = root else {
        report.kind = FileKind::Unknown;
        return report
            .checks
            .fail(FindingCode::ZipStruct, "no OFD.xml: not an OFD package");
    };
    let reach = reach::reach(package, &root);
    if !reach.checks.is_broken() {
        let detail = format!("{} files take part in what is shown", reach.files.len());
        report.checks.pass(FindingCode::XmlMalformed, detail);
    }
    report.checks.extend(reach.checks);

    let lists = signature_lists(package, &root, &mut report.checks);
    let (hashes, effort) = (
        Hashes::new(package, limits::DIGESTED_BYTES),
        Effort::of_a_file(),
    );
    let left = signature::Left::of_a_package();
    let mut protection = coverage::Protection::new(package, &reach.files, &reach.documents);
    protection
        .signature_parts
        .extend(lists.iter().map(|list| list.file));
    for list in &lists {
        for listed in &list.listed {
            let context = signature::Context {
                package,
                hashes: &hashes,
                trust,
                options,
                effort: &effort,
                left: &left,
            };
            let outcome = signature::check(&context, list.file, listed);
            report.signatures.push(protection.take(outcome));
        }
    }
    if report.signatures.is_empty() {
        let stripped = protection.unlisted_signature_parts();
        let detail = if stripped.is_empty() {
            "no signature".to_owned()
        } else {
            format!(
                "no signature is listed, though the package holds {}",
                stripped.join(", ")
            )
        };
        report.checks.fail(FindingCode::Unsigned, detail);
    } else {
        protection.check(&mut report.checks);
    }
    let proven = protection.covers_root();
    let stated = metadata::of(&root).map_err(|error| error.to_string());
    let unproven = (!proven).then_some("OFD.xml is protected by no signature");
    let read = stated.as_ref().map_err(String::as_str);
    crate::metadata::check(read, unproven, options, &mut report.checks);
    report.signed_metadata = stated.ok().filter(|_| proven).map(Arc::new);
}

fn container_checks(package: &Package<'_>, checks: &mut Checks) {
    if package.warnings().is_empty() {
        checks.pass(
            FindingCode::ZipStruct,
            format!("{} files", package.files().count()),
        );
    }
    for warning in package.warnings() {
        checks.warn(warning.code(), CheckResult::Fail, warning.detail());
    }
    // The exact name wins elsewhere, but the root part decides about everything.
    let is_root = |file: &FileId| package.name(*file).eq_ignore_ascii_case(ROOT_PART);
    if package.files().filter(is_root).count() > 1 {
        checks.fail(
            FindingCode::ZipCase,
            "two root parts that differ by letter case",
        );
    }
}

fn read_root(package: &Package<'_>) -> Result<Option<Root>, Refusal> {
    let Some(found) = package.find(ROOT_PART) else {
        return Ok(None);
    };
    let content = package.read(found.file)?;
    document::parse_root(&content)
        .map(Some)
        .map_err(|refusal| refusal.inside(ROOT_PART))
}

/// Every list of signatures that a body names, each file once.
fn signature_lists(package: &Package<'_>, root: &Root, checks: &mut Checks) -> Vec<SignatureList> {
    let mut seen = BTreeSet::new();
    let mut lists: Vec<SignatureList> = Vec::new();
    for location in root.bodies.iter().flat_map(|body| &body.signature_lists) {
        let files = match path::resolve(package, &[""], location) {
            Ok(resolved) if resolved.files.is_empty() => {
                let detail = format!("OFD.xml names {}, which is not there", resolved.path);
                checks.fail(FindingCode::RefMissing, detail);
                continue;
            }
            Ok(resolved) => resolved.files,
            Err(refusal) => {
                refuse(checks, &refusal);
                continue;
            }
        };
        for file in files.into_iter().filter(|file| seen.insert(*file)) {
            let name = package.name(file);
            let list = package
                .read(file)
                .and_then(|bytes| signatures::parse_list(&bytes));
            match list {
                Ok(listed) => lists.push(SignatureList { file, listed }),
                Err(refusal) => refuse(checks, &refusal.inside(name)),
            }
        }
    }
    let count: usize = lists.iter().map(|list| list.listed.len()).sum();
    if count > limits::SIGNATURES {
        let detail = format!("more than {} signatures", limits::SIGNATURES);
        checks.fail(FindingCode::XmlMalformed, detail);
        lists.clear();
    }
    lists
}

fn refuse(checks: &mut Checks, refusal: &Refusal) {
    checks.fail(refusal.code(), refusal.detail());
}

#[cfg(test)]
mod tests;
