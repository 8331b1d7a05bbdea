//! Citizen identity numbers (公民身份号码), GB 11643.

use std::fmt;

use chrono::{Datelike, NaiveDate};
use thiserror::Error;

use crate::region::ProvinceCode;

/// A citizen identity number whose region, birth date and check character are plausible.
///
/// It is personal data: there is no `Display`, and `Debug` never shows it.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct CitizenId(String);

/// Why a text is not a citizen identity number. The text itself is not repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum CitizenIdError {
    /// Not seventeen digits and one check character.
    #[error("a citizen identity number has 17 digits and a check character")]
    Shape,
    /// The first two digits are no province of GB/T 2260.
    #[error("the first two digits are no province of GB/T 2260")]
    Region,
    /// Digits 7 to 14 are no calendar date.
    #[error("digits 7 to 14 are no calendar date")]
    BirthDate,
    /// The last character is not the check character (ISO 7064 MOD 11-2).
    #[error("the check character is wrong")]
    Check,
}

impl CitizenId {
    /// Reads a number; a lower-case `x` is accepted and stored in upper case.
    ///
    /// # Errors
    /// Says which of shape, region, birth date and check character failed first.
    pub fn parse(text: &str) -> Result<Self, CitizenIdError> {
        let text = text.to_ascii_uppercase();
        let (body, last) = text.split_at_checked(BODY).ok_or(CitizenIdError::Shape)?;
        let check = body_check(body).ok_or(CitizenIdError::Shape)?;
        if !matches!(last.as_bytes(), [b'0'..=b'9' | b'X']) {
            return Err(CitizenIdError::Shape);
        }
        let province = body.get(..2).unwrap_or_default();
        let known = ProvinceCode::parse(province).is_ok_and(|code| code != ProvinceCode::NATIONAL);
        if !known {
            return Err(CitizenIdError::Region);
        }
        birth_date(body).ok_or(CitizenIdError::BirthDate)?;
        if !last.starts_with(check) {
            return Err(CitizenIdError::Check);
        }
        Ok(Self(text))
    }

    /// Completes a number from its region (six digits), birth date and sequence (0..=999),
    /// computing the check character: for synthetic data.
    ///
    /// # Errors
    /// As [`CitizenId::parse`]; `Shape` when a part has too many digits.
    pub fn build(region: &str, born: NaiveDate, sequence: u16) -> Result<Self, CitizenIdError> {
        let (year, month, day) = (born.year(), born.month(), born.day());
        let body = format!("{region}{year:04}{month:02}{day:02}{sequence:03}");
        let check = body_check(&body).ok_or(CitizenIdError::Shape)?;
        Self::parse(&format!("{body}{check}"))
    }

    /// The eighteen characters. They must not be logged.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl CitizenIdError {
    /// Stable code of the refusal.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Shape => "CITIZEN_ID_SHAPE",
            Self::Region => "CITIZEN_ID_REGION",
            Self::BirthDate => "CITIZEN_ID_BIRTH_DATE",
            Self::Check => "CITIZEN_ID_CHECK",
        }
    }
}

impl fmt::Debug for CitizenId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[private]")
    }
}

fn birth_date(body: &str) -> Option<NaiveDate> {
    let number = |from: usize, to: usize| body.get(from..to)?.parse::<u32>().ok();
    let year = i32::try_from(number(6, 10)?).ok()?;
    NaiveDate::from_ymd_opt(year, number(10, 12)?, number(12, 14)?).filter(|_| year > 0)
}

/// Check character over seventeen digits: ISO 7064 MOD 11-2, weights 2^(18-i) mod 11 for digit i.
fn body_check(body: &str) -> Option<char> {
    if body.len() != BODY {
        return None;
    }
    let mut sum = 0;
    for digit in body.chars() {
        sum = (sum + digit.to_digit(10)?) * 2 % 11;
    }
    match (12 - sum) % 11 {
        10 => Some('X'),
        digit => char::from_digit(digit, 10),
    }
}

/// Digits before the check character (GB 11643).
const BODY: usize = 17;

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Result<&str, CitizenIdError>) {
        let parsed = CitizenId::parse(text);
        assert_eq!(
            parsed.as_ref().map(CitizenId::as_str),
            expected.as_ref().map(|ok| *ok)
        );
    }

    #[test]
    fn the_public_samples_pass_and_each_part_is_checked() {
        check("11010519491231002X", Ok("11010519491231002X"));
        check("11010519491231002x", Ok("11010519491231002X"));
        check("110101199003070011", Ok("110101199003070011"));
        check("310101198506151238", Ok("310101198506151238"));
        check("110101199003070012", Err(CitizenIdError::Check));
        check("110101199003170011", Err(CitizenIdError::Check));
        check("110101199002300011", Err(CitizenIdError::BirthDate));
        check("990101199003070011", Err(CitizenIdError::Region));
        check("100101199003070011", Err(CitizenIdError::Region));
        check("11010119900307001", Err(CitizenIdError::Shape));
        check("1101011990030700111", Err(CitizenIdError::Shape));
        check("11010119900307001Y", Err(CitizenIdError::Shape));
        check("1101011990030700一", Err(CitizenIdError::Shape));
        check("", Err(CitizenIdError::Shape));
    }

    #[test]
    fn a_built_number_is_a_good_number() {
        let born = NaiveDate::from_ymd_opt(1949, 12, 31).unwrap();
        let built = CitizenId::build("110105", born, 2).unwrap();
        assert_eq!(built.as_str(), "11010519491231002X");
        assert_eq!(
            CitizenId::build("110105", born, 1000),
            Err(CitizenIdError::Shape)
        );
    }

    #[test]
    fn debug_shows_nothing() {
        let id = CitizenId::parse("110101199003070011").unwrap();
        assert_eq!(format!("{id:?}"), "[private]");
    }
}
