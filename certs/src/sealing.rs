//! Encryption to one node (invariant 6): whoever runs the brokers reads nothing.
//!
//! A secret of 48 random bytes is encrypted to the recipient with SM2 (GB/T 32918.4, order
//! C1‖C3‖C2) and keys SM4-CTR and HMAC-SM3, each time with a fresh nonce. Sealed bytes are
//! `01 ‖ SM2 ciphertext (145 bytes) ‖ nonce ‖ ciphertext ‖ tag`; the tag binds the recipient's key,
//! the SM2 ciphertext and the caller's `aad`. \[P\] profile. Sealing says nothing about who sealed:
//! that is the envelope's signature.

mod sealers;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use openssl::rand::rand_bytes;
use schemas::envelope::BODY_BYTES_MAX;
use schemas::message::SealedBytes;
use sm2::elliptic_curve::common::getrandom::SysRng;
use sm2::elliptic_curve::zeroize::Zeroizing;

pub use self::sealers::Sealers;

use crate::node_key::{NodeKeys, NodePublicKeys};
use crate::symmetric::{BOX_OVERHEAD_BYTES, BOX_SECRET_BYTES, BoxError, BoxKey};

/// Most plain bytes that are sealed at once: what fits into one bus message anyway.
pub const PLAIN_BYTES_MAX: usize = BODY_BYTES_MAX;

/// The form written today.
const VERSION: u8 = 1;

/// SM2 ciphertext of the secret: point of 65 bytes, SM3 of 32, and the secret's length.
pub(crate) const WRAPPED_BYTES: usize = 65 + 32 + BOX_SECRET_BYTES;

/// Most bytes of a sealed value before base64.
const SEALED_BYTES_MAX: usize = 1 + WRAPPED_BYTES + BOX_OVERHEAD_BYTES + PLAIN_BYTES_MAX;

/// Why bytes were not sealed or not opened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// The cryptographic library failed.
    #[error("the cryptographic library failed")]
    Library,
    /// More than [`PLAIN_BYTES_MAX`].
    #[error("too much to seal at once")]
    TooLong,
    /// Sealed to another key.
    #[error("sealed to another node or to an older key")]
    OtherRecipient,
    /// Not sealed bytes of a known form.
    #[error("the sealed bytes are malformed")]
    Malformed,
    /// Changed bytes, or sealed for another use.
    #[error("the sealed bytes do not open: changed, or sealed for another use")]
    Refused,
}

impl SealError {
    /// Stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Library => "SEALING_LIBRARY",
            Self::TooLong => "SEALING_TOO_LONG",
            Self::OtherRecipient => "SEALING_RECIPIENT",
            Self::Malformed => "SEALING_MALFORMED",
            Self::Refused => "SEALING_REFUSED",
        }
    }
}

/// Seals several things to one node: the secret is encrypted to it once.
/// Whoever opens one of them could not open less: all are for the same reader.
pub struct Sealer {
    recipient_key: String,
    wrapped: Vec<u8>,
    key: BoxKey,
}

impl Sealer {
    /// A fresh secret for `recipient`.
    ///
    /// # Errors
    /// The library fails.
    pub fn new(recipient: &NodePublicKeys) -> Result<Self, SealError> {
        let mut secret = Zeroizing::new([0; BOX_SECRET_BYTES]);
        rand_bytes(secret.as_mut_slice()).map_err(|_| SealError::Library)?;
        let wrapped = recipient
            .encrypting()
            .encrypt(&mut SysRng, secret.as_slice())
            .map_err(|_| SealError::Library)?;
        Ok(Self {
            recipient_key: recipient.encryption_key_id().to_owned(),
            wrapped,
            key: BoxKey::new(&secret),
        })
    }

    /// Seals `plain` so that it opens only with the same `aad`.
    ///
    /// # Errors
    /// Too many bytes; the library fails.
    pub fn seal(&self, aad: &[u8], plain: &[u8]) -> Result<SealedBytes, SealError> {
        if plain.len() > PLAIN_BYTES_MAX {
            return Err(SealError::TooLong);
        }
        let bound = bound(&self.recipient_key, &self.wrapped, aad);
        let sealed = self.key.seal(&bound, plain)?;
        Ok(SealedBytes {
            recipient_key: self.recipient_key.clone(),
            sealed: STANDARD.encode([&[VERSION], self.wrapped.as_slice(), &sealed].concat()),
        })
    }
}

impl std::fmt::Debug for Sealer {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Sealer({}, [secret])", self.recipient_key)
    }
}

/// Seals `plain` so that only `recipient` can open it, and only with the same `aad`.
///
/// # Errors
/// Too many bytes; the library fails.
pub fn seal(
    recipient: &NodePublicKeys,
    aad: &[u8],
    plain: &[u8],
) -> Result<SealedBytes, SealError> {
    Sealer::new(recipient)?.seal(aad, plain)
}

/// Opens what [`seal`] made for the owner of `keys` with the same `aad`.
///
/// # Errors
/// Sealed to another key, malformed, changed, or sealed with another `aad`.
pub fn open(keys: &NodeKeys, aad: &[u8], sealed: &SealedBytes) -> Result<Vec<u8>, SealError> {
    let recipient_key = sealed.recipient_key.as_str();
    let pair = keys
        .opening(recipient_key)
        .ok_or(SealError::OtherRecipient)?;
    // Four characters carry three bytes.
    if sealed.sealed.len() > SEALED_BYTES_MAX.div_ceil(3) * 4 {
        return Err(SealError::TooLong);
    }
    let bytes = STANDARD
        .decode(&sealed.sealed)
        .map_err(|_| SealError::Malformed)?;
    let Some((&VERSION, rest)) = bytes.split_first() else {
        return Err(SealError::Malformed);
    };
    let (wrapped, boxed) = rest
        .split_first_chunk::<WRAPPED_BYTES>()
        .ok_or(SealError::Malformed)?;
    let key = pair.unwrap(wrapped).ok_or(SealError::Refused)?;
    Ok(key.open(&bound(recipient_key, wrapped, aad), boxed)?)
}

impl From<BoxError> for SealError {
    fn from(error: BoxError) -> Self {
        match error {
            BoxError::Library => Self::Library,
            BoxError::Tag => Self::Refused,
        }
    }
}

/// What the tag binds: both parts before `aad` have a fixed length.
fn bound(recipient_key: &str, wrapped: &[u8], aad: &[u8]) -> Vec<u8> {
    [&[VERSION], recipient_key.as_bytes(), wrapped, aad].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys() -> NodeKeys {
        NodeKeys::generate().expect("keys")
    }

    #[test]
    fn only_the_recipient_opens_and_only_with_the_same_aad() {
        let (recipient, other) = (keys(), keys());
        for plain in [b"".as_slice(), b"holder", &vec![7; 512 * 1024]] {
            let sealed = seal(&recipient.public(), b"aad", plain).expect("sealed");
            assert_eq!(open(&recipient, b"aad", &sealed).as_deref(), Ok(plain));
            assert_eq!(open(&recipient, b"ada", &sealed), Err(SealError::Refused));
            assert_eq!(
                open(&other, b"aad", &sealed),
                Err(SealError::OtherRecipient)
            );
            let key = other.public().encryption_key_id().to_owned();
            let renamed = SealedBytes {
                recipient_key: key,
                ..sealed
            };
            assert_eq!(open(&other, b"aad", &renamed), Err(SealError::Refused));
        }
    }

    #[test]
    fn what_is_made_together_opens_each_by_itself() {
        let (recipient, other) = (keys(), keys());
        let sealer = Sealer::new(&recipient.public()).expect("a sealer");
        let sealed = [b"one".as_slice(), b"two"].map(|plain| sealer.seal(plain, plain));
        let [one, two] = sealed.map(|sealed| sealed.expect("sealed"));
        let bytes = |sealed: &SealedBytes| STANDARD.decode(&sealed.sealed).expect("base64");
        let head = |sealed| bytes(sealed)[..=WRAPPED_BYTES].to_vec();
        assert_eq!(head(&one), head(&two), "one secret");
        // The second from what is remembered of the first.
        assert_eq!(open(&recipient, b"one", &one).as_deref(), Ok(&b"one"[..]));
        assert_eq!(open(&recipient, b"two", &two).as_deref(), Ok(&b"two"[..]));
        assert_eq!(open(&recipient, b"one", &two), Err(SealError::Refused));
        // The head of one and the rest of another secret's.
        let rest = seal(&recipient.public(), b"two", b"two").expect("sealed");
        let mixed = [head(&two), bytes(&rest)[1 + WRAPPED_BYTES..].to_vec()].concat();
        let mixed = SealedBytes {
            sealed: STANDARD.encode(mixed),
            ..two
        };
        assert_eq!(open(&recipient, b"two", &mixed), Err(SealError::Refused));
        let renamed = SealedBytes {
            recipient_key: other.public().encryption_key_id().to_owned(),
            ..one
        };
        assert_eq!(open(&other, b"one", &renamed), Err(SealError::Refused));
    }

    #[test]
    fn every_changed_byte_is_noticed() {
        let recipient = keys();
        let sealed = seal(&recipient.public(), b"aad", b"plain").expect("sealed");
        assert!(open(&recipient, b"aad", &sealed).is_ok());
        let bytes = STANDARD.decode(&sealed.sealed).expect("base64");
        for place in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[place] ^= 1;
            let changed = SealedBytes {
                sealed: STANDARD.encode(changed),
                ..sealed.clone()
            };
            let expected = if place == 0 {
                SealError::Malformed
            } else {
                SealError::Refused
            };
            assert_eq!(
                open(&recipient, b"aad", &changed),
                Err(expected),
                "byte {place}"
            );
        }
        for length in 0..bytes.len() {
            let cut = STANDARD.encode(&bytes[..length]);
            let cut = SealedBytes {
                sealed: cut,
                ..sealed.clone()
            };
            assert!(open(&recipient, b"aad", &cut).is_err(), "{length} bytes");
        }
    }

    #[test]
    fn what_is_too_long_is_refused_before_work() {
        let recipient = keys();
        let long = vec![0; PLAIN_BYTES_MAX + 1];
        assert_eq!(
            seal(&recipient.public(), b"", &long),
            Err(SealError::TooLong)
        );
        let sealed = SealedBytes {
            recipient_key: recipient.public().encryption_key_id().to_owned(),
            sealed: "A".repeat(SEALED_BYTES_MAX * 2),
        };
        assert_eq!(open(&recipient, b"", &sealed), Err(SealError::TooLong));
        let largest = vec![1; PLAIN_BYTES_MAX];
        let sealed = seal(&recipient.public(), b"", &largest).expect("sealed");
        assert_eq!(open(&recipient, b"", &sealed), Ok(largest));
    }
}
