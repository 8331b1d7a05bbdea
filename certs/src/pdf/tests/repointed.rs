//! Entries that may be changed, made to refer to what stood elsewhere, or to what is two things.

use super::*;

const ARRAY: &str = "[7 0 R 51 0 R]";
const FORM_SIGNED: &str = "<</Fields[7 0 R 51 0 R]/SigFlags 3/DA(/F1 0 Tf 0 g)>>";
const FALSE_FORM: &str = "<</Type/XObject/Subtype/Form/BBox[0 0 595 842]/Length 33>>stream\n\
                          BT /F1 9 Tf (CNY 9,000,000) Tj ET \nendstream";
const ENCODED: &str = "<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding<</Differences\
                       [49/nine]>>>>";

fn catalog(form: &str) -> String {
    format!("<</Type/Catalog/Pages 2 0 R/AcroForm {form}>>")
}

fn page(annotations: &str) -> String {
    PAGE.replace("[7 0 R]", annotations)
}

/// The page with these resources in the place of its own.
fn with_resources(resources: &str) -> String {
    let own = "<</Font<</F1 6 0 R>>>>";
    assert!(PAGE.contains(own));
    PAGE.replace(own, resources)
}

fn signed(prepared: &[(u32, &str)]) -> Vec<u8> {
    let file = sign_as(&base(prepared), "a");
    check("prepared", &file, Outcome::Valid, Outcome::Valid);
    file
}

#[test]
fn what_stood_elsewhere_is_not_taken_away_from_there() {
    let resources = "<</Font<</F1 6 0 R>>/XObject 12 0 R>>";
    let prepared = with_resources(resources);
    let file = signed(&[(3, &prepared), (12, "<</VOID 13 0 R>>"), (13, FALSE_FORM)]);
    let page = |annotations: &str| prepared.replace("[7 0 R]", annotations);
    // In objects of their own that are new they may stand.
    for (what, objects) in [
        (
            "form",
            vec![(1, catalog("60 0 R")), (60, FORM_SIGNED.into())],
        ),
        ("list", vec![(3, page(" 60 0 R")), (60, ARRAY.into())]),
    ] {
        check(
            what,
            &updated(&file, &objects),
            Outcome::Valid,
            Outcome::Valid,
        );
    }
    for (what, objects) in [
        (
            "contents as form",
            vec![(1, catalog("4 0 R")), (4, FORM_SIGNED.into())],
        ),
        (
            "contents as list",
            vec![(3, page(" 4 0 R")), (4, ARRAY.into())],
        ),
        (
            "pictures as form",
            vec![(1, catalog("12 0 R")), (12, FORM_SIGNED.into())],
        ),
        (
            "contents as fields",
            vec![
                (1, catalog("<</Fields 4 0 R/SigFlags 3/DA(/F1 0 Tf 0 g)>>")),
                (4, ARRAY.into()),
            ],
        ),
    ] {
        refused(what, &updated(&file, &objects));
    }
}

fn updated(file: &[u8], objects: &[(u32, String)]) -> Vec<u8> {
    let texts = objects.iter();
    let texts: Vec<_> = texts
        .map(|(number, text)| (*number, text.as_str()))
        .collect();
    update(file, &texts)
}

#[test]
fn containers_are_not_what_was_missing() {
    let dangling = PAGE.replace("/Contents 4 0 R", "/Contents[4 0 R 60 0 R]");
    let file = signed(&[(3, &dangling)]);
    let container = FALSE_CONTENT.replace("<<", "<</Type/ObjStm/N 0/First 0");
    refused("a stream of objects", &update(&file, &[(60, &container)]));

    let before = Document::open(&file).unwrap();
    let previous = before.revisions()[before.last()].sections()[0].offset;
    let mut changed = [&file[..], b"\n"].concat();
    let at = changed.len();
    let head = format!(
        "60 0 obj\n<</Type/XRef/W[1 4 0]/Index[60 1]/Size 61/Root 1 0 R/Info 8 0 R/Prev \
         {previous}/Length 5>>stream\n\u{1}"
    );
    changed.extend(head.bytes());
    changed.extend(u32::try_from(at).unwrap().to_be_bytes());
    changed.extend(format!("\nendstream\nendobj\nstartxref\n{at}\n%%EOF\n").bytes());
    refused("cross-references", &changed);
    // Where nothing refers to them they may stand.
    let file = signed(&[]);
    let empty = update(&file, &[(60, &container)]);
    check("nobody's", &empty, Outcome::Valid, Outcome::Valid);
}

#[test]
fn a_field_is_nothing_else_besides() {
    let as_pictures = with_resources("<</Font<</F1 6 0 R>>/XObject 7 0 R>>");
    let field = FIELD.replace("/P 3", "/AP<</N 30 0 R>>/P 3");
    let filled = field.replace("/V()", "/V(yes)").replace("30 0 R", "61 0 R");
    for (what, prepared, expected) in [
        ("a field", PAGE, Outcome::Valid),
        ("pictures, too", as_pictures.as_str(), Outcome::Invalid),
    ] {
        let file = signed(&[(3, prepared), (7, &field), (30, FALSE_FORM)]);
        let changed = update(&file, &[(7, &filled), (61, FALSE_FORM)]);
        check(what, &changed, Outcome::Invalid, expected);
    }
    let list = page(" 9 0 R");
    let file = signed(&[(3, &list), (7, &field), (9, "[7 0 R]"), (30, FALSE_FORM)]);
    let changed = update(&file, &[(7, &filled), (61, FALSE_FORM)]);
    check("in a list", &changed, Outcome::Invalid, Outcome::Valid);

    let stream = CONTENT.replace("<<", "<</Subtype/Widget");
    let other = FALSE_CONTENT.replace("<<", "<</Subtype/Widget");
    let field = FIELD.replace("/P 3", "/Kids[4 0 R]/P 3");
    let file = signed(&[(4, &stream), (7, &field)]);
    refused("a stream as a widget", &update(&file, &[(4, &other)]));
}

#[test]
fn a_store_holds_nothing_that_is_shown() {
    let root = |store: &str| CATALOG.replace("/AcroForm", &format!("/DSS {store}/AcroForm"));
    let font = "<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>";
    let store = "<</Type/DSS/VRI 9 0 R>>";
    let honest = signed(&[(1, &root("11 0 R")), (9, "<<>>"), (11, store)]);
    let changed = update(&honest, &[(9, "<</AA<<>>>>")]);
    check("a store", &changed, Outcome::Valid, Outcome::Valid);
    let named = with_resources("<</Font<</TransformMethod/x/Data 9 0 R>>>>");
    let generation = with_resources(" 12 5 R");
    let store_itself = with_resources("<</Font 11 0 R>>");
    let catalog_itself = with_resources("<</Font 1 0 R>>");
    for (what, page, store_at) in [
        ("what a signature compared", &named, "11 0 R"),
        ("another generation", &generation, "11 0 R"),
        ("a store of fonts", &store_itself, "11 0 R"),
        ("a catalog of fonts", &catalog_itself, "9 0 R"),
    ] {
        let file = signed(&[
            (1, &root(store_at)),
            (3, page),
            (9, font),
            (11, store),
            (12, "<</Font<</F1 9 0 R>>>>"),
        ]);
        refused(what, &update(&file, &[(9, ENCODED)]));
    }
}

#[test]
fn a_stream_is_no_empty_list() {
    let resources = with_resources("<</Font<</F1 6 0 R>>/XObject 3 0 R>>");
    let prepared = resources.replace("/Annots[7 0 R]", "/Annots 11 0 R");
    let file = base(&[(3, &prepared), (5, "<</Fields[]>>"), (11, FALSE_FORM)]);
    let changed = update(
        &file,
        &[(3, &prepared.replace("11 0 R", "12 0 R")), (12, FALSE_FORM)],
    );
    let document = Document::open(&changed).unwrap();
    let found = schemas::pdf::changes::of_revision(&document, document.last());
    assert!(found.is_err(), "{found:?}");
}

#[test]
fn a_list_of_annotations_is_no_colour_space() {
    let colours = "/ColorSpace";
    let list = "[/Separation/Red/DeviceGray 6 0 R";
    let field = "<</Type/Annot/Subtype/Widget/FT/Sig/T(b)/P 3 0 R/Rect[0 0 0 0]>>";
    let root = catalog("<</Fields[7 0 R 51 0 R 60 0 R]/SigFlags 3/DA(/F1 0 Tf 0 g)>>");
    for (what, list, expected) in [
        ("a colour space", list, Outcome::Invalid),
        ("a list", "[7 0 R", Outcome::Valid),
    ] {
        let pages = with_resources(&format!("<</Font<</F1 6 0 R>>{colours} 31 0 R>>"));
        let shared = format!("<</Type/Page/Annots{list}]>>");
        let file = signed(&[(3, &pages), (31, &shared)]);
        let changed = shared.replace("]>>", " 60 0 R]>>");
        let changed = update(&file, &[(1, &root), (31, &changed), (60, field)]);
        check(what, &changed, expected, expected);
    }
}

#[test]
fn an_annotation_that_pages_share_is_nothing_else_besides() {
    let certification = "/Reference[<</Type/SigRef/TransformMethod/DocMDP/TransformParams<</Type\
                         /TransformParams/P 3/V/1.2>>>>]";
    let plan = PdfSignature {
        entries: certification,
        certifies: true,
        ..PdfSignature::default()
    };
    let note = "<</Subtype/Text/Rect[0 0 0 0]/Contents(a)/Font<</F1 6 0 R>>>>";
    let other = "<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]/Annots 31 0 R/Resources 9 0 R>>";
    let plain = other.replace("9 0 R>>", "<<>>>>");
    for (what, other, expected) in [
        ("a note", plain.as_str(), Outcome::Valid),
        ("resources, too", other, Outcome::Invalid),
    ] {
        let file = base(&[
            (2, "<</Kids[3 0 R 32 0 R 33 0 R]/Type/Pages/Count 3>>"),
            (9, note),
            (31, "[9 0 R]"),
            (32, other),
            (33, &plain),
        ]);
        let changed = note.replace("(a)", "(b)");
        let file = update(&sign(&file, &plan), &[(9, &changed)]);
        check(what, &file, Outcome::Invalid, expected);
    }
}
