//! Files that are signed here, and what is done to them afterwards.

mod bounds;
mod dialects;
mod evidence;
mod later;
mod metadata;
mod passed_over;
mod repointed;
mod time;
mod unlisted;

use std::sync::LazyLock;

use chrono::{DateTime, Duration, TimeZone as _, Utc};
use schemas::pdf::document::Document;
use schemas::pdf::object::ObjectId;
use schemas::pdf::write::{NewFile, Update};
use schemas::verdict::{FindingCode, Outcome, Profile, Verdict};

use crate::mint::certificate::{Usage, Validity};
use crate::mint::credential::Credential;
use crate::mint::pdf::{PdfSignature, sign_pdf};
use crate::mint::pki::DevelopmentPki;
use crate::mint::signed_data::sign_detached;
use crate::trust::TrustStore;
use crate::verify::{VerifyOptions, verify_file};

static PKI: LazyLock<(TrustStore, Credential)> = LazyLock::new(|| {
    let pki = DevelopmentPki::mint("测试", now()).unwrap();
    let validity = Validity {
        from: now() - Duration::days(30),
        until: now() + Duration::days(30),
    };
    let (name, code) = ("测试局", "91330106673959654P");
    let signer = pki
        .issue_signer(name, code, validity, Usage::Signing)
        .unwrap();
    let mut trust = TrustStore::empty();
    for authority in [pki.root(), pki.issuing()] {
        trust.add_certificate(authority.certificate()).unwrap();
    }
    (trust, signer)
});

fn now() -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 11, 21, 12, 0, 0).unwrap()
}

const CATALOG: &str = "<</Type/Catalog/Pages 2 0 R/AcroForm 5 0 R>>";
const PAGE: &str = "<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R\
                    /Resources<</Font<</F1 6 0 R>>>>/Annots[7 0 R]>>";
const CONTENT: &str = "<</Length 33>>stream\nBT /F1 9 Tf (CNY 1,000,000) Tj ET \nendstream";
const FALSE_CONTENT: &str = "<</Length 33>>stream\nBT /F1 9 Tf (CNY 9,000,000) Tj ET \nendstream";
const FORM: &str = "<</Fields[7 0 R]/DA(/F1 0 Tf 0 g)>>";
const FIELD: &str = "<</Type/Annot/Subtype/Widget/FT/Tx/T(note)/V()/Rect[60 300 300 320]/P 3 0 R>>";

/// Object 1 is the catalog, 2 the page tree, 3 the page, 4 its content, 5 the form, 6 the font, 7 a
/// text field, 8 the document information; `changes` puts others in their place, or adds some.
fn base(changes: &[(u32, &str)]) -> Vec<u8> {
    let font = "<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>";
    let objects = [
        (1, CATALOG),
        (2, "<</Type/Pages/Kids[3 0 R]/Count 1>>"),
        (3, PAGE),
        (4, CONTENT),
        (5, FORM),
        (6, font),
        (7, FIELD),
        (8, "<<>>"),
        // Free: the next new object is number 50.
        (49, ""),
    ];
    let mut file = NewFile::default();
    for (number, text) in objects.iter().chain(changes) {
        let (number, generation) = (*number, 0);
        file.put(ObjectId { number, generation }, *text);
    }
    file.finish("/Root 1 0 R/Info 8 0 R")
}

fn sign(file: &[u8], plan: &PdfSignature<'_>) -> Vec<u8> {
    sign_pdf(file, plan, |parts| sign_detached(&PKI.1, parts, now())).unwrap()
}

fn sign_as(file: &[u8], field: &str) -> Vec<u8> {
    let plan = PdfSignature {
        field,
        ..PdfSignature::default()
    };
    sign(file, &plan)
}

/// The file with an update in which these objects are others, or new.
fn update(file: &[u8], objects: &[(u32, &str)]) -> Vec<u8> {
    let document = Document::open(file).unwrap();
    let mut update = Update::new(&document);
    for (number, text) in objects {
        let (number, generation) = (*number, 0);
        update.put(ObjectId { number, generation }, *text);
    }
    update.finish().unwrap().0
}

fn verify(file: &[u8], profile: Profile) -> Verdict {
    let options = VerifyOptions {
        profile,
        ..VerifyOptions::at(now())
    };
    verify_file(file, &PKI.0, &options)
}

#[track_caller]
fn check(what: &str, file: &[u8], licence: Outcome, general: Outcome) {
    for (profile, expected) in [(Profile::Licence, licence), (Profile::General, general)] {
        let verdict = verify(file, profile);
        let text = serde_json::to_string_pretty(&verdict).unwrap();
        assert_eq!(verdict.verdict, expected, "{what}, {profile:?}: {text}");
    }
}

#[track_caller]
fn refused(what: &str, file: &[u8]) {
    check(what, file, Outcome::Invalid, Outcome::Invalid);
    let verdict = verify(file, Profile::General);
    assert!(
        !verdict.signatures.is_empty(),
        "{what}: the signature is still seen"
    );
}

#[test]
fn a_signed_file_is_valid_and_covered_whole() {
    let signed = sign_as(&base(&[]), "a");
    check("signed", &signed, Outcome::Valid, Outcome::Valid);
    let verdict = verify(&signed, Profile::Licence);
    let [report] = verdict.signatures.as_slice() else {
        panic!("{verdict:?}")
    };
    assert_eq!(
        (report.coverage.as_str(), report.id.as_str()),
        ("ENTIRE_FILE", "a")
    );
    assert!(report.modifications.is_empty());

    let twice = sign_as(&signed, "b");
    check("signed twice", &twice, Outcome::Valid, Outcome::Valid);
    let verdict = verify(&twice, Profile::Licence);
    let coverage: Vec<_> = verdict
        .signatures
        .iter()
        .map(|one| one.coverage.as_str())
        .collect();
    assert_eq!(coverage, ["ENTIRE_REVISION", "ENTIRE_FILE"]);
}

#[test]
fn every_changed_byte_that_is_covered_is_noticed() {
    let signed = sign_as(&base(&[]), "a");
    let document = Document::open(&signed).unwrap();
    let gap = schemas::pdf::fields::all(&document, 1)
        .unwrap()
        .iter()
        .find_map(|field| field.signature(&document, 1))
        .unwrap()
        .unwrap()
        .contents_at;
    let end = document.revisions()[1].end;
    for at in (0..end).filter(|at| !gap.contains(at)) {
        let mut changed = signed.clone();
        changed[at] ^= 1;
        let verdict = verify(&changed, Profile::General);
        assert!(!verdict.is_valid(), "byte {at}");
        assert_ne!(
            verdict.code,
            Some(FindingCode::Unsigned),
            "byte {at}: a signature was there"
        );
    }
}

#[test]
fn what_is_shown_may_not_be_changed_in_any_way() {
    let signed = sign_as(&base(&[]), "a");
    let other_page = PAGE.replace("/Contents 4 0 R", "/Contents 30 0 R");
    let catalog = "<</Type/Catalog/Pages 30 0 R/AcroForm<</Fields[7 0 R 21 0 R]/SigFlags 3>>>>";
    let pages = "<</Type/Pages/Kids[31 0 R]/Count 1>>";
    let font = "<</Type/Font/Subtype/Type1/BaseFont/Courier>>";
    for (what, objects) in [
        ("content", vec![(4, FALSE_CONTENT)]),
        ("page", vec![(3, other_page.as_str()), (30, FALSE_CONTENT)]),
        ("font", vec![(6, font)]),
        (
            "pages",
            vec![(1, catalog), (30, pages), (31, other_page.as_str())],
        ),
        ("nothing known", vec![(40, FALSE_CONTENT)]),
    ] {
        refused(what, &update(&signed, &objects));
    }
}

#[test]
fn a_signature_that_is_taken_away_is_missed() {
    let signed = sign_as(&base(&[]), "a");
    let no_form = "<</Type/Catalog/Pages 2 0 R>>";
    let no_field = "<</Type/Catalog/Pages 2 0 R/AcroForm<</Fields[7 0 R]/SigFlags 3>>>>";
    for (what, catalog) in [("the form", no_form), ("the field", no_field)] {
        let changed = update(&signed, &[(1, catalog)]);
        refused(what, &changed);
        let verdict = verify(&changed, Profile::General);
        assert_eq!(verdict.code, Some(FindingCode::SignatureStripped), "{what}");
    }
}

#[test]
fn a_form_is_filled_in_where_that_is_allowed() {
    let filled = FIELD.replace("/V()", "/V(yes)");
    let signed = sign_as(&base(&[]), "a");
    let changed = update(&signed, &[(7, &filled)]);
    check("filled", &changed, Outcome::Invalid, Outcome::Valid);
    let moved = FIELD.replace("/Rect[60", "/Rect[10");
    refused("moved", &update(&signed, &[(7, &moved)]));

    let certification = |permission: u8| {
        format!(
            "/Reference[<</Type/SigRef/TransformMethod/DocMDP/TransformParams<</Type\
             /TransformParams/P {permission}/V/1.2>>>>]"
        )
    };
    for (permission, general) in [
        (1, Outcome::Invalid),
        (2, Outcome::Valid),
        (3, Outcome::Valid),
    ] {
        let plan = PdfSignature {
            entries: &certification(permission),
            certifies: true,
            ..PdfSignature::default()
        };
        let changed = update(&sign(&base(&[]), &plan), &[(7, &filled)]);
        check("certified", &changed, Outcome::Invalid, general);
    }
    let lock = "/Reference[<</Type/SigRef/TransformMethod/FieldMDP/TransformParams<</Type\
                /TransformParams/Action/Include/Fields[(note)]/V/1.2>>>>]";
    let plan = PdfSignature {
        entries: lock,
        ..PdfSignature::default()
    };
    refused("locked", &update(&sign(&base(&[]), &plan), &[(7, &filled)]));
}

#[test]
fn one_object_is_not_two_things() {
    // Each of these prepares a file so that a change that looks harmless changes what is shown.
    let information = PAGE.replace("/Contents 4 0 R", "/Contents 40 0 R");
    let dangling = PAGE.replace("/Contents 4 0 R", "/Contents[4 0 R 40 0 R]");
    let by_list = PAGE.replace("/Contents 4 0 R", "/Contents 30 0 R");
    let metadata = "<</Type/Metadata/Subtype/XML/Length 33>>stream\n\
                    BT /F1 9 Tf (CNY 1,000,000) Tj ET \nendstream";
    let changed_metadata = metadata.replace("1,0", "9,0");
    let with_metadata = "<</Type/Catalog/Pages 2 0 R/AcroForm 5 0 R/Metadata 4 0 R>>";
    let with_store = "<</Type/Catalog/Pages 2 0 R/AcroForm 5 0 R/DSS<</Certs 30 0 R>>>>";
    let font = "<</Type/Font/Subtype/Type1/BaseFont/Courier>>";
    type Objects<'a> = Vec<(u32, &'a str)>;
    let cases: Vec<(&str, Objects<'_>, Objects<'_>)> = vec![
        (
            "document information that is a page",
            vec![(2, "<</Type/Pages/Kids[8 0 R]/Count 1>>"), (8, PAGE)],
            vec![(8, &information), (40, FALSE_CONTENT)],
        ),
        (
            "an object that was referred to before it was there",
            vec![(3, &dangling)],
            vec![(40, FALSE_CONTENT)],
        ),
        (
            "metadata that are the page's content",
            vec![(1, with_metadata), (4, metadata)],
            vec![(4, &changed_metadata)],
        ),
        (
            "a list of certificates that is the page's content",
            vec![(1, with_store), (3, &by_list), (30, "[4 0 R]")],
            vec![(30, "[40 0 R]"), (40, FALSE_CONTENT)],
        ),
        (
            "document information that is a font",
            vec![(3, PAGE), (8, font)],
            vec![
                (8, "<</Type/Font/Subtype/Type1/BaseFont/Symbol>>"),
                (6, font),
            ],
        ),
    ];
    for (what, prepared, changed) in cases {
        let signed = sign_as(&base(&prepared), "a");
        check(what, &signed, Outcome::Valid, Outcome::Valid);
        refused(what, &update(&signed, &changed));
    }
}

#[test]
fn later_revisions_hold_nothing_but_their_objects() {
    let signed = sign_as(&base(&[]), "a");
    let previous = signed
        .windows(9)
        .rposition(|window| window == b"startxref")
        .unwrap();
    let previous = String::from_utf8_lossy(&signed[previous + 10..]).into_owned();
    let previous = previous.lines().next().unwrap();
    // An update that adds document information, with something else before and after it.
    let with = |before: &str, after: &str, row: &str| {
        let mut out = signed.clone();
        out.extend(before.bytes());
        let at = out.len();
        out.extend(format!("8 0 obj\n<</Producer(x)>>\nendobj\n{after}").bytes());
        let start = out.len();
        let rows = format!("8 1\n{at:010} 00000 n \n{row}");
        let trailer = format!("<</Size 52/Root 1 0 R/Info 8 0 R/Prev {previous}>>");
        let end = format!("xref\n{rows}trailer\n{trailer}\nstartxref\n{start}\n%%EOF\n");
        out.extend(end.bytes());
        out
    };
    let harmless = with("% a comment\n", "", "");
    check("information", &harmless, Outcome::Valid, Outcome::Valid);
    let hidden = "4 0 obj\nnull\nendobj\n";
    refused("hidden before", &with(hidden, "", ""));
    refused("hidden after", &with("", hidden, ""));
    refused("no object", &with("(", ")", ""));
    let old = signed
        .windows(7)
        .position(|window| window == b"6 0 obj")
        .unwrap();
    refused(
        "brought back",
        &with("", "", &format!("4 1\n{old:010} 00000 n \n")),
    );
    refused(
        "bytes after the end",
        &[&signed[..], b"4 0 obj null endobj"].concat(),
    );
    refused(
        "another end",
        &[&signed[..], b"trailer<</Root 1 0 R>>\n%%EOF\n"].concat(),
    );
}

#[test]
fn added_signatures_do_not_hide_the_page() {
    let signed = sign_as(&base(&[]), "a");
    let plan = |rectangle| PdfSignature {
        field: "b",
        rectangle,
        ..PdfSignature::default()
    };
    let seal = sign(&signed, &plan([400, 100, 520, 220]));
    check("a seal", &seal, Outcome::Valid, Outcome::Valid);
    let cover = sign(&signed, &plan([0, 0, 595, 842]));
    refused("a cover", &cover);
}

#[test]
fn the_signed_value_stands_alone_in_its_place() {
    let signed = sign_as(&base(&[]), "a");
    let end = signed
        .windows(3)
        .rposition(|window| window == b">>>")
        .unwrap();
    for byte in [b'1', b' ', b'g'] {
        let mut changed = signed.clone();
        changed[end - 1] = byte;
        refused("padding", &changed);
    }
}

#[test]
fn nonsense_is_refused_and_never_unsigned() {
    let signed = sign_as(&base(&[]), "a");
    for length in (0..signed.len()).step_by(7) {
        let verdict = verify(&signed[..length], Profile::General);
        assert!(!verdict.is_valid(), "{length}");
    }
    check("unsigned", &base(&[]), Outcome::Invalid, Outcome::Invalid);
    let verdict = verify(&base(&[]), Profile::General);
    assert_eq!(verdict.code, Some(FindingCode::Unsigned));
}
