//! Points of the SM2 curve y² = x³ − 3x + b.

use super::field::FieldElement;

/// b of the curve (GB/T 32918.5-2017 §2), least limb first.
const B: [u64; 4] = [
    0xddbc_bd41_4d94_0e93,
    0xf397_89f5_15ab_8f92,
    0x4d5a_9e4b_cf65_09a7,
    0x28e9_fa9e_9d9f_5e34,
];
/// The base point G (GB/T 32918.5-2017 §2), least limbs first.
const BASE_X: [u64; 4] = [
    0x715a_4589_334c_74c7,
    0x8fe3_0bbf_f266_0be1,
    0x5f99_0446_6a39_c994,
    0x32c4_ae2c_1f19_8119,
];
const BASE_Y: [u64; 4] = [
    0x02df_32e5_2139_f0a0,
    0xd0a9_877c_c62a_4740,
    0x59bd_cee3_6b69_2153,
    0xbc37_36a2_f4f6_779c,
];
/// Products that grow beside one another in [`invert_all`], so that none waits for the last.
const CHAINS: usize = 4;

/// A point that is not the one at infinity, x and y.
#[derive(Clone, Copy, Debug)]
pub(super) struct Affine {
    pub(super) x: FieldElement,
    pub(super) y: FieldElement,
}

/// A point as (X, Y, Z), x = X/Z² and y = Y/Z³; all three are zero for the one at infinity.
#[derive(Clone, Copy, Debug)]
pub(super) struct Jacobian {
    pub(super) x: FieldElement,
    y: FieldElement,
    z: FieldElement,
}

/// A point that is added several times: with Z² and Z³.
#[derive(Clone, Copy, Debug)]
pub(super) struct Summand {
    point: Jacobian,
    zz: FieldElement,
    zzz: FieldElement,
}

impl Affine {
    /// The base point G.
    pub(super) fn base() -> Self {
        Self {
            x: FieldElement::from_number(BASE_X),
            y: FieldElement::from_number(BASE_Y),
        }
    }

    pub(super) fn is_on_curve(&self) -> bool {
        let Self { x, y } = self;
        let right = x.square().mul(x).sub(&x.triple());
        y.square()
            .is_equal(&right.add(&FieldElement::from_number(B)))
    }

    #[inline(always)]
    pub(super) fn neg(&self) -> Self {
        let (x, y) = (self.x, self.y.neg());
        Self { x, y }
    }
}

impl From<Affine> for Jacobian {
    fn from(Affine { x, y }: Affine) -> Self {
        let z = FieldElement::ONE;
        Self { x, y, z }
    }
}

impl Summand {
    /// Prepares a point that is not at infinity.
    pub(super) fn new(point: &Jacobian) -> Self {
        let zz = point.z.square();
        Self {
            point: *point,
            zz,
            zzz: zz.mul(&point.z),
        }
    }

    pub(super) fn neg(&self) -> Self {
        let mut opposite = *self;
        opposite.point.y = self.point.y.neg();
        opposite
    }
}

impl Jacobian {
    pub(super) const INFINITY: Self = Self {
        x: FieldElement::ZERO,
        y: FieldElement::ZERO,
        z: FieldElement::ZERO,
    };

    /// Z², none at infinity.
    pub(super) fn denominator(&self) -> Option<FieldElement> {
        (!self.z.is_zero()).then(|| self.z.square())
    }

    /// Doubles the point, in place: 4 multiplications and 4 squarings, for a = −3.
    #[inline]
    pub(super) fn double(&mut self) {
        let zz = self.z.square();
        let slope = self.x.sub(&zz).mul(&self.x.add(&zz)).triple();
        let y2 = self.y.double();
        let yy4 = y2.square();
        let s = yy4.mul(&self.x);
        self.z = self.z.mul(&y2);
        self.x = slope.square().sub(&s.double());
        self.y = slope.mul(&s.sub(&self.x)).sub(&yy4.square().half());
    }

    /// Adds a point of a table, in place: 8 multiplications and 3 squarings.
    #[inline]
    pub(super) fn add_affine(&mut self, other: &Affine) {
        let zz = self.z.square();
        let x2 = other.x.mul(&zz);
        let y2 = other.y.mul(&zz.mul(&self.z));
        let (h, r) = (x2.sub(&self.x), y2.sub(&self.y));
        // Also at infinity, where everything is zero.
        if h.is_zero() {
            return self.add_special((*other).into(), &r);
        }
        self.z = self.z.mul(&h);
        self.finish_addition(&h, &r);
    }

    /// Adds a point, in place: 11 multiplications and 3 squarings.
    #[inline]
    pub(super) fn add(&mut self, other: &Summand) {
        let zz = self.z.square();
        let (x1, x2) = (self.x.mul(&other.zz), other.point.x.mul(&zz));
        let y1 = self.y.mul(&other.zzz);
        let y2 = other.point.y.mul(&zz.mul(&self.z));
        let (h, r) = (x2.sub(&x1), y2.sub(&y1));
        if h.is_zero() {
            return self.add_special(other.point, &r);
        }
        self.z = self.z.mul(&other.point.z).mul(&h);
        (self.x, self.y) = (x1, y1);
        self.finish_addition(&h, &r);
    }

    /// X and Y of the sum, from X and Y over the common denominator and the differences.
    #[inline(always)]
    fn finish_addition(&mut self, h: &FieldElement, r: &FieldElement) {
        let hh = h.square();
        let hhh = hh.mul(h);
        let v = self.x.mul(&hh);
        self.x = r.square().sub(&hhh).sub(&v.double());
        self.y = r.mul(&v.sub(&self.x)).sub(&self.y.mul(&hhh));
    }

    /// Adds to infinity, to the same point (`r` is zero) or to the opposite one.
    #[cold]
    fn add_special(&mut self, other: Self, r: &FieldElement) {
        if self.z.is_zero() {
            *self = other;
        } else if r.is_zero() {
            self.double();
        } else {
            *self = Self::INFINITY;
        }
    }
}

/// The affine forms of points, none of which is at infinity, with one inversion.
pub(super) fn to_affine(points: &[Jacobian]) -> Vec<Affine> {
    let mut inverses: Vec<FieldElement> = points.iter().map(|point| point.z).collect();
    invert_all(&mut inverses);
    let affine = |(point, inverse): (&Jacobian, &FieldElement)| {
        let squared = inverse.square();
        Affine {
            x: point.x.mul(&squared),
            y: point.y.mul(&squared.mul(inverse)),
        }
    };
    points.iter().zip(&inverses).map(affine).collect()
}

/// Inverts elements, none of which is zero: one inversion, and three multiplications for each.
pub(super) fn invert_all(elements: &mut [FieldElement]) {
    let mut products = [FieldElement::ONE; CHAINS];
    let mut before = Vec::with_capacity(elements.len());
    for (at, element) in elements.iter().enumerate() {
        let product = &mut products[at % CHAINS];
        before.push(*product);
        *product = product.mul(element);
    }
    let [p0, p1, p2, p3] = products;
    let (p01, p23) = (p0.mul(&p1), p2.mul(&p3));
    let inverse = p01.mul(&p23).invert();
    let (i01, i23) = (inverse.mul(&p23), inverse.mul(&p01));
    let mut inverses = [i01.mul(&p1), i01.mul(&p0), i23.mul(&p3), i23.mul(&p2)];
    for ((at, element), before) in elements.iter_mut().enumerate().zip(&before).rev() {
        let inverse = &mut inverses[at % CHAINS];
        let next = inverse.mul(element);
        *element = inverse.mul(before);
        *inverse = next;
    }
}
