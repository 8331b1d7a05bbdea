//! OFD verification over the corpus of crafted and real files, and over damaged copies of it.
//!
//! The corpus is not part of the product: its folder is named by `HUB_CORPUS`, or stands beside
//! the workspace. Without it these tests say so and pass.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use certs::trust::TrustStore;
use certs::verify::{VerifyOptions, verify_file};
use chrono::{DateTime, TimeZone, Utc};
use schemas::verdict::{FileKind, Outcome, Verdict};
use tests::program::is_long_run;

use crate::damage::kinds::{Random, mixed};
use crate::damage::ofd::shown_and_root;

/// Real files: outcome and code with the corpus's trust folder, which vouches for none of them.
/// The facts about integrity are those of the corpus's manifest.
const REAL: &[(&str, Outcome, &str)] = &[
    ("V4RideRight.ofd", Outcome::Indeterminate, "UNTRUSTED"),
    ("allprotected.ofd", Outcome::Indeterminate, "UNTRUSTED"),
    // A bare SM2 signature that names no certificate: there is no key to verify it with.
    ("DigitalSign.ofd", Outcome::Indeterminate, "UNTRUSTED"),
    // The second signature changed the list that the first one protects.
    ("h.ofd", Outcome::Invalid, "REF_DIGEST"),
    // Signed outside the periods of certificate and seal.
    ("SESV4SignDoc.ofd", Outcome::Invalid, "SIGNER_CERT_TIME"),
];

#[test]
fn every_crafted_file_has_the_expected_verdict() {
    let Some(corpus) = corpus() else { return };
    let table = fs::read_to_string(corpus.join("expected.tsv")).unwrap();
    let trust = TrustStore::from_folder(&corpus.join("trust")).unwrap();
    let mut wrong = Vec::new();
    let mut count = 0;
    for line in table.lines().skip(1) {
        let columns: Vec<&str> = line.split('\t').collect();
        let [file, outcome, class, codes, ..] = columns[..] else {
            panic!("expected.tsv: {line}");
        };
        let verdict = verify(&corpus.join(file), &trust);
        if let Err(difference) = expected(&verdict, outcome, class, codes) {
            wrong.push(format!("{file}: {difference}\n{}", report(&verdict)));
        }
        count += 1;
    }
    assert_none_differs(&wrong, count);
    assert!(count >= 40, "only {count} files in expected.tsv");
}

/// Of so many files those whose verdict is another than expected.
#[track_caller]
pub(crate) fn assert_none_differs(wrong: &[String], count: usize) {
    assert!(
        wrong.is_empty(),
        "{} of {count} differ:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

/// Compares a verdict with a row of `expected.tsv`; classes as the corpus's README maps them.
fn expected(verdict: &Verdict, outcome: &str, class: &str, codes: &str) -> Result<(), String> {
    let seen_code = verdict.code.map(|code| code.as_str()).unwrap_or_default();
    let warnings: Vec<String> = verdict.warnings.iter().map(|code| code.as_str()).collect();
    if verdict.verdict.as_str() != outcome {
        return Err(format!(
            "{} {seen_code}, not {outcome}",
            verdict.verdict.as_str()
        ));
    }
    let names_warning = class == "WARN" || (class == "VALID" && codes != "-");
    if names_warning && !warnings.iter().any(|warning| warning == codes) {
        return Err(format!("warnings {warnings:?}, not {codes}"));
    }
    let code = match (class, codes) {
        ("VALID" | "WARN", _) => "",
        ("NOT_SIGNED", _) => "UNSIGNED",
        (_, codes) => codes,
    };
    if seen_code == code {
        Ok(())
    } else {
        Err(format!("{seen_code}, not {code}"))
    }
}

#[test]
fn a_revoked_signer_is_not_known_without_a_list() {
    let Some(corpus) = corpus() else { return };
    let mut trust = TrustStore::empty();
    for name in ["root.crt.pem", "issuing.crt.pem"] {
        let pem = fs::read_to_string(corpus.join("trust").join(name)).unwrap();
        trust.add_certificate(&der(&pem)).unwrap();
    }
    let verdict = verify(&corpus.join("bad_signer_revoked.ofd"), &trust);
    let warnings: Vec<String> = verdict.warnings.iter().map(|code| code.as_str()).collect();
    assert!(verdict.is_valid(), "{}", report(&verdict));
    assert!(
        warnings.iter().any(|code| code == "REVOCATION_UNKNOWN"),
        "{warnings:?}"
    );
}

#[test]
fn real_files_have_sensible_verdicts() {
    let Some(corpus) = corpus() else { return };
    let trust = TrustStore::from_folder(&corpus.join("trust")).unwrap();
    let known: BTreeMap<&str, (Outcome, &str)> = REAL
        .iter()
        .map(|(file, outcome, code)| (*file, (*outcome, *code)))
        .collect();
    let mut wrong = Vec::new();
    let mut count = 0;
    for path in ofd_files(&corpus.join("real")) {
        let file = path.file_name().unwrap().to_str().unwrap().to_owned();
        let verdict = verify(&path, &trust);
        let code = verdict.code.map(|code| code.as_str()).unwrap_or_default();
        let (outcome, expected) = known
            .get(file.as_str())
            .copied()
            .unwrap_or((Outcome::Invalid, "UNSIGNED"));
        if (verdict.verdict, code.as_str()) != (outcome, expected) || verdict.kind != FileKind::Ofd
        {
            wrong.push(format!(
                "{file}: {code}, not {expected}\n{}",
                report(&verdict)
            ));
        }
        count += 1;
    }
    assert_none_differs(&wrong, count);
    assert!(count >= 20, "only {count} real files");
}

/// Damaged copies of each file: some seconds of every kind of damage, and in a long run ten times
/// as many.
pub(crate) fn damage_rounds() -> u32 {
    if is_long_run() { 10_000 } else { 1_000 }
}

#[test]
fn damage_never_panics_and_never_passes_for_something_else() {
    let Some(corpus) = corpus() else { return };
    let trust = TrustStore::from_folder(&corpus.join("trust")).unwrap();
    for (seed, file) in ["ok_v4_seal.ofd", "ok_v1_seal.ofd", "ok_sign_gbt35275.ofd"]
        .into_iter()
        .enumerate()
    {
        let original = fs::read(corpus.join(file)).unwrap();
        let shown = shown_and_root(&original).unwrap();
        let mut random = Random(0x9E37_79B9_7F4A_7C15 ^ seed as u64);
        let mut survivors = 0;
        let rounds = damage_rounds();
        for round in 0..rounds {
            let damaged = mixed(&mut random, &original);
            let verdict = verify_file(&damaged, &trust, &options());
            if verdict.is_valid() {
                survivors += 1;
                assert_eq!(
                    shown_and_root(&damaged).as_ref(),
                    Some(&shown),
                    "{file} round {round}"
                );
            }
        }
        // Flips in times, attributes and unused header fields of the container change nothing
        // that is shown; a verifier that accepts half of all damage checks nothing.
        assert!(
            survivors < rounds / 2,
            "{file}: {survivors} of {rounds} damaged files are valid"
        );
    }
}

#[test]
fn what_is_neither_is_answered_as_such() {
    let verdict = verify_file(b"neither", &TrustStore::empty(), &options());
    assert_eq!(
        (verdict.kind, verdict.verdict),
        (FileKind::Unknown, Outcome::Invalid)
    );
}

fn verify(path: &Path, trust: &TrustStore) -> Verdict {
    verify_file(&fs::read(path).unwrap(), trust, &options())
}

pub(crate) fn options() -> VerifyOptions<'static> {
    let at: DateTime<Utc> = Utc.with_ymd_and_hms(2026, 11, 21, 12, 0, 0).unwrap();
    VerifyOptions::at(at)
}

pub(crate) fn report(verdict: &Verdict) -> String {
    serde_json::to_string_pretty(verdict).unwrap()
}

fn ofd_files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "ofd"))
        .collect();
    files.sort();
    files
}

fn der(pem: &str) -> Vec<u8> {
    use base64::Engine;
    let body: String = pem
        .lines()
        .filter(|line| !line.starts_with("-----"))
        .collect();
    base64::engine::general_purpose::STANDARD
        .decode(body)
        .unwrap()
}

fn corpus() -> Option<PathBuf> {
    let folder = tests::program::corpus("verdicts on the corpus of OFD files")?;
    Some(folder.join("ofd"))
}
