//! A library as a folder: `entries.jsonl`, `files/…` and, when it has its own licence types,
//! `licence_types.json`.
//!
//! The paths in the entries are relative to `files`. They come from another system and are not
//! trusted: a path that leaves the folder is refused, directly or through a symbolic link, and
//! what was opened is compared with what was checked.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, BufRead as _, BufReader, ErrorKind, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use schemas::entry::{FileReference, SourceEntry};
use schemas::verdict::FileKind;

use super::{ENTRIES_MAX, FILE_BYTES_MAX, Source, SourceError, SourceLine, TYPES_BYTES_MAX};

/// Longest line that is kept in memory, in bytes: one more than an entry may have, so that the
/// entry's own refusal names the reason.
const LINE_BYTES_MAX: u64 = 64 * 1024 + 1;

/// Files remembered between two readings: at some 300 bytes each at most 60 MiB. Of a larger
/// library the rest is read again each time.
const KNOWN_MAX: usize = 200_000;

/// Name of the list of entries.
const ENTRIES_FILE: &str = "entries.jsonl";

/// Name of the folder of files.
const FILES_FOLDER: &str = "files";

/// Name of the list of licence types.
const TYPES_FILE: &str = "licence_types.json";

/// Library in a folder; see the module.
#[derive(Clone)]
pub struct FolderSource {
    library: Arc<Library>,
}

struct Library {
    root: PathBuf,
    digest: fn(&[u8]) -> String,
    /// The files of the last reading: one that has not changed is not read again.
    known: Mutex<Known>,
}

type Known = HashMap<String, (Stamp, FileReference)>;

/// What changes whenever a file is written or exchanged. A change within one tick of the file
/// system's clock can hide; whoever reads the file for delivery digests it again.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Stamp {
    file: (u64, u64),
    size_bytes: u64,
    modified: (i64, i64),
    /// Unlike the time of modification, nobody can set it back.
    changed: (i64, i64),
}

impl FolderSource {
    /// Opens a library; `digest` gives the SM3 of a file in lower-case hex.
    ///
    /// # Errors
    /// The folder or its list of entries is missing.
    pub fn open(dir: impl AsRef<Path>, digest: fn(&[u8]) -> String) -> Result<Self, SourceError> {
        // Resolved once: whether a file is inside is decided on resolved paths.
        let root = fs::canonicalize(dir).map_err(|_| SourceError::Missing("the folder"))?;
        if !root.join(ENTRIES_FILE).is_file() {
            return Err(SourceError::Missing(ENTRIES_FILE));
        }
        Ok(Self {
            library: Arc::new(Library {
                root,
                digest,
                known: Mutex::default(),
            }),
        })
    }

    /// Files are read on the threads for blocking work: a slow disk must not hold up the others.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Library) -> Result<T, SourceError> + Send + 'static,
    ) -> Result<T, SourceError> {
        let library = Arc::clone(&self.library);
        tokio::task::spawn_blocking(move || work(&library))
            .await
            .map_err(|error| SourceError::Read(io::Error::other(error)))?
    }
}

#[async_trait]
impl Source for FolderSource {
    async fn entries(&self) -> Result<Vec<SourceLine>, SourceError> {
        self.blocking(Library::entries).await
    }

    async fn read(&self, file: &str) -> Result<Bytes, SourceError> {
        let file = file.to_owned();
        self.blocking(move |library| library.read(&file).map(Bytes::from))
            .await
    }

    async fn types(&self) -> Result<Option<Vec<u8>>, SourceError> {
        self.blocking(Library::types).await
    }
}

impl Library {
    fn entries(&self) -> Result<Vec<SourceLine>, SourceError> {
        let file = open_inside(&self.root, Path::new(ENTRIES_FILE))?;
        let mut reader = BufReader::new(file);
        let mut lines = Vec::new();
        let (before, mut known) = (std::mem::take(&mut *self.known()), Known::new());
        let mut number = 0;
        while let Some(text) = next_line(&mut reader).map_err(SourceError::Read)? {
            number += 1;
            if text.trim_ascii().is_empty() {
                continue;
            }
            if lines.len() == ENTRIES_MAX {
                return Err(SourceError::TooLarge(ENTRIES_FILE));
            }
            lines.push(self.line(number, &text, &before, &mut known));
        }
        *self.known() = known;
        Ok(lines)
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn line(&self, line: u64, text: &[u8], before: &Known, known: &mut Known) -> SourceLine {
        let entry = SourceEntry::parse_line(text);
        let named = entry.as_ref().ok().and_then(|entry| entry.file.as_deref());
        let (file, file_fault) = match named.map(|name| self.refer_to(name, before, known)) {
            None => (None, None),
            Some(Ok(file)) => (Some(file), None),
            Some(Err(fault)) => (None, Some(fault)),
        };
        SourceLine {
            line,
            entry,
            file,
            file_fault,
        }
    }

    fn refer_to(
        &self,
        name: &str,
        before: &Known,
        known: &mut Known,
    ) -> Result<FileReference, SourceError> {
        let file = self.open(name)?;
        let stamp = Stamp::of(&file)?;
        let reference = match before.get(name).filter(|(then, _)| *then == stamp) {
            Some((_, reference)) => reference.clone(),
            None => {
                let bytes = read_bounded(file, FILE_BYTES_MAX, "a file")?;
                let sm3 = (self.digest)(&bytes);
                FileReference::new(sm3, bytes.len() as u64, kind_of(&bytes))
                    .map_err(|_| SourceError::Digest)?
            }
        };
        if known.len() < KNOWN_MAX {
            known.insert(name.to_owned(), (stamp, reference.clone()));
        }
        Ok(reference)
    }

    fn read(&self, name: &str) -> Result<Vec<u8>, SourceError> {
        read_bounded(self.open(name)?, FILE_BYTES_MAX, "a file")
    }

    fn open(&self, name: &str) -> Result<File, SourceError> {
        let is_plain = |part| matches!(part, Component::Normal(_));
        if name.is_empty() || !Path::new(name).components().all(is_plain) {
            return Err(SourceError::PathEscapes);
        }
        open_inside(&self.root.join(FILES_FOLDER), Path::new(name))
    }

    fn types(&self) -> Result<Option<Vec<u8>>, SourceError> {
        match open_inside(&self.root, Path::new(TYPES_FILE)) {
            Ok(file) => read_bounded(file, TYPES_BYTES_MAX, TYPES_FILE).map(Some),
            Err(SourceError::Missing(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

impl Stamp {
    fn of(file: &File) -> Result<Self, SourceError> {
        let found = file.metadata().map_err(SourceError::Read)?;
        Ok(Self {
            file: (found.dev(), found.ino()),
            size_bytes: found.len(),
            modified: (found.mtime(), found.mtime_nsec()),
            changed: (found.ctime(), found.ctime_nsec()),
        })
    }
}

/// Opens a regular file of which no part of the path is a link that leads out of `folder`.
fn open_inside(folder: &Path, name: &Path) -> Result<File, SourceError> {
    let resolved = fs::canonicalize(folder.join(name)).map_err(missing_or_read)?;
    if !resolved.starts_with(folder) {
        return Err(SourceError::PathEscapes);
    }
    let checked = fs::symlink_metadata(&resolved).map_err(missing_or_read)?;
    // Before opening: opening a named pipe would wait for its writer.
    if !checked.is_file() {
        return Err(SourceError::NotAFile);
    }
    let file = File::open(&resolved).map_err(missing_or_read)?;
    let opened = file.metadata().map_err(SourceError::Read)?;
    // A path that was exchanged between check and opening leads to another file.
    if (opened.dev(), opened.ino()) != (checked.dev(), checked.ino()) {
        return Err(SourceError::PathEscapes);
    }
    Ok(file)
}

fn missing_or_read(error: io::Error) -> SourceError {
    match error.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory => SourceError::Missing("a file"),
        _ => SourceError::Read(error),
    }
}

fn read_bounded(file: File, limit: u64, what: &'static str) -> Result<Vec<u8>, SourceError> {
    let size = file.metadata().map_err(SourceError::Read)?.len();
    if size > limit {
        return Err(SourceError::TooLarge(what));
    }
    let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or_default());
    file.take(limit + 1)
        .read_to_end(&mut bytes)
        .map_err(SourceError::Read)?;
    // The file may have grown since its size was asked for.
    if bytes.len() as u64 > limit {
        return Err(SourceError::TooLarge(what));
    }
    Ok(bytes)
}

/// The next line without its line break, cut to [`LINE_BYTES_MAX`]; none at the end.
fn next_line(reader: &mut BufReader<File>) -> io::Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    let read = reader
        .by_ref()
        .take(LINE_BYTES_MAX)
        .read_until(b'\n', &mut line)?;
    if read == 0 {
        return Ok(None);
    }
    if line.last() == Some(&b'\n') {
        line.pop();
    } else {
        skip_line(reader)?;
    }
    Ok(Some(line))
}

/// Skips the rest of a line that is too long, without keeping it.
fn skip_line(reader: &mut BufReader<File>) -> io::Result<()> {
    loop {
        let buffer = reader.fill_buf()?;
        if buffer.is_empty() {
            return Ok(());
        }
        let end = buffer.iter().position(|byte| *byte == b'\n');
        let used = end.map_or(buffer.len(), |place| place + 1);
        reader.consume(used);
        if end.is_some() {
            return Ok(());
        }
    }
}

/// By the first bytes: a ZIP container is an OFD, the rest is told by its header.
fn kind_of(bytes: &[u8]) -> FileKind {
    if bytes.starts_with(b"PK\x03\x04") {
        FileKind::Ofd
    } else if bytes.starts_with(b"%PDF-") {
        FileKind::Pdf
    } else {
        FileKind::Unknown
    }
}

#[cfg(test)]
mod tests;
