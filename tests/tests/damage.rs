//! Damaged copies of the corpus: no panic, no hang, and `valid` only where everything that is shown
//! is what it was. A hundred thousand of them in a long run, some thousands else.

mod asn1;
pub(crate) mod kinds;
pub(crate) mod ofd;
pub(crate) mod pdf;

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use certs::trust::TrustStore;
use certs::verify::verify_file;
use tests::program::is_long_run;

use self::kinds::Random;
use crate::corpus_ofd::options;

/// Damaged copies of each file.
fn rounds() -> u64 {
    if is_long_run() { 15_000 } else { 300 }
}

/// A way to damage a file: the generator, the file, another one of its kind.
type Damage = fn(&mut Random, &[u8], &[u8]) -> Option<Vec<u8>>;

/// Genuine files and what is shown of them.
struct Originals<S> {
    files: Vec<(&'static str, Vec<u8>, S)>,
    trust: TrustStore,
}

impl<S> Originals<S> {
    fn of(
        folder: &str,
        names: &[&'static str],
        shown: impl Fn(&[u8]) -> Option<S>,
    ) -> Option<Self> {
        let corpus: PathBuf = tests::program::corpus("damaged files")?.join(folder);
        let trust = TrustStore::from_folder(&corpus.join("trust")).unwrap();
        let read = |name: &&'static str| {
            let bytes = fs::read(corpus.join(name)).unwrap();
            assert!(verify_file(&bytes, &trust, &options()).is_valid(), "{name}");
            let shown = shown(&bytes).unwrap();
            (*name, bytes, shown)
        };
        let files = names.iter().map(read).collect();
        Some(Self { files, trust })
    }

    /// Damages every file in every way; `is_same` says whether what a valid copy shows is genuine.
    fn damage(&self, ways: &[(&'static str, Damage)], is_same: impl Fn(&[u8], &[S]) -> bool)
    where
        S: Clone,
    {
        let shown: Vec<S> = self
            .files
            .iter()
            .map(|(_, _, shown)| shown.clone())
            .collect();
        let mut counts: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
        for (place, (name, original, _)) in self.files.iter().enumerate() {
            let mut random = Random(0x9E37_79B9_7F4A_7C15 ^ place as u64);
            for round in 0..rounds() {
                let (way, damage) = ways[random.below(ways.len())];
                let other = &self.files[random.below(self.files.len())].1;
                let Some(damaged) = damage(&mut random, original, other) else {
                    continue;
                };
                let count = counts.entry(way).or_default();
                count.0 += 1;
                if verify_file(&damaged, &self.trust, &options()).is_valid() {
                    count.1 += 1;
                    assert!(is_same(&damaged, &shown), "{name}, round {round}: {way}");
                }
            }
        }
        let (made, valid) = counts
            .values()
            .fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
        println!("{made} damaged files, {valid} still valid: {counts:?}");
        // Most damage hits something. A verifier that accepts half of it checks nothing, and one
        // that accepts nothing was not given genuine files.
        assert!(valid < made / 2, "{valid} of {made} are valid");
        assert!(made > rounds() && valid > 0, "{valid} of {made} are valid");
    }
}

#[test]
fn a_damaged_ofd_shows_what_was_sealed_or_is_not_valid() {
    let names = ["ok_v4_seal.ofd", "ok_v1_seal.ofd", "ok_sign_gbt35275.ofd"];
    let Some(originals) = Originals::of("ofd", &names, ofd::shown) else {
        return;
    };
    originals.damage(&ofd::WAYS, |damaged, shown| {
        ofd::shown(damaged).is_some_and(|now| shown.contains(&now))
    });
}

#[test]
fn a_damaged_pdf_shows_what_was_signed_or_is_not_valid() {
    let names = [
        "sm2_01_rfc5652_sm2sm3.pdf",
        "seal_01_gbt38540_v4_in_contents.pdf",
        "multi_01_sm2_then_sm2.pdf",
        "mdp_P2_then_approval_sig.pdf",
    ];
    let Some(originals) = Originals::of("pdf", &names, pdf::covered) else {
        return;
    };
    // A file that was signed twice may lose the second signature with all of its revision.
    originals.damage(&pdf::WAYS, |damaged, shown| {
        let genuine = |one: &Vec<u8>| shown.iter().any(|covered| covered.contains(one));
        let now = pdf::covered(damaged).unwrap_or_default();
        !now.is_empty() && now.iter().all(genuine)
    });
}
