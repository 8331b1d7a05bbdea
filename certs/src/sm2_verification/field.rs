//! Arithmetic modulo the prime of the SM2 curve, on public values only.
//!
//! Some of it takes more or less time with its input: no private key and no nonce may come here.

/// p = 2²⁵⁶ − 2²²⁴ − 2⁹⁶ + 2⁶⁴ − 1 (GB/T 32918.5-2017 §2), least limb first.
pub(super) const P: [u64; 4] = [
    0xffff_ffff_ffff_ffff,
    0xffff_ffff_0000_0000,
    0xffff_ffff_ffff_ffff,
    0xffff_fffe_ffff_ffff,
];

/// 2⁵¹² mod p: takes a number into Montgomery form.
const R_SQUARED: FieldElement = FieldElement([
    0x0000_0002_0000_0003,
    0x0000_0002_ffff_ffff,
    0x0000_0001_0000_0001,
    0x0000_0004_0000_0002,
]);

/// A field element a, kept as a·2²⁵⁶ mod p (Montgomery form), least limb first.
///
/// Reduced lazily: any value below 2²⁵⁶ stands for its residue, so zero has two forms.
#[derive(Clone, Copy, Debug)]
pub(super) struct FieldElement([u64; 4]);

impl FieldElement {
    pub(super) const ZERO: Self = Self([0; 4]);
    /// 2²⁵⁶ mod p = 2²²⁴ + 2⁹⁶ − 2⁶⁴ + 1.
    pub(super) const ONE: Self = Self([1, 0xffff_ffff, 0, 0x1_0000_0000]);

    /// The element of any number below 2²⁵⁶, least limb first.
    pub(super) fn from_number(number: [u64; 4]) -> Self {
        Self(number).mul(&R_SQUARED)
    }

    /// The number below p that the element stands for, least limb first.
    pub(super) fn number(&self) -> [u64; 4] {
        let [l0, l1, l2, l3] = self.0;
        let value = reduce([l0, l1, l2, l3, 0, 0, 0, 0]);
        match sub_limbs(&value, &P) {
            (_, true) => value,
            (less, false) => less,
        }
    }

    #[inline(always)]
    pub(super) fn add(&self, other: &Self) -> Self {
        let (sum, carry) = add_limbs(&self.0, &other.0);
        Self(fold(&sum, u64::from(carry)))
    }

    #[inline(always)]
    pub(super) fn sub(&self, other: &Self) -> Self {
        let (difference, borrow) = sub_limbs(&self.0, &other.0);
        let (once, borrow) = sub_limbs(&difference, &excess(u64::from(borrow)));
        let (twice, _) = sub_limbs(&once, &excess(u64::from(borrow)));
        Self(twice)
    }

    #[inline(always)]
    pub(super) fn neg(&self) -> Self {
        Self::ZERO.sub(self)
    }

    #[inline(always)]
    pub(super) fn double(&self) -> Self {
        let (doubled, top) = double_limbs(&self.0);
        Self(fold(&doubled, top))
    }

    #[inline(always)]
    pub(super) fn triple(&self) -> Self {
        let (doubled, top) = double_limbs(&self.0);
        let (sum, carry) = add_limbs(&doubled, &self.0);
        Self(fold(&sum, top + u64::from(carry)))
    }

    /// Half of the element: an odd value is made even by adding p.
    #[inline(always)]
    pub(super) fn half(&self) -> Self {
        let odd = (self.0[0] & 1).wrapping_neg();
        let p = [P[0] & odd, P[1] & odd, P[2] & odd, P[3] & odd];
        let ([l0, l1, l2, l3], carry) = add_limbs(&self.0, &p);
        Self([
            (l0 >> 1) | (l1 << 63),
            (l1 >> 1) | (l2 << 63),
            (l2 >> 1) | (l3 << 63),
            (l3 >> 1) | (u64::from(carry) << 63),
        ])
    }

    #[inline(always)]
    pub(super) fn mul(&self, other: &Self) -> Self {
        Self(reduce(product(&self.0, &other.0)))
    }

    #[inline(always)]
    pub(super) fn square(&self) -> Self {
        Self(reduce(square(&self.0)))
    }

    /// The inverse, and zero for zero: a^(p − 2), four bits of the exponent at a time.
    pub(super) fn invert(&self) -> Self {
        let mut powers = [Self::ONE; 16];
        for at in 1..powers.len() {
            powers[at] = powers[at - 1].mul(self);
        }
        let mut result = Self::ONE;
        for limb in [P[3], P[2], P[1], P[0] - 2] {
            for shift in (0..64).step_by(4).rev() {
                for _ in 0..4 {
                    result = result.square();
                }
                result = result.mul(&powers[((limb >> shift) & 15) as usize]);
            }
        }
        result
    }

    #[inline(always)]
    pub(super) fn is_zero(&self) -> bool {
        self.0 == [0; 4] || self.0 == P
    }

    #[inline(always)]
    pub(super) fn is_equal(&self, other: &Self) -> bool {
        self.sub(other).is_zero()
    }
}

#[inline(always)]
pub(super) fn add_limbs(a: &[u64; 4], b: &[u64; 4]) -> ([u64; 4], bool) {
    let (l0, carry) = a[0].overflowing_add(b[0]);
    let (l1, carry) = a[1].carrying_add(b[1], carry);
    let (l2, carry) = a[2].carrying_add(b[2], carry);
    let (l3, carry) = a[3].carrying_add(b[3], carry);
    ([l0, l1, l2, l3], carry)
}

#[inline(always)]
pub(super) fn sub_limbs(a: &[u64; 4], b: &[u64; 4]) -> ([u64; 4], bool) {
    let (l0, borrow) = a[0].overflowing_sub(b[0]);
    let (l1, borrow) = a[1].borrowing_sub(b[1], borrow);
    let (l2, borrow) = a[2].borrowing_sub(b[2], borrow);
    let (l3, borrow) = a[3].borrowing_sub(b[3], borrow);
    ([l0, l1, l2, l3], borrow)
}

#[inline(always)]
fn double_limbs(a: &[u64; 4]) -> ([u64; 4], u64) {
    let [l0, l1, l2, l3] = *a;
    let doubled = [
        l0 << 1,
        (l1 << 1) | (l0 >> 63),
        (l2 << 1) | (l1 >> 63),
        (l3 << 1) | (l2 >> 63),
    ];
    (doubled, l3 >> 63)
}

/// `top`·(2²⁵⁶ − p) = `top`·(2²²⁴ + 2⁹⁶ − 2⁶⁴ + 1): `top`·2²⁵⁶ modulo p, for a `top` of 3 at most.
///
/// Made by arithmetic, not chosen by a branch: a branch here costs more than a whole addition.
#[inline(always)]
fn excess(top: u64) -> [u64; 4] {
    [top, (top << 32).wrapping_sub(top), 0, top << 32]
}

/// `low` + `top`·2²⁵⁶ modulo p, below 2²⁵⁶. After a second carry what is left is small.
#[inline(always)]
fn fold(low: &[u64; 4], top: u64) -> [u64; 4] {
    let (once, carry) = add_limbs(low, &excess(top));
    add_limbs(&once, &excess(u64::from(carry))).0
}

#[inline(always)]
fn product(a: &[u64; 4], b: &[u64; 4]) -> [u64; 8] {
    let mut out = [0_u64; 8];
    for i in 0..4 {
        let mut carry = 0;
        for j in 0..4 {
            (out[i + j], carry) = a[i].carrying_mul_add(b[j], out[i + j], carry);
        }
        out[i + 4] = carry;
    }
    out
}

/// The products of different limbs once, doubled, and the squares of the limbs.
#[inline(always)]
fn square(a: &[u64; 4]) -> [u64; 8] {
    let (t1, carry) = a[0].carrying_mul(a[1], 0);
    let (t2, carry) = a[0].carrying_mul(a[2], carry);
    let (t3, t4) = a[0].carrying_mul(a[3], carry);
    let (t3, carry) = a[1].carrying_mul_add(a[2], t3, 0);
    let (t4, t5) = a[1].carrying_mul_add(a[3], t4, carry);
    let (t5, t6) = a[2].carrying_mul(a[3], t5);

    let (s0, s1) = a[0].carrying_mul(a[0], 0);
    let (s2, s3) = a[1].carrying_mul(a[1], 0);
    let (s4, s5) = a[2].carrying_mul(a[2], 0);
    let (s6, s7) = a[3].carrying_mul(a[3], 0);
    let (r1, carry) = (t1 << 1).overflowing_add(s1);
    let (r2, carry) = ((t2 << 1) | (t1 >> 63)).carrying_add(s2, carry);
    let (r3, carry) = ((t3 << 1) | (t2 >> 63)).carrying_add(s3, carry);
    let (r4, carry) = ((t4 << 1) | (t3 >> 63)).carrying_add(s4, carry);
    let (r5, carry) = ((t5 << 1) | (t4 >> 63)).carrying_add(s5, carry);
    let (r6, carry) = ((t6 << 1) | (t5 >> 63)).carrying_add(s6, carry);
    let r7 = (t6 >> 63) + s7 + u64::from(carry);
    [s0, r1, r2, r3, r4, r5, r6, r7]
}

/// Montgomery reduction: `t`·2⁻²⁵⁶ modulo p, below 2²⁵⁶.
///
/// As −p⁻¹ mod 2⁶⁴ is 1, each of the four steps adds p times the lowest limb m that is left, and
/// the sparse p makes shifts of it: m·p + m = m·2⁶⁴ − m·2⁹⁶ − m·2²²⁴ + m·2²⁵⁶.
#[inline(always)]
fn reduce(mut t: [u64; 8]) -> [u64; 4] {
    let mut top = false;
    for at in 0..4 {
        let m = t[at];
        let (low, high) = (m << 32, m >> 32);
        let (a1, borrow) = m.overflowing_sub(low);
        let (a2, borrow) = 0_u64.borrowing_sub(high, borrow);
        let (a3, borrow) = 0_u64.borrowing_sub(low, borrow);
        let (a4, _) = m.borrowing_sub(high, borrow);
        let mut carry;
        (t[at + 1], carry) = t[at + 1].overflowing_add(a1);
        (t[at + 2], carry) = t[at + 2].carrying_add(a2, carry);
        (t[at + 3], carry) = t[at + 3].carrying_add(a3, carry);
        (t[at + 4], carry) = t[at + 4].carrying_add(a4, carry);
        // Carried to the end at once: a carry kept for the next step costs more.
        for limb in &mut t[at + 5..] {
            (*limb, carry) = limb.carrying_add(0, carry);
        }
        top |= carry;
    }
    // Below 2²⁵⁶ + p, so that nothing is carried once more.
    add_limbs(&[t[4], t[5], t[6], t[7]], &excess(u64::from(top))).0
}

#[cfg(test)]
mod tests;
