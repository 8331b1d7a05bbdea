//! Files that were made to cost much, and those that look like them.

use schemas::pdf::changes;
use schemas::pdf::document::Document;
use schemas::pdf::limits;
use schemas::verdict::{FindingCode, Outcome, Profile};

use super::{base, check, now, sign, sign_as, update, verify};
use crate::mint::pdf::{PdfSignature, sign_pdf};
use crate::mint::signed_data::sign_detached;

#[test]
fn fifty_one_signatures_are_read() {
    let mut file = base(&[]);
    for number in 0..51 {
        file = sign_as(&file, &format!("f{number}"));
    }
    check("fifty-one", &file, Outcome::Valid, Outcome::Valid);
    let verdict = verify(&file, Profile::Licence);
    assert_eq!(verdict.signatures.len(), 51);
}

#[test]
fn bytes_that_all_signatures_cover_are_counted() {
    let blob = "x".repeat(50_000_000);
    let text = format!("<</Length {}>>stream\n{blob}\nendstream", blob.len());
    let mut file = base(&[(9, &text)]);
    let value = sign_detached(&super::PKI.1, &[b"something else"], now()).unwrap();
    for number in 0..=limits::COVERED_TOTAL_BYTES / blob.len() {
        let plan = PdfSignature {
            field: &format!("f{number}"),
            ..PdfSignature::default()
        };
        file = sign_pdf(&file, &plan, |_| Ok(value.clone())).unwrap();
    }
    let verdict = verify(&file, Profile::Licence);
    assert_eq!(verdict.code, Some(FindingCode::FormatFailure));
    assert!(verdict.signatures.is_empty(), "none was digested");
}

#[test]
fn locks_name_no_more_fields_than_there_may_be() {
    let lock = |names: usize| {
        let names = "(a)".repeat(names);
        format!("<</Type/TransformParams/Action/Include/Fields[{names}]/V/1.2>>")
    };
    let one = "<</TransformMethod/FieldMDP/TransformParams 9 0 R>>";
    let cases = [
        (limits::LOCKED_NAMES, 1, Outcome::Valid),
        (limits::LOCKED_NAMES + 1, 1, Outcome::Invalid),
        (limits::LOCKED_NAMES / 2, 3, Outcome::Invalid),
        (1, limits::REFERENCES, Outcome::Valid),
        (1, limits::REFERENCES + 1, Outcome::Invalid),
    ];
    for (names, references, expected) in cases {
        let plan = PdfSignature {
            entries: &format!("/Reference[{}]", one.repeat(references)),
            ..PdfSignature::default()
        };
        let file = sign(&base(&[(9, &lock(names))]), &plan);
        check("locks", &file, expected, expected);
    }
}

#[test]
fn changes_are_kept_by_the_dozen() {
    let page = "<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R>>";
    let signed = sign_as(&base(&[(9, page), (10, page)]), "a");
    let changed = page.replace(">>", "/Annots 40 0 R>>");
    let list = format!("[{}]", "0 ".repeat(100_000));
    let file = update(&signed, &[(9, &changed), (10, &changed), (40, &list)]);
    check("nothing", &file, Outcome::Invalid, Outcome::Invalid);
    let document = Document::open(&file).unwrap();
    let changes = changes::of_revision(&document, document.last()).unwrap();
    assert_eq!(changes.len(), limits::NOTED_CHANGES);
}
