//! Minting: sealed OFD and PDF licences that look like licences, for demo, tests and benches.
//!
//! Nobody in them is real: authorities, companies and people are named as samples, and every
//! page says that it has no legal effect. Keys and seals come from [`certs::mint`]. A licence is
//! drawn once, `licence.rs`, and written as either format, `ofd/mod.rs` and `pdf/mod.rs`.
//!
//! * [`SealKit`], [`mint_licence`], [`mint_file`]: one sealed file in a [`Format`]
//! * [`Spoil`]: faults to make on purpose
//! * [`sample_entries`]: a province's licences
//! * [`mint_library`], [`write_library`]: a library as a folder, with entries and files

mod border;
mod drawing;
mod face;
mod format;
mod kit;
mod layout;
mod library;
mod licence;
mod ofd;
mod pdf;
mod sample;
mod spoil;

#[cfg(test)]
mod tests;

use std::path::PathBuf;

use chrono::{DateTime, Utc};
use schemas::entry::{Entry, EntryError};
use schemas::holder_type::HolderCategory;

pub use self::format::Format;
pub use self::kit::SealKit;
pub use self::layout::Layout;
pub use self::library::{LibraryItem, LibraryPlan, mint_library, write_library};
pub use self::sample::sample_entries;
pub use self::spoil::Spoil;

/// Why a licence or a library could not be minted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MintError {
    /// A key, certificate or picture.
    #[error(transparent)]
    Pki(#[from] certs::mint::MintError),
    /// The container could not be written.
    #[error("package cannot be written")]
    Package(#[from] zip::result::ZipError),
    /// The sample data contradicts itself.
    #[error("sample data: {0}")]
    Sample(String),
    /// An entry is not one.
    #[error("sample entry")]
    Entry(#[from] EntryError),
    /// A fault was asked for in a format that cannot have it, or a key is missing for the format.
    #[error("{0}")]
    Unsuitable(&'static str),
    /// A file could not be written.
    #[error("{path}")]
    File {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

/// How one file is to be made.
#[derive(Clone, Copy, Debug)]
pub struct MintOptions {
    /// A4 upright or lying.
    pub layout: Layout,
    /// Format, and how it is signed.
    pub format: Format,
    /// Signing time.
    pub at: DateTime<Utc>,
    /// The fault to make, if any.
    pub spoil: Option<Spoil>,
    /// Bytes of a scanned original that the file carries under its seal, in pages of some 256 KiB;
    /// 0 for none.
    pub scan_bytes: usize,
}

/// A licence as the bytes of a file. The same input gives the same bytes.
///
/// # Errors
/// [`MintError`] when a key cannot sign or the file cannot be written.
pub fn mint_licence(
    entry: &Entry,
    layout: Layout,
    kit: &SealKit,
    format: Format,
    at: DateTime<Utc>,
) -> Result<Vec<u8>, MintError> {
    let options = MintOptions {
        layout,
        format,
        at,
        spoil: None,
        scan_bytes: 0,
    };
    mint_file(entry, kit, &options)
}

/// A licence file made as `options` say, faults included.
///
/// # Errors
/// [`MintError`], also when the fault does not fit the format.
pub fn mint_file(
    entry: &Entry,
    kit: &SealKit,
    options: &MintOptions,
) -> Result<Vec<u8>, MintError> {
    let does_not_fit = |spoil: Spoil| spoil.expected(options.format).is_none();
    if options.spoil.is_some_and(does_not_fit) {
        return Err(MintError::Unsuitable("this format cannot have this fault"));
    }
    if options.format.is_pdf() {
        pdf::mint(entry, kit, options)
    } else {
        ofd::mint(entry, kit, options)
    }
}

impl Layout {
    /// The layout that suits an entry: lying for an organisation's licence without a term, else
    /// upright.
    #[must_use]
    pub fn for_entry(entry: &Entry) -> Self {
        let organisation = |holder: &schemas::entry::Holder| {
            holder.code_type.category() == HolderCategory::Organisation
        };
        let long_term = !matches!(
            entry.public.valid_until,
            Some(schemas::date::ValidUntil::Date(_)),
        );
        if long_term && entry.private.holders.iter().all(organisation) {
            Self::Landscape
        } else {
            Self::Portrait
        }
    }
}
