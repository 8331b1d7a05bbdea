//! The package: a ZIP file held in memory, opened under limits, inflated lazily and once.
//!
//! Nothing is ever extracted to a file system. All names, counts, sizes and ratios are judged
//! from the central directory before the first byte is inflated; the real sizes are enforced
//! again while inflating.

use std::borrow::Cow;
use std::collections::HashMap;
use std::io::Cursor;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use flate2::Decompress;
use zip::ZipArchive;

use super::entry::{self, Entry};
use super::shared::{SharedPart, SharedParts};
use super::{Refusal, directory, limits};
use crate::verdict::FindingCode;

/// PDF readers look for this in so many bytes from the beginning.
const PDF_HEADER: &[u8] = b"%PDF-";
const PDF_HEADER_WINDOW: usize = 1_024;

/// One file of a package; only meaningful with the package that gave it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileId(usize);

/// How a name led to a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    /// The file.
    pub file: FileId,
    /// Whether only a name of other letter case exists.
    pub case_folded: bool,
}

/// An opened package.
pub struct Package<'a> {
    bytes: &'a [u8],
    entries: Vec<Entry>,
    by_name: HashMap<String, FileId>,
    by_folded_name: HashMap<String, Vec<FileId>>,
    warnings: Vec<Refusal>,
    kept_bytes: AtomicU64,
    /// The tables of one inflater serve all entries.
    inflater: Mutex<Decompress>,
    memory: Option<&'static dyn SharedParts>,
}

impl<'a> Package<'a> {
    /// Opens a package.
    ///
    /// # Errors
    /// `ZIP_*`: the package is broken, crosses a limit of [`limits`], or would look different to
    /// different readers (duplicate names, hidden or crossed local headers, links, paths that
    /// leave the package).
    pub fn open(bytes: &'a [u8]) -> Result<Self, Refusal> {
        if bytes.len() > limits::PACKED_BYTES {
            let detail = format!(
                "{} bytes, at most {} are read",
                bytes.len(),
                limits::PACKED_BYTES
            );
            return Err(Refusal::new(FindingCode::ZipBomb, detail));
        }
        let head = bytes.get(..PDF_HEADER_WINDOW.min(bytes.len()));
        let head = head.unwrap_or_default();
        if head
            .windows(PDF_HEADER.len())
            .any(|part| part == PDF_HEADER)
        {
            return Err(broken("a PDF file too: other readers show something else"));
        }
        let end = directory::end_record(bytes)?;
        let archive = ZipArchive::new(Cursor::new(bytes.get(..end.end).unwrap_or_default()))
            .map_err(|error| broken(error.to_string()))?;
        if archive.has_duplicate_names() {
            return Err(Refusal::new(FindingCode::ZipDup, "two entries of one name"));
        }
        let directory_start = usize::try_from(archive.central_directory_start()).ok();
        if archive.len() != end.entries || directory_start != Some(end.directory_start) {
            return Err(broken(
                "the end record does not agree with the central directory",
            ));
        }
        let mut headers = Vec::with_capacity(end.entries);
        let mut entries = Vec::with_capacity(end.entries);
        for index in 0..end.entries {
            let entry = archive
                .by_index_data(index)
                .map_err(|error| broken(error.to_string()))?;
            let pair = entry::headers_of(bytes, &entry)?;
            entries.push(Entry::checked(&entry, &pair)?);
            headers.push(pair);
        }
        check_total(&entries)?;
        let mut warnings: Vec<Refusal> = directory::layout(bytes, headers, &end)?
            .into_iter()
            .map(broken)
            .collect();
        let by_name = by_name(&entries)?;
        let by_folded_name = folded_names(&entries, &mut warnings);
        Ok(Self {
            bytes,
            entries,
            by_name,
            by_folded_name,
            warnings,
            kept_bytes: AtomicU64::new(0),
            inflater: Mutex::new(Decompress::new(false)),
            memory: None,
        })
    }

    /// The same package, with a memory of parts that other packages have too.
    #[must_use]
    pub fn sharing(self, memory: &'static dyn SharedParts) -> Self {
        let memory = Some(memory);
        Self { memory, ..self }
    }

    /// What is odd about the container without being refused: `ZIP_STRUCT` (bytes before, between
    /// or behind), `ZIP_CASE` (names that differ only by letter case).
    #[must_use]
    pub fn warnings(&self) -> &[Refusal] {
        &self.warnings
    }

    /// All files, without directory entries, in the order of the central directory.
    pub fn files(&self) -> impl Iterator<Item = FileId> {
        let files = self
            .entries
            .iter()
            .enumerate()
            .filter(|(_, entry)| !entry.is_directory);
        files.map(|(index, _)| FileId(index))
    }

    /// Name of a file inside the package, without leading slash.
    #[must_use]
    pub fn name(&self, file: FileId) -> &str {
        self.entries
            .get(file.0)
            .map(|entry| entry.name.as_str())
            .unwrap_or_default()
    }

    /// Unpacked size in bytes, as declared and later enforced.
    #[must_use]
    pub fn size_bytes(&self, file: FileId) -> u64 {
        self.entries
            .get(file.0)
            .map(|entry| entry.size_bytes)
            .unwrap_or_default()
    }

    /// Looks a file up by its path from the root, without leading slash. The exact name wins; a
    /// name of other letter case counts only where no exact one exists and it is the only one.
    #[must_use]
    pub fn find(&self, path: &str) -> Option<Found> {
        if let Some(file) = self.by_name.get(path) {
            return Some(Found {
                file: *file,
                case_folded: false,
            });
        }
        match self
            .by_folded_name
            .get(&path.to_lowercase())
            .map(Vec::as_slice)
        {
            Some([file]) => Some(Found {
                file: *file,
                case_folded: true,
            }),
            _ => None,
        }
    }

    /// The content of a file: borrowed when the package keeps it.
    ///
    /// # Errors
    /// `ZIP_STRUCT` when it does not inflate to what the central directory announces, `ZIP_BOMB`
    /// when it inflates to more.
    pub fn read(&self, file: FileId) -> Result<Cow<'_, [u8]>, Refusal> {
        let entry = self.entry(file)?;
        if let Some(content) = entry.content.get() {
            return Ok(Cow::Borrowed(content));
        }
        let mut content = Vec::new();
        self.unpack(entry, &mut |chunk| content.extend_from_slice(chunk))?;
        Ok(self.keep(entry, content))
    }

    /// Passes the content of a file to `sink` in chunks, without holding a large one whole.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn stream(&self, file: FileId, sink: &mut dyn FnMut(&[u8])) -> Result<(), Refusal> {
        let entry = self.entry(file)?;
        if entry.content.get().is_some() || entry.size_bytes <= limits::KEPT_ENTRY_BYTES {
            sink(&self.read(file)?);
            return Ok(());
        }
        self.unpack(entry, sink)
    }

    /// What is known of a part from other packages.
    #[must_use]
    pub fn shared(&self, file: FileId) -> Option<&SharedPart> {
        self.entries.get(file.0)?.shared.get().map(Arc::as_ref)
    }

    /// Looks in the memory for a part that other packages may have too.
    pub(super) fn share(&self, file: FileId) {
        let (Some(memory), Some(entry)) = (self.memory, self.entries.get(file.0)) else {
            return;
        };
        let packed = entry.packed(self.bytes);
        if entry.shared.get().is_none()
            && let Some(known) = memory.recall(packed.form(), packed.data)
        {
            entry.shared.get_or_init(|| known);
        }
    }

    fn entry(&self, file: FileId) -> Result<&Entry, Refusal> {
        self.entries
            .get(file.0)
            .ok_or_else(|| broken("no such entry"))
    }

    fn unpack(&self, entry: &Entry, sink: &mut dyn FnMut(&[u8])) -> Result<(), Refusal> {
        let packed = entry.packed(self.bytes);
        let mut state = (self.inflater.lock()).unwrap_or_else(PoisonError::into_inner);
        packed.unpack(&mut state, sink)
    }

    fn keep<'p>(&'p self, entry: &'p Entry, content: Vec<u8>) -> Cow<'p, [u8]> {
        if entry.size_bytes > limits::KEPT_ENTRY_BYTES {
            return Cow::Owned(content);
        }
        let kept = self
            .kept_bytes
            .fetch_add(entry.size_bytes, Ordering::Relaxed);
        if kept.saturating_add(entry.size_bytes) > limits::KEPT_BYTES {
            self.kept_bytes
                .fetch_sub(entry.size_bytes, Ordering::Relaxed);
            return Cow::Owned(content);
        }
        Cow::Borrowed(entry.content.get_or_init(|| content.into_boxed_slice()))
    }
}

fn check_total(entries: &[Entry]) -> Result<(), Refusal> {
    let total: u64 = entries.iter().map(|entry| entry.size_bytes).sum();
    if total > limits::UNPACKED_BYTES {
        let detail = format!(
            "{total} bytes unpacked, at most {} are read",
            limits::UNPACKED_BYTES
        );
        return Err(Refusal::new(FindingCode::ZipBomb, detail));
    }
    Ok(())
}

fn by_name(entries: &[Entry]) -> Result<HashMap<String, FileId>, Refusal> {
    let mut all = HashMap::with_capacity(entries.len());
    for (index, entry) in entries.iter().enumerate() {
        if all.insert(entry.name.clone(), FileId(index)).is_some() {
            return Err(Refusal::new(FindingCode::ZipDup, entry.name.clone()));
        }
    }
    // A Chinese reader takes a name for GB 18030 that is not said to be UTF-8, also where it could
    // be UTF-8.
    for entry in entries {
        let other = entry
            .other_name
            .as_ref()
            .filter(|name| **name != entry.name);
        if other.is_some_and(|other| all.contains_key(other)) {
            return Err(Refusal::new(FindingCode::ZipDup, entry.name.clone()));
        }
    }
    // A file that is the folder of another one: extracted, one of them is lost.
    for entry in entries {
        for (position, _) in entry.name.match_indices('/') {
            let folder = entry.name.get(..position).unwrap_or_default();
            let known = all
                .get(folder)
                .and_then(|file: &FileId| entries.get(file.0));
            if known.is_some_and(|known| !known.is_directory) {
                return Err(Refusal::new(FindingCode::ZipDup, entry.name.clone()));
            }
        }
    }
    all.retain(|_, file| !entries.get(file.0).is_some_and(|entry| entry.is_directory));
    Ok(all)
}

fn folded_names(entries: &[Entry], warnings: &mut Vec<Refusal>) -> HashMap<String, Vec<FileId>> {
    let mut all: HashMap<String, Vec<FileId>> = HashMap::with_capacity(entries.len());
    for (index, entry) in entries
        .iter()
        .enumerate()
        .filter(|(_, entry)| !entry.is_directory)
    {
        let same = all.entry(entry.name.to_lowercase()).or_default();
        if !same.is_empty() {
            let detail = format!("{}: another name differs only by letter case", entry.name);
            warnings.push(Refusal::new(FindingCode::ZipCase, detail));
        }
        same.push(FileId(index));
    }
    all
}

pub(super) fn broken(detail: impl Into<String>) -> Refusal {
    Refusal::new(FindingCode::ZipStruct, detail)
}

pub(super) fn bomb(name: &str, why: &str) -> Refusal {
    Refusal::new(FindingCode::ZipBomb, format!("{name}: {why}"))
}

#[cfg(test)]
#[path = "container_tests.rs"]
mod tests;
