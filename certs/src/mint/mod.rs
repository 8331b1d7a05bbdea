//! Minting: a development PKI, seals and signatures for tests, demonstrations and benchmarks.
//!
//! Nothing here is for production: a real authority keeps its keys in an HSM and buys its seals
//! from a licensed maker. The recipes live beside the verification so that every rule can be
//! shown to hold and to break: each option of [`seal::SealFaults`] makes one fault.
//!
//! * [`key`]: private keys, SM2 and RSA
//! * [`credential`]: a certificate with its private key, in memory or in a folder
//! * [`certificate`]: X.509 certificates and CRLs
//! * [`pki`]: root → issuing CA → seal maker, signers, nodes; and an RSA root
//! * [`picture`]: the red round seal and other pictures, as pixels and as PNG
//! * [`seal`]: e-seals of GM/T 0031-2014 (V1), GB/T 38540-2020 (V4) and GM/T 0031-2025 (V5)
//! * [`signed_data`]: GB/T 35275 `SignedData` for OFD signatures of type `Sign`, and CMS for PDF
//! * [`timestamp`]: timestamps over all of these
//! * [`pdf`]: signatures in PDF files

pub mod certificate;
pub mod credential;
mod der;
pub mod key;
pub mod pdf;
pub mod picture;
pub mod pki;
pub mod seal;
pub mod signed_data;
pub mod timestamp;

#[cfg(test)]
mod tests;

use std::path::PathBuf;

use ::der::asn1::ObjectIdentifier;
use schemas::pdf::PdfError;

/// SM2 signature with SM3 (GM/T 0006, as certificates and seals write it).
const SM2_WITH_SM3: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.156.10197.1.501");
/// The SM3 digest.
const SM3: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.156.10197.1.401");

/// Why something could not be minted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MintError {
    /// A key could not be used, or does not belong to its certificate.
    #[error("key of {of}: {problem}")]
    Key {
        /// Whose key.
        of: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A certificate could not be read back.
    #[error("certificate {of} cannot be read: {problem}")]
    Certificate {
        /// Which certificate.
        of: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A picture could not be encoded.
    #[error("seal picture cannot be written as PNG")]
    Picture(#[from] png::EncodingError),
    /// Something cannot be stamped.
    #[error("what is to be stamped cannot be read: {0}")]
    Stamp(String),
    /// A PDF cannot be signed.
    #[error("the PDF cannot be signed: {0}")]
    Pdf(String),
    /// A file could not be read or written.
    #[error("{path}: {source}")]
    File {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

impl From<PdfError> for MintError {
    fn from(error: PdfError) -> Self {
        Self::Pdf(error.to_string())
    }
}
