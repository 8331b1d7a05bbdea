//! Everything a path can refuse with: a stable code, whose side the cause is on, and what the
//! answer needs to say it. The texts stand in [`schemas::catalogue`].

use std::sync::Arc;

use http::StatusCode;
use schemas::catalogue::{self, Side};
use schemas::status::LicenceStatus;
use schemas::verdict::{FileKind, FindingCode, Verdict};

use crate::store::StoreError;

/// Seconds after which a caller may try again when a peer did not answer.
pub const PEER_RETRY_AFTER_S: u32 = 5;

/// Why a path does not do what it was asked for. Cheap to clone: callers that wait for the same
/// fetch are all told the same.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Refusal {
    /// The directory knows no such licence.
    #[error("no such licence in the directory")]
    NotFound,
    /// No rule permits the use, or one forbids it.
    #[error("the use is not permitted by rule {rule}")]
    NotPermitted {
        /// Rule that decided; `default-deny` when no rule permits.
        rule: String,
    },
    /// The permit is not known for this caller and licence.
    #[error("no such permit for this caller and licence")]
    PermitUnknown,
    /// The permit's term is over.
    #[error("the permit has expired")]
    PermitExpired,
    /// The file did not pass verification.
    #[error("the file did not pass verification: {}", code.as_str())]
    NotDelivered {
        /// The most telling finding.
        code: FindingCode,
        /// The whole verdict, check by check.
        verdict: Arc<Verdict>,
    },
    /// The fetched file is not the one the directory names.
    #[error("the fetched file does not have the digest in the directory")]
    DigestMismatch,
    /// A bound on concurrent work is reached.
    #[error("the node is busy")]
    Overloaded {
        /// Seconds after which another try makes sense.
        retry_after_s: u32,
    },
    /// Another node did not answer in time.
    #[error("node {node} did not answer in time")]
    PeerTimeout {
        /// The node that was asked.
        node: String,
    },
    /// Another node refused.
    #[error("node {node} refused: {code}")]
    PeerRefused {
        /// The node that was asked.
        node: String,
        /// Its stable code.
        code: String,
    },
    /// The directory names a home node that is not registered here.
    #[error("node {node} is not registered")]
    UnknownPeer {
        /// The name in the directory.
        node: String,
    },
    /// There is no file for this licence.
    #[error("there is no file for this licence")]
    NoFile,
    /// The licence may not be relied on in its present status.
    #[error("the licence is not usable: status {status}")]
    NotUsable {
        /// Its status.
        status: LicenceStatus,
    },
    /// The day is outside the term of the licence.
    #[error("the licence is not within its term")]
    NotInForce,
    /// The home library cannot be read.
    #[error("the library is not available")]
    SourceUnavailable,
    /// The way to the other nodes does not work.
    #[error("the bus is not available")]
    BusUnavailable,
    /// The caller may not do this at all.
    #[error("this caller may not do this")]
    Forbidden,
    /// The request is malformed.
    #[error("malformed request: {code} in {field}")]
    BadRequest {
        /// The nearer code, from the parser that refused.
        code: &'static str,
        /// Field that is at fault.
        field: String,
    },
    /// A file that a caller brings is larger than one of its kind may be.
    #[error("a file of kind {} may have {bytes_max} bytes at most", kind.as_str())]
    FileTooLarge {
        /// Its kind, as far as it is known.
        kind: FileKind,
        /// Largest size of this kind.
        bytes_max: usize,
    },
    /// The caller used the idempotency key before for another request.
    #[error("the idempotency key was used for another request")]
    IdempotencyKeyReused,
    /// Something failed inside; the cause is logged, never answered.
    #[error("internal error")]
    Internal(Arc<anyhow::Error>),
}

impl Refusal {
    /// Wraps an inner failure.
    pub fn internal(cause: impl Into<anyhow::Error>) -> Self {
        Self::Internal(Arc::new(cause.into()))
    }

    /// Stable code; the key of the catalogue.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotFound => "NOT_FOUND",
            Self::NotPermitted { .. } => "PERMIT_DENIED",
            Self::PermitUnknown => "PERMIT_UNKNOWN",
            Self::PermitExpired => "PERMIT_EXPIRED",
            Self::NotDelivered { .. } => "NOT_DELIVERED",
            Self::DigestMismatch => "DIGEST_MISMATCH",
            Self::Overloaded { .. } => "OVERLOADED",
            Self::PeerTimeout { .. } => "PEER_TIMEOUT",
            Self::PeerRefused { .. } => "PEER_REFUSED",
            Self::UnknownPeer { .. } => "UNKNOWN_PEER",
            Self::NoFile => "NO_FILE",
            Self::NotUsable { .. } => "NOT_USABLE",
            Self::NotInForce => "NOT_IN_FORCE",
            Self::SourceUnavailable => "SOURCE_UNAVAILABLE",
            Self::BusUnavailable => "BUS_UNAVAILABLE",
            Self::Forbidden => "FORBIDDEN",
            Self::BadRequest { code, .. } => code,
            Self::FileTooLarge { .. } => "TOO_LARGE",
            Self::IdempotencyKeyReused => "IDEMPOTENCY_KEY_REUSED",
            Self::Internal(_) => "INTERNAL",
        }
    }

    /// Code for the provenance leaf: the finding where a file was refused, else [`Self::code`].
    #[must_use]
    pub fn leaf_result(&self) -> String {
        match self {
            Self::NotDelivered { code, .. } => code.as_str(),
            Self::PeerRefused { code, .. } => format!("PEER_REFUSED:{code}"),
            other => other.code().to_owned(),
        }
    }

    /// Whose side the cause is on.
    #[must_use]
    pub fn side(&self) -> Side {
        let nearer = match self {
            Self::NotDelivered { code, .. } => catalogue::text(&code.as_str()),
            other => catalogue::text(other.code()),
        };
        nearer.map_or(Side::ThisNode, |text| text.side)
    }

    /// Status of the HTTP answer.
    #[must_use]
    pub fn http_status(&self) -> StatusCode {
        match self {
            Self::NotFound | Self::NoFile => StatusCode::NOT_FOUND,
            Self::NotPermitted { .. }
            | Self::PermitUnknown
            | Self::PermitExpired
            | Self::Forbidden => StatusCode::FORBIDDEN,
            // The request was right; what it asks for is refused for its content or state.
            Self::NotDelivered { .. } | Self::IdempotencyKeyReused => {
                StatusCode::UNPROCESSABLE_ENTITY
            }
            Self::NotUsable { .. } | Self::NotInForce => StatusCode::CONFLICT,
            Self::DigestMismatch | Self::PeerRefused { .. } | Self::UnknownPeer { .. } => {
                StatusCode::BAD_GATEWAY
            }
            Self::Overloaded { .. } | Self::SourceUnavailable | Self::BusUnavailable => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            Self::PeerTimeout { .. } => StatusCode::GATEWAY_TIMEOUT,
            Self::BadRequest { .. } => StatusCode::BAD_REQUEST,
            Self::FileTooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// Seconds after which another try makes sense, where one does.
    #[must_use]
    pub fn retry_after_s(&self) -> Option<u32> {
        match self {
            Self::Overloaded { retry_after_s } => Some(*retry_after_s),
            Self::PeerTimeout { .. } | Self::SourceUnavailable | Self::BusUnavailable => {
                Some(PEER_RETRY_AFTER_S)
            }
            Self::NotFound
            | Self::NotPermitted { .. }
            | Self::PermitUnknown
            | Self::PermitExpired
            | Self::NotDelivered { .. }
            | Self::DigestMismatch
            | Self::PeerRefused { .. }
            | Self::UnknownPeer { .. }
            | Self::NoFile
            | Self::NotUsable { .. }
            | Self::NotInForce
            | Self::Forbidden
            | Self::BadRequest { .. }
            | Self::FileTooLarge { .. }
            | Self::IdempotencyKeyReused
            | Self::Internal(_) => None,
        }
    }
}

impl From<StoreError> for Refusal {
    fn from(cause: StoreError) -> Self {
        if !cause.is_of_the_store() {
            return Self::internal(cause);
        }
        // Busy, full, restarting, out of reach: the request may be right a little later.
        tracing::warn!(cause = %cause, "the store does not work for now");
        Self::Overloaded {
            retry_after_s: PEER_RETRY_AFTER_S,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_refusal_has_a_text_and_no_uncoded_server_error() {
        let refusals = [
            Refusal::NotFound,
            Refusal::NotPermitted {
                rule: "default-deny".to_owned(),
            },
            Refusal::PermitUnknown,
            Refusal::PermitExpired,
            Refusal::DigestMismatch,
            Refusal::Overloaded { retry_after_s: 1 },
            Refusal::PeerTimeout {
                node: "national".to_owned(),
            },
            Refusal::PeerRefused {
                node: "national".to_owned(),
                code: "NO_FILE".to_owned(),
            },
            Refusal::UnknownPeer {
                node: "nowhere".to_owned(),
            },
            Refusal::NoFile,
            Refusal::NotUsable {
                status: LicenceStatus::Revoked,
            },
            Refusal::NotInForce,
            Refusal::SourceUnavailable,
            Refusal::BusUnavailable,
            Refusal::Forbidden,
            Refusal::BadRequest {
                code: "BAD_REQUEST",
                field: "identifier".to_owned(),
            },
            Refusal::FileTooLarge {
                kind: FileKind::Pdf,
                bytes_max: 1,
            },
            Refusal::IdempotencyKeyReused,
            Refusal::internal(anyhow::anyhow!("disk full")),
        ];
        for refusal in refusals {
            assert!(
                catalogue::text(refusal.code()).is_some(),
                "{} has no text",
                refusal.code()
            );
            assert!(
                !refusal.to_string().contains("disk full"),
                "an inner cause is shown"
            );
            if refusal.http_status() == StatusCode::SERVICE_UNAVAILABLE {
                assert!(
                    refusal.retry_after_s().is_some(),
                    "{} without retry",
                    refusal.code()
                );
            }
        }
    }
}
