//! Encryption with a shared secret: SM4 in counter mode, then HMAC-SM3 over what was encrypted.
//!
//! \[P\] profile: an own composition of standard parts, because neither SM4-GCM nor SM4-CCM is in
//! OpenSSL 3.0. The box is `nonce ‖ ciphertext ‖ tag`; the tag covers the length of the bound
//! data, the bound data, the nonce and the ciphertext, and is checked before anything is decrypted.

use openssl::rand::rand_bytes;
use openssl::symm::{Cipher, decrypt, encrypt};
use sm2::elliptic_curve::zeroize::{Zeroize as _, Zeroizing};
use sm3::{Digest as _, Sm3};

/// Bytes that a box is longer than its plain text: nonce and tag.
pub(crate) const BOX_OVERHEAD_BYTES: usize = NONCE_BYTES + TAG_BYTES;

/// Size of the secret of one [`BoxKey`]: an SM4 key and a key for HMAC-SM3.
pub(crate) const BOX_SECRET_BYTES: usize = CIPHER_KEY_BYTES + 32;

/// Key size of SM4.
const CIPHER_KEY_BYTES: usize = 16;
/// Block size of SM4: the first value of the counter.
const NONCE_BYTES: usize = 16;
/// Output size of SM3.
const TAG_BYTES: usize = 32;
/// Input block size of SM3.
const SM3_BLOCK_BYTES: usize = 64;

/// HMAC-SM3 (RFC 2104) with the padded key already absorbed, so that a short message costs two
/// blocks; the OpenSSL call fetches algorithm and context each time and can fail.
#[derive(Clone)]
pub(crate) struct HmacSm3 {
    inner: Sm3,
    outer: Sm3,
}

/// Keys of one direction of encryption.
#[derive(Clone)]
pub(crate) struct BoxKey {
    cipher: Zeroizing<[u8; CIPHER_KEY_BYTES]>,
    mac: HmacSm3,
}

/// Why a box was not made or not opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum BoxError {
    /// OpenSSL could not encrypt or give random bytes.
    Library,
    /// The tag is wrong: another key, other bound data, or changed bytes.
    Tag,
}

impl HmacSm3 {
    pub(crate) fn new(key: &[u8]) -> Self {
        let mut block = Zeroizing::new([0_u8; SM3_BLOCK_BYTES]);
        let hashed;
        let key = if key.len() > SM3_BLOCK_BYTES {
            hashed = Sm3::digest(key);
            hashed.as_slice()
        } else {
            key
        };
        for (target, source) in block.iter_mut().zip(key) {
            *target = *source;
        }
        let mut padded = block.map(|byte| byte ^ 0x36);
        let inner = Sm3::new_with_prefix(padded);
        padded = block.map(|byte| byte ^ 0x5c);
        let outer = Sm3::new_with_prefix(padded);
        padded.zeroize();
        Self { inner, outer }
    }

    pub(crate) fn tag(&self, parts: &[&[u8]]) -> [u8; TAG_BYTES] {
        let mut inner = self.inner.clone();
        for part in parts {
            inner.update(part);
        }
        let mut outer = self.outer.clone();
        outer.update(inner.finalize());
        outer.finalize().into()
    }
}

impl BoxKey {
    pub(crate) fn new(secret: &[u8; BOX_SECRET_BYTES]) -> Self {
        let (cipher, mac) = secret.split_at(CIPHER_KEY_BYTES);
        let mut key = Zeroizing::new([0; CIPHER_KEY_BYTES]);
        key.copy_from_slice(cipher);
        Self {
            cipher: key,
            mac: HmacSm3::new(mac),
        }
    }

    /// Encrypts `plain` and binds `bound`; the same input gives another box each time.
    pub(crate) fn seal(&self, bound: &[u8], plain: &[u8]) -> Result<Vec<u8>, BoxError> {
        let mut nonce = [0; NONCE_BYTES];
        rand_bytes(&mut nonce).map_err(|_| BoxError::Library)?;
        let ciphertext = encrypt(
            Cipher::sm4_ctr(),
            self.cipher.as_slice(),
            Some(&nonce),
            plain,
        )
        .map_err(|_| BoxError::Library)?;
        let tag = self.tag(bound, &nonce, &ciphertext);
        Ok([nonce.as_slice(), &ciphertext, &tag].concat())
    }

    /// Checks and decrypts a box.
    pub(crate) fn open(&self, bound: &[u8], sealed: &[u8]) -> Result<Vec<u8>, BoxError> {
        let (nonce, rest) = sealed
            .split_first_chunk::<NONCE_BYTES>()
            .ok_or(BoxError::Tag)?;
        let (ciphertext, tag) = rest.split_last_chunk::<TAG_BYTES>().ok_or(BoxError::Tag)?;
        if !openssl::memcmp::eq(&self.tag(bound, nonce, ciphertext), tag) {
            return Err(BoxError::Tag);
        }
        decrypt(
            Cipher::sm4_ctr(),
            self.cipher.as_slice(),
            Some(nonce),
            ciphertext,
        )
        .map_err(|_| BoxError::Library)
    }

    fn tag(&self, bound: &[u8], nonce: &[u8], ciphertext: &[u8]) -> [u8; TAG_BYTES] {
        // The length first: bytes cannot move between the bound data and the nonce.
        let length = (bound.len() as u64).to_be_bytes();
        self.mac.tag(&[&length, bound, nonce, ciphertext])
    }
}

#[cfg(test)]
mod tests {
    use openssl::hash::MessageDigest;
    use openssl::pkey::PKey;
    use openssl::sign::Signer;

    use super::*;

    #[test]
    fn hmac_equals_openssl() {
        let sm3 = MessageDigest::from_name("SM3").expect("SM3 in OpenSSL");
        for key_length in [1, 32, 63, 64, 65, 200] {
            for length in [0, 1, 55, 56, 64, 1000] {
                let (key, message) = (vec![0xa5; key_length], vec![0x5a; length]);
                let pkey = PKey::hmac(&key).expect("a key");
                let mut signer = Signer::new(sm3, &pkey).expect("a signer");
                let expected = signer.sign_oneshot_to_vec(&message).expect("a tag");
                let (left, right) = message.split_at(length / 3);
                assert_eq!(HmacSm3::new(&key).tag(&[left, right]).as_slice(), expected);
            }
        }
    }

    #[test]
    fn sm4_is_the_standard_cipher() {
        // GB/T 32907-2016 annex A, example 1: counter mode over zeros gives the block cipher's
        // output for the nonce.
        let key = hex::decode("0123456789abcdeffedcba9876543210").expect("hex");
        let output = encrypt(Cipher::sm4_ctr(), &key, Some(&key), &[0; 16]).expect("SM4");
        assert_eq!(hex::encode(output), "681edf34d206965e86b3e94f536e4246");
    }

    #[test]
    fn boxes_open_only_unchanged() {
        let key = BoxKey::new(&[7; BOX_SECRET_BYTES]);
        let sealed = key.seal(b"bound", b"plain text").expect("sealed");
        assert_eq!(sealed.len(), b"plain text".len() + BOX_OVERHEAD_BYTES);
        assert_eq!(key.open(b"bound", &sealed), Ok(b"plain text".to_vec()));
        assert_eq!(key.open(b"other", &sealed), Err(BoxError::Tag));
        for place in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[place] ^= 1;
            assert_eq!(
                key.open(b"bound", &changed),
                Err(BoxError::Tag),
                "byte {place}"
            );
            assert_eq!(key.open(b"bound", &sealed[..place]), Err(BoxError::Tag));
        }
        assert_ne!(key.seal(b"bound", b"plain text"), Ok(sealed));
        let empty = key.seal(b"", b"").expect("sealed");
        assert_eq!(key.open(b"", &empty), Ok(Vec::new()));
    }
}
