//! State of a licence.
//!
//! \[P\] profile: the list of the national industry interface for construction licences
//! (ARCHITECTURE.md, Standards) is taken as the hub's canonical list, with 00 for licences that are
//! not yet active.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::verdict::InformationResult;

/// State of a licence, two digits on the wire.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(try_from = "String", into = "String")]
pub enum LicenceStatus {
    /// 00 未激活: issued, not yet in force.
    NotYetActive,
    /// 01 有效: in force.
    #[default]
    Valid,
    /// 02 暂扣: suspended for a time.
    Suspended,
    /// 03 撤销: withdrawn because it should not have been issued.
    Withdrawn,
    /// 04 注销: cancelled in regular procedure.
    Cancelled,
    /// 05 失效: lapsed.
    Lapsed,
    /// 06 办理转出: being transferred to another region.
    TransferringOut,
    /// 07 吊销: revoked as a penalty.
    Revoked,
    /// 99 其他: some other state in which it must not be relied on.
    Other,
}

/// The text is no status code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("unknown licence status; expected 00 to 07 or 99")]
pub struct UnknownStatus;

impl LicenceStatus {
    /// Every status in order of code.
    pub const ALL: &[Self] = &[
        Self::NotYetActive,
        Self::Valid,
        Self::Suspended,
        Self::Withdrawn,
        Self::Cancelled,
        Self::Lapsed,
        Self::TransferringOut,
        Self::Revoked,
        Self::Other,
    ];

    /// Reads the two digits.
    ///
    /// # Errors
    /// When no status has that code.
    pub fn parse(text: &str) -> Result<Self, UnknownStatus> {
        Self::ALL
            .iter()
            .find(|known| known.code() == text)
            .copied()
            .ok_or(UnknownStatus)
    }

    /// The two digits.
    #[must_use]
    pub fn code(self) -> &'static str {
        self.row().0
    }

    /// Chinese name.
    #[must_use]
    pub fn name_zh(self) -> &'static str {
        self.row().1
    }

    /// English name.
    #[must_use]
    pub fn name_en(self) -> &'static str {
        self.row().2
    }

    /// Whether the licence may be relied on; its term is a separate question.
    #[must_use]
    pub fn is_usable(self) -> bool {
        self == Self::Valid
    }

    /// Result of GB/T 36906 information verification when the information is right, within the
    /// licence's term.
    #[must_use]
    pub fn information_result(self) -> InformationResult {
        match self {
            Self::Valid => InformationResult::InForce,
            Self::NotYetActive => InformationResult::NotYetActive,
            Self::Suspended | Self::TransferringOut => InformationResult::OutForATime,
            Self::Withdrawn | Self::Cancelled | Self::Lapsed | Self::Revoked | Self::Other => {
                InformationResult::OutForGood
            }
        }
    }

    fn row(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::NotYetActive => ("00", "未激活", "not yet active"),
            Self::Valid => ("01", "有效", "valid"),
            Self::Suspended => ("02", "暂扣", "suspended"),
            Self::Withdrawn => ("03", "撤销", "withdrawn"),
            Self::Cancelled => ("04", "注销", "cancelled"),
            Self::Lapsed => ("05", "失效", "lapsed"),
            Self::TransferringOut => ("06", "办理转出", "being transferred out"),
            Self::Revoked => ("07", "吊销", "revoked"),
            Self::Other => ("99", "其他", "other"),
        }
    }
}

impl UnknownStatus {
    /// Stable code of the refusal.
    #[must_use]
    pub fn code(self) -> &'static str {
        "STATUS_UNKNOWN"
    }
}

impl fmt::Display for LicenceStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl FromStr for LicenceStatus {
    type Err = UnknownStatus;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl TryFrom<String> for LicenceStatus {
    type Error = UnknownStatus;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text)
    }
}

impl From<LicenceStatus> for String {
    fn from(status: LicenceStatus) -> Self {
        status.code().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_read_back_and_only_01_may_be_relied_on() {
        for status in LicenceStatus::ALL {
            assert_eq!(LicenceStatus::parse(status.code()), Ok(*status));
            assert_eq!(status.is_usable(), status.code() == "01");
            let is_in_force = status.information_result() == InformationResult::InForce;
            assert_eq!(status.is_usable(), is_in_force);
        }
        assert!(LicenceStatus::ALL.is_sorted_by_key(|status| status.code()));
        assert_eq!(LicenceStatus::parse("1"), Err(UnknownStatus));
        assert_eq!(LicenceStatus::parse("08"), Err(UnknownStatus));
        assert_eq!(
            serde_json::to_string(&LicenceStatus::Suspended).unwrap(),
            "\"02\""
        );
    }
}
