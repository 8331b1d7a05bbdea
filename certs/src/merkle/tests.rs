//! The tree against the recursive definitions of RFC 6962 §2.1, written down naively.

use std::convert::Infallible;

use super::*;

/// Sizes that are tried one by one: past 2⁷, so that every shape of the lower levels occurs.
const SIZE_MAX: u64 = 130;

fn leaves(count: u64) -> Vec<Vec<u8>> {
    (0..count)
        .map(|number| number.to_be_bytes().to_vec())
        .collect()
}

fn naive_root(hash: LogHash, leaves: &[Vec<u8>]) -> [u8; 32] {
    match leaves {
        [] => hash.empty(),
        [leaf] => hash.leaf(leaf),
        _ => {
            let (left, right) = leaves.split_at(naive_split(leaves.len()));
            hash.node(&naive_root(hash, left), &naive_root(hash, right))
        }
    }
}

fn naive_path(hash: LogHash, index: usize, leaves: &[Vec<u8>]) -> Vec<[u8; 32]> {
    if leaves.len() <= 1 {
        return Vec::new();
    }
    let split = naive_split(leaves.len());
    let (left, right) = leaves.split_at(split);
    let (mut path, sibling) = if index < split {
        (naive_path(hash, index, left), naive_root(hash, right))
    } else {
        (
            naive_path(hash, index - split, right),
            naive_root(hash, left),
        )
    };
    path.push(sibling);
    path
}

fn naive_consistency(hash: LogHash, old: usize, leaves: &[Vec<u8>], own: bool) -> Vec<[u8; 32]> {
    if old == leaves.len() {
        return if own {
            Vec::new()
        } else {
            vec![naive_root(hash, leaves)]
        };
    }
    let split = naive_split(leaves.len());
    let (left, right) = leaves.split_at(split);
    let (mut path, sibling) = if old <= split {
        (
            naive_consistency(hash, old, left, own),
            naive_root(hash, right),
        )
    } else {
        (
            naive_consistency(hash, old - split, right, false),
            naive_root(hash, left),
        )
    };
    path.push(sibling);
    path
}

fn naive_split(count: usize) -> usize {
    let mut split = 1;
    while split * 2 < count {
        split *= 2;
    }
    split
}

/// Gives complete subtrees only: asking for another fails the test.
fn stored(
    hash: LogHash,
    leaves: &[Vec<u8>],
) -> impl FnMut(u32, u64) -> Result<[u8; 32], Infallible> + '_ {
    move |level, index| {
        let start = usize::try_from(index << level).expect("small");
        let end = start + (1_usize << level);
        Ok(naive_root(
            hash,
            leaves.get(start..end).expect("a complete subtree"),
        ))
    }
}

fn root(hash: LogHash, leaves: &[Vec<u8>]) -> [u8; 32] {
    let mut node = stored(hash, leaves);
    let subtrees: Vec<[u8; 32]> = complete_subtrees(leaves.len() as u64)
        .into_iter()
        .map(|(level, index)| node(level, index).expect("infallible"))
        .collect();
    root_of_subtrees(hash, &subtrees)
}

#[test]
fn known_roots_of_sha256() {
    // RFC 6962 reference vectors (certificate-transparency), inputs "" and 0x00.
    let hash = LogHash::Sha256;
    let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    assert_eq!(hex::encode(hash.empty()), empty);
    let first = "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d";
    assert_eq!(hex::encode(hash.leaf(b"")), first);
    let both = root(hash, &[Vec::new(), vec![0]]);
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
    for size in 0..=SIZE_MAX {
        let leaves = leaves(size);
        let root = root(hash, &leaves);
        assert_eq!(root, naive_root(hash, &leaves), "root of {size}");
        for index in 0..size {
            let path =
                inclusion_path(hash, index, size, stored(hash, &leaves)).expect("infallible");
            let place = usize::try_from(index).expect("small");
            assert_eq!(
                path,
                naive_path(hash, place, &leaves),
                "path of {index} in {size}"
            );
            let leaf = hash.leaf(&leaves[place]);
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
    let all = leaves(SIZE_MAX);
    let roots: Vec<[u8; 32]> = (0..=all.len())
        .map(|size| naive_root(hash, &all[..size]))
        .collect();
    for new in 1..all.len() {
        let leaves = &all[..new];
        for old in 1..=new {
            let (old_size, new_size) = (old as u64, new as u64);
            let path = consistency_path(hash, old_size, new_size, stored(hash, leaves))
                .expect("infallible");
            assert_eq!(
                path,
                naive_consistency(hash, old, leaves, true),
                "{old} to {new}"
            );
            let verify = |old_root, new_root, path: &[[u8; 32]]| {
                verify_consistency(hash, old_size, old_root, new_size, new_root, path)
            };
            assert!(verify(&roots[old], &roots[new], &path), "{old} to {new}");
            assert!(!verify(&[1; 32], &roots[new], &path));
            assert!(!verify(&roots[old], &[1; 32], &path));
            assert!(!verify(
                &roots[old],
                &roots[new],
                &[path.clone(), vec![[0; 32]]].concat()
            ));
            if let Some((_, shorter)) = path.split_last() {
                assert!(!verify(&roots[old], &roots[new], shorter));
            }
        }
        let empty = hash.empty();
        assert!(verify_consistency(
            hash,
            0,
            &empty,
            new as u64,
            &roots[new],
            &[]
        ));
        assert!(!verify_consistency(
            hash,
            0,
            &roots[1],
            new as u64,
            &roots[new],
            &[]
        ));
        let back = verify_consistency(hash, new as u64 + 1, &empty, new as u64, &empty, &[]);
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
            let leaves = leaves(size);
            let index = pick % size;
            let root = root(hash, &leaves);
            let path =
                inclusion_path(hash, index, size, stored(hash, &leaves)).expect("infallible");
            let mut leaf = leaves[usize::try_from(index).expect("small")].clone();
            prop_assert!(verify_inclusion(hash, &hash.leaf(&leaf), index, size, &path, &root));
            leaf[flip] ^= 1;
            prop_assert!(!verify_inclusion(hash, &hash.leaf(&leaf), index, size, &path, &root));
        }

        #[test]
        fn a_changed_past_is_never_consistent(new in 2_u64..1_000, pick: u64, changed: u64) {
            let hash = LogHash::Sm3;
            let old = 1 + pick % (new - 1);
            let honest = leaves(new);
            let mut forged = honest.clone();
            forged[usize::try_from(changed % old).expect("small")][0] ^= 1;
            let old_root = root(hash, &honest[..usize::try_from(old).expect("small")]);
            let path =
                consistency_path(hash, old, new, stored(hash, &forged)).expect("infallible");
            let forged_root = root(hash, &forged);
            prop_assert!(!verify_consistency(hash, old, &old_root, new, &forged_root, &path));
        }
    }
}
