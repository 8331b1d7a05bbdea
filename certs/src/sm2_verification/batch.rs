//! Many sums of points at once, which share their inversions.

use super::field::FieldElement;
use super::point::{Affine, invert_all};

/// Sums of points: the points of one are added, then it is closed and the next begins.
#[derive(Debug)]
pub(super) struct Sums {
    points: Vec<Affine>,
    /// Where the points of each sum end.
    ends: Vec<usize>,
}

impl Sums {
    pub(super) fn with_capacity(points: usize) -> Self {
        Self {
            points: Vec::with_capacity(points),
            ends: Vec::new(),
        }
    }

    #[inline]
    pub(super) fn push(&mut self, point: Affine) {
        self.points.push(point);
    }

    /// Ends one sum.
    pub(super) fn close(&mut self) {
        self.ends.push(self.points.len());
    }

    /// Each sum in order; none for the point at infinity.
    ///
    /// Neighbours are added, level by level, and each level inverts once for all sums: 5
    /// multiplications and a squaring for one addition.
    pub(super) fn finish(mut self) -> Vec<Option<Affine>> {
        while self.has_neighbours() {
            self.add_neighbours();
        }
        let mut start = 0;
        let only = |end: &usize| {
            let sum = self.points.get(start..*end)?.first().copied();
            start = *end;
            sum
        };
        self.ends.iter().map(only).collect()
    }

    fn has_neighbours(&self) -> bool {
        let mut start = 0;
        self.ends.iter().any(|end| {
            let count = end - start;
            start = *end;
            count > 1
        })
    }

    fn add_neighbours(&mut self) {
        let mut inverses = self.denominators();
        invert_all(&mut inverses);
        let mut inverses = inverses.iter();
        let (mut start, mut written) = (0, 0);
        for end in &mut self.ends {
            let stop = std::mem::replace(end, 0);
            while start + 1 < stop {
                let Some(inverse) = inverses.next() else {
                    break;
                };
                if let Some(sum) = sum(&self.points[start], &self.points[start + 1], inverse) {
                    self.points[written] = sum;
                    written += 1;
                }
                start += 2;
            }
            if start < stop {
                self.points[written] = self.points[start];
                written += 1;
            }
            (*end, start) = (written, stop);
        }
        self.points.truncate(written);
    }

    /// The denominator of the slope of each pair of neighbours; none is zero.
    fn denominators(&self) -> Vec<FieldElement> {
        let mut denominators = Vec::with_capacity(self.points.len() / 2);
        let mut start = 0;
        for end in &self.ends {
            for pair in self.points[start..*end].chunks_exact(2) {
                let difference = pair[1].x.sub(&pair[0].x);
                denominators.push(if difference.is_zero() {
                    // Of the tangent. No y is zero, as the order of the curve is odd.
                    pair[0].y.double()
                } else {
                    difference
                });
            }
            start = *end;
        }
        denominators
    }
}

/// The sum of two points, given the inverse of the slope's denominator; none at infinity.
#[inline(always)]
fn sum(one: &Affine, other: &Affine, inverse: &FieldElement) -> Option<Affine> {
    let rise = other.y.sub(&one.y);
    let slope = if !other.x.is_equal(&one.x) {
        rise.mul(inverse)
    } else if rise.is_zero() {
        let xx = one.x.square();
        xx.sub(&FieldElement::ONE).triple().mul(inverse)
    } else {
        return None;
    };
    let x = slope.square().sub(&one.x).sub(&other.x);
    let y = slope.mul(&one.x.sub(&x)).sub(&one.y);
    Some(Affine { x, y })
}
