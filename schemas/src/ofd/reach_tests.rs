//! Tests of what is reached, over packages that the ZIP library writes.

use std::io::Write;

use super::*;
use crate::ofd::document;

fn package(parts: &[(&str, &str)]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, content) in parts {
        writer
            .start_file(*name, zip::write::SimpleFileOptions::default())
            .unwrap();
        writer.write_all(content.as_bytes()).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

#[track_caller]
fn check(parts: &[(&str, &str)], reached: &[&str], findings: &[FindingCode]) {
    let bytes = package(parts);
    let package = Package::open(&bytes).unwrap();
    let root = package.read(package.find(ROOT_PART).unwrap().file).unwrap();
    let reach = reach(&package, &document::parse_root(&root).unwrap());
    let mut names: Vec<&str> = reach.files.iter().map(|file| package.name(*file)).collect();
    names.sort_unstable();
    assert_eq!(names, reached);
    let seen: Vec<FindingCode> = reach.checks.iter().map(|check| check.code).collect();
    assert_eq!(seen, findings);
}

const ROOT: (&str, &str) = (
    "OFD.xml",
    "<OFD><DocBody><DocRoot>D/Document.xml</DocRoot></DocBody></OFD>",
);

#[test]
fn everything_that_is_shown_is_reached() {
    let document = "<Document><CommonData><PublicRes>Public.xml</PublicRes>\
        <TemplatePage ID='7' BaseLoc='T.xml'/></CommonData><Pages><Page ID='1' BaseLoc='/D/P.xml'/>\
        </Pages><Annotations>A/List.xml</Annotations><Attachments>Att.xml</Attachments>\
        <CustomTags>Tags.xml</CustomTags></Document>";
    check(
        &[
            ROOT,
            ("D/Document.xml", document),
            (
                "D/Public.xml",
                "<Res BaseLoc='Res'><Fonts><Font ID='3'><FontFile>f.ttf</FontFile>\
                </Font></Fonts><M><MultiMedia><MediaFile>p.png</MediaFile></MultiMedia></M></Res>",
            ),
            ("D/Res/f.ttf", "font"),
            ("D/Res/p.png", "picture"),
            ("D/T.xml", "<Page/>"),
            ("D/P.xml", "<Page><Template TemplateID='7'/></Page>"),
            (
                "D/A/List.xml",
                "<Annotations><Page PageID='1'><FileLoc>one.xml</FileLoc></Page>\
                </Annotations>",
            ),
            ("D/A/one.xml", "<PageAnnot/>"),
            (
                "D/Att.xml",
                "<Attachments><Attachment><FileLoc>x.bin</FileLoc></Attachment>\
                </Attachments>",
            ),
            ("D/x.bin", "not <xml"),
            (
                "D/Tags.xml",
                "<CustomTags><CustomTag><FileLoc>t.xml</FileLoc></CustomTag>\
                </CustomTags>",
            ),
            ("D/t.xml", "<Tag/>"),
            ("D/extra.xml", "nobody names me"),
        ],
        &[
            "D/A/List.xml",
            "D/A/one.xml",
            "D/Att.xml",
            "D/Document.xml",
            "D/P.xml",
            "D/Public.xml",
            "D/Res/f.ttf",
            "D/Res/p.png",
            "D/T.xml",
            "D/Tags.xml",
            "D/t.xml",
            "D/x.bin",
        ],
        &[],
    );
}

#[test]
fn versions_and_other_bodies_are_reached() {
    let root = "<OFD><DocBody><DocRoot>D/Document.xml</DocRoot><Versions><Version Current='true' \
        BaseLoc='D/V.xml'/></Versions></DocBody><DocBody><DocRoot>E.xml</DocRoot></DocBody></OFD>";
    let version = "<DocVersion><FileList><File ID='1'>new.xml</File></FileList>\
        <DocRoot>Shadow.xml</DocRoot></DocVersion>";
    let document = "<Document/>";
    check(
        &[
            ("OFD.xml", root),
            ("D/Document.xml", document),
            ("D/V.xml", version),
            ("D/new.xml", "<x/>"),
            ("D/Shadow.xml", document),
            ("E.xml", document),
        ],
        &[
            "D/Document.xml",
            "D/Shadow.xml",
            "D/V.xml",
            "D/new.xml",
            "E.xml",
        ],
        &[],
    );
}

#[test]
fn every_meaning_of_a_location_is_reached() {
    let list = "<Annotations><Page><FileLoc>P.xml</FileLoc></Page></Annotations>";
    check(
        &[
            ROOT,
            (
                "D/Document.xml",
                "<Document><Annotations>A/List.xml</Annotations></Document>",
            ),
            ("D/A/List.xml", list),
            ("D/A/P.xml", "<a/>"),
            ("D/P.xml", "<a/>"),
            ("P.xml", "<a/>"),
        ],
        &[
            "D/A/List.xml",
            "D/A/P.xml",
            "D/Document.xml",
            "D/P.xml",
            "P.xml",
        ],
        &[],
    );
}

#[test]
fn loops_are_found() {
    let unit = |id: &str, used: &str| {
        format!(
            "<CompositeGraphicUnit ID='{id}'><Content><CompositeObject ResourceID='{used}'/>\
            </Content></CompositeGraphicUnit>"
        )
    };
    let document = "<Document><DocumentRes>R.xml</DocumentRes></Document>";
    let cases = [
        (unit("1", "1"), true),
        (
            [unit("1", "2"), unit("2", "3"), unit("3", "1")].concat(),
            true,
        ),
        (
            [
                unit("1", "2"),
                unit("2", "3"),
                unit("4", "3"),
                unit("1", "3"),
            ]
            .concat(),
            false,
        ),
    ];
    for (units, is_loop) in cases {
        let findings: &[FindingCode] = if is_loop { &[FindingCode::Loop] } else { &[] };
        let resource = format!("<Res>{units}</Res>");
        let parts = [ROOT, ("D/Document.xml", document), ("D/R.xml", &resource)];
        check(&parts, &["D/Document.xml", "D/R.xml"], findings);
    }
    let document = "<Document><TemplatePage ID='7' BaseLoc='T.xml'/></Document>";
    let template = "<Page><Template TemplateID='7'/></Page>";
    check(
        &[ROOT, ("D/Document.xml", document), ("D/T.xml", template)],
        &["D/Document.xml", "D/T.xml"],
        &[FindingCode::Loop],
    );
}

#[test]
fn what_is_wrong_on_the_way_is_reported() {
    let document = "<Document><PublicRes>none.xml</PublicRes><DocumentRes>../../x</DocumentRes>\
        <Page BaseLoc='bad.xml'/><Page BaseLoc='p.XML'/></Document>";
    check(
        &[
            ROOT,
            ("D/Document.xml", document),
            ("D/bad.xml", "<a>"),
            ("D/P.xml", "<Page/>"),
        ],
        &["D/Document.xml", "D/P.xml", "D/bad.xml"],
        &[
            FindingCode::RefMissing,
            FindingCode::RefPath,
            FindingCode::ZipCase,
            FindingCode::XmlMalformed,
        ],
    );
}

#[test]
fn what_could_go_on_for_long_is_cut_off() {
    let files: String = (0..limits::SAME_FINDINGS * 2)
        .map(|at| format!("<MediaFile>{at}</MediaFile>"))
        .collect();
    let uses = "<CompositeObject ResourceID='2'/>".repeat(limits::USES + 1);
    let units = format!("<Res><CompositeGraphicUnit ID='1'>{uses}</CompositeGraphicUnit></Res>");
    let document = "<Document><PublicRes>F.xml</PublicRes></Document>";
    for (resource, expected) in [
        (
            format!("<Res>{files}</Res>"),
            vec![FindingCode::RefMissing; limits::SAME_FINDINGS],
        ),
        (units, vec![FindingCode::XmlMalformed]),
    ] {
        let parts = [ROOT, ("D/Document.xml", document), ("D/F.xml", &resource)];
        check(&parts, &["D/Document.xml", "D/F.xml"], &expected);
    }
}

#[test]
fn a_location_that_readers_take_apart_is_refused() {
    for location in [
        "Evil.xml<DocumentRes/>",
        "Evil.xml<x/>",
        "Evil.xml<!-- c -->.bak",
        "<![CDATA[Evil]]>.xml",
    ] {
        let document = format!("<Document><DocumentRes>{location}</DocumentRes></Document>");
        let parts = [
            ROOT,
            ("D/Document.xml", &document),
            ("D/Evil.xml", "<Res/>"),
        ];
        check(&parts, &["D/Document.xml"], &[FindingCode::XmlMalformed]);
    }
    let whole = "<Document><DocumentRes> <![CDATA[R.xml]]> </DocumentRes></Document>";
    let parts = [ROOT, ("D/Document.xml", whole), ("D/R.xml", "<Res/>")];
    check(&parts, &["D/Document.xml", "D/R.xml"], &[]);
}

#[test]
fn a_section_that_ends_elsewhere_in_another_encoding_is_refused() {
    // Valid in both: the last byte of the character is `]` to a reader of GB 18030 bytes.
    let root = |encoding: &str| {
        format!(
            "<?xml version='1.0' encoding='{encoding}'?><OFD><DocBody><DocInfo>\
             <![CDATA[中]]><a/><![CDATA[]]></DocInfo><DocRoot>D/Document.xml</DocRoot></DocBody>\
             </OFD>"
        )
    };
    assert!(document::parse_root(root("UTF-8").as_bytes()).is_ok());
    let refused = document::parse_root(root("GBK").as_bytes());
    let refused = refused.map_err(|refusal| refusal.code());
    assert_eq!(refused.err(), Some(FindingCode::XmlMalformed));
}
