//! Timestamps (RFC 3161; GM timestamps have the same shape): that something existed at a time which
//! its maker did not choose.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use schemas::seal::{Asn1Error, SignedData, TST_INFO, TimestampInfo};
use schemas::verdict::FindingCode;

use crate::algorithm::{self, AlgorithmError, SignatureAlgorithm, SignatureForm};
use crate::certificate::Certificate;
use crate::digest::DigestAlgorithm;
use crate::message::Message;
use crate::path::{self, PathError};
use crate::revocation::{self, RevocationStatus};
use crate::signed_value::sign::split_certificates;
use crate::trust::TrustStore;

/// A timestamp that may be relied on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// When it was made.
    pub time: DateTime<Utc>,
    /// Subject of the authority's certificate, RFC 4514 text.
    pub authority: String,
}

/// Why a timestamp does not count.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TimestampError {
    /// It is no timestamp token.
    #[error("not a timestamp token: {0}")]
    Malformed(String),
    /// It is for something else.
    #[error("the stamped digest is that of something else")]
    Imprint,
    /// The authority's signature does not hold.
    #[error("the timestamp's signature does not hold")]
    Signature,
    /// An algorithm is not accepted.
    #[error("the timestamp uses what is not accepted: {0}")]
    Algorithm(AlgorithmError),
    /// The authority's certificate is not there.
    #[error("the certificate of the timestamp's authority is not in the token")]
    NoCertificate,
    /// The certificate is not one for timestamps alone (RFC 3161 §2.3).
    #[error("the certificate of {0} is not for timestamps alone")]
    Usage(String),
    /// There is no path to an anchor.
    #[error("no path from the timestamp's authority {0} to an anchor: {1}")]
    Path(String, PathError),
    /// The certificate is not valid now, so nobody knows whether it was misused since.
    #[error("the certificate of the timestamp's authority {0} is no longer valid")]
    Expired(String),
    /// The certificate is revoked.
    #[error("the certificate of the timestamp's authority {0} is revoked")]
    Revoked(String),
}

impl TimestampError {
    /// Whether nothing is broken, and only evidence is missing.
    #[must_use]
    pub const fn is_missing_evidence(&self) -> bool {
        !matches!(self, Self::Malformed(_) | Self::Imprint | Self::Signature)
    }

    /// The subindication of EN 319 102-1.
    #[must_use]
    pub const fn finding(&self) -> FindingCode {
        match self {
            Self::Malformed(_) => FindingCode::FormatFailure,
            Self::Imprint => FindingCode::HashFailure,
            Self::Signature => FindingCode::SigCryptoFailure,
            Self::Algorithm(_) => FindingCode::CryptoConstraintsFailure,
            Self::NoCertificate => FindingCode::NoSigningCertificateFound,
            Self::Usage(_) => FindingCode::ChainConstraintsFailure,
            Self::Path(..) => FindingCode::NoCertificateChainFound,
            Self::Expired(_) => FindingCode::OutOfBoundsNoPoe,
            Self::Revoked(_) => FindingCode::RevokedNoPoe,
        }
    }
}

impl From<Asn1Error> for TimestampError {
    fn from(error: Asn1Error) -> Self {
        Self::Malformed(error.to_string())
    }
}

impl From<AlgorithmError> for TimestampError {
    fn from(error: AlgorithmError) -> Self {
        match error {
            AlgorithmError::Invalid => Self::Signature,
            other => Self::Algorithm(other),
        }
    }
}

/// Verifies that `token`, a `ContentInfo`, is a timestamp over `stamped`, of an authority that is
/// trusted `at` the time of the question.
///
/// # Errors
/// When it is not.
pub fn verify(
    token: &[u8],
    stamped: Message<'_>,
    carried: &[Arc<Certificate>],
    trust: &TrustStore,
    at: DateTime<Utc>,
) -> Result<Stamp, TimestampError> {
    let data = SignedData::parse(token)?;
    let malformed = |what: &str| TimestampError::Malformed(what.to_owned());
    let content = data.content.filter(|_| data.content_type == TST_INFO);
    let content = content.ok_or(malformed("no TSTInfo"))?;
    let info = TimestampInfo::parse(content)?;
    let not_accepted = |oid| TimestampError::Algorithm(AlgorithmError::NotAccepted(oid));
    let imprint = DigestAlgorithm::parse(&info.algorithm.to_string());
    let imprint = imprint.ok_or(not_accepted(info.algorithm))?;
    if !stamped.has_digest(imprint, info.imprint) {
        return Err(TimestampError::Imprint);
    }
    check_signature(&data, content)?;
    let (authority, mut all) = split_certificates(&data).map_err(TimestampError::Malformed)?;
    let authority = authority.ok_or(TimestampError::NoCertificate)?;
    all.extend_from_slice(carried);
    check_authority(&authority, &all, trust, at)?;
    Ok(Stamp {
        time: info.time,
        authority: authority.subject_text().to_owned(),
    })
}

fn check_signature(data: &SignedData<'_>, content: &[u8]) -> Result<(), TimestampError> {
    let malformed = |what: &str| TimestampError::Malformed(what.to_owned());
    // RFC 3161 §2.4.2: the content is no plain data, so attributes are required.
    let attributes = data
        .attributes
        .as_ref()
        .ok_or(malformed("no signed attributes"))?;
    let digest = DigestAlgorithm::parse(&data.digest_algorithm.to_string());
    let digest = digest.ok_or(AlgorithmError::NotAccepted(data.digest_algorithm))?;
    if attributes.content_type != Some(TST_INFO) {
        return Err(malformed("the signed content type is another"));
    }
    if attributes.message_digest != digest.digest(content) {
        return Err(TimestampError::Signature);
    }
    let (authority, _) = split_certificates(data).map_err(TimestampError::Malformed)?;
    let authority = authority.ok_or(TimestampError::NoCertificate)?;
    let algorithm = SignatureAlgorithm::from_oids(
        data.algorithm,
        Some(data.digest_algorithm),
        data.parameters,
    )?;
    let (key, message) = (authority.key()?, attributes.sorted_bytes());
    match algorithm::verify(key, algorithm, &message, data.signature)? {
        SignatureForm::Standard => Ok(()),
        SignatureForm::Raw => Err(malformed("the signature is 64 raw bytes")),
    }
}

fn check_authority(
    authority: &Arc<Certificate>,
    carried: &[Arc<Certificate>],
    trust: &TrustStore,
    at: DateTime<Utc>,
) -> Result<(), TimestampError> {
    let name = || authority.subject_text().to_owned();
    if !authority.may_stamp_times() {
        return Err(TimestampError::Usage(name()));
    }
    if !authority.is_valid_at(at) {
        return Err(TimestampError::Expired(name()));
    }
    let chain = path::build(authority, carried, trust, at)
        .map_err(|error| TimestampError::Path(name(), error))?;
    let is_revoked = |(certificate, issuer): (&Certificate, &Certificate)| {
        let status = revocation::status(certificate, issuer, trust, at);
        matches!(status, RevocationStatus::Revoked { .. })
    };
    if chain.links().any(is_revoked) {
        return Err(TimestampError::Revoked(name()));
    }
    Ok(())
}
