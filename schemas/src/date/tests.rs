use super::*;

#[track_caller]
fn check_date(text: &str, expected: Result<&str, DateError>) {
    let found = parse_date(text).map(|date| date.to_string());
    assert_eq!(found.as_deref().map_err(|error| *error), expected, "{text}");
}

#[track_caller]
fn check_instant(text: &str, expected: Result<&str, DateError>) {
    let form = "%Y-%m-%dT%H:%M:%S%.fZ";
    let found = parse_instant(text).map(|instant| instant.format(form).to_string());
    assert_eq!(found.as_deref().map_err(|error| *error), expected, "{text}");
}

#[test]
fn every_form_of_a_date_is_read() {
    check_date("20240629", Ok("2024-06-29"));
    check_date(" 2024-06-29 ", Ok("2024-06-29"));
    check_date("2024年06月29日", Ok("2024-06-29"));
    check_date("2024年6月9日", Ok("2024-06-09"));
    check_date("20240629235959", Ok("2024-06-29"));
    check_date("2024-06-29 23:59:59", Ok("2024-06-29"));
    check_date("2024-06-29T23:59:59", Ok("2024-06-29"));
    check_date("2024-06-29T23:59:59.123+08:00", Ok("2024-06-29"));
    check_date("1719590400000", Ok("2024-06-29"));
    check_date("99991231", Ok("9999-12-31"));
}

#[test]
fn an_instant_becomes_its_date_in_shanghai() {
    check_date("2024-06-29T15:59:59Z", Ok("2024-06-29"));
    check_date("2024-06-29T16:00:00Z", Ok("2024-06-30"));
    check_date("20240629160000Z", Ok("2024-06-30"));
    check_date("2024-06-29T23:00:00-01:00", Ok("2024-06-30"));
    // 2024-06-28T16:00:00Z is midnight in Shanghai; a millisecond before is the day before.
    check_date("1719590399999", Ok("2024-06-28"));
}

#[test]
fn what_is_no_date_is_refused() {
    check_date("2024-02-30", Err(DateError::Calendar));
    check_date("20230229", Err(DateError::Calendar));
    check_date("00000101", Err(DateError::Calendar));
    check_date("2024-06-29 24:00:00", Err(DateError::Calendar));
    check_date("", Err(DateError::Form));
    check_date("长期", Err(DateError::Form));
    check_date("2024/06/29", Err(DateError::Form));
    check_date("2024-6-29", Err(DateError::Form));
    check_date("+024-06-29", Err(DateError::Form));
    check_date("2024年06月", Err(DateError::Form));
    check_date("2024年+6月29日", Err(DateError::Form));
    check_date("２０２４-06-29", Err(DateError::Form));
    check_date("2024-06-2九", Err(DateError::Form));
    check_date("2024062九", Err(DateError::Form));
    check_date("2024-06-29T1二:00:00", Err(DateError::Form));
    check_date(&"1".repeat(10_000), Err(DateError::Form));
}

#[test]
fn every_form_of_a_signing_time_is_read() {
    check_instant("2024-06-29 12:30:45", Ok("2024-06-29T04:30:45Z"));
    check_instant("20240629123045Z", Ok("2024-06-29T12:30:45Z"));
    check_instant("20240629123045.125Z", Ok("2024-06-29T12:30:45.125Z"));
    check_instant("20240629123045.1Z", Ok("2024-06-29T12:30:45.100Z"));
    check_instant("20240629123045", Ok("2024-06-29T04:30:45Z"));
    check_instant("20240629123045.5", Ok("2024-06-29T04:30:45.500Z"));
    check_instant("240629123045Z", Ok("2024-06-29T12:30:45Z"));
    check_instant("990629123045Z", Ok("1999-06-29T12:30:45Z"));
    check_instant("1537859052", Ok("2018-09-25T07:04:12Z"));
    check_instant("1537859052123", Ok("2018-09-25T07:04:12.123Z"));
    check_instant("2024-06-29T12:30:45Z", Ok("2024-06-29T12:30:45Z"));
    check_instant(
        "2024-06-29T12:30:45.123456789+08:00",
        Ok("2024-06-29T04:30:45.123Z"),
    );
    check_instant("2024-06-29T12:30:45", Ok("2024-06-29T04:30:45Z"));
    check_instant("2024-06-29", Err(DateError::NoTime));
    check_instant("20240629123060Z", Err(DateError::Calendar));
    check_instant("20240629123045X", Err(DateError::Form));
    check_instant("240629123045", Err(DateError::Form));
    check_instant("2024-06-29 12:30", Err(DateError::Form));
    check_instant("2024-06-29 12:30:45 ", Ok("2024-06-29T04:30:45Z"));
}

#[test]
fn a_long_term_has_no_end() {
    assert_eq!(ValidUntil::parse("长期"), Ok(ValidUntil::LongTerm));
    assert_eq!(ValidUntil::parse("99991231"), Ok(ValidUntil::LongTerm));
    assert_eq!(ValidUntil::LongTerm.to_string(), "9999-12-31");
    let day = parse_date("2024-06-29").unwrap();
    let until = ValidUntil::parse("2024年06月29日").unwrap();
    assert_eq!(serde_json::to_string(&until).unwrap(), "\"2024-06-29\"");
    assert!(!until.is_over_on(day) && until.is_over_on(day.succ_opt().unwrap()));
    assert!(until < ValidUntil::LongTerm && !ValidUntil::LongTerm.is_over_on(day));
}
