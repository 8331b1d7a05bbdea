//! Encrypted database columns (invariant 7): personal data at rest, under the node's own key.
//!
//! A sealed column is `01 ‖ nonce ‖ ciphertext ‖ tag`; the first byte names the form, so that
//! older rows stay readable when it changes. Column name and row key are bound into the tag: a
//! value that is moved to another row or column does not open. \[P\] profile.

use std::fmt;

use crate::symmetric::{BOX_SECRET_BYTES, BoxError, BoxKey, HmacSm3};

/// Longest plain column value, in bytes: the longest text of an entry is a few thousand.
pub const COLUMN_BYTES_MAX: usize = 64 * 1024;

/// The form written today: SM4-CTR and HMAC-SM3.
const VERSION: u8 = 1;

/// Key of a node's encrypted columns.
pub struct ColumnKey(BoxKey);

/// Why a column was not sealed or not opened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ColumnError {
    /// The cryptographic library failed.
    #[error("the cryptographic library failed")]
    Library,
    /// The value is longer than [`COLUMN_BYTES_MAX`].
    #[error("the column value is too long")]
    TooLong,
    /// The first byte names a form that is not known here.
    #[error("the encrypted column has an unknown form")]
    Version,
    /// Another key, another row or column, or changed bytes.
    #[error("the encrypted column does not open: other key, other row, or changed")]
    Refused,
}

impl ColumnError {
    /// Stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Library => "COLUMN_LIBRARY",
            Self::TooLong => "COLUMN_TOO_LONG",
            Self::Version => "COLUMN_VERSION",
            Self::Refused => "COLUMN_REFUSED",
        }
    }
}

impl ColumnKey {
    /// Derives cipher and tag keys from one secret, so that neither equals it.
    pub(crate) fn new(secret: &[u8; 32]) -> Self {
        let derive = HmacSm3::new(secret);
        let mut keys = [0; BOX_SECRET_BYTES];
        let material = [
            derive.tag(&[b"hub-column-1"]),
            derive.tag(&[b"hub-column-2"]),
        ];
        for (target, source) in keys.iter_mut().zip(material.as_flattened()) {
            *target = *source;
        }
        Self(BoxKey::new(&keys))
    }

    /// Encrypts one value; `aad` is column name and row key.
    ///
    /// # Errors
    /// A value that is too long; the library fails.
    pub fn seal(&self, aad: &[u8], plain: &[u8]) -> Result<Vec<u8>, ColumnError> {
        if plain.len() > COLUMN_BYTES_MAX {
            return Err(ColumnError::TooLong);
        }
        let mut sealed = self.0.seal(aad, plain)?;
        sealed.insert(0, VERSION);
        Ok(sealed)
    }

    /// Decrypts one value; `aad` as it was given when sealing.
    ///
    /// # Errors
    /// An unknown form, another key or `aad`, changed bytes.
    pub fn open(&self, aad: &[u8], sealed: &[u8]) -> Result<Vec<u8>, ColumnError> {
        match sealed.split_first() {
            Some((&VERSION, rest)) => Ok(self.0.open(aad, rest)?),
            _ => Err(ColumnError::Version),
        }
    }
}

impl fmt::Debug for ColumnKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("ColumnKey([secret])")
    }
}

impl From<BoxError> for ColumnError {
    fn from(error: BoxError) -> Self {
        match error {
            BoxError::Library => Self::Library,
            BoxError::Tag => Self::Refused,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_open_in_their_place_only() {
        let key = ColumnKey::new(&[3; 32]);
        let sealed = key
            .seal(b"holder_name/row 1", "张三样例".as_bytes())
            .expect("sealed");
        let opened = key.open(b"holder_name/row 1", &sealed);
        assert_eq!(opened.as_deref(), Ok("张三样例".as_bytes()));
        assert_eq!(
            key.open(b"holder_name/row 2", &sealed),
            Err(ColumnError::Refused)
        );
        let other = ColumnKey::new(&[4; 32]);
        assert_eq!(
            other.open(b"holder_name/row 1", &sealed),
            Err(ColumnError::Refused)
        );
    }

    #[test]
    fn every_changed_byte_is_noticed() {
        let key = ColumnKey::new(&[3; 32]);
        let sealed = key.seal(b"a", b"value").expect("sealed");
        for place in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[place] ^= 0x80;
            let expected = if place == 0 {
                ColumnError::Version
            } else {
                ColumnError::Refused
            };
            assert_eq!(key.open(b"a", &changed), Err(expected), "byte {place}");
        }
        assert_eq!(key.open(b"a", b""), Err(ColumnError::Version));
        assert_eq!(
            key.seal(b"a", &vec![0; COLUMN_BYTES_MAX + 1]),
            Err(ColumnError::TooLong)
        );
    }

    #[test]
    fn equal_values_do_not_look_equal() {
        let key = ColumnKey::new(&[3; 32]);
        assert_ne!(key.seal(b"a", b"value"), key.seal(b"a", b"value"));
    }
}
