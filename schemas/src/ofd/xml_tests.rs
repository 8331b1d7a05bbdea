//! Tests of the XML reader.

use super::*;

#[track_caller]
fn check(xml: &[u8], expected: Result<&str, FindingCode>) {
    let seen = Element::parse(xml)
        .map(|root| flat(&root))
        .map_err(|refusal| refusal.code());
    assert_eq!(seen.as_deref().map_err(|code| *code), expected);
}

fn flat(element: &Element) -> String {
    let mark = if element.is_ofd { "!" } else { "" };
    let attributes: String = element
        .attributes
        .iter()
        .map(|(name, value)| format!("@{name}={value}"))
        .collect();
    let children: String = element.children.iter().map(flat).collect();
    format!(
        "{}{mark}{attributes}({}{children})",
        element.name, element.text
    )
}

fn utf16(text: &str, little: bool) -> Vec<u8> {
    let bytes = |unit: u16| {
        if little {
            unit.to_le_bytes()
        } else {
            unit.to_be_bytes()
        }
    };
    text.encode_utf16().flat_map(bytes).collect()
}

#[test]
fn elements_text_and_entities_are_read() {
    check(
        b"<a x='1' y='&lt;&#65;'>t<b/>&amp;<![CDATA[<c>]]></a>",
        Ok("a@x=1@y=<A(t&<c>b())"),
    );
    check(
        b"\xEF\xBB\xBF<?xml version='1.0'?><!-- c --><a>\xE7\xAB\xA0</a>\n",
        Ok("a(章)"),
    );
}

#[test]
fn the_namespace_decides_what_is_ofd() {
    let ofd = b"<o:a xmlns:o='http://www.ofdspec.org/2016'><o:b/><c xmlns='urn:x'/><d/></o:a>";
    check(ofd, Ok("a!(b!()c()d())"));
    check(b"<a xmlns='http://www.ofdspec.org'/>", Ok("a!()"));
    check(b"<a xmlns='http://www.ofdspec.org/2016/evil'/>", Ok("a()"));
    check(b"<o:a xmlns:o='urn:x' o:ID='1' ID='2'/>", Ok("a@ID=2()"));
}

#[test]
fn every_encoding_of_real_files_is_decoded() {
    let text = "<?xml version='1.0' encoding='UTF-16'?><a>营业执照</a>";
    check(
        &[&b"\xFF\xFE"[..], &utf16(text, true)].concat(),
        Ok("a(营业执照)"),
    );
    check(
        &[&b"\xFE\xFF"[..], &utf16(text, false)].concat(),
        Ok("a(营业执照)"),
    );
    check(&utf16(text, true), Ok("a(营业执照)"));
    for label in ["GB18030", "gbk", "GB2312"] {
        let head = format!("<?xml version='1.0' encoding='{label}'?><a>");
        check(&[head.as_bytes(), b"\xD5\xC2</a>"].concat(), Ok("a(章)"));
    }
    // The mark says one thing and the declaration another; a declaration too far away to be read.
    for (mark, label, blanks, expected) in [
        ("\u{feff}", "UTF-8", 0, Ok("a()")),
        ("\u{feff}", "GBK", 0, Err(FindingCode::XmlMalformed)),
        ("", "GBK", 300, Err(FindingCode::XmlMalformed)),
        ("", "ISO-2022-JP", 0, Err(FindingCode::XmlMalformed)),
    ] {
        let blanks = " ".repeat(blanks);
        let part = format!("{mark}<?xml version='1.0'{blanks} encoding='{label}'?><a/>");
        check(part.as_bytes(), expected);
    }
    let latin = b"<?xml version='1.0' encoding='ISO-8859-1'?><a>\xE9</a>";
    check(latin, Err(FindingCode::XmlMalformed));
    check(b"<a>\xD5\xC2</a>", Err(FindingCode::XmlMalformed));
}

#[test]
fn document_types_and_entities_are_refused() {
    let external = b"<!DOCTYPE a [<!ENTITY e SYSTEM 'file:///etc/hostname'>]><a>&e;</a>";
    check(external, Err(FindingCode::XmlDoctype));
    check(b"<a>&e;</a>", Err(FindingCode::XmlMalformed));
    check(b"<a x='&e;'/>", Err(FindingCode::XmlMalformed));
}

#[test]
fn malformed_parts_are_refused() {
    let parts: [&[u8]; 11] = [
        b"",
        b"  ",
        b"text",
        b"<a>",
        b"<a></b>",
        b"<a/><b/>",
        b"<a/>text",
        b"<a x='1' x='2'/>",
        b"<a x=1/>",
        b"</a>",
        b"<a><b></a></b>",
    ];
    for part in parts {
        check(part, Err(FindingCode::XmlMalformed));
    }
}

#[test]
fn depth_and_size_are_bounded() {
    let nested = |depth: usize| ["<a>".repeat(depth), "</a>".repeat(depth)].concat();
    assert!(Element::parse(nested(limits::XML_DEPTH).as_bytes()).is_ok());
    check(
        nested(limits::XML_DEPTH + 1).as_bytes(),
        Err(FindingCode::XmlDepth),
    );
    let wide = |count: usize| ["<a>", &"<b/>".repeat(count), "</a>"].concat();
    check(
        wide(limits::TREE_ELEMENTS).as_bytes(),
        Err(FindingCode::XmlMalformed),
    );
    let attributes: String = (0..=limits::ATTRIBUTES)
        .map(|at| format!(" a{at}=''"))
        .collect();
    check(
        format!("<a{attributes}/>").as_bytes(),
        Err(FindingCode::XmlMalformed),
    );
    let long = vec![b' '; usize::try_from(limits::XML_BYTES).unwrap() + 1];
    check(&long, Err(FindingCode::XmlMalformed));
}
