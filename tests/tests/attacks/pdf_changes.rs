//! What is added to a signed PDF after signing, by whoever prepared it or came upon it.

use std::io::Write as _;

use certs::mint::pdf::PdfSignature;
use schemas::verdict::FindingCode::{self, FormatFailure, SignatureStripped};
use schemas::verdict::{Outcome, Profile};

use super::pdf_families::Forgery;
use super::pdf_scene::{
    CATALOG, CONTENT, COVER, EVIL_CONTENT, FIELD, PAGE, VALUE, catalog, certified, cut, judged,
    signed, signed_as, transform, update, verify_in,
};
use super::scene::SCENE;

/// Whoever prepared the file hid in it what comes to light later.
pub(super) fn shadows() -> Vec<Forgery> {
    let root = "<</Type/Catalog/Pages 30 0 R/AcroForm 5 0 R>>";
    let pages = "<</Type/Pages/Kids[31 0 R]/Count 1>>";
    let page = PAGE
        .replace("[4 0 R 9 0 R]", " 32 0 R")
        .replace("/Parent 2", "/Parent 30");
    let hidden = [
        (29, root),
        (30, pages),
        (31, page.as_str()),
        (32, EVIL_CONTENT),
    ];
    let replaced = catalog("7 0 R 51 0 R", "").replace("/Pages 2", "/Pages 30");
    let layers = CATALOG.replace("/AcroForm", "/OCProperties 30 0 R/AcroForm");
    let shown = "<</OCGs[31 0 R]/D<</ON[31 0 R]>>>>";
    let (off, layer) = (shown.replace("/ON", "/OFF"), "<</Type/OCG/Name(a)>>");
    let with_layers = signed(&[(1, &layers), (30, shown), (31, layer)]);
    let glyphs = "<</Type/Font/Subtype/Type1/BaseFont/Helvetica/ToUnicode 30 0 R>>";
    let as_information = PAGE.replace("[4 0 R 9 0 R]", " 32 0 R");
    let information = [
        (2, "<</Type/Pages/Kids[8 0 R]/Count 1>>"),
        (8, PAGE),
        (32, EVIL_CONTENT),
    ];
    let absent = PAGE.replace("9 0 R]", "9 0 R 40 0 R]");
    let update_of =
        |prepared: &[(u32, &str)], changed: &[(u32, &str)]| update(&signed(prepared), changed);
    let lost = "<</Length 0>>stream\n\nendstream";
    let forgery = |attack: &str, file| Forgery::new(attack, file, FormatFailure);
    vec![
        forgery("hide", update_of(&[(9, COVER)], &[(9, lost)])),
        forgery(
            "replace",
            update_of(&[(6, glyphs), (30, CONTENT)], &[(30, EVIL_CONTENT)]),
        ),
        forgery("hide and replace", update_of(&hidden, &[(1, &replaced)])),
        forgery("layers", update(&with_layers, &[(30, &off)])),
        forgery(
            "information that is a page",
            update_of(&information, &[(8, &as_information)]),
        ),
        forgery(
            "an object that was missing",
            update_of(&[(3, &absent)], &[(40, EVIL_CONTENT)]),
        ),
    ]
}

/// Annotations over the content of a certified file.
pub(super) fn annotations() -> Vec<Forgery> {
    let note = "<</Type/Annot/Subtype/FreeText/Rect[0 0 595 842]/DA(/F1 9 Tf)/Contents(9)>>";
    let page = PAGE.replace("[7 0 R]", "[7 0 R 51 0 R 60 0 R]");
    let added = |file: &[u8]| update(file, &[(3, &page), (60, note)]);
    // P = 3 allows it: the general profile says so and warns, a licence has no such thing.
    let allowed = added(&certified(3));
    judged("P = 3", &allowed, Outcome::Invalid, Outcome::Valid);
    let verdict = verify_in(Profile::General, &allowed, &SCENE.trust);
    assert!(
        verdict
            .warnings
            .contains(&FindingCode::ModifiedAfterSigning)
    );
    vec![
        Forgery::new("P = 1", added(&certified(1)), FormatFailure),
        Forgery::new("P = 2", added(&certified(2)), FormatFailure),
        Forgery::new("an approval", added(&signed(&[])), FormatFailure),
    ]
}

/// A signature field that draws over the content, and nobody signs it.
pub(super) fn sneaky() -> Vec<Forgery> {
    let field = "<</Type/Annot/Subtype/Widget/FT/Sig/T(b)/P 3 0 R/Rect[60 300 160 320]/AP<</N \
                 61 0 R>>>>";
    let picture = EVIL_CONTENT.replace("<<", "<</Type/XObject/Subtype/Form/BBox[0 0 100 20]");
    let page = PAGE.replace("[7 0 R]", "[7 0 R 51 0 R 60 0 R]");
    let root = |permissions: &str| catalog("7 0 R 51 0 R 60 0 R", permissions);
    let added = |file: &[u8], permissions: &str| {
        let root = root(permissions);
        update(file, &[(1, &root), (3, &page), (60, field), (61, &picture)])
    };
    let moved = format!("/V {VALUE} 0 R/F 132/Rect[60 300 160 320]/AP<</N 61 0 R>>");
    let own = cut(&signed(&[]), "51 0 obj\n", "\nendobj");
    let own = own["51 0 obj\n".len()..].trim_end_matches("\nendobj");
    let own = own.replace(&format!("/V {VALUE} 0 R/F 132/Rect[0 0 0 0]"), &moved);
    let moved = update(&signed(&[]), &[(51, &own), (61, &picture)]);
    let certified = added(&certified(2), &format!("/Perms<</DocMDP {VALUE} 0 R>>"));
    vec![
        Forgery::new("after an approval", added(&signed(&[]), ""), FormatFailure),
        Forgery::new("after a certification", certified, FormatFailure),
        Forgery::new("the signer's own widget", moved, FormatFailure),
    ]
}

/// A locked field is filled in.
pub(super) fn locks() -> Vec<Forgery> {
    let filled = FIELD.replace("/V()", "/V(yes)");
    let mut forgeries = Vec::new();
    for parameters in [
        "/Action/All",
        "/Action/Include/Fields[(note)]",
        "/Action/Include/Fields[<FEFF006E006F00740065>]",
        "/Action/Exclude/Fields[(other)]",
    ] {
        let entries = transform("FieldMDP", parameters);
        let plan = PdfSignature {
            entries: &entries,
            ..PdfSignature::default()
        };
        let file = update(&signed_as(&[], &plan), &[(7, &filled)]);
        forgeries.push(Forgery::new(parameters, file, FormatFailure));
        let field = format!("a)/Lock<</Type/SigFieldLock{parameters}>>/TU(");
        let plan = PdfSignature {
            field: &field,
            ..PdfSignature::default()
        };
        let file = update(&signed_as(&[], &plan), &[(7, &filled)]);
        forgeries.push(Forgery::new(
            format!("the field's {parameters}"),
            file,
            FormatFailure,
        ));
    }
    forgeries
}

/// A later save takes the signature away.
pub(super) fn vanished() -> Vec<Forgery> {
    let file = signed(&[]);
    let without = cut(&file, "51 0 obj\n", "\nendobj");
    let without = without["51 0 obj\n".len()..].trim_end_matches("\nendobj");
    let null = without.replace(&format!("/V {VALUE} 0 R"), "/V null");
    let no_form = "<</Type/Catalog/Pages 2 0 R>>";
    vec![
        Forgery::new(
            "the form",
            update(&file, &[(1, no_form)]),
            SignatureStripped,
        ),
        Forgery::new(
            "the field",
            update(&file, &[(1, &catalog("7 0 R", ""))]),
            SignatureStripped,
        ),
        Forgery::new(
            "the value",
            update(&file, &[(51, &null)]),
            SignatureStripped,
        ),
        Forgery::new(
            "null as field",
            update(&file, &[(51, "null")]),
            SignatureStripped,
        ),
    ]
}

/// Files that keep a reader busy.
pub(super) fn exhaustion() -> Vec<Forgery> {
    let file = signed(&[]);
    let at = file.len();
    let appended = |text: &str| [&file[..], text.as_bytes()].concat();
    let section = |at: usize, previous: usize| {
        format!(
            "xref\n0 0\ntrailer\n<</Size 52/Root 1 0 R/Prev {previous}>>\nstartxref\n{at}\n%%EOF\n"
        )
    };
    let mut many = file.clone();
    let last: usize = cut(&file, "startxref\n", "%%EOF")
        .lines()
        .nth(1)
        .unwrap()
        .parse()
        .unwrap();
    let mut previous = last;
    for _ in 0..600 {
        let at = many.len();
        many.extend(section(at, previous).bytes());
        previous = at;
    }
    let deep = format!("<</Title{}{}>>", "[".repeat(5_000), "]".repeat(5_000));
    let references = |entries: &str, rows: &[u8]| {
        let length = rows.len();
        let head = format!(
            "61 0 obj\n<</Type/XRef/Size 99/Root 1 0 R/Prev {last}/W[1 4 1]{entries}/Length \
             {length}>>stream\n"
        );
        let end = format!("\nendstream\nendobj\nstartxref\n{at}\n%%EOF\n");
        [&file[..], head.as_bytes(), rows, end.as_bytes()].concat()
    };
    let own_place = u32::try_from(at).unwrap().to_be_bytes();
    // Object 62 stands in the stream of objects 62.
    let looped = [&[1][..], &own_place, &[0, 2, 0, 0, 0, 62, 0]].concat();
    let mut bomb = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
    bomb.write_all(&vec![0; 64 << 20]).unwrap();
    let bomb = bomb.finish().unwrap();
    let kids = FIELD.replace("/P 3", "/Kids[7 0 R]/P 3");
    let forgery = |attack: &str, file| Forgery::new(attack, file, FormatFailure);
    vec![
        forgery("sections in a circle", appended(&section(at, at))),
        forgery("many sections", many),
        forgery("deep nesting", update(&file, &[(8, &deep)])),
        forgery("many rows", references("/Index[0 4000000000]", b"")),
        forgery(
            "a stream of objects in itself",
            references("/Index[61 2]", &looped),
        ),
        forgery(
            "a small stream that inflates to 64 MiB",
            references("/Index[0 9]/Filter/FlateDecode", &bomb),
        ),
        forgery("a field in itself", update(&file, &[(7, &kids)])),
    ]
}

/// Page 3 in an object stream of an update: who prefers the older object sees the signed page.
pub(super) fn stale() -> Vec<Forgery> {
    let file = signed(&[(32, EVIL_CONTENT)]);
    let previous = cut(&file, "startxref\n", "%%EOF");
    let previous = previous.lines().nth(1).unwrap();
    let page = PAGE
        .replace("[4 0 R 9 0 R]", " 32 0 R")
        .replace("[7 0 R]", "[7 0 R 51 0 R]");
    let stream = file.len();
    let mut out = file;
    let length = page.len() + 4;
    out.extend(
        format!(
            "60 0 obj\n<</Type/ObjStm/N 1/First 4/Length {length}>>stream\n3 0 {page}\nendstream\n\
             endobj\n"
        )
        .bytes(),
    );
    let section = out.len();
    out.extend(
        format!(
            "61 0 obj\n<</Type/XRef/Size 62/Root 1 0 R/Info 8 0 R/Prev {previous}/W[1 4 1]\
             /Index[3 1 60 2]/Length 18>>stream\n"
        )
        .bytes(),
    );
    for (kind, second) in [(2, 60), (1, stream), (1, section)] {
        out.push(kind);
        out.extend(u32::try_from(second).unwrap().to_be_bytes());
        out.push(0);
    }
    out.extend(format!("\nendstream\nendobj\nstartxref\n{section}\n%%EOF\n").bytes());
    vec![Forgery::new(
        "a page in an object stream",
        out,
        FormatFailure,
    )]
}
