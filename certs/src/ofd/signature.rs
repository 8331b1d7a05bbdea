//! One listed signature: its parts are found, its references checked, its signed value judged.

use std::borrow::Cow;
use std::cell::Cell;
use std::collections::BTreeSet;

use schemas::ofd::container::{FileId, Package};
use schemas::ofd::findings::Findings;
use schemas::ofd::signatures::{self, ListedSignature, SignatureDescription};
use schemas::ofd::{limits, path};
use schemas::verdict::{
    CertificateReport, CheckResult, Checks, FindingCode, SealUse, SealVersion, SignatureKind,
    SignatureReport,
};

use super::hashes::Hashes;
use super::references;
use crate::effort::Effort;
use crate::message::Message;
use crate::metadata::check_unit;
use crate::signed_value::{self, Question, SignatureClaim, TrustOptions};
use crate::trust::TrustStore;
use crate::verify::VerifyOptions;

/// What a signature is checked with.
pub(super) struct Context<'c, 'p, 'a> {
    pub(super) package: &'p Package<'a>,
    pub(super) hashes: &'c Hashes<'p, 'a>,
    pub(super) trust: &'c TrustStore,
    pub(super) options: &'c VerifyOptions<'c>,
    pub(super) effort: &'c Effort,
    pub(super) left: &'c Left,
}

/// What the signatures of a package may still cost together.
pub(super) struct Left {
    /// Bytes of parts of signatures.
    part_bytes: Cell<u64>,
    references: Cell<usize>,
}

impl Left {
    /// What the limits give.
    pub(super) const fn of_a_package() -> Self {
        Self {
            part_bytes: Cell::new(limits::SIGNATURE_PARTS_BYTES),
            references: Cell::new(limits::REFERENCES_TOTAL),
        }
    }
}

/// What came out: the report line, without its coverage, and which files are involved.
pub(super) struct Checked {
    pub(super) report: SignatureReport,
    /// Files that the references protect.
    pub(super) covered: BTreeSet<FileId>,
    /// `Signature.xml`, the signed value and the seal file.
    pub(super) parts: Vec<FileId>,
}

/// Checks one line of a list of signatures.
pub(super) fn check(
    context: &Context<'_, '_, '_>,
    list: FileId,
    listed: &ListedSignature,
) -> Checked {
    let mut work = Work {
        context,
        checks: Checks::new(),
        parts: Vec::new(),
        covered: BTreeSet::new(),
        findings: None,
    };
    work.run(list, listed);
    let verdict = work.checks.outcome();
    let findings = work.findings;
    let mut report = SignatureReport {
        id: listed.id.clone(),
        kind: listed.kind,
        seal_version: findings.as_ref().and_then(|found| found.seal_version),
        signer: findings.as_ref().and_then(|found| found.signer.clone()),
        signed_at: findings.as_ref().and_then(|found| found.signed_at),
        verdict,
        indication: String::new(),
        subindication: None,
        signed_bytes: None,
        coverage: String::new(),
        modifications: Vec::new(),
        certificates: findings
            .as_ref()
            .map(|found| found.certificates.clone())
            .unwrap_or_default(),
        checks: work.checks,
        seal: findings.and_then(|found| found.seal),
    };
    report.conclude();
    Checked {
        report,
        covered: work.covered,
        parts: work.parts,
    }
}

struct Work<'c, 'd, 'p, 'a> {
    context: &'c Context<'d, 'p, 'a>,
    checks: Checks,
    parts: Vec<FileId>,
    covered: BTreeSet<FileId>,
    findings: Option<Found>,
}

/// What the signed value said about itself.
struct Found {
    seal_version: Option<SealVersion>,
    signer: Option<String>,
    signed_at: Option<chrono::DateTime<chrono::Utc>>,
    certificates: Vec<CertificateReport>,
    seal: Option<SealUse>,
}

impl<'p> Work<'_, '_, 'p, '_> {
    fn run(&mut self, list: FileId, listed: &ListedSignature) {
        let package = self.context.package;
        let list_folder = path::folder(package.name(list));
        let document_folder = list_folder.split('/').next().unwrap_or_default();
        let folders = [list_folder, document_folder];
        let Some(part) = self.part(&folders, &listed.location, FindingCode::SvMissing) else {
            return;
        };
        let name = package.name(part);
        let Some(signature_xml) = self.content(part) else {
            return;
        };
        let description = match signatures::parse_description(&signature_xml) {
            Ok(description) => description,
            Err(refusal) => {
                let refusal = refusal.inside(name);
                return self.checks.fail(refusal.code(), refusal.detail());
            }
        };
        if !self.takes(description.references.len()) {
            return;
        }
        let mut findings = Findings::default();
        self.covered = references::check(
            package,
            self.context.hashes,
            part,
            &description,
            &mut findings,
        );
        self.checks.extend(findings.into_checks());
        let folders = [path::folder(name), list_folder, document_folder];
        let seal_file = self.seal_file(&folders, &description);
        let Some(signed_value) = self.signed_value(&folders, &description) else {
            return;
        };
        let claim = SignatureClaim {
            id: &listed.id,
            signed: Message::of(&signature_xml),
            signature_xml_path: Some(&format!("/{name}")),
            seal_file: seal_file.as_deref(),
            signature_date_time: description.date_time.as_deref(),
            signature_method: description.method.as_deref(),
        };
        self.judge(&signed_value, listed.kind, &claim);
    }

    fn judge(&mut self, signed_value: &[u8], kind: SignatureKind, claim: &SignatureClaim<'_>) {
        let options = self.context.options;
        let rules = TrustOptions {
            revocation: options.revocation,
            ..TrustOptions::at(options.at)
        };
        let question = Question {
            trust: self.context.trust,
            options: &rules,
            evidence: &[],
            effort: self.context.effort,
        };
        let findings = if kind == SignatureKind::Sign {
            signed_value::sign::check(signed_value, claim, &question)
        } else {
            signed_value::seal::check(signed_value, claim, &question)
        };
        self.checks.extend(findings.checks);
        let units = [
            findings.seal_name.as_deref(),
            findings.signer_organisation.as_deref(),
        ];
        check_unit(units, options.expected.as_ref(), &mut self.checks);
        self.findings = Some(Found {
            seal_version: findings.seal_version,
            signer: findings.signer,
            signed_at: findings.signed_at,
            certificates: findings.certificates,
            seal: findings.seal,
        });
    }

    fn signed_value(
        &mut self,
        folders: &[&str],
        description: &SignatureDescription,
    ) -> Option<Cow<'p, [u8]>> {
        let Some(location) = description.signed_value.as_deref() else {
            self.checks.fail(
                FindingCode::SvMissing,
                "Signature.xml names no signed value",
            );
            return None;
        };
        let part = self.part(folders, location, FindingCode::SvMissing)?;
        self.content(part)
    }

    fn seal_file(
        &mut self,
        folders: &[&str],
        description: &SignatureDescription,
    ) -> Option<Cow<'p, [u8]>> {
        let location = description.seal.as_deref()?;
        let part = self.part(folders, location, FindingCode::RefMissing)?;
        self.content(part)
    }

    /// Finds a part of the signature; `missing` is what its absence means.
    fn part(&mut self, folders: &[&str], location: &str, missing: FindingCode) -> Option<FileId> {
        match path::resolve(self.context.package, folders, location) {
            Ok(resolved) => {
                let part = resolved.files.first().copied();
                match part {
                    Some(part) => self.parts.push(part),
                    None => {
                        let detail = format!("{} is not in the package", resolved.path);
                        self.checks.fail(missing, detail);
                    }
                }
                if resolved.case_folded {
                    let detail = format!("{} exists in other letter case only", resolved.path);
                    self.checks
                        .warn(FindingCode::ZipCase, CheckResult::Fail, detail);
                }
                part
            }
            Err(refusal) => {
                self.checks.fail(refusal.code(), refusal.detail());
                None
            }
        }
    }

    /// Whether so many references may be followed besides those of the signatures before.
    fn takes(&mut self, references: usize) -> bool {
        let rest = self.context.left.references.get().checked_sub(references);
        let Some(rest) = rest else {
            let limit = limits::REFERENCES_TOTAL;
            let detail = format!("more than {limit} references in all signatures");
            self.checks.fail(FindingCode::XmlMalformed, detail);
            return false;
        };
        self.context.left.references.set(rest);
        true
    }

    /// Reads a part, while all of them together are not too much: each of many signatures may name
    /// the same large one, which would be inflated every time.
    fn content(&mut self, part: FileId) -> Option<Cow<'p, [u8]>> {
        let (package, left) = (self.context.package, &self.context.left.part_bytes);
        let Some(rest) = left.get().checked_sub(package.size_bytes(part)) else {
            let limit = limits::SIGNATURE_PARTS_BYTES;
            let name = package.name(part);
            let detail = format!("{name}: more than {limit} bytes in parts of signatures");
            self.checks.fail(FindingCode::SvMalformed, detail);
            return None;
        };
        left.set(rest);
        match self.context.package.read(part) {
            Ok(content) => Some(content),
            Err(refusal) => {
                self.checks.fail(refusal.code(), refusal.detail());
                None
            }
        }
    }
}
