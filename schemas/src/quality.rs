//! Rules that an entry must meet before the national node takes it into the directory.
//!
//! \[P\] profile: the rules follow GB/T 36902, 36903 and 36904 and what gather platforms are known
//! to reject. A fault either rejects the entry or is kept beside it for its home node to mend.

use serde::{Deserialize, Serialize};

use crate::entry::{Entry, EntryError, EntryPrivate, EntryPublic};
use crate::holder_type::HolderType;
use crate::identifier::IdentifierFault;
use crate::licence_type::LicenceTypes;
use crate::metadata;
use crate::region::ProvinceCode;
use crate::uscc::Uscc;

/// Most bytes of an entry as JSON: a line of a library has under 64 KiB, and what is larger would
/// not fit into replies, receipts and leaves.
pub const ENTRY_BYTES_MAX: usize = 256 * 1024;

/// Rule of an entry over [`ENTRY_BYTES_MAX`]; such an entry is not kept in the quality queue.
pub const RULE_TOO_LARGE: &str = "Q-TOO-LARGE";

/// One rule that an entry does not meet, in words that repeat no personal data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QualityFault {
    /// Stable code of the rule, for instance `Q-TYPE-NAME`.
    pub rule: String,
    /// Whether the entry is rejected; otherwise it is kept with this fault.
    pub rejecting: bool,
    /// Chinese text: what is wrong and what to do.
    pub zh: String,
    /// English text: what is wrong and what to do.
    pub en: String,
}

/// Holds an entry against every rule. `home_regions` are the provinces whose licences the home
/// node may register. The order of the faults is that of the rules, not of their weight.
#[must_use]
pub fn check_entry(
    entry: &Entry,
    types: &LicenceTypes,
    home_regions: &[ProvinceCode],
) -> Vec<QualityFault> {
    let mut faults = Vec::new();
    check_size(entry, &mut faults);
    if !faults.is_empty() {
        // Other faults may repeat what is too large.
        return faults;
    }
    check_identifier(&entry.public, &mut faults);
    check_type(entry, types, &mut faults);
    check_region(&entry.public, home_regions, &mut faults);
    check_names(entry, &mut faults);
    check_issuer(&entry.public, &mut faults);
    check_holders(entry, &mut faults);
    check_dates(&entry.public, &mut faults);
    check_extension(&entry.private, &mut faults);
    faults
}

impl QualityFault {
    /// The fault of an entry that could not even be read: always rejecting.
    #[must_use]
    pub fn from_entry_error(error: &EntryError) -> Self {
        let rule = match error {
            EntryError::Identifier {
                field: "identifier",
                fault,
            } => match fault {
                IdentifierFault::Check { expected } => return wrong_check(*expected),
                _ => "Q-ID-FORM",
            },
            EntryError::Identifier { .. } => "Q-RELATED",
            EntryError::TypeCode(_) => "Q-TYPE-UNKNOWN",
            EntryError::Region(_) => "Q-REGION",
            EntryError::HolderType(_) => "Q-HOLDER-CODE",
            EntryError::HolderCount { .. } => "Q-HOLDER-COUNT",
            EntryError::Date { .. } => "Q-DATE-FORM",
            EntryError::Empty { .. } => "Q-NAME-EMPTY",
            EntryError::Status(_) => "Q-STATUS",
            EntryError::LineTooLong
            | EntryError::Json { .. }
            | EntryError::TooLong { .. }
            | EntryError::Extension { .. } => "Q-FORM",
            EntryError::FilePath
            | EntryError::FileDigest
            | EntryError::HomeNode
            | EntryError::Revision => "Q-FILE",
        };
        let zh = format!(
            "目录信息无法解析（{}），请按目录规范更正后重新报送。",
            error.code()
        );
        let en = format!(
            "The entry cannot be read ({}): {error}. Correct and resend.",
            error.code()
        );
        reject(rule, zh, en)
    }
}

fn check_size(entry: &Entry, faults: &mut Vec<QualityFault>) {
    let public = serde_json::to_vec(&entry.public).map_or(usize::MAX, |bytes| bytes.len());
    let private = serde_json::to_vec(&entry.private).map_or(usize::MAX, |bytes| bytes.len());
    if public.saturating_add(private) > ENTRY_BYTES_MAX {
        let most = ENTRY_BYTES_MAX / 1024;
        faults.push(reject(
            RULE_TOO_LARGE,
            format!("目录信息超过 {most} KiB，不予收录；请缩减后重新报送。"),
            format!("The entry has more than {most} KiB; it is not kept. Shorten and resend."),
        ));
    }
}

fn check_identifier(public: &EntryPublic, faults: &mut Vec<QualityFault>) {
    let codes: Vec<&str> = public
        .identifier
        .faults()
        .into_iter()
        .map(|f| f.code())
        .collect();
    if !codes.is_empty() {
        let codes = codes.join(", ");
        faults.push(keep(
            "Q-ID-NONCONFORMANT",
            format!("电子证照标识不完全符合 GB/T 36904（{codes}），已保留；换发时请使用规范标识。"),
            format!(
                "The identifier deviates from GB/T 36904 ({codes}); kept. Reissue with a good one."
            ),
        ));
    }
    if public.identifier.type_code() != public.type_code.as_str() {
        faults.push(reject(
            "Q-TYPE-CODE",
            "证照类型代码与电子证照标识中的类型代码不一致，请更正其中之一。",
            "The type code is not the one in the identifier. Correct one of them.",
        ));
    }
    if public.related.as_ref() == Some(&public.identifier) {
        faults.push(reject(
            "Q-RELATED",
            "关联证照标识指向自身，请填写被替代或被关联的证照标识。",
            "The related licence is this licence itself. Name the one it replaces or belongs to.",
        ));
    }
}

fn check_type(entry: &Entry, types: &LicenceTypes, faults: &mut Vec<QualityFault>) {
    let Some(licence_type) = types.find(&entry.public.type_code) else {
        let code = &entry.public.type_code;
        faults.push(reject(
            "Q-TYPE-UNKNOWN",
            format!("证照类型 {code} 未登记，请先由证照定义机构登记该类型。"),
            format!("Licence type {code} is not registered. Its authority must register it first."),
        ));
        return;
    };
    if entry.public.type_name != licence_type.name {
        let name = &licence_type.name;
        faults.push(reject(
            "Q-TYPE-NAME",
            format!("证照类型名称与登记名称“{name}”不一致，请按登记名称填写。"),
            format!("The type's name is not the registered \"{name}\". Use the registered name."),
        ));
    }
    let category = licence_type.holder_category;
    if !entry
        .private
        .holders
        .iter()
        .all(|holder| category.accepts(holder.code_type))
    {
        faults.push(keep(
            "Q-HOLDER-CATEGORY",
            "持证主体代码类型与该证照类型的持证主体类别不符，已保留，请核实。",
            "A holder is not of the category that the licence type is for; kept. Please check.",
        ));
    }
}

fn check_region(
    public: &EntryPublic,
    home_regions: &[ProvinceCode],
    faults: &mut Vec<QualityFault>,
) {
    let province = public.region.province();
    if !home_regions.contains(&province) {
        let (name_zh, name_en) = (province.name_zh(), province.name_en());
        faults.push(reject(
            "Q-REGION",
            format!("归属节点无权登记属地为{name_zh}（{province}）的证照，请由该地节点报送。"),
            format!(
                "{name_en} ({province}) is not a region of the home node; its own must register it."
            ),
        ));
    }
}

fn check_names(entry: &Entry, faults: &mut Vec<QualityFault>) {
    let public = &entry.public;
    let names = [
        ("licence_name", "证照名称", &public.licence_name),
        ("type_name", "证照类型名称", &public.type_name),
        ("issuer_name", "证照颁发机构", &public.issuer_name),
        ("number", "证照编号", &entry.private.number),
    ];
    for (field, field_zh, value) in names {
        if value.trim().is_empty() {
            faults.push(reject(
                "Q-NAME-EMPTY",
                format!("{field_zh}为空，请补全。"),
                format!("{field} is empty. Fill it in."),
            ));
        }
    }
}

fn check_issuer(public: &EntryPublic, faults: &mut Vec<QualityFault>) {
    let in_identifier = public.identifier.issuer_code() == public.issuer_code;
    if let Err(error) = Uscc::parse(&public.issuer_code) {
        // Old entries carry the code of their time in the identifier itself; it cannot be mended.
        faults.push(QualityFault {
            rule: "Q-USCC".to_owned(),
            rejecting: !in_identifier,
            zh: format!(
                "证照颁发机构代码不是有效的统一社会信用代码（{}），请更正。",
                error.code()
            ),
            en: format!("The issuer's code is no unified social credit code: {error}. Correct it."),
        });
    }
    if !in_identifier {
        faults.push(keep(
            "Q-ISSUER-CODE",
            "证照颁发机构代码与电子证照标识中的颁发机构代码不一致，已保留，请核实机构沿革。",
            "The issuer's code is not the one in the identifier; kept. Was the issuer reorganised?",
        ));
    }
}

fn check_holders(entry: &Entry, faults: &mut Vec<QualityFault>) {
    let holders = &entry.private.holders;
    if holders.is_empty() {
        faults.push(reject(
            "Q-HOLDER-COUNT",
            "没有持证主体，请补全名称、代码和代码类型。",
            "There is no holder. State name, code and code type.",
        ));
    }
    for (position, holder) in (1..).zip(holders) {
        if holder.name.trim().is_empty() {
            faults.push(reject(
                "Q-NAME-EMPTY",
                format!("第 {position} 个持证主体名称为空，请补全。"),
                format!("The name of holder {position} is empty. Fill it in."),
            ));
        }
        if let Err(error) = holder.code_type.check_holder_code(&holder.code) {
            let (kind, code) = (holder.code_type, error.code());
            // Only types with a check character can be told wrong for certain.
            let certain = matches!(
                kind,
                HolderType::UnifiedSocialCreditCode | HolderType::CitizenId
            ) || holder.code.is_empty();
            faults.push(QualityFault {
                rule: "Q-HOLDER-CODE".to_owned(),
                rejecting: certain,
                zh: format!(
                    "第 {position} 个持证主体代码不符合类型 {kind} 的规则（{code}），请更正。"
                ),
                en: format!(
                    "The code of holder {position} does not suit type {kind}: {error}. Correct it."
                ),
            });
        }
    }
}

fn check_dates(public: &EntryPublic, faults: &mut Vec<QualityFault>) {
    let Some(until) = public.valid_until else {
        return;
    };
    let begins = public.valid_from.unwrap_or(public.issued_on);
    if until.is_over_on(begins) || until.is_over_on(public.issued_on) {
        faults.push(reject(
            "Q-DATE-ORDER",
            "有效期截止日期早于起始日期或颁发日期，请更正。",
            "The term ends before it begins or before the day of issue. Correct the dates.",
        ));
    }
}

fn check_extension(private: &EntryPrivate, faults: &mut Vec<QualityFault>) {
    let names = || private.extension.keys().map(String::as_str);
    let short = |name| metadata::short_name(name).unwrap_or(name);
    if names().any(|name| short(name).starts_with("JZJ")) {
        faults.push(reject(
            "Q-COPY-FIELDS",
            "目录信息含加注件字段，原件不得登记加注件信息，请报送原件。",
            "The entry has fields of a copy. Only originals are registered; send the original.",
        ));
    }
    let foreign: Vec<&str> = names()
        .filter(|name| !short(name).starts_with("JZJ"))
        .filter(|name| !name.starts_with(metadata::EXTENSION_PREFIX))
        .collect();
    if !foreign.is_empty() {
        faults.push(keep(
            "Q-EXTENSION-NAME",
            format!(
                "扩展字段名应以 KZ_ 开头，不符合的有 {} 个，已保留。",
                foreign.len()
            ),
            format!(
                "{} extension fields do not begin with KZ_; kept. Rename them.",
                foreign.len()
            ),
        ));
    }
}

fn wrong_check(expected: char) -> QualityFault {
    reject(
        "Q-ID-CHECK",
        format!("电子证照标识校验位错误，应为 {expected}，请核对标识。"),
        format!("The identifier's check character should be {expected}. Check the identifier."),
    )
}

fn reject(rule: &str, zh: impl Into<String>, en: impl Into<String>) -> QualityFault {
    QualityFault {
        rule: rule.to_owned(),
        rejecting: true,
        zh: zh.into(),
        en: en.into(),
    }
}

fn keep(rule: &str, zh: impl Into<String>, en: impl Into<String>) -> QualityFault {
    QualityFault {
        rejecting: false,
        ..reject(rule, zh, en)
    }
}

#[cfg(test)]
mod tests;
