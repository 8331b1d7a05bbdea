//! Metadata of the licence: what was signed counts, and later revisions may not say otherwise.

use schemas::pdf::metadata::NAMESPACE;
use schemas::verdict::Profile;

use super::{base, sign_as, update, verify};

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
