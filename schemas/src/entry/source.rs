//! One line of a library's `entries.jsonl`: an entry as its source knows it.

use std::collections::BTreeMap;
use std::fmt;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use super::{Entry, EntryError, EntryPrivate, EntryPublic, FileReference, Holder, split_list};
use crate::date::{ValidUntil, parse_date};
use crate::envelope::is_node_name;
use crate::holder_type::HolderType;
use crate::identifier::Identifier;
use crate::licence_type::LicenceTypeCode;
use crate::region::RegionCode;
use crate::status::LicenceStatus;

/// An entry as a province's library states it, before a node makes it its own.
///
/// On a line it is a flat JSON object. Dates may have any form of [`parse_date`], also as a
/// number of milliseconds. Holders are a list of objects, or the national parallel lists
/// `holder_name`, `holder_code` and `holder_type`. Unknown fields are refused.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "SourceLine")]
pub struct SourceEntry {
    /// 电子证照标识.
    pub identifier: Identifier,
    /// 证照名称.
    pub licence_name: String,
    /// 证照类型名称.
    pub type_name: String,
    /// 证照类型代码.
    pub type_code: LicenceTypeCode,
    /// 证照颁发机构.
    pub issuer_name: String,
    /// 证照颁发机构代码.
    pub issuer_code: String,
    /// 证照颁发日期.
    pub issued_on: NaiveDate,
    /// 证照有效期起始日期.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub valid_from: Option<NaiveDate>,
    /// 证照有效期截止日期.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub valid_until: Option<ValidUntil>,
    /// 证照所属管辖属地.
    pub region: RegionCode,
    /// State of the licence; 01 when not stated.
    pub status: LicenceStatus,
    /// 关联证照标识.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub related: Option<Identifier>,
    /// 扩展业务信息.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub extension: BTreeMap<String, String>,
    /// 证照编号.
    pub number: String,
    /// 持证主体.
    pub holders: Vec<Holder>,
    /// Path of the sealed file, relative to the library's folder of files.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
}

impl SourceEntry {
    /// Reads one line.
    ///
    /// # Errors
    /// When the line is too long, is no JSON object with the known fields, or a field cannot be
    /// read. The error never repeats a value.
    pub fn parse_line(line: &[u8]) -> Result<Self, EntryError> {
        if line.len() > MAX_LINE_BYTES {
            return Err(EntryError::LineTooLong);
        }
        let line: SourceLine = serde_json::from_slice(line).map_err(|error| {
            // The message of the error may repeat a value, its class and place do not.
            let problem = match error.classify() {
                serde_json::error::Category::Data => "a missing, unknown or mistyped field",
                serde_json::error::Category::Eof => "the line ends too early",
                _ => "no JSON",
            };
            EntryError::Json {
                problem,
                position: error.column(),
            }
        })?;
        line.try_into()
    }

    /// Makes it the entry of a node. `revision` begins at 1 and counts the changes.
    ///
    /// # Errors
    /// When the node's name or the revision cannot be right.
    pub fn into_entry(
        self,
        home_node: impl Into<String>,
        revision: u64,
        file: Option<FileReference>,
    ) -> Result<Entry, EntryError> {
        let home_node = home_node.into();
        if !is_node_name(&home_node) {
            return Err(EntryError::HomeNode);
        }
        if revision == 0 {
            return Err(EntryError::Revision);
        }
        let public = EntryPublic {
            identifier: self.identifier,
            licence_name: self.licence_name,
            type_name: self.type_name,
            type_code: self.type_code,
            issuer_name: self.issuer_name,
            issuer_code: self.issuer_code,
            issued_on: self.issued_on,
            valid_from: self.valid_from,
            valid_until: self.valid_until,
            region: self.region,
            status: self.status,
            home_node,
            revision,
            file,
            related: self.related,
        };
        let private = EntryPrivate {
            number: self.number,
            holders: self.holders,
            extension: self.extension,
        };
        Ok(Entry { public, private })
    }
}

impl fmt::Debug for SourceEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SourceEntry")
            .field("identifier", &self.identifier.as_str())
            .finish_non_exhaustive()
    }
}

/// The line as it stands, every value still text.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SourceLine {
    identifier: String,
    licence_name: String,
    type_name: String,
    type_code: String,
    issuer_name: String,
    issuer_code: String,
    issued_on: TextOrNumber,
    #[serde(default)]
    valid_from: Option<TextOrNumber>,
    #[serde(default)]
    valid_until: Option<TextOrNumber>,
    region: TextOrNumber,
    #[serde(default)]
    status: Option<String>,
    #[serde(default)]
    related: Option<String>,
    #[serde(default)]
    extension: BTreeMap<String, String>,
    number: String,
    #[serde(default)]
    holders: Vec<HolderLine>,
    #[serde(default)]
    holder_name: Option<String>,
    #[serde(default)]
    holder_code: Option<String>,
    #[serde(default)]
    holder_type: Option<String>,
    #[serde(default)]
    file: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HolderLine {
    name: String,
    code: String,
    code_type: String,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum TextOrNumber {
    Text(String),
    Number(u64),
}

impl TryFrom<SourceLine> for SourceEntry {
    type Error = EntryError;

    fn try_from(line: SourceLine) -> Result<Self, EntryError> {
        let identifier = identifier("identifier", &line.identifier)?;
        let related = non_empty(line.related);
        let related = related
            .map(|text| self::identifier("related", &text))
            .transpose()?;
        let valid_from = line.valid_from.and_then(TextOrNumber::stated);
        let valid_until = line.valid_until.and_then(TextOrNumber::stated);
        let holders = holders(
            line.holders,
            [line.holder_name, line.holder_code, line.holder_type].map(Option::unwrap_or_default),
        )?;
        check_extension(&line.extension)?;
        Ok(Self {
            identifier,
            licence_name: bounded("licence_name", line.licence_name, MAX_NAME)?,
            type_name: bounded("type_name", line.type_name, MAX_NAME)?,
            type_code: LicenceTypeCode::parse(&line.type_code)?,
            issuer_name: bounded("issuer_name", line.issuer_name, MAX_NAME)?,
            issuer_code: bounded("issuer_code", line.issuer_code, MAX_CODE)?,
            issued_on: date("issued_on", line.issued_on.into_text())?,
            valid_from: valid_from
                .map(|text| date("valid_from", text))
                .transpose()?,
            valid_until: valid_until.map(until).transpose()?,
            region: RegionCode::parse(&line.region.into_text())?,
            status: non_empty(line.status).map_or(Ok(LicenceStatus::Valid), |s| s.parse())?,
            related,
            extension: line.extension,
            number: bounded("number", line.number, MAX_CODE)?,
            holders,
            file: non_empty(line.file).map(file_path).transpose()?,
        })
    }
}

impl TextOrNumber {
    fn into_text(self) -> String {
        match self {
            Self::Text(text) => text,
            Self::Number(number) => number.to_string(),
        }
    }

    /// The text, unless it is empty: gather tables write empty for absent.
    fn stated(self) -> Option<String> {
        non_empty(Some(self.into_text()))
    }
}

fn identifier(field: &'static str, text: &str) -> Result<Identifier, EntryError> {
    text.parse()
        .map_err(|fault| EntryError::Identifier { field, fault })
}

fn date(field: &'static str, text: String) -> Result<NaiveDate, EntryError> {
    parse_date(&text).map_err(|error| EntryError::Date { field, error })
}

fn until(text: String) -> Result<ValidUntil, EntryError> {
    ValidUntil::parse(&text).map_err(|error| EntryError::Date {
        field: "valid_until",
        error,
    })
}

/// Trims a text and holds it to its column. Whether it may be empty is a quality rule.
fn bounded(field: &'static str, text: String, limit: usize) -> Result<String, EntryError> {
    if text.chars().count() > limit {
        return Err(EntryError::TooLong { field, limit });
    }
    Ok(text.trim().to_owned())
}

fn non_empty(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.trim().is_empty())
}

fn holders(listed: Vec<HolderLine>, joined: [String; 3]) -> Result<Vec<Holder>, EntryError> {
    let triples: Vec<[String; 3]> = if joined.iter().all(String::is_empty) {
        listed
            .into_iter()
            .map(|holder| [holder.name, holder.code, holder.code_type])
            .collect()
    } else if listed.is_empty() {
        unjoin(&joined)?
    } else {
        // Two statements of the same fact: which one counts cannot be known.
        return Err(EntryError::Json {
            problem: "holders stated twice",
            position: 1,
        });
    };
    if !(1..=MAX_HOLDERS).contains(&triples.len()) {
        return Err(holder_count([triples.len(); 3]));
    }
    triples
        .into_iter()
        .map(|[name, code, code_type]| {
            let name = bounded("holder name", name, MAX_NAME)?;
            let code = bounded("holder code", code, MAX_CODE)?;
            Ok(Holder {
                name,
                code,
                code_type: HolderType::from_code(code_type.trim())?,
            })
        })
        .collect()
}

/// Takes parallel lists apart; they must be equally long.
fn unjoin([names, codes, types]: &[String; 3]) -> Result<Vec<[String; 3]>, EntryError> {
    let [names, codes, types] = [names, codes, types].map(|text| split_list(text));
    if names.len() != codes.len() || codes.len() != types.len() {
        return Err(holder_count([names.len(), codes.len(), types.len()]));
    }
    let rows = names.into_iter().zip(codes).zip(types);
    Ok(rows
        .map(|((name, code), kind)| [name, code, kind].map(str::to_owned))
        .collect())
}

fn holder_count([names, codes, types]: [usize; 3]) -> EntryError {
    EntryError::HolderCount {
        names,
        codes,
        types,
        limit: MAX_HOLDERS,
    }
}

fn check_extension(extension: &BTreeMap<String, String>) -> Result<(), EntryError> {
    let is_plain = |name: &String| {
        (1..=MAX_EXTENSION_NAME).contains(&name.len())
            && name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    };
    if extension.len() > MAX_EXTENSION || !extension.keys().all(is_plain) {
        return Err(EntryError::Extension {
            limit: MAX_EXTENSION,
        });
    }
    Ok(())
}

/// A path that stays inside the folder it is relative to, on every platform.
fn file_path(path: String) -> Result<String, EntryError> {
    let is_plain = |part: &str| !part.is_empty() && part != "." && part != "..";
    let is_forbidden = |each: char| each.is_control() || matches!(each, '\\' | ':');
    if path.len() > MAX_PATH || path.contains(is_forbidden) || !path.split('/').all(is_plain) {
        return Err(EntryError::FilePath);
    }
    Ok(path)
}

/// \[P\] profile: an entry without its file takes some 2 KiB; national rows allow an extension.
pub(super) const MAX_LINE_BYTES: usize = 64 << 10;
/// Column length of names in the national gather tables, in characters.
const MAX_NAME: usize = 512;
/// Column length of numbers and codes in the national gather tables, in characters.
const MAX_CODE: usize = 128;
/// \[P\] profile: co-owned property has tens of holders.
const MAX_HOLDERS: usize = 100;
/// \[P\] profile: the metadata of a file may have 512 fields, half of them of the type itself.
const MAX_EXTENSION: usize = 256;
/// \[P\] profile: the longest name seen has 20 bytes.
const MAX_EXTENSION_NAME: usize = 64;
/// Column length of file addresses in the national gather tables.
const MAX_PATH: usize = 256;
