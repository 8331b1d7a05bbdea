//! Which files the signatures protect, all together: what is shown must be among them.

use std::collections::BTreeSet;

use schemas::ofd::container::{FileId, Package};
use schemas::ofd::document::ROOT_PART;
use schemas::ofd::{limits, reach};
use schemas::verdict::{CheckResult, Checks, FindingCode, SignatureReport};

use super::signature::Checked;

/// A report names at most this many files of a kind; the count follows.
const NAMED_FILES: usize = 5;

/// File names that only signature parts have, in lower case.
const SIGNATURE_PART_NAMES: [&str; 2] = ["signature.xml", "signedvalue.dat"];

/// What is shown, what is protected, and what belongs to the signatures themselves.
pub(super) struct Protection<'p, 'a> {
    package: &'p Package<'a>,
    shown: &'p BTreeSet<FileId>,
    /// The documents among what is shown.
    documents: &'p BTreeSet<FileId>,
    covered: BTreeSet<FileId>,
    /// Lists of signatures, their descriptions, signed values and seal files.
    pub(super) signature_parts: BTreeSet<FileId>,
}

impl<'p, 'a> Protection<'p, 'a> {
    pub(super) fn new(
        package: &'p Package<'a>,
        shown: &'p BTreeSet<FileId>,
        documents: &'p BTreeSet<FileId>,
    ) -> Self {
        Self {
            package,
            shown,
            documents,
            covered: BTreeSet::new(),
            signature_parts: BTreeSet::new(),
        }
    }

    /// Adds what one signature protects and completes its report line.
    ///
    /// Broken signatures count too: they make the file invalid by themselves, and the finding
    /// that says why should not be hidden behind one about coverage.
    pub(super) fn take(&mut self, checked: Checked) -> SignatureReport {
        let mut report = checked.report;
        let is_whole = self.shown.is_subset(&checked.covered);
        report.coverage = if is_whole { "whole" } else { "partial" }.to_owned();
        self.covered.extend(checked.covered);
        self.signature_parts.extend(checked.parts);
        report
    }

    /// Whether a signature protects `OFD.xml`.
    pub(super) fn covers_root(&self) -> bool {
        let root = self.package.find(ROOT_PART);
        root.is_some_and(|found| self.covered.contains(&found.file))
    }

    /// Parts of signatures that no list names: somebody shortened the list.
    pub(super) fn unlisted_signature_parts(&self) -> Vec<&str> {
        let names = self
            .package
            .files()
            .filter(|file| !self.signature_parts.contains(file));
        let names = names.map(|file| self.package.name(file));
        let is_part = |name: &&str| {
            let file_name = name.rsplit('/').next().unwrap_or_default().to_lowercase();
            SIGNATURE_PART_NAMES.contains(&file_name.as_str())
        };
        names.filter(is_part).collect()
    }

    /// Reports coverage of the whole file.
    pub(super) fn check(&self, checks: &mut Checks) {
        let stripped = self.unlisted_signature_parts();
        if !stripped.is_empty() {
            let detail = format!("{}: in the package, but not listed", shortened(&stripped));
            checks.fail(FindingCode::SignatureStripped, detail);
        }
        // A part of a signature is no exception: it could be the document at the same time.
        let exposed = self.names(|file| self.shown.contains(&file));
        if self.shown.is_empty() {
            checks.fail(FindingCode::Coverage, "no document is reached");
        } else if exposed.is_empty() {
            let detail = format!(
                "all {} files that are shown are protected",
                self.shown.len()
            );
            checks.pass(FindingCode::Coverage, detail);
        } else {
            let detail = format!(
                "{}: shown, but protected by no signature",
                shortened(&exposed)
            );
            checks.fail(FindingCode::Coverage, detail);
        }
        if !self.covers_root() {
            let detail = "OFD.xml is protected by no signature: its metadata proves nothing";
            checks.warn(FindingCode::OfdXmlUncovered, CheckResult::Fail, detail);
            self.check_choice(checks);
        }
        let extra = self.names(|file| {
            let is_known = self.shown.contains(&file) || self.signature_parts.contains(&file);
            !is_known && self.package.name(file) != ROOT_PART
        });
        if !extra.is_empty() {
            let detail = format!("{}: neither shown nor protected", shortened(&extra));
            checks.warn(FindingCode::Uncovered, CheckResult::Fail, detail);
        }
    }

    /// `OFD.xml` says which documents are shown, and which first. Where nobody signed it and there
    /// is a choice, somebody else may have chosen.
    fn check_choice(&self, checks: &mut Checks) {
        if self.documents.len() > 1 {
            let count = self.documents.len();
            let detail = format!("{count} documents, and no signature says which is shown first");
            checks.fail(FindingCode::Coverage, detail);
        }
        let is_xml = |file: &&FileId| {
            let name = self.package.name(**file);
            let is_part = name == ROOT_PART || self.signature_parts.contains(*file);
            !is_part && name.to_ascii_lowercase().ends_with(".xml")
        };
        let mut bytes = 0;
        let mut left_out = Vec::new();
        for file in self.covered.difference(self.shown).filter(is_xml) {
            bytes += self.package.size_bytes(*file);
            if bytes > limits::UNSHOWN_XML_BYTES {
                let limit = limits::UNSHOWN_XML_BYTES;
                let detail = format!("more than {limit} bytes of XML are signed, but not shown");
                return checks.fail(FindingCode::Coverage, detail);
            }
            if reach::is_document(self.package, *file) {
                left_out.push(self.package.name(*file));
            }
        }
        if !left_out.is_empty() {
            let names = shortened(&left_out);
            let detail = format!("{names}: signed as a document, and no longer shown as one");
            checks.fail(FindingCode::Coverage, detail);
        }
    }

    /// Names of the files without protection that meet a condition.
    fn names(&self, condition: impl Fn(FileId) -> bool) -> Vec<&str> {
        let bare = |file: &FileId| !self.covered.contains(file) && condition(*file);
        self.package
            .files()
            .filter(bare)
            .map(|file| self.package.name(file))
            .collect()
    }
}

fn shortened(names: &[&str]) -> String {
    let shown: Vec<&str> = names.iter().take(NAMED_FILES).copied().collect();
    let more = names.len().saturating_sub(NAMED_FILES);
    if more == 0 {
        shown.join(", ")
    } else {
        format!("{} and {more} more", shown.join(", "))
    }
}
