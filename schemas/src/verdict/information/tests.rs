use std::sync::Arc;

use serde_json::json;

use super::*;
use crate::entry::tests::entry;
use crate::status::LicenceStatus;
use crate::verdict::{CheckResult, Checks, FileKind, Profile};

/// Status, first and last day in force, result on 2026-11-21.
#[track_caller]
fn check_entry(status: &str, from: &str, until: &str, expected: u8) {
    let mut entry = entry(|_| ());
    entry.public.status = LicenceStatus::parse(status).unwrap();
    entry.public.valid_from = (!from.is_empty()).then(|| from.parse().unwrap());
    let last = |text: &str| crate::date::ValidUntil::parse(text).unwrap();
    entry.public.valid_until = (!until.is_empty()).then(|| last(until));
    let day = "2026-11-21".parse().unwrap();
    let result = entry.public.information_result_on(day);
    assert_eq!(u8::from(result), expected, "{status} {from}/{until}");
    assert_eq!(expected == 0, entry.public.is_in_force_on(day));
    // A file that says the same has this result too.
    let stated = Metadata::from_entry(&entry);
    let required = required(&["ZZBS", "ZZBH", "CZZTDM"]);
    assert_eq!(
        InformationResult::of(&stated, &entry, &required, day),
        result
    );
}

#[test]
fn right_information_has_the_result_of_status_and_term() {
    check_entry("01", "", "", 0);
    check_entry("01", "2026-11-21", "2026-11-21", 0);
    check_entry("01", "2026-11-22", "", 1);
    check_entry("01", "", "2026-11-20", 3);
    check_entry("00", "", "", 1);
    check_entry("00", "2026-11-22", "", 1);
    check_entry("00", "", "2026-11-20", 3);
    check_entry("02", "", "", 2);
    check_entry("02", "2026-11-22", "", 2);
    check_entry("02", "", "2026-11-20", 3);
    check_entry("03", "", "", 3);
    check_entry("04", "2026-11-22", "", 3);
    check_entry("05", "", "", 3);
    check_entry("06", "", "", 2);
    check_entry("07", "", "", 3);
    check_entry("99", "", "", 3);
}

fn required(fields: &[&str]) -> Vec<String> {
    fields.iter().map(|field| (*field).to_owned()).collect()
}

/// Fields that are changed, or taken away with an empty text, and the result.
#[track_caller]
fn check_stated(changes: &[(&str, &str)], expected: u8) {
    let entry = entry(|_| ());
    let mut pairs: Vec<(String, String)> = Metadata::from_entry(&entry)
        .iter()
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    for (field, value) in changes {
        pairs.retain(|(name, _)| name != field);
        pairs.push(((*field).to_owned(), (*value).to_owned()));
    }
    let stated = Metadata::from_pairs(pairs).unwrap();
    let day = entry.public.valid_from.unwrap();
    let required = required(&["ZZBH", "CZZT"]);
    let result = InformationResult::of(&stated, &entry, &required, day);
    assert_eq!(u8::from(result), expected, "{changes:?}");
}

#[test]
fn what_is_missing_cannot_be_verified_and_what_differs_is_not_known() {
    check_stated(&[], 0);
    check_stated(&[("CZZT", "")], 4);
    check_stated(&[("ZZBS", "")], 4);
    check_stated(&[("CZZT", "另一家")], 5);
    check_stated(&[("ZZBS", "1.2.156.3005.2.1")], 5);
    check_stated(&[("ZZBH", "1"), ("CZZT", "")], 4);
    // Not required for this type, so nobody compares it; the term always is.
    check_stated(&[("ZZBFJG", "另一机构")], 0);
    check_stated(&[("ZZYXQJZRQ", "2001-01-01")], 5);
}

#[test]
fn only_the_six_codes_of_the_standard_are_read() {
    for code in 0..=5_u8 {
        let result = InformationResult::try_from(code).unwrap();
        assert_eq!(u8::from(result), code);
        assert_eq!(json!(result), json!(code));
    }
    assert!(InformationResult::try_from(6).is_err());
    assert!(InformationResult::ALL.is_sorted());
}

fn verdict(change: impl FnOnce(&mut Checks, &mut Checks)) -> Verdict {
    let (mut whole, mut signature) = (Checks::new(), Checks::new());
    change(&mut whole, &mut signature);
    let sample = include_str!("../../../samples/verdict.v1.json");
    let mut report: Verdict = serde_json::from_str(sample).unwrap();
    let mut signatures = std::mem::take(&mut report.signatures);
    signatures[0].checks = signature;
    signatures[0].conclude();
    let sm3 = report.sm3;
    let verdict = Verdict::conclude(FileKind::Ofd, Profile::Licence, sm3, whole, signatures);
    let stated = Metadata::from_pairs([("ZZBS", "1")]).unwrap();
    Verdict {
        signed_metadata: Some(Arc::new(stated)),
        ..verdict
    }
}

#[track_caller]
fn check_proven(expected: bool, change: impl FnOnce(&mut Checks, &mut Checks)) {
    let verdict = verdict(change);
    let proven = verdict.proven_metadata();
    assert_eq!(proven.is_some(), expected, "{:?}", verdict.code);
    // Nothing without a signature.
    let unsigned = verdict.with_signatures(Vec::new());
    assert_eq!(unsigned.proven_metadata(), None);
}

#[test]
fn metadata_is_proven_where_nothing_else_is_wrong() {
    use FindingCode::{Coverage, MetaMismatch, MetaMissing, RevocationUnknown, Untrusted};
    check_proven(true, |_, _| ());
    check_proven(true, |_, signature| {
        signature.warn(RevocationUnknown, CheckResult::Unknown, "");
    });
    check_proven(true, |whole, _| {
        whole.fail(MetaMissing, "");
        whole.fail(MetaMismatch, "");
    });
    check_proven(false, |whole, _| whole.fail(Coverage, ""));
    check_proven(false, |_, signature| signature.unknown(Untrusted, ""));
    check_proven(false, |_, signature| {
        signature.fail(FindingCode::SigInvalid, "");
    });
}
