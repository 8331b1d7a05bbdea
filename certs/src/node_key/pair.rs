//! One pair of private keys.

use sm2::dsa::signature::Signer as _;
use sm2::dsa::{Signature, SigningKey};
use sm2::elliptic_curve::zeroize::Zeroizing;
use sm2::pke::DecryptingKey;

use super::{DISTINGUISHING_ID, KeyError, NodePublicKeys, secret_bytes};
use crate::memory::Memory;
use crate::sealing::WRAPPED_BYTES;
use crate::symmetric::{BOX_SECRET_BYTES, BoxKey};

/// Secrets remembered in each part of the memory: those of the last minutes from each of some
/// dozen nodes. They lie in the same memory as the private key that gives them.
const UNWRAPPED_MAX: usize = 32;

/// One pair for signing and sealing.
pub(crate) struct KeyPair {
    signing: SigningKey,
    encryption: DecryptingKey,
    /// What came within a minute is sealed with one secret: it is decrypted once.
    unwrapped: Memory<[u8; WRAPPED_BYTES], BoxKey>,
    pub(super) public: NodePublicKeys,
}

impl KeyPair {
    pub(super) fn from_secrets(signing: &str, encryption: &str) -> Result<Self, KeyError> {
        let signing = SigningKey::from_slice(DISTINGUISHING_ID, &*secret_bytes(signing)?)
            .map_err(|_| KeyError::Malformed)?;
        let encryption = DecryptingKey::from_slice(&*secret_bytes(encryption)?)
            .map_err(|_| KeyError::Malformed)?;
        let public = NodePublicKeys::from_points(
            &signing.verifying_key().to_sec1_bytes(),
            &encryption.encrypting_key().to_sec1_bytes(),
        )?;
        Ok(Self {
            signing,
            encryption,
            unwrapped: Memory::new(UNWRAPPED_MAX),
            public,
        })
    }

    pub(super) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        let signature: Signature = self
            .signing
            .try_sign(message)
            .map_err(|_| KeyError::Library)?;
        Ok(signature.to_der().as_bytes().to_vec())
    }

    /// The secret that was encrypted to this pair; none when it was not, or was changed.
    pub(crate) fn unwrap(&self, wrapped: &[u8; WRAPPED_BYTES]) -> Option<BoxKey> {
        // After the first byte of a point's form, which is the same for all: its coordinates.
        let [_, first, ..] = wrapped;
        self.unwrapped.find(*first, *wrapped, || {
            let unwrapped = Zeroizing::new(self.encryption.decrypt(wrapped).ok()?);
            let secret: &[u8; BOX_SECRET_BYTES] = unwrapped.as_slice().try_into().ok()?;
            Some(BoxKey::new(secret))
        })
    }
}
