//! The directory's row for one licence version (目录信息), GB/T 36902-2018.
//!
//! An entry has a public part, by which licences are found and routed, and a private part: the
//! certificate number and the holders. Private parts have no readable `Debug`.

mod source;

use std::collections::BTreeMap;
use std::fmt;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use thiserror::Error;

pub use self::source::SourceEntry;
use crate::date::{DateError, ValidUntil};
use crate::holder_type::{HolderType, UnknownHolderType};
use crate::identifier::{Identifier, IdentifierFault};
use crate::licence_type::{LicenceTypeCode, LicenceTypeCodeError};
use crate::region::{RegionCode, RegionError};
use crate::status::{LicenceStatus, UnknownStatus};
use crate::verdict::FileKind;

/// The entry of one licence version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// What may be seen by every node.
    pub public: EntryPublic,
    /// Personal data, for nodes and callers that need it.
    pub private: EntryPrivate,
}

/// The part of an entry by which licences are found and routed. It names no person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntryPublic {
    /// 电子证照标识.
    pub identifier: Identifier,
    /// 证照名称.
    pub licence_name: String,
    /// 证照类型名称; must be the registered name of the type.
    pub type_name: String,
    /// 证照类型代码.
    pub type_code: LicenceTypeCode,
    /// 证照颁发机构.
    pub issuer_name: String,
    /// 证照颁发机构代码; a credit code, in old entries sometimes something else.
    pub issuer_code: String,
    /// 证照颁发日期, in Asia/Shanghai.
    pub issued_on: NaiveDate,
    /// 证照有效期起始日期: first day in force.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_from: Option<NaiveDate>,
    /// 证照有效期截止日期: last day in force.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_until: Option<ValidUntil>,
    /// 证照所属管辖属地: the region that issued it.
    pub region: RegionCode,
    /// State of the licence.
    pub status: LicenceStatus,
    /// Name of the node whose library holds the original.
    pub home_node: String,
    /// Counts the changes of this identifier's entry: 1 at first, one more for each change.
    pub revision: u64,
    /// The sealed file; none while the licence has no electronic original.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<FileReference>,
    /// 关联证照标识: the licence this one replaces or belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub related: Option<Identifier>,
}

/// Where a day lies in a licence's term.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Term {
    /// Before its first day.
    NotBegun,
    /// From its first day to its last.
    Running,
    /// After its last day.
    Over,
}

/// The part of an entry that is personal data.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntryPrivate {
    /// 证照编号: the number printed on the licence.
    pub number: String,
    /// 持证主体: whom the licence is about, in the order of the licence.
    pub holders: Vec<Holder>,
    /// 扩展业务信息: fields of the type itself, named `KZ_…` (GB/T 36903-2018). Private, because
    /// some name people (`KZ_QLR`, the owner of a right).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub extension: BTreeMap<String, String>,
}

/// One holder (持证主体).
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// 持证主体: name.
    pub name: String,
    /// 持证主体代码.
    pub code: String,
    /// 持证主体代码类型.
    pub code_type: HolderType,
}

/// Which file belongs to an entry.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "UncheckedFileReference")]
pub struct FileReference {
    /// SM3 of the whole file, 64 lower-case hex digits.
    pub sm3: String,
    /// Size in bytes.
    pub size_bytes: u64,
    /// Kind of file.
    pub kind: FileKind,
}

/// Why an entry could not be read. No value of the entry is repeated: it may be personal data.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum EntryError {
    /// The line is longer than an entry may be.
    #[error("the line is longer than {} bytes", source::MAX_LINE_BYTES)]
    LineTooLong,
    /// Not a JSON object with the known fields. `position` is the column in bytes, from 1.
    #[error("not an entry: {problem} near column {position}")]
    Json {
        /// What kind of problem.
        problem: &'static str,
        /// Column in bytes, from 1.
        position: usize,
    },
    /// A required text is empty.
    #[error("{field} is empty")]
    Empty {
        /// Name of the field.
        field: &'static str,
    },
    /// A text is longer than its column.
    #[error("{field} is longer than {limit} characters")]
    TooLong {
        /// Name of the field.
        field: &'static str,
        /// Most characters allowed.
        limit: usize,
    },
    /// The identifier, or that of the related licence, cannot be read even leniently.
    #[error("{field}: {fault}")]
    Identifier {
        /// `identifier` or `related`.
        field: &'static str,
        /// What is wrong with it.
        fault: IdentifierFault,
    },
    /// The licence type code cannot be read.
    #[error("type_code: {0}")]
    TypeCode(#[from] LicenceTypeCodeError),
    /// A date cannot be read.
    #[error("{field}: {error}")]
    Date {
        /// Name of the field.
        field: &'static str,
        /// What is wrong with it.
        error: DateError,
    },
    /// The region cannot be read.
    #[error("region: {0}")]
    Region(#[from] RegionError),
    /// The status is unknown.
    #[error("status: {0}")]
    Status(#[from] UnknownStatus),
    /// A holder code type is unknown.
    #[error("holder type: {0}")]
    HolderType(#[from] UnknownHolderType),
    /// Names, codes and types of the holders are not equally many, or none or too many.
    #[error("holders: {names} names, {codes} codes, {types} types; equally many, 1 to {limit}")]
    HolderCount {
        /// Number of names.
        names: usize,
        /// Number of codes.
        codes: usize,
        /// Number of code types.
        types: usize,
        /// Most holders allowed.
        limit: usize,
    },
    /// Too many extension fields, or a name that is no plain word.
    #[error("extension: at most {limit} fields, named with letters, digits and underscores")]
    Extension {
        /// Most fields allowed.
        limit: usize,
    },
    /// The path of the file leaves the library's folder.
    #[error("file: not a relative path with / inside the library")]
    FilePath,
    /// The digest is not 64 lower-case hex digits.
    #[error("the file's SM3 is not 64 lower-case hex digits")]
    FileDigest,
    /// Not a node's name, see [`crate::envelope::is_node_name`].
    #[error("a node's name has 1 to 63 characters of a-z, 0-9 and hyphen")]
    HomeNode,
    /// Revisions begin at 1.
    #[error("revisions begin at 1")]
    Revision,
}

impl EntryPublic {
    /// Whether this entry replaces `other`: same identifier and a higher revision.
    #[must_use]
    pub fn is_newer_than(&self, other: &Self) -> bool {
        self.identifier == other.identifier && self.revision > other.revision
    }

    /// Whether the licence may be relied on that day (Asia/Shanghai): usable by status and
    /// within its term.
    #[must_use]
    pub fn is_in_force_on(&self, day: NaiveDate) -> bool {
        self.status.is_usable() && self.is_within_term_on(day)
    }

    /// Whether that day (Asia/Shanghai) is within the licence's term, whatever its status.
    #[must_use]
    pub fn is_within_term_on(&self, day: NaiveDate) -> bool {
        self.term_on(day) == Term::Running
    }

    /// Where that day (Asia/Shanghai) lies in the licence's term.
    #[must_use]
    pub fn term_on(&self, day: NaiveDate) -> Term {
        if self.valid_until.is_some_and(|until| until.is_over_on(day)) {
            Term::Over
        } else if self.valid_from.is_some_and(|first| first > day) {
            Term::NotBegun
        } else {
            Term::Running
        }
    }
}

impl FileReference {
    /// Refers to a file by its digest.
    ///
    /// # Errors
    /// `FileDigest` when `sm3` is not 64 lower-case hex digits.
    pub fn new(sm3: String, size_bytes: u64, kind: FileKind) -> Result<Self, EntryError> {
        let is_hex = sm3
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        if sm3.len() != 64 || !is_hex {
            return Err(EntryError::FileDigest);
        }
        Ok(Self {
            sm3,
            size_bytes,
            kind,
        })
    }
}

impl EntryError {
    /// Stable code of the refusal; for identifiers, dates and other codes that of the cause.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::LineTooLong => "ENTRY_LINE_TOO_LONG",
            Self::Json { .. } => "ENTRY_JSON",
            Self::Empty { .. } => "ENTRY_EMPTY",
            Self::TooLong { .. } => "ENTRY_TOO_LONG",
            Self::Identifier { fault, .. } => fault.code(),
            Self::TypeCode(cause) => cause.code(),
            Self::Date { error, .. } => error.code(),
            Self::Region(cause) => cause.code(),
            Self::Status(cause) => cause.code(),
            Self::HolderType(cause) => cause.code(),
            Self::HolderCount { .. } => "ENTRY_HOLDER_COUNT",
            Self::Extension { .. } => "ENTRY_EXTENSION",
            Self::FilePath => "ENTRY_FILE_PATH",
            Self::FileDigest => "ENTRY_FILE_DIGEST",
            Self::HomeNode => "ENTRY_HOME_NODE",
            Self::Revision => "ENTRY_REVISION",
        }
    }
}

impl fmt::Debug for EntryPrivate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[private]")
    }
}

impl fmt::Debug for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[private]")
    }
}

/// A file reference as it arrives, before its digest is checked.
#[derive(Deserialize)]
struct UncheckedFileReference {
    sm3: String,
    size_bytes: u64,
    kind: FileKind,
}

impl TryFrom<UncheckedFileReference> for FileReference {
    type Error = EntryError;

    fn try_from(unchecked: UncheckedFileReference) -> Result<Self, Self::Error> {
        Self::new(unchecked.sm3, unchecked.size_bytes, unchecked.kind)
    }
}

/// Splits a value that joins several holders. `^` is the national habit; where it stands,
/// nothing else separates (ARCHITECTURE.md, Standards).
pub(crate) fn split_list(text: &str) -> Vec<&str> {
    let parts: Vec<&str> = if text.contains(LIST_SEPARATOR) {
        text.split(LIST_SEPARATOR).collect()
    } else {
        text.split([',', '，', ';', '；', '、']).collect()
    };
    parts.into_iter().map(str::trim).collect()
}

/// Separator that is written between several holders.
pub(crate) const LIST_SEPARATOR: char = '^';

#[cfg(test)]
pub(crate) mod tests;
