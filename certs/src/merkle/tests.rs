//! The tree against the recursive definitions of RFC 6962 §2.1, written down naively.

use std::cell::RefCell;
use std::collections::HashMap;
use std::convert::Infallible;

use super::*;

/// Sizes that are tried one by one: past 2⁷, so that every shape of the lower levels occurs.
const SIZE_MAX: u64 = 130;

/// The definitions over leaves 0, 1, 2…, each root computed once.
struct Naive {
    hash: LogHash,
    leaves: Vec<Vec<u8>>,
    roots: RefCell<HashMap<(usize, usize), [u8; 32]>>,
}

impl Naive {
    fn new(hash: LogHash, leaves: Vec<Vec<u8>>) -> Self {
        Self {
            hash,
            leaves,
            roots: RefCell::default(),
        }
    }

    fn counted(hash: LogHash, count: u64) -> Self {
        Self::new(
            hash,
            (0..count)
                .map(|number| number.to_be_bytes().to_vec())
                .collect(),
        )
    }

    fn leaf(&self, index: u64) -> [u8; 32] {
        self.hash.leaf(&self.leaves[place(index)])
    }

    /// MTH.
    fn root(&self, start: usize, end: usize) -> [u8; 32] {
        if let Some(root) = self.roots.borrow().get(&(start, end)) {
            return *root;
        }
        let root = match end - start {
            0 => self.hash.empty(),
            1 => self.hash.leaf(&self.leaves[start]),
            count => {
                let middle = start + split(count);
                self.hash
                    .node(&self.root(start, middle), &self.root(middle, end))
            }
        };
        self.roots.borrow_mut().insert((start, end), root);
        root
    }

    /// PATH.
    fn path(&self, index: usize, start: usize, end: usize) -> Vec<[u8; 32]> {
        if end - start <= 1 {
            return Vec::new();
        }
        let middle = start + split(end - start);
        let (mut path, sibling) = if index < middle {
            (self.path(index, start, middle), self.root(middle, end))
        } else {
            (self.path(index, middle, end), self.root(start, middle))
        };
        path.push(sibling);
        path
    }

    /// SUBPROOF.
    fn consistency(&self, old: usize, start: usize, end: usize, own: bool) -> Vec<[u8; 32]> {
        if old == end {
            return if own {
                Vec::new()
            } else {
                vec![self.root(start, end)]
            };
        }
        let middle = start + split(end - start);
        let (mut path, sibling) = if old <= middle {
            (
                self.consistency(old, start, middle, own),
                self.root(middle, end),
            )
        } else {
            (
                self.consistency(old, middle, end, false),
                self.root(start, middle),
            )
        };
        path.push(sibling);
        path
    }

    /// What a store of `size` leaves gives; asking for an incomplete subtree fails the test.
    fn stored(&self, size: u64) -> impl FnMut(u32, u64) -> Result<[u8; 32], Infallible> + '_ {
        move |level, index| {
            let end = (index + 1) << level;
            assert!(end <= size, "subtree {level}, {index} of {size} leaves");
            Ok(self.root(place(index << level), place(end)))
        }
    }

    /// The root as a log makes it: from the complete subtrees.
    fn folded_root(&self, size: u64) -> [u8; 32] {
        let mut node = self.stored(size);
        let subtrees: Vec<[u8; 32]> = complete_subtrees(size)
            .into_iter()
            .map(|(level, index)| node(level, index).expect("infallible"))
            .collect();
        root_of_subtrees(self.hash, &subtrees)
    }
}

fn place(number: u64) -> usize {
    usize::try_from(number).expect("small")
}

fn split(count: usize) -> usize {
    let mut split = 1;
    while split * 2 < count {
        split *= 2;
    }
    split
}

#[test]
fn known_roots_of_sha256() {
    // RFC 6962 reference vectors (certificate-transparency), inputs "" and 0x00.
    let hash = LogHash::Sha256;
    let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    assert_eq!(hex::encode(hash.empty()), empty);
    let first = "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d";
    assert_eq!(hex::encode(hash.leaf(b"")), first);
    let both = Naive::new(hash, vec![Vec::new(), vec![0]]).folded_root(2);
    let second = "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125";
    assert_eq!(hex::encode(both), second);
}

#[test]
fn empty_sm3() {
    let empty = "1ab21d8355cfa17f8e61194831e81a8f22bec8c728fefb747ed035eb5082aa2b";
    assert_eq!(hex::encode(LogHash::Sm3.empty()), empty);
    assert_eq!(LogHash::parse("sm3"), Some(LogHash::Sm3));
    assert_eq!(LogHash::parse("sha256"), Some(LogHash::Sha256));
    assert_eq!(LogHash::parse("md5"), None);
}

#[test]
fn roots_and_inclusion_paths_equal_the_definition() {
    let hash = LogHash::Sm3;
    let naive = Naive::counted(hash, SIZE_MAX);
    for size in 0..=SIZE_MAX {
        let root = naive.folded_root(size);
        assert_eq!(root, naive.root(0, place(size)), "root of {size}");
        for index in 0..size {
            let path = inclusion_path(hash, index, size, naive.stored(size)).expect("infallible");
            assert_eq!(
                path,
                naive.path(place(index), 0, place(size)),
                "path of {index} in {size}"
            );
            let leaf = naive.leaf(index);
            assert!(verify_inclusion(hash, &leaf, index, size, &path, &root));
            check_refusals(hash, &leaf, index, size, &path, &root);
        }
    }
}

#[track_caller]
fn check_refusals(
    hash: LogHash,
    leaf: &[u8; 32],
    index: u64,
    size: u64,
    path: &[[u8; 32]],
    root: &[u8; 32],
) {
    let mut longer = path.to_vec();
    longer.push([0; 32]);
    assert!(!verify_inclusion(hash, leaf, index, size, &longer, root));
    assert!(!verify_inclusion(hash, &[1; 32], index, size, path, root));
    assert!(!verify_inclusion(hash, leaf, index, size, path, &[1; 32]));
    assert!(!verify_inclusion(hash, leaf, size, size, path, root));
    assert!(!verify_inclusion(hash, leaf, index ^ 1, size, path, root));
    if let Some((_, shorter)) = path.split_last() {
        assert!(!verify_inclusion(hash, leaf, index, size, shorter, root));
    }
}

#[test]
fn consistency_paths_equal_the_definition() {
    let hash = LogHash::Sm3;
    let naive = Naive::counted(hash, SIZE_MAX);
    for new in 1..=SIZE_MAX {
        let new_root = naive.root(0, place(new));
        for old in 1..=new {
            let old_root = naive.root(0, place(old));
            let path = consistency_path(hash, old, new, naive.stored(new)).expect("infallible");
            assert_eq!(
                path,
                naive.consistency(place(old), 0, place(new), true),
                "{old} to {new}"
            );
            let verify = |old_root, new_root, path: &[[u8; 32]]| {
                verify_consistency(hash, old, old_root, new, new_root, path)
            };
            assert!(verify(&old_root, &new_root, &path), "{old} to {new}");
            assert!(!verify(&[1; 32], &new_root, &path));
            assert!(!verify(&old_root, &[1; 32], &path));
            assert!(!verify(
                &old_root,
                &new_root,
                &[path.clone(), vec![[0; 32]]].concat()
            ));
            if let Some((_, shorter)) = path.split_last() {
                assert!(!verify(&old_root, &new_root, shorter));
            }
        }
        let empty = hash.empty();
        assert!(verify_consistency(hash, 0, &empty, new, &new_root, &[]));
        assert!(!verify_consistency(hash, 0, &new_root, new, &new_root, &[]));
        let back = verify_consistency(hash, new + 1, &empty, new, &empty, &[]);
        assert!(!back, "a tree that shrank was accepted");
    }
}

#[test]
fn the_largest_trees_need_no_more_than_their_depth() {
    for (index, size) in [
        (0, u64::MAX),
        (u64::MAX - 1, u64::MAX),
        (1 << 62, (1 << 63) + 5),
    ] {
        let needs = inclusion_nodes(index, size);
        assert!(
            needs.len() <= 64,
            "{} elements for {index} in {size}",
            needs.len()
        );
        assert!(needs.iter().all(|need| need.subtrees.len() <= 64));
    }
    assert!(consistency_nodes(u64::MAX - 1, u64::MAX).len() <= 65);
    assert!(inclusion_nodes(5, 5).is_empty());
    assert!(consistency_nodes(0, 5).is_empty());
}

mod properties {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn a_changed_leaf_is_never_proved(size in 1_u64..2_000, pick: u64, flip in 0_usize..8) {
            let hash = LogHash::Sha256;
            let naive = Naive::counted(hash, size);
            let index = pick % size;
            let root = naive.folded_root(size);
            let path = inclusion_path(hash, index, size, naive.stored(size)).expect("infallible");
            let leaf = naive.leaf(index);
            prop_assert!(verify_inclusion(hash, &leaf, index, size, &path, &root));
            let mut changed = naive.leaves[place(index)].clone();
            changed[flip] ^= 1;
            let changed = hash.leaf(&changed);
            prop_assert!(!verify_inclusion(hash, &changed, index, size, &path, &root));
        }

        #[test]
        fn a_changed_past_is_never_consistent(new in 2_u64..1_000, pick: u64, changed: u64) {
            let hash = LogHash::Sm3;
            let old = 1 + pick % (new - 1);
            let honest = Naive::counted(hash, old);
            let mut leaves = Naive::counted(hash, new).leaves;
            leaves[place(changed % old)][0] ^= 1;
            let forged = Naive::new(hash, leaves);
            let path = consistency_path(hash, old, new, forged.stored(new)).expect("infallible");
            let (old_root, new_root) = (honest.folded_root(old), forged.folded_root(new));
            prop_assert!(!verify_consistency(hash, old, &old_root, new, &new_root, &path));
        }
    }
}
