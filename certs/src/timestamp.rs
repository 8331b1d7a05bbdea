//! Timestamps (RFC 3161; GM timestamps have the same shape): that something existed at a time which
//! its maker did not choose.

use std::sync::Arc;

use chrono::{DateTime, Duration, Utc};
use schemas::seal::signed_data::{CertificateDigest, SignedAttributes};
use schemas::seal::{Asn1Error, SignedData, TST_INFO, TimestampInfo, ber};
use schemas::verdict::FindingCode;

use crate::algorithm::{self, AlgorithmError, SignatureAlgorithm, SignatureForm};
use crate::certificate::Certificate;
use crate::digest::DigestAlgorithm;
use crate::effort::Effort;
use crate::message::Message;
use crate::path::{self, PathError};
use crate::revocation::{self, Evidence, Inquiry, RevocationPolicy, RevocationStatus};
use crate::signed_value::sign::split_certificates;
use crate::trust::TrustStore;

/// Timestamps up to this much after the time of the question are taken for clock differences
/// (`\[P\]` profile).
const CLOCK_SKEW: Duration = Duration::minutes(10);

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
    /// The certificate is not one for timestamps alone, or does not say so in a critical
    /// extension (RFC 3161 §2.3).
    #[error("the certificate of {0} is not for timestamps alone")]
    Usage(String),
    /// It was made when the authority's certificate was not valid.
    #[error("it was made {0}, when the certificate of the authority {1} was not valid")]
    OutsidePeriod(String, String),
    /// It was made tomorrow.
    #[error("it was made {0}, which is in the future")]
    Future(String),
    /// There is no path to an anchor.
    #[error("no path from the timestamp's authority {0} to an anchor: {1}")]
    Path(String, PathError),
    /// The certificate is not valid now, so nobody knows whether it was misused since.
    #[error("the certificate of the timestamp's authority {0} is no longer valid")]
    Expired(String),
    /// The certificate is revoked.
    #[error("the certificate of the timestamp's authority {0} is revoked")]
    Revoked(String),
    /// Nobody says whether the certificate is revoked, or nobody did of late.
    #[error("whether {0}, of the timestamp's path, is revoked is not known: {1}")]
    RevocationUnknown(String, &'static str),
}

impl TimestampError {
    /// Whether nothing is broken, and only evidence is missing.
    #[must_use]
    pub const fn is_missing_evidence(&self) -> bool {
        !matches!(
            self,
            Self::Malformed(_)
                | Self::Imprint
                | Self::Signature
                | Self::OutsidePeriod(..)
                | Self::Future(_)
        )
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
            Self::OutsidePeriod(..) => FindingCode::TimestampOrderFailure,
            Self::Future(_) => FindingCode::TimeFuture,
            Self::RevocationUnknown(..) => FindingCode::TryLater,
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

/// What a timestamp is judged with.
#[derive(Clone, Copy)]
pub struct Trusted<'a> {
    /// What is trusted.
    pub trust: &'a TrustStore,
    /// Certificates that came with the file.
    pub carried: &'a [Arc<Certificate>],
    /// Revocation data that came with the file.
    pub evidence: &'a [&'a Evidence<'a>],
    /// How old those may be, and what it means when there are none.
    pub policy: &'a RevocationPolicy,
    /// The time of the question.
    pub now: DateTime<Utc>,
    /// When the token is proven to have existed, by a later timestamp over it.
    pub proven: Option<DateTime<Utc>>,
    /// What the file that holds it may still cost.
    pub effort: &'a Effort,
}

/// Verifies that `token`, a `ContentInfo`, is a timestamp of an authority that is trusted, over one
/// of `readings`, each given in parts.
///
/// # Errors
/// When it is not.
pub fn verify(
    token: &[u8],
    readings: &[Message<'_>],
    trusted: &Trusted<'_>,
) -> Result<Stamp, TimestampError> {
    let in_der = ber::definite(token);
    let data = SignedData::parse(&in_der)?;
    let malformed = |what: &str| TimestampError::Malformed(what.to_owned());
    let content = data.content.filter(|_| data.content_type == TST_INFO);
    let content = content.ok_or(malformed("no TSTInfo"))?;
    let info = TimestampInfo::parse(content)?;
    let not_accepted = |oid| TimestampError::Algorithm(AlgorithmError::NotAccepted(oid));
    let imprint = DigestAlgorithm::parse(&info.algorithm.to_string());
    let imprint = imprint.ok_or(not_accepted(info.algorithm))?;
    let is_stamped = |reading: &Message<'_>| reading.has_digest(imprint, info.imprint);
    if !readings.iter().any(is_stamped) {
        return Err(TimestampError::Imprint);
    }
    let (authority, mut carried) = split_certificates(&data).map_err(TimestampError::Malformed)?;
    let authority = authority.ok_or(TimestampError::NoCertificate)?;
    check_signature(&data, content, &authority)?;
    carried.extend_from_slice(trusted.carried);
    check_authority(&authority, &carried, info.time, &data, trusted)?;
    Ok(Stamp {
        time: info.time,
        authority: authority.subject_text().to_owned(),
    })
}

/// The time that a token states, whoever made it; none when it is no token.
#[must_use]
pub fn stated_time(token: &[u8]) -> Option<DateTime<Utc>> {
    let in_der = ber::definite(token);
    let data = SignedData::parse(&in_der).ok()?;
    let content = data.content.filter(|_| data.content_type == TST_INFO)?;
    TimestampInfo::parse(content).ok().map(|info| info.time)
}

fn check_signature(
    data: &SignedData<'_>,
    content: &[u8],
    authority: &Certificate,
) -> Result<(), TimestampError> {
    let malformed = |what: &str| TimestampError::Malformed(what.to_owned());
    // RFC 3161 §2.4.2: the content is no plain data, so attributes are required.
    let attributes = data
        .attributes
        .as_ref()
        .ok_or(malformed("no signed attributes"))?;
    let digest = DigestAlgorithm::parse(&data.digest_algorithm.to_string());
    let digest = digest.ok_or(AlgorithmError::NotAccepted(data.digest_algorithm))?;
    if !data.digest_algorithms.contains(&data.digest_algorithm) {
        return Err(malformed("the signer's digest algorithm is not announced"));
    }
    if attributes.content_type != Some(TST_INFO) {
        return Err(malformed("the signed content type is another"));
    }
    if attributes.message_digest != digest.digest(content) {
        return Err(TimestampError::Signature);
    }
    if names_another(attributes, authority) {
        return Err(malformed("another certificate was signed along"));
    }
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

/// Whether the certificate is not the one that was signed along (RFC 3161 §2.4.2, RFC 5816 §2.2).
/// A digest that is not accepted, SHA-1, says nothing.
fn names_another(attributes: &SignedAttributes<'_>, certificate: &Certificate) -> bool {
    attributes.signing_certificates.iter().any(|named| {
        let digest = named_digest(named);
        digest.is_some_and(|digest| digest.digest(certificate.der()) != named.value)
    })
}

/// The digest with which a certificate is named; none where it proves nothing. Without an
/// algorithm it is SHA-256, or in the older form SHA-1 (RFC 5035 §5.4): the length tells.
fn named_digest(named: &CertificateDigest<'_>) -> Option<DigestAlgorithm> {
    let sha256 = DigestAlgorithm::Sha256;
    match named.algorithm {
        Some(algorithm) => DigestAlgorithm::parse(&algorithm.to_string()),
        None => (named.value.len() == sha256.size_bytes()).then_some(sha256),
    }
}

/// The authority may stamp times, could when it did, and is trusted still, or was when a later
/// timestamp was set over this one.
fn check_authority(
    authority: &Arc<Certificate>,
    carried: &[Arc<Certificate>],
    time: DateTime<Utc>,
    data: &SignedData<'_>,
    trusted: &Trusted<'_>,
) -> Result<(), TimestampError> {
    let name = || authority.subject_text().to_owned();
    if !authority.may_stamp_times() {
        return Err(TimestampError::Usage(name()));
    }
    if time > trusted.now + CLOCK_SKEW {
        return Err(TimestampError::Future(time.to_rfc3339()));
    }
    if !authority.is_valid_at(time) {
        return Err(TimestampError::OutsidePeriod(time.to_rfc3339(), name()));
    }
    let at = trusted.proven.unwrap_or(trusted.now);
    if !authority.is_valid_at(at) {
        return Err(TimestampError::Expired(name()));
    }
    let chain = path::build(authority, carried, trusted.trust, at, trusted.effort)
        .map_err(|error| TimestampError::Path(name(), error))?;
    let own = Evidence::of(&data.revocation);
    let evidence: Vec<_> = trusted.evidence.iter().copied().chain([&own]).collect();
    let inquiry = Inquiry {
        trust: trusted.trust,
        anchor: chain.anchor(),
        evidence: &evidence,
        policy: trusted.policy,
        now: trusted.now,
        proven: trusted.proven,
        effort: trusted.effort,
    };
    for (certificate, issuer) in chain.links() {
        let subject = || certificate.subject_text().to_owned();
        match revocation::status(certificate, issuer, &inquiry) {
            RevocationStatus::Revoked { since } if since <= at => {
                return Err(TimestampError::Revoked(subject()));
            }
            RevocationStatus::Stale { .. } => {
                return Err(TimestampError::RevocationUnknown(subject(), "out of date"));
            }
            RevocationStatus::Unknown if trusted.policy.is_status_required() => {
                return Err(TimestampError::RevocationUnknown(subject(), "no data"));
            }
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
