//! `Signatures.xml` and `Signature.xml`: bent by somebody, or written by a signer with two
//! readings in mind.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use certs::digest::{sha256, sm3};
use certs::mint::seal::SealFaults;
use certs::mint::signed_data::sign_data;
use schemas::verdict::FindingCode::{
    self, Coverage, DataHash, OfdXmlUncovered, RefDigest, RefMissing, RefPath, SigAlg,
    SignatureStripped, SvMalformed, SvMissing, XmlMalformed, ZipCase,
};

use super::scene::{
    EVIL, LIST, PAGE, Parts, SCENE, SIGNATURE, VALUE, check, check_valid, described, reference,
    sealed,
};

/// The document, with exactly this `Signature.xml` sealed by the authority itself.
fn sealed_as(description: &str) -> Parts {
    let mut parts = Parts::document();
    parts.describe(description);
    parts
}

/// All references but the page's, then `more`.
fn with_page(more: &str) -> Parts {
    let parts = Parts::document();
    let references: String = parts
        .0
        .iter()
        .filter(|(name, _)| name != PAGE && name != "OFD.xml")
        .map(|(name, content)| reference(&format!("/{name}"), content))
        .collect();
    sealed_as(&described(&format!("{references}{more}")))
}

fn page() -> Vec<u8> {
    Parts::document().get(PAGE).to_vec()
}

#[test]
fn what_was_sealed_cannot_be_changed() {
    let changed = Parts::sealed().with(PAGE, EVIL);
    check("the page", &changed, RefDigest);
    check(
        "the font",
        &Parts::sealed().with("Doc_0/Res/song.ttf", "evil"),
        RefDigest,
    );
    check(
        "a file taken out",
        &Parts::sealed().without("Doc_0/note.pdf"),
        RefMissing,
    );
    let digest = |content: &[u8]| STANDARD.encode(sm3(content));
    let (good, evil) = (digest(&page()), digest(EVIL.as_bytes()));
    let description = changed.edit(SIGNATURE, &good, &evil);
    check("the page and its digest", &description, DataHash);
    let elsewhere = "Doc_0/Signs/Sign_1/Signature.xml";
    let copied = description.get(SIGNATURE).to_vec();
    let mut moved = Parts::sealed().with(PAGE, EVIL).with(elsewhere, copied);
    moved.list(&[("Seal", elsewhere)]);
    check(
        "another description beside the sealed one",
        &moved,
        SignatureStripped,
    );
    let mut moved = moved.without(SIGNATURE);
    moved.list(&[("Seal", elsewhere)]);
    check(
        "another description for the same signed value",
        &moved,
        DataHash,
    );
    let mut other = Parts::document().with(PAGE, EVIL);
    let description = other.description(&["OFD.xml"]);
    other.describe(&description);
    let stolen = Parts::sealed().get(VALUE).to_vec();
    check(
        "the signed value of another file",
        &other.with(VALUE, stolen),
        DataHash,
    );
}

#[test]
fn elements_cannot_occur_twice() {
    let good = Parts::document().description(&["OFD.xml"]);
    let page_digest = STANDARD.encode(sm3(&page()));
    let table: &[(&str, &str, &str)] = &[
        (
            "References",
            "<References",
            "<References CheckMethod='SM3'/><References",
        ),
        ("SignedInfo", "<SignedInfo>", "<SignedInfo/><SignedInfo>"),
        (
            "SignedValue",
            "<SignedValue>",
            "<SignedValue>/evil.dat</SignedValue><SignedValue>",
        ),
        (
            "Seal",
            "<Seal>",
            "<Seal><BaseLoc>/evil.esl</BaseLoc></Seal><Seal>",
        ),
        ("BaseLoc", "<Seal>", "<Seal><BaseLoc>/evil.esl</BaseLoc>"),
        (
            "CheckValue",
            "<CheckValue>",
            "<CheckValue>AAAA</CheckValue><CheckValue>",
        ),
        (
            "SignatureMethod",
            "<SignatureMethod>",
            "<SignatureMethod>1</SignatureMethod>\
          <SignatureMethod>",
        ),
        (
            "an attribute",
            "<References",
            "<References CheckMethod='MD5'",
        ),
        ("a comment in a digest", &page_digest, "AAAA<!-- -->AAAA"),
        (
            "an instruction in a location",
            "<SignedValue>/",
            "<SignedValue>/x<?x?>/",
        ),
    ];
    for (attack, from, to) in table {
        assert!(good.contains(from), "{attack}");
        check(
            attack,
            &sealed_as(&good.replacen(from, to, 1)),
            XmlMalformed,
        );
    }
}

#[test]
fn only_elements_of_the_standard_protect() {
    let value = reference(&format!("/{PAGE}"), &page());
    check("no reference", &with_page(""), Coverage);
    let foreign = value.replace("<Reference ", "<Reference xmlns='u' ");
    check(
        "a reference of another namespace",
        &with_page(&foreign),
        Coverage,
    );
    check(
        "a reference in a comment",
        &with_page(&format!("<!--{value}-->")),
        Coverage,
    );
    check(
        "a reference in CDATA",
        &with_page(&format!("<![CDATA[{value}]]>")),
        Coverage,
    );
    check(
        "a reference inside another",
        &with_page(&format!("<x>{value}</x>")),
        Coverage,
    );
    let nested = format!("<References CheckMethod='SM3'>{value}</References>");
    check(
        "references inside references",
        &with_page(&nested),
        Coverage,
    );
    let prefixed = value.replace("FileRef=", "o:FileRef=");
    let prefixed = prefixed.replace("<Reference ", "<Reference xmlns:o='u' ");
    check(
        "a location with a prefix",
        &with_page(&prefixed),
        XmlMalformed,
    );
    check("no references at all", &sealed_as(&described("")), Coverage);
    let element = "<References CheckMethod='SM3'></References>";
    check(
        "no list",
        &sealed_as(&described("").replace(element, "")),
        Coverage,
    );
}

#[test]
fn every_spelling_of_a_location_is_that_file_or_none() {
    let path = format!("/{PAGE}");
    let warnings = &[RefMissing, OfdXmlUncovered];
    for spelling in [
        path.clone(),
        PAGE.to_owned(),
        format!(" {path} "),
        path.replace("/Pages", "/./Pages"),
        path.replace("/Pages", "//Pages"),
        path.replace("/Pages", "/x/../Pages"),
        path.replace('/', "\\"),
        path.replace("Page_0", "Page&#95;0"),
        "Pages/Page_0/Content.xml".to_owned(),
    ] {
        let parts = with_page(&reference(&spelling, &page()));
        check_valid(&spelling, &parts.zip(), warnings);
        check(&spelling, &parts.with(PAGE, EVIL), RefDigest);
    }
    let folded = with_page(&reference(&path.to_uppercase(), &page()));
    check_valid(
        "case",
        &folded.zip(),
        &[ZipCase, RefMissing, OfdXmlUncovered],
    );
    for (spelling, code) in [
        (path.replace("Page_0", "Page%5F0"), RefMissing),
        (path.replace("Page_0", "Page＿0"), RefMissing),
        (path.replace("Page_0", "Page_0\u{200b}"), RefMissing),
        (format!("{path}#"), RefMissing),
        (format!("file://{path}"), RefMissing),
        (
            "../../../Doc_0/Pages/Page_0/Content.xml".to_owned(),
            RefPath,
        ),
    ] {
        check(&spelling, &with_page(&reference(&spelling, &page())), code);
    }
    // A literal file of that name takes the digest with it and leaves the page bare.
    let spelling = path.replace("Page_0", "Page%5F0");
    let literal = with_page(&reference(&spelling, &page())).with(&spelling[1..], page());
    check("a literal percent", &literal, Coverage);
    let nearer = with_page(&reference("Pages/Page_0/Content.xml", &page()))
        .with("Pages/Page_0/Content.xml", page())
        .with(PAGE, EVIL);
    check("a copy where the reference looks first", &nearer, Coverage);
}

#[test]
fn digests_must_all_hold() {
    let evil = EVIL.as_bytes();
    let path = format!("/{PAGE}");
    let (good, bad) = (reference(&path, &page()), reference(&path, evil));
    for pair in [format!("{good}{bad}"), format!("{bad}{good}")] {
        check("two digests of one file", &with_page(&pair), RefDigest);
        check(
            "and the other file",
            &with_page(&pair).with(PAGE, EVIL),
            RefDigest,
        );
    }
    let value = STANDARD.encode(sm3(&page()));
    let cut = STANDARD.encode(&sm3(&page())[..16]);
    let sha = STANDARD.encode(sha256(&page()));
    for other in [
        "",
        &cut,
        &sha,
        "AA",
        "====",
        &value[..43],
        &format!("{value}{value}"),
    ] {
        check(other, &with_page(&good.replace(&value, other)), RefDigest);
    }
    let all = Parts::document().description(&["OFD.xml"]);
    for method in ["MD5", "SHA1", "1.2.840.113549.2.5", "", "CRC32", "SM3 MD5"] {
        let weak = all.replace("'SM3'", &format!("'{method}'"));
        check(method, &sealed_as(&weak), SigAlg);
    }
    let other = all.replace("'SM3'", "'SHA-256'");
    check("another digest than stated", &sealed_as(&other), RefDigest);
}

#[test]
fn the_list_cannot_be_shortened_or_bent() {
    let mut two = Parts::sealed();
    two.set("Doc_0/Signs/Sign_1/Signature.xml", "<Signature/>");
    check("a description that no line names", &two, SignatureStripped);
    let mut absent = Parts::sealed();
    absent.list(&[
        ("Seal", SIGNATURE),
        ("Seal", "Doc_0/Signs/Sign_1/Signature.xml"),
    ]);
    check("a line that leads nowhere", &absent, SvMissing);
    for (kind, code) in [
        ("Sign", SvMalformed),
        ("seal", XmlMalformed),
        ("None", XmlMalformed),
    ] {
        let mut other = Parts::sealed();
        other.list(&[(kind, SIGNATURE)]);
        check(kind, &other, code);
    }
    check(
        "no signed value",
        &Parts::sealed().without(VALUE),
        SvMissing,
    );
    let line = Parts::sealed().edit(LIST, "<Signature ", "<x xmlns='u'><Signature ");
    check("a broken list", &line, XmlMalformed);
}

#[test]
fn one_good_signature_does_not_vouch_for_another() {
    // The office seals nothing: a plain signature over an evil page beside the authority's seal.
    let second = "Doc_0/Signs/Sign_1/Signature.xml";
    let mut parts = Parts::sealed_except(&["OFD.xml", PAGE]).with(PAGE, EVIL);
    let value = "/Doc_0/Signs/Sign_1/SignedValue.dat";
    let description = described(&reference(&format!("/{PAGE}"), EVIL.as_bytes()))
        .replace(&format!("/{VALUE}"), value);
    let forged = sealed(&SCENE.seal, &SCENE.office, description.as_bytes());
    parts.set(second, description.as_str());
    parts.set(&value[1..], forged);
    parts.list(&[("Seal", SIGNATURE), ("Seal", second)]);
    check(
        "a stolen seal beside a good one",
        &parts,
        FindingCode::SignerNotInList,
    );
    let bad = SealFaults {
        break_signature: true,
        ..SealFaults::default()
    };
    let broken = sign_data(&SCENE.office, description.as_bytes(), &bad).unwrap();
    parts.set(&value[1..], broken);
    parts.list(&[("Seal", SIGNATURE), ("Sign", second)]);
    check(
        "a broken signature beside a good one",
        &parts,
        FindingCode::SigInvalid,
    );
}
