//! One pair of private keys.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use sm2::dsa::signature::Signer as _;
use sm2::dsa::{Signature, SigningKey};
use sm2::elliptic_curve::zeroize::Zeroizing;
use sm2::pke::DecryptingKey;

use super::{DISTINGUISHING_ID, KeyError, NodePublicKeys, secret_bytes};
use crate::sealing::WRAPPED_BYTES;
use crate::symmetric::{BOX_SECRET_BYTES, BoxKey};

/// Secrets remembered: those of what came together from each of some dozen nodes. They lie in the
/// same memory as the private key that gives them.
const UNWRAPPED_MAX: usize = 64;

type Unwrapped = VecDeque<([u8; WRAPPED_BYTES], BoxKey)>;

/// One pair for signing and sealing.
pub(crate) struct KeyPair {
    signing: SigningKey,
    encryption: DecryptingKey,
    /// What came together is sealed with one secret: it is decrypted once.
    unwrapped: Mutex<Unwrapped>,
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
            unwrapped: Mutex::default(),
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
        let lock = || {
            self.unwrapped
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
        };
        let is_same = |(known, _): &&([u8; WRAPPED_BYTES], BoxKey)| known == wrapped;
        if let Some((_, key)) = lock().iter().rev().find(is_same) {
            return Some(key.clone());
        }
        let unwrapped = Zeroizing::new(self.encryption.decrypt(wrapped).ok()?);
        let secret: &[u8; BOX_SECRET_BYTES] = unwrapped.as_slice().try_into().ok()?;
        let key = BoxKey::new(secret);
        let mut known = lock();
        if known.len() >= UNWRAPPED_MAX {
            known.pop_front();
        }
        known.push_back((*wrapped, key.clone()));
        Some(key)
    }
}
