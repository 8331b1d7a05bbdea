use super::*;

#[track_caller]
fn check_time(tag: u8, text: &str, expected: Option<&str>) {
    let element = Element {
        tag,
        raw: &[],
        content: text.as_bytes(),
    };
    let found = element.time().ok().map(|instant| instant.to_rfc3339());
    assert_eq!(found.as_deref(), expected, "{text}");
}

#[test]
fn times_with_and_without_a_zone() {
    let noon = Some("2026-06-01T12:00:00+00:00");
    check_time(UTC_TIME, "260601120000Z", noon);
    check_time(UTC_TIME, "260601200000", noon);
    check_time(UTC_TIME, "2606011200Z", noon);
    check_time(UTC_TIME, "990601120000Z", Some("1999-06-01T12:00:00+00:00"));
    check_time(GENERALIZED_TIME, "20260601120000Z", noon);
    check_time(GENERALIZED_TIME, "20260601200000", noon);
    check_time(GENERALIZED_TIME, "20260601200000+0800", noon);
    check_time(
        GENERALIZED_TIME,
        "20260601120000.5Z",
        Some("2026-06-01T12:00:00.500+00:00"),
    );
    for wrong in [
        "",
        "20261301120000Z",
        "20260601120000X",
        "20260601120000.Z",
        "2026",
    ] {
        check_time(GENERALIZED_TIME, wrong, None);
    }
    check_time(OCTET_STRING, "20260601120000Z", None);
}

#[track_caller]
fn check_refused(bytes: &[u8], expected: Asn1Error) {
    assert_eq!(
        Reader::new(bytes).any().err(),
        Some(expected),
        "{bytes:02x?}"
    );
}

#[test]
fn only_der_lengths_and_low_tags_are_read() {
    check_refused(&[], Asn1Error::Truncated);
    check_refused(&[0x30], Asn1Error::Truncated);
    check_refused(&[0x30, 0x02, 0x00], Asn1Error::Truncated);
    check_refused(&[0x30, 0x80, 0x00, 0x00], Asn1Error::NotDer);
    check_refused(&[0x30, 0x81, 0x02, 0x05, 0x00], Asn1Error::NotDer);
    check_refused(&[0x30, 0x82, 0x00, 0x80], Asn1Error::NotDer);
    check_refused(&[0x30, 0x85, 1, 1, 1, 1, 1], Asn1Error::NotDer);
    check_refused(&[0x1f, 0x81, 0x00], Asn1Error::NotDer);
    check_refused(&[0x30, 0x84, 0xff, 0xff, 0xff, 0xff], Asn1Error::Truncated);
}

#[test]
fn raw_slices_are_those_of_the_input() {
    let bytes = [0x30, 0x05, 0x02, 0x01, 0x07, 0x05, 0x00];
    let outer = Element::whole(&bytes, SEQUENCE).unwrap();
    let inner = outer.reader().all(2).unwrap();
    assert_eq!(inner[0].raw, &bytes[2..5]);
    assert_eq!(inner[0].integer(), Ok(7));
    assert_eq!(sequence_of_raw(&[inner[0].raw, inner[1].raw]), bytes);
    assert!(matches!(
        outer.reader().all(1),
        Err(Asn1Error::TooMany { limit: 1 })
    ));
}

#[test]
fn long_sequences_have_minimal_lengths() {
    for length in [0, 0x7f, 0x80, 0xff, 0x100, 0x1_0000] {
        let part = vec![0_u8; length];
        let encoded = sequence_of_raw(&[&part]);
        assert_eq!(
            Element::whole(&encoded, SEQUENCE).unwrap().content.len(),
            length
        );
    }
}

#[test]
fn integers_keep_their_sign() {
    let element = |content| Element {
        tag: INTEGER,
        raw: &[],
        content,
    };
    assert_eq!(element(&[0xff]).integer(), Ok(-1));
    assert_eq!(element(&[0x00, 0xff]).integer(), Ok(255));
    assert_eq!(element(&[0x00, 0xff]).unsigned(), Ok(&[0xff][..]));
    assert!(element(&[0xff]).unsigned().is_err());
    assert!(element(&[]).integer().is_err());
    assert!(element(&[0; 9]).integer().is_err());
}
