//! Holder code types (持证主体代码类型), GB/T 36903-2018 Appendix A, and what their codes look like.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::citizen_id::{CitizenId, CitizenIdError};
use crate::uscc::{Uscc, UsccError};

/// What kind of code names a holder: the sixteen types of GB/T 36903-2018 Appendix A, and
/// four later provincial ones that are read but should not be issued.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum HolderType {
    /// 001 统一社会信用代码.
    UnifiedSocialCreditCode,
    /// 099 其他法人或其他组织有效证件代码.
    OtherOrganisation,
    /// 111 公民身份号码.
    CitizenId,
    /// 114 中国人民解放军军官证编号.
    MilitaryOfficer,
    /// 115 中国人民武装警察部队警官证编号.
    ArmedPoliceOfficer,
    /// 118 解放军士兵证编号.
    Soldier,
    /// 119 武警士兵证编号.
    ArmedPoliceSoldier,
    /// 120 解放军文职人员证编号.
    MilitaryCivilian,
    /// 122 武警文职人员证编号.
    ArmedPoliceCivilian,
    /// 411 外交护照号.
    DiplomaticPassport,
    /// 412 公务护照号.
    ServicePassport,
    /// 413 公务普通护照号.
    PublicAffairsPassport,
    /// 414 普通护照号.
    OrdinaryPassport,
    /// 511 台湾居民来往大陆通行证号码.
    TaiwanTravelPermit,
    /// 516 港澳居民来往内地通行证号码.
    HongKongMacaoTravelPermit,
    /// 999 其他自然人有效证件代码.
    OtherPerson,
    /// 400 护照号 (provincial extension).
    AnyPassport,
    /// 551 港澳居民居住证号码 (provincial extension).
    HongKongMacaoResidence,
    /// 552 台湾居民居住证号码 (provincial extension).
    TaiwanResidence,
    /// 553 外国人永久居留身份证号码 (provincial extension).
    PermanentResidence,
}

/// Who may hold a licence (持证主体类别), GB/T 36902-2018.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HolderCategory {
    /// 自然人: a natural person.
    Person,
    /// 法人和其他组织: a legal person or another organisation.
    Organisation,
    /// 混合: either.
    Mixed,
    /// 其他: anything else, such as a building or a vehicle.
    Other,
}

/// The code is no known holder code type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("unknown holder code type; see GB/T 36903-2018 Appendix A")]
pub struct UnknownHolderType;

/// Why a holder code does not suit its type. The code itself is not repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum HolderCodeError {
    /// Not a unified social credit code.
    #[error("not a unified social credit code: {0}")]
    Uscc(#[from] UsccError),
    /// Not a citizen identity number.
    #[error("not a citizen identity number: {0}")]
    CitizenId(#[from] CitizenIdError),
    /// Nothing there.
    #[error("the holder code is empty")]
    Empty,
    /// Longer than any known code.
    #[error("the holder code is longer than {MAX_CODE_CHARACTERS} characters")]
    TooLong,
    /// A character other than 0-9, A-Z, hyphen and Han.
    #[error("the holder code has a character other than 0-9, A-Z, hyphen and Han")]
    Character,
}

impl HolderType {
    /// Every known type: the sixteen of the standard first, then the extensions.
    pub const ALL: &[Self] = &[
        Self::UnifiedSocialCreditCode,
        Self::OtherOrganisation,
        Self::CitizenId,
        Self::MilitaryOfficer,
        Self::ArmedPoliceOfficer,
        Self::Soldier,
        Self::ArmedPoliceSoldier,
        Self::MilitaryCivilian,
        Self::ArmedPoliceCivilian,
        Self::DiplomaticPassport,
        Self::ServicePassport,
        Self::PublicAffairsPassport,
        Self::OrdinaryPassport,
        Self::TaiwanTravelPermit,
        Self::HongKongMacaoTravelPermit,
        Self::OtherPerson,
        Self::AnyPassport,
        Self::HongKongMacaoResidence,
        Self::TaiwanResidence,
        Self::PermanentResidence,
    ];

    /// Finds a type by its three digits.
    ///
    /// # Errors
    /// When no type has that code.
    pub fn from_code(code: &str) -> Result<Self, UnknownHolderType> {
        Self::ALL
            .iter()
            .find(|known| known.code() == code)
            .copied()
            .ok_or(UnknownHolderType)
    }

    /// The three digits.
    #[must_use]
    pub fn code(self) -> &'static str {
        self.row().0
    }

    /// Chinese name as in GB/T 36903-2018 Appendix A.
    #[must_use]
    pub fn name_zh(self) -> &'static str {
        self.row().1
    }

    /// English name.
    #[must_use]
    pub fn name_en(self) -> &'static str {
        self.row().2
    }

    /// Person or organisation.
    #[must_use]
    pub fn category(self) -> HolderCategory {
        match self {
            Self::UnifiedSocialCreditCode | Self::OtherOrganisation => HolderCategory::Organisation,
            _ => HolderCategory::Person,
        }
    }

    /// Whether it is one of the later provincial codes, which are read but not issued.
    #[must_use]
    pub fn is_extension(self) -> bool {
        self.code() == "400" || self.code().starts_with("55")
    }

    /// Checks a holder's code: type 001 as a credit code, 111 as an identity number, all others
    /// by length and alphabet (\[P\] profile).
    ///
    /// # Errors
    /// Says what is wrong without repeating the code.
    pub fn check_holder_code(&self, code: &str) -> Result<(), HolderCodeError> {
        match self {
            _ if code.is_empty() => Err(HolderCodeError::Empty),
            Self::UnifiedSocialCreditCode => Ok(Uscc::parse(code).map(|_| ())?),
            Self::CitizenId => Ok(CitizenId::parse(code).map(|_| ())?),
            _ if code.chars().count() > MAX_CODE_CHARACTERS => Err(HolderCodeError::TooLong),
            _ if !code.chars().all(is_code_character) => Err(HolderCodeError::Character),
            _ => Ok(()),
        }
    }

    fn row(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::UnifiedSocialCreditCode => {
                ("001", "统一社会信用代码", "unified social credit code")
            }
            Self::OtherOrganisation => (
                "099",
                "其他法人或其他组织有效证件代码",
                "other organisation's code",
            ),
            Self::CitizenId => ("111", "公民身份号码", "citizen identity number"),
            Self::MilitaryOfficer => ("114", "中国人民解放军军官证编号", "military officer's card"),
            Self::ArmedPoliceOfficer => (
                "115",
                "中国人民武装警察部队警官证编号",
                "armed police officer's card",
            ),
            Self::Soldier => ("118", "解放军士兵证编号", "soldier's card"),
            Self::ArmedPoliceSoldier => ("119", "武警士兵证编号", "armed police soldier's card"),
            Self::MilitaryCivilian => (
                "120",
                "解放军文职人员证编号",
                "military civilian staff card",
            ),
            Self::ArmedPoliceCivilian => (
                "122",
                "武警文职人员证编号",
                "armed police civilian staff card",
            ),
            Self::DiplomaticPassport => ("411", "外交护照号", "diplomatic passport"),
            Self::ServicePassport => ("412", "公务护照号", "service passport"),
            Self::PublicAffairsPassport => ("413", "公务普通护照号", "public affairs passport"),
            Self::OrdinaryPassport => ("414", "普通护照号", "ordinary passport"),
            Self::TaiwanTravelPermit => (
                "511",
                "台湾居民来往大陆通行证号码",
                "Taiwan resident's travel permit",
            ),
            Self::HongKongMacaoTravelPermit => (
                "516",
                "港澳居民来往内地通行证号码",
                "Hong Kong or Macao travel permit",
            ),
            Self::OtherPerson => ("999", "其他自然人有效证件代码", "other person's code"),
            Self::AnyPassport => ("400", "护照号", "passport"),
            Self::HongKongMacaoResidence => (
                "551",
                "港澳居民居住证号码",
                "Hong Kong or Macao residence permit",
            ),
            Self::TaiwanResidence => (
                "552",
                "台湾居民居住证号码",
                "Taiwan resident's residence permit",
            ),
            Self::PermanentResidence => (
                "553",
                "外国人永久居留身份证号码",
                "permanent residence card",
            ),
        }
    }
}

impl HolderCategory {
    /// Whether a licence of this category may name a holder of that type.
    #[must_use]
    pub fn accepts(self, holder_type: HolderType) -> bool {
        match self {
            Self::Person | Self::Organisation => self == holder_type.category(),
            Self::Mixed | Self::Other => true,
        }
    }
}

impl UnknownHolderType {
    /// Stable code of the refusal.
    #[must_use]
    pub fn code(self) -> &'static str {
        "HOLDER_TYPE_UNKNOWN"
    }
}

impl HolderCodeError {
    /// Stable code of the refusal.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Uscc(cause) => cause.code(),
            Self::CitizenId(cause) => cause.code(),
            Self::Empty => "HOLDER_CODE_EMPTY",
            Self::TooLong => "HOLDER_CODE_TOO_LONG",
            Self::Character => "HOLDER_CODE_CHARACTER",
        }
    }
}

impl fmt::Display for HolderType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl FromStr for HolderType {
    type Err = UnknownHolderType;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::from_code(text)
    }
}

impl TryFrom<String> for HolderType {
    type Error = UnknownHolderType;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::from_code(&text)
    }
}

impl From<HolderType> for String {
    fn from(holder_type: HolderType) -> Self {
        holder_type.code().to_owned()
    }
}

fn is_code_character(character: char) -> bool {
    matches!(character, '0'..='9' | 'A'..='Z' | '-')
        // Han: the unified ideographs, their extension A and those of the second plane.
        || matches!(character, '\u{3400}'..='\u{4DBF}' | '\u{4E00}'..='\u{9FFF}')
        || matches!(character, '\u{20000}'..='\u{2FA1F}')
}

/// \[P\] profile: passports and military cards are far shorter.
const MAX_CODE_CHARACTERS: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(code_type: &str, code: &str, expected: &str) {
        let found = HolderType::from_code(code_type)
            .unwrap()
            .check_holder_code(code);
        assert_eq!(
            found.map_or_else(HolderCodeError::code, |()| "ok"),
            expected
        );
    }

    #[test]
    fn codes_are_checked_by_their_type() {
        check("001", "11100000000013338W", "ok");
        check("001", "11100000000013338X", "USCC_CHECK");
        check("001", "", "HOLDER_CODE_EMPTY");
        check("111", "110101199003070011", "ok");
        check("111", "110101199003070010", "CITIZEN_ID_CHECK");
        check("114", "军字第1234567", "ok");
        check("414", "E12345678", "ok");
        check("414", "E1234 678", "HOLDER_CODE_CHARACTER");
        check("999", &"1".repeat(32), "ok");
        check("999", &"1".repeat(33), "HOLDER_CODE_TOO_LONG");
    }

    #[test]
    fn sixteen_types_are_standard_and_four_are_extensions() {
        let extensions = HolderType::ALL
            .iter()
            .filter(|known| known.is_extension())
            .count();
        assert_eq!((HolderType::ALL.len() - extensions, extensions), (16, 4));
        for known in HolderType::ALL {
            assert_eq!(HolderType::from_code(known.code()), Ok(*known));
        }
        assert_eq!(HolderType::from_code("112"), Err(UnknownHolderType));
    }

    #[test]
    fn categories_accept_their_holders() {
        let (person, firm) = (HolderType::CitizenId, HolderType::UnifiedSocialCreditCode);
        assert!(HolderCategory::Person.accepts(person) && !HolderCategory::Person.accepts(firm));
        assert!(HolderCategory::Organisation.accepts(firm));
        assert!(!HolderCategory::Organisation.accepts(person));
        assert!(HolderCategory::Mixed.accepts(person) && HolderCategory::Mixed.accepts(firm));
    }
}
