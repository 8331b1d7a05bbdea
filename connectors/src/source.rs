//! The seam to a province's existing library: what licences it has, and their sealed files.
//!
//! A source is read, never written: the library stays the province's own.

mod folder;

use async_trait::async_trait;
use bytes::Bytes;
use schemas::entry::{EntryError, FileReference, SourceEntry};

pub use self::folder::FolderSource;

/// Largest file of a licence, in bytes (ARCHITECTURE.md, Limits: OFD 64 MiB packed).
pub const FILE_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Most entries of one source: with 64 KiB at most for each, a larger library needs a database,
/// not a folder.
pub const ENTRIES_MAX: usize = 1_000_000;

/// Largest list of licence types, in bytes: the national list of some hundred types is under
/// 1 MiB.
pub const TYPES_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// One line of a source's entries.
#[derive(Debug)]
pub struct SourceLine {
    /// Number of the line, from 1; lines without content are not given but counted.
    pub line: u64,
    /// The entry, or why it cannot be read.
    pub entry: Result<SourceEntry, EntryError>,
    /// Digest and size of its file; none when the entry names no file or it cannot be read.
    pub file: Option<FileReference>,
    /// Why the file that the entry names cannot be read.
    pub file_fault: Option<SourceError>,
}

/// A library.
#[async_trait]
pub trait Source: Send + Sync {
    /// Every entry, in the order of the source; a faulty line does not hide the others.
    ///
    /// # Errors
    /// The list of entries cannot be read, or is over a limit.
    async fn entries(&self) -> Result<Vec<SourceLine>, SourceError>;

    /// The bytes of a file that an entry names, at most [`FILE_BYTES_MAX`].
    ///
    /// # Errors
    /// A path that leaves the library, no such file, or a file that is too large.
    async fn read(&self, file: &str) -> Result<Bytes, SourceError>;

    /// The library's own licence types, when it brings some.
    ///
    /// # Errors
    /// They are there but cannot be read.
    async fn types(&self) -> Result<Option<Vec<u8>>, SourceError>;
}

/// Why a source did not give what it was asked for. File names are not repeated: a library may
/// name its files after their holders.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The folder is not there, or has no list of entries.
    #[error("{0} of the library is missing")]
    Missing(&'static str),
    /// The path leaves the library, directly or through a link.
    #[error("the path leaves the library")]
    PathEscapes,
    /// The path names a folder or a device.
    #[error("the path names no regular file")]
    NotAFile,
    /// Larger or more than allowed.
    #[error("{0} of the library is over its limit")]
    TooLarge(&'static str),
    /// The file's digest has not the form of an SM3 value.
    #[error("the digest of the file is malformed")]
    Digest,
    /// Reading failed.
    #[error("reading the library failed: {0}")]
    Read(#[source] std::io::Error),
}

impl SourceError {
    /// Stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Missing(_) => "SOURCE_MISSING",
            Self::PathEscapes => "SOURCE_PATH",
            Self::NotAFile => "SOURCE_NOT_A_FILE",
            Self::TooLarge(_) => "SOURCE_TOO_LARGE",
            Self::Digest => "SOURCE_DIGEST",
            Self::Read(_) => "SOURCE_READ",
        }
    }
}
