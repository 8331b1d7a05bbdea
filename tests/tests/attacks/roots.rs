//! `OFD.xml` is signed by nobody: the attacker rewrites it, and adds files.

use schemas::verdict::FindingCode;
use schemas::verdict::FindingCode::{
    Coverage, OfdXmlUncovered, RefMissing, RefPath, Unsigned, XmlDoctype, XmlMalformed, ZipCase,
};

use super::scene::{EVIL, LIST, PAGE, Parts, SIGNATURE, check, check_valid};

const ROOT: &str = "OFD.xml";
const GOOD: &str = "<DocRoot>Doc_0/Document.xml</DocRoot>";
const EVIL_DOCUMENT: &str = "<Document><Pages><Page BaseLoc='Page.xml'/></Pages></Document>";

/// What is written in place of the good `DocRoot`.
const ROOTS: &[(&str, &str, FindingCode)] = &[
    (
        "another root",
        "<DocRoot>Evil/Document.xml</DocRoot>",
        Coverage,
    ),
    (
        "in another namespace",
        "<x:DocRoot xmlns:x='u'>Evil/Document.xml</x:DocRoot>",
        Coverage,
    ),
    (
        "blanks around",
        "<DocRoot> Evil/Document.xml\n</DocRoot>",
        Coverage,
    ),
    (
        "backslash",
        "<DocRoot>Evil\\Document.xml</DocRoot>",
        Coverage,
    ),
    (
        "other case",
        "<DocRoot>EVIL/document.XML</DocRoot>",
        Coverage,
    ),
    (
        "dots and slashes",
        "<DocRoot>/./Evil//Document.xml</DocRoot>",
        Coverage,
    ),
    (
        "character references",
        "<DocRoot>&#69;vil/Document.xml</DocRoot>",
        Coverage,
    ),
    (
        "CDATA",
        "<DocRoot><![CDATA[Evil/Document.xml]]></DocRoot>",
        Coverage,
    ),
    (
        "percent-encoded",
        "<DocRoot>Evil/Docu%6Dent.xml</DocRoot>",
        RefPath,
    ),
    (
        "fragment",
        "<DocRoot>Evil/Document.xml#x</DocRoot>",
        RefPath,
    ),
    ("query", "<DocRoot>Evil/Document.xml?x</DocRoot>", RefPath),
    (
        "address",
        "<DocRoot>file:Evil/Document.xml</DocRoot>",
        RefPath,
    ),
    (
        "fragment that climbs back",
        "<DocRoot>Evil/Document.xml#/../../Doc_0/Document.xml</DocRoot>",
        RefPath,
    ),
    (
        "nothing there",
        "<DocRoot>Evil/Dокument.xml</DocRoot>",
        RefMissing,
    ),
    ("no root", "", XmlMalformed),
    ("empty root", "<DocRoot/>", XmlMalformed),
    (
        "the page as document",
        "<DocRoot>Doc_0/Tpls/Tpl_0.xml</DocRoot>",
        XmlMalformed,
    ),
];

/// The same where a reader might find two; `{GOOD}` stands for the good one.
const TWO_ROOTS: &[(&str, &str, FindingCode)] = &[
    (
        "two roots",
        "<DocRoot>Evil/Document.xml</DocRoot>{GOOD}",
        Coverage,
    ),
    (
        "root inside another element",
        "<Extra><DocRoot>Evil/Document.xml</DocRoot></Extra>{GOOD}",
        Coverage,
    ),
    (
        "text cut by a comment",
        "<DocRoot>Evil/Document.xml<!-- -->/x/Doc_0/Document.xml</DocRoot>",
        XmlMalformed,
    ),
    (
        "text cut by an instruction",
        "<DocRoot>Doc_0/Document.xml<?x?>x</DocRoot>",
        XmlMalformed,
    ),
    (
        "text cut by CDATA",
        "<DocRoot>Doc_0/<![CDATA[Document.xml]]></DocRoot>",
        XmlMalformed,
    ),
    (
        "text continued in a child",
        "<DocRoot>Doc_0/Document.xml<x>/../../Evil/Document.xml</x></DocRoot>",
        XmlMalformed,
    ),
    (
        "comment that ends early",
        "<!--><DocRoot>Evil/Document.xml</DocRoot><!-- -->{GOOD}",
        XmlMalformed,
    ),
    (
        "comment with two hyphens",
        "<!-- -- ><DocRoot>Evil/Document.xml</DocRoot><!-- -->{GOOD}",
        XmlMalformed,
    ),
    (
        "markup in an attribute",
        "<x a='<DocRoot>Evil/Document.xml</DocRoot>'/>{GOOD}",
        XmlMalformed,
    ),
    (
        "version with a prefix",
        "<Versions><Version xmlns:o='http://www.ofdspec.org/2016' Current='true' \
                 o:BaseLoc='Evil/V.xml'/></Versions>{GOOD}",
        XmlMalformed,
    ),
];

/// A sealed file with an evil document beside it and another `DocRoot`.
fn pointed_to(evil: &str, root: &str) -> Parts {
    Parts::sealed()
        .with(evil, EVIL_DOCUMENT)
        .with("Evil/Page.xml", EVIL)
        .edit(ROOT, GOOD, root)
}

#[test]
fn the_scene_is_honest() {
    check_valid(
        "sealed",
        &Parts::sealed().zip(),
        &[RefMissing, OfdXmlUncovered],
    );
    check_valid(
        "sealed whole",
        &Parts::sealed_except(&[]).zip(),
        &[RefMissing],
    );
}

#[test]
fn another_document_cannot_be_shown() {
    let evil = "Evil/Document.xml";
    for (attack, root, code) in ROOTS {
        check(attack, &pointed_to(evil, root), *code);
    }
}

#[test]
fn two_readers_cannot_see_two_roots() {
    let evil = "Evil/Document.xml";
    let also = |root: &str| format!("{root}{GOOD}");
    for (attack, root, code) in TWO_ROOTS {
        let root = root.replace("{GOOD}", GOOD);
        check(attack, &pointed_to(evil, &root), *code);
    }
    let document_type = pointed_to(evil, &also("<DocRoot>&e;</DocRoot>")).edit(
        ROOT,
        "<OFD",
        "<!DOCTYPE OFD [<!ENTITY e 'Evil/Document.xml'>]><OFD",
    );
    check("entity", &document_type, XmlDoctype);
    let second = pointed_to(evil, GOOD).edit(ROOT, "</OFD>", "</OFD><OFD/>");
    check("two root elements", &second, XmlMalformed);
    // As GB 18030 the section goes on, as UTF-8 it ends behind a broken character.
    let title = "<Title><![CDATA[\u{81}]]></Title><DocRoot>Evil/Document.xml</DocRoot>\
                 <Title><![CDATA[]]></Title>";
    let text = String::from_utf8(pointed_to(evil, &also(title)).get(ROOT).to_vec()).unwrap();
    let declared = format!("<?xml version='1.0' encoding='GB18030'?>{text}");
    let bytes: Vec<u8> = declared.chars().map(|one| one as u8).collect();
    let encoded = Parts::sealed().with(ROOT, bytes);
    check("two encodings", &encoded, XmlMalformed);
}

#[test]
fn other_bodies_and_versions_need_signatures_too() {
    let body = "<DocBody><DocRoot>Evil/Document.xml</DocRoot></DocBody>";
    let first = pointed_to("Evil/Document.xml", GOOD);
    let added = |from: &str, to: &str| first.clone().edit(ROOT, from, to);
    check(
        "a first body",
        &added("<DocBody>", &format!("{body}<DocBody>")),
        Coverage,
    );
    check(
        "a last body",
        &added("</OFD>", &format!("{body}</OFD>")),
        Coverage,
    );
    let foreign = format!("<b:DocBody xmlns:b='u'>{}<DocBody>", &body[9..]);
    let foreign = foreign.replace("</DocBody>", "</b:DocBody>");
    check(
        "a body of another namespace",
        &added("<DocBody>", &foreign),
        Coverage,
    );
    let nested = format!("<x>{body}</x><DocBody>");
    check(
        "a body inside something",
        &added("<DocBody>", &nested),
        XmlMalformed,
    );
    let stray = "<DocRoot>Evil/Document.xml</DocRoot></OFD>";
    check(
        "a root outside the bodies",
        &added("</OFD>", stray),
        XmlMalformed,
    );

    let versions = "<Versions><Version ID='1' Current='true' BaseLoc='Evil/V.xml'/></Versions>";
    let switched = added("</DocBody>", &format!("{versions}</DocBody>"));
    check("a version that is not there", &switched, RefMissing);
    let version = "<DocVersion><DocRoot>Document.xml</DocRoot></DocVersion>";
    let switched = switched.with("Evil/V.xml", version);
    check("a version with another document", &switched, Coverage);
    let deep = format!("<x>{versions}</x></DocBody>");
    let deep = added("</DocBody>", &deep).with("Evil/V.xml", version);
    check("a version deep inside", &deep, Coverage);
    let cover = added("<Cover>", "<Cover>Evil/cover.png</Cover><Cover>");
    check(
        "another cover",
        &cover.with("Evil/cover.png", "evil"),
        Coverage,
    );
}

#[test]
fn a_signature_part_cannot_be_the_document() {
    // One file that is list of signatures, document and page at once.
    let everything = format!(
        "<Pages><Page ID='1' BaseLoc='/{LIST}'/></Pages><Content>evil</Content></Signatures>"
    );
    let to = format!("<DocRoot>{LIST}</DocRoot>");
    let list = Parts::sealed()
        .edit(LIST, "</Signatures>", &everything)
        .edit(ROOT, GOOD, &to);
    check("the list of signatures as document", &list, XmlMalformed);
    let beside = list.edit(ROOT, &to, &format!("{GOOD}<Cover>{LIST}</Cover>"));
    check("the list of signatures as cover", &beside, Coverage);
    let to = format!("<DocRoot>{SIGNATURE}</DocRoot>");
    let description = Parts::sealed().edit(ROOT, GOOD, &to);
    check("the description as document", &description, XmlMalformed);
}

#[test]
fn a_stripped_file_is_unsigned() {
    let element = format!("<Signatures>/{LIST}</Signatures>");
    let stripped = |to: &str| Parts::sealed().edit(ROOT, &element, to);
    check("no list", &stripped(""), Unsigned);
    let foreign = element.replace("<Signatures", "<Signatures xmlns='u'");
    check("a list of another namespace", &stripped(&foreign), Unsigned);
    check("an empty list", &stripped("<Signatures/>"), Unsigned);
    check(
        "a list elsewhere",
        &stripped("<Signatures>x.xml</Signatures>"),
        Unsigned,
    );
    let evil = "<Signatures xmlns='http://www.ofdspec.org/2016'/>";
    let emptied = Parts::sealed().with(LIST, evil);
    check("no line in the list", &emptied, Unsigned);
    let foreign_root = Parts::sealed().with(LIST, "<Signatures/>");
    check("a list outside the namespace", &foreign_root, XmlMalformed);
    // A second list that leads to nothing does not hide behind the good one.
    let two = stripped(&format!("{element}<Signatures>other.xml</Signatures>"));
    check("two lists, one absent", &two, RefMissing);
}

#[test]
fn what_is_shown_must_be_covered() {
    for name in [
        "Doc_0/Cover.png",
        "Doc_0/Document.xml",
        "Doc_0/PublicRes.xml",
        "Doc_0/Res/song.ttf",
        "Doc_0/Tpls/Tpl_0.xml",
        PAGE,
        "Doc_0/Annots.xml",
        "Doc_0/Annot_1.xml",
        "Doc_0/Attachs.xml",
        "Doc_0/note.pdf",
        "Doc_0/Tags.xml",
        "Doc_0/tag.xml",
        "Doc_0/Extensions.xml",
        "Doc_0/data.bin",
    ] {
        check(name, &Parts::sealed_except(&[ROOT, name]), Coverage);
    }
    // The sealed page names a resource that was never there.
    let filled = Parts::sealed().with("Doc_0/Pages/Page_0/PageRes.xml", "<Res/>");
    check("a resource that is named but absent", &filled, Coverage);
    let elsewhere = Parts::sealed().with("Doc_0/pageres.XML", "<Res/>");
    check("the same in another folder and case", &elsewhere, Coverage);
    let nearer = Parts::sealed().with("Pages/Page_0/Content.xml", EVIL);
    check("another meaning of a location", &nearer, Coverage);
}

#[test]
fn letter_case_does_not_replace_a_file() {
    // The exact name wins: readers that fold case are warned about.
    let twin = Parts::sealed().with("doc_0/PAGES/page_0/content.xml", EVIL);
    let warnings = [ZipCase, RefMissing, FindingCode::Uncovered, OfdXmlUncovered];
    check_valid("a twin of the page", &twin.zip(), &warnings);
    let root = Parts::sealed().with("ofd.xml", "<OFD/>");
    check("a twin of the root part", &root, ZipCase);
    let only = Parts::sealed()
        .without(PAGE)
        .with("doc_0/PAGES/page_0/content.xml", EVIL);
    check("instead of the page", &only, FindingCode::RefDigest);
}

#[test]
fn documents_that_were_signed_together_are_shown_together() {
    let body = "<DocBody><DocRoot>Doc_1/Document.xml</DocRoot></DocBody></OFD>";
    let annex = "<Document><Pages><Page ID='1' BaseLoc='Page.xml'/></Pages></Document>";
    let sealed = |except: &[&str]| {
        let mut parts = Parts::document()
            .with("Doc_1/Document.xml", annex)
            .with("Doc_1/Page.xml", "<Page/>")
            .edit(ROOT, "</OFD>", body);
        let description = parts.description(except);
        parts.describe(&description);
        parts
    };
    check_valid("both, sealed whole", &sealed(&[]).zip(), &[RefMissing]);
    let open = sealed(&[ROOT]);
    check("both, in whatever order", &open, Coverage);
    let alone = open.edit(ROOT, body, "</OFD>");
    check("without the annex", &alone, Coverage);
}

#[test]
fn a_package_is_no_pdf_too() {
    let first = format!("%PDF-1.7\n{EVIL}");
    let mut parts = Parts::sealed();
    parts
        .0
        .insert(0, ("evil.pdf".to_owned(), first.into_bytes()));
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, content) in &parts.0 {
        let options = zip::write::SimpleFileOptions::default()
            .compression_method(zip::CompressionMethod::Stored);
        writer.start_file(name.as_str(), options).unwrap();
        std::io::Write::write_all(&mut writer, content).unwrap();
    }
    let bytes = writer.finish().unwrap().into_inner();
    super::scene::check_bytes("a PDF in front", &bytes, FindingCode::ZipStruct);
}
