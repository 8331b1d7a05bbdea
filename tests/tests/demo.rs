//! The demo as a user starts it: what it shows, and what can be done with what it leaves.

use std::collections::BTreeSet;

use certs::trust::TrustStore;
use certs::verify::{VerifyOptions, verify_file};
use hub::clock::{Clock as _, SystemClock};
use tests::program::{Finished, hub, run};

#[test]
fn the_demo_shows_the_main_job_and_leaves_proofs_that_hold() {
    let folder = tempfile::tempdir().expect("folder");
    let data = folder.path();
    let shown = run(hub().args(["demo", "--exit", "--data"]).arg(data));
    check_steps(&shown);
    check_proofs(data);
    check_formats(data);
    let clean = run(hub().args(["log", "fsck", "--data"]).arg(data));
    assert_eq!(clean.code, Some(0), "{clean:?}");
}

/// All nine steps, each with what it must show.
#[track_caller]
pub(crate) fn check_steps(shown: &Finished) {
    assert_eq!(shown.code, Some(0), "{shown:?}");
    assert!(
        !shown.stderr.to_lowercase().contains("error"),
        "{}",
        shown.stderr
    );
    for (step, telling) in [
        ("2.", "accepted 599"),
        ("3.", "Q-TYPE-NAME"),
        ("4.", "source cache"),
        ("5.", "verdict: 有效 valid"),
        ("5.", "application/pdf"),
        ("6.", "failing check: REF_DIGEST"),
        ("7.", "rule: default-deny"),
        ("8.", "deliver"),
        ("9.", "all good"),
    ] {
        let text = part(shown, step);
        assert!(
            text.contains(telling),
            "step {step} does not show {telling:?}:\n{text}"
        );
    }
    // Both languages where something is refused.
    let refused = part(shown, "6.");
    assert!(refused.contains("签章后内容被改动") && refused.contains("changed after sealing"));
}

#[track_caller]
pub(crate) fn check_proofs(data: &std::path::Path) {
    let files: Vec<_> = std::fs::read_dir(data.join("proofs"))
        .expect("proofs")
        .map(|entry| entry.expect("entry").path())
        .collect();
    assert!(files.len() >= 5, "only {} proofs", files.len());
    let trust = data.join("trust");
    let proven = run(hub().arg("prove").arg(&files[0]).arg("--trust").arg(&trust));
    assert_eq!(proven.code, Some(0), "{proven:?}");
    let nobody = run(hub().arg("prove").arg(&files[0]));
    assert_eq!(
        nobody.code,
        Some(1),
        "proven without anybody's word: {nobody:?}"
    );

    // One changed character in the recorded event, kept as good base64.
    let text = std::fs::read_to_string(&files[0]).expect("proof");
    let at = text.find("extra ").expect("leaf inside") + 40;
    let mut bytes = text.into_bytes();
    bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
    let forged = data.join("forged.tlog-proof");
    std::fs::write(&forged, bytes).expect("written");
    let refused = run(hub().arg("prove").arg(&forged).arg("--trust").arg(&trust));
    assert_eq!(refused.code, Some(1), "{refused:?}");
}

/// The minted libraries hold seals of every layout, in OFD and PDF, and signatures.
#[track_caller]
fn check_formats(data: &std::path::Path) {
    let now = SystemClock.now();
    let mut seen = BTreeSet::new();
    for file in std::fs::read_dir(data.join("libraries/zhejiang/files")).expect("files") {
        let bytes = std::fs::read(file.expect("entry").path()).expect("file");
        let verdict = verify_file(&bytes, &TrustStore::empty(), &VerifyOptions::at(now));
        for signature in &verdict.signatures {
            seen.insert(format!("{:?} {:?}", verdict.kind, signature.seal_version));
        }
    }
    let expected = [
        "Ofd None",
        "Ofd Some(V1)",
        "Ofd Some(V4)",
        "Ofd Some(V5)",
        "Pdf None",
        "Pdf Some(V4)",
    ];
    assert_eq!(Vec::from_iter(seen), expected);
}

/// What the demo printed under one step.
#[track_caller]
fn part<'a>(shown: &'a Finished, step: &str) -> &'a str {
    let start = shown
        .stdout
        .find(&format!("\n{step} "))
        .unwrap_or_else(|| panic!("step {step} is missing:\n{}", shown.stdout));
    let rest = &shown.stdout[start + 1..];
    let end = rest.match_indices('\n').find(|(at, _)| {
        rest[at + 1..]
            .split_once(". ")
            .is_some_and(|(number, _)| number.parse::<u8>().is_ok())
    });
    end.map_or(rest, |(at, _)| &rest[..at])
}
