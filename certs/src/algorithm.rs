//! Public keys and signature algorithms: SM2, RSA, ECDSA and Ed25519 behind one function,
//! [`verify`].

mod pss;

use std::fmt;

use der::asn1::ObjectIdentifier;
use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::pkey::{Id, PKey, Public};
use openssl::rsa::Padding;
use openssl::sign::{RsaPssSaltlen, Verifier as OpensslVerifier};
use schemas::seal::asn1::{self, Asn1Error, Element};
use sm3::Digest as _;

use crate::digest::DigestAlgorithm;
use crate::message::Message;
use crate::sm2_verification::{SIGNATURE_BYTES, Sm2PublicKey};

/// SM2 user identity of GB/T 35276-2017, used by every certificate and seal.
pub const SM2_USER_ID: &str = "1234567812345678";

/// Smallest RSA modulus in bits that is accepted (\[P\] profile: what CAs issue since 2014).
const RSA_MIN_BITS: u32 = 2048;
/// Largest RSA modulus in bits: bounds the time of one verification (\[P\] profile).
const RSA_MAX_BITS: u32 = 8192;
/// Longest public exponent of RSA in bits, as OpenSSL has it for large keys: 65537 is in use.
const RSA_EXPONENT_MAX_BITS: i32 = 64;
/// Longest message in bytes for Ed25519, which reads it twice and so needs all of it in memory:
/// signed attributes are far shorter, and a file up to this size is read as a whole anyway.
const ED25519_MESSAGE_BYTES: usize = 16 << 20;
/// Length of one SM2 scalar in bytes.
const SM2_SCALAR_BYTES: usize = 32;

const EC_PUBLIC_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const SM2_CURVE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.156.10197.1.301");
const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
const P384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.34");
const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");

/// Signature algorithms that the hub accepts.
///
/// Those with MD5 or SHA-1 are absent on purpose: nothing signed with them proves anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SignatureAlgorithm {
    /// SM2 with SM3, GB/T 32918.2-2016.
    Sm2,
    /// RSA PKCS #1 v1.5.
    Rsa(DigestAlgorithm),
    /// RSASSA-PSS, the digest serving its mask too.
    RsaPss {
        /// The digest.
        digest: DigestAlgorithm,
        /// Length of the salt in bytes.
        salt_bytes: u8,
    },
    /// ECDSA on P-256 or P-384.
    Ecdsa(DigestAlgorithm),
    /// Ed25519 (RFC 8032), over the message itself.
    Ed25519,
}

/// A public key, decoded once.
#[derive(Clone)]
pub struct PublicKey(Key);

#[derive(Clone)]
enum Key {
    Sm2(Box<Sm2PublicKey>),
    Rsa(PKey<Public>),
    Ecdsa(PKey<Public>),
    Ed25519(PKey<Public>),
}

/// How a signature was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignatureForm {
    /// As its standard says: for SM2 a DER SEQUENCE of two INTEGERs (GB/T 35276-2017).
    Standard,
    /// SM2 as 64 raw bytes `r‖s`: met in real files, accepted with a warning.
    Raw,
}

/// Why a key or algorithm cannot be used, or a signature does not hold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AlgorithmError {
    /// MD5, SHA-1 or an algorithm that the hub does not know.
    #[error("algorithm {0} is not accepted")]
    NotAccepted(ObjectIdentifier),
    /// The key's type, curve or size is not accepted, or the key is malformed.
    #[error("the public key is malformed or of a kind that is not accepted")]
    Key,
    /// The key belongs to another algorithm.
    #[error("algorithm {0} does not fit the public key")]
    KeyMismatch(SignatureAlgorithm),
    /// The algorithm needs all of a message in memory that is too long for that.
    #[error("Ed25519 over more than {ED25519_MESSAGE_BYTES} bytes is not accepted")]
    TooLong,
    /// The signature does not hold over the message.
    #[error("the signature does not hold")]
    Invalid,
}

impl SignatureAlgorithm {
    /// Algorithm of a certificate, seal or revocation list.
    ///
    /// # Errors
    /// When the algorithm is not accepted.
    pub fn from_oid(oid: ObjectIdentifier) -> Result<Self, AlgorithmError> {
        Self::from_oids(oid, None, None)
    }

    /// Algorithm of a CMS signer, who may name key type and digest apart from one another, and
    /// of one with `parameters`.
    ///
    /// # Errors
    /// When the algorithm, its digest or its parameters are not accepted.
    pub fn from_oids(
        signature: ObjectIdentifier,
        digest: Option<ObjectIdentifier>,
        parameters: Option<&[u8]>,
    ) -> Result<Self, AlgorithmError> {
        if signature == pss::RSA_PSS {
            let (digest, salt_bytes) = pss::parameters(parameters)?;
            return Ok(Self::RsaPss { digest, salt_bytes });
        }
        if signature == ED25519 {
            // RFC 8419 §3.1: in CMS it goes with SHA-512.
            let is_other = |digest: ObjectIdentifier| {
                DigestAlgorithm::parse(&digest.to_string()) != Some(DigestAlgorithm::Sha512)
            };
            return match digest.filter(|digest| is_other(*digest)) {
                Some(digest) => Err(AlgorithmError::NotAccepted(digest)),
                None => Ok(Self::Ed25519),
            };
        }
        let text = signature.to_string();
        match text.as_str() {
            // SM2-with-SM3; SM2 signing; SM2 (ARCHITECTURE.md, Standards).
            "1.2.156.10197.1.501" | "1.2.156.10197.1.301.1" | "1.2.156.10197.1.301" => {
                return Ok(Self::Sm2);
            }
            "1.2.840.113549.1.1.11" => return Ok(Self::Rsa(DigestAlgorithm::Sha256)),
            "1.2.840.113549.1.1.12" => return Ok(Self::Rsa(DigestAlgorithm::Sha384)),
            "1.2.840.113549.1.1.13" => return Ok(Self::Rsa(DigestAlgorithm::Sha512)),
            "1.2.840.10045.4.3.2" => return Ok(Self::Ecdsa(DigestAlgorithm::Sha256)),
            "1.2.840.10045.4.3.3" => return Ok(Self::Ecdsa(DigestAlgorithm::Sha384)),
            "1.2.840.10045.4.3.4" => return Ok(Self::Ecdsa(DigestAlgorithm::Sha512)),
            _ => {}
        }
        let Some(digest) = digest else {
            return Err(AlgorithmError::NotAccepted(signature));
        };
        let digest_algorithm = DigestAlgorithm::parse(&digest.to_string())
            .ok_or(AlgorithmError::NotAccepted(digest))?;
        match (signature, digest_algorithm) {
            (EC_PUBLIC_KEY, DigestAlgorithm::Sm3) => Ok(Self::Sm2),
            (RSA, DigestAlgorithm::Sm3) => Err(AlgorithmError::NotAccepted(digest)),
            (RSA, other) => Ok(Self::Rsa(other)),
            (EC_PUBLIC_KEY, other) => Ok(Self::Ecdsa(other)),
            _ => Err(AlgorithmError::NotAccepted(signature)),
        }
    }

    /// The digest that the algorithm is used with.
    #[must_use]
    pub const fn digest(self) -> DigestAlgorithm {
        match self {
            Self::Sm2 => DigestAlgorithm::Sm3,
            Self::Rsa(digest) | Self::RsaPss { digest, .. } | Self::Ecdsa(digest) => digest,
            // What it hashes inside; RFC 8419 §3.1 asks for the same in CMS.
            Self::Ed25519 => DigestAlgorithm::Sha512,
        }
    }
}

impl fmt::Display for SignatureAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self {
            Self::Sm2 => "SM2",
            Self::Rsa(_) => "RSA",
            Self::RsaPss { .. } => "RSA-PSS",
            Self::Ecdsa(_) => "ECDSA",
            Self::Ed25519 => "Ed25519",
        };
        write!(f, "{name} with {}", self.digest().as_str())
    }
}

impl PublicKey {
    /// Decodes a `SubjectPublicKeyInfo` (RFC 5280 §4.1.2.7).
    ///
    /// # Errors
    /// When the key is malformed or not an SM2, P-256, P-384, Ed25519 or RSA key of accepted size.
    pub fn from_spki(spki: &[u8]) -> Result<Self, AlgorithmError> {
        let (algorithm, parameters, point) = split_spki(spki).map_err(|_| AlgorithmError::Key)?;
        match (algorithm, parameters) {
            (EC_PUBLIC_KEY, Some(SM2_CURVE)) | (SM2_CURVE, _) => Self::sm2_from_point(point),
            (EC_PUBLIC_KEY, Some(P256 | P384)) => Self::decode_openssl(spki, Id::EC),
            (RSA, _) => Self::decode_openssl(spki, Id::RSA),
            (ED25519, None) => Self::decode_openssl(spki, Id::ED25519),
            _ => Err(AlgorithmError::Key),
        }
    }

    /// An SM2 key from its point (SEC 1, compressed or not).
    ///
    /// # Errors
    /// When the bytes are no point of the curve.
    pub fn sm2_from_point(point: &[u8]) -> Result<Self, AlgorithmError> {
        let key = Sm2PublicKey::from_sec1(point).ok_or(AlgorithmError::Key)?;
        Ok(Self(Key::Sm2(Box::new(key))))
    }

    /// The key as one of SM2, where it is.
    pub(crate) fn as_sm2(&self) -> Option<&Sm2PublicKey> {
        match &self.0 {
            Key::Sm2(key) => Some(key),
            _ => None,
        }
    }

    fn decode_openssl(spki: &[u8], expected: Id) -> Result<Self, AlgorithmError> {
        let key = PKey::public_key_from_der(spki).map_err(|_| AlgorithmError::Key)?;
        if key.id() != expected {
            return Err(AlgorithmError::Key);
        }
        match expected {
            Id::RSA if (RSA_MIN_BITS..=RSA_MAX_BITS).contains(&key.bits()) => {
                let exponent = key.rsa().map_err(|_| AlgorithmError::Key)?;
                // With 1 everyone signs, with an even number nobody (RFC 8017 §3.1).
                let exponent = exponent.e();
                let is_usual = (2..=RSA_EXPONENT_MAX_BITS).contains(&exponent.num_bits());
                if !is_usual || !exponent.is_bit_set(0) {
                    return Err(AlgorithmError::Key);
                }
                Ok(Self(Key::Rsa(key)))
            }
            Id::EC => Ok(Self(Key::Ecdsa(key))),
            Id::ED25519 => Ok(Self(Key::Ed25519(key))),
            _ => Err(AlgorithmError::Key),
        }
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Key::Sm2(_) => "PublicKey(SM2)",
            Key::Rsa(_) => "PublicKey(RSA)",
            Key::Ecdsa(_) => "PublicKey(ECDSA)",
            Key::Ed25519(_) => "PublicKey(Ed25519)",
        })
    }
}

/// Verifies `signature` over `message` and says how the signature was written.
///
/// # Errors
/// When the algorithm does not fit the key, or the signature does not hold.
pub fn verify(
    key: &PublicKey,
    algorithm: SignatureAlgorithm,
    message: &[u8],
    signature: &[u8],
) -> Result<SignatureForm, AlgorithmError> {
    verify_message(key, algorithm, Message::of(message), signature)
}

/// The same over a message that need not be in memory.
///
/// # Errors
/// As [`verify`], when a message is too long for the algorithm, or it cannot be read: then the
/// signature does not hold.
pub fn verify_message(
    key: &PublicKey,
    algorithm: SignatureAlgorithm,
    message: Message<'_>,
    signature: &[u8],
) -> Result<SignatureForm, AlgorithmError> {
    match (&key.0, algorithm) {
        (Key::Sm2(key), SignatureAlgorithm::Sm2) => {
            let mut hasher = key.hasher();
            message
                .each(|piece| hasher.update(piece))
                .map_err(|_| AlgorithmError::Invalid)?;
            verify_sm2(key, &hasher.finalize().into(), signature)
        }
        (Key::Rsa(key), SignatureAlgorithm::Rsa(_) | SignatureAlgorithm::RsaPss { .. })
        | (Key::Ecdsa(key), SignatureAlgorithm::Ecdsa(_))
        | (Key::Ed25519(key), SignatureAlgorithm::Ed25519) => {
            if algorithm == SignatureAlgorithm::Ed25519 && message.length() > ED25519_MESSAGE_BYTES
            {
                return Err(AlgorithmError::TooLong);
            }
            let holds = ask_openssl(key, algorithm, message, signature).unwrap_or(false);
            holds
                .then_some(SignatureForm::Standard)
                .ok_or(AlgorithmError::Invalid)
        }
        _ => Err(AlgorithmError::KeyMismatch(algorithm)),
    }
}

/// Whether the bytes have the form of an SM2 signature: DER, or 64 raw bytes.
#[must_use]
pub fn is_sm2_signature(bytes: &[u8]) -> bool {
    bytes.len() == SIGNATURE_BYTES || sm2_scalars(bytes).is_some()
}

/// As [`verify`], from the digest e of the signer's identity and the message
/// (GB/T 32918.2-2016 §7.1 B4).
pub(crate) fn verify_sm2(
    key: &Sm2PublicKey,
    digest: &[u8; 32],
    signature: &[u8],
) -> Result<SignatureForm, AlgorithmError> {
    let (scalars, form) = match sm2_scalars(signature) {
        Some(scalars) => (scalars, SignatureForm::Standard),
        None => {
            let raw = <[u8; SIGNATURE_BYTES]>::try_from(signature);
            (
                raw.map_err(|_| AlgorithmError::Invalid)?,
                SignatureForm::Raw,
            )
        }
    };
    if key.verify_digest(digest, &scalars) {
        Ok(form)
    } else {
        Err(AlgorithmError::Invalid)
    }
}

/// `r‖s` of a DER SEQUENCE of two INTEGERs; none when the bytes are anything else.
fn sm2_scalars(signature: &[u8]) -> Option<[u8; SIGNATURE_BYTES]> {
    let mut reader = Element::whole(signature, asn1::SEQUENCE).ok()?.reader();
    let mut scalars = [0_u8; SIGNATURE_BYTES];
    for half in scalars.chunks_exact_mut(SM2_SCALAR_BYTES) {
        let magnitude = reader.expect(asn1::INTEGER).ok()?.unsigned().ok()?;
        let start = SM2_SCALAR_BYTES.checked_sub(magnitude.len())?;
        half.get_mut(start..)?.copy_from_slice(magnitude);
    }
    reader.finish().ok()?;
    Some(scalars)
}

fn ask_openssl(
    key: &PKey<Public>,
    algorithm: SignatureAlgorithm,
    message: Message<'_>,
    signature: &[u8],
) -> Result<bool, ErrorStack> {
    let digest = match algorithm.digest() {
        // No standard defines RSA or ECDSA with SM3 here.
        DigestAlgorithm::Sm3 => return Ok(false),
        DigestAlgorithm::Sha256 => MessageDigest::sha256(),
        DigestAlgorithm::Sha384 => MessageDigest::sha384(),
        DigestAlgorithm::Sha512 => MessageDigest::sha512(),
    };
    if algorithm == SignatureAlgorithm::Ed25519 {
        let mut verifier = OpensslVerifier::new_without_digest(key)?;
        let message = message.copied();
        return message.map_or(Ok(false), |all| verifier.verify_oneshot(signature, &all));
    }
    let mut verifier = OpensslVerifier::new(digest, key)?;
    if let SignatureAlgorithm::RsaPss { salt_bytes, .. } = algorithm {
        verifier.set_rsa_padding(Padding::PKCS1_PSS)?;
        verifier.set_rsa_pss_saltlen(RsaPssSaltlen::custom(salt_bytes.into()))?;
        verifier.set_rsa_mgf1_md(digest)?;
    }
    let mut fed = Ok(());
    let read = message.each(|piece| {
        if fed.is_ok() {
            fed = verifier.update(piece);
        }
    });
    fed?;
    Ok(read.is_ok() && verifier.verify(signature)?)
}

type SpkiParts<'a> = (ObjectIdentifier, Option<ObjectIdentifier>, &'a [u8]);

fn split_spki(spki: &[u8]) -> Result<SpkiParts<'_>, Asn1Error> {
    let mut reader = Element::whole(spki, asn1::SEQUENCE)?.reader();
    let mut algorithm_reader = reader.expect(asn1::SEQUENCE)?.reader();
    let bits = reader.expect(asn1::BIT_STRING)?.bits()?;
    reader.finish()?;
    let algorithm = algorithm_reader.expect(asn1::OBJECT_IDENTIFIER)?.oid()?;
    let parameters = algorithm_reader
        .optional(asn1::OBJECT_IDENTIFIER)?
        .map(|element| element.oid())
        .transpose()?;
    Ok((algorithm, parameters, bits.octets))
}

#[cfg(test)]
mod tests;
