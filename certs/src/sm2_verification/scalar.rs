//! Numbers modulo the order of the SM2 base point, and their digits.

use super::field::{self, add_limbs, sub_limbs};

/// n, the order of G (GB/T 32918.5-2017 §2), least limb first.
const N: [u64; 4] = [
    0x53bb_f409_39d5_4123,
    0x7203_df6b_21c6_052b,
    0xffff_ffff_ffff_ffff,
    0xffff_fffe_ffff_ffff,
];

/// Digits of a non-adjacent form: one more than bits.
pub(super) const DIGITS: usize = 257;

/// A number below n, least limb first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Scalar([u64; 4]);

impl Scalar {
    /// A big-endian number in 1..n − 1; none when it is outside.
    pub(super) fn in_range(bytes: &[u8; 32]) -> Option<Self> {
        let limbs = limbs(bytes);
        let (_, is_below) = sub_limbs(&limbs, &N);
        (is_below && limbs != [0; 4]).then_some(Self(limbs))
    }

    /// Any big-endian number, modulo n.
    pub(super) fn reduced(bytes: &[u8; 32]) -> Self {
        let limbs = limbs(bytes);
        // 2²⁵⁶ is below 2n: one subtraction is enough.
        match sub_limbs(&limbs, &N) {
            (_, true) => Self(limbs),
            (less, false) => Self(less),
        }
    }

    pub(super) fn add(&self, other: &Self) -> Self {
        let (sum, carry) = add_limbs(&self.0, &other.0);
        match sub_limbs(&sum, &N) {
            (_, true) if !carry => Self(sum),
            (less, _) => Self(less),
        }
    }

    pub(super) fn sub(&self, other: &Self) -> Self {
        match sub_limbs(&self.0, &other.0) {
            (difference, false) => Self(difference),
            (difference, true) => Self(add_limbs(&difference, &N).0),
        }
    }

    pub(super) fn is_zero(&self) -> bool {
        self.0 == [0; 4]
    }

    /// The numbers below p that are this one modulo n: itself and, if it is small, n more.
    pub(super) fn coordinates(&self) -> impl Iterator<Item = [u64; 4]> {
        let (larger, carry) = add_limbs(&self.0, &N);
        let (_, is_below) = sub_limbs(&larger, &field::P);
        std::iter::once(self.0).chain((!carry && is_below).then_some(larger))
    }

    /// Digits in −2^(`width` − 1)..2^(`width` − 1), the lowest first: the number is the sum of
    /// digit·2^(`width`·place). `digits` has ⌈257/`width`⌉ places.
    pub(super) fn windows(&self, width: u32, digits: &mut [i16]) {
        let full = 1_i32 << width;
        let (mut at, mut carry) = (0, 0);
        for digit in digits {
            let value = self.bits(at, width) + carry;
            carry = i32::from(value > full / 2);
            *digit = (value - carry * full) as i16;
            at += width;
        }
    }

    /// The non-adjacent form, the lowest digit first: digits are odd and below 2^(`width` − 1) in
    /// size, or zero, and `width` − 1 zeros or more follow each that is not.
    pub(super) fn non_adjacent(&self, width: u32) -> [i8; DIGITS] {
        let full = 1_i32 << width;
        let mut digits = [0; DIGITS];
        let (mut at, mut carry) = (0, 0);
        while let Some(digit) = digits.get_mut(at as usize) {
            if self.bits(at, 1) == carry {
                at += 1;
                continue;
            }
            let value = self.bits(at, width) + carry;
            carry = i32::from(value > full / 2);
            *digit = (value - carry * full) as i8;
            at += width;
        }
        digits
    }

    /// `count` bits, 15 at most, from bit `at` up; beyond the number they are zero.
    fn bits(&self, at: u32, count: u32) -> i32 {
        let (limb, shift) = ((at / 64) as usize, at % 64);
        let low = self.0.get(limb).map_or(0, |limb| limb >> shift);
        let high = match self.0.get(limb + 1) {
            Some(next) if shift > 0 => next << (64 - shift),
            _ => 0,
        };
        ((low | high) & ((1 << count) - 1)) as i32
    }
}

/// A big-endian number as limbs, the least first.
pub(super) fn limbs(bytes: &[u8; 32]) -> [u64; 4] {
    let mut limbs = [0; 4];
    for (limb, eight) in limbs.iter_mut().zip(bytes.rchunks_exact(8)) {
        *limb = eight
            .iter()
            .fold(0, |limb, byte| (limb << 8) | u64::from(*byte));
    }
    limbs
}
