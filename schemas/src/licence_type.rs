//! Licence types (证照类型): the type directory of GB/T 36902-2018, loaded from data.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::holder_type::HolderCategory;
use crate::metadata;
use crate::uscc::{Uscc, UsccError};

/// A licence type code: the credit code of the authority that defines the type, then three
/// digits; 21 characters (GB/T 36904-2018).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct LicenceTypeCode(String);

/// Why a text is no licence type code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum LicenceTypeCodeError {
    /// Not 18 characters and 3 digits.
    #[error("a licence type code has 18 characters and 3 digits")]
    Shape,
    /// The first 18 characters are no credit code.
    #[error("the defining authority is no unified social credit code: {0}")]
    Authority(#[from] UsccError),
}

/// One registered licence type.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LicenceType {
    /// 证照类型代码: the type's code.
    pub code: LicenceTypeCode,
    /// 证照类型名称: the name that entries of this type must carry.
    pub name: String,
    /// 证照定义机构: name of the authority that defined the type.
    pub define_authority_name: String,
    /// 证照定义机构代码: the first 18 characters of `code`.
    pub define_authority_code: Uscc,
    /// 持证主体类别: who may hold such a licence.
    pub holder_category: HolderCategory,
    /// 证照颁发机构级别: who issues it; empty when not stated.
    #[serde(default)]
    pub issuing_levels: Vec<IssuingLevel>,
    /// 关联事项代码: service items that the licence is for (GB/T 39554.1 codes).
    #[serde(default)]
    pub related_items: Vec<String>,
    /// Metadata (GB/T 36903 short names) that a file must carry and that must equal the entry,
    /// else it is not delivered. \[P\] profile; empty for old types whose files carry none.
    #[serde(default = "default_required_metadata")]
    pub required_metadata: Vec<String>,
    /// `KZ_securityClass` = 高: callers must state more about themselves and the use.
    #[serde(default)]
    pub high_security: bool,
    /// A fictitious type for tests and demonstrations.
    #[serde(default)]
    pub fixture: bool,
}

/// Level of the issuing authority (证照颁发机构级别, GB/T 36902-2018).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IssuingLevel {
    /// 国家级.
    National,
    /// 省级.
    Province,
    /// 地市级.
    City,
    /// 区县级.
    County,
    /// 乡镇级.
    Township,
    /// 其他.
    Other,
}

/// The registered licence types of a node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LicenceTypes(BTreeMap<LicenceTypeCode, LicenceType>);

/// Why a list of licence types was refused as a whole.
#[derive(Debug, Error)]
pub enum LicenceTypeError {
    /// More bytes or types than a registry may have.
    #[error("the list has more than {MAX_TYPES} types or {MAX_BYTES} bytes")]
    TooLarge,
    /// Not the expected JSON: an array of types.
    #[error("not a list of licence types: {0}")]
    Json(#[from] serde_json::Error),
    /// The same code twice.
    #[error("type {code} is listed twice")]
    Duplicate {
        /// The code that is listed twice.
        code: LicenceTypeCode,
    },
    /// The defining authority is not the one in the code.
    #[error("type {code}: its defining authority is not the first 18 characters of its code")]
    Authority {
        /// Code of the type.
        code: LicenceTypeCode,
    },
    /// A type without a name.
    #[error("type {code} has no name")]
    Name {
        /// Code of the type.
        code: LicenceTypeCode,
    },
    /// A required field that no file could ever carry.
    #[error("type {code}: \"{field}\" is no metadata short name of GB/T 36903 and no KZ_ field")]
    RequiredMetadata {
        /// Code of the type.
        code: LicenceTypeCode,
        /// The unknown field.
        field: String,
    },
}

impl LicenceTypes {
    /// Reads a JSON array of types.
    ///
    /// # Errors
    /// On other JSON, too many types, or one that contradicts itself or another.
    pub fn from_json(bytes: &[u8]) -> Result<Self, LicenceTypeError> {
        if bytes.len() > MAX_BYTES {
            return Err(LicenceTypeError::TooLarge);
        }
        let list: Vec<LicenceType> = serde_json::from_slice(bytes)?;
        if list.len() > MAX_TYPES {
            return Err(LicenceTypeError::TooLarge);
        }
        let mut types = BTreeMap::new();
        for licence_type in list {
            licence_type.check()?;
            if let Some(former) = types.insert(licence_type.code.clone(), licence_type) {
                return Err(LicenceTypeError::Duplicate { code: former.code });
            }
        }
        Ok(Self(types))
    }

    /// The types that come with the program: those whose codes are public, and fictitious ones
    /// for demonstrations (`fixture`).
    #[must_use]
    pub fn builtin() -> Self {
        // A test reads the embedded list, so the default never stands in for it.
        Self::from_json(BUILTIN.as_bytes()).unwrap_or_default()
    }

    /// The type with that code.
    #[must_use]
    pub fn find(&self, code: &LicenceTypeCode) -> Option<&LicenceType> {
        self.0.get(code)
    }

    /// All types in order of code.
    pub fn iter(&self) -> impl Iterator<Item = &LicenceType> {
        self.0.values()
    }

    /// Number of types.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether no type is registered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl LicenceTypeCode {
    /// Reads a code.
    ///
    /// # Errors
    /// When it has another shape or does not begin with a credit code.
    pub fn parse(text: &str) -> Result<Self, LicenceTypeCodeError> {
        let (authority, sequence) = text
            .split_at_checked(18)
            .ok_or(LicenceTypeCodeError::Shape)?;
        if sequence.len() != 3 || !sequence.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(LicenceTypeCodeError::Shape);
        }
        Uscc::parse(authority)?;
        Ok(Self(text.to_owned()))
    }

    /// The 21 characters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Credit code of the defining authority: the first 18 characters.
    #[must_use]
    pub fn define_authority_code(&self) -> &str {
        self.0.get(..18).unwrap_or_default()
    }
}

impl LicenceTypeCodeError {
    /// Stable code of the refusal.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Shape => "TYPE_CODE_SHAPE",
            Self::Authority(_) => "TYPE_CODE_AUTHORITY",
        }
    }
}

impl LicenceTypeError {
    /// Stable code of the refusal.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::TooLarge => "TYPES_TOO_LARGE",
            Self::Json(_) => "TYPES_JSON",
            Self::Duplicate { .. } => "TYPES_DUPLICATE",
            Self::Authority { .. } => "TYPES_AUTHORITY",
            Self::Name { .. } => "TYPES_NAME",
            Self::RequiredMetadata { .. } => "TYPES_REQUIRED_METADATA",
        }
    }
}

impl LicenceType {
    fn check(&self) -> Result<(), LicenceTypeError> {
        let code = || self.code.clone();
        if self.define_authority_code.as_str() != self.code.define_authority_code() {
            return Err(LicenceTypeError::Authority { code: code() });
        }
        if self.name.trim().is_empty() {
            return Err(LicenceTypeError::Name { code: code() });
        }
        // A misspelt field would refuse every file of the type for ever.
        let unknown = |field: &&String| !metadata::is_short_name(field);
        if let Some(field) = self.required_metadata.iter().find(unknown).cloned() {
            return Err(LicenceTypeError::RequiredMetadata {
                code: code(),
                field,
            });
        }
        Ok(())
    }
}

impl fmt::Display for LicenceTypeCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for LicenceTypeCode {
    type Err = LicenceTypeCodeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl TryFrom<String> for LicenceTypeCode {
    type Error = LicenceTypeCodeError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text)
    }
}

impl From<LicenceTypeCode> for String {
    fn from(code: LicenceTypeCode) -> Self {
        code.0
    }
}

fn default_required_metadata() -> Vec<String> {
    REQUIRED_METADATA
        .iter()
        .map(|field| (*field).to_owned())
        .collect()
}

/// Fields that identify licence, holder and issuer (ARCHITECTURE.md, Decisions). \[P\] profile.
const REQUIRED_METADATA: [&str; 7] = [
    "ZZBS", "ZZLXDM", "ZZBH", "CZZT", "CZZTDM", "ZZBFJG", "ZZBFRQ",
];
const BUILTIN: &str = include_str!("../data/licence_types.json");
/// The largest published list, that of one city, has 5,741 types.
const MAX_TYPES: usize = 100_000;
/// A hundred thousand types of some 600 bytes.
const MAX_BYTES: usize = 64 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(change: impl FnOnce(&mut serde_json::Value), expected: Result<usize, &str>) {
        let mut list: serde_json::Value = serde_json::from_str(BUILTIN).unwrap();
        change(&mut list);
        let found = LicenceTypes::from_json(list.to_string().as_bytes());
        let found = found
            .as_ref()
            .map(LicenceTypes::len)
            .map_err(LicenceTypeError::code);
        assert_eq!(found, expected);
    }

    #[test]
    fn the_builtin_list_is_read_and_marks_its_fixtures() {
        let types = LicenceTypes::builtin();
        assert_eq!(types.len(), 11);
        for licence_type in types.iter() {
            // The region 990000 does not exist: nobody can take a fixture for a real type.
            assert_eq!(
                licence_type.fixture,
                licence_type.code.as_str().starts_with("11990000")
            );
            assert_eq!(licence_type.fixture, licence_type.name.starts_with("示例"));
        }
        let code = LicenceTypeCode::parse("11990000MB999999XE004").unwrap();
        assert!(types.find(&code).unwrap().required_metadata.is_empty());
        let code = LicenceTypeCode::parse("11990000MB999999XE001").unwrap();
        assert_eq!(
            types.find(&code).unwrap().required_metadata,
            REQUIRED_METADATA
        );
        assert_eq!(
            types.find(&LicenceTypeCode::parse("11990000MB999999XE009").unwrap()),
            None
        );
    }

    #[test]
    fn a_list_that_contradicts_itself_is_refused() {
        check(|_| (), Ok(11));
        check(|list| list[1] = list[0].clone(), Err("TYPES_DUPLICATE"));
        check(|list| list[0]["name"] = " ".into(), Err("TYPES_NAME"));
        check(
            |list| list[0]["define_authority_code"] = "11100000000013338W".into(),
            Err("TYPES_AUTHORITY"),
        );
        check(
            |list| list[0]["code"] = "11100000000013127D".into(),
            Err("TYPES_JSON"),
        );
        check(|list| list[0]["colour"] = "red".into(), Err("TYPES_JSON"));
        check(
            |list| list[0]["required_metadata"] = ["KZ_X", "ZZBS"].as_slice().into(),
            Ok(11),
        );
        check(
            |list| list[0]["required_metadata"] = ["ZZBSS"].as_slice().into(),
            Err("TYPES_REQUIRED_METADATA"),
        );
        let huge = vec![b' '; MAX_BYTES + 1];
        assert_eq!(
            LicenceTypes::from_json(&huge).unwrap_err().code(),
            "TYPES_TOO_LARGE"
        );
    }

    #[test]
    fn codes_are_a_credit_code_and_three_digits() {
        assert!(LicenceTypeCode::parse("11100000000013338W001").is_ok());
        for (text, expected) in [
            ("11100000000013338W01", "TYPE_CODE_SHAPE"),
            ("11100000000013338W0A1", "TYPE_CODE_SHAPE"),
            ("11100000000013339W001", "TYPE_CODE_AUTHORITY"),
            ("062301", "TYPE_CODE_SHAPE"),
        ] {
            assert_eq!(
                LicenceTypeCode::parse(text).unwrap_err().code(),
                expected,
                "{text}"
            );
        }
    }
}
