//! What one SM2 verification costs beside OpenSSL's of the same signature, and beside OpenSSL's of
//! a P-256 signature: a key that comes again, a key that was never met, many at once.

#![expect(clippy::expect_used, reason = "what cannot be set up ends the bench")]

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use benches::{Comparison, Rate, compare, repeat};
use certs::node_key::NodeKeys;
use certs::sm2_verification::{
    SIGNATURE_BYTES, Signed, Sm2PublicKey, use_openssl_alone, verify_batch,
};
use openssl::ec::{EcGroup, EcKey};
use openssl::ecdsa::EcdsaSig;
use openssl::nid::Nid;
use openssl::pkey::Private;

/// Time of one round.
const ROUND: Duration = Duration::from_millis(500);
/// Uses after which a key has its widest table.
const TIMES_UNTIL_KNOWN: usize = 300;
/// Keys of one round that were never met before.
const STRANGERS: usize = 400;
/// Signatures that are verified together.
const BATCH: usize = 64;

const MESSAGE: &[u8] = b"what was signed";

fn main() {
    println!("one thread");
    let signature = Signature::new();
    for _ in 0..TIMES_UNTIL_KNOWN {
        signature.verify();
    }
    let prime = PrimeCurve::new();
    let prime = &mut || repeat(ROUND, || prime.verify());
    compare(
        comparison("SM2, a key that comes again", "5x"),
        ("own", &mut || repeat(ROUND, || signature.verify())),
        ("OpenSSL P-256", prime),
    );
    compare(
        comparison("SM2, a key that was never met", "1.2x"),
        ("own", &mut strangers),
        ("OpenSSL P-256", prime),
    );
    let of_one_key = signature.others_of_its_key();
    compare(
        comparison("SM2, 64 at once, of one key that comes again", "8x"),
        ("own", &mut || batches(&of_one_key)),
        ("OpenSSL P-256", prime),
    );
    compare(
        comparison("SM2, a key that comes again", "20x"),
        ("own", &mut || repeat(ROUND, || signature.verify())),
        ("OpenSSL SM2", &mut || {
            use_openssl_alone(true);
            let rate = repeat(ROUND, || signature.verify());
            use_openssl_alone(false);
            rate
        }),
    );
}

fn comparison<'a>(title: &'a str, goal: &'a str) -> Comparison<'a> {
    Comparison {
        title,
        goal,
        unit: "/s",
    }
}

/// One verification by each of many new keys, whose making is not measured.
fn strangers() -> Rate {
    let signatures: Vec<Signature> = (0..STRANGERS).map(|_| Signature::new()).collect();
    let started = Instant::now();
    signatures.iter().for_each(Signature::verify);
    Rate {
        operations: STRANGERS as u64,
        time: started.elapsed(),
    }
}

fn batches(signatures: &[Signature]) -> Rate {
    let batch: Vec<_> = signatures.iter().map(Signature::signed).collect();
    let rate = repeat(ROUND, || {
        assert!(black_box(verify_batch(&batch)).iter().all(|holds| *holds));
    });
    Rate {
        operations: rate.operations * BATCH as u64,
        ..rate
    }
}

struct Signature {
    keys: Arc<NodeKeys>,
    key: Sm2PublicKey,
    digest: [u8; 32],
    value: [u8; SIGNATURE_BYTES],
}

impl Signature {
    fn new() -> Self {
        Self::of(Arc::new(NodeKeys::generate().expect("keys")), MESSAGE)
    }

    fn of(keys: Arc<NodeKeys>, message: &[u8]) -> Self {
        let value = keys.sign(message).expect("signed");
        let value = sm2::dsa::Signature::from_der(&value).expect("r and s");
        let key = Sm2PublicKey::from_sec1(&keys.public().signing_point()).expect("a point");
        Self {
            digest: key.digest(message),
            value: value.to_bytes().into(),
            key,
            keys,
        }
    }

    /// A batch of different messages.
    fn others_of_its_key(&self) -> Vec<Self> {
        let message = |number: usize| number.to_be_bytes();
        let sign = |number| Self::of(Arc::clone(&self.keys), &message(number));
        (0..BATCH).map(sign).collect()
    }

    fn verify(&self) {
        assert!(black_box(self.key.verify_digest(&self.digest, &self.value)));
    }

    const fn signed(&self) -> Signed<'_> {
        Signed {
            key: &self.key,
            digest: &self.digest,
            signature: &self.value,
        }
    }
}

/// A P-256 key of OpenSSL with a signature, its key read beforehand.
struct PrimeCurve {
    key: EcKey<Private>,
    digest: [u8; 32],
    value: EcdsaSig,
}

impl PrimeCurve {
    fn new() -> Self {
        let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).expect("the curve");
        let key = EcKey::generate(&group).expect("a key");
        let digest = certs::digest::sm3(MESSAGE);
        let value = EcdsaSig::sign(&digest, &key).expect("signed");
        Self { key, digest, value }
    }

    fn verify(&self) {
        let holds = self.value.verify(&self.digest, &self.key);
        assert!(black_box(holds.expect("verified")));
    }
}
