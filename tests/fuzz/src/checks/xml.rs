//! XML parts: what is read is bounded, says the same when it is written and read again, and in the
//! place of a seed's part makes no file valid that shows something else.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use schemas::ofd::xml::{self, Element, Event};
use schemas::ofd::{Refusal, document, limits, signatures};
use zip::CompressionMethod;

use super::{files, ofd};

/// The seed into which parts are put, and the places for them by the name of their root element.
static PACKAGE: LazyLock<Vec<(String, Vec<u8>)>> = LazyLock::new(|| {
    let seeds = files("seeds/zip").into_iter();
    let mut seeds = seeds.filter(|(name, _)| name == "bare-root.ofd");
    ofd::unpack(&seeds.next().expect("the seed").1)
});
static PLACES: LazyLock<BTreeMap<&str, &str>> = LazyLock::new(|| {
    [
        ("OFD", "OFD.xml"),
        ("Document", "D/Document.xml"),
        ("Page", "D/Page.xml"),
        ("Res", "D/Res.xml"),
        ("Signatures", "D/S/Signatures.xml"),
        ("Signature", "D/S/0/Signature.xml"),
    ]
    .into()
});

/// Checks one part.
pub fn check(data: &[u8]) {
    let scanned = scan(data);
    let Ok(root) = Element::parse(data) else {
        return;
    };
    let (elements, depth) = scanned.expect("what is read as a tree can be scanned");
    assert!(data.len() <= limits::TREE_BYTES);
    assert!(elements <= limits::TREE_ELEMENTS && depth <= limits::XML_DEPTH);
    assert_eq!(root.descendants().count() + 1, elements);
    check_written(&root);
    if let Ok(parsed) = document::parse_root(data) {
        assert!((1..=limits::DOCUMENTS).contains(&parsed.bodies.len()));
    }
    if let Ok(listed) = signatures::parse_list(data) {
        assert!(listed.len() <= limits::SIGNATURES);
    }
    if let Ok(description) = signatures::parse_description(data) {
        assert!(description.references.len() <= limits::REFERENCES);
    }
    if let Some(place) = PLACES.get(root.name.as_str()) {
        let mut parts = PACKAGE.clone();
        parts.retain(|(name, _)| name != place);
        parts.push(((*place).to_owned(), data.to_vec()));
        ofd::check(&ofd::pack(&parts, CompressionMethod::Stored));
    }
}

/// The number of elements and the deepest level.
fn scan(data: &[u8]) -> Result<(usize, usize), Refusal> {
    let (mut elements, mut depth, mut deepest) = (0, 0_usize, 0);
    xml::scan(data, &mut |event| {
        match event {
            Event::Start(_) => {
                elements += 1;
                depth += 1;
                deepest = deepest.max(depth);
            }
            Event::End => depth -= 1,
            Event::Text(_) => assert!(depth > 0),
            Event::Border => {}
        }
        Ok(())
    })?;
    assert_eq!(depth, 0);
    Ok((elements, deepest))
}

/// The tree, written, is read as the same tree.
fn check_written(root: &Element) {
    let mut text = String::new();
    write(root, &mut text);
    // Escaping makes it longer, and the bound is for what is read.
    if text.len() > limits::TREE_BYTES {
        return;
    }
    let again = Element::parse(text.as_bytes());
    let again = again.unwrap_or_else(|refusal| panic!("{refusal}: {text}"));
    assert!(is_same(root, &again), "read otherwise when written: {text}");
}

fn is_same(one: &Element, other: &Element) -> bool {
    let children = one.children.iter().zip(&other.children);
    one.name == other.name
        && one.is_ofd == other.is_ofd
        && one.attributes == other.attributes
        && one.text == other.text
        && one.children.len() == other.children.len()
        && children.into_iter().all(|(one, other)| is_same(one, other))
}

fn write(element: &Element, text: &mut String) {
    let namespace = if element.is_ofd {
        xml::NAMESPACE
    } else {
        "urn:another"
    };
    let name = &element.name;
    *text += &format!("<n:{name} xmlns:n=\"{namespace}\"");
    for (name, value) in &element.attributes {
        *text += &format!(" {name}=\"{}\"", escaped(value));
    }
    *text += ">";
    *text += &escaped(&element.text);
    element.children.iter().for_each(|child| write(child, text));
    *text += &format!("</n:{name}>");
}

fn escaped(text: &str) -> String {
    let escape = |each: char| match each {
        '<' | '>' | '&' | '"' | '\'' | '\t' | '\n' | '\r' => format!("&#{};", u32::from(each)),
        each => each.to_string(),
    };
    text.chars().map(escape).collect()
}
