//! The inputs that fuzzing found worth keeping, and the seeds, through the checks of the fuzz
//! targets. Every finding leaves its input here.

use std::collections::BTreeMap;

use crate::checks::{GENUINE, TARGETS, files};

/// Most bytes that all kept inputs have together: they are part of every checkout.
const CORPUS_BYTES_MAX: usize = 2 << 20;

#[test]
fn kept_inputs_and_seeds_pass_every_check() {
    for (target, check) in TARGETS {
        let seeds = files(&format!("seeds/{target}"));
        assert!(!seeds.is_empty(), "{target} has no seeds");
        for (name, data) in seeds.iter().chain(&files(&format!("corpus/{target}"))) {
            let outcome = std::panic::catch_unwind(|| check(data));
            assert!(outcome.is_ok(), "{target}: {name}");
        }
    }
}

#[test]
fn genuine_seeds_are_taken_for_genuine() {
    for (target, is_genuine, names) in GENUINE {
        let seeds: BTreeMap<_, _> = files(&format!("seeds/{target}")).into_iter().collect();
        for name in names {
            assert!(is_genuine(&seeds[*name]), "{target}: {name}");
        }
    }
}

/// Kept inputs are small, and hold no key: the seeds' keys were never written down, and fuzzing
/// makes none.
#[test]
fn kept_inputs_are_small_and_hold_no_key() {
    let mut sum = 0;
    for (target, _) in TARGETS {
        for folder in ["seeds", "corpus"] {
            for (name, data) in files(&format!("{folder}/{target}")) {
                sum += data.len();
                // The object identifier of an elliptic curve's key, as PKCS #8 begins with it after
                // a version; in certificates no version stands before it.
                let pkcs8 = [
                    2, 1, 0, 0x30, 0x13, 6, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1,
                ];
                let is_key = data.windows(pkcs8.len()).any(|window| window == pkcs8);
                assert!(!is_key, "{folder}/{target}/{name} holds a private key");
            }
        }
    }
    assert!(sum <= CORPUS_BYTES_MAX, "{sum} bytes are kept");
}
