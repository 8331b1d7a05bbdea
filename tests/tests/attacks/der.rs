//! Taking DER apart and putting it together again, wrongly.

use schemas::seal::asn1::{Reader, sequence_of_raw};

/// The elements inside an element, each with its header.
pub(super) fn inside(element: &[u8]) -> Vec<Vec<u8>> {
    let mut outer = Reader::new(element);
    let elements = outer.any().unwrap().reader().all(64).unwrap();
    elements.iter().map(|one| one.raw.to_vec()).collect()
}

/// The content of an element.
pub(super) fn content(element: &[u8]) -> Vec<u8> {
    Reader::new(element).any().unwrap().content.to_vec()
}

pub(super) fn sequence(parts: &[Vec<u8>]) -> Vec<u8> {
    let parts: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
    sequence_of_raw(&parts)
}

/// Any element: a SEQUENCE under another tag.
pub(super) fn tagged(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut element = sequence_of_raw(&[content]);
    element[0] = tag;
    element
}

pub(super) fn bits(octets: &[u8]) -> Vec<u8> {
    tagged(0x03, &[&[0], octets].concat())
}

/// The same element with its length in one octet more than needed.
pub(super) fn longer_length(element: &[u8]) -> Vec<u8> {
    let content = content(element);
    let mut length = u32::try_from(content.len()).unwrap().to_be_bytes().to_vec();
    length.insert(0, 0x84);
    [&element[..1], &length, &content].concat()
}
