//! Damage that knows nothing of the format.

/// A small generator of repeatable damage (xorshift64*).
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(super) fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let high = self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33;
        usize::try_from(high).unwrap() % bound.max(1)
    }

    /// Some bytes in a row, up to `most` of them.
    fn range(&mut self, length: usize, most: usize) -> std::ops::Range<usize> {
        let start = self.below(length);
        start..(start + 1 + self.below(most)).min(length)
    }
}

/// Mostly flipped bits, now and then a run of one value, or a cut.
pub(crate) fn mixed(random: &mut Random, original: &[u8]) -> Vec<u8> {
    let damage = match random.below(8) {
        0 => cut,
        1 => fill,
        _ => flips,
    };
    damage(random, original, &[]).unwrap()
}

/// A few flipped bits.
pub(super) fn flips(random: &mut Random, original: &[u8], _: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = original.to_vec();
    for _ in 0..=random.below(4) {
        let at = random.below(bytes.len());
        *bytes.get_mut(at)? ^= 1 << random.below(8);
    }
    Some(bytes)
}

/// A run of one value.
pub(super) fn fill(random: &mut Random, original: &[u8], _: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = original.to_vec();
    let range = random.range(bytes.len(), 64);
    let value = u8::try_from(random.below(256)).ok()?;
    bytes.get_mut(range)?.fill(value);
    Some(bytes)
}

/// The end is missing.
pub(super) fn cut(random: &mut Random, original: &[u8], _: &[u8]) -> Option<Vec<u8>> {
    let end = random.below(original.len());
    original.get(..end).map(<[u8]>::to_vec)
}

/// Bytes are missing in the middle.
pub(super) fn remove(random: &mut Random, original: &[u8], _: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = original.to_vec();
    bytes.drain(random.range(original.len(), 512));
    Some(bytes)
}

/// Bytes stand twice, the second time somewhere else.
pub(super) fn duplicate(random: &mut Random, original: &[u8], _: &[u8]) -> Option<Vec<u8>> {
    let part = original.get(random.range(original.len(), 512))?.to_vec();
    let (before, after) = original.split_at(random.below(original.len()));
    Some([before, &part, after].concat())
}

/// Two ranges of one length change their places.
pub(super) fn swap(random: &mut Random, original: &[u8], _: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = original.to_vec();
    let length = 1 + random.below(64);
    let (first, second) = (random.below(bytes.len()), random.below(bytes.len()));
    for offset in 0..length {
        let (one, other) = (first + offset, second + offset);
        if one.max(other) < bytes.len() {
            bytes.swap(one, other);
        }
    }
    Some(bytes)
}

/// The beginning of one file and the end of another.
pub(super) fn splice(random: &mut Random, original: &[u8], other: &[u8]) -> Option<Vec<u8>> {
    let head = original.get(..random.below(original.len() + 1))?;
    let tail = other.get(random.below(other.len() + 1)..)?;
    Some([head, tail].concat())
}
