//! Administrative divisions: GB/T 2260 codes as licences carry them.
//!
//! Only the province part is checked against a list: county codes change over the years, and a
//! licence keeps the code of its time.

use std::fmt;
use std::str::FromStr;
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// A six-digit GB/T 2260 code whose province is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RegionCode(u32);

/// The first two digits of a GB/T 2260 code: one of the 34 provinces, or [`Self::NATIONAL`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ProvinceCode(u8);

/// Why a text is not a region.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum RegionError {
    /// Not six or twelve digits (two for a province).
    #[error("a region has 6 or 12 digits, a province has 2")]
    Shape,
    /// The first two digits are no province.
    #[error("the first two digits are no province of GB/T 2260")]
    Province,
}

impl RegionCode {
    /// Reads a code of six digits, or of twelve (`350128000000`), of which the last six name a
    /// street or village and are dropped.
    ///
    /// # Errors
    /// On another shape or an unknown province.
    pub fn parse(text: &str) -> Result<Self, RegionError> {
        if !matches!(text.len(), 6 | 12) || !text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(RegionError::Shape);
        }
        ProvinceCode::parse(text.get(..2).unwrap_or_default())?;
        let digits = text.get(..6).unwrap_or_default();
        digits.parse().map(Self).map_err(|_| RegionError::Shape)
    }

    /// The province, municipality or autonomous region it lies in.
    #[must_use]
    pub fn province(self) -> ProvinceCode {
        ProvinceCode((self.0 / 10_000) as u8)
    }
}

impl ProvinceCode {
    /// Code 10, which ministries' credit codes carry as their region (`100000`).
    /// \[P\] profile: it stands for the whole country and is none of the 34 provinces.
    pub const NATIONAL: Self = Self(10);

    /// Reads the two digits.
    ///
    /// # Errors
    /// On another shape or an unknown province.
    pub fn parse(text: &str) -> Result<Self, RegionError> {
        if text.len() != 2 || !text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(RegionError::Shape);
        }
        let code = Self(text.parse().map_err(|_| RegionError::Shape)?);
        code.row().map(|_| code).ok_or(RegionError::Province)
    }

    /// The 34 provinces in the order of GB/T 2260.
    pub fn all() -> impl Iterator<Item = Self> {
        ROWS.iter()
            .map(|row| row.code)
            .filter(|code| *code != Self::NATIONAL)
    }

    /// Chinese name, for instance `浙江省`.
    #[must_use]
    pub fn name_zh(self) -> &'static str {
        self.row().map_or("", |row| row.name_zh)
    }

    /// English name, for instance `Zhejiang`.
    #[must_use]
    pub fn name_en(self) -> &'static str {
        self.row().map_or("", |row| row.name_en)
    }

    fn row(self) -> Option<&'static Row> {
        ROWS.iter().find(|row| row.code == self)
    }
}

impl RegionError {
    /// Stable code of the refusal.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Shape => "REGION_SHAPE",
            Self::Province => "REGION_PROVINCE",
        }
    }
}

impl fmt::Display for RegionCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:06}", self.0)
    }
}

impl fmt::Display for ProvinceCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}", self.0)
    }
}

impl FromStr for RegionCode {
    type Err = RegionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl FromStr for ProvinceCode {
    type Err = RegionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl TryFrom<String> for RegionCode {
    type Error = RegionError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text)
    }
}

impl TryFrom<String> for ProvinceCode {
    type Error = RegionError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text)
    }
}

impl From<RegionCode> for String {
    fn from(code: RegionCode) -> Self {
        code.to_string()
    }
}

impl From<ProvinceCode> for String {
    fn from(code: ProvinceCode) -> Self {
        code.to_string()
    }
}

struct Row {
    code: ProvinceCode,
    name_zh: &'static str,
    name_en: &'static str,
}

/// Code, Chinese and English name, tab-separated, one province a line (GB/T 2260).
static ROWS: LazyLock<Vec<Row>> = LazyLock::new(|| {
    include_str!("../data/regions.tsv")
        .lines()
        .filter_map(|line| {
            let mut cells = line.split('\t');
            let code = cells.next()?.parse().ok()?;
            let (name_zh, name_en) = (cells.next()?, cells.next()?);
            Some(Row {
                code: ProvinceCode(code),
                name_zh,
                name_en,
            })
        })
        .collect()
});

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Result<(&str, &str), RegionError>) {
        let parsed = RegionCode::parse(text);
        let shown = parsed.map(|code| (code.to_string(), code.province().name_en()));
        let shown = shown.as_ref().map(|(code, name)| (code.as_str(), *name));
        assert_eq!(shown, expected.as_ref().map(|pair| *pair), "{text}");
    }

    #[test]
    fn six_and_twelve_digits_of_known_provinces_are_regions() {
        check("350128", Ok(("350128", "Fujian")));
        check("350128000000", Ok(("350128", "Fujian")));
        check("350128101002", Ok(("350128", "Fujian")));
        check("100000", Ok(("100000", "National")));
        check("990101", Err(RegionError::Province));
        check("000000", Err(RegionError::Province));
        check("3501", Err(RegionError::Shape));
        check("35012a", Err(RegionError::Shape));
        check("+50128", Err(RegionError::Shape));
        check("三五", Err(RegionError::Shape));
    }

    #[test]
    fn the_list_holds_the_34_provinces_with_both_names() {
        assert_eq!(ProvinceCode::all().count(), 34);
        assert!(ROWS.is_sorted_by_key(|row| row.code));
        assert!(
            ROWS.iter()
                .all(|row| !row.name_zh.is_empty() && row.name_en.is_ascii())
        );
        assert_eq!(ProvinceCode::parse("33").unwrap().name_zh(), "浙江省");
        assert_eq!(ProvinceCode::parse("0").unwrap_err(), RegionError::Shape);
    }

    #[test]
    fn json_is_the_six_digit_string() {
        let code: RegionCode = serde_json::from_str("\"330105000000\"").unwrap();
        assert_eq!(serde_json::to_string(&code).unwrap(), "\"330105\"");
        let province: ProvinceCode = serde_json::from_str("\"33\"").unwrap();
        assert_eq!(code.province(), province);
    }
}
