//! PDF verification over the corpus of crafted files, in both profiles, and over damaged copies.
//!
//! The corpus is not part of the product: its folder is named by `HUB_CORPUS`, or stands beside
//! the workspace. Without it these tests say so and pass.

use std::cell::Cell;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use certs::trust::TrustStore;
use certs::verify::{VerifyOptions, verify_file};
use schemas::pdf::source::{PagedFile, ReadAt};
use schemas::verdict::{FileKind, Outcome, Profile, Verdict};

use crate::corpus_ofd::{assert_none_differs, damage_rounds, options, report};
use crate::damage::kinds::{Random, mixed};
use crate::damage::pdf::covered as signed_bytes;

#[test]
fn every_crafted_file_has_the_expected_verdict_in_both_profiles() {
    let Some(corpus) = corpus() else { return };
    let table = fs::read_to_string(corpus.join("expected.tsv")).unwrap();
    let trust = TrustStore::from_folder(&corpus.join("trust")).unwrap();
    let (mut wrong, mut count) = (Vec::new(), 0);
    for line in table.lines().skip(1) {
        let columns: Vec<&str> = line.split('\t').collect();
        let [file, general, licence, indication, subindication, ..] = columns[..] else {
            panic!("expected.tsv: {line}");
        };
        for (profile, outcome) in [(Profile::General, general), (Profile::Licence, licence)] {
            let verdict = verify(&corpus.join(file), &trust, profile);
            // The words of EN 319 102-1 are those of the general profile.
            let words = (profile == Profile::General).then_some((indication, subindication));
            if let Err(difference) = expected(&verdict, outcome, words) {
                wrong.push(format!(
                    "{file}, {profile:?}: {difference}\n{}",
                    report(&verdict)
                ));
            }
        }
        count += 1;
    }
    assert_none_differs(&wrong, count);
    assert!(count >= 70, "only {count} files in expected.tsv");
}

fn expected(verdict: &Verdict, outcome: &str, words: Option<(&str, &str)>) -> Result<(), String> {
    let seen = verdict.verdict.as_str();
    let is_expected = match outcome {
        "not-valid" => verdict.verdict != Outcome::Valid,
        outcome => seen == outcome,
    };
    if !is_expected || verdict.kind != FileKind::Pdf {
        return Err(format!("{seen}, not {outcome}"));
    }
    if !verdict.is_valid() && verdict.code.is_none() {
        return Err("no reason is named".to_owned());
    }
    let Some((indication, subindication)) = words else {
        return Ok(());
    };
    let code = verdict.code.map(|code| code.as_str()).unwrap_or_default();
    let is_named = match (indication, subindication) {
        ("NO-SIGNATURE", _) => code == "UNSIGNED" && verdict.signatures.is_empty(),
        ("NOT-PASSED", _) => true,
        ("TOTAL-PASSED", _) => verdict
            .signatures
            .iter()
            .all(|signature| signature.indication == indication),
        (_, subindication) => code == subindication,
    };
    if is_named {
        Ok(())
    } else {
        Err(format!("{code}, not {indication} {subindication}"))
    }
}

#[test]
fn damage_never_panics_and_never_passes_for_something_else() {
    let Some(corpus) = corpus() else { return };
    let trust = TrustStore::from_folder(&corpus.join("trust")).unwrap();
    let files = [
        "sm2_01_rfc5652_sm2sm3.pdf",
        "seal_01_gbt38540_v4_in_contents.pdf",
        "multi_01_sm2_then_sm2.pdf",
        "mdp_P2_then_approval_sig.pdf",
    ];
    for (seed, file) in files.into_iter().enumerate() {
        let original = fs::read(corpus.join(file)).unwrap();
        let covered = signed_bytes(&original).unwrap();
        let mut random = Random(0x2545_F491_4F6C_DD1D ^ seed as u64);
        let (mut survivors, rounds) = (0, damage_rounds());
        for round in 0..rounds {
            let damaged = mixed(&mut random, &original);
            if verify_file(&damaged, &trust, &options()).is_valid() {
                survivors += 1;
                assert_eq!(
                    covered,
                    signed_bytes(&damaged).unwrap(),
                    "{file} round {round}"
                );
            }
        }
        // Only zeros after the signed value, and white space after the last line, may change.
        assert!(
            survivors < rounds / 2,
            "{file}: {survivors} of {rounds} are valid"
        );
    }
}

#[test]
fn a_file_read_in_pieces_has_the_verdict_of_the_same_bytes_in_memory() {
    let Some(corpus) = corpus() else { return };
    let trust = TrustStore::from_folder(&corpus.join("trust")).unwrap();
    let mut random = Random(0x9E6C_63D0_876A_9A62);
    let mut count = 0;
    for entry in fs::read_dir(&corpus).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "pdf") {
            continue;
        }
        let original = fs::read(&path).unwrap();
        for profile in [Profile::General, Profile::Licence] {
            for pages in [(1, 1), (7, 3), (64, 2), (4_096, 4)] {
                compare(&original, pages, profile, &trust);
            }
        }
        for _ in 0..damage_rounds() / 50 {
            compare(
                &mixed(&mut random, &original),
                (61, 3),
                Profile::Licence,
                &trust,
            );
        }
        count += 1;
    }
    assert!(count >= 70, "only {count} files");
}

/// Compares the verdicts with so many pages in memory, of so many bytes.
fn compare(bytes: &[u8], (page, pages): (usize, usize), profile: Profile, trust: &TrustStore) {
    let options = VerifyOptions {
        profile,
        ..options()
    };
    let held = Box::new(Held(bytes.to_vec(), Cell::new(usize::MAX)));
    let file = PagedFile::with_cache(held, bytes.len(), page, pages);
    let in_pieces = certs::pdf::verify(&file, trust, &options).unwrap();
    let in_memory = verify_file(bytes, trust, &options);
    if in_memory.kind == FileKind::Pdf {
        assert_eq!(report(&in_pieces), report(&in_memory), "pages of {page}");
    }
}

#[test]
fn a_file_that_cannot_be_read_to_its_end_has_no_verdict() {
    let Some(corpus) = corpus() else { return };
    let trust = TrustStore::from_folder(&corpus.join("trust")).unwrap();
    let file = "multi_01_sm2_then_sm2.pdf";
    let bytes = fs::read(corpus.join(file)).unwrap();
    let mut reads = 0;
    loop {
        let held = Box::new(Held(bytes.clone(), Cell::new(reads)));
        let file = PagedFile::with_cache(held, bytes.len(), 512, 8);
        match certs::pdf::verify(&file, &trust, &options()) {
            Err(cause) => assert_eq!(cause, ErrorKind::UnexpectedEof, "after {reads} reads"),
            Ok(_) => break,
        }
        reads += 1;
    }
    assert!(reads > 10, "only {reads} reads");
}

/// Bytes in memory that can be read so many times.
#[derive(Debug)]
struct Held(Vec<u8>, Cell<usize>);

impl ReadAt for Held {
    fn read_at(&self, offset: usize, into: &mut [u8]) -> Result<(), ErrorKind> {
        let left = self.1.get().checked_sub(1);
        self.1.set(left.ok_or(ErrorKind::UnexpectedEof)?);
        into.copy_from_slice(&self.0[offset..offset + into.len()]);
        Ok(())
    }
}

fn verify(path: &Path, trust: &TrustStore, profile: Profile) -> Verdict {
    let options = VerifyOptions {
        profile,
        ..options()
    };
    verify_file(&fs::read(path).unwrap(), trust, &options)
}

fn corpus() -> Option<PathBuf> {
    let folder = tests::program::corpus("verdicts on the corpus of PDF files")?;
    Some(folder.join("pdf"))
}
