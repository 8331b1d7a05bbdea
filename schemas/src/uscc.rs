//! Unified social credit codes (统一社会信用代码), GB 32100-2015.
//!
//! Eighteen characters: registering department, kind of organisation, six digits of region,
//! the nine characters of the organisation code (GB 11714) and a check character. Both check
//! characters are verified.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// A unified social credit code whose two check characters agree (GB 32100-2015).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Uscc(String);

/// Why a text is not a unified social credit code. The text itself is not repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum UsccError {
    /// Not eighteen characters long.
    #[error("a unified social credit code has {LENGTH} characters")]
    Length,
    /// A character outside the alphabet: 0-9 and A-Z without I, O, S, V, Z.
    #[error("character {position} is outside the alphabet of GB 32100")]
    Character {
        /// Position of the character, counted from 1.
        position: usize,
    },
    /// The organisation code inside does not end in its own check character (GB 11714).
    #[error("the organisation code inside should end in {expected}")]
    OrganisationCheck {
        /// The check character that GB 11714 gives.
        expected: char,
    },
    /// The last character is not the check character.
    #[error("the check character should be {expected}")]
    Check {
        /// The check character that GB 32100 gives.
        expected: char,
    },
}

impl Uscc {
    /// Reads a code: upper case, nothing around it, both check characters right.
    ///
    /// # Errors
    /// Says which of length, alphabet, inner and outer check failed first.
    pub fn parse(text: &str) -> Result<Self, UsccError> {
        let values = values(text)?;
        let inner = organisation_check(&values);
        if text.chars().nth(ORGANISATION_CHECK_AT) != Some(inner) {
            return Err(UsccError::OrganisationCheck { expected: inner });
        }
        let outer = check(&values);
        if text.chars().nth(LENGTH - 1) != Some(outer) {
            return Err(UsccError::Check { expected: outer });
        }
        Ok(Self(text.to_owned()))
    }

    /// Completes a code from its eight leading characters (department, kind, region) and the
    /// eight characters of the organisation code, computing both check characters.
    ///
    /// # Errors
    /// When the parts have the wrong length or alphabet.
    pub fn build(registration: &str, organisation: &str) -> Result<Self, UsccError> {
        // The placeholders at the two check positions do not enter the sums.
        let draft = format!("{registration}{organisation}00");
        if registration.len() != 8 {
            return Err(UsccError::Length);
        }
        let inner = organisation_check(&values(&draft)?);
        let draft = format!("{registration}{organisation}{inner}0");
        let outer = check(&values(&draft)?);
        Ok(Self(format!("{registration}{organisation}{inner}{outer}")))
    }

    /// The eighteen characters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl UsccError {
    /// Stable code of the refusal.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Length => "USCC_LENGTH",
            Self::Character { .. } => "USCC_CHARACTER",
            Self::OrganisationCheck { .. } => "USCC_ORGANISATION_CHECK",
            Self::Check { .. } => "USCC_CHECK",
        }
    }
}

impl fmt::Display for Uscc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Uscc {
    type Err = UsccError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl TryFrom<String> for Uscc {
    type Error = UsccError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text)
    }
}

impl From<Uscc> for String {
    fn from(code: Uscc) -> Self {
        code.0
    }
}

/// Values 0..=30 of the eighteen characters.
fn values(text: &str) -> Result<[u32; LENGTH], UsccError> {
    if text.chars().count() != LENGTH {
        return Err(UsccError::Length);
    }
    let mut values = [0; LENGTH];
    for (index, (value, character)) in values.iter_mut().zip(text.chars()).enumerate() {
        let found = ALPHABET.chars().position(|known| known == character);
        let found = found.and_then(|found| u32::try_from(found).ok());
        *value = found.ok_or(UsccError::Character {
            position: index + 1,
        })?;
    }
    Ok(values)
}

/// Check character of the first seventeen values: weights 3^i mod 31 (GB 32100-2015).
fn check(values: &[u32; LENGTH]) -> char {
    let mut weight = 1;
    let mut sum = 0;
    for value in values.iter().take(LENGTH - 1) {
        sum += value * weight;
        weight = weight * 3 % 31;
    }
    letter((31 - sum % 31) % 31)
}

/// Check character of the organisation code, characters 9 to 16 (GB 11714).
///
/// GB 11714 values letters as A = 10 … Z = 35 without gaps, GB 32100 leaves letters out: the
/// character is taken back from its GB 32100 value and valued again.
fn organisation_check(values: &[u32; LENGTH]) -> char {
    let sum: u32 = values
        .iter()
        .skip(8)
        .zip([3, 7, 9, 10, 5, 8, 4, 2])
        .map(|(value, weight)| letter(*value).to_digit(36).unwrap_or(0) * weight)
        .sum();
    match 11 - sum % 11 {
        10 => 'X',
        11 => '0',
        digit => char::from_digit(digit, 10).unwrap_or('0'),
    }
}

fn letter(value: u32) -> char {
    ALPHABET.chars().nth(value as usize).unwrap_or('0')
}

/// Length of a code in characters (GB 32100-2015).
const LENGTH: usize = 18;
/// Index of the check character of the organisation code.
const ORGANISATION_CHECK_AT: usize = 16;
/// The thirty-one characters of GB 32100-2015: no I, O, S, V, Z.
const ALPHABET: &str = "0123456789ABCDEFGHJKLMNPQRTUWXY";

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_parse(text: &str, expected: Result<(), UsccError>) {
        assert_eq!(Uscc::parse(text).map(|_| ()), expected, "{text}");
    }

    #[test]
    fn published_codes_pass_and_changed_ones_do_not() {
        for code in [
            "11100000000013338W",
            "11100000000013127D",
            "11100000MB0143028R",
            "11100000MB03271699",
            "11430000006122244L",
            "11330105002500287C",
            "11220000013544541J",
            "11370800MB28559184",
            "11110000000021135M",
            "11310000MB2F056267",
            "11100000MB0341032Y",
        ] {
            check_parse(code, Ok(()));
        }
        check_parse("1110000000001333", Err(UsccError::Length));
        check_parse("", Err(UsccError::Length));
        check_parse(
            "1110000000001333八W",
            Err(UsccError::Character { position: 17 }),
        );
        check_parse(
            "11100000O00013338W",
            Err(UsccError::Character { position: 9 }),
        );
        check_parse(
            "11100000000013338w",
            Err(UsccError::Character { position: 18 }),
        );
        check_parse(
            "11100000000013338X",
            Err(UsccError::Check { expected: 'W' }),
        );
        check_parse(
            "11100000000013348W",
            Err(UsccError::OrganisationCheck { expected: '6' }),
        );
        // The region takes part in the outer check only.
        check_parse(
            "11100001000013338W",
            Err(UsccError::Check { expected: 'B' }),
        );
    }

    #[test]
    fn a_built_code_is_a_good_code() {
        assert_eq!(
            Uscc::build("11100000", "00001333").unwrap().as_str(),
            "11100000000013338W"
        );
        assert_eq!(Uscc::build("1110000", "000013330"), Err(UsccError::Length));
        assert_eq!(Uscc::build("11100000", "0000133"), Err(UsccError::Length));
        assert_eq!(
            Uscc::build("11100000", "0000133I"),
            Err(UsccError::Character { position: 16 })
        );
    }

    #[test]
    fn json_is_a_checked_string() {
        let code: Uscc = serde_json::from_str("\"11100000000013338W\"").unwrap();
        assert_eq!(
            serde_json::to_string(&code).unwrap(),
            "\"11100000000013338W\""
        );
        assert!(serde_json::from_str::<Uscc>("\"11100000000013338X\"").is_err());
    }
}
