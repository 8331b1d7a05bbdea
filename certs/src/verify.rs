//! Verification of one file, whatever its kind.

use std::io;

use chrono::{DateTime, Utc};
use schemas::entry::Entry;
use schemas::ofd::limits as ofd_limits;
use schemas::pdf::limits as pdf_limits;
use schemas::pdf::source::{FileBytes, PagedFile};
use schemas::verdict::{FileKind, Profile, Verdict};

use crate::open_file::OpenFile;
use crate::trust::TrustStore;
use crate::{digest, ofd, pdf};

pub use crate::revocation::{RevocationPolicy, UnknownStatus};

/// PDF readers look for the header in this many bytes from the beginning.
const PDF_HEADER_WINDOW: usize = 1_024;

/// Largest PDF in bytes that is verified in memory. What is read in pieces takes longer; this is a
/// quarter of what a verification may take.
pub const IN_MEMORY_BYTES: usize = 16 << 20;

/// Why there is no verdict on a file.
#[derive(Debug, thiserror::Error)]
pub enum OpenFileError {
    /// It is larger than the limit of its kind: `TOO_LARGE`.
    #[error("TOO_LARGE: {bytes} bytes, more than {limit}")]
    TooLarge {
        /// Its length.
        bytes: u64,
        /// The limit.
        limit: usize,
    },
    /// It cannot be read.
    #[error("cannot be read: {0}")]
    Unreadable(#[from] io::Error),
    /// It is another now than when it was opened.
    #[error("was changed while it was read")]
    Changed,
}

/// What a verification is asked for.
#[derive(Clone, Copy, Debug)]
pub struct VerifyOptions<'a> {
    /// The moment at which the verdict is asked for.
    pub at: DateTime<Utc>,
    /// Which changes after signing are tolerated (PDF).
    pub profile: Profile,
    /// How old revocation data may be, and what it means when there are none.
    pub revocation: RevocationPolicy,
    /// The directory's entry, when the file is checked against one.
    pub expected: Option<ExpectedEntry<'a>>,
}

/// The directory's entry that a file's metadata must agree with.
#[derive(Clone, Copy, Debug)]
pub struct ExpectedEntry<'a> {
    /// The entry.
    pub entry: &'a Entry,
    /// Short names of the fields that the file must carry and that must equal the entry's.
    pub required_metadata: &'a [String],
}

impl VerifyOptions<'_> {
    /// The default rules at time `at`, without an entry to compare with.
    #[must_use]
    pub const fn at(at: DateTime<Utc>) -> Self {
        Self {
            at,
            profile: Profile::Licence,
            revocation: RevocationPolicy::DEFAULT,
            expected: None,
        }
    }
}

/// Verifies a file in memory, deciding its kind by content.
#[must_use]
pub fn verify_file(bytes: &[u8], trust: &TrustStore, options: &VerifyOptions<'_>) -> Verdict {
    let sm3 = hex::encode(digest::sm3(bytes));
    verify_digested(bytes, &sm3, trust, options)
}

/// As [`verify_file`], for a file whose SM3 (lower-case hex) the caller has computed of exactly
/// these bytes: no byte is hashed twice for the same purpose.
#[must_use]
pub fn verify_digested(
    bytes: &[u8],
    sm3: &str,
    trust: &TrustStore,
    options: &VerifyOptions<'_>,
) -> Verdict {
    if file_kind(bytes) == FileKind::Pdf {
        return pdf::judge(FileBytes::Memory(bytes), sm3, trust, options);
    }
    ofd::verify(bytes, sm3, trust, options)
}

/// Verifies a file on disk; the verdict is that of [`verify_file`].
///
/// A PDF above [`IN_MEMORY_BYTES`] is read in pieces, so that it takes a few MiB of memory.
///
/// # Errors
/// When the file is too large, or cannot be read as it was when it was opened: no verdict on it.
pub fn verify_open_file(
    file: &OpenFile,
    trust: &TrustStore,
    options: &VerifyOptions<'_>,
) -> Result<Verdict, OpenFileError> {
    verify_known_or_not(file, None, trust, options)
}

/// As [`verify_open_file`], for a file whose SM3 (lower-case hex) the caller has computed of
/// exactly these bytes.
///
/// # Errors
/// As [`verify_open_file`].
pub fn verify_digested_open_file(
    file: &OpenFile,
    sm3: &str,
    trust: &TrustStore,
    options: &VerifyOptions<'_>,
) -> Result<Verdict, OpenFileError> {
    verify_known_or_not(file, Some(sm3), trust, options)
}

fn verify_known_or_not(
    file: &OpenFile,
    sm3: Option<&str>,
    trust: &TrustStore,
    options: &VerifyOptions<'_>,
) -> Result<Verdict, OpenFileError> {
    let is_pdf = file_kind(&file.first_bytes(PDF_HEADER_WINDOW)?) == FileKind::Pdf;
    let limit = if is_pdf {
        pdf_limits::FILE_BYTES
    } else {
        ofd_limits::PACKED_BYTES
    };
    let bytes = file.bytes();
    let length = usize::try_from(bytes).ok().filter(|bytes| *bytes <= limit);
    let length = length.ok_or(OpenFileError::TooLarge { bytes, limit })?;
    let verdict = if is_pdf && length > IN_MEMORY_BYTES {
        let paged = PagedFile::new(Box::new(file.try_clone()?), length);
        let verdict = match sm3 {
            Some(sm3) => pdf::verify_digested(&paged, sm3, trust, options),
            None => pdf::verify(&paged, trust, options),
        };
        verdict.map_err(io::Error::from)?
    } else {
        let bytes = file.first_bytes(length)?;
        match sm3 {
            Some(sm3) => verify_digested(&bytes, sm3, trust, options),
            None => verify_file(&bytes, trust, options),
        }
    };
    if file.is_as_it_was() {
        Ok(verdict)
    } else {
        Err(OpenFileError::Changed)
    }
}

/// The kind of a file by its first bytes; `Unknown` when they say neither OFD nor PDF.
///
/// [`verify_file`] still tries such a file as OFD: bytes before the package are tolerated.
#[must_use]
pub fn file_kind(bytes: &[u8]) -> FileKind {
    if bytes.starts_with(b"PK\x03\x04") {
        return FileKind::Ofd;
    }
    let head = bytes
        .get(..PDF_HEADER_WINDOW.min(bytes.len()))
        .unwrap_or_default();
    if head.windows(5).any(|part| part == b"%PDF-") {
        return FileKind::Pdf;
    }
    FileKind::Unknown
}
