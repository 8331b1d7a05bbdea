//! Verification of one file, whatever its kind.

use chrono::{DateTime, Utc};
use schemas::entry::Entry;
use schemas::verdict::{FileKind, Profile, Verdict};

use crate::trust::TrustStore;
use crate::{ofd, pdf};

pub use crate::signed_value::RevocationPolicy;

/// PDF readers look for the header in this many bytes from the beginning.
const PDF_HEADER_WINDOW: usize = 1_024;

/// What a verification is asked for.
#[derive(Clone, Copy, Debug)]
pub struct VerifyOptions<'a> {
    /// The moment at which the verdict is asked for.
    pub at: DateTime<Utc>,
    /// Which changes after signing are tolerated (PDF).
    pub profile: Profile,
    /// What missing or stale revocation data does to the verdict.
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
            revocation: RevocationPolicy::WarnWhenUnknown,
            expected: None,
        }
    }
}

/// Verifies a file, deciding its kind by content.
#[must_use]
pub fn verify_file(bytes: &[u8], trust: &TrustStore, options: &VerifyOptions<'_>) -> Verdict {
    if file_kind(bytes) == FileKind::Pdf {
        return pdf::verify(bytes, trust, options);
    }
    ofd::verify(bytes, trust, options)
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
