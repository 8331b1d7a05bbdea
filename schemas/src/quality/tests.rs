use serde_json::{Value, json};

use super::*;
use crate::entry::SourceEntry;
use crate::entry::tests::{entry, line};

/// Rules that the changed entry breaks; those that reject end in `!`.
#[track_caller]
fn check(change: impl FnOnce(&mut Value), expected: &[&str]) {
    let zhejiang = ProvinceCode::parse("33").unwrap();
    let faults = check_entry(&entry(change), &LicenceTypes::builtin(), &[zhejiang]);
    let mark = |fault: &QualityFault| {
        assert!(!fault.zh.is_ascii() && fault.en.is_ascii() || fault.en.contains('示'));
        for private in ["测试企业", "示建字", "11370800MB2855918"] {
            assert!(
                !fault.zh.contains(private) && !fault.en.contains(private),
                "{fault:?}"
            );
        }
        format!("{}{}", fault.rule, if fault.rejecting { "!" } else { "" })
    };
    assert_eq!(faults.iter().map(mark).collect::<Vec<_>>(), expected);
}

/// Rule of a line that cannot be read.
#[track_caller]
fn check_unreadable(change: impl FnOnce(&mut Value), expected: &str) {
    let mut line = line();
    change(&mut line);
    let error = SourceEntry::parse_line(line.to_string().as_bytes()).unwrap_err();
    let fault = QualityFault::from_entry_error(&error);
    assert!(fault.rejecting && !fault.zh.is_empty() && !fault.en.is_empty());
    assert_eq!(fault.rule, expected);
}

fn identifier(type_code: &str, issuer: &str, serial: &str) -> Value {
    let body = format!("{type_code}.{issuer}.{serial}.001");
    format!(
        "1.2.156.3005.2.{body}.{}",
        crate::identifier::check_character(&body)
    )
    .into()
}

#[test]
fn a_good_entry_meets_every_rule() {
    check(|_| (), &[]);
    check(|line| line["valid_until"] = "长期".into(), &[]);
    check(|line| line["extension"] = json!({"KZ_NF": "2024"}), &[]);
}

#[test]
fn an_entry_that_is_too_large_breaks_that_rule_alone() {
    let check = |bytes: usize, expected: &[&str]| {
        let mut large = entry(|_| ());
        large.public.issuer_name = "A".repeat(bytes);
        large.public.region = crate::region::RegionCode::parse("510100").unwrap();
        let zhejiang = ProvinceCode::parse("33").unwrap();
        let faults = check_entry(&large, &LicenceTypes::builtin(), &[zhejiang]);
        let rules: Vec<_> = faults.iter().map(|fault| &*fault.rule).collect();
        assert_eq!(rules, expected, "{bytes}");
    };
    check(ENTRY_BYTES_MAX / 2, &["Q-REGION"]);
    check(ENTRY_BYTES_MAX, &[RULE_TOO_LARGE]);
}

#[test]
fn identifier_type_and_region_must_fit() {
    let (type_code, issuer) = ("11990000MB999999XE001", "11330105002500287C");
    check(
        |line| line["identifier"] = identifier(type_code, issuer, "2024_0001"),
        &["Q-ID-NONCONFORMANT"],
    );
    check(
        |line| line["identifier"] = identifier("11990000MB999999XE002", issuer, "1"),
        &["Q-TYPE-CODE!"],
    );
    check(
        |line| line["related"] = line["identifier"].clone(),
        &["Q-RELATED!"],
    );
    check(
        |line| {
            line["type_code"] = "11990000MB999999XE009".into();
            line["identifier"] = identifier("11990000MB999999XE009", issuer, "1");
        },
        &["Q-TYPE-UNKNOWN!"],
    );
    check(
        |line| line["type_name"] = "施工许可证".into(),
        &["Q-TYPE-NAME!"],
    );
    check(
        |line| line["type_name"] = " ".into(),
        &["Q-TYPE-NAME!", "Q-NAME-EMPTY!"],
    );
    check(|line| line["region"] = "350128".into(), &["Q-REGION!"]);
    check(|line| line["region"] = "100000".into(), &["Q-REGION!"]);
}

#[test]
fn names_issuer_and_holders_must_be_sound() {
    for field in ["licence_name", "issuer_name", "number"] {
        check(|line| line[field] = "  ".into(), &["Q-NAME-EMPTY!"]);
    }
    check(
        |line| line["issuer_code"] = "11330105002500287D".into(),
        &["Q-USCC!", "Q-ISSUER-CODE"],
    );
    check(
        |line| line["issuer_code"] = "11430000006122244L".into(),
        &["Q-ISSUER-CODE"],
    );
    check(
        |line| {
            line["issuer_code"] = "330105".into();
            line["identifier"] = identifier("11990000MB999999XE001", "330105", "1");
        },
        &["Q-ID-NONCONFORMANT", "Q-USCC"],
    );
    check(
        |line| line["holders"][0]["name"] = "".into(),
        &["Q-NAME-EMPTY!"],
    );
    check(
        |line| line["holders"][0]["code"] = "11370800MB28559185".into(),
        &["Q-HOLDER-CODE!"],
    );
    check(
        |line| line["holders"] = json!([{"name": "测试企业", "code": "a?", "code_type": "099"}]),
        &["Q-HOLDER-CODE"],
    );
    check(
        |line| line["holders"] = json!([{"name": "甲", "code": "E1", "code_type": "414"}]),
        &["Q-HOLDER-CATEGORY"],
    );
    let mut none = entry(|_| ());
    none.private.holders.clear();
    let faults = check_entry(
        &none,
        &LicenceTypes::builtin(),
        &[none.public.region.province()],
    );
    assert_eq!(
        faults
            .iter()
            .map(|fault| fault.rule.as_str())
            .collect::<Vec<_>>(),
        ["Q-HOLDER-COUNT"]
    );
}

#[test]
fn dates_are_in_order_and_copies_stay_out() {
    check(
        |line| line["valid_until"] = "20240630".into(),
        &["Q-DATE-ORDER!"],
    );
    check(|line| line["valid_until"] = "20240701".into(), &[]);
    check(
        |line| {
            line["valid_from"] = Value::Null;
            line["valid_until"] = "20240628".into();
        },
        &["Q-DATE-ORDER!"],
    );
    check(
        |line| line["extension"] = json!({"JZJZZSY": "x"}),
        &["Q-COPY-FIELDS!"],
    );
    check(
        |line| line["extension"] = json!({"certificateCopyCause": "x"}),
        &["Q-COPY-FIELDS!"],
    );
    check(
        |line| line["extension"] = json!({"colour": "x"}),
        &["Q-EXTENSION-NAME"],
    );
}

#[test]
fn an_unreadable_entry_names_its_rule() {
    check_unreadable(
        |line| {
            let text = line["identifier"]
                .as_str()
                .unwrap()
                .replace("001.X", "002.X");
            line["identifier"] = text.into();
        },
        "Q-ID-CHECK",
    );
    check_unreadable(|line| line["identifier"] = "x".into(), "Q-ID-FORM");
    check_unreadable(|line| line["related"] = "x".into(), "Q-RELATED");
    check_unreadable(|line| line["region"] = "99".into(), "Q-REGION");
    check_unreadable(|line| line["issued_on"] = "x".into(), "Q-DATE-FORM");
    check_unreadable(|line| line["holders"] = json!([]), "Q-HOLDER-COUNT");
    check_unreadable(|line| line["colour"] = "x".into(), "Q-FORM");
}
