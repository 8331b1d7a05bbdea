//! The keys of a node: signing, encryption to it, and its own secrets for columns and tokens.
//!
//! All of them live in one file that only the node's own user may read. The public half is what
//! other nodes know of it. SM2 signatures use SM3 and the default distinguishing identifier
//! `1234567812345678`, in DER.
//!
//! A node has one pair of keys for signing and sealing, or several while it changes them
//! ([`roll`]): older pairs stay, to open what was sealed to them. The first pair also names the
//! node's log for ever.

mod pair;
mod public;

use std::fmt;
use std::fs::{self, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};

use openssl::rand::rand_bytes;
use serde::{Deserialize, Serialize};
use sm2::SecretKey;
use sm2::elliptic_curve::Generate as _;
use sm2::elliptic_curve::zeroize::{Zeroize as _, Zeroizing};

pub(crate) use pair::KeyPair;
pub use public::NodePublicKeys;

use crate::columns::ColumnKey;
use crate::token::TokenKey;

/// Largest key file that is read, in bytes: four secrets of 32 bytes in hex need under 500, each
/// further pair under 200.
pub const KEY_FILE_BYTES_MAX: u64 = 4096;

/// Most pairs of one node: the item of a node on the topic `trust` lists no more.
pub const PAIRS_MAX: usize = schemas::trust_item::NODE_KEYS_MAX;

/// Distinguishing identifier of every signer, the default of GM/T 0009.
const DISTINGUISHING_ID: &str = "1234567812345678";

/// Permission bits of others than the owner.
const MODE_OTHERS: u32 = 0o077;

/// Everything secret of one node.
pub struct NodeKeys {
    first: Arc<KeyPair>,
    /// Further pairs, oldest first.
    next: RwLock<Vec<Arc<KeyPair>>>,
    column: ColumnKey,
    token: TokenKey,
    secrets: Secrets,
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
    /// The file holds as many pairs as are kept.
    #[error("the file holds {PAIRS_MAX} pairs of keys, and no more are kept")]
    Full,
    /// None of the pairs has this key.
    #[error("no such key in the file of keys")]
    Unknown,
}

/// The key file and a copy of its secrets in memory. Version 1 has one pair; version 2 has `next`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Secrets {
    version: u8,
    signing: String,
    encryption: String,
    column: String,
    token: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    next: Vec<PairSecrets>,
}

/// A further pair.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PairSecrets {
    signing: String,
    encryption: String,
}

/// Adds a next pair of keys to the key file at `path` and returns its public half. A running node
/// takes it up when its peers have been told of it.
///
/// # Errors
/// The file cannot be read or replaced, or holds [`PAIRS_MAX`] pairs.
pub fn roll(path: &Path) -> Result<NodePublicKeys, KeyError> {
    let mut secrets = read_secrets(path)?;
    if secrets.next.len() + 1 >= PAIRS_MAX {
        return Err(KeyError::Full);
    }
    let added = PairSecrets {
        signing: new_secret_key()?,
        encryption: new_secret_key()?,
    };
    let public = KeyPair::from_secrets(&added.signing, &added.encryption)?.public;
    secrets.next.push(added);
    secrets.version = 2;
    // Beside the file, so that the exchange is one rename; a second roll at the same time finds
    // it there and stops.
    let beside = path.with_extension("keys.next");
    write_new(&beside, &secrets)?;
    if let Err(cause) = fs::rename(&beside, path) {
        // The old file still stands; the first error is the one to report.
        let _ = fs::remove_file(&beside);
        return Err(cause.into());
    }
    if let Some(folder) = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
    {
        fs::File::open(folder)?.sync_all()?;
    }
    Ok(public)
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
            Self::Full => "KEY_FILE_FULL",
            Self::Unknown => "KEY_UNKNOWN",
        }
    }
}

impl NodeKeys {
    /// Makes new keys.
    ///
    /// # Errors
    /// No random bytes.
    pub fn generate() -> Result<Self, KeyError> {
        let secret = || {
            let mut bytes = Zeroizing::new([0; 32]);
            rand_bytes(bytes.as_mut_slice()).map_err(|_| KeyError::Library)?;
            Ok::<_, KeyError>(hex::encode(bytes.as_slice()))
        };
        Self::from_secrets(Secrets {
            version: 1,
            signing: new_secret_key()?,
            encryption: new_secret_key()?,
            column: secret()?,
            token: secret()?,
            next: Vec::new(),
        })
    }

    /// Writes the keys to a new file that only its owner may read.
    ///
    /// # Errors
    /// The file exists already (keys are never overwritten) or cannot be written.
    pub fn to_file(&self, path: &Path) -> Result<(), KeyError> {
        write_new(path, &self.secrets)
    }

    /// Reads the keys of [`NodeKeys::to_file`], with the pairs that [`roll`] added.
    ///
    /// # Errors
    /// The file cannot be read, is open to others than its owner, or is malformed.
    pub fn from_file(path: &Path) -> Result<Self, KeyError> {
        Self::from_secrets(read_secrets(path)?)
    }

    /// Takes up the pairs that [`roll`] has added to the file since it was read.
    ///
    /// # Errors
    /// As [`NodeKeys::from_file`]; a file of other keys.
    pub fn take_up(&self, path: &Path) -> Result<(), KeyError> {
        let secrets = read_secrets(path)?;
        let found = Self::from_secrets(secrets)?;
        if found.first.public != self.first.public {
            return Err(KeyError::Malformed);
        }
        let next = found.next.into_inner();
        *self.next.write().unwrap_or_else(PoisonError::into_inner) =
            next.unwrap_or_else(PoisonError::into_inner);
        Ok(())
    }

    /// What other nodes may know of the first pair, which names the node's log.
    #[must_use]
    pub fn public(&self) -> NodePublicKeys {
        self.first.public.clone()
    }

    /// What other nodes may know of every pair, oldest first.
    #[must_use]
    pub fn all_public(&self) -> Vec<NodePublicKeys> {
        let next = self.next.read().unwrap_or_else(PoisonError::into_inner);
        let pairs = std::iter::once(&self.first).chain(next.iter());
        pairs.map(|pair| pair.public.clone()).collect()
    }

    /// Whether one of the pairs has the signing key with this id.
    #[must_use]
    pub fn holds(&self, key_id: &str) -> bool {
        self.pair(|public| public.key_id() == key_id).is_some()
    }

    /// SM2 signature of the first pair with SM3 over `message`, in DER.
    ///
    /// # Errors
    /// The library fails; not seen in practice.
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        self.first.sign(message)
    }

    /// As [`NodeKeys::sign`], by the signing key with this id.
    ///
    /// # Errors
    /// [`KeyError::Unknown`]; the library fails.
    pub fn sign_by(&self, key_id: &str, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        self.pair(|public| public.key_id() == key_id)
            .ok_or(KeyError::Unknown)?
            .sign(message)
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
        &self.first.public
    }

    /// The pair that opens what was sealed to the key with this id.
    pub(crate) fn opening(&self, encryption_key_id: &str) -> Option<Arc<KeyPair>> {
        self.pair(|public| public.encryption_key_id() == encryption_key_id)
    }

    fn pair(&self, is_wanted: impl Fn(&NodePublicKeys) -> bool) -> Option<Arc<KeyPair>> {
        if is_wanted(&self.first.public) {
            return Some(Arc::clone(&self.first));
        }
        let next = self.next.read().unwrap_or_else(PoisonError::into_inner);
        next.iter().find(|pair| is_wanted(&pair.public)).cloned()
    }

    fn from_secrets(secrets: Secrets) -> Result<Self, KeyError> {
        let is_known = match secrets.version {
            1 => secrets.next.is_empty(),
            2 => (1..PAIRS_MAX).contains(&secrets.next.len()),
            _ => false,
        };
        if !is_known {
            return Err(KeyError::Malformed);
        }
        let pair = |signing: &str, encryption: &str| {
            KeyPair::from_secrets(signing, encryption).map(Arc::new)
        };
        let next: Result<Vec<_>, _> = secrets
            .next
            .iter()
            .map(|one| pair(&one.signing, &one.encryption))
            .collect();
        Ok(Self {
            first: pair(&secrets.signing, &secrets.encryption)?,
            next: RwLock::new(next?),
            column: ColumnKey::new(&*secret_bytes(&secrets.column)?),
            token: TokenKey::new(&*secret_bytes(&secrets.token)?),
            secrets,
        })
    }
}

impl fmt::Debug for NodeKeys {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key_id = self.first.public.key_id();
        write!(formatter, "NodeKeys({key_id}, [secret])")
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

impl Drop for PairSecrets {
    fn drop(&mut self) {
        self.signing.zeroize();
        self.encryption.zeroize();
    }
}

fn new_secret_key() -> Result<String, KeyError> {
    let key = SecretKey::try_generate().map_err(|_| KeyError::Library)?;
    let mut bytes = key.to_bytes();
    let text = hex::encode(bytes);
    bytes.zeroize();
    Ok(text)
}

fn write_new(path: &Path, secrets: &Secrets) -> Result<(), KeyError> {
    let text = Zeroizing::new(serde_json::to_vec(secrets).map_err(|_| KeyError::Malformed)?);
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

fn read_secrets(path: &Path) -> Result<Secrets, KeyError> {
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
    serde_json::from_slice(&text).map_err(|_| KeyError::Malformed)
}

fn secret_bytes(text: &str) -> Result<Zeroizing<[u8; 32]>, KeyError> {
    let mut bytes = Zeroizing::new([0; 32]);
    hex::decode_to_slice(text, bytes.as_mut_slice()).map_err(|_| KeyError::Malformed)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests;
