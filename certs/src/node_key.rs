//! The keys of a node: signing, encryption to it, and its own secrets for columns and tokens.
//!
//! All of them live in one file that only the node's own user may read. The public half is what
//! other nodes know of it. SM2 signatures use SM3 and the default distinguishing identifier
//! `1234567812345678`, in DER.

use std::fmt;
use std::fs::{self, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

use openssl::rand::rand_bytes;
use serde::{Deserialize, Serialize};
use sm2::dsa::signature::{Signer as _, Verifier as _};
use sm2::dsa::{Signature, SigningKey, VerifyingKey};
use sm2::elliptic_curve::Generate as _;
use sm2::elliptic_curve::zeroize::{Zeroize as _, Zeroizing};
use sm2::pke::{DecryptingKey, EncryptingKey};
use sm2::{PublicKey, SecretKey};
use sm3::{Digest as _, Sm3};

use crate::columns::ColumnKey;
use crate::token::TokenKey;

/// Largest key file that is read, in bytes: four secrets of 32 bytes in hex need under 500.
pub const KEY_FILE_BYTES_MAX: u64 = 4096;

/// Distinguishing identifier of every signer, the default of GM/T 0009.
const DISTINGUISHING_ID: &str = "1234567812345678";

/// Size of an uncompressed SM2 point: `04 ‖ x ‖ y`.
const POINT_BYTES: usize = 65;

/// Permission bits of others than the owner.
const MODE_OTHERS: u32 = 0o077;

/// Everything secret of one node.
pub struct NodeKeys {
    signing: SigningKey,
    encryption: DecryptingKey,
    column: ColumnKey,
    token: TokenKey,
    public: NodePublicKeys,
    secrets: Secrets,
}

/// What other nodes know of a node's keys.
#[derive(Clone, Serialize, Deserialize)]
#[serde(try_from = "PublicText", into = "PublicText")]
pub struct NodePublicKeys {
    signing: VerifyingKey,
    encryption: PublicKey,
    key_id: String,
    encryption_key_id: String,
}

/// Why keys cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The system gave no random bytes, or a signature could not be made.
    #[error("the cryptographic library failed")]
    Library,
    /// The key file cannot be read or written.
    #[error("key file: {0}")]
    File(#[from] std::io::Error),
    /// Others than its owner may read the key file.
    #[error("the key file is open to others than its owner; its mode must be 0600")]
    Mode,
    /// The key file, or a public key, is not one of this program.
    #[error("the keys are malformed")]
    Malformed,
}

/// The key file, version 1, and a copy of its secrets in memory.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Secrets {
    version: u8,
    signing: String,
    encryption: String,
    column: String,
    token: String,
}

/// Public keys as they are published: uncompressed points in hex.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PublicText {
    signing: String,
    encryption: String,
}

impl KeyError {
    /// Stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Library => "KEY_LIBRARY",
            Self::File(_) => "KEY_FILE",
            Self::Mode => "KEY_FILE_MODE",
            Self::Malformed => "KEY_MALFORMED",
        }
    }
}

impl NodeKeys {
    /// Makes new keys.
    ///
    /// # Errors
    /// No random bytes.
    pub fn generate() -> Result<Self, KeyError> {
        let secret_key = || {
            let key = SecretKey::try_generate().map_err(|_| KeyError::Library)?;
            let mut bytes = key.to_bytes();
            let text = hex::encode(bytes);
            bytes.zeroize();
            Ok::<_, KeyError>(text)
        };
        let secret = || {
            let mut bytes = Zeroizing::new([0; 32]);
            rand_bytes(bytes.as_mut_slice()).map_err(|_| KeyError::Library)?;
            Ok::<_, KeyError>(hex::encode(bytes.as_slice()))
        };
        Self::from_secrets(Secrets {
            version: 1,
            signing: secret_key()?,
            encryption: secret_key()?,
            column: secret()?,
            token: secret()?,
        })
    }

    /// Writes the keys to a new file that only its owner may read.
    ///
    /// # Errors
    /// The file exists already (keys are never overwritten) or cannot be written.
    pub fn to_file(&self, path: &Path) -> Result<(), KeyError> {
        let text =
            Zeroizing::new(serde_json::to_vec(&self.secrets).map_err(|_| KeyError::Malformed)?);
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)?;
        let written = file.write_all(&text).and_then(|()| file.sync_all());
        if written.is_err() {
            // Half a key file would stop the next start; the first error is the one to report.
            let _ = fs::remove_file(path);
        }
        Ok(written?)
    }

    /// Reads the keys of [`NodeKeys::to_file`].
    ///
    /// # Errors
    /// The file cannot be read, is open to others than its owner, or is malformed.
    pub fn from_file(path: &Path) -> Result<Self, KeyError> {
        let file = fs::File::open(path)?;
        // Of the opened file, so that it cannot be exchanged between check and use.
        if file.metadata()?.mode() & MODE_OTHERS != 0 {
            return Err(KeyError::Mode);
        }
        let mut text = Zeroizing::new(Vec::new());
        file.take(KEY_FILE_BYTES_MAX + 1).read_to_end(&mut text)?;
        if text.len() as u64 > KEY_FILE_BYTES_MAX {
            return Err(KeyError::Malformed);
        }
        Self::from_secrets(serde_json::from_slice(&text).map_err(|_| KeyError::Malformed)?)
    }

    /// What other nodes may know.
    #[must_use]
    pub fn public(&self) -> NodePublicKeys {
        self.public.clone()
    }

    /// SM2 signature with SM3 over `message`, in DER.
    ///
    /// # Errors
    /// The library fails; not seen in practice.
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        let signature: Signature = self
            .signing
            .try_sign(message)
            .map_err(|_| KeyError::Library)?;
        Ok(signature.to_der().as_bytes().to_vec())
    }

    /// Key of the node's encrypted columns.
    #[must_use]
    pub fn column_key(&self) -> &ColumnKey {
        &self.column
    }

    /// Key of the node's lookup tokens.
    #[must_use]
    pub fn token_key(&self) -> &TokenKey {
        &self.token
    }

    pub(crate) fn public_keys(&self) -> &NodePublicKeys {
        &self.public
    }

    pub(crate) fn decrypting(&self) -> &DecryptingKey {
        &self.encryption
    }

    fn from_secrets(secrets: Secrets) -> Result<Self, KeyError> {
        if secrets.version != 1 {
            return Err(KeyError::Malformed);
        }
        let signing = SigningKey::from_slice(DISTINGUISHING_ID, &*secret_bytes(&secrets.signing)?)
            .map_err(|_| KeyError::Malformed)?;
        let encryption = DecryptingKey::from_slice(&*secret_bytes(&secrets.encryption)?)
            .map_err(|_| KeyError::Malformed)?;
        let public = NodePublicKeys::from_points(
            &signing.verifying_key().to_sec1_bytes(),
            &encryption.encrypting_key().to_sec1_bytes(),
        )?;
        Ok(Self {
            signing,
            encryption,
            column: ColumnKey::new(&*secret_bytes(&secrets.column)?),
            token: TokenKey::new(&*secret_bytes(&secrets.token)?),
            public,
            secrets,
        })
    }
}

impl NodePublicKeys {
    /// Reads public keys from two uncompressed SM2 points of 65 bytes.
    ///
    /// # Errors
    /// Bytes that are not a point of the curve, or are the point at infinity.
    pub fn from_points(signing: &[u8], encryption: &[u8]) -> Result<Self, KeyError> {
        if signing.len() != POINT_BYTES || encryption.len() != POINT_BYTES {
            return Err(KeyError::Malformed);
        }
        Ok(Self {
            signing: VerifyingKey::from_sec1_bytes(DISTINGUISHING_ID, signing)
                .map_err(|_| KeyError::Malformed)?,
            encryption: PublicKey::from_sec1_bytes(encryption).map_err(|_| KeyError::Malformed)?,
            key_id: key_id_of(signing),
            encryption_key_id: key_id_of(encryption),
        })
    }

    /// Names the signing key: the first 8 bytes of SM3 over its point, in hex. \[P\]
    #[must_use]
    pub fn key_id(&self) -> &str {
        &self.key_id
    }

    /// Names the encryption key, in the way of [`NodePublicKeys::key_id`]. \[P\]
    #[must_use]
    pub fn encryption_key_id(&self) -> &str {
        &self.encryption_key_id
    }

    /// Uncompressed point of the signing key, 65 bytes.
    #[must_use]
    pub fn signing_point(&self) -> Vec<u8> {
        self.signing.to_sec1_bytes().into_vec()
    }

    /// Uncompressed point of the encryption key, 65 bytes.
    #[must_use]
    pub fn encryption_point(&self) -> Vec<u8> {
        self.encryption.to_sec1_bytes().into_vec()
    }

    /// Whether `signature`, in DER, is this node's over `message`.
    #[must_use]
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        Signature::from_der(signature)
            .is_ok_and(|signature| self.signing.verify(message, &signature).is_ok())
    }

    pub(crate) fn encrypting(&self) -> EncryptingKey {
        EncryptingKey::new(self.encryption)
    }
}

impl fmt::Debug for NodeKeys {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "NodeKeys({}, [secret])", self.public.key_id())
    }
}

impl fmt::Debug for NodePublicKeys {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "NodePublicKeys({})", self.key_id())
    }
}

impl PartialEq for NodePublicKeys {
    fn eq(&self, other: &Self) -> bool {
        self.signing.as_affine() == other.signing.as_affine() && self.encryption == other.encryption
    }
}

impl Eq for NodePublicKeys {}

impl From<NodePublicKeys> for PublicText {
    fn from(keys: NodePublicKeys) -> Self {
        Self {
            signing: hex::encode(keys.signing_point()),
            encryption: hex::encode(keys.encryption_point()),
        }
    }
}

impl TryFrom<PublicText> for NodePublicKeys {
    type Error = KeyError;

    fn try_from(text: PublicText) -> Result<Self, KeyError> {
        let point = |text: &str| {
            let mut point = [0; POINT_BYTES];
            hex::decode_to_slice(text, &mut point).map_err(|_| KeyError::Malformed)?;
            Ok::<_, KeyError>(point)
        };
        Self::from_points(&point(&text.signing)?, &point(&text.encryption)?)
    }
}

impl Drop for Secrets {
    fn drop(&mut self) {
        for secret in [
            &mut self.signing,
            &mut self.encryption,
            &mut self.column,
            &mut self.token,
        ] {
            secret.zeroize();
        }
    }
}

fn secret_bytes(text: &str) -> Result<Zeroizing<[u8; 32]>, KeyError> {
    let mut bytes = Zeroizing::new([0; 32]);
    hex::decode_to_slice(text, bytes.as_mut_slice()).map_err(|_| KeyError::Malformed)?;
    Ok(bytes)
}

fn key_id_of(point: &[u8]) -> String {
    hex::encode(Sm3::digest(point).get(..8).unwrap_or_default())
}

#[cfg(test)]
mod tests;
