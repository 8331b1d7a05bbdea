use serde_json::{Value, json};

use super::*;

/// A line as a library writes it; the people and firms do not exist.
pub(crate) fn line() -> Value {
    json!({
        "identifier": "1.2.156.3005.2.11990000MB999999XE001.11330105002500287C.20240001.001.X",
        "licence_name": "示例施工许可证",
        "type_name": "示例施工许可证",
        "type_code": "11990000MB999999XE001",
        "issuer_name": "示例区建设局",
        "issuer_code": "11330105002500287C",
        "issued_on": "20240629",
        "valid_from": "2024-07-01",
        "valid_until": "2027年06月30日",
        "region": "330105000000",
        "number": "示建字第0001号",
        "holders": [{"name": "测试企业", "code": "11370800MB28559184", "code_type": "001"}],
        "file": "2024/0001.ofd"
    })
}

/// The line above with changes, as an entry of the node `zhejiang`.
#[track_caller]
pub(crate) fn entry(change: impl FnOnce(&mut Value)) -> Entry {
    let mut line = line();
    change(&mut line);
    let source = SourceEntry::parse_line(line.to_string().as_bytes()).unwrap();
    source.into_entry("zhejiang", 1, None).unwrap()
}

#[track_caller]
fn check(change: impl FnOnce(&mut Value), expected: Result<(), &str>) {
    let mut line = line();
    change(&mut line);
    let found = SourceEntry::parse_line(line.to_string().as_bytes());
    let found = found.as_ref().map(|_| ()).map_err(EntryError::code);
    assert_eq!(found, expected, "{line}");
}

#[test]
fn a_line_is_read_with_its_defaults() {
    let entry = entry(|_| ());
    let public = &entry.public;
    assert_eq!(public.status, LicenceStatus::Valid);
    assert_eq!(public.issued_on.to_string(), "2024-06-29");
    assert_eq!(public.valid_until.unwrap().to_string(), "2027-06-30");
    assert_eq!(public.region.to_string(), "330105");
    assert_eq!(
        (public.home_node.as_str(), public.revision),
        ("zhejiang", 1)
    );
    assert_eq!(entry.private.holders.len(), 1);
}

#[test]
fn what_cannot_be_an_entry_is_refused() {
    check(|_| (), Ok(()));
    check(
        |line| line["identifier"] = "1.2.156.3005.2".into(),
        Err("ID_ROOT"),
    );
    check(
        |line| {
            let text = line["identifier"]
                .as_str()
                .unwrap()
                .replace("001.X", "002.X");
            line["identifier"] = text.into();
        },
        Err("ID_CHECK"),
    );
    check(|line| line["related"] = "x".into(), Err("ID_ROOT"));
    check(
        |line| line["type_code"] = "062301".into(),
        Err("TYPE_CODE_SHAPE"),
    );
    check(
        |line| line["issued_on"] = "2024-02-30".into(),
        Err("DATE_CALENDAR"),
    );
    check(
        |line| line["issued_on"] = 1_719_590_400_000_u64.into(),
        Ok(()),
    );
    check(|line| line["issued_on"] = (-1).into(), Err("ENTRY_JSON"));
    check(|line| line["issued_on"] = "".into(), Err("DATE_FORM"));
    check(|line| line["valid_from"] = "".into(), Ok(()));
    check(|line| line["valid_until"] = "长期".into(), Ok(()));
    check(|line| line["valid_until"] = "永远".into(), Err("DATE_FORM"));
    check(|line| line["region"] = 330_105.into(), Ok(()));
    check(
        |line| line["region"] = "990105".into(),
        Err("REGION_PROVINCE"),
    );
    check(|line| line["status"] = "07".into(), Ok(()));
    check(|line| line["status"] = "U".into(), Err("STATUS_UNKNOWN"));
    check(|line| line["colour"] = "red".into(), Err("ENTRY_JSON"));
    check(|line| line["number"] = Value::Null, Err("ENTRY_JSON"));
    check(
        |line| line["number"] = "1".repeat(129).into(),
        Err("ENTRY_TOO_LONG"),
    );
    check(
        |line| line["licence_name"] = "证".repeat(513).into(),
        Err("ENTRY_TOO_LONG"),
    );
    check(|line| line["extension"] = json!({"KZ_NF": "2024"}), Ok(()));
    check(
        |line| line["extension"] = json!({"KZ NF": "2024"}),
        Err("ENTRY_EXTENSION"),
    );
    check(
        |line| line["number"] = "1".repeat(MAX_LINE).into(),
        Err("ENTRY_LINE_TOO_LONG"),
    );
}

#[test]
fn holders_come_as_a_list_or_as_parallel_texts() {
    let people = |names: &str, codes: &str, types: &str| {
        let mut line = line();
        line["holders"] = json!([]);
        line["holder_name"] = names.into();
        line["holder_code"] = codes.into();
        line["holder_type"] = types.into();
        SourceEntry::parse_line(line.to_string().as_bytes())
            .map(|entry| {
                entry
                    .holders
                    .into_iter()
                    .map(|h| h.name)
                    .collect::<Vec<_>>()
                    .join("|")
            })
            .map_err(|error| error.code())
    };
    assert_eq!(people("甲", "E1", "414"), Ok("甲".to_owned()));
    assert_eq!(people("甲^乙", "E1^E2", "414^414"), Ok("甲|乙".to_owned()));
    assert_eq!(
        people("甲、乙；丙", "E1,E2，E3", "414;414;999"),
        Ok("甲|乙|丙".to_owned())
    );
    // A comma inside a name does not separate where the national separator stands.
    assert_eq!(
        people("A Co., Ltd.^乙", "X1^E2", "099^414"),
        Ok("A Co., Ltd.|乙".to_owned())
    );
    assert_eq!(people("甲^乙", "E1", "414^414"), Err("ENTRY_HOLDER_COUNT"));
    assert_eq!(people("甲,乙", "E1", "414"), Err("ENTRY_HOLDER_COUNT"));
    assert_eq!(people("", "", ""), Err("ENTRY_HOLDER_COUNT"));
    assert_eq!(people("甲", "E1", "777"), Err("HOLDER_TYPE_UNKNOWN"));
    check(|line| line["holder_name"] = "甲".into(), Err("ENTRY_JSON"));
    check(
        |line| line["holders"] = json!([]),
        Err("ENTRY_HOLDER_COUNT"),
    );
    check(
        |line| line["holders"] = vec![line["holders"][0].clone(); 101].into(),
        Err("ENTRY_HOLDER_COUNT"),
    );
}

#[test]
fn a_file_path_stays_in_its_folder() {
    for path in ["a.ofd", "2024/06/a.ofd", "证照 1.ofd"] {
        check(|line| line["file"] = path.into(), Ok(()));
    }
    check(|line| line["file"] = Value::Null, Ok(()));
    check(|line| line["file"] = "".into(), Ok(()));
    for path in [
        "/a", "../a", "a/../b", "a//b", "./a", "a/", "a\\b", "C:a", "a\nb", "a\0",
    ] {
        check(|line| line["file"] = path.into(), Err("ENTRY_FILE_PATH"));
    }
}

#[test]
fn a_written_line_is_read_back() {
    let source = SourceEntry::parse_line(line().to_string().as_bytes()).unwrap();
    let written = serde_json::to_vec(&source).unwrap();
    assert_eq!(SourceEntry::parse_line(&written).unwrap(), source);
    let entry = source.into_entry("zhejiang", 3, None).unwrap();
    let written = serde_json::to_vec(&entry).unwrap();
    assert_eq!(serde_json::from_slice::<Entry>(&written).unwrap(), entry);
}

#[test]
fn a_node_its_revision_and_its_file_are_checked() {
    let source = SourceEntry::parse_line(line().to_string().as_bytes()).unwrap();
    let into = |node: &str, revision| source.clone().into_entry(node, revision, None);
    assert_eq!(into("zhejiang", 0), Err(EntryError::Revision));
    assert_eq!(into("", 1), Err(EntryError::HomeNode));
    assert_eq!(into("a.b", 1), Err(EntryError::HomeNode));
    assert_eq!(into("Zhejiang", 1), Err(EntryError::HomeNode));
    assert_eq!(into("zhe_jiang", 1), Err(EntryError::HomeNode));
    assert_eq!(into(&"a".repeat(64), 1), Err(EntryError::HomeNode));
    assert!(into(&"a".repeat(63), 1).is_ok());
    assert!(FileReference::new("0a".repeat(32), 1, FileKind::Ofd).is_ok());
    for digest in ["0A".repeat(32), "0a".repeat(31), "0g".repeat(32)] {
        let json = json!({"sm3": digest, "size_bytes": 1, "kind": "ofd"});
        assert!(serde_json::from_value::<FileReference>(json).is_err());
    }
}

#[test]
fn the_higher_revision_of_the_same_identifier_wins() {
    let older = entry(|_| ()).public;
    let newer = EntryPublic {
        revision: 2,
        ..older.clone()
    };
    assert!(newer.is_newer_than(&older));
    assert!(!older.is_newer_than(&newer) && !older.is_newer_than(&older));
    let other = EntryPublic {
        identifier: older.identifier.next_version().unwrap(),
        ..newer
    };
    assert!(!other.is_newer_than(&older));
}

#[test]
fn a_licence_is_in_force_within_its_term_while_usable() {
    let day = |text| crate::date::parse_date(text).unwrap();
    let public = entry(|_| ()).public;
    assert!(!public.is_in_force_on(day("20240630")));
    assert!(public.is_in_force_on(day("20240701")) && public.is_in_force_on(day("20270630")));
    assert!(!public.is_in_force_on(day("20270701")));
    let suspended = EntryPublic {
        status: LicenceStatus::Suspended,
        ..public
    };
    assert!(!suspended.is_in_force_on(day("20240701")));
}

#[test]
fn nothing_private_is_printed() {
    let private = ["测试企业", "11370800MB28559184", "示建字第0001号", "秘密"];
    let secret = |line: &mut Value| line["extension"] = json!({"KZ_QLR": "秘密"});
    let mut text = line();
    secret(&mut text);
    let source = SourceEntry::parse_line(text.to_string().as_bytes()).unwrap();
    let entry = entry(secret);
    let holder = &entry.private.holders[0];
    let mut printed = format!("{source:?} {entry:?} {:?} {holder:?}", entry.private);
    for field in ["number", "holders", "issued_on", "extension"] {
        let mut text = line();
        text[field] = json!({"测试企业": "11370800MB28559184", "秘密": ["示建字第0001号"]});
        let error = SourceEntry::parse_line(text.to_string().as_bytes()).unwrap_err();
        printed.push_str(&format!("{error} {error:?}"));
    }
    for value in private {
        assert!(!printed.contains(value), "{value} in {printed}");
    }
}

const MAX_LINE: usize = source::MAX_LINE_BYTES;
