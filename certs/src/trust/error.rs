//! Why something is not taken into the trust store.

use super::MAX_TRUST_FILE_BYTES;
use crate::algorithm::AlgorithmError;
use crate::certificate::CertificateError;
use crate::crl::CrlError;

/// Why something was not taken into the trust store.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// A certificate that cannot be read.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// A revocation list that cannot be read.
    #[error(transparent)]
    Crl(#[from] CrlError),
    /// A CA certificate that names itself as issuer and whose signature does not hold.
    #[error("the self-signed CA certificate {subject} is not trusted: {cause}")]
    SelfSignature {
        /// Its subject.
        subject: String,
        /// What is wrong.
        cause: AlgorithmError,
    },
    /// The store holds as much as is accepted.
    #[error("more than {limit} certificates or revocation lists")]
    Full {
        /// Most accepted.
        limit: usize,
    },
    /// Bytes that are neither certificates nor revocation lists.
    #[error("neither certificates nor revocation lists")]
    Unrecognised,
    /// A private key: it has no place among trusted certificates.
    #[error("a private key does not belong here")]
    PrivateKey,
    /// Larger than is accepted.
    #[error("more than {MAX_TRUST_FILE_BYTES} bytes")]
    TooLarge,
    /// Base64 or boundary lines are damaged.
    #[error("damaged PEM")]
    Pem,
    /// The operating system refused.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// One of the above, with the file it was found in.
    #[error("{file}: {cause}")]
    File {
        /// Name of the file inside the folder.
        file: String,
        /// What is wrong with it.
        cause: Box<Self>,
    },
}

impl TrustError {
    /// Stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Certificate(cause) => cause.code(),
            Self::Crl(cause) => cause.code(),
            Self::SelfSignature { .. } => "TRUST_SELF_SIGNATURE",
            Self::Full { .. } => "TRUST_FULL",
            Self::Unrecognised => "TRUST_UNRECOGNISED",
            Self::PrivateKey => "TRUST_PRIVATE_KEY",
            Self::TooLarge => "TRUST_TOO_LARGE",
            Self::Pem => "TRUST_PEM",
            Self::Io(_) => "TRUST_IO",
            Self::File { cause, .. } => cause.code(),
        }
    }
}
