//! EU DSS, ofdrw and pyHanko over the same files as ours. Where a peer's verdict is another one,
//! `tests/peers/differences.tsv` has a row that says why; a difference without a row fails, and so
//! does a row without its difference.
//!
//! A file that we mint without a fault, in a way that a peer knows, it must accept: no row excuses
//! that.
//!
//! What is compared is whether a file is accepted, refused, or said to carry no signature. PDF
//! files are judged by our profile `general`, which has the rules that the peers know.

mod files;

use std::collections::BTreeMap;
use std::path::Path;

use schemas::verdict::{FindingCode, Verdict};
use tests::peers::{Peer, PeerAnswer, PeerName, Tuning};

use self::files::{Case, Files};
use crate::corpus_ofd::options;

#[test]
fn ofdrw_differs_as_listed() {
    let files = Files::gather("ofd");
    compare(PeerName::Ofdrw, &files);
}

#[test]
fn dss_differs_as_listed() {
    let files = Files::gather("pdf");
    compare(PeerName::Dss, &files);
}

#[test]
fn pyhanko_differs_as_listed() {
    let files = Files::gather("pdf");
    compare(PeerName::PyHanko, &files);
}

/// A row of the table, without its reason.
struct Row {
    theirs: String,
    ours: String,
}

#[track_caller]
fn compare(name: PeerName, files: &Files) {
    let test = format!("verdicts beside {}", name.as_str());
    let trust = files.trust();
    let Some(mut peer) = Peer::start(name, Tuning::Stock, &trust, options().at, &test) else {
        return;
    };
    let mut listed = listed(name, files);
    let mut wrong = Vec::new();
    for case in &files.cases {
        let answer = peer.verify(&case.path);
        let row = listed.remove(&case.name);
        if let Err(difference) = judge(case, &answer, row.as_ref()) {
            let file = &case.name;
            wrong.push(format!(
                "{difference}:\n{file}\t{}\t{}",
                name.as_str(),
                row_of(case, &answer)
            ));
        }
    }
    wrong.extend(
        listed
            .into_keys()
            .map(|file| format!("a row for no file: {file}")),
    );
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn judge(case: &Case, answer: &PeerAnswer, row: Option<&Row>) -> Result<(), &'static str> {
    let agrees = answer.verdict == class(&case.ours);
    let Some(row) = row else {
        return if agrees {
            Ok(())
        } else {
            Err("a difference without a row")
        };
    };
    if agrees {
        return Err("a row without a difference");
    }
    let is_listed = theirs(answer) == row.theirs && ours(&case.ours) == row.ours;
    if is_listed {
        Ok(())
    } else {
        Err("another difference than the row's")
    }
}

/// Our verdict in the peers' words.
fn class(verdict: &Verdict) -> &'static str {
    match verdict.code {
        _ if verdict.is_valid() => "accepted",
        Some(FindingCode::Unsigned) => "unsigned",
        _ => "refused",
    }
}

fn row_of(case: &Case, answer: &PeerAnswer) -> String {
    format!("{}\t{}\t", theirs(answer), ours(&case.ours))
}

fn theirs(answer: &PeerAnswer) -> String {
    format!("{} {}", answer.verdict, answer.word)
}

fn ours(verdict: &Verdict) -> String {
    let code = verdict.code.map(|code| code.as_str()).unwrap_or_default();
    format!("{} {code}", verdict.verdict.as_str())
        .trim_end()
        .to_owned()
}

/// Whether the file was minted without a fault and the peer knows how it is signed.
fn must_accept(name: PeerName, file: &str) -> bool {
    let Some(file) = file.strip_prefix("minted/") else {
        return false;
    };
    let is_good = file.contains("-good.") || file.contains("-scanned.");
    is_good && (name == PeerName::Ofdrw || file.starts_with("rsa-"))
}

/// The rows of one peer, by file; those of the corpus only where it is.
fn listed(name: PeerName, files: &Files) -> BTreeMap<String, Row> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers/differences.tsv");
    let table = std::fs::read_to_string(path).unwrap();
    let mut rows = BTreeMap::new();
    for line in table.lines().filter(|line| !line.starts_with('#')).skip(1) {
        let columns: Vec<&str> = line.split('\t').collect();
        let [file, peer, theirs, ours, reason] = columns[..] else {
            panic!("differences.tsv: {line}");
        };
        if peer != name.as_str() || (file.starts_with("corpus/") && !files.has_corpus()) {
            continue;
        }
        assert!(
            !reason.is_empty(),
            "differences.tsv gives no reason: {line}"
        );
        let row = Row {
            theirs: theirs.to_owned(),
            ours: ours.to_owned(),
        };
        assert!(!must_accept(name, file), "nothing excuses this: {line}");
        let before = rows.insert(file.to_owned(), row);
        assert!(before.is_none(), "differences.tsv has two rows: {line}");
    }
    rows
}
