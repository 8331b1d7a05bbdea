//! Private keys of the development PKI: SM2, and RSA for licences that foreign software reads.

use std::fmt;

use ::der::asn1::ObjectIdentifier;
use ::der::pem::LineEnding;
use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::pkey::{PKey, Private};
use openssl::rsa::Rsa;
use openssl::sign::Signer;
use sm2::SecretKey;
use sm2::dsa::SigningKey;
use sm2::dsa::signature::Signer as _;
use sm2::elliptic_curve::Generate as _;
use sm2::elliptic_curve::sec1::ToSec1Point as _;
use sm2::pkcs8::{DecodePrivateKey as _, EncodePrivateKey as _};
use sm3::{Digest as _, Sm3};

use super::{MintError, SM2_WITH_SM3, der};
use crate::digest::DigestAlgorithm;

/// Distinguishing identifier of every SM2 signature here (GM/T 0009).
pub const DISTINGUISHING_ID: &str = "1234567812345678";

/// Bits of an RSA modulus: the least that the verifier accepts.
const RSA_BITS: u32 = 2048;

const EC_PUBLIC_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const SM2_CURVE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.156.10197.1.301");
const RSA_ENCRYPTION: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const SHA256_WITH_RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.11");

/// A private key.
#[derive(Clone)]
pub enum PrivateKey {
    /// SM2, which signs with SM3 (GB/T 32918.2-2016).
    Sm2(SecretKey),
    /// RSA, which signs with SHA-256 (PKCS #1 v1.5).
    Rsa(PKey<Private>),
}

impl PrivateKey {
    /// A fresh SM2 key; `of` is whose, for errors.
    ///
    /// # Errors
    /// [`MintError::Key`] when the system gives no randomness.
    pub(super) fn sm2(of: &str) -> Result<Self, MintError> {
        SecretKey::try_generate()
            .map(Self::Sm2)
            .map_err(|problem| key_error(of, problem))
    }

    /// A fresh RSA key.
    ///
    /// # Errors
    /// As [`PrivateKey::sm2`].
    pub(super) fn rsa(of: &str) -> Result<Self, MintError> {
        Rsa::generate(RSA_BITS)
            .and_then(PKey::from_rsa)
            .map(Self::Rsa)
            .map_err(|problem| key_error(of, problem))
    }

    /// Signature over `message` as certificates and CMS carry it: for SM2 in DER (GB/T 35276).
    ///
    /// # Errors
    /// [`MintError::Key`] when the key cannot sign.
    pub(super) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, MintError> {
        match self {
            Self::Sm2(_) => {
                let signature = self.sm2_signature(message, DISTINGUISHING_ID)?;
                Ok(signature.to_der().as_bytes().to_vec())
            }
            Self::Rsa(key) => {
                rsa_signature(key, message).map_err(|problem| key_error("the signer", problem))
            }
        }
    }

    /// SM2 signature with a chosen distinguishing identifier.
    ///
    /// # Errors
    /// [`MintError::Key`] for a key that is not SM2, or cannot sign.
    pub(super) fn sm2_signature(
        &self,
        message: &[u8],
        identifier: &str,
    ) -> Result<sm2::dsa::Signature, MintError> {
        let Self::Sm2(secret) = self else {
            return Err(key_error("the signer", "an SM2 key is needed here"));
        };
        SigningKey::new(identifier, secret)
            .and_then(|key| key.try_sign(message))
            .map_err(|problem| key_error("the signer", problem))
    }

    /// The digest that goes with the key's signatures.
    pub(super) const fn digest(&self) -> DigestAlgorithm {
        match self {
            Self::Sm2(_) => DigestAlgorithm::Sm3,
            Self::Rsa(_) => DigestAlgorithm::Sha256,
        }
    }

    /// `AlgorithmIdentifier` of the key's signatures.
    pub(super) fn signature_algorithm(&self) -> Vec<u8> {
        match self {
            Self::Sm2(_) => der::sequence(&[&der::object_identifier(SM2_WITH_SM3)]),
            // RFC 4055 §5: the parameters must be NULL.
            Self::Rsa(_) => {
                der::sequence(&[&der::object_identifier(SHA256_WITH_RSA), &der::null()])
            }
        }
    }

    /// `SubjectPublicKeyInfo`.
    pub(super) fn public_key_info(&self) -> Result<Vec<u8>, MintError> {
        let algorithm = match self {
            Self::Sm2(_) => der::sequence(&[
                &der::object_identifier(EC_PUBLIC_KEY),
                &der::object_identifier(SM2_CURVE),
            ]),
            Self::Rsa(_) => der::sequence(&[&der::object_identifier(RSA_ENCRYPTION), &der::null()]),
        };
        let key = der::bit_string(&self.public_octets()?);
        Ok(der::sequence(&[&algorithm, &key]))
    }

    /// The public key as it stands in the BIT STRING of a certificate.
    pub(super) fn public_octets(&self) -> Result<Vec<u8>, MintError> {
        match self {
            Self::Sm2(secret) => {
                let point = secret.public_key().to_sec1_point(false);
                Ok(point.as_bytes().to_vec())
            }
            Self::Rsa(key) => key
                .rsa()
                .and_then(|key| key.public_key_to_der_pkcs1())
                .map_err(|problem| key_error("the signer", problem)),
        }
    }

    /// Key identifier \[P\]: 20 octets of the SM3 of the public key.
    pub(super) fn identifier(&self) -> Result<Vec<u8>, MintError> {
        let digest = Sm3::digest(self.public_octets()?);
        Ok(digest.iter().copied().take(20).collect())
    }

    /// PKCS #8 in PEM.
    pub(super) fn to_pem(&self, of: &str) -> Result<String, MintError> {
        match self {
            Self::Sm2(secret) => secret
                .to_pkcs8_pem(LineEnding::LF)
                .map(|text| text.to_string())
                .map_err(|problem| key_error(of, problem)),
            Self::Rsa(key) => key
                .private_key_to_pem_pkcs8()
                .map(|text| String::from_utf8_lossy(&text).into_owned())
                .map_err(|problem| key_error(of, problem)),
        }
    }

    /// Reads back what [`PrivateKey::to_pem`] wrote.
    pub(super) fn from_pem(text: &str, of: &str) -> Result<Self, MintError> {
        if let Ok(secret) = SecretKey::from_pkcs8_pem(text) {
            return Ok(Self::Sm2(secret));
        }
        let key = Rsa::private_key_from_pem(text.as_bytes()).and_then(PKey::from_rsa);
        key.map(Self::Rsa).map_err(|problem| key_error(of, problem))
    }
}

fn rsa_signature(key: &PKey<Private>, message: &[u8]) -> Result<Vec<u8>, ErrorStack> {
    Signer::new(MessageDigest::sha256(), key)?.sign_oneshot_to_vec(message)
}

fn key_error(of: &str, problem: impl fmt::Display) -> MintError {
    MintError::Key {
        of: of.to_owned(),
        problem: problem.to_string(),
    }
}

/// A private key is never printed.
impl fmt::Debug for PrivateKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Sm2(_) => "PrivateKey(SM2)",
            Self::Rsa(_) => "PrivateKey(RSA)",
        })
    }
}
