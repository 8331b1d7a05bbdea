//! What a package says about its licence, against the directory's entry.

use super::*;

#[test]
fn metadata_must_be_the_entrys() {
    let required = ["ZZBS", "ZZBH", "ZZMC"].map(str::to_owned);
    let code = |parts: &Parts| {
        let report = verdict(parts, Some(&required));
        let text = serde_json::to_string(&report).unwrap();
        assert!(
            !text.contains(NUMBER) && !text.contains("测试企业"),
            "{text}"
        );
        report.code
    };
    assert_eq!(code(&signed(&[WHOLE])), None);
    let edited = |from: &str, to: &str| {
        let mut parts = Parts::new();
        let root = parts.text("OFD.xml").replace(from, to);
        parts.set("OFD.xml", root);
        parts.sign(&[WHOLE]);
        parts
    };
    assert_eq!(
        code(&edited(NUMBER, "SECRET-0002")),
        Some(FindingCode::MetaMismatch)
    );
    assert_eq!(
        code(&edited("'ZZBH'", "'OTHER'")),
        Some(FindingCode::MetaMissing)
    );
    let twice = edited(
        "<CustomDatas>",
        "<CustomDatas><CustomData Name='ZZBH'>2</CustomData>",
    );
    assert_eq!(code(&twice), Some(FindingCode::MetaMismatch));
    // Nobody signed OFD.xml: what it says proves nothing.
    let bare_root = Plan {
        references: &ALL[1..],
        ..WHOLE
    };
    assert_eq!(code(&signed(&[bare_root])), Some(FindingCode::MetaMissing));
    // Another licence's file, though no field is required.
    let other = edited("20240001", "20240002");
    let report = verdict(&other, Some(&[]));
    assert_eq!(report.code, Some(FindingCode::MetaMismatch));
}

#[test]
fn what_no_type_requires_is_compared_too() {
    let mut parts = Parts::new();
    let root = parts.text("OFD.xml");
    let type_name = FIXTURE.entry.public.type_name.as_str();
    parts.set("OFD.xml", root.replace(type_name, "另一种证照"));
    parts.sign(&[WHOLE]);
    let report = verdict(&parts, Some(&[]));
    assert_eq!(report.code, None);
    assert!(report.warnings.contains(&FindingCode::MetaMismatch));
    let report = verdict(&signed(&[WHOLE]), Some(&[]));
    assert!(!report.warnings.contains(&FindingCode::MetaMismatch));
}

#[test]
fn a_seal_of_another_unit_than_the_issuer_is_told() {
    let bytes = signed(&[WHOLE]).zip();
    let is_told = |issuer: &str| {
        let mut entry = FIXTURE.entry.clone();
        issuer.clone_into(&mut entry.public.issuer_name);
        let options = VerifyOptions {
            expected: Some(ExpectedEntry {
                entry: &entry,
                required_metadata: &[],
            }),
            ..VerifyOptions::at(signed_at())
        };
        let report = verify(&bytes, "", &FIXTURE.trust, &options);
        assert!(report.is_valid());
        report.warnings.contains(&FindingCode::SealUnitMismatch)
    };
    assert!(!is_told(&FIXTURE.entry.public.issuer_name));
    assert!(!is_told("示例区建设局（行政审批专用）"));
    assert!(is_told("另一区建设局"));
}

#[test]
fn metadata_is_read_without_verification() {
    let read = metadata(&Parts::new().zip()).unwrap();
    assert_eq!(read.value("ZZBH"), Some(NUMBER));
    assert!(matches!(
        metadata(b"no package"),
        Err(ReadMetadataError::File(_))
    ));
}
