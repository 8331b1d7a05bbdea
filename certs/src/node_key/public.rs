//! The public half of a node's keys.

use std::fmt;

use serde::{Deserialize, Serialize};
use sm2::PublicKey;
use sm2::dsa::Signature;
use sm2::pke::EncryptingKey;
use sm3::{Digest as _, Sm3};

use super::KeyError;
use crate::sm2_verification::Sm2PublicKey;

/// Size of an uncompressed SM2 point: `04 ‖ x ‖ y`.
const POINT_BYTES: usize = 65;

/// What other nodes know of a node's keys.
#[derive(Clone, Serialize, Deserialize)]
#[serde(try_from = "PublicText", into = "PublicText")]
pub struct NodePublicKeys {
    signing: Sm2PublicKey,
    encryption: PublicKey,
    key_id: String,
    encryption_key_id: String,
}

/// Public keys as they are published: uncompressed points in hex.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PublicText {
    signing: String,
    encryption: String,
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
            signing: Sm2PublicKey::from_sec1(signing).ok_or(KeyError::Malformed)?,
            encryption: PublicKey::from_sec1_bytes(encryption).map_err(|_| KeyError::Malformed)?,
            key_id: key_id_of(signing),
            encryption_key_id: key_id_of(encryption),
        })
    }

    /// Reads public keys from two uncompressed SM2 points in hex.
    ///
    /// # Errors
    /// Text that is no hex of 65 bytes, or bytes that are no point of the curve.
    pub fn from_hex(signing: &str, encryption: &str) -> Result<Self, KeyError> {
        let point = |text: &str| {
            let mut point = [0; POINT_BYTES];
            hex::decode_to_slice(text, &mut point).map_err(|_| KeyError::Malformed)?;
            Ok::<_, KeyError>(point)
        };
        Self::from_points(&point(signing)?, &point(encryption)?)
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
        [&[4], self.signing.coordinates().as_slice()].concat()
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
            .is_ok_and(|signature| self.signing.verify(message, &signature.to_bytes().into()))
    }

    /// Whether both seal to the same key.
    pub(crate) fn has_encryption_of(&self, other: &Self) -> bool {
        self.encryption == other.encryption
    }

    pub(crate) fn encrypting(&self) -> EncryptingKey {
        EncryptingKey::new(self.encryption)
    }
}

impl fmt::Debug for NodePublicKeys {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "NodePublicKeys({})", self.key_id())
    }
}

impl PartialEq for NodePublicKeys {
    fn eq(&self, other: &Self) -> bool {
        self.signing == other.signing && self.encryption == other.encryption
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
        Self::from_hex(&text.signing, &text.encryption)
    }
}

fn key_id_of(point: &[u8]) -> String {
    hex::encode(Sm3::digest(point).get(..8).unwrap_or_default())
}
