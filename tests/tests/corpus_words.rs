//! The words of EN 319 102-1 in every verdict on the corpus, OFD and PDF, in both profiles: an
//! indication with one of its own subindications, in line with the verdict.

use std::collections::BTreeSet;
use std::fs;

use certs::trust::TrustStore;
use certs::verify::{VerifyOptions, verify_file};
use schemas::verdict::{FindingCode, Outcome, Profile, Verdict};

use crate::corpus_ofd::{options, report};

/// Table 5: what goes with `TOTAL-FAILED`.
const FAILED: [&str; 6] = [
    "FORMAT_FAILURE",
    "HASH_FAILURE",
    "SIG_CRYPTO_FAILURE",
    "REVOKED",
    "EXPIRED",
    "NOT_YET_VALID",
];

/// Table 6: what goes with `INDETERMINATE`, as far as it is used.
const OPEN: [&str; 11] = [
    "SIG_CONSTRAINTS_FAILURE",
    "CHAIN_CONSTRAINTS_FAILURE",
    "CRYPTO_CONSTRAINTS_FAILURE",
    "TIMESTAMP_ORDER_FAILURE",
    "NO_SIGNING_CERTIFICATE_FOUND",
    "NO_CERTIFICATE_CHAIN_FOUND",
    "REVOKED_NO_POE",
    "OUT_OF_BOUNDS_NO_POE",
    "NO_POE",
    "TRY_LATER",
    "SIGNED_DATA_NOT_FOUND",
];

/// Where this profile decides what EN 319 102-1 leaves open (`FindingCode::subindication`).
const DECIDED: [FindingCode; 10] = [
    FindingCode::SignerNotInList,
    FindingCode::SigConstraintsFailure,
    FindingCode::SealMismatch,
    FindingCode::SignerCertUsage,
    FindingCode::SigAlg,
    FindingCode::TimeFuture,
    FindingCode::TimestampOrderFailure,
    FindingCode::MetaMissing,
    FindingCode::MetaMismatch,
    FindingCode::SealUnitMismatch,
];

#[test]
fn every_verdict_on_the_corpus_speaks_the_words_of_the_standard() {
    let Some(corpus) = tests::program::corpus("the words of verdicts") else {
        return;
    };
    let (mut wrong, mut seen, mut count) = (Vec::new(), BTreeSet::new(), 0);
    for kind in ["ofd", "pdf"] {
        let folder = corpus.join(kind);
        let trust = TrustStore::from_folder(&folder.join("trust")).unwrap();
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_none_or(|extension| extension != kind) {
                continue;
            }
            let bytes = fs::read(&path).unwrap();
            for profile in [Profile::Licence, Profile::General] {
                let options = VerifyOptions {
                    profile,
                    ..options()
                };
                let verdict = verify_file(&bytes, &trust, &options);
                if let Err(fault) = check(&verdict) {
                    let shown = report(&verdict);
                    wrong.push(format!("{}: {fault}\n{shown}", path.display()));
                }
                let words = verdict.subindication.clone();
                seen.extend(words.map(|word| (verdict.indication.clone(), word)));
                count += 1;
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(count >= 200, "only {count} verdicts");
    // A mapping that says the same about everything would say nothing.
    assert!(seen.len() >= 10, "{seen:?}");
}

fn check(verdict: &Verdict) -> Result<(), String> {
    if verdict.code == Some(FindingCode::Unsigned) {
        let words = (verdict.indication.as_str(), &verdict.subindication);
        return is(words == ("NO-SIGNATURE", &None), "unsigned");
    }
    let whole = (&verdict.indication, verdict.subindication.as_deref());
    fits(verdict.verdict, verdict.code, whole.0, whole.1)?;
    let mut worst = verdict.verdict == Outcome::Valid || verdict.checks.outcome() != Outcome::Valid;
    for one in &verdict.signatures {
        let (code, word) = (one.checks.code(), one.subindication.as_deref());
        fits(one.verdict, code, &one.indication, word)?;
        worst |= (&one.indication, word) == whole;
    }
    is(worst, "the words of the file are those of no signature")
}

fn fits(
    outcome: Outcome,
    code: Option<FindingCode>,
    indication: &str,
    word: Option<&str>,
) -> Result<(), String> {
    let is_decided = code.is_some_and(|code| DECIDED.contains(&code));
    let fits = match (outcome, indication, word) {
        (Outcome::Valid, "TOTAL-PASSED", None) => true,
        (Outcome::Invalid, "TOTAL-FAILED", Some(word)) => {
            FAILED.contains(&word) || is_decided && OPEN.contains(&word)
        }
        (Outcome::Indeterminate, "INDETERMINATE", Some(word)) => OPEN.contains(&word),
        _ => false,
    };
    is(
        fits,
        &format!("{outcome:?} {code:?}: {indication} {word:?}"),
    )
}

fn is(holds: bool, fault: &str) -> Result<(), String> {
    holds.then_some(()).ok_or_else(|| fault.to_owned())
}
