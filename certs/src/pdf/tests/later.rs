//! What somebody without a key adds to a file that is signed, so that a reader sees something else.

use super::*;

/// A catalog whose form has these fields more.
fn catalog(more: &str) -> String {
    format!(
        "<</Type/Catalog/Pages 2 0 R/AcroForm<</Fields[7 0 R {more}]/SigFlags 3\
         /DA(/F1 0 Tf 0 g)>>>>"
    )
}

/// The numbers that signing gives to field and value.
const SIGNED: u32 = 50;

fn signed(prepared: &[(u32, &str)]) -> Vec<u8> {
    sign_as(&base(prepared), "a")
}

/// The file with the objects that signing put there taken over into an update.
fn added_field(entries: &str, others: &[(u32, &str)]) -> Vec<u8> {
    let field = format!("<</Type/Annot/FT/Sig/T(b)/P 3 0 R{entries}>>");
    let (value, own) = (SIGNED, SIGNED + 1);
    let catalog = catalog(&format!("{own} 0 R 60 0 R"));
    let page = PAGE.replace(
        "/Annots[7 0 R]",
        &format!("/Annots[7 0 R {own} 0 R 60 0 R]"),
    );
    let mut objects = vec![
        (1, catalog.as_str()),
        (3, page.as_str()),
        (60, field.as_str()),
    ];
    objects.extend(others);
    let file = signed(&[]);
    assert!(find(&file, &format!("/V {value} 0 R")).is_some());
    update(&file, &objects)
}

fn find(file: &[u8], text: &str) -> Option<usize> {
    file.windows(text.len())
        .position(|part| part == text.as_bytes())
}

const PICTURE: &str = "<</Type/XObject/Subtype/Form/BBox[0 0 100 20]/Length 33>>stream\n\
                       BT /F1 9 Tf (CNY 9,000,000) Tj ET \nendstream";
const SMALL: &str = "/Subtype/Widget/Rect[60 300 160 320]";

#[test]
fn an_added_field_draws_nothing_that_nobody_signed() {
    let empty = added_field("/Subtype/Widget/Rect[0 0 0 0]", &[]);
    check("an empty field", &empty, Outcome::Valid, Outcome::Valid);
    for (what, entries) in [
        ("a picture", format!("{SMALL}/AP<</N 61 0 R>>")),
        ("a background", format!("{SMALL}/MK<</BG[1 1 1]>>")),
        (
            "an action",
            "/Subtype/Widget/Rect[0 0 0 0]/AA<</PO<</S/JavaScript/JS(x)>>>>".into(),
        ),
        (
            "another annotation",
            "/Subtype/FreeText/Rect[0 0 9 9]/DA(/F1 9 Tf)/Contents(9)".into(),
        ),
        ("no kind at all", "/Rect[0 0 9 9]".into()),
        (
            "a parent that is the text field",
            "/Subtype/Widget/Rect[0 0 0 0]/Parent 7 0 R".into(),
        ),
        ("the text field as kid", "/Kids[7 0 R]".into()),
        ("half a page in two widgets", "/Kids[62 0 R 63 0 R]".into()),
        (
            "a rectangle without end",
            "/Subtype/Widget/Rect[0 0 (a) 9]".into(),
        ),
    ] {
        let kid = "<</Type/Annot/Subtype/Widget/Rect[0 0 300 200]/Parent 60 0 R>>";
        refused(
            what,
            &added_field(&entries, &[(61, PICTURE), (62, kid), (63, kid)]),
        );
    }
}

#[test]
fn an_empty_signature_field_stays_as_it_is() {
    let form = "<</Fields[7 0 R 9 0 R]/DA(/F1 0 Tf 0 g)>>";
    let field = "<</Type/Annot/Subtype/Widget/FT/Sig/T(later)/Rect[60 300 160 320]/P 3 0 R>>";
    let with_field = PAGE.replace("/Annots[7 0 R]", "/Annots[7 0 R 9 0 R]");
    let file = signed(&[(3, &with_field), (5, form), (9, field)]);
    for more in ["/AP<</N 61 0 R>>", "/MK<</BG[1 1 1]>>", "/F 2"] {
        let changed = field.replace("/P 3", &format!("{more}/P 3"));
        refused(more, &update(&file, &[(9, &changed), (61, PICTURE)]));
    }
}

#[test]
fn a_signature_of_the_signer_is_not_put_elsewhere() {
    let other = "<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]>>";
    let pages = "<</Type/Pages/Kids[3 0 R 9 0 R]/Count 2>>";
    let file = signed(&[(2, pages), (9, other)]);
    let field = format!("/Annots[{} 0 R]>>", SIGNED + 1);
    let changed = other.replace(">>", &field);
    refused("the seal on another page", &update(&file, &[(9, &changed)]));
    let twice = format!("/Annots[7 0 R {0} 0 R {0} 0 R]", SIGNED + 1);
    let changed = PAGE.replace("/Annots[7 0 R]", &twice);
    refused("the seal twice", &update(&file, &[(3, &changed)]));
}

#[test]
fn a_filled_field_shows_what_was_filled_in() {
    let drawn = FIELD.replace("/P 3", "/AP<</N 9 0 R>>/P 3");
    let button = drawn.replace("/FT/Tx", "/FT/Btn");
    for (what, field, changes) in [
        ("a picture alone", &drawn, vec![("9 0 R", "61 0 R")]),
        (
            "a button's picture",
            &button,
            vec![("9 0 R", "61 0 R"), ("/V()", "/V/On")],
        ),
    ] {
        let file = signed(&[(7, field), (9, PICTURE)]);
        let mut changed = field.clone();
        for (from, to) in changes {
            changed = changed.replace(from, to);
        }
        refused(what, &update(&file, &[(7, &changed), (61, PICTURE)]));
    }
    let file = signed(&[(7, &drawn), (9, PICTURE)]);
    let changed = drawn.replace("9 0 R", "61 0 R").replace("/V()", "/V(yes)");
    let changed = update(&file, &[(7, &changed), (61, PICTURE)]);
    check("filled", &changed, Outcome::Invalid, Outcome::Valid);
}

#[test]
fn a_lock_holds_whatever_the_signature_says_and_however_names_are_written() {
    let filled = FIELD.replace("/V()", "/V(yes)");
    let lock = |action: &str| {
        format!(
            "/Reference[<</Type/SigRef/TransformMethod/FieldMDP/TransformParams<</Type\
             /TransformParams{action}/V/1.2>>>>]"
        )
    };
    let entries = lock("/Action/Include/Fields[<FEFF006E006F00740065>]");
    let plan = PdfSignature {
        entries: &entries,
        ..PdfSignature::default()
    };
    let file = sign(&base(&[]), &plan);
    refused("a name in UTF-16", &update(&file, &[(7, &filled)]));

    for entries in [
        "/Action/Include/Fields[(note)]",
        "/Action/All",
        "/Action/Exclude/Fields[]/P 1",
    ] {
        let file = with_lock(entries);
        check(entries, &file, Outcome::Valid, Outcome::Valid);
        refused(entries, &update(&file, &[(7, &filled)]));
    }
    let other = with_lock("/Action/Include/Fields[(other)]");
    let changed = update(&other, &[(7, &filled)]);
    check("another field", &changed, Outcome::Invalid, Outcome::Valid);
}

/// A file signed in a field with this lock.
fn with_lock(entries: &str) -> Vec<u8> {
    // The name is written as it is given, so that more entries may follow it.
    sign_as(
        &base(&[]),
        &format!("a)/Lock<</Type/SigFieldLock{entries}>>/TU("),
    )
}

#[test]
fn the_catalog_and_annotations_are_nothing_else_besides() {
    let as_fonts = PAGE.replace("/Font<</F1 6 0 R>>", "/Font 1 0 R");
    let old = CATALOG.replace("/AcroForm", "/Extensions 6 0 R/AcroForm");
    let font = "<</Type/Font/Subtype/Type1/BaseFont/Symbol>>";
    let file = signed(&[(1, &old), (3, &as_fonts)]);
    let own = format!("{} 0 R", SIGNED + 1);
    let new = catalog(&own).replace("/AcroForm", "/Extensions 61 0 R/AcroForm");
    refused(
        "the catalog as fonts",
        &update(&file, &[(1, &new), (61, font)]),
    );

    let resources = "<</Subtype/Text/Rect[0 0 0 0]/Font<</F1 6 0 R>>>>";
    let with_resources = PAGE.replace("<</Font<</F1 6 0 R>>>>", " 9 0 R");
    let certification = "/Reference[<</Type/SigRef/TransformMethod/DocMDP/TransformParams<</Type\
                         /TransformParams/P 3/V/1.2>>>>]";
    let plan = PdfSignature {
        entries: certification,
        certifies: true,
        ..PdfSignature::default()
    };
    let file = sign(&base(&[(3, &with_resources), (9, resources)]), &plan);
    let changed = resources.replace("6 0 R", "61 0 R");
    refused(
        "an annotation that is resources",
        &update(&file, &[(9, &changed), (61, font)]),
    );
}

#[test]
fn information_that_is_shown_is_no_licence_to_change() {
    let file = signed(&[(8, "<</Title(Licence 1)/ModDate(D:2026)>>")]);
    let saved = update(
        &file,
        &[(8, "<</Title(Licence 1)/ModDate(D:2027)/Producer(x)>>")],
    );
    check("saved", &saved, Outcome::Valid, Outcome::Valid);
    let renamed = update(&file, &[(8, "<</Title(Licence 2)/ModDate(D:2026)>>")]);
    check("renamed", &renamed, Outcome::Invalid, Outcome::Valid);
}

#[test]
fn fonts_of_the_form_do_not_change_what_fields_show() {
    let file = signed(&[]);
    let own = format!("{} 0 R", SIGNED + 1);
    let with = |resources: &str| catalog(&own).replace("/DA", &format!("/DR<<{resources}>>/DA"));
    let font = "<</Type/Font/Subtype/Type1/BaseFont/Symbol>>";
    let fonts = update(&file, &[(1, &with("/Font<</F1 61 0 R>>")), (61, font)]);
    check("fonts", &fonts, Outcome::Invalid, Outcome::Valid);
    let picture = with("/XObject<</X 61 0 R>>");
    refused("a picture", &update(&file, &[(1, &picture), (61, PICTURE)]));
}

#[test]
fn fields_keep_their_place_in_the_form() {
    let file = signed(&[]);
    let parent = "<</Kids[7 0 R]/DA(/F1 90 Tf 1 g)/FT/Tx>>";
    let moved = catalog(&format!("{} 0 R", SIGNED + 1)).replace("7 0 R ", "61 0 R ");
    refused("a new parent", &update(&file, &[(1, &moved), (61, parent)]));
}

#[test]
fn cross_references_of_an_update_read_alike_for_everyone() {
    let file = signed(&[]);
    let good = update(&file, &[(8, "<</Producer(x)>>")]);
    check("good", &good, Outcome::Valid, Outcome::Valid);
    let at = file.len();
    let replaced = |from: &str, to: &str| {
        let tail = String::from_utf8(good[at..].to_vec()).unwrap();
        assert!(tail.contains(from), "{tail}");
        [&good[..at], tail.replacen(from, to, 1).as_bytes()].concat()
    };
    refused("short rows", &replaced(" 00000 n \n", " 00000 n\n"));
    refused("long rows", &replaced(" 00000 n \n", " 00000  n \n"));
    refused(
        "a comment in a row",
        &replaced(" 00000 n \n", " 00000 %\nn \n"),
    );
    refused("a smaller size", &replaced("/Size 52", "/Size 05"));
    let section = "<</Type/XRef/W[1 1 1]/Index[0 0]/Size 1/Length 0>>stream\n\nendstream";
    let hybrid = signed(&[(9, section)]);
    let at = format!("trailer\n<</XRefStm {}", find(&hybrid, "9 0 obj").unwrap());
    let hybrid = update(&hybrid, &[(8, "<</Producer(x)>>")]);
    let (start, end) = hybrid.split_at(find_last(&hybrid, "trailer\n<<"));
    let end = end.strip_prefix(b"trailer\n<<").unwrap();
    refused(
        "two kinds of readers",
        &[start, at.as_bytes(), end].concat(),
    );
    for comment in [
        "% 4 0 obj",
        "%PDF-1.4",
        "% xref",
        "% trailer <</Root 1 0 R>>",
    ] {
        let changed = [&file[..], comment.as_bytes(), b"\n"].concat();
        refused(comment, &update(&changed, &[(8, "<</Producer(x)>>")]));
    }
}

#[test]
fn an_update_has_one_section() {
    let file = signed(&[]);
    let previous =
        String::from_utf8_lossy(&file[find_last(&file, "startxref") + 10..]).into_owned();
    let previous: usize = previous.lines().next().unwrap().parse().unwrap();
    // The first section names one behind it, as in a linearized file; between them stands what
    // neither names.
    let first = file.len();
    let place = "0000000000";
    let mut out = file;
    let head =
        format!("xref\n0 0\ntrailer\n<</Size 52/Root 1 0 R/Prev {place}>>\nstartxref\n0\n%%EOF\n");
    out.extend(head.bytes());
    out.extend(format!("4 0 obj\n{FALSE_CONTENT}\nendobj\n").bytes());
    let second = out.len();
    let tail = format!(
        "xref\n0 0\ntrailer\n<</Size 52/Root 1 0 R/Prev {previous}>>\nstartxref\n{first}\n%%EOF\n"
    );
    out.extend(tail.bytes());
    let at = first + find(&out[first..], place).unwrap();
    out[at..at + place.len()].copy_from_slice(format!("{second:010}").as_bytes());
    let verdict = verify(&out, Profile::General);
    assert_eq!(verdict.code, Some(FindingCode::FormatFailure));
}

fn find_last(file: &[u8], text: &str) -> usize {
    file.windows(text.len())
        .rposition(|part| part == text.as_bytes())
        .unwrap()
}

#[test]
fn numbers_beyond_the_size_do_not_come_to_light() {
    let hidden = PAGE.replace("/Contents 4 0 R", "/Contents[4 0 R 70 0 R]");
    // Readers see nothing of object 70 as long as /Size is 50; the signature keeps it at 52.
    let prepared = base(&[(3, &hidden), (70, FALSE_CONTENT)]);
    let file = sign_as(&resized(prepared, "/Size 71", "/Size 50"), "a");
    let changed = update(&file, &[(8, "<</Producer(x)>>")]);
    check("saved", &changed, Outcome::Valid, Outcome::Valid);
    refused("a larger size", &resized(changed, "/Size 52", "/Size 99"));
}

fn resized(mut file: Vec<u8>, from: &str, to: &str) -> Vec<u8> {
    let at = find_last(&file, from);
    file[at..at + from.len()].copy_from_slice(to.as_bytes());
    file
}

#[test]
fn a_package_of_another_format_does_not_ride_along() {
    let file = signed(&[]);
    let package = "PK\u{1}\u{2}PK\u{5}\u{6}";
    let producer = format!("<</Producer({package})>>");
    refused("a package", &update(&file, &[(8, &producer)]));
}

#[test]
fn small_files_do_not_fill_the_memory() {
    let file = signed(&[]);
    let own = SIGNED + 1;
    let root = catalog(&format!("{own} 0 R 61 0 R"));
    let kids: String = (70..370).map(|number| format!("{number} 0 R ")).collect();
    let parent = format!("<</T({})/FT/Tx/Kids[{kids}]>>", "a".repeat(100_000));
    let mut objects: Vec<(u32, &str)> = vec![(1, &root), (61, &parent)];
    objects.extend((70..370).map(|number| (number, "<</T(b)>>")));
    refused("long names", &update(&file, &objects));

    let kids: String = (70..80).map(|number| format!("{number} 0 R ")).collect();
    let parent = format!("<</T(a)/FT/Ch/Kids[{kids}]>>");
    let kid = format!("<</T(b)/Opt[{}]>>", "0 ".repeat(120_000));
    let mut objects: Vec<(u32, &str)> = vec![(1, &root), (61, &parent)];
    objects.extend((70..80).map(|number| (number, kid.as_str())));
    refused("many items", &update(&file, &objects));

    let good = update(&file, &[(8, "<</Producer(x)>>")]);
    let (start, end) = good.split_at(find_last(&good, "trailer\n<<") + "trailer\n<<".len());
    let id = format!("/ID[{}]", "0 ".repeat(1_000));
    let verdict = verify(&[start, id.as_bytes(), end].concat(), Profile::General);
    assert_eq!(verdict.code, Some(FindingCode::FormatFailure));
}
