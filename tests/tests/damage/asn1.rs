//! Damage that keeps the nesting of ASN.1 intact.

use schemas::seal::asn1::Reader;

use super::kinds::Random;

/// Bit of a tag that says that there are elements inside.
const CONSTRUCTED: u8 = 0x20;

/// Changes one element, at any depth, and the lengths of all that it stands in.
pub(super) fn change(random: &mut Random, value: &[u8]) -> Option<Vec<u8>> {
    let elements = Reader::new(value).all(64).ok()?;
    let chosen = random.below(elements.len());
    let mut out = Vec::new();
    for (place, element) in elements.iter().enumerate() {
        if place != chosen {
            out.extend_from_slice(element.raw);
            continue;
        }
        let goes_in = element.tag & CONSTRUCTED != 0 && random.below(5) > 0;
        match change(random, element.content).filter(|_| goes_in) {
            Some(inner) => out.extend(encoded(element.tag, &inner)),
            None => out.extend(changed(random, element.tag, element.content)),
        }
    }
    Some(out)
}

fn changed(random: &mut Random, tag: u8, content: &[u8]) -> Vec<u8> {
    let mut content = content.to_vec();
    let at = random.below(content.len());
    match random.below(7) {
        0 => return Vec::new(),
        1 => return [encoded(tag, &content), encoded(tag, &content)].concat(),
        2 => {
            let other = u8::try_from(random.below(256)).unwrap_or(tag);
            return encoded(other, &content);
        }
        3 => content.truncate(at),
        4 => content.insert(0, 0),
        5 => content.push(u8::try_from(random.below(256)).unwrap_or(0)),
        _ => {
            if let Some(byte) = content.get_mut(at) {
                *byte ^= 1 << random.below(8);
            }
        }
    }
    encoded(tag, &content)
}

fn encoded(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut out = schemas::seal::asn1::sequence_of_raw(&[content]);
    out[0] = tag;
    out
}
