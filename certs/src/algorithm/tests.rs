use openssl::ec::{EcGroup, EcKey};
use openssl::nid::Nid;
use openssl::rsa::Rsa;
use openssl::sign::Signer;
use sm2::dsa::Signature;
use sm2::dsa::signature::Signer as _;

use super::*;
use crate::testing::{KeyPair, signature_der};

#[track_caller]
fn check_oid(oid: &str, digest: Option<&str>, expected: Option<&str>) {
    let digest = digest.map(ObjectIdentifier::new_unwrap);
    let found = SignatureAlgorithm::from_oids(ObjectIdentifier::new_unwrap(oid), digest, None);
    assert_eq!(
        found.ok().map(|algorithm| algorithm.to_string()).as_deref(),
        expected,
        "{oid}"
    );
}

#[test]
fn accepted_algorithms() {
    check_oid("1.2.156.10197.1.501", None, Some("SM2 with SM3"));
    check_oid("1.2.156.10197.1.301.1", None, Some("SM2 with SM3"));
    check_oid("1.2.156.10197.1.301", None, Some("SM2 with SM3"));
    check_oid("1.2.840.113549.1.1.11", None, Some("RSA with SHA-256"));
    check_oid("1.2.840.10045.4.3.3", None, Some("ECDSA with SHA-384"));
    let sha512 = Some("2.16.840.1.101.3.4.2.3");
    check_oid("1.2.840.113549.1.1.1", sha512, Some("RSA with SHA-512"));
    check_oid("1.3.101.112", sha512, Some("Ed25519 with SHA-512"));
    check_oid(
        "1.2.840.10045.2.1",
        Some("1.2.156.10197.1.401"),
        Some("SM2 with SM3"),
    );
}

#[test]
fn weak_and_unknown_algorithms() {
    check_oid("1.2.840.113549.1.1.5", None, None);
    check_oid("1.2.840.113549.1.1.4", None, None);
    check_oid("1.2.840.113549.1.1.1", None, None);
    check_oid("1.2.840.113549.1.1.1", Some("1.3.14.3.2.26"), None);
    check_oid("1.2.840.113549.1.1.1", Some("1.2.156.10197.1.401"), None);
    check_oid("1.3.101.112", Some("1.2.156.10197.1.401"), None);
}

#[test]
fn sm2_signatures_in_both_forms_and_nothing_else() {
    let pair = KeyPair::new(1);
    let key = PublicKey::from_spki(&pair.spki()).unwrap();
    let raw = pair.sign_raw(b"message");
    let der = signature_der(&raw);
    let check = |message: &[u8], signature: &[u8]| {
        verify(&key, SignatureAlgorithm::Sm2, message, signature)
    };
    assert_eq!(check(b"message", &der), Ok(SignatureForm::Standard));
    assert_eq!(check(b"message", &raw), Ok(SignatureForm::Raw));
    assert_eq!(check(b"massage", &der), Err(AlgorithmError::Invalid));
    for position in 0..der.len() {
        let mut damaged = der.clone();
        damaged[position] ^= 1;
        assert!(check(b"message", &damaged).is_err(), "byte {position}");
    }
    for edge in [[0_u8; 64], [0xff; 64]] {
        assert_eq!(check(b"message", &edge), Err(AlgorithmError::Invalid));
        assert_eq!(
            check(b"message", &signature_der(&edge)),
            Err(AlgorithmError::Invalid)
        );
    }
    let rsa = SignatureAlgorithm::Rsa(DigestAlgorithm::Sha256);
    assert_eq!(
        verify(&key, rsa, b"message", &der),
        Err(AlgorithmError::KeyMismatch(rsa))
    );
}

#[test]
fn another_user_identity_does_not_verify() {
    let pair = KeyPair::new(1);
    let key = PublicKey::from_spki(&pair.spki()).unwrap();
    let other = sm2::dsa::SigningKey::new("ALICE123@YAHOO.COM", &pair.secret()).unwrap();
    let signature: Signature = other.sign(b"message");
    let found = verify(
        &key,
        SignatureAlgorithm::Sm2,
        b"message",
        &signature.to_bytes(),
    );
    assert_eq!(found, Err(AlgorithmError::Invalid));
}

#[test]
fn rsa_and_ecdsa_through_openssl() {
    let rsa = PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap();
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
    let ecdsa = PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap();
    let digest = DigestAlgorithm::Sha256;
    for (pair, algorithm) in [
        (rsa, SignatureAlgorithm::Rsa(digest)),
        (ecdsa, SignatureAlgorithm::Ecdsa(digest)),
    ] {
        let key = PublicKey::from_spki(&pair.public_key_to_der().unwrap()).unwrap();
        let mut signer = Signer::new(MessageDigest::sha256(), &pair).unwrap();
        let signature = signer.sign_oneshot_to_vec(b"message").unwrap();
        let found = verify(&key, algorithm, b"message", &signature);
        assert_eq!(found, Ok(SignatureForm::Standard), "{algorithm}");
        let found = verify(&key, algorithm, b"massage", &signature);
        assert_eq!(found, Err(AlgorithmError::Invalid), "{algorithm}");
    }
}

#[test]
fn weak_and_foreign_keys_are_refused() {
    let small = PKey::from_rsa(Rsa::generate(1024).unwrap()).unwrap();
    let group = EcGroup::from_curve_name(Nid::SECP256K1).unwrap();
    let foreign = PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap();
    for pair in [small, foreign] {
        let spki = pair.public_key_to_der().unwrap();
        assert_eq!(PublicKey::from_spki(&spki).err(), Some(AlgorithmError::Key));
    }
    let mut off_curve = KeyPair::new(1).spki();
    *off_curve.last_mut().unwrap() ^= 1;
    assert_eq!(
        PublicKey::from_spki(&off_curve).err(),
        Some(AlgorithmError::Key)
    );
}

#[test]
fn rsa_exponents_are_odd_and_not_long() {
    let modulus = Rsa::generate(2048).unwrap().n().to_owned().unwrap();
    for (hexadecimal, is_accepted) in [
        ("03", true),
        ("010001", true),
        ("8000000000000001", true),
        ("010000000000000001", false),
        ("010000", false),
        ("01", false),
    ] {
        let exponent = openssl::bn::BigNum::from_hex_str(hexadecimal).unwrap();
        let key = Rsa::from_public_components(modulus.to_owned().unwrap(), exponent).unwrap();
        let key = PublicKey::from_spki(&key.public_key_to_der().unwrap());
        assert_eq!(key.is_ok(), is_accepted, "{hexadecimal}");
    }
}
