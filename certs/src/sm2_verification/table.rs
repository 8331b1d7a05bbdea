//! Multiples of a point that is used again and again, computed beforehand.

use super::point::{Affine, Jacobian, to_affine};
use super::scalar::Scalar;

/// Smallest width of a window in bits.
const WIDTH_MIN: u32 = 4;
/// Most windows of a table.
const WINDOWS_MAX: usize = windows_of(WIDTH_MIN);

/// j·2^(w·i)·P for every window i and every j in 1..2^(w − 1): a multiple of P is the sum of one
/// point for each window, without a doubling.
#[derive(Debug)]
pub(super) struct Table {
    width: u32,
    points: Vec<Affine>,
}

impl Table {
    /// The table of `point` with windows of `width` bits, 4 or more: 32 KiB for 4, 148 KiB for 7,
    /// 464 KiB for 9.
    pub(super) fn new(point: &Affine, width: u32) -> Self {
        let windows = windows_of(width);
        let each = 1_usize << (width - 1);
        let mut bases = Vec::with_capacity(windows);
        let mut base = Jacobian::from(*point);
        for _ in 0..windows {
            bases.push(base);
            (0..width).for_each(|_| base.double());
        }
        let mut multiples = Vec::with_capacity(windows * each);
        for base in to_affine(&bases) {
            let mut multiple = Jacobian::from(base);
            for _ in 0..each {
                multiples.push(multiple);
                multiple.add_affine(&base);
            }
        }
        Self {
            width,
            points: to_affine(&multiples),
        }
    }

    /// Calls `take` with the points, one for each window, whose sum is `scalar` times the point of
    /// the table.
    #[inline]
    pub(super) fn each_of(&self, scalar: &Scalar, mut take: impl FnMut(Affine)) {
        let mut digits = [0_i16; WINDOWS_MAX];
        let digits = &mut digits[..windows_of(self.width)];
        scalar.windows(self.width, digits);
        let each = 1_usize << (self.width - 1);
        for (digit, window) in digits.iter().zip(self.points.chunks_exact(each)) {
            let Some(place) = usize::from(digit.unsigned_abs()).checked_sub(1) else {
                continue;
            };
            let point = &window[place];
            take(if *digit < 0 { point.neg() } else { *point });
        }
    }

    pub(super) fn size_bytes(&self) -> usize {
        size_of_val(self.points.as_slice())
    }
}

/// Windows that hold a number below 2²⁵⁶ and the carry of its last digit.
const fn windows_of(width: u32) -> usize {
    257_u32.div_ceil(width) as usize
}
