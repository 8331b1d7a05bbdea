//! Signatures to which the form's list of fields does not lead.

use super::*;

/// A signature that says nothing true.
const FALSE: &str = "<</Type/Sig/Filter/Adobe.PPKLite/SubFilter/adbe.pkcs7.detached/Name(Mayor)\
                     /ByteRange[0 100 200 300]/Contents<3000>>>";

/// The start of a widget that page 3 names, and of a field.
const WIDGET: &str = "/Type/Annot/Subtype/Widget/Rect[0 0 0 0]/P 3 0 R";

/// The objects of a file whose page names these annotations, too.
fn with_page(annotations: &str) -> (u32, String) {
    (
        3,
        PAGE.replace("[7 0 R]", &format!("[7 0 R {annotations}]")),
    )
}

/// A file in which objects are others, and which is signed afterwards.
fn signed(objects: &[(u32, String)]) -> Vec<u8> {
    sign_as(&base(&texts(objects)), "a")
}

fn texts(objects: &[(u32, String)]) -> Vec<(u32, &str)> {
    let texts = objects.iter();
    texts
        .map(|(number, text)| (*number, text.as_str()))
        .collect()
}

fn names(file: &[u8]) -> Vec<String> {
    let verdict = verify(file, Profile::General);
    let mut names: Vec<_> = verdict.signatures.into_iter().map(|one| one.id).collect();
    names.sort_unstable();
    // What is written into the catalog itself is written again with it.
    names.dedup();
    names
}

#[track_caller]
fn names_both(what: &str, file: &[u8], other: &str) {
    refused(what, file);
    assert_eq!(names(file), [other, "a"], "{what}");
}

#[test]
fn a_signature_that_only_a_page_names_is_found() {
    let kinds = [
        ("itself", "/FT/Sig/T(S2)/V 21 0 R", "S2"),
        ("written directly", "/FT/Sig/T(S2)/V<</ByteRange 1>>", "S2"),
        ("another kind", "/FT/Tx/T(S2)/V 21 0 R", "S2"),
        ("no kind", "/T(S2)/V 21 0 R", "S2"),
        ("a value that is none", "/FT/Sig/T(S2)/V(x)", "S2"),
        ("a value that is nowhere", "/FT/Sig/T(S2)/V 99 0 R", "S2"),
        ("kind from above", "/Parent 22 0 R/T(S2)/V 21 0 R", "P.S2"),
        ("value from above", "/Parent 23 0 R/T(S2)", "P.Q.S2"),
        ("null here", "/Parent 23 0 R/T(S2)/V null/FT null", "P.Q.S2"),
        ("no name", "/Parent 23 0 R", "P.Q"),
    ];
    for (what, entries, name) in kinds {
        let widget = format!("<<{WIDGET}{entries}>>");
        let objects = |annotations: &str| {
            vec![
                with_page(annotations),
                (20, widget.clone()),
                (21, FALSE.to_owned()),
                (22, "<</FT/Sig/T(P)>>".to_owned()),
                (23, "<</T(Q)/Parent 22 0 R/V 21 0 R>>".to_owned()),
            ]
        };
        names_both(what, &signed(&objects("20 0 R")), name);
        names_both(what, &signed(&objects(&widget)), name);
        let added = update(&sign_as(&base(&[]), "a"), &texts(&objects("20 0 R")));
        names_both(what, &added, name);
    }
}

#[test]
fn a_widget_that_its_field_does_not_list_is_found() {
    let form = FORM.replace("[7 0 R]", "[7 0 R 22 0 R]");
    let objects = |field: &str, widget: &str| {
        vec![
            with_page("20 0 R"),
            (5, form.clone()),
            (20, format!("<<{WIDGET}/Parent 22 0 R{widget}>>")),
            (21, FALSE.to_owned()),
            (22, format!("<</FT/Sig/T(P){field}>>")),
            (24, format!("<<{WIDGET}/Parent 22 0 R>>")),
        ]
    };
    for kids in ["", "/Kids[24 0 R]", "/Kids[]"] {
        names_both(kids, &signed(&objects(kids, "/V 21 0 R")), "P");
        // Nobody signed there.
        let empty = signed(&objects(kids, ""));
        check("empty", &empty, Outcome::Valid, Outcome::Valid);
        // The value stands in the field, which is listed.
        let once = signed(&objects(&format!("{kids}/V 21 0 R"), ""));
        names_both("once", &once, "P");
    }
}

#[test]
fn fields_that_nobody_signed_and_that_only_a_page_names_change_nothing() {
    for entries in [
        "/FT/Sig/T(S2)",
        "/FT/Sig/T(S2)/V null",
        "/FT/Tx/T(S2)/V(text)",
        "/FT/Tx/T(S2)/V 21 0 R",
        "/FT/Sig/Parent 99 0 R",
        "/Parent 20 0 R",
    ] {
        let widget = format!("<<{WIDGET}{entries}>>");
        let text = (21, "(text)".to_owned());
        let file = signed(&[with_page("null 98 0 R 20 0 R"), (20, widget), text]);
        let expected = match entries {
            "/Parent 20 0 R" => Outcome::Invalid,
            _ => Outcome::Valid,
        };
        check(entries, &file, expected, expected);
        assert_eq!(names(&file), ["a"]);
    }
}

#[test]
fn what_a_later_revision_signs_far_above_is_found() {
    let objects = [
        with_page("20 0 R"),
        (20, format!("<<{WIDGET}/Parent 22 0 R>>")),
        (22, "<</FT/Sig/T(P)/Parent 23 0 R>>".to_owned()),
        (23, "<</T(G)>>".to_owned()),
    ];
    let file = signed(&objects);
    check("empty", &file, Outcome::Valid, Outcome::Valid);
    let filled = update(&file, &[(23, "<</T(G)/V 60 0 R>>"), (60, FALSE)]);
    names_both("filled in", &filled, "G.P");
}

#[test]
fn a_signature_that_only_permissions_name_is_found() {
    for key in ["DocMDP", "UR3", "Other"] {
        for (value, is_signature) in [
            ("21 0 R", true),
            (FALSE, true),
            ("null", false),
            ("(x)", key != "Other"),
        ] {
            let entry = format!("/Perms<</{key} {value}>>>>");
            let catalog = CATALOG.replace(">>", &entry);
            let file = signed(&[(1, catalog), (21, FALSE.to_owned())]);
            if is_signature {
                refused(key, &file);
                assert_eq!(names(&file), [format!("Perms.{key}"), "a".to_owned()]);
            } else {
                check(key, &file, Outcome::Valid, Outcome::Valid);
                assert_eq!(names(&file), ["a"]);
            }
        }
    }
}

fn place(file: &[u8], text: &str) -> usize {
    let mut windows = file.windows(text.len());
    windows
        .position(|window| window == text.as_bytes())
        .unwrap()
}

/// A file of one revision with a signature that is good, in object 21.
fn signed_at_once(objects: &[(u32, String)]) -> Vec<u8> {
    const ROOM: usize = 16_384;
    let (range, zeros) = ("[0 1111111 2222222 3333333]", "0".repeat(ROOM));
    let value = format!("<</Type/Sig/Filter/x/ByteRange {range}/Contents<{zeros}>>>");
    let objects = [objects, &[(21, value)]].concat();
    let mut file = base(&texts(&objects));
    let from = place(&file, &format!("<{zeros}>"));
    let until = from + ROOM + 2;
    let said = format!("[0 {from:07} {until:07} {:07}]", file.len() - until);
    let at = place(&file, range);
    file[at..][..said.len()].copy_from_slice(said.as_bytes());
    let parts = [&file[..from], &file[until..]];
    let value = hex::encode(sign_detached(&PKI.1, &parts, now()).unwrap());
    file[from + 1..][..value.len()].copy_from_slice(value.as_bytes());
    file
}

#[test]
fn a_good_signature_is_judged_like_any_other_wherever_it_is_named() {
    let widget = (20, format!("<<{WIDGET}/FT/Sig/T(S2)/V 21 0 R>>"));
    let certified = CATALOG.replace(">>", "/Perms<</DocMDP 21 0 R>>>>");
    let listed = (5, FORM.replace("[7 0 R]", "[7 0 R 20 0 R]"));
    let page = with_page("20 0 R");
    let cases = [
        (vec![page.clone(), widget.clone()], "S2"),
        (vec![(1, certified.clone())], "Perms.DocMDP"),
        (vec![page, widget, listed, (1, certified)], "S2"),
    ];
    for (objects, name) in cases {
        let file = signed_at_once(&objects);
        check(name, &file, Outcome::Valid, Outcome::Valid);
        let verdict = verify(&file, Profile::General);
        assert_eq!(names(&file), [name]);
        assert_eq!(verdict.signatures[0].coverage, "ENTIRE_FILE");
        let (mut changed, at) = (file.clone(), place(&file, "1,000,000"));
        changed[at] = b'9';
        refused(name, &changed);
    }
}

#[test]
fn a_signature_that_its_form_forgets_was_taken_away() {
    let widget = (20, format!("<<{WIDGET}/FT/Sig/T(S2)/V 21 0 R>>"));
    let listed = (5, FORM.replace("[7 0 R]", "[7 0 R 20 0 R]"));
    let file = signed_at_once(&[with_page("20 0 R"), widget, listed]);
    let forgotten = update(&file, &[(5, FORM)]);
    let verdict = verify(&forgotten, Profile::General);
    assert_eq!(verdict.code, Some(FindingCode::SignatureStripped));
    assert_eq!(names(&forgotten), ["S2"]);
}

#[test]
fn a_field_with_many_widgets_above_which_nothing_is_signed_is_read_once() {
    let kids: Vec<String> = (100..10_100)
        .map(|number| format!("{number} 0 R"))
        .collect();
    let kids = kids.join(" ");
    let mut objects = vec![
        with_page(&kids),
        (5, FORM.replace("[7 0 R]", "[7 0 R 20 0 R]")),
        (20, format!("<</FT/Tx/T(P)/V(x)/Kids[{kids}]>>")),
    ];
    objects.extend((100..10_100).map(|number| (number, format!("<<{WIDGET}/Parent 20 0 R>>"))));
    let mut file = base(&texts(&objects));
    for name in ["a", "b", "c"] {
        file = sign_as(&file, name);
    }
    check("many", &file, Outcome::Valid, Outcome::Valid);
}
