//! What a report says about a certificate.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// A certificate that a verdict rests on, for whoever wants to look it up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CertificateReport {
    /// What it was used for.
    pub role: CertificateRole,
    /// Subject, RFC 4514 text.
    pub subject: String,
    /// Serial number, lower-case hex.
    pub serial: String,
    /// Beginning of its period.
    pub not_before: DateTime<Utc>,
    /// End of its period.
    pub not_after: DateTime<Utc>,
    /// SM3 of its DER, lower-case hex.
    pub sm3: String,
}

/// What a certificate was used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CertificateRole {
    /// The signer's own.
    Signer,
    /// Above the signer's; the last one is an anchor.
    Issuer,
    /// Of whoever made the seal.
    SealMaker,
}
