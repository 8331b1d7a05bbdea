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
