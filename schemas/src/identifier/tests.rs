use proptest::prelude::*;

use super::*;

const TYPE: &str = "11100000000013127D001";
const ISSUER: &str = "11110000000021135M";
const SYNTHETIC: &str =
    "1.2.156.3005.2.11100000000013127D001.11110000000021135M.20240000000000000001.001.9";

#[track_caller]
fn check_strict(text: &str, expected: Result<(), &str>) {
    let found = Identifier::parse_strict(text);
    if let Ok(identifier) = &found {
        assert_eq!(identifier.as_str(), text);
        assert!(identifier.is_conformant());
    }
    assert_eq!(
        found.map(|_| ()).map_err(IdentifierFault::code),
        expected,
        "{text}"
    );
}

#[track_caller]
fn check_lenient(text: &str, expected: Result<&[&str], &str>) {
    let found = Identifier::parse_lenient(text).map(|(identifier, faults)| {
        assert_eq!(identifier.faults(), faults);
        faults
            .into_iter()
            .map(IdentifierFault::code)
            .collect::<Vec<_>>()
    });
    let found = found.as_deref().map_err(|fault| fault.code());
    assert_eq!(found, expected, "{text}");
}

#[test]
fn published_and_synthetic_identifiers_conform() {
    for text in [
        "1.2.156.3005.2.11100000000013338W011.11430000006122244L.20230000403.001.U",
        "1.2.156.3005.2.11100000000013338W011.11430000006122244L.20230000403.002.S",
        "1.2.156.3005.2.11100000000013338W009.11330105002500287C.2025052201.002.0",
        "1.2.156.3005.2.11100000000013338W032.11220000013544541J.2430599.001.F",
        "1.2.156.3005.2.11100000000013338W087.11370800MB28559184.37080001202411010001.001.3",
        SYNTHETIC,
        "1.2.156.3005.2.11100000MB0143028R001.11310000MB2F056267.20240000000000000002.001.P",
        "1.2.156.3005.2.11100000MB03271699001.11220000013544541J.20230000012345.002.E",
        "1.2.156.3005.2.11100000000013338W009.11330105002500287C.2025052201.003.Y",
    ] {
        check_strict(text, Ok(()));
        check_lenient(text, Ok(&[]));
    }
}

#[test]
fn old_identifiers_are_kept_with_their_faults() {
    let short_issuer = "1.2.156.3005.2.11100000MB03271699022.340100.000000016.001.9";
    check_strict(short_issuer, Err("ID_ISSUER_USCC"));
    check_lenient(short_issuer, Ok(&["ID_ISSUER_USCC"]));
    let demo = "1.2.156.3005.2.062301.1101101102.0624001.001.U";
    check_strict(demo, Err("ID_TYPE_LEN"));
    check_lenient(demo, Ok(&["ID_TYPE_LEN", "ID_ISSUER_USCC"]));
    let underscore = "1.2.156.3005.2.062301.1101101102.0624_001.001.U";
    check_lenient(
        underscore,
        Ok(&["ID_TYPE_LEN", "ID_ISSUER_USCC", "ID_SERIAL_CHARSET"]),
    );
    let body = "11100000000013127D001.11110000000021135M.1.1";
    let short_version = format!("{ROOT}.{body}.{}", check_character(body));
    check_strict(&short_version, Err("ID_VERSION"));
    check_lenient(&short_version, Ok(&["ID_VERSION"]));
}

#[test]
fn a_wrong_check_character_is_refused_with_the_right_one() {
    for (text, expected) in [
        (
            "1.2.156.3005.2.11100000000013661B006.113700000045046442.\
             209FA4E88F9E4C878F3E9BED2CE7EA49.001.M",
            'D',
        ),
        (
            "1.2.156.3005.2.11100000000013338W050.91610800064834709T.2023000001.001.X",
            '2',
        ),
    ] {
        let fault = IdentifierFault::Check { expected };
        assert_eq!(Identifier::parse_strict(text), Err(fault));
        let lenient = Identifier::parse_lenient(text).map(|(identifier, _)| identifier);
        assert_eq!(lenient, Err(fault));
        assert!(fault.to_string().contains(expected));
        let mut right = text.to_owned();
        right.pop();
        right.push(expected);
        check_strict(&right, Ok(()));
    }
    check_strict(&format!("{SYNTHETIC}9"), Err("ID_CHECK"));
    check_strict(&SYNTHETIC.replace(".001.9", ".001.九"), Err("ID_CHECK"));
}

#[test]
fn each_fault_has_its_code() {
    check_strict("", Err("ID_ROOT"));
    check_strict("1.2.156.3005.1.A.B.C.001.0", Err("ID_ROOT"));
    check_strict("1.2.156.3005.20.A.B.C.001.0", Err("ID_ROOT"));
    check_strict(&format!(" {SYNTHETIC}"), Err("ID_ROOT"));
    check_strict("1.2.156.3005.2", Err("ID_ROOT"));
    check_strict("1.2.156.3005.2.", Err("ID_SEGMENTS"));
    check_strict(
        &SYNTHETIC.replace(".20240000000000000001", ""),
        Err("ID_SEGMENTS"),
    );
    check_strict(
        &SYNTHETIC.replace("20240000000000000001", ""),
        Err("ID_SEGMENTS"),
    );
    check_strict(&format!("{SYNTHETIC}.9"), Err("ID_SEGMENTS"));
    check_strict(
        &SYNTHETIC.replace("13127D001", "13127D01"),
        Err("ID_TYPE_LEN"),
    );
    check_strict(
        &SYNTHETIC.replace("13127D001", "13127DA01"),
        Err("ID_TYPE_LEN"),
    );
    check_strict(
        &SYNTHETIC.replace("13127D001", "13128D001"),
        Err("ID_TYPE_AUTH_USCC"),
    );
    check_strict(
        &SYNTHETIC.replace("21135M", "21136M"),
        Err("ID_ISSUER_USCC"),
    );
    check_strict(
        &SYNTHETIC.replace("2024000", "2024a00"),
        Err("ID_SERIAL_CHARSET"),
    );
    check_lenient(
        &SYNTHETIC.replace("2024000", "2024a00"),
        Err("ID_SERIAL_CHARSET"),
    );
    check_lenient(
        &SYNTHETIC.replace("2024000", "2024/00"),
        Err("ID_SERIAL_CHARSET"),
    );
    check_strict(
        &SYNTHETIC.replace("2024", &"0".repeat(25)),
        Err("ID_SERIAL_CHARSET"),
    );
    check_strict(
        &SYNTHETIC.replace("2024", &"0".repeat(60)),
        Err("ID_SEGMENTS"),
    );
    for version in ["000", "1000", "0A1", "+01"] {
        let text = SYNTHETIC.replace(".001.", &format!(".{version}."));
        check_strict(&text, Err("ID_VERSION"));
        check_lenient(&text, Err("ID_VERSION"));
    }
    check_strict("1.2.156.3005.2.法.人.证.001.0", Err("ID_TYPE_LEN"));
    check_lenient("1.2.156.3005.2.法.人.证.001.0", Err("ID_TYPE_LEN"));
}

#[test]
fn parts_are_read_and_versions_counted() {
    let (first, _) = Identifier::parse_lenient(
        "1.2.156.3005.2.11100000000013338W011.11430000006122244L.20230000403.001.U",
    )
    .unwrap();
    assert_eq!(first.type_code(), "11100000000013338W011");
    assert_eq!(first.issuer_code(), "11430000006122244L");
    assert_eq!(
        (first.serial(), first.version(), first.check()),
        ("20230000403", 1, 'U')
    );
    let second = first.next_version().unwrap();
    assert_eq!((second.version(), second.check()), (2, 'S'));
    assert_eq!(first.licence_key(), second.licence_key());
    assert_eq!(
        first.licence_key(),
        "1.2.156.3005.2.11100000000013338W011.11430000006122244L.20230000403"
    );
    let (type_code, issuer) = (first.type_code(), first.issuer_code());
    let last = Identifier::build(type_code, issuer, "1", 999).unwrap();
    assert_eq!(last.next_version(), Err(IdentifierFault::Version));
    assert_eq!(
        Identifier::build(type_code, issuer, "1", 0),
        Err(IdentifierFault::Version)
    );
    assert_eq!(
        Identifier::build("X", issuer, "1", 1),
        Err(IdentifierFault::TypeLength)
    );
}

#[test]
fn json_is_a_string_read_leniently() {
    let old = "\"1.2.156.3005.2.11100000MB03271699022.340100.000000016.001.9\"";
    let identifier: Identifier = serde_json::from_str(old).unwrap();
    assert_eq!(serde_json::to_string(&identifier).unwrap(), old);
    assert!(serde_json::from_str::<Identifier>(&old.replace("001.9", "001.8")).is_err());
}

/// What ISO 7064 MOD 37,36 promises, by going through all of its 36 states: every single wrong
/// character leads to another state and so to another check character; of adjacent
/// transpositions exactly one pair of characters in each state stays unseen (36 of 22,680).
#[test]
fn the_check_character_sees_all_single_errors_and_almost_all_transpositions() {
    let step = |state: u32, value: u32| {
        let sum = (state + value) % 36;
        (if sum == 0 { 36 } else { sum }) * 2 % 37
    };
    let mut unseen = 0;
    for state in 1..=36 {
        for first in 0..36 {
            for second in 0..first {
                assert_ne!(step(state, first), step(state, second));
                assert_ne!(step(first + 1, state - 1), step(second + 1, state - 1));
                let (one, other) = (step(state, first), step(state, second));
                unseen += u32::from(step(one, second) == step(other, first));
            }
        }
    }
    assert_eq!(unseen, 36);
}

proptest! {
    #[test]
    fn any_single_wrong_character_is_refused(
        serial in "[0-9A-Z]{1,40}", version in 1_u16..=999, at in any::<usize>(), to in 0_u32..36,
    ) {
        let built = Identifier::build(TYPE, ISSUER, &serial, version).unwrap();
        let mut characters: Vec<char> = built.as_str().chars().collect();
        let at = ROOT.len() + at % (characters.len() - ROOT.len());
        let to = char::from_digit(to, 36).unwrap().to_ascii_uppercase();
        prop_assume!(characters[at] != to);
        characters[at] = to;
        let changed: String = characters.into_iter().collect();
        prop_assert!(Identifier::parse_lenient(&changed).is_err(), "{changed}");
    }

    #[test]
    fn swapped_neighbours_in_the_serial_are_refused_but_for_the_known_blind_spot(
        serial in "[0-9A-Z]{2,40}", at in any::<usize>(),
    ) {
        let built = Identifier::build(TYPE, ISSUER, &serial, 1).unwrap();
        let at = at % (serial.len() - 1);
        let mut swapped = serial.clone().into_bytes();
        swapped.swap(at, at + 1);
        let swapped = String::from_utf8(swapped).unwrap();
        prop_assume!(swapped != serial);
        let changed = built.as_str().replace(&format!(".{serial}."), &format!(".{swapped}."));
        let mut state = 36;
        for value in format!("{TYPE}{ISSUER}{}", &serial[..at]).chars().filter_map(value) {
            let sum = (state + value) % 36;
            state = (if sum == 0 { 36 } else { sum }) * 2 % 37;
        }
        // The one pair of neighbours that a state does not tell apart, as found by going
        // through all states.
        let pair = [(55 - state) % 36, (54 - state) % 36];
        let low = value(char::from(serial.as_bytes()[at])).unwrap();
        let high = value(char::from(serial.as_bytes()[at + 1])).unwrap();
        let blind = pair == [low, high] || pair == [high, low];
        prop_assert_eq!(Identifier::parse_lenient(&changed).is_ok(), blind);
    }

    #[test]
    fn any_text_is_read_or_refused(text in "\\PC{0,200}") {
        let _ = Identifier::parse_lenient(&text);
        let _ = Identifier::parse_lenient(&format!("{ROOT}.{text}"));
    }
}
