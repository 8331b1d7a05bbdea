//! OFD files (GB/T 33190-2016): the bounded container, the structure and the signature parts.
//!
//! * [`container`] opens the ZIP package: one parser, the central directory is the authority
//! * [`xml`] reads a part: no document type, no entities, bounded depth and size
//! * [`document`] is `OFD.xml`: bodies, metadata, where the document and its signatures are
//! * [`reach`] finds every file that takes part in what a reader shows
//! * [`signatures`] are `Signatures.xml` and `Signature.xml` (GB/T 33190-2016 clause 18)
//!
//! Nothing here computes a digest or trusts a seal; that is the `certs` package.

pub mod container;
mod directory;
pub mod document;
mod encoding;
mod entry;
pub mod findings;
mod hidden;
mod inflate;
pub mod limits;
mod links;
mod names;
pub mod path;
pub mod reach;
pub mod shared;
pub mod signatures;
pub mod xml;

use crate::verdict::FindingCode;

/// Why a package or one of its parts is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {detail}", code.as_str())]
pub struct Refusal {
    code: FindingCode,
    detail: String,
}

impl Refusal {
    /// Refused with this code, for what was seen, in English, without personal data.
    #[must_use]
    pub fn new(code: FindingCode, detail: impl Into<String>) -> Self {
        Self {
            code,
            detail: detail.into(),
        }
    }

    /// The same refusal, naming the part it is about.
    #[must_use]
    pub fn inside(self, part: &str) -> Self {
        Self {
            code: self.code,
            detail: format!("{part}: {}", self.detail),
        }
    }

    /// The stable code.
    #[must_use]
    pub fn code(&self) -> FindingCode {
        self.code
    }

    /// What was seen, in English, without personal data.
    #[must_use]
    pub fn detail(&self) -> &str {
        &self.detail
    }
}
