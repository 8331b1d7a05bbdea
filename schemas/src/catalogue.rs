//! The one catalogue of user-facing texts: what each stable code means, whose side it is on and
//! what to do next, in Chinese and English (invariant 9).
//!
//! The texts are data, `data/catalogue.json`, so that translators need no Rust.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;

/// What one code means.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Text {
    /// Whose side the cause is on.
    pub side: Side,
    /// What happened, in Chinese.
    pub zh: String,
    /// What happened, in English.
    pub en: String,
    /// What to do next, in Chinese.
    pub next_zh: String,
    /// What to do next, in English.
    pub next_en: String,
    /// For finding codes: what holds when the check passes, in a few Chinese words.
    #[serde(default)]
    pub check_zh: Option<String>,
    /// The same in English.
    #[serde(default)]
    pub check_en: Option<String>,
    /// For finding codes: what the check looks at and why it matters, in Chinese, for a reader
    /// who is no engineer.
    #[serde(default)]
    pub why_zh: Option<String>,
    /// The same in English.
    #[serde(default)]
    pub why_en: Option<String>,
    /// For finding codes that mean something else as a warning: what, and what to do, in Chinese.
    #[serde(default)]
    pub note_zh: Option<String>,
    /// The same in English.
    #[serde(default)]
    pub note_en: Option<String>,
}

/// Whose side a cause is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// The calling system.
    Caller,
    /// The file that was presented or fetched.
    File,
    /// The authority that issued and sealed the licence.
    Issuer,
    /// The node that keeps the original.
    HomeNode,
    /// The national node.
    NationalNode,
    /// Another node, not nearer known.
    PeerNode,
    /// The node that answers.
    ThisNode,
    /// The trust material: certificates, revocation lists.
    Trust,
}

/// The text of a code; none when the catalogue does not know it.
#[must_use]
pub fn text(code: &str) -> Option<&'static Text> {
    CATALOGUE.get(code)
}

/// Every code that has a text, in alphabetical order.
pub fn codes() -> impl Iterator<Item = &'static str> {
    CATALOGUE.keys().map(String::as_str)
}

impl Side {
    /// The word used in problem bodies.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Caller => "caller",
            Self::File => "file",
            Self::Issuer => "issuer",
            Self::HomeNode => "home_node",
            Self::NationalNode => "national_node",
            Self::PeerNode => "peer_node",
            Self::ThisNode => "this_node",
            Self::Trust => "trust",
        }
    }

    /// In English, for people.
    #[must_use]
    pub fn en(self) -> &'static str {
        match self {
            Self::Caller => "the calling system",
            Self::File => "the file",
            Self::Issuer => "the issuing authority",
            Self::HomeNode => "the node that keeps the original",
            Self::NationalNode => "the national node",
            Self::PeerNode => "the other node",
            Self::ThisNode => "this node",
            Self::Trust => "the trust material here",
        }
    }

    /// In Chinese, for people.
    #[must_use]
    pub fn zh(self) -> &'static str {
        match self {
            Self::Caller => "用证系统",
            Self::File => "证照文件",
            Self::Issuer => "颁发机构",
            Self::HomeNode => "归属节点",
            Self::NationalNode => "国家节点",
            Self::PeerNode => "对方节点",
            Self::ThisNode => "本节点",
            Self::Trust => "信任材料",
        }
    }
}

static CATALOGUE: LazyLock<BTreeMap<String, Text>> = LazyLock::new(|| {
    // A catalogue that does not parse would be a fault of the build: the test below refuses it.
    serde_json::from_str(include_str!("../data/catalogue.json")).unwrap_or_default()
});

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verdict::FindingCode;

    #[test]
    fn the_catalogue_parses_and_every_text_is_there() {
        let parsed: BTreeMap<String, Text> =
            serde_json::from_str(include_str!("../data/catalogue.json")).expect("valid catalogue");
        for (code, text) in &parsed {
            for part in [&text.zh, &text.en, &text.next_zh, &text.next_en] {
                assert!(!part.trim().is_empty(), "{code} has an empty text");
            }
            assert!(
                text.zh.chars().any(|c| c as u32 > 0x2E80),
                "{code}: zh is not Chinese"
            );
        }
    }

    #[test]
    fn every_finding_code_has_a_text() {
        for code in FindingCode::ALL {
            let text = text(&code.as_str());
            assert!(text.is_some(), "{} has no text", code.as_str());
            let check = text.and_then(|text| text.check_zh.as_ref().zip(text.check_en.as_ref()));
            assert!(
                check.is_some(),
                "{} does not say what is checked",
                code.as_str()
            );
            let why = text.and_then(|text| text.why_zh.as_ref().zip(text.why_en.as_ref()));
            let (zh, en) = why.unwrap_or_else(|| panic!("{}: why not told", code.as_str()));
            assert!(zh.ends_with('。') && en.ends_with('.'), "{zh} {en}");
            let notes = text.map(|text| (text.note_zh.is_some(), text.note_en.is_some()));
            assert!(notes.is_some_and(|(zh, en)| zh == en), "{}", code.as_str());
        }
    }
}
