//! A licence as PDF, signed by the authority, and the tools to change it.

use certs::mint::credential::Credential;
use certs::mint::pdf::{PdfSignature, sign_pdf};
use certs::mint::signed_data::sign_detached;
use certs::trust::TrustStore;
use certs::verify::{VerifyOptions, verify_file};
use schemas::pdf::document::Document;
use schemas::pdf::object::ObjectId;
use schemas::pdf::write::{NewFile, Update};
use schemas::verdict::{FindingCode, Outcome, Profile, Verdict};

use super::der::{inside, sequence, tagged};
use super::scene::{SCENE, signed_at};

pub(super) const CATALOG: &str = "<</Type/Catalog/Pages 2 0 R/AcroForm 5 0 R>>";
pub(super) const PAGE: &str = "<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]\
                               /Contents[4 0 R 9 0 R]\
                               /Resources<</Font<</F1 6 0 R>>>>/Annots[7 0 R]>>";
pub(super) const CONTENT: &str =
    "<</Length 33>>stream\nBT /F1 9 Tf (CNY 1,000,000) Tj ET \nendstream";
pub(super) const EVIL_CONTENT: &str =
    "<</Length 33>>stream\nBT /F1 9 Tf (CNY 9,000,000) Tj ET \nendstream";
pub(super) const FIELD: &str =
    "<</Type/Annot/Subtype/Widget/FT/Tx/T(note)/V()/Rect[60 300 300 320]/P 3 0 R>>";
/// A white rectangle over what the preparer hides.
pub(super) const COVER: &str = "<</Length 29>>stream\n1 g 0 0 595 842 re f 0 g     \nendstream";
/// Object number of the signature's value; its field is the next.
pub(super) const VALUE: u32 = 50;

/// Objects: 1 catalog, 2 page tree, 3 page, 4 and 9 its content, 5 form, 6 font, 7 text field,
/// 8 document information; `changes` puts others in their place, or adds some.
pub(crate) fn document(changes: &[(u32, &str)]) -> Vec<u8> {
    let font = "<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>";
    let objects = [
        (1, CATALOG),
        (2, "<</Type/Pages/Kids[3 0 R]/Count 1>>"),
        (3, PAGE),
        (4, CONTENT),
        (5, "<</Fields[7 0 R]/DA(/F1 0 Tf 0 g)>>"),
        (6, font),
        (7, FIELD),
        (8, "<</Title(licence)>>"),
        (9, "<</Length 0>>stream\n\nendstream"),
        // Free: the next new object is the signature.
        (VALUE - 1, ""),
    ];
    let mut file = NewFile::default();
    for (number, text) in objects.iter().chain(changes) {
        let (number, generation) = (*number, 0);
        file.put(ObjectId { number, generation }, *text);
    }
    file.finish("/Root 1 0 R/Info 8 0 R")
}

/// The document, changed before it is signed by the authority.
pub(super) fn signed(prepared: &[(u32, &str)]) -> Vec<u8> {
    signed_as(prepared, &PdfSignature::default())
}

pub(super) fn signed_as(prepared: &[(u32, &str)], plan: &PdfSignature<'_>) -> Vec<u8> {
    signed_by(&SCENE.authority, prepared, plan)
}

pub(super) fn signed_by(
    signer: &Credential,
    prepared: &[(u32, &str)],
    plan: &PdfSignature<'_>,
) -> Vec<u8> {
    let sign = |parts: &[&[u8]]| sign_detached(signer, parts, signed_at());
    sign_pdf(&document(prepared), plan, sign).unwrap()
}

/// The document, signed with another signed value.
pub(super) fn signed_with(value: impl FnOnce(&[&[u8]]) -> Vec<u8>) -> Vec<u8> {
    let plan = PdfSignature {
        room_bytes: 64 << 10,
        ..PdfSignature::default()
    };
    sign_pdf(&document(&[]), &plan, |parts| Ok(value(parts))).unwrap()
}

/// A certification with these entries of its transform's parameters.
pub(super) fn transform(method: &str, parameters: &str) -> String {
    format!(
        "/Reference[<</Type/SigRef/TransformMethod/{method}/TransformParams<</Type\
         /TransformParams{parameters}/V/1.2>>>>]"
    )
}

/// The document, certified.
pub(super) fn certified(permission: u8) -> Vec<u8> {
    let entries = transform("DocMDP", &format!("/P {permission}"));
    let plan = PdfSignature {
        entries: &entries,
        certifies: true,
        ..PdfSignature::default()
    };
    signed_as(&[], &plan)
}

/// The file with an update in which these objects are others, or new.
pub(super) fn update(file: &[u8], objects: &[(u32, &str)]) -> Vec<u8> {
    let document = Document::open(file).unwrap();
    let mut update = Update::new(&document);
    for (number, text) in objects {
        let (number, generation) = (*number, 0);
        update.put(ObjectId { number, generation }, *text);
    }
    update.finish().unwrap().0
}

/// The catalog as signing left it, with these fields in the form and entries beside it.
pub(super) fn catalog(fields: &str, beside: &str) -> String {
    format!(
        "<</Type/Catalog/Pages 2 0 R/AcroForm<</Fields[{fields}]/SigFlags 3/DA(/F1 0 Tf 0 g)>>\
         {beside}>>"
    )
}

/// Puts another text of the same length in the place of one, which stands there once.
#[track_caller]
pub(super) fn overwritten(file: &[u8], from: &str, to: &str) -> Vec<u8> {
    assert!(to.len() <= from.len(), "{to}");
    let at = place(file, from);
    let mut out = file.to_vec();
    let text = format!("{to:<width$}", width = from.len());
    out[at..at + from.len()].copy_from_slice(text.as_bytes());
    out
}

/// Where a text stands last.
#[track_caller]
pub(super) fn place(file: &[u8], text: &str) -> usize {
    let found = file
        .windows(text.len())
        .rposition(|part| part == text.as_bytes());
    found.unwrap_or_else(|| panic!("{text} is not there"))
}

/// A text of the file from a mark to the first end after it, both included.
#[track_caller]
pub(super) fn cut(file: &[u8], from: &str, to: &str) -> String {
    let start = place(file, from);
    let rest = &file[start..];
    let end = rest
        .windows(to.len())
        .position(|part| part == to.as_bytes());
    String::from_utf8(rest[..end.unwrap() + to.len()].to_vec()).unwrap()
}

/// The signed value after a change of its `SignedData`: version, digest algorithms, content,
/// certificates, signers.
pub(super) fn recut(value: &[u8], change: impl FnOnce(&mut Vec<Vec<u8>>)) -> Vec<u8> {
    let mut outer = inside(value);
    let mut data = inside(&super::der::content(&outer[1]));
    change(&mut data);
    outer[1] = tagged(0xa0, &sequence(&data));
    sequence(&outer)
}

/// The same after a change of its one signer: version, identifier, digest algorithm, attributes,
/// signature algorithm, signature.
pub(super) fn recut_signer(value: &[u8], change: impl FnOnce(&mut Vec<Vec<u8>>)) -> Vec<u8> {
    recut(value, |data| {
        let mut signer = inside(&inside(&data[4])[0]);
        change(&mut signer);
        data[4] = tagged(0x31, &sequence(&signer));
    })
}

/// The same after a change of the signed attributes, which are signed again.
pub(super) fn resigned(value: &[u8], change: impl FnOnce(&mut Vec<Vec<u8>>)) -> Vec<u8> {
    recut_signer(value, |signer| {
        let mut attributes = inside(&signer[3]);
        change(&mut attributes);
        attributes.sort();
        let attributes = attributes.concat();
        let signature = SCENE.authority.sign(&tagged(0x31, &attributes)).unwrap();
        signer[3] = tagged(0xa0, &attributes);
        signer[5] = tagged(0x04, &signature);
    })
}

pub(super) fn authoritys(parts: &[&[u8]]) -> Vec<u8> {
    sign_detached(&SCENE.authority, parts, signed_at()).unwrap()
}

pub(super) fn verify_in(profile: Profile, file: &[u8], trust: &TrustStore) -> Verdict {
    let options = VerifyOptions {
        profile,
        ..VerifyOptions::at(signed_at())
    };
    verify_file(file, trust, &options)
}

/// Neither profile takes it, and both say why; a signature that is there is never none.
#[track_caller]
pub(super) fn refused(what: &str, file: &[u8], trust: &TrustStore, code: FindingCode) {
    for profile in [Profile::Licence, Profile::General] {
        let verdict = verify_in(profile, file, trust);
        let report = serde_json::to_string_pretty(&verdict).unwrap();
        assert!(
            !verdict.is_valid(),
            "{what}, {profile:?}: accepted\n{report}"
        );
        assert_eq!(verdict.code, Some(code), "{what}, {profile:?}\n{report}");
    }
}

/// What each profile makes of it.
#[track_caller]
pub(super) fn judged(what: &str, file: &[u8], licence: Outcome, general: Outcome) {
    for (profile, expected) in [(Profile::Licence, licence), (Profile::General, general)] {
        let verdict = verify_in(profile, file, &SCENE.trust);
        let report = serde_json::to_string_pretty(&verdict).unwrap();
        assert_eq!(verdict.verdict, expected, "{what}, {profile:?}\n{report}");
    }
}
