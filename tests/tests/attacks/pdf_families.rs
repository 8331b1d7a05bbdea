//! The families of forged PDF signatures that are known in public, each built here: universal
//! forgery, incremental saving and wrapping (Mladenov, Mainka et al., CCS 2019), shadow documents
//! (NDSS 2021), certified documents (IEEE S&P 2021), and what test suites of vendors add. Every one
//! is refused, in both profiles, and says why.

use certs::mint::pdf::{PdfSignature, sign_pdf};
use certs::trust::TrustStore;
use schemas::verdict::FindingCode::{self, FormatFailure, HashFailure, SignatureStripped};
use schemas::verdict::{Outcome, Profile};

use super::pdf_scene::{
    EVIL_CONTENT, PAGE, VALUE, cut, document, judged, overwritten, place, refused, signed, update,
    verify_in,
};
use super::scene::SCENE;
use super::{pdf_changes, pdf_values};

/// One file that somebody forged.
pub(super) struct Forgery {
    pub(super) attack: String,
    pub(super) file: Vec<u8>,
    pub(super) code: FindingCode,
    /// Other trust than the scene's.
    pub(super) trust: Option<TrustStore>,
}

impl Forgery {
    pub(super) fn new(attack: impl Into<String>, file: Vec<u8>, code: FindingCode) -> Self {
        let (attack, trust) = (attack.into(), None);
        Self {
            attack,
            file,
            code,
            trust,
        }
    }
}

type Family = (&'static str, fn() -> Vec<Forgery>);

const FAMILIES: [Family; 14] = [
    ("universal signature forgery", universal),
    ("incremental saving", saving),
    ("signature wrapping", wrapping),
    ("gap of the byte range", gap),
    ("head and tail", head_and_tail),
    ("shadow documents", pdf_changes::shadows),
    ("evil annotation", pdf_changes::annotations),
    ("sneaky signature", pdf_changes::sneaky),
    ("locks", pdf_changes::locks),
    ("vanished signature", pdf_changes::vanished),
    ("signed value", pdf_values::forged),
    ("signer", pdf_values::signers),
    ("exhaustion", pdf_changes::exhaustion),
    ("stale objects", pdf_changes::stale),
];

#[test]
fn every_public_family_is_refused_with_a_named_reason() {
    judged("the licence", &signed(&[]), Outcome::Valid, Outcome::Valid);
    for (family, build) in FAMILIES {
        let forgeries = build();
        assert!(!forgeries.is_empty(), "{family}");
        for forgery in forgeries {
            let trust = forgery.trust.as_ref().unwrap_or(&SCENE.trust);
            let what = format!("{family}: {}", forgery.attack);
            refused(&what, &forgery.file, trust, forgery.code);
        }
    }
}

/// The signature dictionary cannot be read: that is a broken signature, not none.
fn universal() -> Vec<Forgery> {
    let file = signed(&[]);
    let (contents, range) = (
        cut(&file, "/Contents<", ">"),
        cut(&file, "/ByteRange[", "]"),
    );
    let (contents, range) = (contents.as_str(), range.as_str());
    let edits = [
        ("no value", contents, "/Nothing null"),
        ("null as value", contents, "/Contents null"),
        ("an empty value", contents, "/Contents<>"),
        ("zeros as value", contents, "/Contents<00>"),
        ("a number as value", contents, "/Contents 0"),
        ("no range", range, "/Nothing null"),
        ("null as range", range, "/ByteRange null"),
        ("an empty range", range, "/ByteRange[]"),
        ("zeros as range", range, "/ByteRange[0 0 0 0]"),
        ("a range below zero", range, "/ByteRange[0 -1 -1 -1]"),
        (
            "a range beyond numbers",
            range,
            "/ByteRange[0 9 9999999999999999999 1]",
        ),
        (
            "a range that overflows",
            range,
            "/ByteRange[0 9 9223372036854775807 9]",
        ),
        ("half a range", range, "/ByteRange[0 9]"),
    ];
    let mut forgeries: Vec<_> = edits
        .map(|(attack, from, to)| Forgery::new(attack, overwritten(&file, from, to), FormatFailure))
        .into();
    let value = format!("/V {VALUE} 0 R");
    for (attack, to) in [
        ("another object as value", "/V 6 0 R"),
        ("a number", "/V 7"),
    ] {
        forgeries.push(Forgery::new(
            attack,
            overwritten(&file, &value, to),
            FormatFailure,
        ));
    }
    let null = overwritten(&file, &value, "/V null");
    forgeries.push(Forgery::new("null", null, SignatureStripped));
    let other = overwritten(&file, "/FT/Sig", "/FT/Tx");
    forgeries.push(Forgery::new("another kind of field", other, HashFailure));
    let escaped = overwritten(&file, "/ByteRange[0 00", "/Byte#52ange[0 ");
    forgeries.push(Forgery::new("an escaped name", escaped, HashFailure));
    for forgery in &forgeries {
        let verdict = verify_in(Profile::General, &forgery.file, &SCENE.trust);
        assert_ne!(
            verdict.code,
            Some(FindingCode::Unsigned),
            "{}",
            forgery.attack
        );
    }
    forgeries
}

/// What is saved after signing shows something else.
fn saving() -> Vec<Forgery> {
    let file = signed(&[]);
    let previous = cut(&file, "startxref\n", "%%EOF");
    let previous = previous.lines().nth(1).unwrap();
    let evil = format!("4 0 obj\n{EVIL_CONTENT}\nendobj\n");
    let trailer = format!("trailer\n<</Size 52/Root 1 0 R/Prev {previous}>>\n");
    let end = format!("startxref\n{previous}\n%%EOF\n");
    let appended = |texts: &[&str]| [&file[..], texts.concat().as_bytes()].concat();
    let value = cut(&file, "/Contents<", ">");
    let value = hex::decode(&value["/Contents<".len()..value.len() - 1]).unwrap();
    let copied = document(&[(4, EVIL_CONTENT)]);
    let plan = PdfSignature::default();
    let copied = sign_pdf(&copied, &plan, |_| Ok(value[..3000].to_vec())).unwrap();
    let page = PAGE.replace("/Contents[4 0 R 9 0 R]", "/Contents 60 0 R");
    let pages = "<</Type/Pages/Kids[3 0 R]/Count 1/MediaBox[0 0 9 9]/Rotate 180>>";
    let font = "<</Type/Font/Subtype/Type1/BaseFont/Symbol>>";
    vec![
        Forgery::new(
            "other content",
            update(&file, &[(4, EVIL_CONTENT)]),
            FormatFailure,
        ),
        Forgery::new(
            "another page",
            update(&file, &[(3, &page), (60, EVIL_CONTENT)]),
            FormatFailure,
        ),
        Forgery::new(
            "what pages inherit",
            update(&file, &[(2, pages)]),
            FormatFailure,
        ),
        Forgery::new("another font", update(&file, &[(6, font)]), FormatFailure),
        Forgery::new("objects alone", appended(&[&evil]), FormatFailure),
        Forgery::new(
            "no cross-references",
            appended(&[&evil, &trailer, &end]),
            FormatFailure,
        ),
        Forgery::new(
            "a trailer alone",
            appended(&[&trailer, &end]),
            FormatFailure,
        ),
        Forgery::new("an end alone", appended(&[&end]), FormatFailure),
        Forgery::new("a copied signature", copied, HashFailure),
    ]
}

/// The second part of what is signed stands elsewhere, something else between.
fn wrapping() -> Vec<Forgery> {
    let file = signed(&[]);
    let contents = cut(&file, "/Contents<", ">");
    let value = contents.trim_end_matches('>').trim_end_matches('0');
    let (start, end) = (
        place(&file, &contents),
        place(&file, &contents) + contents.len(),
    );
    let (head, tail) = (&file[..start], &file[end..]);
    let range = cut(&file, "/ByteRange[", "]");
    let numbers: Vec<&str> = range[11..range.len() - 1].split(' ').collect();
    let evil = format!("4 0 obj\n{EVIL_CONTENT}\nendobj\n");
    let second = start + value.len() + 500;
    let between = format!(
        "0>/ByteRange[0 {} {second} {}]>>\nendobj\n{evil}",
        numbers[1], numbers[3]
    );
    let between = format!("{value}{between:<500}");
    let moved = [head, between.as_bytes(), tail].concat();
    let inside = format!("{value}00>/Evil 9");
    let twice = format!("{value}00>/Contents<00>");
    let longer = range.replacen(numbers[2], &format!("{:010}", end + 10), 1);
    let shorter = range.replacen(numbers[1], &format!("{:010}", start), 1);
    vec![
        Forgery::new("moved", moved, FormatFailure),
        Forgery::new(
            "a key inside",
            overwritten(&file, &contents, &inside),
            FormatFailure,
        ),
        Forgery::new(
            "two values",
            overwritten(&file, &contents, &twice),
            FormatFailure,
        ),
        Forgery::new(
            "a later part",
            overwritten(&file, &range, &longer),
            FormatFailure,
        ),
        Forgery::new(
            "an earlier end",
            overwritten(&file, &range, &shorter),
            FormatFailure,
        ),
    ]
}

/// Between the two parts stands the value in hexadecimal and nothing else.
fn gap() -> Vec<Forgery> {
    let file = signed(&[]);
    let end = cut(&file, "000000>", ">");
    let edits = [
        ("white space", "0000 0>"),
        ("a line end", "0000\n0>"),
        ("a comment", "0000%0>"),
        ("an odd digit", "00000> "),
        ("no digit", "0000g0>"),
        ("more than zeros", "000001>"),
    ];
    let mut forgeries: Vec<_> = edits
        .map(|(attack, to)| Forgery::new(attack, overwritten(&file, &end, to), FormatFailure))
        .into();
    let range = cut(&file, "/ByteRange[", "]");
    let edits = [
        ("a range elsewhere", "/ByteRange 8 0 R".to_owned()),
        ("a range of six", "/ByteRange[0 1 2 3 4 5]".to_owned()),
        ("numbers elsewhere", "/ByteRange[0 8 0 R 9 9]".to_owned()),
    ];
    for (attack, to) in edits {
        forgeries.push(Forgery::new(
            attack,
            overwritten(&file, &range, &to),
            FormatFailure,
        ));
    }
    forgeries
}

/// Everything from the first byte to the end of the revision is signed.
fn head_and_tail() -> Vec<Forgery> {
    let file = signed(&[]);
    let range = cut(&file, "/ByteRange[", "]");
    let numbers: Vec<&str> = range[11..range.len() - 1].split(' ').collect();
    let last: usize = numbers[3].parse().unwrap();
    let with = |number: usize, text: String| {
        let mut numbers = numbers.clone();
        numbers[number] = &text;
        overwritten(&file, &range, &format!("/ByteRange[{}]", numbers.join(" ")))
    };
    let before = [b"%PDF-1.4\n", &file[..]].concat();
    vec![
        Forgery::new("a later beginning", with(0, "9".to_owned()), FormatFailure),
        Forgery::new(
            "an earlier end",
            with(3, format!("{:010}", last - 40)),
            FormatFailure,
        ),
        Forgery::new(
            "an end after the file",
            with(3, format!("{:010}", last + 1)),
            FormatFailure,
        ),
        Forgery::new(
            "bytes behind",
            [&file[..], b"%evil"].concat(),
            FormatFailure,
        ),
        Forgery::new("bytes before", before, FormatFailure),
        Forgery::new(
            "something before",
            [b"x", &file[..]].concat(),
            FormatFailure,
        ),
    ]
}
