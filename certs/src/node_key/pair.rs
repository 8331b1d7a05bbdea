//! One pair of private keys.

use sm2::dsa::signature::Signer as _;
use sm2::dsa::{Signature, SigningKey};
use sm2::pke::DecryptingKey;

use super::{DISTINGUISHING_ID, KeyError, NodePublicKeys, secret_bytes};

/// One pair for signing and sealing.
pub(crate) struct KeyPair {
    signing: SigningKey,
    encryption: DecryptingKey,
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

    pub(crate) fn decrypting(&self) -> &DecryptingKey {
        &self.encryption
    }
}
