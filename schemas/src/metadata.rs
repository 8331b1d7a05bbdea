//! Metadata that a licence file carries about itself, GB/T 36903-2018.
//!
//! Fields go by the standard's pinyin short names. Files also use the English names and
//! variants of the short names; both are understood and become short names here.

mod names;

use std::collections::BTreeMap;
use std::fmt;

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use thiserror::Error;

pub(crate) use self::names::EXTENSION_PREFIX;
pub use self::names::{is_extension, is_short_name, short_name};
use crate::date::{DateError, ValidUntil, parse_date, parse_instant};
use crate::entry::{Entry, Holder, LIST_SEPARATOR, split_list};

/// The metadata of one file, by short name.
///
/// It names holders: `Debug` shows field names only.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    try_from = "BTreeMap<String, String>",
    into = "BTreeMap<String, String>"
)]
pub struct Metadata(BTreeMap<String, String>);

/// Why metadata was refused. No value is repeated: it may be personal data.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum MetadataError {
    /// More fields than any licence has.
    #[error("more than {MAX_FIELDS} metadata fields")]
    TooMany,
    /// A field name without text, or too long.
    #[error("a metadata field name is empty or longer than {MAX_NAME_BYTES} bytes")]
    Name,
    /// A value is too long.
    #[error("metadata field {field} is longer than {MAX_VALUE_BYTES} bytes")]
    TooLong {
        /// Short name of the field.
        field: String,
    },
    /// The same field twice with different values, perhaps under two of its names.
    #[error("metadata field {field} is stated twice with different values")]
    Conflict {
        /// Short name of the field.
        field: String,
    },
}

/// How metadata and entry agree. Field names only.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MetadataComparison {
    /// Required fields that the file does not carry.
    pub missing: Vec<String>,
    /// Fields that differ from the entry: required ones, and identifier and term in any case.
    pub differing: Vec<String>,
    /// Other fields that both state, and differently.
    pub differing_besides: Vec<String>,
}

/// What marks a file as a copy made for one use (加注件), GB/T 36903-2018.
///
/// It names a user: there is no readable `Debug`.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct CopyFields {
    /// 加注件制作时间 (JZJZZSJ), as written.
    pub made_at: Option<String>,
    /// 加注件制作者 (JZJZZZ).
    pub maker: Option<String>,
    /// 加注件制作事由 (JZJZZSY): the purpose.
    pub cause: Option<String>,
    /// 加注件有效期截止时间 (JZJYXQJZSJ), as written.
    pub expires_at: Option<String>,
}

impl Metadata {
    /// Collects fields under their short names. Names that are no known alias stay as they are;
    /// values are trimmed.
    ///
    /// # Errors
    /// On too many fields, too long ones, or two different values for one field.
    pub fn from_pairs<N, V>(pairs: impl IntoIterator<Item = (N, V)>) -> Result<Self, MetadataError>
    where
        N: AsRef<str>,
        V: AsRef<str>,
    {
        let mut fields = BTreeMap::<String, String>::new();
        for (position, (name, value)) in pairs.into_iter().enumerate() {
            if position >= MAX_FIELDS {
                return Err(MetadataError::TooMany);
            }
            let (name, value) = (name.as_ref().trim(), value.as_ref().trim());
            if name.is_empty() || name.len() > MAX_NAME_BYTES {
                return Err(MetadataError::Name);
            }
            let field = short_name(name).unwrap_or(name);
            if value.len() > MAX_VALUE_BYTES {
                return Err(MetadataError::TooLong {
                    field: field.to_owned(),
                });
            }
            match fields.get(field) {
                // Whoever reads the file could take either value for the true one.
                Some(former) if !same_value(field, former, value) => {
                    return Err(MetadataError::Conflict {
                        field: field.to_owned(),
                    });
                }
                Some(_) => {}
                None => drop(fields.insert(field.to_owned(), value.to_owned())),
            }
        }
        Ok(Self(fields))
    }

    /// What a file of this entry should carry.
    #[must_use]
    pub fn from_entry(entry: &Entry) -> Self {
        let mut fields = entry.private.extension.clone();
        for field in names::FROM_ENTRY {
            if let Some(value) = entry_value(entry, field) {
                fields.insert((*field).to_owned(), value);
            }
        }
        Self(fields)
    }

    /// The value of a field, by short name; none when absent or blank.
    #[must_use]
    pub fn value(&self, short_name: &str) -> Option<&str> {
        self.0
            .get(short_name)
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    }

    /// 电子证照标识 (`ZZBS`): which licence it is about.
    #[must_use]
    pub fn identifier(&self) -> Option<&str> {
        self.value(names::IDENTIFIER)
    }

    /// Bytes of all names and values together.
    #[must_use]
    pub fn size_bytes(&self) -> usize {
        self.iter()
            .map(|(name, value)| name.len() + value.len())
            .sum()
    }

    /// All fields in order of name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Whether there is no field at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Number of fields.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Compares with the entry, field by field, what the licence type requires and whatever else
    /// both state: dates as dates and holders one by one in order.
    #[must_use]
    pub fn compare(&self, entry: &Entry, required: &[String]) -> MetadataComparison {
        let mut comparison = MetadataComparison::default();
        for field in required {
            match self.value(field) {
                None => comparison.missing.push(field.clone()),
                Some(value) if !agrees(entry, field, value) => {
                    comparison.differing.push(field.clone());
                }
                Some(_) => {}
            }
        }
        for (field, value) in self.iter().filter(|(_, value)| !value.is_empty()) {
            let is_listed = required.iter().any(|listed| listed == field);
            let expected = entry_value(entry, field).filter(|_| !is_listed);
            if expected.is_none_or(|expected| same_value(field, &expected, value)) {
                continue;
            }
            if names::ALWAYS_COMPARED.contains(&field) {
                comparison.differing.push(field.to_owned());
            } else {
                comparison.differing_besides.push(field.to_owned());
            }
        }
        comparison
    }

    /// The fields of a copy; none when the file is an original.
    #[must_use]
    pub fn copy_fields(&self) -> Option<CopyFields> {
        let field = |name| self.value(name).map(str::to_owned);
        let copy = CopyFields {
            made_at: field("JZJZZSJ"),
            maker: field("JZJZZZ"),
            cause: field("JZJZZSY"),
            expires_at: field("JZJYXQJZSJ"),
        };
        (copy != CopyFields::default()).then_some(copy)
    }
}

impl MetadataComparison {
    /// Whether nothing is missing and nothing differs.
    #[must_use]
    pub fn agrees(&self) -> bool {
        self.missing.is_empty() && self.differing.is_empty() && self.differing_besides.is_empty()
    }
}

impl MetadataError {
    /// Stable code of the refusal.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::TooMany => "METADATA_TOO_MANY",
            Self::Name => "METADATA_NAME",
            Self::TooLong { .. } => "METADATA_TOO_LONG",
            Self::Conflict { .. } => "METADATA_CONFLICT",
        }
    }
}

impl CopyFields {
    /// When the copy expires; none when it does not say.
    ///
    /// # Errors
    /// When the time cannot be read.
    pub fn expiry(&self) -> Result<Option<DateTime<Utc>>, DateError> {
        self.expires_at.as_deref().map(parse_instant).transpose()
    }
}

impl fmt::Debug for Metadata {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl fmt::Debug for CopyFields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[private]")
    }
}

impl TryFrom<BTreeMap<String, String>> for Metadata {
    type Error = MetadataError;

    fn try_from(fields: BTreeMap<String, String>) -> Result<Self, Self::Error> {
        Self::from_pairs(fields)
    }
}

impl From<Metadata> for BTreeMap<String, String> {
    fn from(metadata: Metadata) -> Self {
        metadata.0
    }
}

/// Whether a field's value in the file says what the entry says.
fn agrees(entry: &Entry, field: &str, value: &str) -> bool {
    entry_value(entry, field).is_some_and(|expected| same_value(field, &expected, value))
}

/// What the entry says for a field; none when it says nothing.
fn entry_value(entry: &Entry, field: &str) -> Option<String> {
    let (public, private) = (&entry.public, &entry.private);
    let joined = |part: fn(&Holder) -> &str| {
        let parts: Vec<&str> = private.holders.iter().map(part).collect();
        Some(parts.join(&LIST_SEPARATOR.to_string()))
    };
    match field {
        "ZZMC" => Some(public.licence_name.clone()),
        "ZZLXMC" => Some(public.type_name.clone()),
        "ZZLXDM" => Some(public.type_code.to_string()),
        "ZZBH" => Some(private.number.clone()),
        names::IDENTIFIER => Some(public.identifier.to_string()),
        "ZZBFJG" => Some(public.issuer_name.clone()),
        "ZZBFJGDM" => Some(public.issuer_code.clone()),
        "ZZBFRQ" => Some(public.issued_on.to_string()),
        "CZZT" => joined(|holder| &holder.name),
        "CZZTDM" => joined(|holder| &holder.code),
        "CZZTDMLX" => joined(|holder| holder.code_type.name_zh()),
        "CZZTDMLXDM" => joined(|holder| holder.code_type.code()),
        "ZZYXQQSRQ" => public.valid_from.as_ref().map(NaiveDate::to_string),
        "ZZYXQJZRQ" => public.valid_until.as_ref().map(ValidUntil::to_string),
        "GLZZBS" => public.related.as_ref().map(ToString::to_string),
        other => entry.private.extension.get(other).cloned(),
    }
}

/// Whether two values of a field mean the same.
fn same_value(field: &str, one: &str, other: &str) -> bool {
    let (one, other) = (one.trim(), other.trim());
    if one == other {
        return true;
    }
    match field {
        "ZZBFRQ" | "ZZYXQQSRQ" => same_parsed(parse_date(one), parse_date(other)),
        "ZZYXQJZRQ" => same_parsed(ValidUntil::parse(one), ValidUntil::parse(other)),
        "JZJZZSJ" | "JZJYXQJZSJ" => same_parsed(parse_instant(one), parse_instant(other)),
        "CZZT" | "CZZTDM" | "CZZTDMLX" | "CZZTDMLXDM" => holder_list(one) == holder_list(other),
        _ => false,
    }
}

fn same_parsed<T: PartialEq>(one: Result<T, DateError>, other: Result<T, DateError>) -> bool {
    matches!((one, other), (Ok(one), Ok(other)) if one == other)
}

/// The parts of a holder field. A name may itself hold a comma, so both sides are taken apart
/// at every separator before they are compared.
fn holder_list(text: &str) -> Vec<&str> {
    split_list(text).into_iter().flat_map(split_list).collect()
}

/// \[P\] profile: the 16 basic and 4 copy fields, and the fields of the richest types many times.
const MAX_FIELDS: usize = 512;
/// \[P\] profile: the longest English name of the standard has 33 bytes.
const MAX_NAME_BYTES: usize = 128;
/// \[P\] profile: 300 characters of several holders, three to four bytes each, and some.
const MAX_VALUE_BYTES: usize = 4 << 10;

#[cfg(test)]
mod tests;
