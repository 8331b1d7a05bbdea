//! PDF files (ISO 32000-2:2020) as their bytes say, for verifying signatures.
//!
//! Read strictly, from the original bytes: a reader that repairs a file may show something else
//! than what was signed.
//!
//! * [`source`]: the bytes, in memory or read in pieces
//! * [`object`] and [`lexer`]: objects, each string with the place where it stands
//! * [`xref`]: one section of cross-references, a table or a stream
//! * [`revision`]: what each save added; [`document`]: the objects as of each revision
//! * [`fields`]: signature fields of every revision; [`signature`]: signature dictionaries
//! * [`pages`]: the pages in order
//! * [`metadata`]: what the licence says about itself
//! * [`validation`]: certificates and revocation lists in the file
//! * [`mod@write`]: new files and incremental updates
//! * [`changes`]: what later revisions changed
//!
//! Nothing here computes a digest or trusts a signature; that is the `certs` package.

pub mod changes;
pub mod document;
pub mod fields;
mod filter;
pub mod lexer;
pub mod limits;
pub mod metadata;
pub mod object;
pub mod pages;
pub mod revision;
pub mod signature;
pub mod source;
pub mod validation;
pub mod write;
pub mod xref;

/// Why a PDF or a part of it is refused. Every one is the finding `FORMAT_FAILURE`, but for
/// [`PdfError::Unreadable`], which says nothing about the file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PdfError {
    /// The bytes are not what has to stand there.
    #[error("byte {at}: {what}")]
    Malformed {
        /// Offset in the file, or in an inflated stream.
        at: usize,
        /// What is wrong.
        what: &'static str,
    },
    /// A limit of [`limits`] is exceeded.
    #[error("more than {limit} {what}")]
    TooMuch {
        /// What there is too much of, with its unit.
        what: &'static str,
        /// The limit.
        limit: usize,
    },
    /// Something refers to itself.
    #[error("{0} in a circle")]
    Loop(&'static str),
    /// An object is not what its use demands.
    #[error("{what}: {expected} expected")]
    Unexpected {
        /// Which object or entry.
        what: &'static str,
        /// What it should be.
        expected: &'static str,
    },
    /// The file could not be read.
    #[error("byte {at}: the file cannot be read: {cause}")]
    Unreadable {
        /// Offset in the file.
        at: usize,
        /// Why.
        cause: std::io::ErrorKind,
    },
    /// A feature that this reader does not take, because readers disagree about it.
    #[error("{0} is not supported in a signed file")]
    Unsupported(&'static str),
}
