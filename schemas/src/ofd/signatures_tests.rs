//! Tests of the signature parts.

use super::*;

fn in_namespace(body: &str) -> String {
    body.replacen('>', " xmlns='http://www.ofdspec.org/2016'>", 1)
}

#[test]
fn a_list_names_its_signatures() {
    let list = in_namespace(
        "<Signatures><MaxSignId>2</MaxSignId><Signature ID='s1' BaseLoc='/a'/>\
         <Signature ID='s2' Type='Sign' BaseLoc='b'/><x:Signature xmlns:x='urn:x'/></Signatures>",
    );
    let listed = parse_list(list.as_bytes()).unwrap();
    let seen: Vec<_> = listed
        .iter()
        .map(|line| (&*line.id, line.kind, &*line.location))
        .collect();
    assert_eq!(
        seen,
        [
            ("s1", SignatureKind::Seal, "/a"),
            ("s2", SignatureKind::Sign, "b")
        ]
    );
}

#[track_caller]
fn refused_list(body: &str) {
    let refusal = parse_list(in_namespace(body).as_bytes()).unwrap_err();
    assert_eq!(refusal.code(), FindingCode::XmlMalformed);
}

#[test]
fn a_list_that_says_too_little_or_too_much_is_refused() {
    refused_list("<Signature></Signature>");
    refused_list("<Signatures><Signature ID='1'/></Signatures>");
    refused_list("<Signatures><Signature BaseLoc='/a' Type='Other'/></Signatures>");
    let many = "<Signature BaseLoc='/a'/>".repeat(limits::SIGNATURES + 1);
    refused_list(&format!("<Signatures>{many}</Signatures>"));
    assert!(parse_list(b"<Signatures/>").is_err(), "no namespace");
}

const DESCRIPTION: &str = "<Signature><SignedInfo><SignatureMethod>1.2.156.10197.1.501\
    </SignatureMethod><SignatureDateTime>20201010151120</SignatureDateTime>\
    <Seal><BaseLoc>/s.esl</BaseLoc></Seal><StampAnnot ID='2' PageRef='1' Boundary='1 2 3 4'/>\
    <References CheckMethod='1.2.156.10197.1.401'><Reference FileRef='/OFD.xml'>\
    <CheckValue>O8ul\n Ji4=</CheckValue></Reference></References></SignedInfo>\
    <SignedValue> /v.dat </SignedValue></Signature>";

#[test]
fn a_description_names_what_is_protected() {
    let description = parse_description(in_namespace(DESCRIPTION).as_bytes()).unwrap();
    assert_eq!(description.signed_value.as_deref(), Some("/v.dat"));
    assert_eq!(description.seal.as_deref(), Some("/s.esl"));
    assert_eq!(
        description.check_method.as_deref(),
        Some("1.2.156.10197.1.401")
    );
    assert_eq!(description.date_time.as_deref(), Some("20201010151120"));
    let reference = Reference {
        location: "/OFD.xml".to_owned(),
        check_value: "O8ulJi4=".to_owned(),
    };
    assert_eq!(description.references, [reference]);
    assert_eq!(
        description
            .stamps
            .first()
            .map(|stamp| stamp.boundary.as_str()),
        Some("1 2 3 4")
    );
}

#[test]
fn a_description_with_two_readings_is_refused() {
    for part in ["<SignedValue>/w</SignedValue>", "<SignedInfo></SignedInfo>"] {
        let doubled = DESCRIPTION.replace("</Signature>", &format!("{part}</Signature>"));
        assert!(
            parse_description(in_namespace(&doubled).as_bytes()).is_err(),
            "{part}"
        );
    }
    let foreign = DESCRIPTION.replace("<SignedInfo>", "<SignedInfo xmlns='urn:x'>");
    assert!(parse_description(in_namespace(&foreign).as_bytes()).is_err());
    let nameless = DESCRIPTION.replace("FileRef", "Other");
    assert!(parse_description(in_namespace(&nameless).as_bytes()).is_err());
}
