//! A licence as an OFD (GB/T 33190-2016) under a seal or a plain signature.

mod document;
mod package;
mod page;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use certs::digest::sm3;
use certs::mint::seal::{SigningInput, sign_with_seal};
use certs::mint::signed_data::sign_data;
use schemas::entry::Entry;
use schemas::verdict::SealVersion;

use self::document::{Document, PAGE, document};
use self::package::{
    Parts, SEAL, SIGNATURE, SIGNATURES, SIGNED_VALUE, Stamp, signature_description, signature_list,
};
pub(super) use self::page::escape;
use super::spoil::change_digit;
use super::{MintError, MintOptions, SealKit, Spoil};

/// A part that nothing refers to.
const EXTRA_PART: &str = "Doc_0/Attachs/note.xml";

/// The file.
///
/// # Errors
/// [`MintError`] when a key cannot sign or the package cannot be written.
pub(super) fn mint(
    entry: &Entry,
    kit: &SealKit,
    options: &MintOptions,
) -> Result<Vec<u8>, MintError> {
    let document = document(entry, options)?;
    if options.spoil == Some(Spoil::Unsigned) {
        return document.parts.zip();
    }
    let mut parts = match options.format.seal_version() {
        Some(version) => sealed(document, kit, options, version)?,
        None => signed(document, kit, options)?,
    };
    match options.spoil {
        Some(Spoil::Tampered) => change_page(&mut parts, false),
        Some(Spoil::ReplacedDescription) => change_page(&mut parts, true),
        Some(Spoil::MissingPage) => parts.remove(PAGE),
        Some(Spoil::ExtraFile) => parts.put_xml(EXTRA_PART, "<note/>"),
        _ => {}
    }
    parts.zip()
}

fn sealed(
    document: Document,
    kit: &SealKit,
    options: &MintOptions,
    version: SealVersion,
) -> Result<Parts, MintError> {
    let actors = kit.actors(options)?;
    let seal = kit.seal(&actors, options, version)?;
    let stamp = Stamp {
        page: document.page,
        id: document.stamp,
        area: kit.seal_area(options.layout),
    };
    let mut parts = document.parts;
    parts.put_xml(SIGNATURES, &signature_list("Seal"));
    parts.put(SEAL, seal.clone());
    let uncovered = options.spoil.and_then(uncovered);
    let description = signature_description(&parts, Some(&stamp), uncovered, options.at);
    parts.put_xml(SIGNATURE, &description);
    let path = format!("/{SIGNATURE}");
    let signature_xml = parts.part(SIGNATURE).unwrap_or_default();
    let input = SigningInput {
        signature_xml,
        signature_xml_path: &path,
        at: options.at,
    };
    let faults = options.spoil.map(Spoil::seal_faults).unwrap_or_default();
    let value = sign_with_seal(&seal, &actors.signer, &input, version, &faults)?;
    parts.put(SIGNED_VALUE, value);
    if options.spoil == Some(Spoil::SwappedSealFile) {
        parts.put(SEAL, kit.other_seal(&actors, options, version)?);
    }
    Ok(parts)
}

fn signed(document: Document, kit: &SealKit, options: &MintOptions) -> Result<Parts, MintError> {
    let actors = kit.actors(options)?;
    let mut parts = document.parts;
    parts.put_xml(SIGNATURES, &signature_list("Sign"));
    let uncovered = options.spoil.and_then(uncovered);
    let description = signature_description(&parts, None, uncovered, options.at);
    parts.put_xml(SIGNATURE, &description);
    let faults = options.spoil.map(Spoil::seal_faults).unwrap_or_default();
    let signature_xml = parts.part(SIGNATURE).unwrap_or_default();
    let value = sign_data(&actors.signer, signature_xml, &faults)?;
    parts.put(SIGNED_VALUE, value);
    Ok(parts)
}

/// The part that the signature leaves out.
const fn uncovered(spoil: Spoil) -> Option<&'static str> {
    match spoil {
        Spoil::UncoveredPage => Some(PAGE),
        Spoil::SwappedSealFile => Some(SEAL),
        _ => None,
    }
}

/// Changes the page, and with `redescribe` its digest in Signature.xml too.
fn change_page(parts: &mut Parts, redescribe: bool) {
    let text = |name| {
        parts
            .part(name)
            .map(|part| String::from_utf8_lossy(part).into_owned())
    };
    let (Some(page), Some(description)) = (text(PAGE), text(SIGNATURE)) else {
        return;
    };
    let Some(changed) = change_number(&page) else {
        return;
    };
    if redescribe {
        let [old, new] = [&page, &changed].map(|page| STANDARD.encode(sm3(page.as_bytes())));
        parts.put(SIGNATURE, description.replace(&old, &new).into_bytes());
    }
    parts.put(PAGE, changed.into_bytes());
}

/// Changes the first digit of the printed licence number.
fn change_number(page: &str) -> Option<String> {
    let (before, after) = page.split_once("证照编号：")?;
    let at = after.find(|one: char| one.is_ascii_digit())?;
    let (kept, rest) = after.split_at_checked(at)?;
    let digit = change_digit(rest.chars().next()?);
    let rest = rest.get(1..)?;
    Some(format!("{before}证照编号：{kept}{digit}{rest}"))
}
