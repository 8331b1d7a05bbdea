//! ASN.1 of e-seals (GM/T 0031-2014, GB/T 38540-2020, GM/T 0031-2025) and of GB/T 35275
//! signatures, read without copying.
//!
//! Every part that somebody signed is kept as a slice of the original bytes: what was signed is
//! verified over those bytes, never over a re-encoding. Nothing read here is trusted yet; the
//! package `certs` decides that.

pub mod asn1;
pub mod ber;
mod fields;
pub mod ocsp;
pub mod revocation_data;
pub mod seal_file;
pub mod ses;
pub mod signed_data;
pub mod timestamp;

pub use asn1::Asn1Error;
pub use ocsp::{OcspAnswer, OcspResponse, OcspStatus, Responder};
pub use revocation_data::RevocationData;
pub use seal_file::{Header, Picture, Seal, SignerDigest, SignerList};
pub use ses::{SealSignature, SigningTime};
pub use signed_data::{SignedData, SignerIdentifier};
pub use timestamp::{TST_INFO, TimestampInfo};
