//! Revocation data that a PDF carries: in its signature and in its security store.

use schemas::pdf::document::Document;
use schemas::pdf::object::ObjectId;
use schemas::pdf::write::Update;
use schemas::seal::asn1::{self, Element};
use schemas::verdict::FindingCode;

use super::time::{SERIAL, SIGNED, Scene};
use super::{base, now};
use crate::mint::pdf::{PdfSignature, sign_pdf};
use crate::mint::signed_data::sign_detached;
use crate::revocation::UnknownStatus;
use crate::testing::ocsp::Answer;
use crate::testing::{Authority, CrlSpec, instant};
use crate::verify::{VerifyOptions, verify_file};

const THIS_UPDATE: &str = "20261120000000Z";
const NEXT_UPDATE: Option<&str> = Some("20261122000000Z");

fn answer(says: &str) -> Answer<'_> {
    Answer {
        says,
        this_update: THIS_UPDATE,
        next_update: NEXT_UPDATE,
        serial: SERIAL,
        ..Answer::default()
    }
}

/// The file with an update that gives its catalog a security store.
fn with_store(file: &[u8], store: &str, streams: &[Vec<u8>]) -> Vec<u8> {
    let document = Document::open(file).unwrap();
    let mut update = Update::new(&document);
    let (id, catalog) = update.catalog().unwrap();
    let mut text = Vec::new();
    catalog.write(&mut text);
    text.truncate(text.len() - 2);
    text.extend(format!("/DSS {store}>>").bytes());
    update.put(id, text);
    for (number, stream) in (41..).zip(streams) {
        let head = format!("<</Length {}>>stream\n", stream.len());
        let text = [head.as_bytes(), stream, b"\nendstream"].concat();
        let id = ObjectId {
            number,
            generation: 0,
        };
        update.put(id, text);
    }
    update.finish().unwrap().0
}

#[track_caller]
fn check(scene: &Scene, file: &[u8], lists: &[CrlSpec], expected: Option<FindingCode>) {
    let mut options = VerifyOptions::at(now());
    options.revocation.unknown = UnknownStatus::Indeterminate;
    let verdict = verify_file(file, &scene.trust(lists), &options);
    assert_eq!(verdict.code, expected, "{verdict:#?}");
}

const MISSING: Option<FindingCode> = Some(FindingCode::TryLater);
const REVOKED: Option<FindingCode> = Some(FindingCode::RevokedNoPoe);

#[test]
fn responses_in_the_security_store() {
    let scene = Scene::with_signer("20260101000000Z", "20280101000000Z");
    let signed = scene.signed();
    check(&scene, &signed, &[], MISSING);
    let (root, twin) = (&scene.root, Authority::root("Root CA", 9));
    let good = answer("good").signed(root, root, &[]);
    let revoked = answer("20260501000000Z").signed(root, root, &[]);
    let forged = answer("good").signed(root, &twin, &[&twin]);
    let per_signature = "<</VRI<</ABCD<</OCSP[41 0 R]>>>>>>";
    for store in ["<</OCSPs[41 0 R]>>", per_signature] {
        for (response, expected) in [(&good, None), (&revoked, REVOKED), (&forged, MISSING)] {
            let file = with_store(&signed, store, std::slice::from_ref(response));
            check(&scene, &file, &[], expected);
        }
        // A list of ours that names the signer stands.
        let naming = [CrlSpec {
            revoked: vec![(SERIAL, "20260501000000Z")],
            ..CrlSpec::default()
        }];
        let file = with_store(&signed, store, std::slice::from_ref(&good));
        check(&scene, &file, &naming, REVOKED);
    }
}

#[test]
fn lists_in_the_security_store() {
    let scene = Scene::with_signer("20260101000000Z", "20280101000000Z");
    let signed = scene.signed();
    let twin = Authority::root("Root CA", 9);
    let list = |revoked| CrlSpec {
        this_update: "20261120000000Z",
        revoked,
        ..CrlSpec::default()
    };
    let naming = || list(vec![(SERIAL, "20260501000000Z")]);
    for store in ["<</CRLs[41 0 R]>>", "<</VRI<</ABCD<</CRL[41 0 R]>>>>>>"] {
        for (der, expected) in [
            (scene.root.crl(&list(Vec::new())), None),
            (scene.root.crl(&naming()), REVOKED),
            (twin.crl(&list(Vec::new())), MISSING),
            (twin.crl(&naming()), MISSING),
            (b"no list".to_vec(), MISSING),
        ] {
            check(&scene, &with_store(&signed, store, &[der]), &[], expected);
        }
    }
}

#[test]
fn a_store_whose_entries_lead_in_circles_is_read_to_its_end() {
    let scene = Scene::with_signer("20260101000000Z", "20280101000000Z");
    let good = answer("good").signed(&scene.root, &scene.root, &[]);
    let many = "41 0 R ".repeat(1_000);
    let store = format!("<</VRI<</A<</OCSP[{many}]>>/B<</OCSP[{many}]>>>>/OCSPs[{many}]>>");
    let file = with_store(&scene.signed(), &store, &[good]);
    check(&scene, &file, &[], None);
}

/// The outer frame of a `ContentInfo` with lengths that are not written down.
fn in_ber(cms: &[u8]) -> Vec<u8> {
    let outer = Element::whole(cms, asn1::SEQUENCE).unwrap();
    let fields = outer.reader().all(2).unwrap();
    let data = Element::whole(fields[1].content, asn1::SEQUENCE).unwrap();
    let end: &[u8] = &[0, 0];
    let data = [&[0x30, 0x80], data.content, end].concat();
    [&[0x30, 0x80], fields[0].raw, &[0xa0, 0x80], &data, end, end].concat()
}

#[test]
fn a_signature_in_ber_is_read_and_its_content_is_not_written_anew() {
    let scene = Scene::with_signer("20260101000000Z", "20280101000000Z");
    let sign = |change: fn(Vec<u8>) -> Vec<u8>| {
        let sign = |parts: &[&[u8]]| {
            let cms = sign_detached(&scene.signer.credential(), parts, instant(SIGNED))?;
            Ok(change(in_ber(&cms)))
        };
        sign_pdf(&base(&[]), &PdfSignature::default(), sign).unwrap()
    };
    let lists = [CrlSpec {
        this_update: "20261120000000Z",
        ..CrlSpec::default()
    }];
    check(&scene, &sign(|ber| ber), &lists, None);
    let shortened = |mut ber: Vec<u8>| {
        ber.truncate(ber.len() - 2);
        ber.extend([1, 1]);
        ber
    };
    let refused = Some(FindingCode::FormatFailure);
    check(&scene, &sign(shortened), &lists, refused);
}
