//! Metadata of the licence: what was signed counts, and later revisions may not say otherwise.

use schemas::pdf::metadata::NAMESPACE;
use schemas::verdict::{FindingCode, Outcome, Profile};

use super::{base, refused, sign_as, update, verify};

const CATALOG: &str = "<</Type/Catalog/Pages 2 0 R/AcroForm 5 0 R/Metadata 9 0 R>>";

fn packet(properties: &str) -> String {
    let packet = format!(
        "<rdf:RDF xmlns:rdf=\"http://www.w3.org/1999/02/22-rdf-syntax-ns#\"><rdf:Description \
         rdf:about=\"\" xmlns:zz=\"{NAMESPACE}\">{properties}</rdf:Description></rdf:RDF>"
    );
    let length = packet.len();
    format!("<</Type/Metadata/Subtype/XML/Length {length}>>stream\n{packet}\nendstream")
}

#[track_caller]
fn check(file: &[u8], identifier: Option<&str>) {
    let verdict = verify(file, Profile::Licence);
    assert_eq!(verdict.signed_identifier(), identifier);
}

#[test]
fn the_signed_packet_says_which_licence_it_is() {
    let stated = packet("<zz:ZZBS>1</zz:ZZBS><zz:ModifyDate>2026</zz:ModifyDate>");
    let file = base(&[(1, CATALOG), (9, &stated)]);
    check(&file, None);
    let signed = sign_as(&file, "a");
    check(&signed, Some("1"));
    check(&sign_as(&signed, "b"), Some("1"));
    // A tool may note when it added validation data.
    let same = packet("<zz:ZZBS>1</zz:ZZBS><zz:ModifyDate>2027</zz:ModifyDate>");
    check(&update(&signed, &[(9, &same)]), Some("1"));
    let other = packet("<zz:ZZBS>2</zz:ZZBS>");
    check(&update(&signed, &[(9, &other)]), None);
    check(&update(&signed, &[(9, &packet(""))]), None);
}

/// The signed catalog with this in the place of `/Metadata 9 0 R`.
fn catalog(metadata: &str) -> String {
    format!(
        "<</Type/Catalog/Pages 2 0 R/AcroForm<</Fields[7 0 R 51 0 R]/SigFlags 3\
         /DA(/F1 0 Tf 0 g)>>{metadata}>>"
    )
}

const TAKEN_AWAY: [&str; 6] = [
    "",
    "/Metadata null",
    "/Metadata 3 0 R",
    "/Metadata 4 0 R",
    "/Metadata 99 0 R",
    "/Metadata<</Type/Metadata/Subtype/XML>>",
];

#[test]
fn no_other_packet_is_put_in_the_place_of_the_signed_one() {
    let stated = packet("<zz:ZZBS>1</zz:ZZBS><zz:ModifyDate>2026</zz:ModifyDate>");
    let other = packet("<zz:ZZBS>2</zz:ZZBS>");
    let same = packet("<zz:ZZBS>1</zz:ZZBS><zz:ModifyDate>2027</zz:ModifyDate>");
    // Both others stand there from the beginning: the update brings only the catalog.
    let file = base(&[(1, CATALOG), (9, &stated), (10, &other), (11, &same)]);
    let signed = sign_as(&file, "a");
    for metadata in TAKEN_AWAY.into_iter().chain(["/Metadata 10 0 R"]) {
        refused(metadata, &update(&signed, &[(1, &catalog(metadata))]));
    }
    let saved = update(&signed, &[(1, &catalog("/Metadata 11 0 R"))]);
    super::check("the same words", &saved, Outcome::Valid, Outcome::Valid);
}

#[test]
fn metadata_of_any_kind_are_judged_like_a_packet_that_is_written_anew() {
    let (one, other) = (
        packet("<zz:title>a</zz:title>"),
        packet("<zz:title>b</zz:title>"),
    );
    let signed = sign_as(&base(&[(1, CATALOG), (9, &one), (10, &other)]), "a");
    let repointed = update(&signed, &[(1, &catalog("/Metadata 10 0 R"))]);
    for changed in [repointed, update(&signed, &[(9, &other)])] {
        super::check("a title", &changed, Outcome::Invalid, Outcome::Valid);
        let verdict = verify(&changed, Profile::General);
        let expected = ["FORM_FILLING: the document's metadata"];
        assert_eq!(verdict.signatures[0].modifications, expected);
    }
    for metadata in TAKEN_AWAY {
        refused(metadata, &update(&signed, &[(1, &catalog(metadata))]));
    }
    // Nobody here can tell whether two packets say the same that cannot be read.
    let packed = |text: &str| {
        let (filter, length) = ("/Filter/LZWDecode", text.len());
        format!("<</Type/Metadata/Subtype/XML{filter}/Length {length}>>stream\n{text}\nendstream")
    };
    let signed = sign_as(&base(&[(1, CATALOG), (9, &packed("one"))]), "a");
    let changed = update(&signed, &[(9, &packed("two"))]);
    super::check("unreadable", &changed, Outcome::Invalid, Outcome::Valid);
}

#[test]
fn what_was_signed_about_the_licence_counts_without_an_entry_too() {
    let expired = "<zz:ZZBS>1</zz:ZZBS><zz:JZJZZSY>one bank</zz:JZJZZSY>\
                   <zz:JZJYXQJZSJ>2026-01-01 00:00:00</zz:JZJYXQJZSJ>";
    let signed = sign_as(&base(&[(1, CATALOG), (9, &packet(expired))]), "a");
    let mismatched = |file: &[u8]| {
        let verdict = verify(file, Profile::General);
        assert_eq!(verdict.code, Some(FindingCode::MetaMismatch), "{verdict:?}");
    };
    mismatched(&signed);
    let no_packet = "<</Type/Metadata/Subtype/XML/Length 1>>stream\n<\nendstream";
    for later in [packet("<zz:ZZBS>1</zz:ZZBS>"), packet(""), no_packet.into()] {
        mismatched(&update(&signed, &[(9, &later)]));
        let sealed = sign_as(
            &base(&[(1, CATALOG), (9, &packet("<zz:ZZBS>2</zz:ZZBS>"))]),
            "a",
        );
        mismatched(&update(&sealed, &[(9, &later)]));
    }
    // Whoever signs a copy later answers for its limits, too.
    let blank = sign_as(&base(&[(1, CATALOG), (9, &packet(""))]), "a");
    let copied = sign_as(&update(&blank, &[(9, &packet(expired))]), "b");
    mismatched(&copied);
    mismatched(&update(&copied, &[(9, &packet(""))]));
}

#[test]
fn files_that_state_no_licence_stay_as_they_are() {
    let blank = packet("<zz:title>a</zz:title>");
    let no_packet = "<</Type/Metadata/Subtype/XML/Length 1>>stream\n<\nendstream";
    for (one, other) in [
        (blank.as_str(), no_packet),
        (no_packet, &blank),
        (&blank, &blank),
    ] {
        let signed = sign_as(&base(&[(1, CATALOG), (9, one)]), "a");
        super::check("signed", &signed, Outcome::Valid, Outcome::Valid);
        let saved = update(&signed, &[(9, other)]);
        let verdict = verify(&saved, Profile::General);
        assert_eq!(verdict.verdict, Outcome::Valid, "{verdict:?}");
    }
}
