//! References of one signature: every protected file is there and has the digest that was signed.

use std::collections::BTreeSet;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use schemas::ofd::container::{FileId, Package};
use schemas::ofd::findings::Findings;
use schemas::ofd::path;
use schemas::ofd::signatures::{Reference, SignatureDescription};
use schemas::verdict::FindingCode;

use super::hashes::Hashes;
use crate::digest::DigestAlgorithm;

/// Checks all references; returns the files that they protect.
pub(super) fn check(
    package: &Package<'_>,
    hashes: &Hashes<'_, '_>,
    signature_part: FileId,
    description: &SignatureDescription,
    findings: &mut Findings,
) -> BTreeSet<FileId> {
    // GB/T 33190-2016 lets a missing method mean MD5, which is as unacceptable as a written one.
    let method = description.check_method.as_deref().unwrap_or("MD5");
    let algorithm = DigestAlgorithm::parse(method);
    if algorithm.is_none() {
        let detail = format!("digest algorithm {} is not accepted", method.escape_debug());
        findings.fail(FindingCode::SigAlg, detail);
    }
    let found: Vec<(&Reference, Option<FileId>)> = description
        .references
        .iter()
        .map(|reference| {
            (
                reference,
                find(package, signature_part, reference, findings),
            )
        })
        .collect();
    let covered: BTreeSet<FileId> = found.iter().filter_map(|(_, file)| *file).collect();
    if algorithm == Some(DigestAlgorithm::Sm3) {
        let files: Vec<FileId> = covered.iter().copied().collect();
        hashes.prepare(&files);
    }
    let mut is_whole = true;
    for (reference, file) in found {
        let Some(file) = file else {
            is_whole = false;
            continue;
        };
        if let Some(algorithm) = algorithm {
            is_whole &= compare(package, hashes, file, algorithm, reference, findings);
        }
    }
    if let Some(algorithm) = algorithm.filter(|_| is_whole && !covered.is_empty()) {
        let detail = format!("{} files, {}", covered.len(), algorithm.as_str());
        findings.pass(FindingCode::RefDigest, detail);
    }
    covered
}

fn find(
    package: &Package<'_>,
    signature_part: FileId,
    reference: &Reference,
    findings: &mut Findings,
) -> Option<FileId> {
    // Relative references are written from the root more often than from the signature's folder.
    let own_folder = path::folder(package.name(signature_part));
    let document_folder = own_folder.split('/').next().unwrap_or_default();
    match path::resolve(
        package,
        &["", document_folder, own_folder],
        &reference.location,
    ) {
        Ok(resolved) => {
            let Some(file) = resolved.files.first() else {
                let detail = format!("{} is not in the package", resolved.path);
                findings.fail(FindingCode::RefMissing, detail);
                return None;
            };
            if resolved.case_folded {
                let detail = format!("{} exists in other letter case only", resolved.path);
                findings.warn(FindingCode::ZipCase, detail);
            }
            Some(*file)
        }
        Err(refusal) => {
            findings.refuse(&refusal);
            None
        }
    }
}

fn compare(
    package: &Package<'_>,
    hashes: &Hashes<'_, '_>,
    file: FileId,
    algorithm: DigestAlgorithm,
    reference: &Reference,
    findings: &mut Findings,
) -> bool {
    let name = package.name(file);
    let Ok(expected) = STANDARD.decode(&reference.check_value) else {
        findings.fail(
            FindingCode::RefDigest,
            format!("{name}: the signed digest is unreadable"),
        );
        return false;
    };
    match hashes.digest(file, algorithm) {
        Ok(actual) if actual == expected => true,
        Ok(_) => {
            findings.fail(
                FindingCode::RefDigest,
                format!("{name} was changed after signing"),
            );
            false
        }
        Err(refusal) => {
            findings.refuse(&refusal);
            false
        }
    }
}
