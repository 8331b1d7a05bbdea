//! Damaged copies of the genuine files of the corpus and of what is minted: no panic, and `valid`
//! only where everything that is shown is what it was. A hundred thousand of them in a long run,
//! some thousands else.

mod asn1;
pub(crate) mod kinds;
pub(crate) mod ofd;
pub(crate) mod pdf;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use certs::mint::pki::DevelopmentPki;
use certs::trust::TrustStore;
use certs::verify::verify_file;
use chrono::Duration;
use hub::mint::{Format, LibraryPlan, mint_library};
use schemas::ofd::document::ROOT_PART;
use schemas::region::ProvinceCode;
use schemas::verdict::{FindingCode, Verdict};
use tests::program::is_long_run;

use self::kinds::Random;
use crate::corpus_ofd::options;

/// Damaged files of each kind, OFD and PDF.
fn most() -> usize {
    if is_long_run() { 52_000 } else { 1_500 }
}

/// A way to damage a file: the generator, the file, another one of its kind.
type Damage = fn(&mut Random, &[u8], &[u8]) -> Option<Vec<u8>>;

/// A file that is valid.
pub(crate) struct Genuine {
    pub(crate) name: String,
    pub(crate) bytes: Vec<u8>,
    verdict: Verdict,
    trust: Arc<TrustStore>,
}

/// Every valid file of the corpus, where it is present, and one in every format that is minted.
fn genuine(extension: &str) -> Vec<Genuine> {
    let mut files = minted(extension);
    if let Some(corpus) = tests::program::corpus("damaged files") {
        files.extend(of_corpus(&corpus.join(extension), extension));
    }
    files
}

/// A file of every format, of one licence.
pub(crate) fn minted(extension: &str) -> Vec<Genuine> {
    let at = options().at;
    let pki = DevelopmentPki::mint("test", at - Duration::days(1)).unwrap();
    let pki = pki.with_rsa(at - Duration::days(1)).unwrap();
    let folder = tempfile::tempdir().unwrap();
    pki.save(folder.path(), &[], at).unwrap();
    let trust = Arc::new(TrustStore::from_folder(&folder.path().join("trust")).unwrap());
    let mint = |format: Format| {
        let plan = LibraryPlan {
            province: ProvinceCode::parse("33").unwrap(),
            licences: 1,
            files: 1,
            seed: 1,
            formats: vec![format],
            spoil: None,
            scan_bytes: 0,
            at,
        };
        let (mut items, _) = mint_library(&plan, &pki).unwrap();
        let bytes = items.remove(0).file.unwrap();
        let found = judged(format!("{format:?}"), bytes, &trust);
        found.unwrap_or_else(|| panic!("{format:?} is not valid"))
    };
    let of_kind = |format: &Format| format.extension() == extension;
    Format::ALL.into_iter().filter(of_kind).map(mint).collect()
}

fn of_corpus(folder: &Path, extension: &str) -> Vec<Genuine> {
    let trust = Arc::new(TrustStore::from_folder(&folder.join("trust")).unwrap());
    let mut paths: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|found| found == extension))
        .collect();
    paths.sort();
    let read = |path: &PathBuf| {
        let name = path.file_name()?.to_str()?.to_owned();
        judged(name, fs::read(path).unwrap(), &trust)
    };
    paths.iter().filter_map(read).collect()
}

/// The file, where it is valid.
fn judged(name: String, bytes: Vec<u8>, trust: &Arc<TrustStore>) -> Option<Genuine> {
    let verdict = verify_file(&bytes, trust, &options());
    verdict.is_valid().then(|| Genuine {
        name,
        bytes,
        verdict,
        trust: Arc::clone(trust),
    })
}

/// Damages every file in every way, in turn. `shown` is what a valid file shows; `is_same` says
/// whether that is what genuine files show.
fn damage<S>(
    files: &[Genuine],
    ways: &[(&'static str, Damage)],
    shown: impl Fn(&[u8], &Verdict) -> Option<S>,
    is_same: impl Fn(&S, &[S]) -> bool,
) {
    let read = |one: &Genuine| shown(&one.bytes, &one.verdict).expect("what is shown");
    let originals: Vec<S> = files.iter().map(read).collect();
    let of_each = most().div_ceil(files.len());
    let mut counts: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for (place, file) in files.iter().enumerate() {
        let mut random = Random(0x9E37_79B9_7F4A_7C15 ^ place as u64);
        let (mut made, mut tried) = (0, 0);
        while made < of_each {
            tried += 1;
            assert!(tried < 8 * of_each, "{} can hardly be damaged", file.name);
            let (way, damage) = ways[random.below(ways.len())];
            let other = &files[random.below(files.len())].bytes;
            let Some(damaged) = damage(&mut random, &file.bytes, other) else {
                continue;
            };
            made += 1;
            let count = counts.entry(way).or_default();
            count.0 += 1;
            let verdict = verify_file(&damaged, &file.trust, &options());
            if verdict.is_valid() {
                count.1 += 1;
                let now = shown(&damaged, &verdict);
                let is_genuine = now.is_some_and(|now| is_same(&now, &originals));
                assert!(is_genuine, "{}, try {tried}: {way}", file.name);
            }
        }
    }
    let sum = |sum: (usize, usize), one: &(usize, usize)| (sum.0 + one.0, sum.1 + one.1);
    let (made, valid) = counts.values().fold((0, 0), sum);
    let count = files.len();
    println!("{made} damaged copies of {count} files, {valid} still valid: {counts:?}");
    // Most damage hits something. A verifier that accepts half of it checks nothing, and one that
    // accepts nothing was not given genuine files.
    assert!(valid < made / 2, "{valid} of {made} are valid");
    assert!(made >= most() && valid > 0, "{valid} of {made} are valid");
}

#[test]
fn a_damaged_ofd_shows_what_was_sealed_or_is_not_valid() {
    let shown = |bytes: &[u8], verdict: &Verdict| {
        let mut files = ofd::shown_and_root(bytes)?;
        // Where nobody signed it, it may say where things are in other words.
        if verdict.warnings.contains(&FindingCode::OfdXmlUncovered) {
            files.retain(|name, _| !name.eq_ignore_ascii_case(ROOT_PART));
        }
        Some(files)
    };
    let is_same = |now: &_, originals: &[_]| originals.contains(now);
    damage(&genuine("ofd"), &ofd::WAYS, shown, is_same);
}

#[test]
fn a_damaged_pdf_shows_what_was_signed_or_is_not_valid() {
    // A file that was signed twice may lose the second signature with all of its revision.
    let is_same = |now: &Vec<Vec<u8>>, originals: &[Vec<Vec<u8>>]| {
        let genuine = |one: &Vec<u8>| originals.iter().any(|covered| covered.contains(one));
        !now.is_empty() && now.iter().all(genuine)
    };
    let shown = |bytes: &[u8], _: &Verdict| pdf::covered(bytes);
    damage(&genuine("pdf"), &pdf::WAYS, shown, is_same);
}
