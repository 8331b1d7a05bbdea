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

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;
    use crate::trust::TrustStore;
    use crate::verify::{IN_MEMORY_BYTES, OpenFileError, VerifyOptions, verify_open_file};

    fn file(first: &[u8], bytes: u64) -> File {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(first).unwrap();
        file.set_len(bytes).unwrap();
        file
    }

    fn verdict(file: &OpenFile) -> Result<(), OpenFileError> {
        let at = "2026-11-21T12:00:00Z".parse().unwrap();
        verify_open_file(file, &TrustStore::empty(), &VerifyOptions::at(at)).map(|_| ())
    }

    #[test]
    fn what_is_too_large_is_refused_by_name() {
        for (first, limit) in [(&b"%PDF-1.7"[..], 200_000_000), (b"PK\x03\x04", 64 << 20)] {
            let most = OpenFile::of(file(first, limit)).unwrap();
            assert!(verdict(&most).is_ok());
            let more = OpenFile::of(file(first, limit + 1)).unwrap();
            let refused = verdict(&more).unwrap_err().to_string();
            let (bytes, most) = (limit + 1, limit);
            assert_eq!(
                refused,
                format!("TOO_LARGE: {bytes} bytes, more than {most}")
            );
        }
    }

    #[test]
    fn there_is_no_verdict_on_what_changes() {
        for bytes in [1_000, IN_MEMORY_BYTES as u64 + 1] {
            let original = file(b"%PDF-1.7", bytes);
            let open = OpenFile::of(original.try_clone().unwrap()).unwrap();
            original.set_len(bytes / 2).unwrap();
            let refused = verdict(&open).unwrap_err();
            assert!(matches!(refused, OpenFileError::Unreadable(_)), "{refused}");
            original.set_len(bytes * 2).unwrap();
            let refused = verdict(&open).unwrap_err();
            assert!(matches!(refused, OpenFileError::Changed), "{refused}");
        }
    }

    #[test]
    fn a_folder_is_no_file() {
        let folder = tempfile::tempdir().unwrap();
        assert!(OpenFile::open(folder.path()).is_err());
    }
}
