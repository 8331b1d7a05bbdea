//! What an update puts elsewhere in the hope that nobody looks there.

use super::*;

/// The numbers that signing gives to the value, and to its field.
const SIGNED: [u32; 2] = [50, 51];

/// The catalog of a file that was signed, with these entries and fields more.
fn catalog(entries: &str, fields: &str) -> String {
    format!(
        "<</Type/Catalog/Pages 2 0 R/AcroForm<</Fields[7 0 R {} 0 R {fields}]/SigFlags 3\
         /DA(/F1 0 Tf 0 g)>>{entries}>>",
        SIGNED[1]
    )
}

/// A file whose information has a title, and which holds other information that nothing uses.
fn titled() -> Vec<u8> {
    let objects = [
        (8, "<</Title(Licence 1)/ModDate(D:2026)>>"),
        (30, "<</Title(Licence 2)>>"),
        (31, "<</Title(Licence 1)/ModDate(D:2027)>>"),
    ];
    sign_as(&base(&objects), "a")
}

/// An update whose trailer has this in the place of `/Info 8 0 R`.
fn with_trailer(entries: &str) -> Vec<u8> {
    let file = titled();
    let good = update(&file, &[(1, &catalog("", ""))]);
    let tail = String::from_utf8(good[file.len()..].to_vec()).unwrap();
    assert!(tail.contains("/Info 8 0 R"), "{tail}");
    [&file[..], tail.replace("/Info 8 0 R", entries).as_bytes()].concat()
}

#[test]
fn other_information_is_noticed_wherever_it_stands() {
    let as_it_was = with_trailer("/Info 8 0 R");
    check("as it was", &as_it_was, Outcome::Valid, Outcome::Valid);
    for saved in ["/Info 31 0 R", "/Info<</Title(Licence 1)/Producer(x)>>"] {
        let file = with_trailer(saved);
        check(saved, &file, Outcome::Valid, Outcome::Valid);
        let verdict = verify(&file, Profile::Licence);
        let noted = ["LTA: document information"];
        assert_eq!(verdict.signatures[0].modifications, noted);
    }
    for renamed in [
        "/Info 30 0 R",
        "/Info<</Title(Licence 2)>>",
        "/Info<<>>",
        "/Info null",
        "/Info 99 0 R",
        "",
    ] {
        let file = with_trailer(renamed);
        check(renamed, &file, Outcome::Invalid, Outcome::Valid);
        let verdict = verify(&file, Profile::General);
        let noted = ["FORM_FILLING: the document information's /Title"];
        assert_eq!(verdict.signatures[0].modifications, noted);
    }
    refused("an array", &with_trailer("/Info[]"));
    let encrypted = with_trailer("/Info 8 0 R/Encrypt 31 0 R");
    let (open, what) = (Outcome::Indeterminate, "encrypted");
    check(what, &encrypted, open, open);
}

#[test]
fn entries_of_the_catalog_are_not_put_there_or_elsewhere() {
    let signed = sign_as(&base(&[(30, "<</S/JavaScript/JS(x)>>"), (31, "<<>>")]), "a");
    let same = update(&signed, &[(1, &catalog("", ""))]);
    check("the same", &same, Outcome::Valid, Outcome::Valid);
    for key in [
        "AA",
        "Collection",
        "Dests",
        "Lang",
        "Legal",
        "MarkInfo",
        "Names",
        "NeedsRendering",
        "OCProperties",
        "OpenAction",
        "Outlines",
        "OutputIntents",
        "PageLabels",
        "PageLayout",
        "PageMode",
        "Perms",
        "PieceInfo",
        "Requirements",
        "StructTreeRoot",
        "Threads",
        "URI",
        "ViewerPreferences",
    ] {
        let added = catalog(&format!("/{key} 30 0 R"), "");
        refused(key, &update(&signed, &[(1, &added)]));
        let with = CATALOG.replace(">>", &format!("/{key} 30 0 R>>"));
        let other = [(1, with.as_str()), (30, "<</A 1>>"), (31, "<<>>")];
        let signed = sign_as(&base(&other), "a");
        for value in ["", "31 0 R", "<</A 2>>", "null"] {
            let entry = if value.is_empty() {
                String::new()
            } else {
                format!("/{key} {value}")
            };
            refused(&entry, &update(&signed, &[(1, &catalog(&entry, ""))]));
        }
    }
    for key in ["DSS 3 0 R", "DSS 4 0 R", "DSS[3 0 R]", "DSS<</Type/Page>>"] {
        refused(
            key,
            &update(&signed, &[(1, &catalog(&format!("/{key}"), ""))]),
        );
    }
}

/// A field without a kind or a name of its own between the form and a signature.
const BETWEEN: [(u32, &str); 3] = [
    (60, "<</T(g)/FT/Sig/Kids[61 0 R]>>"),
    (61, "<</Parent 60 0 R/Kids[62 0 R]>>"),
    (
        63,
        "<</Type/Sig/Filter/Adobe.PPKLite/SubFilter/adbe.pkcs7.detached/Name(Mayor)\
         /ByteRange[0 100 200 300]/Contents<3000>>>",
    ),
];
const LOW: &str =
    "<</Type/Annot/Subtype/Widget/FT/Sig/T(S2)/Rect[0 0 0 0]/Parent 61 0 R/V 63 0 R>>";

#[track_caller]
fn names_both(what: &str, file: &[u8]) {
    refused(what, file);
    let verdict = verify(file, Profile::General);
    let mut names: Vec<_> = verdict
        .signatures
        .iter()
        .map(|one| one.id.as_str())
        .collect();
    names.sort_unstable();
    assert_eq!(names, ["a", "g.S2"], "{what}");
}

#[test]
fn a_signature_far_below_its_field_is_found() {
    let mut objects = BETWEEN.to_vec();
    objects.push((62, LOW));
    let catalog = catalog("", "60 0 R");
    let later = [objects.as_slice(), &[(1, catalog.as_str())]].concat();
    names_both("added later", &update(&sign_as(&base(&[]), "a"), &later));

    let form = "<</Fields[7 0 R 60 0 R]/DA(/F1 0 Tf 0 g)>>";
    objects.push((5, form));
    names_both("there before", &sign_as(&base(&objects), "a"));

    // Two levels without a name, and one written directly.
    let kids = "<</T(g)/FT/Sig/Kids[<</Kids[61 0 R]>>]>>";
    let deep = [objects.as_slice(), &[(60, kids)]].concat();
    names_both("deeper", &sign_as(&base(&deep), "a"));
}

#[test]
fn a_new_field_has_no_strange_parts_far_below_or_above() {
    let signed = sign_as(&base(&[]), "a");
    let catalog = catalog("", "60 0 R");
    let empty = "<</Type/Annot/Subtype/Widget/FT/Sig/T(S2)/Rect[0 0 0 0]/Parent 60 0 R>>";
    let with = |parent: &str, kid: &str| {
        let objects = [(1, catalog.as_str()), (60, parent), (61, kid)];
        update(&signed, &objects)
    };
    let parent = "<</T(g)/FT/Sig/Kids[61 0 R]>>";
    check(
        "empty",
        &with(parent, empty),
        Outcome::Valid,
        Outcome::Valid,
    );
    let acting = "<</T(g)/FT/Sig/Kids[61 0 R]/AA<</K<</S/JavaScript/JS(x)>>>>>>";
    refused("an action above", &with(acting, empty));
    refused("no widget", &with(parent, "<</Parent 60 0 R>>"));
}
