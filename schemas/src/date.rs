//! Dates and instants in the many forms that files, directories and interfaces use.
//!
//! Text without a zone is Asia/Shanghai time, as everywhere in the standards; the zone has had
//! no daylight saving since 1991, so a fixed offset of eight hours is used.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, FixedOffset, NaiveDate, NaiveDateTime, Utc};
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Asia/Shanghai as a fixed offset.
pub const SHANGHAI: FixedOffset = match FixedOffset::east_opt(8 * 3600) {
    Some(offset) => offset,
    None => panic!("eight hours are a valid offset"),
};

/// The day in Asia/Shanghai at an instant.
#[must_use]
pub fn day_in_shanghai(instant: DateTime<Utc>) -> NaiveDate {
    instant.with_timezone(&SHANGHAI).date_naive()
}

/// Why a text is no date or instant. The text itself is not repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum DateError {
    /// None of the known forms.
    #[error("not one of the known date forms, such as 2024-06-29 or 20240629")]
    Form,
    /// A known form, but no such day or time.
    #[error("no such day or time")]
    Calendar,
    /// A date where an instant is needed.
    #[error("a time of day is missing")]
    NoTime,
}

/// Last day on which a licence is in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum ValidUntil {
    /// This day, inclusive, in Asia/Shanghai.
    Date(NaiveDate),
    /// 长期: no end; 9999-12-31 on the wire (\[P\] profile).
    LongTerm,
}

/// Reads a date in any form that platforms send (\[P\] profile): `yyyyMMdd`, `yyyy-MM-dd`,
/// `yyyy年MM月dd日`, `yyyyMMddHHmmss`, `yyyy-MM-dd HH:mm:ss`, RFC 3339 and milliseconds since
/// 1970 (13 digits). An instant becomes its date in Asia/Shanghai.
///
/// # Errors
/// When the form is unknown or the day does not exist.
pub fn parse_date(text: &str) -> Result<NaiveDate, DateError> {
    match parse_moment(text)? {
        Moment::Date(date) => Ok(date),
        Moment::Local(local) => Ok(local.date()),
        Moment::Instant(instant) => Ok(day_in_shanghai(instant)),
    }
}

/// Reads an instant as signing times are written in seals and signature parts:
/// `yyyy-MM-dd HH:mm:ss`, `yyyyMMddHHmmss`, both with `.SSS` or `Z`, `yyMMddHHmmssZ`, RFC 3339
/// with or without a zone, seconds (10 digits) or milliseconds (13) since 1970. `Z` is UTC;
/// without a zone the time is Asia/Shanghai.
///
/// # Errors
/// When the form is unknown, the time does not exist, or only a date is given.
pub fn parse_instant(text: &str) -> Result<DateTime<Utc>, DateError> {
    match parse_moment(text)? {
        Moment::Date(_) => Err(DateError::NoTime),
        Moment::Local(local) => shanghai_to_utc(local),
        Moment::Instant(instant) => Ok(instant),
    }
}

impl ValidUntil {
    /// Reads `长期`, `长期有效`, `永久` or a date in any form of [`parse_date`].
    ///
    /// # Errors
    /// As [`parse_date`].
    pub fn parse(text: &str) -> Result<Self, DateError> {
        match text.trim() {
            "长期" | "长期有效" | "永久" => Ok(Self::LongTerm),
            text => parse_date(text).map(Self::from),
        }
    }

    /// Whether the term is over on that day (Asia/Shanghai).
    #[must_use]
    pub fn is_over_on(self, day: NaiveDate) -> bool {
        matches!(self, Self::Date(last) if last < day)
    }
}

impl DateError {
    /// Stable code of the refusal.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Form => "DATE_FORM",
            Self::Calendar => "DATE_CALENDAR",
            Self::NoTime => "DATE_NO_TIME",
        }
    }
}

impl From<NaiveDate> for ValidUntil {
    fn from(date: NaiveDate) -> Self {
        if NaiveDate::from_ymd_opt(9999, 12, 31) == Some(date) {
            Self::LongTerm
        } else {
            Self::Date(date)
        }
    }
}

impl fmt::Display for ValidUntil {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Date(date) => date.fmt(f),
            Self::LongTerm => f.write_str("9999-12-31"),
        }
    }
}

impl FromStr for ValidUntil {
    type Err = DateError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl TryFrom<String> for ValidUntil {
    type Error = DateError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text)
    }
}

impl From<ValidUntil> for String {
    fn from(until: ValidUntil) -> Self {
        until.to_string()
    }
}

enum Moment {
    Date(NaiveDate),
    /// Without a zone: Asia/Shanghai.
    Local(NaiveDateTime),
    Instant(DateTime<Utc>),
}

fn parse_moment(text: &str) -> Result<Moment, DateError> {
    let text = text.trim();
    if text.len() > MAX_BYTES {
        return Err(DateError::Form);
    }
    if text.contains('年') {
        return chinese_date(text).map(Moment::Date);
    }
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, rest) = text.split_at(digits);
    match (digits, rest) {
        (8, "") => compact_date(number).map(Moment::Date),
        (10, "") => epoch(number, 1000),
        (12, "Z") => compact_time(&format!("{}{number}", century(number)), "Z"),
        (13, "") => epoch(number, 1),
        (14, _) => compact_time(number, rest),
        (4, _) => dashed(text),
        _ => Err(DateError::Form),
    }
}

/// `yyyy年MM月dd日`, months and days also with one digit.
fn chinese_date(text: &str) -> Result<NaiveDate, DateError> {
    let parts = text
        .strip_suffix('日')
        .and_then(|text| text.split_once('年'))
        .and_then(|(year, rest)| rest.split_once('月').map(|(month, day)| (year, month, day)));
    let (year, month, day) = parts.ok_or(DateError::Form)?;
    if year.len() != 4 || month.len() > 2 || day.len() > 2 {
        return Err(DateError::Form);
    }
    day_of(number(year)?, number(month)?, number(day)?)
}

/// `yyyyMMdd`.
fn compact_date(digits: &str) -> Result<NaiveDate, DateError> {
    day_of(
        part(digits, 0, 4)?,
        part(digits, 4, 6)?,
        part(digits, 6, 8)?,
    )
}

/// `yyyyMMddHHmmss`, then an optional fraction and `Z`.
fn compact_time(digits: &str, rest: &str) -> Result<Moment, DateError> {
    let date = compact_date(digits.get(..8).ok_or(DateError::Form)?)?;
    let clock = [
        part(digits, 8, 10)?,
        part(digits, 10, 12)?,
        part(digits, 12, 14)?,
    ];
    let (rest, utc) = match rest.strip_suffix('Z') {
        Some(rest) => (rest, true),
        None => (rest, false),
    };
    let local = at_clock(date, clock, fraction(rest)?)?;
    Ok(if utc {
        Moment::Instant(local.and_utc())
    } else {
        Moment::Local(local)
    })
}

/// `yyyy-MM-dd`, alone or followed by `T` or a space, `HH:mm:ss`, a fraction and a zone.
fn dashed(text: &str) -> Result<Moment, DateError> {
    let date = text.get(..10).ok_or(DateError::Form)?;
    if date.get(4..5) != Some("-") || date.get(7..8) != Some("-") {
        return Err(DateError::Form);
    }
    let date = day_of(part(date, 0, 4)?, part(date, 5, 7)?, part(date, 8, 10)?)?;
    let rest = text.get(10..).unwrap_or_default();
    if rest.is_empty() {
        return Ok(Moment::Date(date));
    }
    let time = rest
        .strip_prefix(['T', ' '])
        .and_then(|time| time.split_at_checked(8));
    let (time, rest) = time.ok_or(DateError::Form)?;
    if time.get(2..3) != Some(":") || time.get(5..6) != Some(":") {
        return Err(DateError::Form);
    }
    let clock = [part(time, 0, 2)?, part(time, 3, 5)?, part(time, 6, 8)?];
    let (fraction_text, zone) = rest.split_at(rest.find(['Z', '+', '-']).unwrap_or(rest.len()));
    let local = at_clock(date, clock, fraction(fraction_text)?)?;
    match zone {
        "" => Ok(Moment::Local(local)),
        "Z" => Ok(Moment::Instant(local.and_utc())),
        _ => {
            let offset: FixedOffset = zone.parse().map_err(|_| DateError::Form)?;
            let instant = local
                .and_local_timezone(offset)
                .single()
                .ok_or(DateError::Calendar)?;
            Ok(Moment::Instant(instant.to_utc()))
        }
    }
}

fn epoch(digits: &str, to_millis: i64) -> Result<Moment, DateError> {
    let value: i64 = digits.parse().map_err(|_| DateError::Form)?;
    let instant = DateTime::from_timestamp_millis(value * to_millis);
    instant.map(Moment::Instant).ok_or(DateError::Calendar)
}

/// Century of a two-digit year in `UTCTime`: 50 to 99 are 19xx (RFC 5280 §4.1.2.5.1).
fn century(digits: &str) -> &'static str {
    if digits >= "50" { "19" } else { "20" }
}

/// Milliseconds of `.S` to `.SSSSSSSSS`; zero when there is no fraction.
fn fraction(text: &str) -> Result<u32, DateError> {
    if text.is_empty() {
        return Ok(0);
    }
    let digits = text.strip_prefix('.').ok_or(DateError::Form)?;
    if digits.len() > 9 {
        return Err(DateError::Form);
    }
    number(digits)?;
    number(format!("{digits}00").get(..3).unwrap_or_default())
}

fn at_clock(date: NaiveDate, clock: [u32; 3], millis: u32) -> Result<NaiveDateTime, DateError> {
    let [hour, minute, second] = clock;
    date.and_hms_milli_opt(hour, minute, second, millis)
        .ok_or(DateError::Calendar)
}

fn day_of(year: u32, month: u32, day: u32) -> Result<NaiveDate, DateError> {
    let year = i32::try_from(year).map_err(|_| DateError::Calendar)?;
    // Year 0 exists in the proleptic calendar, but on a licence it is an empty field.
    let date = NaiveDate::from_ymd_opt(year, month, day).filter(|_| year > 0);
    date.ok_or(DateError::Calendar)
}

fn part(text: &str, from: usize, to: usize) -> Result<u32, DateError> {
    number(text.get(from..to).ok_or(DateError::Form)?)
}

fn number(digits: &str) -> Result<u32, DateError> {
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(DateError::Form);
    }
    digits.parse().map_err(|_| DateError::Form)
}

fn shanghai_to_utc(local: NaiveDateTime) -> Result<DateTime<Utc>, DateError> {
    let instant = local
        .and_local_timezone(SHANGHAI)
        .single()
        .ok_or(DateError::Calendar)?;
    Ok(instant.to_utc())
}

/// The longest form, RFC 3339 with nanoseconds and an offset, has 35 characters.
const MAX_BYTES: usize = 40;

#[cfg(test)]
mod tests;
