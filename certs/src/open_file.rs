//! A file on disk that is read where it is asked for.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::time::SystemTime;

use schemas::pdf::source::ReadAt;

/// A file that was opened once. Its length is the one that it had then.
#[derive(Debug)]
pub struct OpenFile {
    file: File,
    bytes: u64,
    changed_at: Option<SystemTime>,
}

impl OpenFile {
    /// Opens a file for reading.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub fn open(path: &Path) -> io::Result<Self> {
        Self::of(File::open(path)?)
    }

    /// Takes a file that is open.
    ///
    /// # Errors
    /// When its length cannot be told.
    pub fn of(file: File) -> io::Result<Self> {
        let found = file.metadata()?;
        if !found.is_file() {
            return Err(io::Error::other("no regular file"));
        }
        Ok(Self {
            file,
            bytes: found.len(),
            changed_at: found.modified().ok(),
        })
    }

    /// Length in bytes.
    #[must_use]
    pub const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The first bytes, so many of them or all.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn first_bytes(&self, most: usize) -> io::Result<Vec<u8>> {
        let length = usize::try_from(self.bytes).unwrap_or(usize::MAX).min(most);
        let mut bytes = vec![0; length];
        self.file.read_exact_at(&mut bytes, 0)?;
        Ok(bytes)
    }

    /// Whether the file is still as long and as old as it was: what is read twice has to be the
    /// same twice.
    #[must_use]
    pub fn is_as_it_was(&self) -> bool {
        let found = self.file.metadata();
        found.is_ok_and(|found| {
            found.len() == self.bytes && found.modified().ok() == self.changed_at
        })
    }

    /// The same file a second time.
    ///
    /// # Errors
    /// When the process may open no more files.
    pub fn try_clone(&self) -> io::Result<Self> {
        Ok(Self {
            file: self.file.try_clone()?,
            ..*self
        })
    }
}

impl ReadAt for OpenFile {
    fn read_at(&self, offset: usize, into: &mut [u8]) -> Result<(), ErrorKind> {
        let read = self.file.read_exact_at(into, offset as u64);
        read.map_err(|error| error.kind())
    }
}
