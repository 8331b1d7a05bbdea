//! SM2 verification by OpenSSL.

use openssl::error::ErrorStack;
use openssl::pkey::PKey;
use openssl::pkey_ctx::PkeyCtx;
use sm2::dsa::Signature;

use super::{SIGNATURE_BYTES, Sm2PublicKey};

/// `SubjectPublicKeyInfo` of an SM2 key up to its uncompressed point: id-ecPublicKey on the curve
/// 1.2.156.10197.1.301 (GB/T 35276-2017 §6.1).
const SPKI_PREFIX: [u8; 27] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a,
    0x81, 0x1c, 0xcf, 0x55, 0x01, 0x82, 0x2d, 0x03, 0x42, 0x00, 0x04,
];

/// Whether the signature holds. OpenSSL is given the digest: from a message it would make it with
/// an empty identity.
pub(super) fn verify(
    key: &Sm2PublicKey,
    digest: &[u8; 32],
    signature: &[u8; SIGNATURE_BYTES],
) -> bool {
    Signature::from_slice(signature)
        .is_ok_and(|signature| ask(key, digest, signature.to_der().as_bytes()).unwrap_or(false))
}

fn ask(key: &Sm2PublicKey, digest: &[u8; 32], signature: &[u8]) -> Result<bool, ErrorStack> {
    let spki = [SPKI_PREFIX.as_slice(), key.coordinates()].concat();
    let key = PKey::public_key_from_der(&spki)?;
    let mut context = PkeyCtx::new(&key)?;
    context.verify_init()?;
    context.verify(digest, signature)
}
