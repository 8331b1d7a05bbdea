//! Damage to OFD packages, also packed anew.

use std::collections::BTreeMap;
use std::io::{Cursor, Write as _};

use schemas::ofd::container::Package;
use schemas::ofd::{document, reach};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::kinds::{Random, cut, duplicate, fill, flips, remove, splice, swap};
use super::{Damage, asn1};

pub(super) const WAYS: [(&str, Damage); 11] = [
    ("flipped bits", flips),
    ("one value", fill),
    ("cut", cut),
    ("removed", remove),
    ("duplicated", duplicate),
    ("swapped", swap),
    ("spliced", splice),
    ("another part", other_part),
    ("a part's bytes", part_bytes),
    ("XML", xml),
    ("ASN.1", signed_value),
];

/// Name and content of every file that takes part in what is shown, and of the root part.
pub(crate) fn shown_and_root(bytes: &[u8]) -> Option<BTreeMap<String, Vec<u8>>> {
    let package = Package::open(bytes).ok()?;
    let root = package.find(document::ROOT_PART)?.file;
    let parsed = document::parse_root(&package.read(root).ok()?).ok()?;
    let mut files = reach::reach(&package, &parsed).files;
    files.insert(root);
    let read = |file| {
        let content = package.read(file).ok()?.into_owned();
        Some((package.name(file).to_owned(), content))
    };
    files.into_iter().map(read).collect()
}

type Parts = Vec<(String, Vec<u8>)>;

fn parts(bytes: &[u8]) -> Option<Parts> {
    let package = Package::open(bytes).ok()?;
    let read = |file| {
        let content = package.read(file).ok()?.into_owned();
        Some((package.name(file).to_owned(), content))
    };
    package.files().map(read).collect()
}

fn pack(parts: &Parts) -> Option<Vec<u8>> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in parts {
        let options = SimpleFileOptions::default();
        writer.start_file(name, options).ok()?;
        writer.write_all(content).ok()?;
    }
    Some(writer.finish().ok()?.into_inner())
}

/// A part is missing, is another file's, is another part's, or is there once more.
fn other_part(random: &mut Random, original: &[u8], other: &[u8]) -> Option<Vec<u8>> {
    let (mut parts, others) = (parts(original)?, parts(other)?);
    let (one, two) = (random.below(parts.len()), random.below(parts.len()));
    match random.below(5) {
        0 => drop(parts.remove(one)),
        1 => {
            let other = others.get(random.below(others.len()))?;
            parts.get_mut(one)?.1.clone_from(&other.1);
        }
        2 => {
            let content = parts.get(two)?.1.clone();
            parts.get_mut(one)?.1 = content;
        }
        3 => {
            let (name, content) = parts.get(one)?.clone();
            parts.push((format!("{name}.bak"), content));
        }
        _ => {
            let name = parts.get(one)?.0.clone();
            let same = others.into_iter().find(|(other, _)| *other == name)?;
            parts.get_mut(one)?.1 = same.1;
        }
    }
    pack(&parts)
}

fn part_bytes(random: &mut Random, original: &[u8], other: &[u8]) -> Option<Vec<u8>> {
    let mut parts = parts(original)?;
    let chosen = random.below(parts.len());
    let content = parts.get(chosen)?.1.clone();
    let damage: [Damage; 4] = [flips, remove, duplicate, fill];
    let changed = damage[random.below(4)](random, &content, other)?;
    parts.get_mut(chosen)?.1 = changed;
    pack(&parts)
}

/// An element, a tag, an attribute or a text of an XML part is missing, doubled or another's.
fn xml(random: &mut Random, original: &[u8], _: &[u8]) -> Option<Vec<u8>> {
    let mut parts = parts(original)?;
    let is_xml = |(name, _): &&mut (String, Vec<u8>)| name.ends_with(".xml");
    let count = parts.iter_mut().filter(|part| is_xml(part)).count();
    let chosen = random.below(count);
    let part = parts.iter_mut().filter(is_xml).nth(chosen)?;
    let text = String::from_utf8(part.1.clone()).ok()?;
    // Tags and texts, in turn: joined they are the part again.
    let mut pieces: Vec<&str> = text.split_inclusive('>').collect();
    let (one, two) = (random.below(pieces.len()), random.below(pieces.len()));
    let replaced;
    match random.below(6) {
        0 => drop(pieces.remove(one)),
        1 => pieces.swap(one, two),
        2 => {
            let piece = *pieces.get(two)?;
            pieces.insert(one, piece);
        }
        3 => pieces.insert(one, "<!-- a comment -->"),
        4 => pieces.insert(one, "<![CDATA[]]>"),
        _ => {
            replaced = pieces.get(one)?.replace(['1', '/'], "2");
            *pieces.get_mut(one)? = &replaced;
        }
    }
    let changed = pieces.concat().into_bytes();
    part.1 = changed;
    pack(&parts)
}

fn signed_value(random: &mut Random, original: &[u8], _: &[u8]) -> Option<Vec<u8>> {
    let mut parts = parts(original)?;
    let is_asn1 = |name: &str| name.ends_with("SignedValue.dat") || name.ends_with(".esl");
    let places: Vec<usize> = (0..parts.len())
        .filter(|at| is_asn1(&parts[*at].0))
        .collect();
    let chosen = *places.get(random.below(places.len()))?;
    parts[chosen].1 = asn1::change(random, &parts[chosen].1)?;
    pack(&parts)
}
