//! The whole path over packages made here, each with one thing different.

mod metadata;
mod package;
mod shared;

use std::slice;

use schemas::verdict::Outcome;

use self::package::{ALL, FIXTURE, NUMBER, Parts, Plan, WHOLE, signed_at};
use super::*;
use crate::digest::DigestAlgorithm;
use crate::verify::ExpectedEntry;

/// Verifies, with the entry when fields are required of it.
fn verdict(parts: &Parts, required: Option<&[String]>) -> Verdict {
    let expected = required.map(|required| ExpectedEntry {
        entry: &FIXTURE.entry,
        required_metadata: required,
    });
    let options = VerifyOptions {
        expected,
        ..VerifyOptions::at(signed_at())
    };
    let bytes = parts.zip();
    let sm3 = hex::encode(crate::digest::sm3(&bytes));
    verify(&bytes, &sm3, &FIXTURE.trust, &options)
}

#[track_caller]
fn check(parts: &Parts, code: Option<FindingCode>, warning: Option<FindingCode>) -> Verdict {
    let verdict = verdict(parts, None);
    let report = serde_json::to_string_pretty(&verdict).unwrap();
    assert_eq!(verdict.code, code, "{report}");
    let others = [FindingCode::RevocationUnknown];
    let warnings: Vec<FindingCode> = verdict
        .warnings
        .iter()
        .filter(|seen| !others.contains(seen))
        .copied()
        .collect();
    assert_eq!(warnings, Vec::from_iter(warning), "{report}");
    verdict
}

fn signed(plans: &[Plan<'_>]) -> Parts {
    let mut parts = Parts::new();
    parts.sign(plans);
    parts
}

#[test]
fn a_whole_signature_is_valid() {
    let report = check(&signed(&[WHOLE]), None, None);
    let signature = report.signatures.first().unwrap();
    assert_eq!((signature.coverage.as_str(), report.gb36906), ("whole", 0));
    assert_eq!(signature.signed_at, Some(signed_at()));
}

#[test]
fn signatures_protect_together() {
    let first = Plan {
        references: &ALL[..2],
        ..WHOLE
    };
    let second = Plan {
        references: &ALL[2..],
        method: Some("SHA-256"),
        ..WHOLE
    };
    let report = check(&signed(&[first, second]), None, None);
    let coverage: Vec<&str> = report.signatures.iter().map(|it| &*it.coverage).collect();
    assert_eq!(coverage, ["partial", "partial"]);
}

#[test]
fn what_no_signature_protects_is_found() {
    let bare_page = Plan {
        references: &ALL[..2],
        ..WHOLE
    };
    check(&signed(&[bare_page]), Some(FindingCode::Coverage), None);
    let bare_root = Plan {
        references: &ALL[1..],
        ..WHOLE
    };
    check(
        &signed(&[bare_root]),
        None,
        Some(FindingCode::OfdXmlUncovered),
    );
    let mut extra = signed(&[WHOLE]);
    extra.set("D/extra.bin", "x");
    check(&extra, None, Some(FindingCode::Uncovered));
}

#[test]
fn an_uncovered_root_cannot_show_something_else() {
    let bare_root = || Plan {
        references: &ALL[1..],
        ..WHOLE
    };
    let version = "<Versions><Version Current='true' BaseLoc='D/V.xml'/></Versions></DocBody>";
    let body = "</DocBody><DocBody><DocRoot>D/Other.xml</DocRoot></DocBody>";
    let root = "<DocRoot>D/Other.xml</DocRoot></DocBody>";
    for addition in [version, body, root] {
        let mut parts = signed(&[bare_root()]);
        let changed = parts.text("OFD.xml").replace("</DocBody>", addition);
        parts.set("OFD.xml", changed);
        parts.set(
            "D/V.xml",
            "<DocVersion><DocRoot>Other.xml</DocRoot></DocVersion>",
        );
        parts.set("D/Other.xml", "<Document/>");
        let report = verdict(&parts, None);
        assert_eq!(report.code, Some(FindingCode::Coverage), "{addition}");
    }
}

#[test]
fn blanks_that_are_part_of_a_name_lead_to_another_document() {
    for blank in ['\u{a0}', '\u{3000}', '\u{2003}', '\u{85}'] {
        let bare_root = Plan {
            references: &ALL[1..],
            ..WHOLE
        };
        let mut parts = signed(&[bare_root]);
        let root = format!("<DocRoot>{blank}D");
        let changed = parts.text("OFD.xml").replace("<DocRoot>D", &root);
        parts.set("OFD.xml", changed);
        for name in ["Document.xml", "Page.xml"] {
            parts.set(
                &format!("{blank}D/{name}"),
                parts.text(&format!("D/{name}")),
            );
        }
        assert!(!verdict(&parts, None).is_valid(), "{blank:?}");
    }
}

#[test]
fn much_that_is_signed_and_not_shown_is_not_looked_through() {
    let names = [
        "/D/Document.xml",
        "/D/Page.xml",
        "/D/1.xml",
        "/D/2.xml",
        "/D/3.xml",
    ];
    let bare_root = Plan {
        references: &names,
        ..WHOLE
    };
    for (each, code) in [(1, None), (6 << 20, Some(FindingCode::Coverage))] {
        let mut parts = Parts::new();
        for name in &names[2..] {
            parts.set(&name[1..], vec![b' '; each]);
        }
        parts.sign(slice::from_ref(&bare_root));
        check(&parts, code, Some(FindingCode::OfdXmlUncovered));
    }
}

#[test]
fn digests_by_many_algorithms_are_bounded() {
    let bytes = signed(&[WHOLE]).zip();
    let package = Package::open(&bytes).unwrap();
    let page = package.find("D/Page.xml").unwrap().file;
    let hashes = Hashes::new(&package, package.size_bytes(page) * 3 / 2);
    assert!(hashes.digest(page, DigestAlgorithm::Sm3).is_ok());
    let refused = hashes.digest(page, DigestAlgorithm::Sha256);
    let refused = refused.map_err(|refusal| refusal.code());
    assert_eq!(refused, Err(FindingCode::ZipBomb));
    assert!(hashes.digest(page, DigestAlgorithm::Sm3).is_ok());
}

#[test]
fn weak_digests_are_refused() {
    for method in [Some("MD5"), Some("SHA1"), None] {
        check(
            &signed(&[Plan { method, ..WHOLE }]),
            Some(FindingCode::SigAlg),
            None,
        );
    }
}

#[test]
fn references_must_hold() {
    let changed = |name: &str, content: &str| {
        let mut parts = signed(&[WHOLE]);
        parts.set(name, content);
        parts
    };
    check(
        &changed("D/Page.xml", "<Page ID='2'/>"),
        Some(FindingCode::RefDigest),
        None,
    );
    let escaping = Plan {
        references: &["/OFD.xml", "D/Document.xml", "D/Page.xml", "../x"],
        ..WHOLE
    };
    check(&signed(&[escaping]), Some(FindingCode::RefPath), None);
    let absent = Plan {
        references: &["/OFD.xml", "/D/Document.xml", "/D/Page.xml", "/x"],
        ..WHOLE
    };
    check(&signed(&[absent]), Some(FindingCode::RefMissing), None);
    let folded = Plan {
        references: &["/OFD.xml", "/d/document.xml", "/D/PAGE.xml"],
        ..WHOLE
    };
    check(&signed(&[folded]), None, Some(FindingCode::ZipCase));
}

#[test]
fn bytes_that_mean_the_same_are_not_the_same() {
    let page = "<Page ID='1'>\n</Page>";
    let mut parts = Parts::new();
    parts.set("D/Page.xml", page);
    parts.sign(&[WHOLE]);
    check(&parts, None, None);
    let bom = format!("\u{FEFF}{page}");
    for same in [
        page.replace('\n', "\r\n"),
        page.replace('\'', "\""),
        page.replace(" ID", "  ID"),
        format!("{page}\n"),
        bom,
    ] {
        let mut changed = parts.clone();
        changed.set("D/Page.xml", same);
        check(&changed, Some(FindingCode::RefDigest), None);
    }
}

#[test]
fn a_shortened_list_is_found() {
    let unlisted = || Plan {
        is_listed: false,
        ..WHOLE
    };
    check(
        &signed(&[WHOLE, unlisted()]),
        Some(FindingCode::SignatureStripped),
        Some(FindingCode::Uncovered),
    );
    let none = check(&signed(&[unlisted()]), Some(FindingCode::Unsigned), None);
    assert_eq!(none.gb36906, 2);
}

#[test]
fn absent_parts_are_named() {
    let without = |name: &str| {
        let mut parts = signed(&[WHOLE]);
        parts.0.retain(|(other, _)| other != name);
        parts
    };
    check(
        &without("D/Signs/Signatures.xml"),
        Some(FindingCode::Unsigned),
        None,
    );
    check(
        &without("D/Signs/Sign_0/SignedValue.dat"),
        Some(FindingCode::SvMissing),
        None,
    );
    let report = verdict(&without("D/Signs/Sign_0/Signature.xml"), None);
    assert_eq!(report.code, Some(FindingCode::SvMissing));
    let report = verdict(&without("OFD.xml"), None);
    assert_eq!(
        (report.kind, report.verdict),
        (FileKind::Unknown, Outcome::Invalid)
    );
}

#[test]
fn encrypted_content_is_not_judged() {
    let mut parts = signed(&[WHOLE]);
    parts.set("Encryptions.xml", "<Encryptions/>");
    parts.set("D/Page.xml", "encrypted");
    let report = check(&parts, Some(FindingCode::Encrypted), None);
    assert_eq!(report.verdict, Outcome::Indeterminate);
}

#[test]
fn a_broken_signature_is_result_1_and_a_changed_file_2() {
    let mut parts = signed(&[WHOLE]);
    let value = "D/Signs/Sign_0/SignedValue.dat";
    let (_, bytes) = parts.0.iter_mut().find(|(name, _)| name == value).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    let report = check(&parts, Some(FindingCode::SigInvalid), None);
    assert_eq!(report.gb36906, 1);
    let mut parts = signed(&[WHOLE]);
    parts.set("D/Page.xml", "<Page ID='2'/>");
    let report = check(&parts, Some(FindingCode::RefDigest), None);
    assert_eq!(report.gb36906, 2);
}

#[test]
fn parts_that_many_signatures_name_are_not_read_without_end() {
    let mut parts = signed(&[WHOLE]);
    let seal = "<Seal><BaseLoc>/large.esl</BaseLoc></Seal>";
    let name = "D/Signs/Sign_0/Signature.xml";
    let with_seal = parts
        .text(name)
        .replace("<References", &format!("{seal}<References"));
    parts.set(name, with_seal);
    parts.set("large.esl", vec![b'x'; 7 << 20]);
    let line = "<Signature BaseLoc='/D/Signs/Sign_0/Signature.xml'/>";
    let lines = line.repeat(20);
    let list = format!("<Signatures xmlns='http://www.ofdspec.org/2016'>{lines}</Signatures>");
    parts.set("D/Signs/Signatures.xml", list);
    let verdict = verdict(&parts, None);
    let is_too_much = |report: &&SignatureReport| {
        let mut checks = report.checks.iter();
        checks.any(|check| check.detail.contains("in parts of signatures"))
    };
    let refused: Vec<_> = verdict.signatures.iter().filter(is_too_much).collect();
    assert_eq!((refused.len(), verdict.signatures.len()), (2, 20));
}

#[test]
fn references_of_many_signatures_are_not_followed_without_end() {
    let mut parts = signed(&[WHOLE]);
    let name = "D/Signs/Sign_0/Signature.xml";
    let more = "<Reference FileRef='/x'><CheckValue/></Reference>".repeat(9_000);
    let many = parts.text(name);
    let many = many.replace("</References>", &format!("{more}</References>"));
    parts.set(name, many);
    let line = "<Signature BaseLoc='/D/Signs/Sign_0/Signature.xml'/>";
    let lines = line.repeat(6);
    let list = format!("<Signatures xmlns='http://www.ofdspec.org/2016'>{lines}</Signatures>");
    parts.set("D/Signs/Signatures.xml", list);
    let verdict = verdict(&parts, None);
    let is_too_much = |report: &&SignatureReport| {
        let mut checks = report.checks.iter();
        checks.any(|check| check.detail.contains("references in all signatures"))
    };
    assert_eq!(verdict.signatures.iter().filter(is_too_much).count(), 1);
}
