//! Append-only Merkle tree of the provenance log: the tree and the proofs of RFC 6962, with the
//! hash chosen when the log is created.
//!
//! A log stores the hashes of its *complete subtrees*, named by level and index: level 0 holds the
//! leaf hashes, and the node (level, index) covers the 2^level leaves from index · 2^level on.
//! Such a node never changes once its leaves exist, so every proof and every root can be made from
//! stored nodes. [`inclusion_nodes`] and [`consistency_nodes`] say which, without fetching any.

use sha2::Sha256;
use sm3::{Digest, Sm3};

/// Hash of one log, chosen at its creation and never changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LogHash {
    /// SM3, GB/T 32905-2016.
    Sm3,
    /// SHA-256, for readers of other transparency logs.
    Sha256,
}

/// One element of a proof: the complete subtrees whose hashes fold into it, left to right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeNeed {
    /// Level and index of each subtree, largest first.
    pub subtrees: Vec<(u32, u64)>,
}

/// Before a leaf's bytes, RFC 6962 §2.1: a leaf can never be taken for an inner node.
const LEAF_PREFIX: u8 = 0;
/// Before the two hashes of an inner node, RFC 6962 §2.1.
const NODE_PREFIX: u8 = 1;

impl LogHash {
    /// Name in configuration and stores.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sm3 => "sm3",
            Self::Sha256 => "sha256",
        }
    }

    /// Reads the name of a hash.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Sm3, Self::Sha256]
            .into_iter()
            .find(|hash| hash.as_str() == name)
    }

    /// Hash of a leaf, RFC 6962 §2.1.
    #[must_use]
    pub fn leaf(self, bytes: &[u8]) -> [u8; 32] {
        self.digest(&[&[LEAF_PREFIX], bytes])
    }

    /// Hash of an inner node, RFC 6962 §2.1.
    #[must_use]
    pub fn node(self, left: &[u8; 32], right: &[u8; 32]) -> [u8; 32] {
        self.digest(&[&[NODE_PREFIX], left, right])
    }

    /// Root of the tree without leaves, RFC 6962 §2.1.
    #[must_use]
    pub fn empty(self) -> [u8; 32] {
        self.digest(&[])
    }

    fn digest(self, parts: &[&[u8]]) -> [u8; 32] {
        match self {
            Self::Sm3 => digest_parts::<Sm3>(parts),
            Self::Sha256 => digest_parts::<Sha256>(parts),
        }
    }
}

/// Root over the complete subtrees of a tree, given left to right, largest first.
#[must_use]
pub fn root_of_subtrees(hash: LogHash, subtrees: &[[u8; 32]]) -> [u8; 32] {
    subtrees
        .iter()
        .rev()
        .copied()
        .reduce(|right, left| hash.node(&left, &right))
        .unwrap_or_else(|| hash.empty())
}

/// Level and index of the complete subtrees of a tree of `size` leaves, left to right.
#[must_use]
pub fn complete_subtrees(size: u64) -> Vec<(u32, u64)> {
    range_subtrees(0, size)
}

/// What an inclusion path needs from the store, from the leaf's sibling up; empty when `index`
/// is not below `size`.
#[must_use]
pub fn inclusion_nodes(index: u64, size: u64) -> Vec<NodeNeed> {
    let mut needs = Vec::new();
    if index >= size {
        return needs;
    }
    let (mut start, mut end) = (0, size);
    while end - start > 1 {
        let middle = start + largest_power_below(end - start);
        if index < middle {
            needs.push(NodeNeed::range(middle, end));
            end = middle;
        } else {
            needs.push(NodeNeed::range(start, middle));
            start = middle;
        }
    }
    needs.reverse();
    needs
}

/// What a consistency path from `old_size` to `new_size` leaves needs from the store; empty when
/// there is nothing to prove (`old_size` is 0, or not below `new_size`).
#[must_use]
pub fn consistency_nodes(old_size: u64, new_size: u64) -> Vec<NodeNeed> {
    let mut needs = Vec::new();
    if old_size == 0 || old_size >= new_size {
        return needs;
    }
    let (mut start, mut end) = (0, new_size);
    // Stops at the last subtree of the old tree: SUBPROOF of RFC 6962 §2.1.2.
    while end != old_size {
        let middle = start + largest_power_below(end - start);
        if old_size <= middle {
            needs.push(NodeNeed::range(middle, end));
            end = middle;
        } else {
            needs.push(NodeNeed::range(start, middle));
            start = middle;
        }
    }
    // An old tree that is one complete subtree is the verifier's own root: it is not sent.
    if start != 0 {
        needs.push(NodeNeed::range(start, end));
    }
    needs.reverse();
    needs
}

/// Inclusion path of a leaf, RFC 6962 §2.1.1; `node` gives the hash of a complete subtree.
///
/// # Errors
/// What `node` returns.
pub fn inclusion_path<E>(
    hash: LogHash,
    index: u64,
    size: u64,
    node: impl FnMut(u32, u64) -> Result<[u8; 32], E>,
) -> Result<Vec<[u8; 32]>, E> {
    fold(hash, &inclusion_nodes(index, size), node)
}

/// Consistency path between two sizes, RFC 6962 §2.1.2; `node` gives the hash of a complete
/// subtree.
///
/// # Errors
/// What `node` returns.
pub fn consistency_path<E>(
    hash: LogHash,
    old_size: u64,
    new_size: u64,
    node: impl FnMut(u32, u64) -> Result<[u8; 32], E>,
) -> Result<Vec<[u8; 32]>, E> {
    fold(hash, &consistency_nodes(old_size, new_size), node)
}

/// Whether `path` shows that the leaf at `index` is in the tree of `size` leaves with `root`,
/// RFC 9162 §2.1.3.2.
#[must_use]
pub fn verify_inclusion(
    hash: LogHash,
    leaf_hash: &[u8; 32],
    index: u64,
    size: u64,
    path: &[[u8; 32]],
    root: &[u8; 32],
) -> bool {
    root_of_inclusion(hash, leaf_hash, index, size, path).is_some_and(|computed| computed == *root)
}

/// Root of the one tree of `size` leaves that has this leaf at `index` under `path`; none when a
/// path of this length does not belong there.
pub(crate) fn root_of_inclusion(
    hash: LogHash,
    leaf_hash: &[u8; 32],
    index: u64,
    size: u64,
    path: &[[u8; 32]],
) -> Option<[u8; 32]> {
    if index >= size {
        return None;
    }
    let (mut place, mut last) = (index, size - 1);
    let mut computed = *leaf_hash;
    for sibling in path {
        if last == 0 {
            return None;
        }
        if place & 1 == 1 || place == last {
            computed = hash.node(sibling, &computed);
            // A right edge without sibling on this level is carried up unchanged.
            while place & 1 == 0 && place != 0 {
                place >>= 1;
                last >>= 1;
            }
        } else {
            computed = hash.node(&computed, sibling);
        }
        place >>= 1;
        last >>= 1;
    }
    (last == 0).then_some(computed)
}

/// Whether `path` shows that the tree of `new_size` leaves with `new_root` begins with the tree of
/// `old_size` leaves with `old_root`, RFC 9162 §2.1.4.2. The empty tree begins every tree.
#[must_use]
pub fn verify_consistency(
    hash: LogHash,
    old_size: u64,
    old_root: &[u8; 32],
    new_size: u64,
    new_root: &[u8; 32],
    path: &[[u8; 32]],
) -> bool {
    if old_size > new_size {
        return false;
    }
    if old_size == new_size {
        return path.is_empty() && old_root == new_root;
    }
    if old_size == 0 {
        return path.is_empty() && *old_root == hash.empty();
    }
    let (first, rest) = match path.split_first() {
        _ if old_size.is_power_of_two() => (*old_root, path),
        Some((first, rest)) => (*first, rest),
        None => return false,
    };
    let (mut place, mut last) = (old_size - 1, new_size - 1);
    while place & 1 == 1 {
        place >>= 1;
        last >>= 1;
    }
    let (mut old_computed, mut new_computed) = (first, first);
    for sibling in rest {
        if last == 0 {
            return false;
        }
        if place & 1 == 1 || place == last {
            old_computed = hash.node(sibling, &old_computed);
            new_computed = hash.node(sibling, &new_computed);
            while place & 1 == 0 && place != 0 {
                place >>= 1;
                last >>= 1;
            }
        } else {
            new_computed = hash.node(&new_computed, sibling);
        }
        place >>= 1;
        last >>= 1;
    }
    last == 0 && old_computed == *old_root && new_computed == *new_root
}

impl NodeNeed {
    fn range(start: u64, end: u64) -> Self {
        Self {
            subtrees: range_subtrees(start, end),
        }
    }
}

fn digest_parts<D: Digest<OutputSize = sm3::digest::consts::U32>>(parts: &[&[u8]]) -> [u8; 32] {
    let mut digest = D::new();
    for part in parts {
        digest.update(part);
    }
    digest.finalize().into()
}

fn fold<E>(
    hash: LogHash,
    needs: &[NodeNeed],
    mut node: impl FnMut(u32, u64) -> Result<[u8; 32], E>,
) -> Result<Vec<[u8; 32]>, E> {
    let mut path = Vec::with_capacity(needs.len());
    for need in needs {
        let mut subtrees = Vec::with_capacity(need.subtrees.len());
        for &(level, index) in &need.subtrees {
            subtrees.push(node(level, index)?);
        }
        path.push(root_of_subtrees(hash, &subtrees));
    }
    Ok(path)
}

/// Complete subtrees of the leaves from `start` to below `end`, largest first. `start` is 0 or a
/// multiple of a power of two that is at least as large as the range.
fn range_subtrees(start: u64, end: u64) -> Vec<(u32, u64)> {
    let mut subtrees = Vec::new();
    let mut next = start;
    while next < end {
        let level = (end - next).ilog2();
        subtrees.push((level, next >> level));
        next += 1 << level;
    }
    subtrees
}

/// Largest power of two below `count`, which is at least 2.
fn largest_power_below(count: u64) -> u64 {
    1 << (count - 1).ilog2()
}

#[cfg(test)]
mod tests;
