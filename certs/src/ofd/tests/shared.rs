//! A template page that was met before changes no verdict.

use std::fmt::Write as _;

use schemas::ofd::shared::{PackedForm, SharedParts as _};

use super::*;

const REFERENCES: &[&str] = &["/OFD.xml", "/D/Document.xml", "/D/Page.xml", "/D/Tpl.xml"];

/// A package with a template page of some KiB that also holds `content`.
fn with_template(seed: u32, content: &str) -> Parts {
    let mut parts = Parts::new();
    parts.set(
        "D/Document.xml",
        "<Document><TemplatePage ID='7' BaseLoc='Tpl.xml'/><Page BaseLoc='Page.xml'/></Document>",
    );
    let mut lines = String::new();
    for number in 0..800_u32 {
        let digits = number.wrapping_add(seed).wrapping_mul(2_654_435_761);
        write!(lines, "<Line>{digits}</Line>").unwrap();
    }
    parts.set("D/Tpl.xml", format!("<Page>{content}{lines}</Page>"));
    parts.sign(&[Plan {
        references: REFERENCES,
        ..WHOLE
    }]);
    parts
}

#[test]
fn a_template_that_was_met_before_changes_no_verdict() {
    let parts = with_template(1, "");
    let bytes = parts.zip();
    let first = check(&parts, None, None);
    for _ in 0..3 {
        assert_eq!(check(&parts, None, None), first);
    }
    let package = Package::open(&bytes).unwrap().sharing(&KnownParts);
    let root = read_root(&package).unwrap().unwrap();
    assert!(!reach::reach(&package, &root).checks.is_broken());
    let template = package.find("D/Tpl.xml").unwrap().file;
    let known = package.shared(template).and_then(|known| known.sm3());
    let content = package.read(template).unwrap();
    assert_eq!(known, Some(crate::digest::sm3(&content)));
    let page = package.find("D/Page.xml").unwrap().file;
    assert!(package.shared(page).is_none(), "pages are never looked for");

    // Another template in its place, though it was met as often.
    let other = with_template(2, "").text("D/Tpl.xml");
    let mut changed = parts;
    changed.set("D/Tpl.xml", other);
    for _ in 0..3 {
        check(&changed, Some(FindingCode::RefDigest), None);
    }
}

#[test]
fn what_a_known_template_names_is_followed() {
    let looped = with_template(3, "<Template TemplateID='7'/>");
    let unprotected = with_template(4, "<PageRes>Res.xml</PageRes>");
    let mut with_resource = unprotected.clone();
    with_resource.set("D/Res.xml", "<Res/>");
    for _ in 0..4 {
        check(&looped, Some(FindingCode::Loop), None);
        check(&unprotected, None, Some(FindingCode::RefMissing));
        check(&with_resource, Some(FindingCode::Coverage), None);
    }
}

#[test]
fn parts_of_one_form_and_other_bytes_are_strangers() {
    let form = |packed: &[u8]| PackedForm {
        packed_bytes: packed.len(),
        size_bytes: 9_000,
        checksum: 7,
        is_deflated: true,
    };
    let (one, other) = ([1; 2_000], [2; 2_000]);
    assert!(KnownParts.recall(form(&one), &one).is_none(), "met once");
    assert!(KnownParts.recall(form(&one), &one).is_some(), "met again");
    assert!(KnownParts.recall(form(&other), &other).is_none());
    assert!(KnownParts.recall(form(&[0; 9]), &[0; 9]).is_none(), "small");
}
