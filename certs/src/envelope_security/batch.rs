//! One signature for messages that are made together.
//!
//! The signing inputs of the messages are the leaves of a Merkle tree with SM3 (RFC 6962 §2.1);
//! the origin signs the root with the number of leaves. Each message carries its place, the path
//! from its leaf to the root and that signature: `place=<index>/<count>;path=<base64 of 32 bytes
//! for each level>`. So it stands by itself: it can be delayed, repeated or lost without the
//! others. \[P\]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sm3::{Digest as _, Sm3};

use crate::memory::Memory;
use crate::merkle::{
    LogHash, complete_subtrees, inclusion_path, root_of_inclusion, root_of_subtrees,
};
use crate::node_key::{KeyError, NodeKeys, NodePublicKeys};

/// Most messages under one signature: a path has at most 8 hashes, 344 characters of header.
pub const BATCH_MESSAGES_MAX: usize = 256;

/// Signatures remembered in each part of the memory: a batch is spread over the partitions of its
/// topic, and those are read one after the other.
const REMEMBERED_MAX: usize = 64;

const HASH: LogHash = LogHash::Sm3;

/// Where a message stands in its batch.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Place {
    index: u64,
    count: u64,
    /// From the leaf's sibling up.
    path: Vec<[u8; 32]>,
}

/// Signatures of batches that were checked and are good: they say nothing about whether their key
/// may still sign.
#[derive(Debug)]
pub struct CheckedBatches(Memory<[u8; 32], ()>);

impl Default for CheckedBatches {
    fn default() -> Self {
        Self(Memory::new(REMEMBERED_MAX))
    }
}

/// What follows `keyid=…;` up to `sig=`, and the signature, for each of the inputs.
pub(super) fn sign(
    inputs: &[Vec<u8>],
    keys: &NodeKeys,
    key_id: &str,
) -> Result<Vec<String>, KeyError> {
    let leaves = inputs.iter().map(|input| HASH.leaf(input)).collect();
    let levels = levels(leaves);
    let count = inputs.len() as u64;
    let node = |level, index| node(&levels, level, index);
    let subtrees = complete_subtrees(count)
        .into_iter()
        .map(|(level, index)| node(level, index))
        .collect::<Result<Vec<_>, _>>()?;
    let root = root_of_subtrees(HASH, &subtrees);
    let signature = STANDARD.encode(keys.sign_by(key_id, &signed(count, &root))?);
    (0..count)
        .map(|index| {
            let path = STANDARD.encode(inclusion_path(HASH, index, count, node)?.concat());
            let place = format!("place={index}/{count};path={path}");
            Ok(format!("keyid={key_id};{place};sig={signature}"))
        })
        .collect()
}

/// What the origin signs of a batch; no signing input of one message begins so.
fn signed(count: u64, root: &[u8; 32]) -> Vec<u8> {
    format!("hub-batch-v1\ncount:{count}\nroot:{}\n", hex::encode(root)).into_bytes()
}

/// Hashes of all complete subtrees, the leaves first.
fn levels(leaves: Vec<[u8; 32]>) -> Vec<Vec<[u8; 32]>> {
    let mut levels = vec![leaves];
    while let Some(below) = levels.last().filter(|below| below.len() > 1) {
        let (pairs, _) = below.as_chunks();
        let above = pairs
            .iter()
            .map(|[left, right]| HASH.node(left, right))
            .collect();
        levels.push(above);
    }
    levels
}

fn node(levels: &[Vec<[u8; 32]>], level: u32, index: u64) -> Result<[u8; 32], KeyError> {
    let place = usize::try_from(level).ok().zip(usize::try_from(index).ok());
    let hash = place.and_then(|(level, index)| levels.get(level)?.get(index));
    // Every subtree that a path names is there.
    hash.copied().ok_or(KeyError::Library)
}

impl Place {
    /// Reads `place=…;path=…`; nothing but what [`sign`] writes.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (place, path) = text.strip_prefix("place=")?.split_once(";path=")?;
        let (index, count) = place.split_once('/')?;
        let number = |text: &str| {
            let number: u64 = text.parse().ok()?;
            (number.to_string() == text).then_some(number)
        };
        let (index, count) = (number(index)?, number(count)?);
        if count < 2 || count > BATCH_MESSAGES_MAX as u64 || index >= count {
            return None;
        }
        let bytes = STANDARD.decode(path).ok()?;
        let (path, []) = bytes.as_chunks() else {
            return None;
        };
        Some(Self {
            index,
            count,
            path: path.to_vec(),
        })
    }
}

impl CheckedBatches {
    /// Whether `signature` is that of `keys` over a batch with `input` at this place.
    pub(super) fn check(
        &self,
        keys: &NodePublicKeys,
        place: &Place,
        input: &[u8],
        signature: &[u8],
    ) -> bool {
        let (leaf, Place { index, count, path }) = (HASH.leaf(input), place);
        let Some(root) = root_of_inclusion(HASH, &leaf, *index, *count, path) else {
            return false;
        };
        let signed = signed(*count, &root);
        // The key itself: of its name two keys could share the few bytes.
        let mut name = Sm3::new_with_prefix(keys.signing_point());
        name.update(&signed);
        name.update(signature);
        let name: [u8; 32] = name.finalize().into();
        let [first, ..] = name;
        let check = || keys.verify(&signed, signature).then_some(());
        self.0.find(first, name, check).is_some()
    }
}
