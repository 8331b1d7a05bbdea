use serde_json::json;

use super::*;
use crate::entry::tests::entry;

fn strings(fields: &[&str]) -> Vec<String> {
    fields.iter().map(|field| (*field).to_owned()).collect()
}

/// Compares the file's pairs, laid over what the entry says, with the entry.
#[track_caller]
fn check(pairs: &[(&str, &str)], required: &[&str], missing: &[&str], differing: &[&str]) {
    let expected = MetadataComparison {
        missing: strings(missing),
        differing: strings(differing),
        differing_besides: Vec::new(),
    };
    assert_eq!(compared(pairs, required), expected);
    let agrees = missing.is_empty() && differing.is_empty();
    assert_eq!(expected.agrees(), agrees);
}

fn compared(pairs: &[(&str, &str)], required: &[&str]) -> MetadataComparison {
    let entry = entry(|line| {
        line["holders"] = json!([
            {"name": "甲", "code": "E1", "code_type": "414"},
            {"name": "乙, 丙公司", "code": "X2", "code_type": "099"},
        ]);
        line["extension"] = json!({"KZ_NF": "2024"});
    });
    let mut fields: BTreeMap<String, String> = Metadata::from_entry(&entry).into();
    for (name, value) in pairs {
        fields.insert((*name).to_owned(), (*value).to_owned());
    }
    let metadata = Metadata::from_pairs(fields).unwrap();
    metadata.compare(&entry, &strings(required))
}

#[test]
fn a_file_of_the_entry_agrees_with_it() {
    let all = names::FROM_ENTRY.iter().filter(|field| **field != "GLZZBS");
    let all: Vec<&str> = all.copied().chain(["KZ_NF"]).collect();
    check(&[], &all, &[], &[]);
    check(
        &[],
        &["GLZZBS", "KZ_X", "ZZBFJGJB"],
        &["GLZZBS", "KZ_X", "ZZBFJGJB"],
        &[],
    );
}

#[test]
fn required_fields_are_compared_by_meaning() {
    check(
        &[("ZZBFRQ", "20240629"), ("ZZYXQJZRQ", "2027年6月30日")],
        &["ZZBFRQ"],
        &[],
        &[],
    );
    check(&[("ZZBFRQ", "2024-06-28")], &["ZZBFRQ"], &[], &["ZZBFRQ"]);
    check(&[("ZZBFRQ", "soon")], &["ZZBFRQ"], &[], &["ZZBFRQ"]);
    check(&[("CZZT", "甲，乙,丙公司")], &["CZZT"], &[], &[]);
    check(&[("CZZT", "乙, 丙公司^甲")], &["CZZT"], &[], &["CZZT"]);
    check(&[("CZZT", "甲")], &["CZZT"], &[], &["CZZT"]);
    check(&[("CZZTDM", "E1,X2")], &["CZZTDM"], &[], &[]);
    check(&[("CZZTDM", "E1,X3")], &["CZZTDM"], &[], &["CZZTDM"]);
    check(&[("ZZBH", " ")], &["ZZBH"], &["ZZBH"], &[]);
    check(&[("ZZBH", "示建字第0002号")], &["ZZBH"], &[], &["ZZBH"]);
    check(&[("KZ_NF", "2023")], &["KZ_NF"], &[], &["KZ_NF"]);
    // Stated but unknown to the entry: differs when required.
    check(&[("ZZBFJGJB", "省级")], &["ZZBH"], &[], &[]);
    check(&[("ZZBFJGJB", "省级")], &["ZZBFJGJB"], &[], &["ZZBFJGJB"]);
}

#[test]
fn what_is_not_required_is_compared_where_both_state_it() {
    for (field, value) in [("ZZMC", "别的"), ("KZ_NF", "2023"), ("CZZTDMLX", "其他")] {
        let found = compared(&[(field, value)], &["ZZBH"]);
        assert_eq!(found.differing_besides, [field]);
        assert!(found.differing.is_empty() && !found.agrees());
        let nothing = compared(&[(field, " ")], &["ZZBH"]);
        assert!(nothing.agrees(), "{field}");
    }
}

#[test]
fn a_file_of_another_licence_never_agrees() {
    check(&[("ZZBS", "1.2.156.3005.2.A")], &[], &[], &["ZZBS"]);
    check(&[("ZZBS", "1.2.156.3005.2.A")], &["ZZBS"], &[], &["ZZBS"]);
    check(&[("ZZBS", "")], &[], &[], &[]);
    check(&[("ZZYXQJZRQ", "2099-01-01")], &[], &[], &["ZZYXQJZRQ"]);
    check(&[("ZZYXQQSRQ", "1999-01-01")], &[], &[], &["ZZYXQQSRQ"]);
    check(&[("ZZYXQJZRQ", "")], &[], &[], &[]);
    check(&[("ZZBS", "")], &["ZZBS"], &["ZZBS"], &[]);
}

#[test]
fn other_names_become_short_names() {
    let metadata = Metadata::from_pairs([
        ("CertificateName", "证"),
        ("certificateHolderName", "甲"),
        ("zzyxqqssj", "2024-07-01"),
        ("KZ_certClass", "A"),
        ("元数据名称_1", " x "),
    ]);
    let metadata = metadata.unwrap();
    let fields: Vec<_> = metadata.iter().collect();
    let expected = [
        ("CZZT", "甲"),
        ("KZ_certClass", "A"),
        ("ZZMC", "证"),
        ("ZZYXQQSRQ", "2024-07-01"),
        ("元数据名称_1", "x"),
    ];
    assert_eq!(fields, expected);
    assert!(is_short_name("ZZBS") && is_short_name("KZ_NF"));
    assert!(!is_short_name("KZ_") && !is_short_name("zzbs") && !is_short_name("ZZYXQQSSJ"));
}

#[test]
fn contradictions_and_excess_are_refused() {
    let code = |pairs: &[(&str, &str)]| {
        Metadata::from_pairs(pairs.iter().copied())
            .map(|_| ())
            .map_err(|error| error.code())
    };
    assert_eq!(
        code(&[("ZZBFRQ", "20240629"), ("ZZBFSJ", "2024-06-29")]),
        Ok(())
    );
    assert_eq!(
        code(&[("ZZBS", "1"), ("CertificateIdentifier", "2")]),
        Err("METADATA_CONFLICT")
    );
    assert_eq!(code(&[("X", "1"), ("X", "2")]), Err("METADATA_CONFLICT"));
    assert_eq!(code(&[(" ", "1")]), Err("METADATA_NAME"));
    assert_eq!(code(&[(&"X".repeat(129), "1")]), Err("METADATA_NAME"));
    assert_eq!(code(&[("X", &"1".repeat(4096))]), Ok(()));
    assert_eq!(code(&[("X", &"1".repeat(4097))]), Err("METADATA_TOO_LONG"));
    let many = |count: usize| Metadata::from_pairs((0..count).map(|n| (format!("N{n}"), "1")));
    assert_eq!(many(512).map(|metadata| metadata.len()), Ok(512));
    assert_eq!(many(513), Err(MetadataError::TooMany));
}

#[test]
fn a_copy_is_told_by_its_fields() {
    let original = Metadata::from_entry(&entry(|_| ()));
    assert!(original.copy_fields().is_none());
    let copy = Metadata::from_pairs([
        ("CertificateCopyCause", "办理贷款"),
        ("JZJYXQJZSJ", "20240630235959"),
        ("JZJZZZ", ""),
    ]);
    let copy = copy.unwrap().copy_fields().unwrap();
    assert_eq!(
        (copy.cause.as_deref(), copy.maker.as_deref()),
        (Some("办理贷款"), None)
    );
    assert_eq!(
        copy.expiry().unwrap().unwrap().to_rfc3339(),
        "2024-06-30T15:59:59+00:00"
    );
    assert!(
        CopyFields {
            expires_at: Some("soon".to_owned()),
            ..copy
        }
        .expiry()
        .is_err()
    );
}

#[test]
fn debug_shows_names_only() {
    let printed = format!("{:?}", Metadata::from_entry(&entry(|_| ())));
    assert!(
        printed.contains("CZZTDM") && !printed.contains("测试企业"),
        "{printed}"
    );
    let json = serde_json::to_string(&Metadata::from_entry(&entry(|_| ()))).unwrap();
    let read: Metadata = serde_json::from_str(&json).unwrap();
    assert_eq!(read, Metadata::from_entry(&entry(|_| ())));
}
