//! Every file that takes part in what a reader shows: from `OFD.xml` through documents, pages,
//! templates, resources, annotations, attachments and versions.
//!
//! Errs on the side of reaching more: all bodies and versions, every meaning of an ambiguous
//! location, elements of any namespace, resources that no page uses. A file too many asks for a
//! signature that covers it; a file too few would let somebody show what nobody signed.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::container::{FileId, Package};
use super::document::{ROOT_PART, Root};
use super::findings::Findings;
use super::links::{self, Link, Part, Scan};
use super::path::{self, Resolved};
use super::shared::SharedPart;
use super::xml::{self, Event};
use super::{Refusal, limits};
use crate::verdict::{Checks, FindingCode};

/// What was reached.
#[derive(Clone, Debug, Default)]
pub struct Reach {
    /// Files that take part in what is shown; `OFD.xml` and the signature parts are not among
    /// them.
    pub files: BTreeSet<FileId>,
    /// Those of them that are documents: `Document.xml` of each body and version.
    pub documents: BTreeSet<FileId>,
    /// What the walk found: XML that cannot be read, loops, paths that leave the package, files
    /// that are named but absent.
    pub checks: Checks,
}

/// Walks the package from its root part.
#[must_use]
pub fn reach(package: &Package<'_>, root: &Root) -> Reach {
    let mut walk = Walk {
        package,
        reach: Reach::default(),
        seen: HashSet::new(),
        queue: Vec::new(),
        uses: Uses::default(),
        unread_bytes: limits::XML_TOTAL_BYTES,
        followed: 0,
        findings: Findings::default(),
    };
    for body in &root.bodies {
        if body.document_roots.is_empty() && body.versions.is_empty() {
            let detail = format!("{ROOT_PART}: a body without a document");
            walk.findings.fail(FindingCode::XmlMalformed, detail);
        }
        let roots = body
            .document_roots
            .iter()
            .map(|location| (location, Part::Document));
        let versions = body
            .versions
            .iter()
            .map(|location| (location, Part::Version));
        let covers = body.covers.iter().map(|location| (location, Part::Data));
        for (location, part) in roots.chain(versions).chain(covers) {
            walk.follow(
                ROOT_PART,
                "",
                &Link {
                    location: location.clone(),
                    part,
                    id: None,
                },
            );
        }
    }
    walk.run();
    Reach {
        checks: walk.findings.into_checks(),
        ..walk.reach
    }
}

/// Whether a part is a document, whatever its name: its root element is `Document`.
#[must_use]
pub fn is_document(package: &Package<'_>, file: FileId) -> bool {
    let mut is_document = false;
    if let Ok(content) = package.read(file) {
        // The refusal only ends the reading.
        let _ended = xml::scan(&content, &mut |event| match event {
            Event::Start(start) => {
                is_document = start.name == "Document";
                Err(Refusal::new(
                    FindingCode::XmlMalformed,
                    "the root is enough",
                ))
            }
            _ => Ok(()),
        });
    }
    is_document
}

struct Walk<'p, 'a> {
    package: &'p Package<'a>,
    reach: Reach,
    /// Part and document folder that were already read.
    seen: HashSet<(FileId, Part, String)>,
    queue: Vec<(FileId, Part, String)>,
    uses: Uses,
    unread_bytes: u64,
    followed: usize,
    findings: Findings,
}

/// Which composite unit or template uses which, by document folder and identifier.
#[derive(Default)]
struct Uses {
    edges: HashMap<String, BTreeSet<String>>,
    count: usize,
}

impl Walk<'_, '_> {
    fn run(&mut self) {
        while self.followed <= limits::LINKS
            && let Some((file, part, document_folder)) = self.queue.pop()
        {
            let name = self.package.name(file).to_owned();
            match self.read(file, part) {
                Ok(scan) => self.take(file, &name, part, &document_folder, &scan),
                Err(refusal) => self.findings.refuse(&refusal.inside(&name)),
            }
        }
        if self.uses.count > limits::USES {
            self.findings.refuse(&links::too_many_uses());
        } else if let Some(looped) = self.uses.cycle() {
            let detail = format!("{looped} contains itself");
            self.findings.fail(FindingCode::Loop, detail);
        }
    }

    fn read(&mut self, file: FileId, part: Part) -> Result<Scan, Refusal> {
        let size = self.package.size_bytes(file);
        let Some(left) = self.unread_bytes.checked_sub(size) else {
            return Err(Refusal::new(
                FindingCode::XmlMalformed,
                "too much XML altogether",
            ));
        };
        self.unread_bytes = left;
        if size > limits::XML_BYTES {
            let detail = format!("larger than {} bytes", limits::XML_BYTES);
            return Err(Refusal::new(FindingCode::XmlMalformed, detail));
        }
        let shared = self.package.shared(file).filter(|_| part == Part::Page);
        if let Some(page) = shared.and_then(SharedPart::page) {
            return Ok(page.clone());
        }
        let scan = links::scan_part(&self.package.read(file)?, part)?;
        // Of short pieces it is their number that costs.
        let pieces = scan.pieces.saturating_mul(limits::XML_PIECE_BYTES);
        self.unread_bytes = left.saturating_sub(pieces.saturating_sub(size));
        if let Some(shared) = shared {
            shared.keep_page(&scan);
        }
        Ok(scan)
    }

    /// Follows what one part names, and notes what it contains.
    fn take(&mut self, file: FileId, name: &str, part: Part, document_folder: &str, scan: &Scan) {
        if part == Part::Document && scan.root != "Document" {
            let detail = format!("{name}: the root element is not Document");
            self.findings.fail(FindingCode::XmlMalformed, detail);
        }
        let own_folder = path::folder(name);
        let document_folder = if part == Part::Document {
            own_folder
        } else {
            document_folder
        }
        .to_owned();
        // A resource part moves the base of what it names.
        let base = match scan
            .base
            .as_deref()
            .map(|base| path::join(own_folder, base))
        {
            Some(Ok(base)) => base,
            Some(Err(refusal)) => return self.findings.refuse(&refusal.inside(name)),
            None => own_folder.to_owned(),
        };
        let key = |kind: &str, id: &str| format!("{kind} {id} of {document_folder}");
        for (user, used) in &scan.composites {
            self.uses
                .add(key("composite unit", user), key("composite unit", used));
        }
        for template in &scan.templates {
            self.uses.add(
                format!("page {}", file_key(file)),
                key("template", template),
            );
        }
        for link in &scan.links {
            if let Some(resolved) =
                self.follow_from(name, &[&base, own_folder, &document_folder], link)
                && let Some(id) = link.id.as_deref().filter(|_| link.part == Part::Page)
            {
                for page in resolved.files {
                    self.uses
                        .add(key("template", id), format!("page {}", file_key(page)));
                }
            }
        }
    }

    fn follow(&mut self, from: &str, folder: &str, link: &Link) {
        self.follow_from(from, &[folder], link);
    }

    fn follow_from(&mut self, from: &str, folders: &[&str], link: &Link) -> Option<Resolved> {
        self.followed += 1;
        if self.followed > limits::LINKS {
            let detail = "the package names too many files";
            self.findings.fail(FindingCode::XmlMalformed, detail);
            return None;
        }
        let resolved = match path::resolve(self.package, folders, &link.location) {
            Ok(resolved) => resolved,
            Err(refusal) => {
                self.findings.refuse(&refusal.inside(from));
                return None;
            }
        };
        if resolved.files.is_empty() {
            let detail = format!("{from} names {}, which is not there", resolved.path);
            match link.part {
                Part::Maybe => {}
                // Whoever finds a document there all the same sees what was not looked at here.
                Part::Document | Part::Version => {
                    self.findings.fail(FindingCode::RefMissing, detail);
                }
                _ => self.findings.warn(FindingCode::RefMissing, detail),
            }
            return None;
        }
        if resolved.case_folded {
            let detail = format!("{} exists in other letter case only", resolved.path);
            self.findings.warn(FindingCode::ZipCase, detail);
        }
        let document_folder = folders.last().copied().unwrap_or_default();
        for file in &resolved.files {
            if link.is_shared() {
                self.package.share(*file);
            }
            self.enqueue(*file, link.part, document_folder);
        }
        Some(resolved)
    }

    fn enqueue(&mut self, file: FileId, part: Part, document_folder: &str) {
        self.reach.files.insert(file);
        if part == Part::Document && self.reach.documents.insert(file) {
            if self.reach.documents.len() > limits::DOCUMENTS {
                return self
                    .findings
                    .refuse(&Refusal::new(FindingCode::Loop, "too many documents"));
            }
        } else if part == Part::Document {
            return;
        }
        if matches!(part, Part::Font | Part::Data | Part::Maybe) {
            return;
        }
        let step = (file, part, document_folder.to_owned());
        if self.seen.insert(step.clone()) {
            self.queue.push(step);
        }
    }
}

impl Uses {
    fn add(&mut self, user: String, used: String) {
        if self.count <= limits::USES && self.edges.entry(user).or_default().insert(used) {
            self.count += 1;
        }
    }

    /// Something that contains itself, directly or through others.
    fn cycle(&self) -> Option<&str> {
        let mut finished: HashSet<&str> = HashSet::new();
        for start in self.edges.keys() {
            let mut open: HashSet<&str> = HashSet::new();
            // Each step is entered once and left once; no recursion, the chain may be long.
            let mut steps = vec![(start.as_str(), false)];
            while let Some((at, leaving)) = steps.pop() {
                if leaving {
                    open.remove(at);
                    finished.insert(at);
                    continue;
                }
                if open.contains(at) {
                    return Some(at);
                }
                if finished.contains(at) {
                    continue;
                }
                open.insert(at);
                steps.push((at, true));
                let used = self.edges.get(at).into_iter().flatten();
                steps.extend(used.map(|next| (next.as_str(), false)));
            }
        }
        None
    }
}

fn file_key(file: FileId) -> String {
    format!("{file:?}")
}

#[cfg(test)]
#[path = "reach_tests.rs"]
mod tests;
