//! Licence identifiers (电子证照标识), GB/T 36904-2018.
//!
//! `1.2.156.3005.2.<type>.<issuer>.<serial>.<version>.<check>`: the root of all licence
//! identifiers, the type code (21 characters), the issuing authority's credit code (18), a
//! serial number, a three-digit version and one check character. The check character is
//! ISO 7064 MOD 37,36 (GB/T 17710) over the four middle segments without their dots.
//!
//! There are two readings. *Strict* is for identifiers that are issued now. *Lenient* is for
//! those already in the libraries: the root, the segments, the version's range and the check
//! character must be right, everything else is reported and kept.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::uscc::Uscc;

/// The identifier of one version of one licence.
///
/// Its root, segments, version range and check character are right; [`Self::faults`] tells what
/// else deviates from GB/T 36904.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Identifier {
    text: String,
    /// Lengths of the type, issuer, serial and version segments in bytes; at most 128 each.
    lengths: [u8; 4],
    version: u16,
}

/// One deviation from GB/T 36904-2018.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
pub enum IdentifierFault {
    /// It does not begin with the root of licence identifiers.
    #[error("a licence identifier begins with {ROOT}")]
    Root,
    /// Not five segments after the root, an empty one, or more than 128 characters in all.
    #[error("after the root come type, issuer, serial, version and check, in all at most 128")]
    Segments,
    /// The type code is not 18 characters of credit code and 3 digits.
    #[error("the type code has 21 characters, the last three digits")]
    TypeLength,
    /// The defining authority in the type code is not a credit code.
    #[error("the type code does not begin with a unified social credit code")]
    TypeAuthority,
    /// The issuer is not a credit code.
    #[error("the issuer is not a unified social credit code")]
    Issuer,
    /// The serial number is longer than 40 characters or has others than 0-9 and A-Z.
    #[error("the serial number has 1 to {MAX_SERIAL} characters 0-9 and A-Z")]
    Serial,
    /// The version is not three digits from 001 to 999.
    #[error("the version is 001 to 999")]
    Version,
    /// The check character is wrong.
    #[error("the check character should be {expected}")]
    Check {
        /// The character that ISO 7064 MOD 37,36 gives.
        expected: char,
    },
}

impl Identifier {
    /// Reads an identifier that conforms in every part.
    ///
    /// # Errors
    /// The first fault in the order of [`IdentifierFault`].
    pub fn parse_strict(text: &str) -> Result<Self, IdentifierFault> {
        let examined = examine(text)?;
        match (examined.fatal, examined.faults.first()) {
            (_, Some(first)) => Err(*first),
            (Some(fatal), None) => Err(fatal),
            (None, None) => Ok(examined.identifier),
        }
    }

    /// Reads an identifier from an existing library and tells how it deviates.
    ///
    /// # Errors
    /// When the root, the segments, the version's range, the characters or the check character
    /// are wrong.
    pub fn parse_lenient(text: &str) -> Result<(Self, Vec<IdentifierFault>), IdentifierFault> {
        let examined = examine(text)?;
        match examined.fatal {
            Some(fatal) => Err(fatal),
            None => Ok((examined.identifier, examined.faults)),
        }
    }

    /// Composes a conforming identifier and computes its check character. `version` is 1 to 999.
    ///
    /// # Errors
    /// The first part that does not conform.
    pub fn build(
        type_code: &str,
        issuer: &str,
        serial: &str,
        version: u16,
    ) -> Result<Self, IdentifierFault> {
        let body = format!("{type_code}.{issuer}.{serial}.{version:03}");
        Self::parse_strict(&format!("{ROOT}.{body}.{}", check_character(&body)))
    }

    /// The identifier of the next version of the same licence.
    ///
    /// # Errors
    /// `Version` after version 999.
    pub fn next_version(&self) -> Result<Self, IdentifierFault> {
        let (type_code, issuer, serial) = (self.type_code(), self.issuer_code(), self.serial());
        let body = format!("{type_code}.{issuer}.{serial}.{:03}", self.version + 1);
        let text = format!("{ROOT}.{body}.{}", check_character(&body));
        Self::parse_lenient(&text).map(|(identifier, _)| identifier)
    }

    /// The licence type code, 21 characters when conforming.
    #[must_use]
    pub fn type_code(&self) -> &str {
        self.segment(0)
    }

    /// The issuing authority's code, a credit code when conforming.
    #[must_use]
    pub fn issuer_code(&self) -> &str {
        self.segment(1)
    }

    /// The serial number.
    #[must_use]
    pub fn serial(&self) -> &str {
        self.segment(2)
    }

    /// The version, 1 to 999.
    #[must_use]
    pub fn version(&self) -> u16 {
        self.version
    }

    /// The check character.
    #[must_use]
    pub fn check(&self) -> char {
        self.text.chars().next_back().unwrap_or('0')
    }

    /// The whole identifier.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The identifier without version and check character: the same for all versions of one
    /// licence, and so the key that keeps them in order.
    #[must_use]
    pub fn licence_key(&self) -> String {
        let [type_code, issuer, serial, _] = self.lengths.map(usize::from);
        let end = ROOT.len() + type_code + issuer + serial + 3;
        self.text.get(..end).unwrap_or_default().to_owned()
    }

    /// The province of the issuing authority: see [`region_of`].
    #[must_use]
    pub fn region(&self) -> &str {
        region_of(&self.text)
    }

    /// How it deviates from GB/T 36904; empty when it conforms.
    #[must_use]
    pub fn faults(&self) -> Vec<IdentifierFault> {
        examine(&self.text).map_or_else(|fatal| vec![fatal], |examined| examined.faults)
    }

    /// Whether it conforms to GB/T 36904 in every part.
    #[must_use]
    pub fn is_conformant(&self) -> bool {
        self.faults().is_empty()
    }

    fn segment(&self, index: usize) -> &str {
        let before = self
            .lengths
            .iter()
            .take(index)
            .map(|length| usize::from(*length) + 1);
        let start = ROOT.len() + 1 + before.sum::<usize>();
        let length = self.lengths.get(index).copied().map_or(0, usize::from);
        self.text.get(start..start + length).unwrap_or_default()
    }
}

impl IdentifierFault {
    /// Stable code of the fault.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Root => "ID_ROOT",
            Self::Segments => "ID_SEGMENTS",
            Self::TypeLength => "ID_TYPE_LEN",
            Self::TypeAuthority => "ID_TYPE_AUTH_USCC",
            Self::Issuer => "ID_ISSUER_USCC",
            Self::Serial => "ID_SERIAL_CHARSET",
            Self::Version => "ID_VERSION",
            Self::Check { .. } => "ID_CHECK",
        }
    }
}

impl fmt::Display for Identifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Reads leniently; use [`Identifier::parse_strict`] for what is issued now.
impl FromStr for Identifier {
    type Err = IdentifierFault;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse_lenient(text).map(|(identifier, _)| identifier)
    }
}

impl TryFrom<String> for Identifier {
    type Error = IdentifierFault;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Identifier> for String {
    fn from(identifier: Identifier) -> Self {
        identifier.text
    }
}

/// The province of the issuing authority in an identifier or licence key: the third and fourth
/// character of the authority's credit code (GB 32100: the division whose registry gave the code,
/// GB/T 2260). `00` where they are no digits, as old libraries may have them.
///
/// It says where a directory keeps the entry, not who may register it.
#[must_use]
pub fn region_of(identifier: &str) -> &str {
    identifier
        .strip_prefix(ROOT)
        .and_then(|tail| tail.strip_prefix('.'))
        .and_then(|tail| tail.split('.').nth(1))
        .and_then(|issuer| issuer.get(2..4))
        .filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))
        .unwrap_or("00")
}

/// The check character over `body`: ISO 7064 MOD 37,36 (GB/T 17710), as GB/T 36904 applies it
/// to type, issuer, serial and version without their dots.
///
/// Characters outside 0-9 and A-Z are passed over: that is how the only published identifier
/// that has one was computed.
#[must_use]
pub fn check_character(body: &str) -> char {
    let mut product = 36;
    for value in body.chars().filter_map(value) {
        let sum = (product + value) % 36;
        product = if sum == 0 { 36 } else { sum } * 2 % 37;
    }
    let digit = char::from_digit((37 - product) % 36, 36).unwrap_or('0');
    digit.to_ascii_uppercase()
}

struct Examined {
    identifier: Identifier,
    /// Everything that deviates, in the order of the segments; the fatal one included.
    faults: Vec<IdentifierFault>,
    /// The first deviation that not even the lenient reading accepts.
    fatal: Option<IdentifierFault>,
}

fn examine(text: &str) -> Result<Examined, IdentifierFault> {
    let tail = text
        .strip_prefix(ROOT)
        .and_then(|tail| tail.strip_prefix('.'));
    let tail = tail.ok_or(IdentifierFault::Root)?;
    let mut parts = tail.split('.');
    let mut next = || parts.next().filter(|part| !part.is_empty());
    let (Some(type_code), Some(issuer), Some(serial), Some(version), Some(check), None) =
        (next(), next(), next(), next(), next(), parts.next())
    else {
        return Err(IdentifierFault::Segments);
    };
    if text.len() > MAX_LENGTH {
        return Err(IdentifierFault::Segments);
    }
    let mut faults = Vec::new();
    let mut fatal = None;
    let mut report = |fault, is_fatal: bool| {
        faults.push(fault);
        fatal = fatal.or(is_fatal.then_some(fault));
    };
    if let Some(fault) = type_fault(type_code) {
        report(fault, !is_tolerable(type_code));
    }
    if Uscc::parse(issuer).is_err() {
        report(IdentifierFault::Issuer, !is_tolerable(issuer));
    }
    if serial.len() > MAX_SERIAL || !serial.chars().all(|each| value(each).is_some()) {
        report(IdentifierFault::Serial, !is_tolerable(serial));
    }
    let number = version_number(version);
    if number.is_none() || version.len() != 3 {
        report(IdentifierFault::Version, number.is_none());
    }
    let expected = check_character(&[type_code, issuer, serial, version].concat());
    if !check.chars().eq([expected]) {
        report(IdentifierFault::Check { expected }, true);
    }
    // The lengths fit: the whole text has at most 128 bytes.
    let lengths = [type_code, issuer, serial, version].map(|part| part.len() as u8);
    let version = number.unwrap_or(0);
    let identifier = Identifier {
        text: text.to_owned(),
        lengths,
        version,
    };
    Ok(Examined {
        identifier,
        faults,
        fatal,
    })
}

fn type_fault(type_code: &str) -> Option<IdentifierFault> {
    match type_code.split_at_checked(18) {
        Some((authority, sequence)) if is_sequence(sequence) => Uscc::parse(authority)
            .err()
            .map(|_| IdentifierFault::TypeAuthority),
        _ => Some(IdentifierFault::TypeLength),
    }
}

fn is_sequence(text: &str) -> bool {
    text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Characters that the lenient reading keeps. An identifier serves as file name and message key,
/// so anything else, lower case included, is refused.
fn is_tolerable(segment: &str) -> bool {
    segment
        .chars()
        .all(|each| value(each).is_some() || matches!(each, '_' | '-'))
}

fn version_number(text: &str) -> Option<u16> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let number = text.parse().ok().filter(|_| digits)?;
    (1..=999).contains(&number).then_some(number)
}

fn value(character: char) -> Option<u32> {
    character
        .to_digit(36)
        .filter(|_| !character.is_ascii_lowercase())
}

/// Root of all licence identifiers (GB/T 36904-2018).
const ROOT: &str = "1.2.156.3005.2";
/// Column length of the national gather tables, in characters.
const MAX_LENGTH: usize = 128;
/// \[P\] profile: the longest serial seen has 32 characters.
const MAX_SERIAL: usize = 40;

#[cfg(test)]
mod tests;
