//! SM3 (GB/T 32905-2016) of many messages at once: one message in each lane of a wide register.
//!
//! One message cannot be hashed faster than its chain of rounds allows; eight that do not depend
//! on one another can share each instruction. The code is plain arithmetic on arrays of eight
//! numbers, which the compiler turns into the registers that a processor has; which of them it
//! has is asked at run time, and calling code that was compiled for more than the least processor
//! is what `unsafe` stands for here: the only place in License Hub. A processor without such
//! registers hashes one message after the other, through the `sm3` crate.

use std::cmp::Reverse;
use std::sync::LazyLock;

use super::sm3;

/// Messages that are hashed at once.
const LANES: usize = 8;
/// Bytes of one block (§5.1).
const BLOCK_BYTES: usize = 64;
/// What a message has at least behind it in its last block: one bit and its length (§5.2).
const PADDING_BYTES: usize = 9;
/// Initial value (§4.1).
const START: [u32; 8] = [
    0x7380_166f,
    0x4914_b2b9,
    0x1724_42d7,
    0xda8a_0600,
    0xa96f_30bc,
    0x1631_38aa,
    0xe38d_ee4d,
    0xb0fb_0e4e,
];
/// Constants of the rounds before the sixteenth and after (§4.2).
const EARLY: u32 = 0x79cc_4519;
const LATE: u32 = 0x7a87_9d8a;

/// One number of each lane.
type Words = [u32; LANES];
/// A chaining value of each lane.
type State = [Words; 8];
/// A block of each lane.
type Blocks = [[u8; BLOCK_BYTES]; LANES];

/// How this processor compresses a block of each lane.
struct Kernel {
    run: unsafe fn(&mut State, &Blocks),
    /// What that costs, in blocks that are hashed alone meanwhile.
    cost_blocks: usize,
}

/// None where lanes are no faster than one message after the other.
static KERNEL: LazyLock<Option<Kernel>> = LazyLock::new(kernel);

/// SM3 of each message, in their order.
#[must_use]
pub fn sm3_of_each(messages: &[&[u8]]) -> Vec<[u8; 32]> {
    let mut digests = vec![[0; 32]; messages.len()];
    // Messages of like length share lanes: each group takes as long as its longest.
    let mut order: Vec<usize> = (0..messages.len()).collect();
    order.sort_by_key(|index| Reverse(messages[*index].len()));
    for group in order.chunks(LANES) {
        let blocks = |index: &usize| (messages[*index].len() + PADDING_BYTES).div_ceil(BLOCK_BYTES);
        let (alone, longest) = (
            group.iter().map(blocks).sum::<usize>(),
            group.first().map_or(0, blocks),
        );
        match &*KERNEL {
            Some(kernel) if longest * kernel.cost_blocks < alone => {
                in_lanes(kernel, messages, group, longest, &mut digests);
            }
            _ => group
                .iter()
                .for_each(|index| digests[*index] = sm3(messages[*index])),
        }
    }
    digests
}

/// Hashes the messages of a `group`, of which the longest has `longest` blocks.
#[expect(
    unsafe_code,
    reason = "the one call of code for processors that have what it was compiled for"
)]
fn in_lanes(
    kernel: &Kernel,
    messages: &[&[u8]],
    group: &[usize],
    longest: usize,
    digests: &mut [[u8; 32]],
) {
    let mut state: State = START.map(|word| [word; LANES]);
    let mut blocks: Blocks = [[0; BLOCK_BYTES]; LANES];
    for position in 0..longest {
        for (block, index) in blocks.iter_mut().zip(group) {
            fill(block, messages[*index], position);
        }
        // SAFETY: `kernel` gave out this function after it had asked the processor for every
        // feature that the function names; it has no other requirement.
        unsafe { (kernel.run)(&mut state, &blocks) };
        for (lane, index) in group.iter().enumerate() {
            let message = messages[*index];
            if (message.len() + PADDING_BYTES).div_ceil(BLOCK_BYTES) == position + 1 {
                digests[*index] = digest_of(&state, lane);
            }
        }
    }
}

/// Block number `position` of a padded message (§5.2); whatever for one that ended before.
fn fill(block: &mut [u8; BLOCK_BYTES], message: &[u8], position: usize) {
    let start = position * BLOCK_BYTES;
    let rest = message.get(start..).unwrap_or_default();
    if let Some(whole) = rest.first_chunk() {
        *block = *whole;
        return;
    }
    *block = [0; BLOCK_BYTES];
    block[..rest.len()].copy_from_slice(rest);
    // The bit follows the last byte, which may have filled the block before this one.
    if start <= message.len() {
        block[rest.len()] = 0x80;
    }
    if rest.len() + PADDING_BYTES <= BLOCK_BYTES {
        let bits = message.len() as u64 * 8;
        block[BLOCK_BYTES - 8..].copy_from_slice(&bits.to_be_bytes());
    }
}

fn digest_of(state: &State, lane: usize) -> [u8; 32] {
    let mut digest = [0; 32];
    for (bytes, words) in digest.chunks_exact_mut(4).zip(state) {
        bytes.copy_from_slice(&words[lane].to_be_bytes());
    }
    digest
}

#[cfg(target_arch = "x86_64")]
fn kernel() -> Option<Kernel> {
    #[target_feature(enable = "avx512f,avx512bw,avx512vl")]
    fn with_avx512(state: &mut State, blocks: &Blocks) {
        compress(state, blocks);
    }
    #[target_feature(enable = "avx2")]
    fn with_avx2(state: &mut State, blocks: &Blocks) {
        compress(state, blocks);
    }
    let has_avx512 = is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512vl");
    if has_avx512 {
        return Some(Kernel {
            run: with_avx512,
            cost_blocks: 2,
        });
    }
    is_x86_feature_detected!("avx2").then_some(Kernel {
        run: with_avx2,
        cost_blocks: 3,
    })
}

#[cfg(not(target_arch = "x86_64"))]
fn kernel() -> Option<Kernel> {
    None
}

/// The compression function on a block of each lane (§5.3).
#[inline(always)]
fn compress(state: &mut State, blocks: &Blocks) {
    let words = expanded(blocks);
    let mut registers = *state;
    for (round, pair) in words.windows(5).take(16).enumerate() {
        let [a, b, c, _, e, f, g, _] = registers;
        let (ff, gg) = (xor(xor(a, b), c), xor(xor(e, f), g));
        turn(
            &mut registers,
            constant(EARLY, round),
            ff,
            gg,
            (pair[0], pair[4]),
        );
    }
    for (round, pair) in words.windows(5).enumerate().skip(16) {
        let [a, b, c, _, e, f, g, _] = registers;
        let ff = or(and(a, b), and(c, or(a, b)));
        let gg = or(and(e, f), and_not(g, e));
        turn(
            &mut registers,
            constant(LATE, round),
            ff,
            gg,
            (pair[0], pair[4]),
        );
    }
    for (word, register) in state.iter_mut().zip(registers) {
        *word = xor(*word, register);
    }
}

/// Message expansion (§5.3.2): W0 to W67, from which W'j is Wj ⊕ Wj+4.
#[inline(always)]
fn expanded(blocks: &Blocks) -> [Words; 68] {
    let mut words = [[0; LANES]; 68];
    for (lane, block) in blocks.iter().enumerate() {
        for (word, bytes) in words.iter_mut().zip(block.as_chunks::<4>().0) {
            word[lane] = u32::from_be_bytes(*bytes);
        }
    }
    for j in 16..68 {
        let mixed = xor(xor(words[j - 16], words[j - 9]), rotated(words[j - 3], 15));
        let permuted = xor(mixed, xor(rotated(mixed, 15), rotated(mixed, 23)));
        words[j] = xor(permuted, xor(rotated(words[j - 13], 7), words[j - 6]));
    }
    words
}

/// One round (§5.3.3), with its functions FF and GG of the registers and its two words.
#[inline(always)]
fn turn(registers: &mut State, constant: Words, ff: Words, gg: Words, pair: (Words, Words)) {
    let [a, b, c, d, e, f, g, h] = *registers;
    let a12 = rotated(a, 12);
    let ss1 = rotated(add(add(a12, e), constant), 7);
    let ss2 = xor(ss1, a12);
    let tt1 = add(add(ff, d), add(ss2, xor(pair.0, pair.1)));
    let tt2 = add(add(gg, h), add(ss1, pair.0));
    let permuted = xor(tt2, xor(rotated(tt2, 9), rotated(tt2, 17)));
    *registers = [tt1, a, rotated(b, 9), c, permuted, e, rotated(f, 19), g];
}

#[inline(always)]
fn constant(of: u32, round: usize) -> Words {
    [of.rotate_left(round as u32 % 32); LANES]
}

#[inline(always)]
fn rotated(one: Words, bits: u32) -> Words {
    one.map(|word| word.rotate_left(bits))
}

#[inline(always)]
fn add(one: Words, other: Words) -> Words {
    std::array::from_fn(|lane| one[lane].wrapping_add(other[lane]))
}

#[inline(always)]
fn xor(one: Words, other: Words) -> Words {
    std::array::from_fn(|lane| one[lane] ^ other[lane])
}

#[inline(always)]
fn and(one: Words, other: Words) -> Words {
    std::array::from_fn(|lane| one[lane] & other[lane])
}

#[inline(always)]
fn and_not(one: Words, other: Words) -> Words {
    std::array::from_fn(|lane| one[lane] & !other[lane])
}

#[inline(always)]
fn or(one: Words, other: Words) -> Words {
    std::array::from_fn(|lane| one[lane] | other[lane])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whatever the processor has, and the plain form beside it.
    fn kernels() -> Vec<Kernel> {
        let plain = Kernel {
            run: |state, blocks| compress(state, blocks),
            cost_blocks: 0,
        };
        [Some(plain), kernel()].into_iter().flatten().collect()
    }

    #[test]
    fn lanes_agree_with_the_sm3_crate_at_every_length() {
        let bytes: Vec<u8> = (0..1_000_u32)
            .map(|number| ((number * 7) >> 3) as u8)
            .collect();
        for start in (0..320).step_by(LANES) {
            let messages: Vec<&[u8]> = (start..start + LANES)
                .map(|length| &bytes[length % 5..length % 5 + length])
                .collect();
            let group: Vec<usize> = (0..LANES).collect();
            let longest = (start + LANES - 1 + PADDING_BYTES).div_ceil(BLOCK_BYTES);
            for kernel in kernels() {
                let mut digests = vec![[0; 32]; LANES];
                in_lanes(&kernel, &messages, &group, longest, &mut digests);
                let alone: Vec<[u8; 32]> = messages.iter().map(|one| sm3(one)).collect();
                assert_eq!(digests, alone, "lengths from {start}");
            }
        }
    }

    #[test]
    fn any_number_of_messages_of_any_lengths() {
        let bytes = vec![0xa5; 70_000];
        for lengths in [
            vec![],
            vec![0],
            vec![70_000, 3],
            vec![1; 9],
            (0..40).map(|number| number * 1_733).collect(),
            vec![4_096; 17],
        ] {
            let messages: Vec<&[u8]> = lengths.iter().map(|length| &bytes[..*length]).collect();
            let alone: Vec<[u8; 32]> = messages.iter().map(|one| sm3(one)).collect();
            assert_eq!(sm3_of_each(&messages), alone, "{lengths:?}");
        }
    }
}
