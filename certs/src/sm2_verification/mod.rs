//! Verification of SM2 signatures (GB/T 32918.2-2016 §7), fast for keys that come again.
//!
//! Verification alone, on public values alone: nothing here takes constant time, so no private key
//! and no nonce may ever come here. Signing goes through the `sm2` crate.
//!
//! * `field`, `scalar`, `point`: arithmetic modulo p and n, and on the curve
//! * `table`, `known`: multiples of G and of keys that were met before
//! * `batch`: many sums of points that share their inversions
//! * `openssl`: the same answers from OpenSSL alone; `self_test`: all ways asked at a start

mod batch;
mod field;
mod known;
mod openssl;
mod point;
mod scalar;
mod self_test;
mod table;

use std::fmt;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicBool, Ordering};

use sm2::elliptic_curve::sec1::ToSec1Point as _;
use sm3::{Digest as _, Sm3};

use batch::Sums;
use field::FieldElement;
use known::Known;
use point::{Affine, Jacobian, Summand};
use scalar::{Scalar, limbs};
use table::Table;

pub use self_test::{SelfTestError, self_test};

use crate::algorithm::SM2_USER_ID;

/// Length of a raw `r‖s` signature in bytes.
pub const SIGNATURE_BYTES: usize = 64;
/// Length of an uncompressed point, `04‖x‖y`, in bytes.
const POINT_BYTES: usize = 65;
/// Window of the table of G in bits: 464 KiB, made once. Wider ones no longer fit into the cache
/// nearest to a core.
const BASE_WIDTH: u32 = 9;
/// Width of the digits for a key without a table, and how many odd multiples they need.
const DIGIT_WIDTH: u32 = 5;
const ODD_MULTIPLES: usize = 1 << (DIGIT_WIDTH - 2);
/// Points that one signature adds up at most: room for the narrowest windows of a key.
const POINTS_MAX: usize = 29 + 65;

/// Multiples of G.
static BASE: LazyLock<Table> = LazyLock::new(|| Table::new(&Affine::base(), BASE_WIDTH));
/// Whether OpenSSL alone is asked.
static OPENSSL_ALONE: AtomicBool = AtomicBool::new(false);

/// An SM2 public key: a point of the curve, with the digest of its user's identity.
#[derive(Clone)]
pub struct Sm2PublicKey {
    /// x ‖ y, big-endian.
    coordinates: [u8; 64],
    point: Affine,
    /// Z of GB/T 32918.2-2016 §5.5.
    identity: [u8; 32],
}

/// One signature of many that are verified together.
#[derive(Clone, Copy, Debug)]
pub struct Signed<'a> {
    /// Whose signature it should be.
    pub key: &'a Sm2PublicKey,
    /// e = SM3(Z ‖ message), of [`Sm2PublicKey::digest`].
    pub digest: &'a [u8; 32],
    /// `r‖s`, big-endian.
    pub signature: &'a [u8; SIGNATURE_BYTES],
}

/// What has to hold: s·G + t·P is not at infinity, and its x is `x` modulo n.
struct Claim {
    s: Scalar,
    t: Scalar,
    x: Scalar,
}

/// Lets OpenSSL alone verify SM2 signatures in this process, or the code of this module again.
///
/// For operators who want no other code on this path; a signature then takes twenty times as long.
pub fn use_openssl_alone(alone: bool) {
    OPENSSL_ALONE.store(alone, Ordering::Relaxed);
}

/// Whether each signature holds, in order. The answers are those of
/// [`Sm2PublicKey::verify_digest`], in less time for keys that come again.
#[must_use]
pub fn verify_batch(batch: &[Signed<'_>]) -> Vec<bool> {
    if OPENSSL_ALONE.load(Ordering::Relaxed) {
        let verify = |one: &Signed<'_>| one.key.verify_digest(one.digest, one.signature);
        return batch.iter().map(verify).collect();
    }
    let known: Vec<_> = batch.iter().map(|one| known::met(one.key)).collect();
    let mut sums = Sums::with_capacity(batch.len() * POINTS_MAX);
    let mut claims = Vec::with_capacity(batch.len());
    for (one, known) in batch.iter().zip(&known) {
        let claim = Claim::of(one.digest, one.signature);
        if let (Some(claim), Some(table)) = (&claim, known.table()) {
            BASE.each_of(&claim.s, |point| sums.push(point));
            table.each_of(&claim.t, |point| sums.push(point));
        }
        sums.close();
        claims.push(claim);
    }
    let answer = |((claim, sum), (one, known)): ((Option<Claim>, Option<Affine>), _)| {
        let (one, known): (&Signed<'_>, &Known) = (one, known);
        claim.is_some_and(|claim| match known.table() {
            Some(_) => sum.is_some_and(|sum| claim.is_met_by_affine(&sum)),
            None => claim.is_met_by(&claim.sum_for_any(&one.key.point)),
        })
    };
    let sums = claims.into_iter().zip(sums.finish());
    let keys = batch.iter().zip(known.iter().map(AsRef::as_ref));
    sums.zip(keys).map(answer).collect()
}

impl Sm2PublicKey {
    /// Reads a point (SEC 1), compressed or not; none when it is not on the curve, or is the point
    /// at infinity, or a coordinate is p or more.
    #[must_use]
    pub fn from_sec1(point: &[u8]) -> Option<Self> {
        if point.len() == POINT_BYTES {
            let coordinates = point.strip_prefix(&[4])?.try_into().ok()?;
            return Self::from_coordinates(coordinates);
        }
        let point = sm2::PublicKey::from_sec1_bytes(point).ok()?;
        let point = point.to_sec1_point(false);
        Self::from_coordinates(point.as_bytes().strip_prefix(&[4])?.try_into().ok()?)
    }

    fn from_coordinates(coordinates: &[u8; 64]) -> Option<Self> {
        let coordinate = |bytes: &[u8]| {
            let number = limbs(bytes.try_into().ok()?);
            let (_, is_below) = field::sub_limbs(&number, &field::P);
            is_below.then(|| FieldElement::from_number(number))
        };
        let (x, y) = coordinates.split_at(32);
        let point = Affine {
            x: coordinate(x)?,
            y: coordinate(y)?,
        };
        point.is_on_curve().then(|| Self {
            coordinates: *coordinates,
            point,
            identity: identity_of(coordinates),
        })
    }

    /// x ‖ y, big-endian.
    #[must_use]
    pub const fn coordinates(&self) -> &[u8; 64] {
        &self.coordinates
    }

    /// e = SM3(Z ‖ `message`), which is what is signed (GB/T 32918.2-2016 §7.1 B3, B4).
    #[must_use]
    pub fn digest(&self, message: &[u8]) -> [u8; 32] {
        self.hasher().chain_update(message).finalize().into()
    }

    /// SM3 that was given Z, and is to be given the message.
    pub(crate) fn hasher(&self) -> Sm3 {
        Sm3::new_with_prefix(self.identity)
    }

    /// Whether `signature`, `r‖s`, is this key's over `message`.
    #[must_use]
    pub fn verify(&self, message: &[u8], signature: &[u8; SIGNATURE_BYTES]) -> bool {
        self.verify_digest(&self.digest(message), signature)
    }

    /// Whether `signature`, `r‖s`, is this key's over the message with this [`Self::digest`].
    #[must_use]
    pub fn verify_digest(&self, digest: &[u8; 32], signature: &[u8; SIGNATURE_BYTES]) -> bool {
        if OPENSSL_ALONE.load(Ordering::Relaxed) {
            return openssl::verify(self, digest, signature);
        }
        let Some(claim) = Claim::of(digest, signature) else {
            return false;
        };
        let known = known::met(self);
        claim.is_met_by(&match known.table() {
            Some(table) => claim.sum_for_known(table),
            None => claim.sum_for_any(&self.point),
        })
    }
}

impl fmt::Debug for Sm2PublicKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Sm2PublicKey({})", hex::encode(self.coordinates))
    }
}

impl PartialEq for Sm2PublicKey {
    fn eq(&self, other: &Self) -> bool {
        self.coordinates == other.coordinates
    }
}

impl Eq for Sm2PublicKey {}

impl Claim {
    /// Steps B1, B2 and B5 of GB/T 32918.2-2016 §7.1; none when r, s or t is out of range.
    fn of(digest: &[u8; 32], signature: &[u8; SIGNATURE_BYTES]) -> Option<Self> {
        let (r, s) = signature.split_at(32);
        let r = Scalar::in_range(r.try_into().ok()?)?;
        let s = Scalar::in_range(s.try_into().ok()?)?;
        let t = r.add(&s);
        let x = r.sub(&Scalar::reduced(digest));
        (!t.is_zero()).then_some(Self { s, t, x })
    }

    /// s·G + t·P by tables of G and P.
    fn sum_for_known(&self, table: &Table) -> Jacobian {
        // All points are fetched before the first is added: memory is waited for once.
        let mut points = Vec::with_capacity(POINTS_MAX);
        BASE.each_of(&self.s, |point| points.push(point));
        table.each_of(&self.t, |point| points.push(point));
        let mut sum = Jacobian::INFINITY;
        points.iter().for_each(|point| sum.add_affine(point));
        sum
    }

    /// s·G + t·P without a table of P: 256 doublings.
    fn sum_for_any(&self, point: &Affine) -> Jacobian {
        let mut multiple = Jacobian::from(*point);
        let mut twice = multiple;
        twice.double();
        let twice = Summand::new(&twice);
        let odd: [Summand; ODD_MULTIPLES] = std::array::from_fn(|_| {
            let summand = Summand::new(&multiple);
            multiple.add(&twice);
            summand
        });
        let mut sum = Jacobian::INFINITY;
        for digit in self.t.non_adjacent(DIGIT_WIDTH).iter().rev() {
            sum.double();
            let summand = &odd[usize::from(digit.unsigned_abs() / 2)];
            match digit.signum() {
                1 => sum.add(summand),
                -1 => sum.add(&summand.neg()),
                _ => {}
            }
        }
        BASE.each_of(&self.s, |point| sum.add_affine(&point));
        sum
    }

    /// Steps B6 and B7: whether x of the sum is what it has to be, compared without an inversion.
    fn is_met_by(&self, sum: &Jacobian) -> bool {
        sum.denominator().is_some_and(|denominator| {
            self.x.coordinates().any(|x| {
                let x = FieldElement::from_number(x);
                sum.x.is_equal(&x.mul(&denominator))
            })
        })
    }

    fn is_met_by_affine(&self, sum: &Affine) -> bool {
        let number = sum.x.number();
        self.x.coordinates().any(|x| x == number)
    }
}

/// Z: SM3 of the identity, the curve and the key (GB/T 32918.2-2016 §5.5).
fn identity_of(coordinates: &[u8; 64]) -> [u8; 32] {
    /// a, b, x and y of G (GB/T 32918.5-2017 §2).
    const CURVE: &str = "fffffffeffffffffffffffffffffffffffffffff00000000fffffffffffffffc\
                         28e9fa9e9d9f5e344d5a9e4bcf6509a7f39789f515ab8f92ddbcbd414d940e93\
                         32c4ae2c1f1981195f9904466a39c9948fe30bbff2660be1715a4589334c74c7\
                         bc3736a2f4f6779c59bdcee36b692153d0a9877cc62a474002df32e52139f0a0";
    static BEFORE_THE_KEY: LazyLock<Sm3> = LazyLock::new(|| {
        let bits = (SM2_USER_ID.len() * 8) as u16;
        Sm3::new()
            .chain_update(bits.to_be_bytes())
            .chain_update(SM2_USER_ID)
            .chain_update(hex::decode(CURVE).unwrap_or_default())
    });
    BEFORE_THE_KEY
        .clone()
        .chain_update(coordinates)
        .finalize()
        .into()
}

#[cfg(test)]
mod tests;
